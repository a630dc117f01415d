"""The dead man's switch: told while all is alive and something is seen, and not told otherwise."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import Reason, failed
from nemo_watchdog.policy.policy import Deadman as Plan
from nemo_watchdog.policy.policy import Policy
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.ports import Delivery
from nemo_watchdog.runtime import deadman as module
from nemo_watchdog.runtime.deadman import Deadman
from nemo_watchdog.runtime.troubles import Trouble
from tests.unit.engine.world import dependency, policy
from tests.unit.runtime.shell import Shell, running, until
from tests.unit.runtime.whole import Heart

URL = Secret("https://hc.example.org/6a1f2c1e")
HELD_BACK = "dead man's switch: held back, so that people are called"


def plan(every: float = 60.0, *, container: str | None = "c-gateway") -> Policy:
    return replace(policy(dependency("gateway", grace=0.0, container=container)), deadman=Plan(URL, every))


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY", 0.001)


@pytest.fixture
async def shell() -> AsyncIterator[Shell]:
    made = Shell(plan())
    await made.up()
    yield made
    made.core.close()


@pytest.fixture
def heart() -> Heart:
    return Heart()


def outcome(shell: Shell, what: str) -> float:
    return shell.metric("deadman_heartbeats_total", outcome=what) or 0.0


async def later(shell: Shell, deadman: Deadman, seconds: float) -> None:
    """Time passes, and it has looked at the clock since."""
    shell.manual.advance(seconds)
    await looks(deadman)


async def looks(deadman: Deadman, times: int = 3) -> None:
    seen = []
    original = deadman._look_at_docker

    def count(now: float) -> None:
        seen.append(now)
        original(now)

    deadman._look_at_docker = count  # type: ignore[method-assign]
    try:
        await until(lambda: len(seen) >= times)
    finally:
        deadman._look_at_docker = original  # type: ignore[method-assign]


async def test_it_is_told_at_its_pace(shell: Shell, heart: Heart) -> None:
    deadman = Deadman(heart, shell.core, shell.metrics)
    async with running(deadman.run(list)):
        await until(lambda: heart.beats)
        assert heart.beats == [(URL, 10.0)]
        shell.observe()
        await later(shell, deadman, 50.0)
        assert len(heart.beats) == 1
        await later(shell, deadman, 10.0)
        assert len(heart.beats) == 2
    assert outcome(shell, "delivered") == 2.0


async def test_a_dependency_that_is_down_is_no_reason_to_fall_silent(shell: Shell, heart: Heart) -> None:
    """It is seen, and people hear of it from us."""
    shell.fail()
    deadman = Deadman(heart, shell.core, shell.metrics)
    async with running(deadman.run(list)):
        await until(lambda: heart.beats)


async def test_it_is_not_told_while_a_loop_is_stuck(shell: Shell, heart: Heart) -> None:
    """That is logged once, with the loop; when it moves again it is told soon."""
    stuck, deadman = ["gateway"], Deadman(heart, shell.core, shell.metrics)
    with capture_logs() as lines:
        async with running(deadman.run(lambda: stuck)):
            await until(lambda: outcome(shell, "held_back") == 1.0)
            await later(shell, deadman, 10.0)
            assert outcome(shell, "held_back") == 2.0
            assert heart.beats == []
            stuck.clear()
            shell.observe()
            await later(shell, deadman, 10.0)
            assert len(heart.beats) == 1
    said = [line for line in lines if "dead man's switch" in line["event"]]
    assert [line["event"] for line in said] == [HELD_BACK, "dead man's switch: told again"]
    assert said[0]["why"] == "without a heartbeat of their own: gateway"


async def test_it_is_not_told_while_docker_is_gone_for_long(shell: Shell, heart: Heart) -> None:
    """A moment without it is no blindness."""
    deadman = Deadman(heart, shell.core, shell.metrics)
    with capture_logs() as lines:
        async with running(deadman.run(list)):
            await until(lambda: heart.beats)
            shell.containers.trouble = "connection refused"
            await shell.watch.reconcile()
            await looks(deadman)
            shell.observe()
            await later(shell, deadman, 60.0)
            assert len(heart.beats) == 2
            shell.observe()
            await later(shell, deadman, 70.0)
            assert len(heart.beats) == 2
            assert outcome(shell, "held_back") == 1.0
            shell.containers.trouble = ""
            await shell.watch.reconcile()
            await later(shell, deadman, 10.0)
            assert len(heart.beats) == 3
    assert [line["why"] for line in lines if line["event"] == HELD_BACK] == ["Docker has not answered for 2m"]


async def test_docker_does_not_matter_where_nothing_runs_in_it(heart: Heart) -> None:
    shell = Shell(plan(container=None))
    await shell.up()
    shell.core.troubles.found(Trouble.DOCKER, "of a policy that was before")
    deadman = Deadman(heart, shell.core, shell.metrics)
    async with running(deadman.run(list)):
        await looks(deadman)
        shell.observe()
        await later(shell, deadman, 130.0)
        assert len(heart.beats) == 2
    shell.core.close()


async def test_it_is_not_told_when_no_look_sees_anything(shell: Shell, heart: Heart) -> None:
    """Looks that come back blind count as none."""
    deadman = Deadman(heart, shell.core, shell.metrics)
    spec = shell.policy.dependencies["gateway"]
    async with running(deadman.run(list)):
        await until(lambda: heart.beats)
        shell.manual.advance(module.BLIND_AFTER + spec.interval + spec.timeout)
        shell.observe(finding=failed(Reason.WATCHDOG_OVERLOADED, "no file descriptor left"))
        await until(lambda: outcome(shell, "held_back"))
        assert len(heart.beats) == 1
        shell.observe()
        await later(shell, deadman, 10.0)
        assert len(heart.beats) == 2


async def test_after_a_start_it_waits_for_the_first_look(heart: Heart) -> None:
    """Neither told nor held back, for a while."""
    shell = Shell(plan())
    shell.core.tell(ev.Started())
    deadman = Deadman(heart, shell.core, shell.metrics)
    async with running(deadman.run(list)):
        await looks(deadman)
        await later(shell, deadman, module.BLIND_AFTER - 1.0)
        assert (heart.beats, outcome(shell, "held_back")) == ([], 0.0)
        await later(shell, deadman, 1.0)
        assert (heart.beats, outcome(shell, "held_back")) == ([], 1.0)
        shell.observe()
        await later(shell, deadman, 10.0)
        assert len(heart.beats) == 1
    shell.core.close()


async def test_a_policy_that_watches_nothing_yet_is_not_blind(heart: Heart) -> None:
    """Its dependencies come by labels."""
    shell = Shell(replace(policy(), deadman=Plan(URL)))
    async with running(Deadman(heart, shell.core, shell.metrics).run(list)):
        await until(lambda: heart.beats)
    shell.core.close()


async def test_a_service_that_takes_none_is_a_trouble_until_it_does(shell: Shell, heart: Heart) -> None:
    """It is tried again soon, logged once, and shown; the address is in none of that."""
    heart.delivery = Delivery(delivered=False, retryable=True, detail="HTTP 404")
    deadman = Deadman(heart, shell.core, shell.metrics)
    with capture_logs() as lines:
        async with running(deadman.run(list)):
            await until(lambda: outcome(shell, "failed") == 1.0)
            await later(shell, deadman, 10.0)
            assert outcome(shell, "failed") == 2.0
            (trouble,) = shell.core.troubles.views()
            assert (trouble.what, trouble.why) == ("the dead man's switch is not told", "HTTP 404")
            heart.delivery = Delivery(delivered=True)
            await later(shell, deadman, 10.0)
            assert shell.core.troubles.views() == ()
    (line,) = [line for line in lines if "dead man" in line["event"]]
    assert line["error"] == "HTTP 404"
    assert "hc.example.org" not in str(lines)


async def test_a_policy_that_changes_is_heard_at_once(shell: Shell, heart: Heart) -> None:
    """Another address hears now; a policy without one is no trouble any more."""
    deadman = Deadman(heart, shell.core, shell.metrics)
    async with running(deadman.run(list)):
        await until(lambda: heart.beats)
        other = Secret("https://other.example.org/x")
        heart.delivery = Delivery(delivered=False, retryable=True, detail="HTTP 500")
        shell.core.tell(ev.PolicyChanged(replace(shell.policy, deadman=Plan(other, 30.0))))
        await until(lambda: len(heart.beats) == 2)
        assert heart.beats[-1] == (other, 10.0)
        shell.core.tell(ev.PolicyChanged(replace(shell.policy, deadman=None)))
        await until(lambda: not shell.core.troubles.views())
        await later(shell, deadman, 100.0)
        assert len(heart.beats) == 2
