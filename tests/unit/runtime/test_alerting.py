"""Open incidents as alerts: they fire, go on firing, and resolve."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.telling import alert_of
from nemo_watchdog.model import CONTAINER, ActionOutcome, ActionRequest, ActionResult, Alert, Severity, Target
from nemo_watchdog.ports import Delivery
from nemo_watchdog.runtime import alerting as module
from nemo_watchdog.runtime.alerting import Alerting
from tests.unit.engine.world import World, dependency, policy
from tests.unit.runtime.shell import Shell, running, settled, until

URL = "http://alertmanager.example:9093"


class Sink:
    """Keeps what was pushed; `delivery` is its answer."""

    def __init__(self) -> None:
        self.pushed: list[list[Alert]] = []
        self.delivery = Delivery(delivered=True)

    async def push(self, alerts: Sequence[Alert]) -> Mapping[str, Delivery]:
        self.pushed.append(list(alerts))
        return {URL: self.delivery}


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
async def shell() -> AsyncIterator[Shell]:
    made = Shell()
    await made.up()
    yield made
    made.core.close()


def heal(shell: Shell) -> None:
    """The ordered restart succeeds and the gateway is up again."""
    (incident,) = shell.core.engine.durable.open()
    ladder = incident.ladder("gateway")
    request = ActionRequest(
        ladder.action_id, incident.incident, "gateway", ladder.action, Target(CONTAINER, "c-gateway")
    )
    shell.core.tell(ev.ActionFinished(request, ActionResult(ActionOutcome.SUCCEEDED)))
    shell.observe(times=2)


async def test_an_incident_fires_and_resolves(shell: Shell, sink: Sink) -> None:
    """The end is pushed as well, with the moment of the resolution."""
    alerting = Alerting(sink, shell.core, shell.metrics)
    async with running(alerting.run()):
        await settled()
        assert sink.pushed == []
        shell.fail()
        alerting.poke()
        await until(lambda: sink.pushed)
        (alert,) = sink.pushed[-1]
        assert alert.ends_at == shell.clock.now().utc + timedelta(seconds=module.LASTS)
        assert alert.labels["dependency"] == "gateway"
        assert alert.labels["severity"] == "SEV1"
        assert "HTTP 500" in alert.annotations["description"]
        heal(shell)
        assert not shell.core.engine.durable.open()
        alerting.poke()
        await until(lambda: len(sink.pushed) > 1)
        (over,) = sink.pushed[-1]
        assert over.ends_at == shell.clock.now().utc
        assert (over.labels, over.starts_at) == (alert.labels, alert.starts_at)


async def test_of_a_clock_that_was_set_back_no_time_is_told_that_it_has_not_reached(shell: Shell, sink: Sink) -> None:
    """Alertmanager refuses what ends before it starts, and what ends in the future fires."""
    alerting = Alerting(sink, shell.core, shell.metrics)

    async def pushed() -> Alert:
        before = len(sink.pushed)
        alerting.poke()
        await until(lambda: len(sink.pushed) > before)
        (alert,) = sink.pushed[-1]
        return alert

    async with running(alerting.run()):
        shell.fail()
        await pushed()
        shell.manual.jump(-3600)
        firing, now = await pushed(), shell.clock.now().utc
        assert (firing.starts_at, firing.ends_at) == (now, now + timedelta(seconds=module.LASTS))
        heal(shell)
        over, now = await pushed(), shell.clock.now().utc
        assert over.starts_at == over.ends_at == now
        shell.manual.jump(-3600)
        again, now = await pushed(), shell.clock.now().utc
        assert again.starts_at == again.ends_at == now


async def test_what_a_person_declares_fires_until_it_is_resolved(shell: Shell, sink: Sink) -> None:
    """Beside what looks have opened; each is counted once."""
    shell.fail()
    shell.core.tell(ev.DeclareAsked("it is slow", Severity.SEV3, "", "ada"))
    (incident,) = shell.core.engine.durable.declared
    alerting = Alerting(sink, shell.core, shell.metrics)
    async with running(alerting.run()):
        await until(lambda: sink.pushed)
        firing = shell.clock.now().utc + timedelta(seconds=module.LASTS)
        assert [(each.labels["rule"], each.ends_at) for each in sink.pushed[-1]] == [
            ("outage", firing),
            ("declared", firing),
        ]
        shell.core.tell(ev.ResolveAsked(incident, "mended", "ada"))
        alerting.poke()
        await until(lambda: len(sink.pushed) > 1)
        (_, over) = sink.pushed[-1]
        assert (over.incident, over.ends_at) == (incident, shell.clock.now().utc)
    assert shell.metric("notices_total", kind="alert", outcome="queued") == 3.0


async def test_a_firing_alert_is_sent_again(shell: Shell, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alertmanager forgets what nobody repeats."""
    monkeypatch.setattr(module, "RESEND_EVERY", 0.002)
    shell.fail()
    async with running(Alerting(sink, shell.core, shell.metrics).run()):
        await until(lambda: len(sink.pushed) >= 3)
    assert sink.pushed[0] == sink.pushed[2]


async def test_an_alert_outlives_several_pushes(shell: Shell, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its end moves with each, so that no `resolve_timeout` ends it, and one push that is lost does not either."""
    assert module.LASTS >= 3 * module.RESEND_EVERY
    monkeypatch.setattr(module, "RESEND_EVERY", 0.002)
    shell.fail()
    async with running(Alerting(sink, shell.core, shell.metrics).run()):
        await until(lambda: sink.pushed)
        shell.manual.advance(120.0)
        pushed = len(sink.pushed)
        await until(lambda: len(sink.pushed) >= pushed + 2)
    first, last = sink.pushed[0][0].ends_at, sink.pushed[-1][0].ends_at
    assert first is not None
    assert last == first + timedelta(seconds=120.0)


async def test_a_sink_that_refuses_is_told_once_and_asked_again(
    shell: Shell, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each failure is counted; the log is not flooded; recovery makes the next failure news again."""
    monkeypatch.setattr(module, "RESEND_EVERY", 0.002)
    sink.delivery = Delivery(delivered=False, retryable=True, detail="refused")
    shell.fail()
    with capture_logs() as lines:
        async with running(Alerting(sink, shell.core, shell.metrics).run()):
            await until(lambda: len(sink.pushed) >= 4)
            assert [each.what for each in shell.core.troubles.views()] == [f"Alertmanager {URL} takes no alerts"]
            sink.delivery = Delivery(delivered=True)
            await until(lambda: shell.metric("notifications_total", contact="alertmanager", outcome="delivered"))
            assert not shell.core.troubles.views()
            sink.delivery = Delivery(delivered=False, retryable=True, detail="refused")
            pushed = len(sink.pushed)
            await until(lambda: len(sink.pushed) >= pushed + 3)
    warnings = [line for line in lines if line["event"] == "alertmanager does not take alerts"]
    assert [line["error"] for line in warnings] == ["refused", "refused"]
    assert (shell.metric("notifications_total", contact="alertmanager", outcome="failed") or 0.0) >= 4.0


def test_a_merged_incident_is_no_alert_of_its_own() -> None:
    """Its root's alert stands for it."""
    world = World(
        policy(dependency("postgres"), dependency("a", needs=["postgres"]), dependency("b", needs=["postgres"]))
    )
    for name in ("a", "b"):
        world.fail(name, times=3)
        world.succeed("postgres", times=1)
    assert len(world.engine.durable.open()) == 2
    world.fail("postgres", times=3)
    incidents = world.engine.durable.incidents.values()
    durable, volatile = world.engine.durable, world.engine.volatile
    answers = [alert_of(volatile, durable, incident, world.now) for incident in incidents]
    alerts = [each for each in answers if isinstance(each, Alert) and each.ends_at is None]
    assert [alert.annotations["dependency"] for alert in alerts] == ["postgres"]
    assert "Affected: postgres, a and b (3 of 3 core)." in alerts[0].annotations["description"]
