"""What people read: complete sentences, each fact once, to those whom the policy names."""

from __future__ import annotations

from dataclasses import replace

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.notices import what
from nemo_watchdog.engine.replay import rebuild
from nemo_watchdog.engine.states import State
from nemo_watchdog.model import (
    ActionOutcome,
    Autonomy,
    Category,
    Health,
    Notification,
    NotificationKind,
    Reason,
    RunState,
    failed,
)
from nemo_watchdog.policy.policy import Backoff, EscalateStep, Rule
from tests.unit.engine.world import RESTART, World, dependency, policy, remedy


def test_a_state_reads_as_one_phrase() -> None:
    """With as much of why as is known."""
    assert what(State(Health.UP)) == "up"
    refused = State(Health.DOWN, Category.FAULT, Reason.REFUSED, "nobody listens")
    assert what(refused) == "down: refused (nobody listens)"


SEV1 = "SEV1 Complete outage by the rule outage."


def only(world: World, kind: NotificationKind) -> Notification:
    (notification,) = world.told(kind)
    return notification


def test_the_story_of_one_restart() -> None:
    """What happened, what was done, what happens next: four messages, each with its own key."""
    world = World(policy(dependency("gateway", grace=0.0)))
    world.crash("gateway")
    world.finish()
    world.succeed("gateway")
    opened = only(world, NotificationKind.OPENED)
    assert opened.title == "[SEV1] gateway is down"
    assert "gateway is down: exited (container exited with code 1)." in opened.body
    assert "SEV1 Complete outage by the rule outage. Respond within 15m." in opened.body
    assert opened.body.endswith("Next: acting now.")
    started = only(world, NotificationKind.ACTION_STARTED)
    assert "Doing docker.restart on c-gateway, attempt 1." in started.body
    assert "healthy within 20s" in started.body
    finished = only(world, NotificationKind.ACTION_FINISHED)
    assert finished.body == f"docker.restart on c-gateway succeeded.\n{SEV1}\nNext: looking again."
    resolved = only(world, NotificationKind.RESOLVED)
    assert resolved.body.startswith("gateway up again after ")
    assert "; 1 action taken." in resolved.body
    keys = [notification.key for notification in world.notifications]
    assert len(keys) == len(set(keys)) == 4


def test_a_failed_action_says_why_and_when_it_goes_on() -> None:
    """The backoff is in the message."""
    step = replace(RESTART, backoff=Backoff(30.0, 2.0, 300.0, 0.0))
    world = World(policy(dependency("gateway"), fix=remedy(step)))
    world.crash("gateway")
    world.finish(ActionOutcome.FAILED)
    assert only(world, NotificationKind.ACTION_FINISHED).body.endswith(f"failed.\n{SEV1}\nNext: backing off 30s.")


def test_an_escalation_goes_to_the_one_it_names() -> None:
    """And says that nothing more is tried, and what would change that."""
    world = World(policy(dependency("gateway"), fix=remedy(EscalateStep("lead"))))
    world.crash("gateway")
    escalated = only(world, NotificationKind.ESCALATED)
    assert escalated.contacts == ("lead",)
    assert escalated.title == "[SEV1] gateway needs a person"
    assert "The policy asks for a person." in escalated.body
    assert "nothing more is tried until it has served again" in escalated.body
    assert "`nemo-watchdog retry gateway`" in escalated.body


def test_a_suggestion_names_the_act_and_says_that_it_was_not_done() -> None:
    """Once, however long it stays down."""
    world = World(policy(dependency("gateway", autonomy=Autonomy.SUGGEST)))
    world.crash("gateway")
    world.fail("gateway", times=20)
    suggested = only(world, NotificationKind.SUGGESTED)
    (proposed,) = world.of(r.Proposed)
    assert isinstance(proposed, r.Proposed)
    assert "Suggested: docker.restart of c-gateway, which ended at 2026-01-05 12:00:03 UTC; it may take 1m10s." in (
        suggested.body
    )
    assert f"until 2026-01-05 13:00:03 UTC: `nemo-watchdog approve {proposed.proposal}` has it done" in suggested.body
    assert f"`nemo-watchdog reject {proposed.proposal} --reason …`" in suggested.body
    assert "Nothing was done" in suggested.body


def test_what_a_person_stopped_is_told_as_left_alone() -> None:
    """With what ends it."""
    world = World(policy(dependency("gateway")))
    world.stopped_by_hand("gateway")
    world.fail("gateway", Reason.REFUSED, times=5)
    held = only(world, NotificationKind.HELD)
    assert "somebody stopped the container through Docker (signal 15)" in held.body
    assert "Nothing was done, on purpose." in held.body


def test_what_was_taken_off_its_network_is_told_as_left_alone() -> None:
    """It runs, so that it cannot be asked to run again."""
    world = World(policy(dependency("gateway")))
    world.see("gateway", RunState.RUNNING, off_network="app")
    world.fail("gateway", Reason.REFUSED, times=4)
    held = only(world, NotificationKind.HELD)
    assert "somebody took the container off its network app" in held.body
    assert held.body.endswith("Next: nothing, until the container is on its network again.")


def test_what_is_held_at_the_opening_says_so() -> None:
    """The gate and its value are in the first message."""
    world = World(policy(dependency("gateway")))
    world.send(ev.PauseAsked("*", "deploying", "ops"))
    world.crash("gateway")
    assert "Next: nothing for now: ops paused everything: deploying." in only(world, NotificationKind.OPENED).body


def test_contacts_are_those_of_the_severity_and_of_the_rule_each_once() -> None:
    """In that order."""
    plan = policy(dependency("gateway"))
    first = plan.classification[0]
    rule = Rule(first.name, first.severity, first.when, ("security", "lead"))
    world = World(replace(plan, classification=(rule, *plan.classification[1:])))
    world.crash("gateway")
    assert only(world, NotificationKind.OPENED).contacts == ("on-call", "lead", "security")


def test_without_a_contact_nothing_is_queued() -> None:
    """The journal and the metrics tell it all the same."""
    plan = policy(dependency("gateway"))
    silent = {severity: replace(spec, notify=()) for severity, spec in plan.severities.items()}
    world = World(replace(plan, severities=silent))
    world.crash("gateway")
    assert world.notifications == []
    assert world.engine.durable.open()


def test_a_reopened_incident_is_told_again_under_a_key_of_its_own() -> None:
    """The same fact is told once; that it came back is another fact."""
    world = World(policy(dependency("gateway", grace=0.0)))
    world.crash("gateway")
    world.finish()
    world.succeed("gateway")
    world.crash("gateway")
    first, again = world.told(NotificationKind.OPENED)
    assert first.incident == again.incident
    assert first.key != again.key
    assert again.title == "[SEV1] gateway is down again"
    assert "It is the same incident, reopened once." in again.body


def test_how_often_it_came_back_is_counted_in_words() -> None:
    """As people say it."""
    world = World(policy(dependency("gateway", grace=0.0, flapping=None)))
    for _ in range(4):
        world.crash("gateway")
        world.wait(60.0)
        world.finish()
        world.succeed("gateway")
    said = [told.body.splitlines()[1] for told in world.told(NotificationKind.OPENED)[1:]]
    assert said == [f"It is the same incident, reopened {times}." for times in ("once", "twice", "3 times")]


def test_an_end_counts_time_and_actions_of_the_same_trouble() -> None:
    """Since it began to fail, which is before anybody was told; those of the trouble before are told as such."""
    world = World(policy(dependency("gateway", grace=0.0)))
    world.fail("gateway")
    world.finish()
    world.wait(5.0)
    world.succeed("gateway")
    assert only(world, NotificationKind.RESOLVED).body.startswith("gateway up again after 9.01s; 1 action taken.")
    world.wait(60.0)
    world.fail("gateway")
    world.wait(10.0)
    world.finish()
    world.fail("gateway")
    world.wait(60.0)
    world.finish()
    world.succeed("gateway")
    _, last = world.told(NotificationKind.RESOLVED)
    said = last.body.partition("; ")
    assert said[2].startswith("2 actions taken; the incident was reopened once, 3 actions in all.")
    assert world.of(r.IncidentResolved)[-1].seconds > 30.0  # type: ignore[attr-defined]
    assert rebuild([(at, record.body()) for at, record in world.records]) == world.engine.durable


def test_what_was_unseen_was_so_since_the_first_blind_look() -> None:
    """Not since it was told, a minute later."""
    world = World(policy(dependency("gateway", remedy=None)))
    world.look("gateway", failed(Reason.AUTH_FAILED, "refused"), times=75)
    world.succeed("gateway")
    assert only(world, NotificationKind.RESOLVED).body.startswith("gateway up again after 1m16s;")


def test_what_the_policy_no_longer_names_is_not_called_up() -> None:
    """Nobody looks at it: its last state, and who must look, are told."""
    world = World(policy(dependency("gateway", remedy=None), dependency("redis", remedy=None)))
    world.fail("gateway")
    world.send(ev.PolicyChanged(policy(dependency("redis", remedy=None))))
    assert not world.told(NotificationKind.RESOLVED)
    told = only(world, NotificationKind.UNWATCHED)
    assert told.title == "[SEV2] gateway is not watched any more"
    assert told.body.splitlines() == [
        "Not seen up for 2.01s; no action taken.",
        GONE,
        "SEV2 Major degradation by the rule down.",
        "Next: the watchdog looks at it no more; whether gateway serves, a person must see.",
    ]


GONE = (
    "gateway is not watched any more: the policy does not name it. "
    "It was down: wrong_status (test: wrong_status) when it was last seen."
)


def test_who_is_up_and_who_is_not_watched_are_told_apart() -> None:
    """In one incident."""
    gateway = dependency("gateway", needs=["postgres"], remedy=None)
    world = World(policy(dependency("postgres", remedy=None), gateway))
    world.fail("postgres")
    world.fail("gateway")
    world.send(ev.PolicyChanged(policy(dependency("postgres", remedy=None))))
    world.succeed("postgres")
    told = only(world, NotificationKind.UNWATCHED)
    assert told.title == "[SEV1] postgres is up again"
    assert "postgres up again after " in told.body
    assert "gateway is not watched any more" in told.body
    assert world.of(r.IncidentResolved)[-1].why == "every member that the policy still watches is up"  # type: ignore[attr-defined]


def test_many_actions_are_counted_in_the_plural() -> None:
    """And none is said as none."""
    world = World(policy(dependency("a", grace=0.0, remedy=None)))
    world.fail("a")
    world.succeed("a")
    assert "; no action taken." in only(world, NotificationKind.RESOLVED).body
    world = World(policy(dependency("a", grace=0.0)))
    world.crash("a")
    world.finish(ActionOutcome.FAILED)
    world.wait(10.0)
    world.finish()
    world.succeed("a")
    assert "; 2 actions taken." in only(world, NotificationKind.RESOLVED).body
