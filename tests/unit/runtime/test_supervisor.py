"""The supervisor: the task tree starts, does its work, and ends in order."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import ContainerEvent, Health, Past, Reason, failed, ok
from nemo_watchdog.runtime import supervisor as module
from nemo_watchdog.runtime.clock import SystemClock
from nemo_watchdog.testing import HANG
from tests.unit.engine.world import EVER, policy
from tests.unit.runtime.shell import until
from tests.unit.runtime.whole import Daemon, quick

pytestmark = pytest.mark.usefixtures("quickly")


async def test_it_starts_looks_and_says_so(daemon: Daemon) -> None:
    """Ready means that every loop runs; the status line tells how many are up."""
    await until(lambda: daemon.health("gateway") is Health.UP)
    assert daemon.service.heard[0] == "ready"
    assert list(daemon.supervisor.loops) == ["gateway"]
    await until(lambda: "1 of 1 up, 0 open incidents" in daemon.service.texts)
    assert daemon.supervisor.stuck() == []


async def test_a_stop_ends_every_loop_and_closes_every_probe(tmp_path: Path) -> None:
    """SIGTERM: systemd is told, and nothing is left running."""
    daemon = Daemon(tmp_path, quick("a"), quick("b"))
    await daemon.start()
    await daemon.stop()
    assert "stopping" in daemon.service.heard
    assert {name: probe.closed for name, probe in daemon.probes.items()} == {"a": 1, "b": 1}
    assert asyncio.all_tasks() == {asyncio.current_task()}
    daemon.shell.core.close()


async def test_how_each_look_went_is_kept_at_the_stop(tmp_path: Path) -> None:
    """Of what the policy names no more, too."""
    daemon = Daemon(tmp_path, quick("a"), quick("b"))
    await daemon.start()
    await until(lambda: daemon.health("a") is daemon.health("b") is Health.UP)
    daemon.next = policy(quick("a"))
    daemon.supervisor.reload()
    await until(lambda: list(daemon.supervisor.loops) == ["a"])
    await daemon.stop()
    for name, probe in daemon.probes.items():
        kept = sum(run.looks for run in daemon.archive.runs[name])
        assert kept in (probe.looks - 1, probe.looks)  # the last one may have been cut off
    assert daemon.archive.pruned
    daemon.shell.core.close()


async def test_a_failure_is_acted_on_from_end_to_end(daemon: Daemon) -> None:
    """Looks, engine, journal, action and outbox work together."""
    await until(lambda: daemon.health("gateway") is Health.UP)
    daemon.probes["gateway"].script.append(failed(Reason.WRONG_STATUS, "HTTP 500"))
    await until(lambda: daemon.action.requests)
    daemon.probes["gateway"].script.append(ok())
    await until(lambda: "incident_resolved" in daemon.shell.memory.types())
    types = daemon.shell.memory.types()
    assert types.index("incident_opened") < types.index("action_intended") < types.index("action_ended")
    await until(lambda: "healed" in {notification.kind for _, notification in daemon.notifier.told})


async def test_an_action_in_flight_at_a_stop_is_recorded_as_unknown(daemon: Daemon) -> None:
    """The next process finds it spent and looks first."""
    daemon.action.result = HANG
    await until(lambda: daemon.health("gateway") is Health.UP)
    daemon.probes["gateway"].script.append(failed(Reason.WRONG_STATUS, "HTTP 500"))
    await until(lambda: daemon.action.requests)
    await daemon.stop()
    ended = [body for _, body in daemon.shell.memory.replay(SystemClock().now()) if body["type"] == "action_ended"]
    assert [body["outcome"] for body in ended] == ["unknown"]


async def test_an_action_that_was_ordered_before_the_stop_is_not_begun_after_it(daemon: Daemon) -> None:
    """Its intent is on disk, and so is that it was not carried out."""
    await until(lambda: daemon.health("gateway") is Health.UP)
    core = daemon.shell.core
    daemon.shell.containers.exit("c-gateway")
    core.tell(ev.ContainerActed(ContainerEvent("c-gateway", "die")))
    daemon.supervisor.stop()
    core.tell(ev.ContainerSeen("c-gateway", daemon.shell.containers.statuses["c-gateway"], Past(whole_since=EVER)))
    await daemon.stop()
    assert daemon.action.requests == []
    ended = [body for _, body in daemon.shell.memory.replay(SystemClock().now()) if body["type"] == "action_ended"]
    assert [body["detail"] for body in ended] == ["not carried out: the watchdog was stopping"]


async def test_systemd_is_not_fed_while_a_loop_is_stuck(tmp_path: Path) -> None:
    """And is fed again when the loop moves."""
    daemon = Daemon(tmp_path, watchdog=0.006)
    await daemon.start()
    await until(lambda: daemon.service.heard.count("watchdog") >= 3)
    loop = daemon.supervisor.loops["gateway"]
    probe = daemon.probes["gateway"]
    probe.script.append(HANG)
    hanging = probe.looks + 2  # after the one that performs what stands before it
    await until(lambda: probe.looks >= hanging)
    fresh, loop.heartbeat = loop.heartbeat, loop.heartbeat - loop.overdue_after
    assert daemon.supervisor.stuck() == ["gateway"]
    fed = daemon.service.heard.count("watchdog")
    ticks = daemon.supervisor._last_tick
    await until(lambda: daemon.supervisor._last_tick > ticks + 0.05)
    assert daemon.service.heard.count("watchdog") == fed
    loop.heartbeat = fresh
    await until(lambda: daemon.service.heard.count("watchdog") > fed)
    await daemon.stop()
    daemon.shell.core.close()


async def test_an_event_loop_that_stood_still_is_stuck(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own tick is a heartbeat, too."""
    monkeypatch.setattr(module, "LAG_TICK", 3600.0)
    await until(lambda: daemon.supervisor.loops["gateway"].heartbeat)
    daemon.supervisor._last_tick -= 10 * 3600.0 + 6.0
    assert "event loop" in daemon.supervisor.stuck()


async def test_a_dead_root_task_ends_the_daemon(tmp_path: Path) -> None:
    """The service manager starts us afresh; a watchdog that half works is worse."""
    daemon = Daemon(tmp_path)

    def broken() -> None:
        raise RuntimeError("the event stream is broken for good")

    daemon.shell.containers.events = broken  # type: ignore[method-assign, assignment]
    await daemon.start()
    assert daemon.task is not None
    with pytest.raises(ExceptionGroup) as caught:
        await daemon.task
    assert caught.group_contains(RuntimeError, match="broken for good")
    assert daemon.probes == {} or all(probe.closed for probe in daemon.probes.values())
    daemon.shell.core.close()
