"""The supervisor: the task tree starts, follows the policy, and ends in order."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from nemo_watchdog.engine import events as ev
from nemo_watchdog.errors import PolicyError, PolicyProblem
from nemo_watchdog.model import ContainerEvent, Health, Past, Reason, failed, ok
from nemo_watchdog.policy.policy import Dependency, Policy
from nemo_watchdog.ports import Probe
from nemo_watchdog.runtime import supervisor as module
from nemo_watchdog.runtime.alerting import Alerting
from nemo_watchdog.runtime.clock import SystemClock
from nemo_watchdog.runtime.executor import Executor
from nemo_watchdog.runtime.outbox import Outbox
from nemo_watchdog.runtime.policy_files import PolicyFiles
from nemo_watchdog.runtime.supervisor import PolicySource, Supervisor
from nemo_watchdog.runtime.troubles import Trouble
from nemo_watchdog.testing import HANG, RecordingAction, RecordingNotifier, ScriptedProbe
from tests.unit.engine.world import EVER, dependency, policy
from tests.unit.runtime.shell import Shell, settled, until
from tests.unit.runtime.test_alerting import Sink


class Service:
    """Hears what systemd would."""

    def __init__(self, interval: float | None = None) -> None:
        self.heard: list[str] = []
        self.texts: list[str] = []
        self._interval = interval

    def ready(self, status: str = "") -> None:
        self.heard.append("ready")
        self.texts.append(status)

    def reloading(self) -> None:
        self.heard.append("reloading")

    def status(self, text: str) -> None:
        self.texts.append(text)

    def watchdog(self) -> None:
        self.heard.append("watchdog")

    def stopping(self) -> None:
        self.heard.append("stopping")

    def watchdog_interval(self) -> float | None:
        return self._interval


def quick(name: str, **more: object) -> Dependency:
    base = dependency(name, grace=0.0, interval=0.02, confirm_interval=0.005, timeout=60.0)
    return replace(base, **more)  # type: ignore[arg-type]


class Daemon:
    """A whole runtime with fakes at its seams. `probes` are made by the test or look well."""

    def __init__(self, folder: Path, *dependencies: Dependency, watchdog: float | None = None) -> None:
        self.policy = policy(*(dependencies or (quick("gateway"),)))
        self.shell = Shell(self.policy, clock=SystemClock())
        for spec in self.policy.dependencies.values():
            self.shell.containers.start(spec.container or "")
        self.file = folder / "policy.yaml"
        self.file.write_text("first", encoding="utf-8")
        self.next: Policy | PolicyError = self.policy
        self.probes: dict[str, ScriptedProbe] = {}
        self.action = RecordingAction()
        self.notifier = RecordingNotifier()
        self.service = Service(watchdog)
        core, metrics = self.shell.core, self.shell.metrics
        self.supervisor = Supervisor(
            core,
            source=PolicySource(PolicyFiles(self.file), self._load, self._probe),
            containers=self.shell.watch,
            executor=Executor({"docker.restart": self.action}.get, core, self.shell.watch),
            outbox=Outbox(self.shell.memory, self.notifier, core, metrics),
            alerting=Alerting(Sink(), core, metrics),
            metrics=metrics,
            service=self.service,
        )
        self.task: asyncio.Task[None] | None = None

    def _load(self) -> Policy:
        if isinstance(self.next, PolicyError):
            raise self.next
        return self.next

    def _probe(self, spec: Dependency) -> Probe:
        return self.probes.setdefault(spec.name, ScriptedProbe(ok()))

    async def start(self) -> None:
        self.task = asyncio.create_task(self.supervisor.run())
        await until(lambda: "ready" in self.service.heard or (self.task is not None and self.task.done()))

    async def stop(self) -> None:
        self.supervisor.stop()
        if self.task is not None:
            await asyncio.wait_for(self.task, 20.0)

    def health(self, name: str) -> Health:
        return self.shell.core.engine.trackers[name].state.health


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLICY_LOOK_EVERY", 0.01)
    monkeypatch.setattr(module, "LAG_TICK", 0.01)


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Daemon]:
    made = Daemon(tmp_path)
    await made.start()
    yield made
    await made.stop()
    made.shell.core.close()


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


async def test_a_failure_is_acted_on_from_end_to_end(daemon: Daemon) -> None:
    """Looks, engine, journal, action and outbox work together."""
    await until(lambda: daemon.health("gateway") is Health.UP)
    daemon.probes["gateway"].script.append(failed(Reason.WRONG_STATUS, "HTTP 500"))
    await until(lambda: daemon.action.requests)
    daemon.probes["gateway"].script.append(ok())
    await until(lambda: "incident_resolved" in daemon.shell.memory.types())
    types = daemon.shell.memory.types()
    assert types.index("incident_opened") < types.index("action_intended") < types.index("action_ended")
    await until(lambda: "resolved" in {notification.kind for _, notification in daemon.notifier.told})


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


async def test_a_reload_restarts_only_the_loops_that_changed(tmp_path: Path) -> None:
    """What stays goes on looking; what is gone is closed and forgotten; what is new is looked at."""
    daemon = Daemon(tmp_path, quick("stays"), quick("changes"), quick("goes"))
    await daemon.start()
    await until(lambda: all(probe.looks for probe in daemon.probes.values()))
    stays, changes = daemon.supervisor.loops["stays"], daemon.supervisor.loops["changes"]
    old = dict(daemon.probes)
    daemon.probes.pop("changes")
    daemon.shell.containers.start("c-comes")
    daemon.next = policy(quick("stays"), quick("changes", interval=0.03), quick("comes"))
    daemon.supervisor.reload()
    await until(lambda: "comes" in daemon.supervisor.loops)
    assert daemon.supervisor.loops["stays"] is stays
    assert daemon.supervisor.loops["changes"] is not changes
    assert set(daemon.supervisor.loops) == {"stays", "changes", "comes"}
    await until(lambda: daemon.health("comes") is Health.UP)
    await until(lambda: old["goes"].closed and old["changes"].closed)
    assert old["stays"].closed == 0
    assert daemon.shell.metric("dependency_health", dependency="goes", health="up") is None
    assert daemon.shell.metric("policy_reload_success") == 1.0
    reloading = daemon.service.heard.index("reloading")
    await until(lambda: "ready" in daemon.service.heard[reloading:])
    await daemon.stop()
    daemon.shell.core.close()


async def test_a_bad_policy_changes_nothing_but_what_the_status_says(daemon: Daemon) -> None:
    """The last good one goes on; a good one clears the complaint."""
    loop, good = daemon.supervisor.loops["gateway"], daemon.next
    problem = PolicyProblem("policy.yaml", 3, 5, "dependencies.gateway", "there is no probe https")
    daemon.next = PolicyError([problem])
    daemon.supervisor.reload()
    await until(lambda: daemon.supervisor.policy_status.problems)
    assert daemon.supervisor.policy_status.problems == (str(problem),)
    assert daemon.supervisor.loops == {"gateway": loop}
    assert daemon.shell.metric("policy_reload_success") == 0.0
    assert daemon.shell.core.engine.policy is daemon.policy
    daemon.next = good
    daemon.supervisor.reload()
    await until(lambda: not daemon.supervisor.policy_status.problems)
    assert daemon.shell.metric("policy_reload_success") == 1.0
    assert daemon.supervisor.loops == {"gateway": loop}


async def test_who_cannot_be_told_is_no_trouble_when_the_policy_names_them_no_more(daemon: Daemon) -> None:
    """What the daemon itself cannot do is said for as long as it is asked to."""
    troubles = daemon.shell.core.troubles
    troubles.found(Trouble.CONTACT, "refused", "gone")
    troubles.found(Trouble.ALERTMANAGER, "refused", "http://gone.example")
    daemon.supervisor.reload()
    await until(lambda: not troubles.views())


async def test_a_changed_file_is_reloaded_by_itself(daemon: Daemon) -> None:
    """Also when an editor or a ConfigMap puts another file in its place."""
    daemon.shell.containers.start("c-comes")
    daemon.next = policy(quick("gateway"), quick("comes"))
    new = daemon.file.with_name("new")
    new.write_text("second", encoding="utf-8")
    os.replace(new, daemon.file)  # noqa: PTH105 - the system call that editors use
    await until(lambda: "comes" in daemon.supervisor.loops)


async def test_a_rotated_secret_is_reloaded_by_itself(daemon: Daemon) -> None:
    """Its dependency alone is looked at anew, what was seen of it stays, and nothing is done."""
    secret = daemon.file.with_name("secret")
    secret.write_text("old", encoding="utf-8")
    daemon.file.write_text(f"${{file:{secret}}}", encoding="utf-8")
    await until(lambda: "reloading" in daemon.service.heard and daemon.service.heard[-1] == "ready")
    before = daemon.supervisor.loops["gateway"]
    daemon.next = policy(quick("gateway", timeout=50.0))
    secret.write_text("new", encoding="utf-8")
    await until(lambda: daemon.supervisor.loops["gateway"] is not before)
    await until(lambda: daemon.service.heard[-1] == "ready")
    assert daemon.action.requests == []


async def test_a_file_that_changes_while_the_daemon_starts_is_reloaded(tmp_path: Path) -> None:
    """What was written after the policy had been read, and before anybody watched the file, is no secret for ever."""
    daemon = Daemon(tmp_path)
    daemon.file.write_text("written meanwhile", encoding="utf-8")
    await daemon.start()
    try:
        await until(lambda: "reloading" in daemon.service.heard)
    finally:
        await daemon.stop()


async def test_no_reload_is_lost_in_the_moment_in_which_the_file_is_looked_at(daemon: Daemon) -> None:
    """Whenever SIGHUP comes, the policy is read after it."""
    heard = daemon.service.heard
    for _ in range(20):
        # The loop is late: it finds that the time is up, and then the signal, before it goes on with the watching.
        asyncio.get_running_loop().call_later(1.5 * module.POLICY_LOOK_EVERY, daemon.supervisor.reload)
        time.sleep(3 * module.POLICY_LOOK_EVERY)  # noqa: ASYNC251 - the lateness
        await until(lambda: "reloading" in heard)
        await until(lambda: heard[-1] == "ready")
        heard.clear()


async def test_a_vanished_file_is_told_once(daemon: Daemon) -> None:
    """The loader says what is wrong, and is not asked again until something changes."""
    daemon.next = PolicyError([PolicyProblem("policy.yaml", 1, 1, "", "there is no such file")])
    daemon.file.unlink()
    await until(lambda: daemon.supervisor.policy_status.problems)
    await until(lambda: daemon.service.heard[-1] == "ready")
    reloads = daemon.service.heard.count("reloading")
    await settled()
    assert daemon.service.heard.count("reloading") == reloads


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


async def test_a_file_system_that_hangs_is_told_and_makes_nobody_deaf(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dead mount below the policy: SIGHUP reads it where it is now, what hangs is left, and the daemon still ends."""
    look, hang = PolicyFiles.look, threading.Event()
    monkeypatch.setattr(module, "LOOK_WITHIN", 0.05)
    monkeypatch.setattr(PolicyFiles, "look", lambda files: hang.wait() and look(files))
    try:
        await until(lambda: daemon.supervisor.policy_status.problems)
        assert "does not answer" in daemon.supervisor.policy_status.problems[0]
        assert daemon.shell.metric("policy_reload_success") == 0.0
        assert "policy not reloaded" in daemon.supervisor._summary()
        monkeypatch.setattr(PolicyFiles, "look", look)
        daemon.supervisor.reload()
        await until(lambda: not daemon.supervisor.policy_status.problems)
        monkeypatch.setattr(PolicyFiles, "look", lambda files: hang.wait() and look(files))
        await until(lambda: daemon.supervisor.policy_status.problems)
        await daemon.stop()
        assert not hang.is_set()
    finally:
        hang.set()


async def test_what_could_not_be_read_in_time_is_read_when_it_can_be(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change is not forgotten with the look, or the load, that did not return."""
    hang = threading.Event()
    monkeypatch.setattr(module, "LOAD_WITHIN", 0.05)
    load = daemon._load
    daemon.supervisor._source = replace(daemon.supervisor._source, load=lambda: (hang.wait(), load())[1])
    daemon.shell.containers.start("c-comes")
    daemon.next = policy(quick("gateway"), quick("comes"))
    daemon.file.write_text("second", encoding="utf-8")
    await until(lambda: daemon.supervisor.policy_status.problems)
    hang.set()
    await until(lambda: "comes" in daemon.supervisor.loops)
    assert not daemon.supervisor.policy_status.problems
