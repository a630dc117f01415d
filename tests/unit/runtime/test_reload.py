"""The supervisor follows the policy: what a reload changes, when a file counts, and what no reload can."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from nemo_watchdog.errors import PolicyError, PolicyProblem
from nemo_watchdog.model import Health, Reason, failed
from nemo_watchdog.policy.policy import Policy
from nemo_watchdog.runtime import reloads as module
from nemo_watchdog.runtime.policy_files import PolicyFiles
from nemo_watchdog.runtime.troubles import Trouble
from nemo_watchdog.testing import HANG
from tests.unit.engine.world import RESTART, policy, remedy
from tests.unit.runtime.shell import settled, until
from tests.unit.runtime.whole import Daemon, quick

pytestmark = pytest.mark.usefixtures("quickly")


async def test_a_reload_restarts_only_the_loops_that_changed(tmp_path: Path) -> None:
    """What stays goes on looking; what is gone is closed and forgotten; what is new is looked at."""
    daemon = Daemon(tmp_path, quick("stays"), quick("changes"), quick("goes"))
    await daemon.start()
    await until(lambda: all(probe.looks for probe in daemon.probes.values()))
    stays, changes = daemon.supervisor.loops["stays"], daemon.supervisor.loops["changes"]
    old = dict(daemon.probes)
    daemon.probes.pop("changes")
    daemon.shell.containers.runs("c-comes")
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
    await until(lambda: daemon.supervisor.reloads.status.problems)
    assert daemon.supervisor.reloads.status.problems == (str(problem),)
    assert daemon.supervisor.loops == {"gateway": loop}
    assert daemon.shell.metric("policy_reload_success") == 0.0
    assert daemon.shell.core.engine.policy is daemon.policy
    daemon.next = good
    daemon.supervisor.reload()
    await until(lambda: not daemon.supervisor.reloads.status.problems)
    assert daemon.shell.metric("policy_reload_success") == 1.0
    assert daemon.supervisor.loops == {"gateway": loop}


async def test_what_a_reload_changed_is_kept_for_the_status_and_told(daemon: Daemon) -> None:
    """Not all of what is much; and a bad file does not make it forgotten."""
    old = {"dependencies": {"gateway": {f"k{n}": n for n in range(30)}}}
    new = {"dependencies": {"gateway": {f"k{n}": n + 1 for n in range(30)}}}
    daemon.next = replace(policy(quick("gateway")), document=old)
    with capture_logs() as logs:
        daemon.supervisor.reload()
        await until(lambda: daemon.service.heard[-2:] == ["reloading", "ready"])
        daemon.service.heard.clear()
        daemon.next = replace(policy(quick("gateway")), document=new)
        daemon.supervisor.reload()
        await until(lambda: daemon.service.heard[-2:] == ["reloading", "ready"])
    changed = daemon.supervisor.reloads.status.changed
    assert changed[0] == "dependencies.gateway.k0: 0 -> 1"
    assert changed[module.MOST_CHANGES :] == ("and 10 changes more",)
    assert [line["changed"] for line in logs if line["event"] == "policy reloaded"][-1] == changed
    daemon.next = PolicyError([PolicyProblem("policy.yaml", 1, 1, "", "bad")])
    daemon.supervisor.reload()
    await until(lambda: daemon.supervisor.reloads.status.problems)
    assert daemon.supervisor.reloads.status.changed == changed


async def test_what_is_under_way_at_a_reload_is_told(daemon: Daemon) -> None:
    """It goes on as it was ordered."""
    daemon.action.result = HANG
    await until(lambda: daemon.health("gateway") is Health.UP)
    daemon.probes["gateway"].script.append(failed(Reason.WRONG_STATUS, "HTTP 500"))
    await until(lambda: daemon.action.requests)
    daemon.next = policy(quick("gateway"), fix=remedy(replace(RESTART, verify_within=600.0)))
    with capture_logs() as logs:
        daemon.supervisor.reload()
        await until(lambda: any(line["event"] == "policy reloaded" for line in logs))
    (reloaded,) = [line for line in logs if line["event"] == "policy reloaded"]
    assert reloaded["under_way_as_before"] == ["docker.restart for gateway"]
    assert len(daemon.supervisor.reloads.status.carried_over) == 1


async def test_who_cannot_be_told_is_no_trouble_when_the_policy_names_them_no_more(daemon: Daemon) -> None:
    """What the daemon itself cannot do is said for as long as it is asked to."""
    troubles = daemon.shell.core.troubles
    troubles.found(Trouble.CONTACT, "refused", "gone")
    troubles.found(Trouble.ALERTMANAGER, "refused", "http://gone.example")
    troubles.found(Trouble.TEMPLATE, "the default stands in", "body.j2")  # each was tried anew
    daemon.supervisor.reload()
    await until(lambda: not troubles.views())


async def test_a_changed_file_is_reloaded_by_itself(daemon: Daemon) -> None:
    """Also when an editor or a ConfigMap puts another file in its place."""
    daemon.shell.containers.runs("c-comes")
    daemon.next = policy(quick("gateway"), quick("comes"))
    new = daemon.file.with_name("new")
    new.write_text("second", encoding="utf-8")
    os.replace(new, daemon.file)  # noqa: PTH105 - the system call that editors use
    await until(lambda: "comes" in daemon.supervisor.loops)


async def test_a_file_that_changes_while_it_is_read_is_adopted_when_it_has_settled(daemon: Daemon) -> None:
    """Also on SIGHUP: what was read may be the half of it, valid or not."""
    daemon.shell.containers.runs("c-comes")
    half, whole = (
        PolicyError([PolicyProblem("policy.yaml", 9, 1, "", "it ends")]),
        policy(quick("gateway"), quick("comes")),
    )
    reads = 0

    def load() -> Policy:
        nonlocal reads
        reads += 1
        if reads == 1:
            daemon.file.write_text("the other half", encoding="utf-8")
            raise half
        return whole

    daemon.load = load  # type: ignore[method-assign]
    daemon.supervisor.reload()
    await until(lambda: "comes" in daemon.supervisor.loops)
    assert reads == 2
    assert daemon.shell.metric("policy_reload_success") == 1.0
    assert daemon.service.heard.count("reloading") == 2
    await until(lambda: daemon.service.heard[-1] == "ready")


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
    await until(lambda: daemon.supervisor.reloads.status.problems)
    await until(lambda: daemon.service.heard[-1] == "ready")
    reloads = daemon.service.heard.count("reloading")
    await settled()
    assert daemon.service.heard.count("reloading") == reloads


async def test_a_file_system_that_hangs_is_told_and_makes_nobody_deaf(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dead mount below the policy: SIGHUP reads it where it is now, what hangs is left, and the daemon still ends."""
    look, hang = PolicyFiles.look, threading.Event()
    monkeypatch.setattr(module, "LOOK_WITHIN", 0.05)
    monkeypatch.setattr(PolicyFiles, "look", lambda files: hang.wait() and look(files))
    try:
        await until(lambda: daemon.supervisor.reloads.status.problems)
        assert "does not answer" in daemon.supervisor.reloads.status.problems[0]
        assert daemon.shell.metric("policy_reload_success") == 0.0
        assert "policy not reloaded" in daemon.supervisor._summary()
        monkeypatch.setattr(PolicyFiles, "look", look)
        daemon.supervisor.reload()
        await until(lambda: not daemon.supervisor.reloads.status.problems)
        monkeypatch.setattr(PolicyFiles, "look", lambda files: hang.wait() and look(files))
        await until(lambda: daemon.supervisor.reloads.status.problems)
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
    load = daemon.load
    daemon.supervisor.reloads._source = replace(
        daemon.supervisor.reloads._source, load=lambda: (hang.wait(), load())[1]
    )
    daemon.shell.containers.runs("c-comes")
    daemon.next = policy(quick("gateway"), quick("comes"))
    daemon.file.write_text("second", encoding="utf-8")
    await until(lambda: daemon.supervisor.reloads.status.problems)
    hang.set()
    await until(lambda: "comes" in daemon.supervisor.loops)
    assert not daemon.supervisor.reloads.status.problems
