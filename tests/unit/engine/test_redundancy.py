"""Of what stands in for each other, never two are restarted at once, and never one of the last that served."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.last_one import TOLD_AFTER
from nemo_watchdog.engine.last_served import LastServed
from nemo_watchdog.engine.touches import PENDING_FOR
from nemo_watchdog.engine.unpack import from_body
from nemo_watchdog.model import (
    ActionOutcome,
    Autonomy,
    Gate,
    Health,
    Moment,
    NotificationKind,
    Reason,
    RunState,
    Verdict,
    failed,
    ok,
)
from nemo_watchdog.policy.policy import Backoff, Budget, Dependency, EscalateStep, Limits, Policy
from tests.unit.engine.world import NOON, RESTART, World, dependency, policy, remedy

GOOD, BAD = ok(), failed(Reason.WRONG_STATUS, "test")
QUICK = replace(RESTART, attempts=1, backoff=Backoff(0.01, 1.0, 0.01, 0.0))


def limits(least: int = 1) -> Limits:
    return Limits(Budget(100, 3600.0), 5, {"web": least})


def plan(*names: str, least: int = 1, **more: object) -> Policy:
    """All of them carry the tag web."""
    webs = (dependency(name, grace=0.0, tags=frozenset({"web"}), **more) for name in names)  # type: ignore[arg-type]
    return policy(*webs, fix=remedy(QUICK, EscalateStep("lead")), limits=limits(least))


def pair() -> Policy:
    """Two that stand in for each other, by the word of what needs them."""
    names = (dependency("a", grace=0.0), dependency("b", grace=0.0), dependency("user", needs=[("a", "b")]))
    return policy(*names, fix=remedy(QUICK, EscalateStep("lead")), limits=Limits(Budget(100, 3600.0), 5))


def restarted(world: World) -> list[str]:
    return [request.dependency for _, request in world.started]


def gate_of(world: World, name: str) -> tuple[Gate, str]:
    decision = world.engine.decision(name, world.now)
    assert decision is not None
    return decision.gate, decision.value


def both_hang(world: World, first: str = "a", second: str = "b") -> None:
    """One after the other: the first is being restarted, for nothing, when the second goes down."""
    world.fail(first)
    world.succeed(second, times=1)
    assert restarted(world) == [first]
    world.fail(second)
    world.finish(ActionOutcome.FAILED)


@pytest.mark.parametrize("make", [pair, lambda: plan("a", "b")], ids=["a group of needs", "min_healthy"])
def test_the_first_to_fail_is_restarted_and_the_last_one_spared_until_it_serves(make: Callable[[], Policy]) -> None:
    """Two that hang one after the other, by either way to say it."""
    world = World(make())
    world.fail("a")
    world.succeed("b", times=1)
    world.fail("b", times=10)
    assert restarted(world) == ["a"]
    world.finish()
    world.fail("b", times=2)
    assert gate_of(world, "b")[0] is Gate.REDUNDANCY
    world.succeed("a", times=2)
    assert restarted(world) == ["a", "b"]


def test_before_one_is_restarted_the_other_is_looked_at() -> None:
    """It may hang as well, and nobody has seen it yet; one good look is enough."""
    world = World(pair())
    world.fail("a")
    assert gate_of(world, "a") == (Gate.REDUNDANCY, "one of a or b must serve: looking first at b")
    assert "b" in world.soon
    world.succeed("b", times=1)
    assert restarted(world) == ["a"]


def test_who_waits_for_a_look_at_the_other_is_restarted_with_that_look_whatever_it_says() -> None:
    """The other one hangs as well, and has served later: nobody waits for one more look at the first."""
    world = World(pair())
    world.fail("a")
    assert gate_of(world, "a")[0] is Gate.REDUNDANCY
    world.fail("b", times=2)
    assert restarted(world) == []
    world.fail("b", times=1)
    assert world.health("b") is Health.DOWN
    assert restarted(world) == ["a"]


@pytest.mark.parametrize(("first", "second"), [("a", "b"), ("b", "a")])
def test_of_those_that_wait_the_next_is_who_has_not_served_for_the_longest(first: str, second: str) -> None:
    """Whatever they are called; the others go on waiting."""
    world = World(plan("a", "b", "c", "d"))
    world.fail("c")
    for name in ("d", first, second):
        world.succeed(name, times=1)
    assert restarted(world) == ["c"]
    for name in (first, second):
        world.fail(name)
        world.succeed("d", times=1)
    world.finish()
    world.succeed("c", times=2)
    assert restarted(world) == ["c", first]


def test_of_two_that_fail_at_the_same_moment_the_name_decides() -> None:
    """One is restarted and one is spared, whichever is seen first."""
    for first, second in (("a", "b"), ("b", "a")):
        world = World(pair())
        for name in ("a", "b"):  # both served at one moment for the last time
            world.look(name, GOOD, every=0.0)
        for _ in range(4):
            world.pass_time(1.0)
            world.look(first, BAD, every=0.0)
            world.look(second, BAD, every=0.0)
        assert restarted(world) == ["a"]
        assert gate_of(world, "b")[0] is Gate.REDUNDANCY


def two_in_each(container: str, *names: str) -> list[Dependency]:
    return [dependency(name, grace=0.0, tags=frozenset({"web"}), container=container) for name in names]


def test_of_two_containers_with_several_looks_one_is_restarted_and_one_is_spared() -> None:
    """All four served at one moment for the last time. Never both are spared, for that would never end, nor neither."""
    names = ("a", "b", "c", "d")
    webs = (*two_in_each("c-one", "a", "d"), *two_in_each("c-two", "b", "c"))
    world = World(policy(*webs, fix=remedy(QUICK, EscalateStep("lead")), limits=limits()))
    for name in names:
        world.look(name, GOOD, every=0.0)
    for _ in range(6):
        world.pass_time(1.0)
        for name in names:
            world.look(name, BAD, every=0.0)
        while world.pending:
            world.finish(ActionOutcome.FAILED)
    assert set(restarted(world)) <= {"a", "d"}
    assert restarted(world)
    for name in ("b", "c"):
        assert gate_of(world, name)[1].startswith("it is the last of what has the tag web that served")


@pytest.mark.parametrize(("asked", "done"), [("a", []), ("b", ["b"])])
def test_a_container_of_which_a_part_serves_is_the_last_that_served(asked: str, done: list[str]) -> None:
    """The other one, of which nothing serves, went down later than its other part."""
    webs = (*two_in_each("c-one", "a", "a2"), *two_in_each("c-two", "b"))
    world = World(policy(*webs, fix=remedy(QUICK, EscalateStep("lead")), limits=limits()))
    world.send(ev.PauseAsked("*", "I look myself", "ops"))
    world.fail("a")
    world.succeed("b", times=1)
    world.fail("b")
    world.succeed("a2", times=1)
    world.send(ev.PauseAsked("b" if asked == "a" else "a", "I look myself", "ops"))
    world.send(ev.ResumeAsked("*", "ops"))
    world.fail(asked, times=1)
    assert restarted(world) == done
    if not done:
        assert gate_of(world, "a")[1].startswith("it is the last of what has the tag web that served")


def test_who_served_last_is_known_after_a_restart_of_the_daemon() -> None:
    """And that one is spared still, though it is seen to be down first."""
    world = World(pair())
    world.fail("b")
    world.succeed("a", times=1)
    world.fail("a")
    world.finish(ActionOutcome.FAILED)
    before = restarted(world)
    world.kill_daemon()
    for name in ("a", "b"):
        world.see(name, RunState.RUNNING)
    world.fail("a", times=4)
    world.fail("b", times=4)
    assert gate_of(world, "a")[0] is Gate.REDUNDANCY
    assert "a" not in restarted(world)
    assert before == ["b"]


def test_what_docker_reports_exited_is_always_started() -> None:
    """Nothing is taken away, whoever served last and whatever is done to the others."""
    world = World(pair())
    world.fail("a")
    world.succeed("b", times=1)
    world.crash("b")
    assert restarted(world) == ["a", "b"]


def test_what_runs_is_spared_while_the_other_is_started() -> None:
    """The one that has ended comes back first."""
    world = World(pair())
    world.crash("a")
    world.finish()
    world.fail("b", times=5)
    assert restarted(world) == ["a"]
    world.succeed("a", times=2)
    assert restarted(world) == ["a", "b"]


def test_what_has_ended_spares_nobody_else() -> None:
    """It served later, and nothing is left of it: who hangs is the last one that runs."""
    world = World(pair())
    world.fail("b", times=2)
    world.succeed("a", times=1)
    world.crash("a")
    world.finish(ActionOutcome.FAILED)
    world.see("a", RunState.EXITED, exit_code=1)
    world.fail("b", times=3)
    assert gate_of(world, "b")[1].startswith("it is the last of a or b that served")
    assert restarted(world) == ["a"]


def test_never_two_at_once_however_many_serve() -> None:
    """An action on another member, and its verification, are waited for."""
    world = World(plan("a", "b", "c", "d"))
    for _ in range(4):
        for name in ("a", "b"):
            world.look(name, BAD, every=0.5)
        for name in ("c", "d"):
            world.look(name, GOOD, every=0.0)
    assert len(restarted(world)) == 1
    first, second = restarted(world)[0], ({"a", "b"} - set(restarted(world))).pop()
    assert gate_of(world, second) == (
        Gate.REDUNDANCY,
        f"an action on c-{first}, which stands beside it (what has the tag web), is under way",
    )
    world.finish()
    world.fail(second, times=1)
    assert gate_of(world, second)[1].startswith("verifying docker.restart on")
    assert world.engine.decision(second, world.now).until is not None  # type: ignore[union-attr]
    world.succeed(first, times=2)
    assert restarted(world) == [first, second]


@pytest.mark.parametrize("before", ["other", "c"])
def test_what_was_done_before_and_is_over_hides_nothing_that_is_done_now(before: str) -> None:
    """To something else, or to another member, which serves again since."""
    names = ("a", "b", "c")
    webs = (dependency(name, grace=0.0, tags=frozenset({"web"})) for name in names)
    world = World(policy(*webs, dependency("other"), fix=remedy(QUICK, EscalateStep("lead")), limits=limits()))
    world.crash(before)
    world.finish()
    world.succeed(before, times=3)
    assert world.health(before) is Health.UP
    for _ in range(4):
        for name in ("a", "b"):
            world.look(name, BAD, every=0.5)
        world.look("c", GOOD, every=0.0)
    assert restarted(world) == [before, "a"]
    assert "is under way" in gate_of(world, "b")[1]
    world.finish()
    world.fail("b", times=1)
    assert gate_of(world, "b")[1].startswith("verifying docker.restart on")
    assert restarted(world) == [before, "a"]


def test_what_may_still_be_done_to_another_member_is_waited_for() -> None:
    """Docker has not answered in time, and may restart that one yet."""
    world = World(plan("a", "b", "c"))
    for _ in range(4):
        for name in ("a", "b"):
            world.look(name, BAD, every=0.5)
        world.look("c", GOOD, every=0.0)
    assert restarted(world) == ["a"]
    world.finish(ActionOutcome.TIMED_OUT)
    given_up = world.monotonic
    world.fail("b", times=1)
    decision = world.engine.decision("b", world.now)
    assert decision is not None
    assert decision.value == "an action on c-a, which stands beside it (what has the tag web), may still be done"
    assert decision.until == given_up + PENDING_FOR
    world.wait(PENDING_FOR - 5.0)
    world.fail("b")
    assert restarted(world) == ["a"]


def test_two_of_three_must_serve() -> None:
    """With one left the two that served last are spared; as one comes back, one more may be restarted."""
    world = World(plan("a", "b", "c", least=2))
    world.fail("a")
    for name in ("b", "c"):
        world.succeed(name, times=1)
    world.finish(ActionOutcome.FAILED)
    world.fail("b")
    world.succeed("c", times=1)
    world.fail("b", times=1)
    assert restarted(world) == ["a"]
    assert gate_of(world, "b")[1].startswith("it is one of the last 2 of what has the tag web that served")
    world.succeed("a", times=3)
    world.succeed("c", times=1)
    world.fail("b", times=1)
    assert restarted(world) == ["a", "b"]


def test_containers_count_and_not_names() -> None:
    """Two looks at one container are one member: alone, they are the last one."""
    world = World(plan("a", "b", container="c-one"))
    for _ in range(5):
        world.fail("a", times=1)
        world.succeed("b", times=1)
    assert restarted(world) == []
    assert gate_of(world, "a")[0] is Gate.REDUNDANCY


def test_a_look_from_outside_of_the_group_takes_away_no_member() -> None:
    """What shares the container of one that serves is not restarted while the other member is down."""
    inside = [dependency(name, grace=0.0, tags=frozenset({"web"})) for name in ("a", "b")]
    beside = dependency("beside", grace=0.0, container="c-a")
    world = World(policy(*inside, beside, fix=remedy(QUICK), limits=limits()))
    world.see("b", RunState.MISSING)
    world.fail("b", Reason.REFUSED)
    for _ in range(5):
        world.fail("beside", times=1)
        world.succeed("a", times=1)
    assert gate_of(world, "beside")[0] is Gate.REDUNDANCY
    assert restarted(world) == []


@pytest.mark.parametrize(("first", "last"), [("a", "b"), ("b", "a")])
def test_a_person_is_told_when_nothing_more_is_tried_with_the_others(first: str, last: str) -> None:
    """Once, whom an escalation of the last one would tell; it stays spared, and is restarted when another serves."""
    world = World(pair())
    both_hang(world, first, last)
    world.fail(first, times=5)  # its ladder comes to its end
    world.fail(last, times=5)
    assert restarted(world) == [first]
    (note,) = [each for each in world.told(NotificationKind.ESCALATED) if "a or b" in each.body]
    assert note.contacts == ("lead",)
    assert "it is the last of a or b that served" in note.body
    assert f"nothing more is tried with {first}" in note.body
    world.kill_daemon()
    for name in ("a", "b"):
        world.see(name, RunState.RUNNING)
    for _ in range(5):
        world.fail(first, times=1)
        world.fail(last, times=1)
    assert len([each for each in world.told(NotificationKind.ESCALATED) if "a or b" in each.body]) == 1
    assert gate_of(world, last)[1].endswith("a person was told")
    world.succeed(first, times=3)
    assert restarted(world) == [first, last]


def test_a_person_is_told_when_it_takes_too_long() -> None:
    """Whatever keeps the others: here somebody has paused one. The clock alone is enough."""
    world = World(pair())
    world.send(ev.PauseAsked("a", "deploying", "ops"))
    world.fail("a")
    world.succeed("b", times=1)
    world.fail("b", times=5)
    assert not world.told(NotificationKind.ESCALATED)
    world.wait(TOLD_AFTER)
    (note,) = world.told(NotificationKind.ESCALATED)
    assert "too few have served for 10m" in note.body
    assert restarted(world) == []


def test_a_person_is_told_also_of_what_no_daemon_on_disk_has_seen_to_serve() -> None:
    """It was up once, and nobody knows when it served last: it is counted from the beginning of its incident."""
    world = World(plan("a"), running=False, proven=True)
    world.run("a", age=3600.0)
    world.fail("a", times=5)
    assert gate_of(world, "a")[0] is Gate.REDUNDANCY
    world.wait(TOLD_AFTER - 60.0)
    assert not world.told(NotificationKind.ESCALATED)
    world.wait(60.0)
    (note,) = world.told(NotificationKind.ESCALATED)
    assert "too few have served for 10m" in note.body


def test_where_the_watchdog_only_observes_nobody_is_told_that_it_spares() -> None:
    """It would have done nothing in any case."""
    world = World(plan("a", autonomy=Autonomy.OBSERVE))
    world.fail("a", times=5)
    world.wait(TOLD_AFTER)
    assert not world.told(NotificationKind.ESCALATED)


def test_a_person_s_retry_does_not_take_the_last_one() -> None:
    """It begins the ladder anew; who is spared stays so."""
    world = World(pair())
    both_hang(world)
    world.send(ev.RetryAsked("b", "try it", "ops"))
    world.fail("b", times=3)
    assert restarted(world) == ["a"]
    assert gate_of(world, "b")[0] is Gate.REDUNDANCY


def test_a_journal_of_an_older_version_says_who_served_last_as_well_as_it_can() -> None:
    """Its records do not say when the last good look was: it is when the failure was found."""
    served = LastServed()
    for at, name, health in ((1.0, "a", "up"), (2.0, "b", "degraded"), (3.0, "a", "down"), (4.0, "b", "unknown")):
        body = {"type": "health_changed", "dependency": name, "health": health, "detail": ""}
        record = from_body({**body, "category": None, "reason": None})
        assert isinstance(record, r.HealthChanged)
        served.change(record, Moment(at, NOON))
    assert (served.at("a"), served.at("b"), served.at("c")) == (3.0, 4.0, -math.inf)
    served.change(r.HealthChanged("a", "up", None, None, ""), Moment(5.0, NOON))
    assert served.at("a") == math.inf
    served.change(r.HealthChanged("a", "down", None, None, "", not_served_for=2.5), Moment(8.0, NOON))
    assert served.at("a") == 5.5


def test_a_new_spell_is_told_anew() -> None:
    """It has served in between."""
    world = World(plan("a"))
    for times in (1, 2):
        world.fail("a", times=5)
        world.wait(TOLD_AFTER)
        assert len(world.told(NotificationKind.ESCALATED)) == times
        world.succeed("a", times=5)
        assert world.health("a") is Health.UP


def test_what_is_well_is_explained_without_the_gate() -> None:
    """Both serve: nothing holds either."""
    world = World(pair())
    answers = {answer.gate: answer.verdict for answer in world.engine.explanation("a", world.now)}
    assert answers[Gate.REDUNDANCY] is Verdict.OPEN
    world.fail("a")
    world.succeed("b", times=1)
    assert restarted(world) == ["a"]
