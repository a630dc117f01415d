"""The container watch: events tell at once, inspects make sure, and a silent Docker holds every action."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.events import ContainerActed, Observed
from nemo_watchdog.errors import ContainersUnreachable, QuestionRefused
from nemo_watchdog.model import (
    CONTAINER,
    ContainerEvent,
    ContainerUsage,
    Gate,
    Health,
    LogLine,
    Observation,
    Reason,
    RunState,
    Target,
    ok,
)
from nemo_watchdog.runtime import container_watch as module
from nemo_watchdog.testing import HANG
from tests.unit.engine.world import dependency, policy
from tests.unit.runtime.shell import Shell, running, settled, until


@pytest.fixture
async def shell() -> AsyncIterator[Shell]:
    made = Shell()
    await made.up()
    yield made
    made.core.close()


def state(shell: Shell) -> RunState | None:
    seen = shell.core.engine.trackers["gateway"].container
    return seen.state if seen else None


async def test_an_event_leads_to_an_inspect_and_to_the_engine(shell: Shell) -> None:
    """A crash is known, and judged, as soon as Docker tells it."""
    async with running(shell.watch.follow()):
        shell.containers.exit("c-gateway")
        shell.containers.tell("c-gateway", "die")
        await until(shell.core.engine.durable.open)
        assert state(shell) is RunState.EXITED
        assert shell.core.engine.trackers["gateway"].state.health is Health.DOWN
        assert not shell.core.engine.durable.holds


async def test_events_of_other_containers_cost_no_inspect(shell: Shell) -> None:
    """A busy machine is not our business."""
    async with running(shell.watch.follow()):
        before = list(shell.containers.inspects)
        shell.containers.tell("somebody-else", "die")
        shell.containers.tell("c-gateway", "health_status: healthy")
        await settled()
        assert shell.containers.inspects == before


async def test_a_kill_before_the_exit_is_a_person(shell: Shell) -> None:
    """`docker stop` is told as kill, then die: left alone."""
    async with running(shell.watch.follow()):
        shell.containers.exit("c-gateway", 143)
        shell.containers.tell("c-gateway", "kill", 15)
        shell.containers.tell("c-gateway", "die")
        await until(lambda: shell.core.engine.durable.holds)
        assert not shell.core.engine.durable.open()


async def test_a_stream_that_was_lost_is_made_up_for_by_inspects(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """What happened meanwhile is learned at the reconnect."""
    monkeypatch.setattr(module, "EVENT_LAG", 0.01)
    async with running(shell.watch.follow()):
        shell.containers.exit("c-gateway", 1)
        shell.containers.tell("", "reconnected")
        await until(lambda: state(shell) is RunState.EXITED)


async def test_an_exit_that_the_stream_has_not_told_waits_for_the_event(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event says that a person did it; the inspect alone would call it a crash."""
    monkeypatch.setattr(module, "EVENT_LAG", 0.5)
    before = len(shell.containers.inspects)
    shell.containers.exit("c-gateway", 1)
    shell.containers.past.clear()
    async with running(shell.watch.follow()), running(shell.watch.reconcile()) as (reconcile,):
        await until(lambda: len(shell.containers.inspects) > before)
        await settled()
        assert state(shell) is RunState.RUNNING
        shell.containers.tell("c-gateway", "kill", 9)
        shell.containers.tell("c-gateway", "die")
        await until(reconcile.done)
        await until(lambda: shell.core.engine.durable.holds)
        assert "signal 9" in shell.core.engine.durable.holds[Target(CONTAINER, "c-gateway")].what
        assert not shell.core.engine.durable.open()


async def test_an_exit_without_an_event_is_told_after_a_while(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker has forgotten it, and nobody can tell who ended it: it is held."""
    monkeypatch.setattr(module, "EVENT_LAG", 0.01)
    shell.manual.advance(60.0)
    shell.containers.exit("c-gateway", 1)
    shell.containers.past.clear()
    shell.containers.memory_since = shell.clock.now().utc
    await shell.watch.reconcile()
    assert state(shell) is RunState.EXITED
    assert "nobody can tell" in shell.core.engine.durable.holds[Target(CONTAINER, "c-gateway")].what
    assert not shell.core.engine.durable.open()


async def test_a_stream_that_was_open_all_the_while_is_a_whole_history(shell: Shell) -> None:
    """Docker has forgotten everything, and still it is known that nobody ordered it."""
    shell.containers.memory_since = None
    async with running(shell.watch.follow()):
        shell.containers.tell("", "reconnected")
        await settled()
        shell.manual.advance(1200.0)
        shell.containers.exit("c-gateway", 1)
        shell.containers.tell("c-gateway", "die")
        await until(shell.core.engine.durable.open)
        assert not shell.core.engine.durable.holds


async def test_what_was_whole_at_first_sight_is_whole_for_as_long_as_the_stream_is_open(shell: Shell) -> None:
    """The daemon has just been started, and 256 events of others come before the crash: nobody ordered it."""
    began = shell.clock.now().utc - timedelta(hours=1)
    shell.containers.memory_since = began
    async with running(shell.watch.follow()):
        shell.containers.tell("", "reconnected")
        await settled()
        shell.manual.advance(60.0)
        shell.containers.memory_since = shell.clock.now().utc
        shell.containers.exit("c-gateway", 1)
        shell.containers.tell("c-gateway", "die")
        await until(shell.core.engine.durable.open)
        assert not shell.core.engine.durable.holds


async def test_what_docker_remembered_at_first_sight_is_kept(shell: Shell) -> None:
    """The signal was sent before the daemon was started, and pushed out of Docker's memory before the end."""
    shell.containers.past.append(ContainerEvent("c-gateway", "kill", 15, shell.clock.now().utc))
    async with running(shell.watch.follow()):
        shell.containers.tell("", "reconnected")
        await settled()
        shell.manual.advance(60.0)
        shell.containers.past.clear()
        shell.containers.memory_since = shell.clock.now().utc
        shell.containers.exit("c-gateway", 143)
        shell.containers.tell("c-gateway", "die")
        await until(lambda: state(shell) is RunState.EXITED)
        assert shell.core.engine.durable.holds
        assert not shell.core.engine.durable.open()


async def test_what_is_pushed_out_of_our_own_memory_is_not_known(shell: Shell) -> None:
    """More events of one container than are kept: its signal may have been among them."""
    async with running(shell.watch.follow()):
        shell.containers.tell("", "reconnected")
        for _ in range(module.HEARD + 1):
            shell.manual.advance(1.0)
            shell.containers.tell("c-gateway", "pause")
        await settled()
        shell.containers.past.clear()
        shell.containers.memory_since = shell.clock.now().utc
        shell.containers.exit("c-gateway", 1)
        shell.containers.tell("c-gateway", "die")
        await until(lambda: shell.core.engine.durable.holds)
        assert "nobody can tell" in shell.core.engine.durable.holds[Target(CONTAINER, "c-gateway")].what


async def test_what_a_new_policy_names_was_not_listened_to_before(shell: Shell) -> None:
    """The stream is open, but nobody kept the events of a container that no policy named."""
    shell.containers.runs("c-new")
    async with running(shell.watch.follow()):
        shell.containers.tell("", "reconnected")
        await settled()
        shell.manual.advance(1200.0)
        shell.containers.memory_since = shell.clock.now().utc
        names = ("gateway", "new")
        shell.core.tell(ev.PolicyChanged(policy(*(dependency(name, grace=0.0) for name in names))))
        await shell.watch.reconcile()
        assert list(shell.core.engine.volatile.unheard_before) == ["c-new"]


async def test_while_the_stream_is_lost_what_ends_is_told_by_dockers_memory_alone(shell: Shell) -> None:
    """As far as that reaches back to the loss; beyond it nobody can tell."""
    async with running(shell.watch.follow()):
        shell.containers.tell("", "reconnected")
        await settled()
        shell.manual.advance(1.0)
        shell.containers.tell("", "lost")
        await until(lambda: shell.core.engine.volatile.is_deaf)
        shell.manual.advance(1.0)
        shell.containers.past.clear()
        shell.containers.memory_since = shell.clock.now().utc
        shell.containers.exit("c-gateway", 1)
        await shell.watch.reconcile()
        assert "nobody can tell" in shell.core.engine.durable.holds[Target(CONTAINER, "c-gateway")].what
        shell.containers.tell("", "reconnected")
        await until(lambda: not shell.core.engine.volatile.is_deaf)


async def test_what_the_engine_ended_as_it_went_down_is_started(shell: Shell) -> None:
    """It takes no callers any more when it sends the signal; when it is back, this was its own doing."""
    async with running(shell.watch.follow()):
        shell.containers.tell("", "reconnected")
        await settled()
        shell.manual.advance(60.0)
        shell.containers.going_down = True
        shell.containers.exit("c-gateway", 143)
        shell.manual.advance(0.01)  # it ends at once, and the event of the signal is made a moment later
        shell.containers.tell("c-gateway", "kill", 15)
        shell.containers.tell("c-gateway", "die")
        await settled()
        assert not shell.core.engine.durable.holds
        await until(lambda: state(shell) is RunState.UNREACHABLE)
        shell.manual.advance(30.0)
        shell.containers.going_down = False
        shell.containers.past.clear()
        shell.containers.tell("", "engine_restarted")
        shell.containers.tell("", "reconnected")
        await until(lambda: state(shell) is RunState.EXITED)
        assert not shell.core.engine.durable.holds
        assert (
            "the Docker Engine, as it went down itself, ended it" in shell.core.engine.trackers["gateway"].state.detail
        )
        assert shell.core.engine.durable.open()


async def test_a_stop_of_what_an_engine_that_goes_down_would_have_started_is_the_engines(shell: Shell) -> None:
    """Of what it waits to start again it tells no signal, and takes no callers by then."""
    async with running(shell.watch.follow()):
        shell.containers.tell("", "reconnected")
        shell.containers.exit("c-gateway", 1)
        ended = shell.containers.statuses["c-gateway"]
        shell.containers.statuses["c-gateway"] = replace(ended, state=RunState.RESTARTING)
        shell.containers.tell("c-gateway", "die")
        await settled()
        assert state(shell) is RunState.RESTARTING
        shell.manual.advance(5.0)
        shell.containers.going_down = True
        shell.containers.statuses["c-gateway"] = ended
        shell.containers.tell("c-gateway", "stop")
        await until(lambda: state(shell) is RunState.UNREACHABLE)
        assert not shell.core.engine.durable.holds


async def test_an_engine_that_was_only_slow_has_not_gone(shell: Shell) -> None:
    """It takes callers again: what it remembers of the signal is a person's."""
    async with running(shell.watch.follow()):
        shell.containers.tell("", "reconnected")
        await settled()
        shell.containers.going_down = True
        shell.containers.tell("c-gateway", "kill", 15)
        shell.containers.exit("c-gateway", 143)
        shell.containers.tell("c-gateway", "die")
        await until(lambda: state(shell) is RunState.UNREACHABLE)
        shell.containers.going_down = False
        await shell.watch.reconcile()
        await until(lambda: shell.core.engine.durable.holds)
        assert "signal 15" in shell.core.engine.durable.holds[Target(CONTAINER, "c-gateway")].what


async def test_a_stop_that_goes_on_at_the_start_is_seen() -> None:
    """At the first sight of what runs its history is asked for."""
    shell = Shell()
    shell.containers.past.append(ContainerEvent("c-gateway", "kill", 15, shell.clock.now().utc))
    await shell.up()
    assert "is stopping" in shell.core.engine.durable.holds[Target(CONTAINER, "c-gateway")].what
    shell.core.close()


async def test_a_history_is_asked_for_once_a_run_and_after_a_gap(shell: Shell) -> None:
    """Not at every reconcile; again when nobody knows what came while the stream was lost."""
    asked: list[str] = []
    history = shell.containers.history

    async def count(name: str, container_id: str) -> Sequence[ContainerEvent]:
        asked.append(name)
        return await history(name, container_id)

    shell.containers.history = count  # type: ignore[method-assign]
    async with running(shell.watch.follow()):
        for _ in range(3):
            await shell.watch.reconcile()
        assert asked == []  # it was, when this began
        shell.manual.advance(1.0)
        shell.containers.runs("c-gateway")
        await shell.watch.reconcile()
        assert asked == ["c-gateway"]
        for _ in range(2):  # the second says that nothing is missing since the first
            shell.containers.tell("", "reconnected")
            await settled()
        await shell.watch.reconcile()
        assert asked == ["c-gateway"] * 2


async def test_a_stop_while_the_stream_was_lost_is_found_in_dockers_memory(shell: Shell) -> None:
    """No line of the stream came, and still it is known that somebody ordered it."""
    shell.containers.tell("c-gateway", "kill", 15)
    shell.containers.exit("c-gateway", 0)
    await shell.watch.reconcile()
    assert "signal 15" in shell.core.engine.durable.holds[Target(CONTAINER, "c-gateway")].what
    assert not shell.core.engine.durable.open()


async def test_a_signal_that_docker_has_forgotten_was_heard_here(shell: Shell) -> None:
    """A long stop on a busy machine: 256 other events came between the signal and the end."""
    async with running(shell.watch.follow()):
        shell.containers.tell("c-gateway", "kill", 15)
        await settled()
        shell.containers.past.clear()
        shell.containers.exit("c-gateway", 0)
        shell.containers.tell("c-gateway", "die")
        await until(lambda: shell.core.engine.durable.holds)
        assert not shell.core.engine.durable.open()


async def renamed(shell: Shell, old: str, new: str) -> None:
    """By a person; Docker tells it with the new name."""
    shell.manual.advance(0.1)
    shell.containers.statuses[new] = shell.containers.statuses.pop(old)
    shell.containers.tell(new, "rename", container_id="id-c-gateway")
    await settled()


@pytest.mark.parametrize("heard", [True, False])
async def test_a_stop_under_another_name_is_a_stop(shell: Shell, heard: bool) -> None:
    """A person renames it, stops it slowly, and renames it back: it is its id, heard or remembered."""
    async with running(shell.watch.follow()):
        await renamed(shell, "c-gateway", "aside")
        assert state(shell) is RunState.MISSING
        shell.containers.tell("aside", "kill", 15, "id-c-gateway")
        await settled()
        if heard:
            shell.containers.past.clear()
        else:
            shell.containers.tell("", "reconnected")
        await renamed(shell, "aside", "c-gateway")
        await until(lambda: shell.core.engine.durable.holds)
        assert state(shell) is RunState.RUNNING
        assert "signal 15" in shell.core.engine.durable.holds[Target(CONTAINER, "c-gateway")].what


async def test_what_goes_on_after_a_pause_may_still_be_frozen(shell: Shell) -> None:
    """Paused and let go on in the same run, which somebody had frozen before: its history is asked for again."""
    async with running(shell.watch.follow()):
        shell.containers.tell("c-gateway", "kill", 19)
        runs = shell.containers.statuses["c-gateway"]
        for now, word in ((replace(runs, state=RunState.PAUSED), "pause"), (runs, "unpause")):
            shell.manual.advance(0.1)
            shell.containers.statuses["c-gateway"] = now
            shell.containers.tell("c-gateway", word)
            await settled()
            assert state(shell) is now.state
        await until(lambda: shell.core.engine.durable.holds)
        assert "froze" in shell.core.engine.durable.holds[Target(CONTAINER, "c-gateway")].what


async def test_what_takes_over_a_name_is_another_container(shell: Shell) -> None:
    """The old one is stopped under its new name: that is nothing to the one that has its old name now."""
    async with running(shell.watch.follow()):
        await renamed(shell, "c-gateway", "old")
        shell.manual.advance(1.0)
        shell.containers.runs("c-gateway")
        shell.containers.statuses["c-gateway"] = replace(shell.containers.statuses["c-gateway"], container_id="new")
        shell.containers.tell("c-gateway", "start", container_id="new")
        shell.containers.tell("old", "kill", 15, "id-c-gateway")
        await settled()
        assert state(shell) is RunState.RUNNING
        assert not shell.core.engine.durable.holds


async def test_what_was_heard_while_docker_was_not_seen_is_told_when_it_is(shell: Shell) -> None:
    """A signal came by the stream, and the inspects had failed: the run that goes on is being stopped."""
    async with running(shell.watch.follow()):
        shell.containers.trouble = "no answer"
        await shell.watch.reconcile()
        shell.core.tell(ContainerActed(ContainerEvent("c-gateway", "kill", 15, shell.clock.now().utc)))
        shell.containers.trouble = ""
        shell.containers.past.append(ContainerEvent("c-gateway", "kill", 15, shell.clock.now().utc))
        assert not shell.core.engine.durable.holds
        await shell.watch.reconcile()
        assert "signal 15" in shell.core.engine.durable.holds[Target(CONTAINER, "c-gateway")].what


async def test_an_exit_whose_history_cannot_be_had_is_not_judged(shell: Shell) -> None:
    """A Docker that answers half of the questions is blindness; the next reconcile asks again."""
    history = shell.containers.history

    async def refuse(name: str, container_id: str) -> Sequence[ContainerEvent]:
        raise ContainersUnreachable("no events")

    shell.containers.history = refuse  # type: ignore[method-assign]
    shell.containers.tell("c-gateway", "kill", 9)
    shell.containers.exit("c-gateway", 137)
    await shell.watch.reconcile()
    assert state(shell) is RunState.UNREACHABLE
    assert not shell.started
    shell.containers.history = history  # type: ignore[method-assign]
    await shell.watch.reconcile()
    assert "signal 9" in shell.core.engine.durable.holds[Target(CONTAINER, "c-gateway")].what


async def test_a_newer_look_is_never_overwritten_by_an_older_one(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look that waits for Docker's memory is told before the look at the run that came after it."""
    monkeypatch.setattr(module, "EVENT_LAG", 0.05)
    shell.containers.exit("c-gateway", 1)
    shell.containers.past.clear()
    async with running(shell.watch.reconcile()) as (reconcile,):
        await settled()
        shell.containers.runs("c-gateway")
        await shell.watch.look("c-gateway")
        await until(reconcile.done)
        assert state(shell) is RunState.RUNNING


async def test_reconciling_repeats_nothing_that_is_known(shell: Shell) -> None:
    """An inspect that says the same as before wakes nobody."""
    soon: list[str] = []
    shell.core.on_probe_soon = soon.append
    await shell.watch.reconcile()
    assert soon == []


async def test_reconciling_goes_on(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every container is inspected again and again."""
    monkeypatch.setattr(module, "RECONCILE_EVERY", 0.001)
    before = len(shell.containers.inspects)
    async with running(shell.watch.reconcile_forever()):
        await until(lambda: len(shell.containers.inspects) >= before + 3)


async def test_docker_unreachable_is_blindness_until_it_answers(shell: Shell) -> None:
    """Every action is held, the metric says why, and the container's run is not forgotten."""
    run = shell.containers.statuses["c-gateway"].run
    shell.containers.trouble = "no answer"
    await shell.watch.reconcile()
    assert state(shell) is RunState.UNREACHABLE
    assert shell.metric("docker_reachable") == 0.0
    assert [each.what for each in shell.core.troubles.views()] == ["Docker does not answer and nothing is restarted"]
    shell.fail(times=5)
    decision = shell.core.engine.decision("gateway", shell.clock.now())
    assert decision is not None
    assert decision.gate is Gate.BLIND
    seen = shell.core.engine.trackers["gateway"].container
    assert seen is not None
    assert seen.run == run
    shell.containers.trouble = ""
    await shell.watch.reconcile()
    assert state(shell) is RunState.RUNNING
    assert shell.metric("docker_reachable") == 1.0
    assert not shell.core.troubles.views()


async def test_a_missing_container_is_said_to_be_missing(shell: Shell) -> None:
    """There is nothing to restart, and the decision says so."""
    del shell.containers.statuses["c-gateway"]
    await shell.watch.reconcile()
    shell.fail(times=5)
    decision = shell.core.engine.decision("gateway", shell.clock.now())
    assert decision is not None
    assert (decision.gate, decision.value) == (Gate.BLIND, "there is no container c-gateway to act on")


# -- what it said as it ended -----------------------------------------------------------------------------------

FULL = '2026-01-05 12:00:00.000 UTC [1] PANIC:  could not write to file "pg_wal/x": No space left on device'


def said(shell: Shell, text: str) -> None:
    shell.containers.logs["c-gateway"] = [LogLine(shell.clock.now().utc, text)]


async def test_what_ended_by_itself_is_asked_for_its_last_words(shell: Shell) -> None:
    """Once for each end, whoever looks again."""
    said(shell, FULL)
    async with running(shell.watch.follow()):
        shell.containers.exit("c-gateway")
        shell.containers.tell("c-gateway", "die")
        await until(shell.core.engine.durable.open)
        assert shell.core.engine.trackers["gateway"].state.reason is Reason.DISK_FULL
        await shell.watch.reconcile()
        await shell.watch.look("c-gateway")
    assert shell.containers.log_tails == ["c-gateway"]
    assert not shell.core.engine.durable.acting()


async def test_what_ended_minutes_after_a_thread_dump_is_asked_for_its_last_words(shell: Shell) -> None:
    """It had outlived that, and its disk is full."""
    said(shell, FULL)
    async with running(shell.watch.follow()):
        shell.containers.tell("c-gateway", "kill", 3)
        await settled()
        for _ in range(3):
            shell.manual.advance(60.0)
            shell.core.tell(Observed("gateway", Observation(ok(), 0.01, shell.clock.now())))
        shell.containers.exit("c-gateway")
        said(shell, FULL)
        shell.containers.tell("c-gateway", "die")
        await until(lambda: state(shell) is RunState.EXITED)
        assert shell.core.engine.trackers["gateway"].state.reason is Reason.DISK_FULL
        assert not shell.core.engine.durable.holds


@pytest.mark.parametrize(("code", "signal"), [(1, 15), (0, None), (137, None)])
async def test_what_cannot_have_explained_its_end_is_not_asked(shell: Shell, code: int, signal: int | None) -> None:
    """A person ended it, it ended in good order, or it was killed."""
    said(shell, FULL)
    if signal is not None:
        shell.containers.tell("c-gateway", "kill", signal)
    shell.containers.exit("c-gateway", code)
    await shell.watch.reconcile()
    assert state(shell) is RunState.EXITED
    assert shell.containers.log_tails == []


async def test_last_words_that_docker_does_not_keep_take_nothing_from_what_was_seen(shell: Shell) -> None:
    """The end is judged all the same, and Docker is not called unreachable for it."""
    shell.containers.log_ends = QuestionRefused(501, "this driver cannot be read", "its last words")
    shell.containers.exit("c-gateway")
    await shell.watch.reconcile()
    assert state(shell) is RunState.EXITED
    assert shell.core.engine.trackers["gateway"].state.reason is Reason.EXITED
    assert shell.metric("docker_reachable") == 1.0
    assert shell.core.engine.durable.acting() == 1


@pytest.mark.parametrize("how", [ContainersUnreachable("the connection broke"), HANG], ids=["breaks", "hangs"])
async def test_last_words_that_docker_owes_are_asked_for_again(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, how: Any
) -> None:
    """It is down at once, after no more than the bound, and not started before it is known why."""
    monkeypatch.setattr(module, "LAST_WORDS_WITHIN", 0.01)
    shell.containers.log_ends = how
    said(shell, FULL)
    shell.containers.exit("c-gateway")
    await shell.watch.reconcile()
    await shell.watch.reconcile()
    assert shell.core.engine.trackers["gateway"].state.health is Health.DOWN
    assert shell.metric("docker_reachable") == 1.0
    decision = shell.core.engine.decision("gateway", shell.clock.now())
    assert decision is not None
    assert decision.gate is Gate.VERIFICATION
    shell.containers.log_ends = None
    await shell.watch.reconcile()
    assert shell.core.engine.trackers["gateway"].state.reason is Reason.DISK_FULL
    assert not shell.core.engine.durable.acting()
    await shell.watch.reconcile()
    assert len(shell.containers.log_tails) == 3


async def test_what_docker_restarts_is_asked_at_each_end(shell: Shell) -> None:
    """And not for as long as it waits for the next start."""
    said(shell, FULL)
    shell.containers.exit("c-gateway")
    ended = shell.containers.statuses["c-gateway"]
    shell.containers.statuses["c-gateway"] = replace(ended, state=RunState.RESTARTING)
    for _ in range(3):
        await shell.watch.look("c-gateway")
    assert shell.core.engine.trackers["gateway"].state.reason is Reason.DISK_FULL
    assert shell.containers.log_tails == ["c-gateway"]


@pytest.mark.parametrize(
    ("of", "counted"), [("id-c-gateway", 0), ("c-gateway", 0), ("id-c-other", 700), ("", 700)], ids=str
)
async def test_what_leaves_a_network_of_two_is_counted_for_neither(of: str, counted: int) -> None:
    """Whose answers they are nobody can tell: the parent may hang while what uses its network answers."""
    shell = Shell(policy(dependency("gateway", grace=0.0), dependency("sidecar", grace=0.0)))
    used = ContainerUsage(1.0, 2.0, 1.0, 1, sent=700, sent_packets=7)
    shell.containers.usages = {"c-gateway": used, "c-sidecar": used}
    status = shell.containers.statuses["c-sidecar"]
    shell.containers.statuses["c-sidecar"] = replace(status, network_of=of)
    await shell.up()
    gateway, sidecar = await shell.watch.usage("c-gateway"), await shell.watch.usage("c-sidecar")
    assert (gateway.sent, gateway.sent_packets > 0, gateway.cpu) == (counted, counted > 0, 1.0)
    assert (sidecar.sent > 0) is (of == "")
    shell.core.close()
