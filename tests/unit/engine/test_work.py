"""A restart that is due waits for work in progress: seen by whom, held for how long, and let go when it ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import (
    ActionOutcome,
    Autonomy,
    Decision,
    Finding,
    Gate,
    NotificationKind,
    Observation,
    Reason,
    RunState,
    failed,
    ok,
)
from nemo_watchdog.policy.policy import Backoff, Budget, BusyWhile
from tests.unit.engine.world import RESTART, World, dependency, policy, remedy

BAD = failed(Reason.WRONG_ANSWER, "test")
VACUUM = "VACUUM FULL in shop"
FILE, LOCK = BusyWhile("file", "/run/restore"), BusyWhile("lock", "/run/backup.lock")


def look(
    world: World,
    finding: Finding = BAD,
    *,
    name: str = "shop",
    times: int = 1,
    titles: str | None = None,
    marks: str | None = "",
    every: float = 1.0,
) -> None:
    for _ in range(times):
        world.wait(every)
        world.send(ev.Observed(name, Observation(finding, 0.01, world.now), signs=ev.Signs(titles, marks)))


def shop(**more: object) -> World:
    return World(policy(dependency("shop", grace=0.0, **more)))  # type: ignore[arg-type]


def beside(**more: object) -> World:
    """`shop` fails, and `data` looks at the same container."""
    container = {"container": "c-shop", "grace": 0.0}
    return World(policy(dependency("shop", **container, **more), dependency("data", **container)))  # type: ignore[arg-type]


def held(world: World, name: str = "shop") -> Decision:
    """What the gate says, of all that are asked."""
    (said,) = [each for each in world.engine.explanation(name, world.now) if each.gate is Gate.WORK]
    return said


def waits(world: World) -> bool:
    decision = world.engine.decision("shop", world.now)
    return decision is not None and decision.gate is Gate.WORK and not world.started


def too_long(world: World) -> list[str]:
    return [note.body for note in world.told(NotificationKind.ESCALATED)]


# -- who says so


def test_what_a_failed_look_says_itself_holds_and_one_restart_follows_its_end() -> None:
    world = shop()
    look(world, replace(BAD, work=VACUUM), times=30)
    assert waits(world)
    assert held(world).value.startswith(f"in progress: {VACUUM}, for 29s")
    look(world, times=30, titles="")
    assert len(world.started) == 1
    assert len(world.of(r.WorkAwaited)) == len(world.of(r.WorkOver)) == 1


def test_a_neighbour_in_the_container_says_so() -> None:
    """Who fails knows nothing of it, and would take its container from who works in it."""
    world = beside()
    look(world, replace(ok(), work=VACUUM), name="data")
    for _ in range(10):
        look(world)
        look(world, replace(ok(), work=VACUUM), name="data")
    assert waits(world)
    assert f"{VACUUM} (data)" in held(world).value
    look(world, ok(), name="data")
    look(world)
    assert len(world.started) == 1


def test_titles_speak_for_a_server_that_does_not_answer() -> None:
    """And they take back what the last good look said: that is old."""
    world = shop()
    look(world, replace(ok(), work=VACUUM))
    look(world, times=10, titles="VACUUM")
    assert waits(world)
    look(world, titles="")
    assert len(world.started) == 1


def test_where_titles_do_not_tell_the_last_good_look_stands() -> None:
    world = shop()
    look(world, replace(ok(), work=VACUUM))
    look(world, times=20)
    assert waits(world)
    assert VACUUM in held(world).value


def test_what_refuses_connections_works_at_nothing() -> None:
    """Its process is gone, and nobody else can tell."""
    world = shop()
    look(world, replace(ok(), work=VACUUM))
    look(world, failed(Reason.REFUSED, "test"), times=3)
    assert len(world.started) == 1


def test_the_titles_of_the_container_are_newer_than_a_neighbour_that_sees_nothing_any_more() -> None:
    """What it said last would hold for ever."""
    world = beside()
    look(world, name="data", titles="VACUUM")
    look(world, replace(ok(), work=VACUUM), name="data")
    look(world, times=2, titles="VACUUM")
    look(world, name="data")
    look(world, titles="VACUUM")
    assert waits(world)
    look(world, titles="")
    assert len(world.started) == 1


def test_the_titles_take_nothing_from_a_neighbour_that_sees() -> None:
    """An index that is built inside a function has the title of the function."""
    world = beside()
    for _ in range(10):
        look(world, replace(ok(), work="CREATE INDEX in shop"), name="data")
        look(world, titles="")
    assert waits(world)


# -- what does not wait


def test_what_exited_works_at_nothing() -> None:
    world = shop()
    look(world, replace(ok(), work=VACUUM))
    world.crash("shop")
    assert len(world.started) == 1


def test_what_an_earlier_run_did_is_over() -> None:
    world = shop()
    look(world, replace(ok(), work=VACUUM))
    world.run("shop")
    look(world, times=3)
    assert len(world.started) == 1


@pytest.mark.parametrize("autonomy", [Autonomy.OBSERVE, Autonomy.SUGGEST])
def test_nobody_is_asked_to_restart_what_works(autonomy: Autonomy) -> None:
    """And nobody is told of a restart that waits where none would be done."""
    world = shop(autonomy=autonomy)
    look(world, replace(BAD, work=VACUUM), times=10)
    assert not world.told(NotificationKind.SUGGESTED)
    assert bool(world.of(r.WorkAwaited)) == (autonomy is Autonomy.SUGGEST)
    look(world, times=3, titles="")
    assert bool(world.told(NotificationKind.SUGGESTED)) == (autonomy is Autonomy.SUGGEST)


def test_a_spent_budget_is_told_at_once() -> None:
    once = replace(RESTART, backoff=Backoff(0.01, 1.0, 0.01, 0.0), verify_within=1.0)
    world = World(policy(dependency("shop", grace=0.0), fix=remedy(once, budget=Budget(1, 3600.0))))
    look(world, times=3)
    world.finish()
    look(world, replace(BAD, work=VACUUM), times=10)
    assert "budget of shop is spent" in too_long(world)[0]


# -- how long


def test_after_its_bound_a_person_is_told_once_and_it_still_waits() -> None:
    world = shop(work_for=600.0)
    look(world, replace(BAD, work=VACUUM), times=59, every=10.0)
    assert not too_long(world)
    assert held(world).until is not None
    look(world, replace(BAD, work=VACUUM), times=300, every=10.0)
    (body,) = too_long(world)
    assert f"\nA restart has waited for 10m, longer than 10m; in progress: {VACUUM}" in body
    assert "nemo-watchdog retry shop" in body
    assert waits(world)
    assert held(world).until is None
    assert "a person was told" in held(world).value


def test_the_clock_tells_it_without_a_look() -> None:
    world = shop(work_for=60.0)
    look(world, replace(BAD, work=VACUUM), times=3)
    world.wait(61.0)
    assert len(too_long(world)) == 1


def test_how_long_survives_the_daemon_and_so_does_that_it_was_told() -> None:
    world = shop(work_for=600.0)
    look(world, replace(BAD, work=VACUUM), times=30, every=10.0)
    world.kill_daemon()
    world.see("shop", RunState.RUNNING)
    look(world, times=3)  # nobody has told this daemon yet, and nobody can now
    assert waits(world)
    assert f"{VACUUM}, for 4m53s" in held(world).value
    look(world, replace(BAD, work=VACUUM), times=40, every=10.0)
    assert len(too_long(world)) == 1
    world.kill_daemon()
    world.see("shop", RunState.RUNNING)
    look(world, replace(BAD, work=VACUUM), times=40, every=10.0)
    assert len(too_long(world)) == 1
    assert waits(world)


def test_a_new_run_that_the_next_daemon_finds_has_ended_the_work() -> None:
    world = shop()
    look(world, replace(BAD, work=VACUUM), times=5)
    world.kill_daemon()
    world.run("shop", age=60.0)
    look(world, times=3)
    assert len(world.started) == 1


def test_a_person_may_have_it_done_once() -> None:
    fix = remedy(replace(RESTART, backoff=Backoff(0.01, 1.0, 0.01, 0.0), verify_within=1.0))
    world = World(policy(dependency("shop", grace=0.0), fix=fix))
    look(world, replace(BAD, work=VACUUM), times=5)
    world.kill_daemon()
    world.see("shop", RunState.RUNNING)
    look(world, replace(BAD, work=VACUUM), times=3)
    assert waits(world)
    world.send(ev.RetryAsked("shop", "it hangs", "ops"))
    assert len(world.started) == 1
    world.finish(ActionOutcome.SUCCEEDED)
    look(world, replace(BAD, work=VACUUM), times=10)
    assert len(world.started) == 1


@pytest.mark.parametrize(("outcome", "tries"), [(ActionOutcome.FAILED, 1), (ActionOutcome.REFUSED, 2)])
def test_a_restart_that_was_not_done_has_ended_no_work(outcome: ActionOutcome, tries: int) -> None:
    """The run goes on, and so does what it does. What was certainly not ordered uses up no leave of a person's."""
    fix = remedy(replace(RESTART, backoff=Backoff(0.01, 1.0, 0.01, 0.0), verify_within=1.0))
    world = World(policy(dependency("shop", grace=0.0), fix=fix))
    look(world, replace(BAD, work=VACUUM), times=5)
    world.send(ev.RetryAsked("shop", "it hangs", "ops"))
    world.finish(outcome)
    look(world, times=20)
    assert len(world.started) == tries
    if world.pending:
        world.finish(ActionOutcome.FAILED)
    look(world, times=20)
    assert len(world.started) == tries
    assert VACUUM in held(world).value


def test_nobody_is_told_of_a_restart_that_waits_for_a_person_and_not_for_work() -> None:
    """What is in progress would be waited for as well, and what is said of it would be wrong."""
    world = shop(work_for=600.0)
    look(world, replace(BAD, work=VACUUM), times=10)
    assert waits(world)
    world.send(ev.PauseAsked("shop", "I look myself", "ops"))
    look(world, replace(BAD, work=VACUUM), times=100, every=10.0)
    assert not too_long(world)
    assert not world.started
    world.send(ev.ResumeAsked("shop", "ops"))
    assert len(too_long(world)) == 1


def test_what_serves_again_waits_for_nothing() -> None:
    world = shop(work_for=60.0)
    look(world, replace(BAD, work=VACUUM), times=3)
    look(world, ok(), times=3)
    assert world.engine.durable.seen.waits == {}
    world.wait(100.0)
    assert not too_long(world)


def test_it_is_told_once_that_a_restart_waits() -> None:
    world = shop()
    look(world, replace(BAD, work=VACUUM), times=10)
    (note,) = world.told(NotificationKind.HELD)
    assert VACUUM in note.body
    assert "Nothing was done" in note.body
    assert "longer than 1h" in note.body


# -- what the policy names


def test_a_file_holds_also_what_has_exited() -> None:
    """A restore into a database that is stopped."""
    world = shop(busy_while=(FILE, LOCK))
    look(world, ok(), times=3)
    world.wait(1.0)
    world.crash("shop")
    assert "shop" in world.soon
    assert not world.started
    look(world, failed(Reason.REFUSED, "test"), times=10, marks="/run/restore exists")
    assert waits(world)
    assert "/run/restore exists" in held(world).value
    look(world, failed(Reason.REFUSED, "test"))
    assert len(world.started) == 1


def test_what_was_down_and_ends_now_is_looked_at_again() -> None:
    """Somebody ends what hangs, to restore its data: the last look was before that."""
    world = shop(busy_while=(FILE,))
    look(world, times=3, marks="/run/restore exists")
    look(world, failed(Reason.OVERLOADED, "test"), times=3)
    world.wait(1.0)
    world.crash("shop")
    assert not world.started
    look(world, failed(Reason.REFUSED, "test"), marks="/run/restore exists")
    assert waits(world)


def test_a_look_before_its_end_says_nothing_of_who_is_at_work_after_it() -> None:
    """Also after a start of the daemon, which has looked at nothing yet."""
    world = World(policy(dependency("shop", busy_while=(FILE,))), running=False)
    world.crash("shop")
    assert not world.started
    assert "looking first at shop" in held(world).value
    assert not world.told(NotificationKind.HELD)
    look(world, failed(Reason.REFUSED, "test"))
    assert len(world.started) == 1


def test_another_inspect_of_what_has_ended_makes_no_look_at_it_old() -> None:
    """Docker is asked now and then: nobody is at work there since it ended, and when that was stays so."""
    world = shop(busy_while=(FILE,))
    world.send(ev.PauseAsked("*", "I look myself", "ops"))
    world.crash("shop")
    look(world, failed(Reason.REFUSED, "test"))
    world.wait(60.0)
    world.see("shop", RunState.EXITED, finished_at=world.utc, exit_code=1)
    world.send(ev.ResumeAsked("*", "ops"))
    assert len(world.started) == 1


def test_what_nobody_can_tell_holds() -> None:
    """A mount that hangs; the file was named so that it is asked."""
    world = shop(busy_while=(FILE,), work_for=60.0)
    look(world, times=10, marks=None)
    assert waits(world)
    assert "nobody can tell whether somebody is at work (/run/restore)" in held(world).value
    look(world, times=10, marks=None, every=10.0)
    assert len(too_long(world)) == 1
    look(world)
    assert len(world.started) == 1


def test_a_file_that_went_while_the_daemon_was_away_holds_no_more() -> None:
    world = shop(busy_while=(FILE,))
    look(world, times=5, marks="/run/restore exists")
    world.kill_daemon()
    world.see("shop", RunState.RUNNING)
    look(world, times=3)
    assert len(world.started) == 1


def test_the_files_of_a_neighbour_count() -> None:
    world = World(
        policy(
            dependency("shop", container="c-shop", grace=0.0),
            dependency("data", container="c-shop", grace=0.0, busy_while=(FILE,)),
        )
    )
    for _ in range(5):
        look(world)
        look(world, ok(), name="data", marks="/run/restore exists")
    assert waits(world)
    look(world, ok(), name="data")
    look(world)
    assert len(world.started) == 1


def dumping() -> World:
    dump = dependency("dump", container=None, remedy=None, grace=0.0)
    return World(policy(dependency("shop", grace=0.0, busy_while=(BusyWhile("dependency", "dump"),)), dump))


def test_a_dependency_that_looks_good_holds_and_one_that_does_not_lets_go() -> None:
    world = dumping()
    for _ in range(5):
        look(world)
        look(world, ok(), name="dump")
    assert waits(world)
    assert "dump is at work" in held(world).value
    look(world, BAD, name="dump")
    look(world)
    assert len(world.started) == 1


def test_a_dependency_is_looked_at_first() -> None:
    """What it said before the failure is old."""
    world = dumping()
    look(world, BAD, name="dump", times=3)
    world.soon.clear()
    look(world, times=5)
    assert not world.started
    assert "dump" in world.soon
    look(world, BAD, name="dump")
    look(world)
    assert len(world.started) == 1


def test_a_dependency_that_cannot_be_seen_keeps_its_last_word() -> None:
    world = dumping()
    look(world, failed(Reason.PERMISSION_DENIED, "test"), name="dump", times=5)
    for _ in range(5):
        look(world)
        look(world, failed(Reason.PERMISSION_DENIED, "test"), name="dump")
    assert waits(world)
