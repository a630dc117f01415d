"""A probe loop: whatever its probe does, it goes on looking, and only cancellation ends it."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import Finding, Health, Observation, Outcome, Reason, degraded, failed, ok
from nemo_watchdog.ports import Probe
from nemo_watchdog.runtime import probe_loop as module
from nemo_watchdog.runtime.clock import SystemClock
from nemo_watchdog.runtime.probe_loop import ProbeLoop, next_at
from nemo_watchdog.runtime.sample import LoopLag
from nemo_watchdog.testing import HANG, ManualClock, ScriptedProbe
from tests.unit.engine.world import dependency, policy
from tests.unit.runtime.shell import Shell, running, until


class Watching:
    """A shell with one loop, and what the loop told the core."""

    def __init__(self, probe: Probe, *, interval: float = 0.01, timeout: float = 5.0) -> None:
        plan = policy(
            dependency("gateway", grace=0.0, interval=interval, confirm_interval=min(interval, 0.005), timeout=timeout)
        )
        self.shell = Shell(plan, clock=SystemClock())
        self.loop = ProbeLoop(plan.dependencies["gateway"], probe, self.shell.core, self.shell.metrics)
        self.told: list[Observation] = []
        tell = self.shell.core.tell

        def listen(event: ev.Event) -> None:
            if isinstance(event, ev.Observed):
                self.told.append(event.observation)
            tell(event)

        self.shell.core.tell = listen  # type: ignore[method-assign]

    @property
    def findings(self) -> list[Finding]:
        return [observation.finding for observation in self.told]


@asynccontextmanager
async def watching(probe: Probe, *, interval: float = 0.01, timeout: float = 5.0) -> AsyncIterator[Watching]:  # noqa: ASYNC109 - handed on
    made = Watching(probe, interval=interval, timeout=timeout)
    async with running(made.loop.run()):
        yield made
    made.shell.core.close()


async def test_it_looks_again_and_again_and_health_follows() -> None:
    """Good looks make it up, failed ones down; each is counted."""
    probe = ScriptedProbe(*[ok()] * 4, failed(Reason.REFUSED, "nobody listens"))
    async with watching(probe) as it:
        tracker = it.shell.core.engine.trackers["gateway"]
        await until(lambda: tracker.state.health is Health.UP)
        await until(lambda: tracker.state.health is Health.DOWN)
        good = it.shell.metric("probes_total", dependency="gateway", outcome="ok", reason="")
        assert good == 4.0
        assert (it.shell.metric("probe_duration_seconds_count", dependency="gateway") or 0.0) >= 7.0


@given(
    place=st.floats(0.0, 1.0, exclude_max=True),
    last=st.floats(0.0, 1e8),
    interval=st.sampled_from((0.1, 1.0, 10.0, 3600.0)),
)
def test_whenever_it_looked_last_the_next_look_is_at_its_own_place_in_the_interval(
    place: float, last: float, interval: float
) -> None:
    """Soon at first, one interval apart from then on, and never twice at the same moment."""
    first = next_at(place, last, interval)
    second = next_at(place, first, interval)
    assert last < first <= last + interval * (1 + 2 * module.SAME_PLACE)
    assert second - first == pytest.approx(interval, rel=1e-4)
    passed = second / interval - place
    assert passed == pytest.approx(round(passed), abs=1e-4)


def test_loops_that_were_late_together_do_not_look_together_again() -> None:
    """A hundred that looked at the same moment look at as many places of the next interval."""
    looks = sorted(next_at(n / 100, 12_345.6, 10.0) for n in range(100))
    assert [later - earlier for earlier, later in pairwise(looks)] == pytest.approx([0.1] * 99)


async def test_a_probe_that_hangs_is_a_timeout_and_the_next_look_comes() -> None:
    """The dependency's own timeout bounds every look."""
    probe = ScriptedProbe(HANG, HANG, ok())
    async with watching(probe, timeout=0.02) as it:
        await until(lambda: len(it.told) >= 3)
        assert [finding.reason for finding in it.findings[:3]] == [Reason.TIMEOUT, Reason.TIMEOUT, None]
        assert "20ms" in it.findings[0].detail
        assert it.told[0].latency >= 0.02


async def test_a_probe_that_raises_is_a_bug_and_not_a_failure_of_the_target() -> None:
    """Nothing of the exception's text reaches the finding: it could hold a secret."""
    probe = ScriptedProbe(RuntimeError("password=hunter2"), ok())
    async with watching(probe) as it:
        await until(lambda: len(it.told) >= 2)
        assert it.findings[0].reason is Reason.PROBE_BUG
        assert "hunter2" not in it.findings[0].detail
        assert it.findings[1].outcome is Outcome.OK
        assert it.shell.metric("probe_bugs_total", dependency="gateway") == 1.0


async def test_a_cancellation_inside_the_probe_does_not_end_the_loop() -> None:
    """Only somebody who cancels the loop itself ends it."""
    probe = ScriptedProbe(asyncio.CancelledError(), ok())
    async with watching(probe) as it:
        await until(lambda: len(it.told) >= 2)
        assert [finding.reason for finding in it.findings[:2]] == [Reason.PROBE_BUG, None]


class Meanwhile(ScriptedProbe):
    """Something happens to the clocks during each look."""

    def __init__(self, happens: Callable[[], None], *script: Any) -> None:
        super().__init__(*script)
        self._happens = happens

    async def look(self) -> Finding:
        self._happens()
        return await super().look()


async def seen(happens: Callable[[ManualClock], None], step: Any, *, ticks: bool = True) -> ev.Observed:
    """What the loop tells of a look with a timeout of 0.05 s during which this happens to the clocks."""
    shell = Shell(policy(dependency("gateway", interval=3600.0, confirm_interval=3600.0, timeout=0.05)))
    lag = LoopLag(shell.clock)
    if ticks:
        lag.expect(0.1)
    told: list[ev.Event] = []
    shell.core.tell = told.append  # type: ignore[method-assign, assignment]
    probe = Meanwhile(lambda: happens(shell.manual), step)
    loop = ProbeLoop(shell.policy.dependencies["gateway"], probe, shell.core, shell.metrics, lag)
    loop.poke()
    async with running(loop.run()):
        first = await until(lambda: told and told[0])
    shell.core.close()
    assert isinstance(first, ev.Observed)
    return first


@pytest.mark.parametrize("step", [HANG, failed(Reason.CONNECTION_LOST, "reset")])
async def test_a_late_watchdog_does_not_blame_the_target(step: Any) -> None:
    """A look that went badly while our own event loop stood still is blindness that keeps what the look said."""
    told = await seen(lambda clock: clock.advance(2.1), step)
    finding = told.observation.finding
    assert finding.reason is Reason.WATCHDOG_OVERLOADED
    assert "held up for 2s" in finding.detail
    assert finding.detail.endswith(("timeout: no answer within 50ms", "connection_lost: reset"))
    assert told.sample.lag == pytest.approx(2.0)


async def test_a_slow_target_is_not_excused_by_a_loop_that_ticks() -> None:
    """Time passes for a target that hangs, and none of it was lost by us."""
    told = await seen(lambda clock: clock.advance(2.1), HANG, ticks=False)
    assert told.observation.finding.reason is Reason.TIMEOUT
    assert told.sample.lag == 0.0


@pytest.mark.parametrize("seconds", [3600.0, -3600.0])
async def test_a_clock_that_jumps_during_a_failed_look_is_blindness(seconds: float) -> None:
    """The machine may have slept, and nobody knows what the target did."""
    told = await seen(lambda clock: clock.jump(seconds), failed(Reason.REFUSED, "nobody listens"))
    assert told.observation.finding.reason is Reason.CLOCK_JUMPED
    assert told.observation.finding.detail.endswith("the look said refused: nobody listens")
    assert told.sample.clock_jump == pytest.approx(seconds)


async def test_a_good_look_stays_good() -> None:
    """An answer that came is an answer, however long we were away; the sample says how long."""
    for happens in (lambda clock: clock.advance(3600.0), lambda clock: clock.jump(3600.0)):
        told = await seen(happens, ok("it answers"))
        assert told.observation.finding == ok("it answers")
        assert max(told.sample.lag, told.sample.clock_jump) > 3590.0


async def test_a_poke_wakes_it_before_its_interval() -> None:
    """With an hour between looks, the next comes at once when somebody asks."""
    probe = ScriptedProbe(ok())
    async with watching(probe, interval=3600.0) as it:
        await until(lambda: it.shell.core.engine.trackers["gateway"].state.health is Health.UP)
        await until(lambda: it.loop._nap is not None and it.shell.core.engine.trackers["gateway"].next_look == 3600.0)
        looks = probe.looks
        it.loop.poke()
        await until(lambda: probe.looks > looks)


async def test_a_poke_during_a_look_is_not_lost() -> None:
    """The look under way may have begun before the change: another one follows."""
    release = asyncio.Event()

    class Held(ScriptedProbe):
        async def look(self) -> Finding:
            found = await super().look()
            if self.looks == 5:
                await release.wait()
            return found

    probe = Held(ok())
    async with watching(probe, interval=3600.0) as it:
        for wanted in range(1, 5):
            await until(lambda wanted=wanted: probe.looks >= wanted and it.loop._nap is not None)  # type: ignore[misc]
            it.loop.poke()
        await until(lambda: probe.looks == 5)
        it.loop.poke()
        release.set()
        await until(lambda: probe.looks >= 6)


async def test_a_cancelled_loop_closes_its_probe() -> None:
    """In a look as well as between two."""
    looking, napping = ScriptedProbe(HANG), ScriptedProbe(ok())
    async with watching(looking):
        await until(lambda: looking.looks)
    assert looking.closed == 1
    async with watching(napping, interval=3600.0) as it:
        await until(lambda: it.loop._nap is not None and napping.looks)
    assert napping.closed == 1


async def test_a_loop_that_is_cancelled_before_its_first_look_closes_its_probe() -> None:
    """A reload right after the start leaves nothing open."""
    probe = ScriptedProbe(ok())
    made = Watching(probe, interval=3600.0)
    task = asyncio.create_task(made.loop.run())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert (probe.looks, probe.closed) == (0, 1)
    made.shell.core.close()


@pytest.mark.parametrize("trouble", [OSError("gone"), None])
async def test_a_probe_that_cannot_be_closed_ends_quietly(
    trouble: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither an exception nor a hang in `close` reaches the supervisor."""
    monkeypatch.setattr(module, "CLOSE_WITHIN", 0.01)

    class Stubborn(ScriptedProbe):
        async def close(self) -> None:
            await super().close()
            if trouble is not None:
                raise trouble
            await asyncio.Event().wait()

    probe = Stubborn(ok())
    async with watching(probe):
        await until(lambda: probe.looks)
    assert probe.closed == 1


async def test_the_heartbeat_follows_the_looks() -> None:
    """What `stuck` judges by: fresh while looks begin, old while one never ends."""
    probe = ScriptedProbe(ok(), ok(), HANG)
    async with watching(probe) as it:
        await until(lambda: probe.looks >= 3)
        age = SystemClock().now().monotonic - it.loop.heartbeat
        assert age < it.loop.overdue_after
        assert it.loop.overdue_after == pytest.approx(0.01 + 5.0 + 15.0)


async def test_measurements_become_metrics() -> None:
    """The probe's own numbers are exported by name."""
    probe = ScriptedProbe(ok("", {"postgres_connections_used_ratio": 0.25}))
    async with watching(probe) as it:
        await until(lambda: it.told)
        assert it.shell.metric("postgres_connections_used_ratio", dependency="gateway") == 0.25


@pytest.mark.parametrize("measurements", [{"size": "large"}, {"probes": 1.0}])
async def test_a_measurement_that_no_metric_can_have_is_a_bug_that_ends_nothing(measurements: dict[str, float]) -> None:
    """A plugin may call it anything, even like a metric of ours; what the look found stands."""
    async with watching(ScriptedProbe(ok("", measurements))) as it:
        await until(lambda: len(it.told) >= 2)
        assert [finding.outcome for finding in it.findings[:2]] == [Outcome.OK, Outcome.OK]
        assert (it.shell.metric("probe_bugs_total", dependency="gateway") or 0.0) >= 2.0


async def test_a_look_that_answers_with_no_finding_is_a_bug() -> None:
    """A plugin that forgets its `return` does not end the watching."""
    probe = ScriptedProbe(None, ok())  # type: ignore[arg-type]
    async with watching(probe) as it:
        await until(lambda: len(it.told) >= 2)
        assert [finding.reason for finding in it.findings[:2]] == [Reason.PROBE_BUG, None]


async def test_a_probe_that_gets_no_file_is_blind_and_has_no_bug() -> None:
    """Whatever its library makes of that, the target has no part in it."""

    class Reads:
        async def look(self) -> Finding:
            raise RuntimeError("cannot read") from OSError(errno.EMFILE, "Too many open files")

        async def close(self) -> None: ...

    async with watching(Reads()) as it:
        await until(lambda: len(it.findings) > 1)
    assert it.findings[0].reason is Reason.WATCHDOG_OVERLOADED
    assert it.findings[0].detail == "the watchdog has no file descriptor left"
    assert it.shell.metric("probe_bugs_total", dependency="gateway") is None


@pytest.mark.parametrize(
    ("finding", "reason"),
    [
        (failed(Reason.TIMEOUT, "no answer"), Reason.WATCHDOG_OVERLOADED),
        (failed(Reason.IO_ERROR, "cannot be read"), Reason.WATCHDOG_OVERLOADED),
        (failed(Reason.NAME_UNRESOLVED, "no name server"), Reason.WATCHDOG_OVERLOADED),
        (degraded(Reason.SLOW, "took long"), Reason.SLOW),
        (ok(), None),
    ],
)
def test_a_look_that_fails_while_no_file_can_be_opened_is_no_evidence(
    finding: Finding, reason: Reason | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it said stays in the detail; an answer that came is an answer."""
    assert module.blind_without_files(finding) is finding
    monkeypatch.setattr(module, "none_left", lambda: "no file left")
    seen = module.blind_without_files(finding)
    assert seen.reason is reason
    assert finding.detail in seen.detail
