"""What an action has left behind is ended once its verdict is known, and until then nothing is done beside it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.left_behind import Helped
from nemo_watchdog.engine.settling import AGAIN_AFTER
from nemo_watchdog.model import (
    CONTAINER,
    ActionOutcome,
    ActionRequest,
    ActionResult,
    ContainerEvent,
    ContainerStatus,
    Gate,
    NotificationKind,
    Past,
    RunState,
    Target,
)
from nemo_watchdog.policy.policy import Budget, EscalateStep
from tests.unit.engine.world import EVER, RESTART, World, dependency, policy, remedy

RECREATE = replace(RESTART, action="docker.recreate", key="docker.recreate", settles=True, options="options")
GATEWAY = Target(CONTAINER, "c-gateway")
MADE = "id-made"


@pytest.fixture
def world() -> World:
    """The order is under way."""
    fix = remedy(RECREATE, EscalateStep("lead"), budget=Budget(9, 3600.0))
    made = World(policy(dependency("gateway", grace=0.0), fix=fix))
    made.fail("gateway")
    assert [request.action for request in made.pending] == ["docker.recreate"]
    return made


def runs(world: World, container_id: str) -> None:
    """That container has a new run, under the name of the policy."""
    status = ContainerStatus(RunState.RUNNING, container_id, world.utc)
    world.send(ev.ContainerSeen("c-gateway", status, Past((), EVER)))


def succeed(world: World) -> ActionRequest:
    """The new container runs."""
    request = world.pending.pop(0)
    world.pass_time(2.0)
    runs(world, MADE)
    world.send(ev.ActionFinished(request, ActionResult(ActionOutcome.SUCCEEDED, made=MADE)))
    return request


def ends(world: World, outcome: ActionOutcome = ActionOutcome.SUCCEEDED, detail: str = "") -> ActionRequest:
    """What settles ends so."""
    request = world.pending.pop(0)
    assert request.settles
    world.pass_time(1.0)
    if outcome is ActionOutcome.SUCCEEDED and request.helped is not True:
        runs(world, "id-c-gateway")
    world.send(ev.ActionFinished(request, ActionResult(outcome, detail)))
    return request


def gate(world: World) -> Gate:
    decision = world.engine.decision("gateway", world.now)
    assert decision is not None
    return decision.gate


def test_what_helped_loses_what_was_kept(world: World) -> None:
    """By an order of its own that knows the old one, the new one, and the options of the step."""
    action = succeed(world)
    assert not world.pending
    world.succeed("gateway", times=3)
    settle = ends(world)
    assert (settle.helped, settle.settles, settle.made) == (True, action.action_id, MADE)
    assert settle.expected_run is not None
    assert settle.expected_run.container_id == "id-c-gateway"
    assert (settle.options, settle.timeout, settle.destroys) == ("options", RECREATE.timeout, False)
    assert not world.engine.durable.settlings
    assert not world.engine.durable.open()


def test_what_did_not_help_is_put_back(world: World) -> None:
    """When its verification is over, and nothing else is done to the target until that has ended."""
    succeed(world)
    world.fail("gateway", times=int(RECREATE.verify_within) + 1)
    assert world.of(r.AttemptFailed)
    assert [request.helped for request in world.pending] == [False]
    world.fail("gateway", times=300)
    assert gate(world) is Gate.IN_FLIGHT
    assert len(world.pending) == 1
    ends(world)
    assert not world.engine.durable.settlings
    world.fail("gateway", times=30)
    assert [request.action for request in world.pending] == ["docker.recreate"]


def test_nobody_is_told_of_the_end_before_it_is_put_back(world: World) -> None:
    """What comes next is decided of what is there then: in the one that is taken away a step may have no reason."""
    spent = remedy(replace(RECREATE, attempts=1), EscalateStep("lead"), budget=Budget(9, 3600.0))
    world.send(ev.PolicyChanged(policy(dependency("gateway", grace=0.0), fix=spent)))
    succeed(world)
    world.fail("gateway", times=int(RECREATE.verify_within) + 1)
    assert world.of(r.AttemptFailed)
    assert not world.of(r.Escalated)
    ends(world)
    world.fail("gateway", times=3)
    assert world.of(r.Escalated)


def test_what_is_put_back_is_nobodys_stop_and_nobodys_start(world: World) -> None:
    """The signals that end the new one are ours, and so is the run of the old one: no hold, no person, no flapping."""
    succeed(world)
    world.fail("gateway", times=int(RECREATE.verify_within) + 1)
    world.pass_time(1.0)
    kill, die = world.event("gateway", "kill", 15), world.event("gateway", "die")
    for event in (kill, die):
        world.send(ev.ContainerActed(event))
    began = world.engine.trackers["gateway"].container
    assert began is not None
    ended = ContainerStatus(RunState.EXITED, MADE, began.started_at, world.utc, 143)
    world.send(ev.ContainerSeen("c-gateway", ended, Past((kill, die), EVER)))
    ends(world)
    assert not world.engine.durable.holds
    assert not world.of(r.HoldPlaced)
    assert not [each for each in world.of(r.RunChanged) if isinstance(each, r.RunChanged) and each.ordered]


@pytest.mark.parametrize("outcome", [ActionOutcome.FAILED, ActionOutcome.REFUSED])
def test_what_has_failed_leaves_nothing(world: World, outcome: ActionOutcome) -> None:
    """It has taken back what it did by itself."""
    world.finish(outcome)
    assert not world.pending
    assert not world.engine.durable.settlings


@pytest.mark.parametrize("outcome", [ActionOutcome.TIMED_OUT, ActionOutcome.UNKNOWN])
def test_what_nobody_knows_is_made_whole_at_once(world: World, outcome: ActionOutcome) -> None:
    """No verification is waited for: perhaps nothing runs."""
    world.finish(outcome)
    settle = ends(world)
    assert settle.helped is None
    assert not world.engine.durable.settlings
    world.succeed("gateway", times=3)
    assert not world.engine.durable.open()


def test_a_daemon_that_dies_in_the_middle_makes_it_whole(world: World) -> None:
    """The old one's id was on disk with the intent."""
    world.kill_daemon()
    (settle,) = world.pending
    assert settle.helped is None
    assert settle.expected_run is not None
    assert settle.expected_run.container_id == "id-c-gateway"


def see(world: World, container_id: str, started: datetime, *past: ContainerEvent) -> None:
    """That run goes on, with all that Docker remembers of it."""
    status = ContainerStatus(RunState.RUNNING, container_id, started)
    world.send(ev.ContainerSeen("c-gateway", status, Past(past, EVER)))


def test_a_new_one_that_nobody_knew_of_is_ended_by_nobody_but_us(world: World) -> None:
    """It had been started when the daemon died: the signal that takes it away again is no person's stop."""
    world.pass_time(2.0)
    started = world.utc
    world.pass_time(1.0)
    world.kill_daemon()
    see(world, MADE, started)
    world.pass_time(1.0)
    world.send(ev.ContainerActed(world.event("gateway", "kill", 15)))
    ends(world)
    assert not world.of(r.HoldPlaced)
    assert not world.engine.durable.settlings


def test_daemons_that_die_one_after_the_other_send_signals_of_their_own(world: World) -> None:
    """Each stops it once more, and none of these stops is a person's."""
    world.pass_time(2.0)
    started = world.utc
    told: list[ContainerEvent] = []
    for _ in range(3):
        world.pass_time(1.0)
        world.kill_daemon()
        see(world, MADE, started, *told)
        world.pass_time(1.0)
        told.append(world.event("gateway", "kill", 15))
        world.send(ev.ContainerActed(told[-1]))
    ends(world)
    assert not world.of(r.HoldPlaced)
    assert not world.engine.durable.settlings


def test_who_stops_the_new_one_before_it_is_put_back_is_somebody(world: World) -> None:
    """The action sends no signal to what it has started itself."""
    world.pass_time(2.0)
    started = world.utc
    world.pass_time(1.0)
    theirs = world.event("gateway", "kill", 15)
    world.pass_time(1.0)
    world.kill_daemon()
    see(world, MADE, started, theirs)
    assert world.of(r.HoldPlaced)


@pytest.mark.parametrize("killed", [False, True])
def test_a_stop_that_takes_its_time_is_ours_twice(world: World, killed: bool) -> None:
    """Docker goes on with that of a daemon that died, and what puts back orders another: nobody undid anything."""
    began = world.engine.trackers["gateway"].container
    assert began is not None
    assert began.started_at is not None
    world.pass_time(1.0)
    first = world.event("gateway", "kill", 15)
    world.pass_time(1.0)
    world.kill_daemon()
    see(world, "id-c-gateway", began.started_at, first)
    told = [first]
    for signal in (15, 9) if killed else (15,):
        world.pass_time(1.0)
        told.append(world.event("gateway", "kill", signal))
        world.send(ev.ContainerActed(told[-1]))
    world.pass_time(1.0)
    see(world, "id-c-gateway", world.utc, *told)
    world.send(ev.ActionFinished(world.pending.pop(0), ActionResult(ActionOutcome.SUCCEEDED)))
    assert not world.of(r.HoldPlaced)
    assert not world.engine.durable.settlings


def test_a_stop_of_the_new_one_that_takes_its_time_is_ours_twice(world: World) -> None:
    """It did not help, and the daemon died while it was taken away: no person is stopping it, and nothing waits."""
    succeed(world)
    made = world.engine.trackers["gateway"].container
    assert made is not None
    assert made.started_at is not None
    world.fail("gateway", times=int(RECREATE.verify_within) + 1)
    world.pass_time(1.0)
    first = world.event("gateway", "kill", 15)
    world.pass_time(1.0)
    world.kill_daemon()
    see(world, MADE, made.started_at, first)
    world.pass_time(1.0)
    world.send(ev.ContainerActed(world.event("gateway", "kill", 15)))
    ends(world)
    assert not world.of(r.HoldPlaced)
    assert not world.engine.durable.settlings


def test_a_daemon_that_dies_while_it_verifies_goes_on_with_that(world: World) -> None:
    """What was made is known, and the verdict is still to come."""
    succeed(world)
    world.kill_daemon()
    assert not world.pending
    runs(world, MADE)
    world.succeed("gateway", times=3)
    assert [(request.helped, request.made) for request in world.pending] == [(True, MADE)]


def test_a_daemon_that_dies_while_it_puts_back_does_so_anew(world: World) -> None:
    """With the same verdict, and a number of its own."""
    succeed(world)
    world.fail("gateway", times=int(RECREATE.verify_within) + 1)
    (first,) = world.pending
    world.kill_daemon()
    (second,) = world.pending
    assert (second.helped, second.made) == (False, MADE)
    assert second.action_id != first.action_id


def test_what_fails_is_tried_again_and_then_told(world: World) -> None:
    """A few times, ever later; then a person learns what is left over, once."""
    succeed(world)
    world.fail("gateway", times=int(RECREATE.verify_within) + 1)
    for seconds in AGAIN_AFTER:
        ends(world, ActionOutcome.FAILED, "web-nemo-old is left")
        assert not world.pending
        assert gate(world) is Gate.IN_FLIGHT
        world.wait(seconds + 0.1)
    assert not world.of(r.LeftOver)
    ends(world, ActionOutcome.FAILED, "web-nemo-old is left")
    (told,) = [each for each in world.told(NotificationKind.ESCALATED) if "left over" in each.title]
    assert "web-nemo-old is left" in told.body
    assert told.contacts == ("lead",)
    assert not world.engine.durable.settlings


def test_a_late_answer_of_another_order_ends_nothing(world: World) -> None:
    """Only the order that is under way does."""
    succeed(world)
    world.fail("gateway", times=int(RECREATE.verify_within) + 1)
    (request,) = world.pending
    other = replace(request, action_id="another")
    world.send(ev.ActionFinished(other, ActionResult(ActionOutcome.SUCCEEDED)))
    assert world.engine.durable.settlings


def test_nothing_is_put_back_under_the_hands_of_people(world: World) -> None:
    """A person has paused it: what is to be put back waits; what serves by then is not put back at all."""
    succeed(world)
    world.send(ev.PauseAsked("gateway", "looking", "ada"))
    world.fail("gateway", times=int(RECREATE.verify_within) + 1)
    assert not world.pending
    (settling,) = world.engine.durable.settlings.values()
    assert settling.helped is Helped.NO
    world.succeed("gateway", times=3)
    world.send(ev.ResumeAsked("gateway", "ada"))
    assert [request.helped for request in world.pending] == [True]


def test_what_is_paused_is_put_back_when_the_pause_is_over(world: World) -> None:
    """And not forgotten."""
    succeed(world)
    world.send(ev.PauseAsked("gateway", "looking", "ada", 100.0))
    world.fail("gateway", times=int(RECREATE.verify_within) + 1)
    assert not world.pending
    world.wait(101.0)
    assert [request.helped for request in world.pending] == [False]


def test_without_a_journal_nothing_is_ordered(world: World) -> None:
    """An order must be on disk first."""
    succeed(world)
    world.send(ev.JournalChanged("disk full"))
    world.fail("gateway", times=int(RECREATE.verify_within) + 1)
    assert not world.pending
    world.send(ev.JournalChanged(""))
    assert [request.helped for request in world.pending] == [False]


def test_what_the_policy_names_no_more_is_made_whole(world: World) -> None:
    """Nobody will ever know whether it helped."""
    succeed(world)
    world.send(ev.PolicyChanged(policy(dependency("other"))))
    (settle,) = world.pending
    assert (settle.helped, settle.options) == (None, None)
    world.send(ev.ActionFinished(settle, ActionResult(ActionOutcome.SUCCEEDED)))
    assert not world.engine.durable.settlings


def test_the_records_alone_say_the_same(world: World) -> None:
    """What is remembered is what the journal gives back."""
    succeed(world)
    before = dict(world.engine.durable.settlings)
    world.kill_daemon()
    assert world.engine.durable.settlings == before
