"""When much fails at once, what is shared is suspected: one incident, one message, nothing that runs is restarted."""

from __future__ import annotations

from dataclasses import replace

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.together import SETTLES_WITHIN, SPREAD
from nemo_watchdog.model import (
    ActionOutcome,
    Gate,
    Health,
    NotificationKind,
    Reason,
    RunState,
    Severity,
    Told,
    Verdict,
    degraded,
    failed,
    ok,
)
from nemo_watchdog.policy.policy import Budget
from tests.unit.engine.storm.parts import LIMITS, STORM, Platform, chain, heal_what_was_started, many, plan
from tests.unit.engine.test_cost import cost_of_a_look
from tests.unit.engine.world import dependency

SIX = [f"d{number}" for number in range(6)]


def test_six_that_fail_together_are_one_incident_and_nothing_that_runs_is_restarted() -> None:
    """The outage: a firewall rule cut six published ports, and ten containers were restarted in six seconds."""
    world = Platform(*many(6))
    world.fail_together(SIX)
    world.wait(60.0)
    world.fail_together(SIX, times=30)
    assert not world.started
    (incident,) = world.engine.durable.open()
    assert set(incident.members) == set(SIX)
    assert incident.severity is Severity.SEV1
    (told,) = world.notifications
    assert told.body.startswith("6 of 6 fail together: d0, d1, d2, d3, d4 and d5.\n")
    assert "The containers run while every look fails: the network or this host is suspected." in told.body
    assert "SEV1 Complete outage by the rule outage. Respond within 15m." in told.body
    assert "Next: nothing that runs is restarted while this lasts" in told.body
    decision = world.engine.decision("d3", world.now)
    assert decision is not None
    assert (decision.verdict, decision.gate) == (Verdict.WAIT, Gate.STORM)


def test_it_is_over_with_its_cause_and_told_once() -> None:
    """Two messages in all: it began, it is over."""
    world = Platform(*many(6))
    world.fail_together(SIX)
    world.come_back(SIX)
    assert world.all_up()
    assert not world.engine.durable.open()
    assert [each.kind for each in world.notifications] == [NotificationKind.OPENED, NotificationKind.RESOLVED]
    assert len(world.of(r.StormEnded)) == 1
    assert not world.started


def test_what_is_told_of_the_storm_is_not_told_of_each() -> None:
    """Facts that are news, and why they are told or not, are counted all the same."""
    world = Platform(*many(6))
    world.fail_together(SIX)
    words = [word for effects in world.effects for _, word in effects.told]
    assert words == [Told.STORM, Told.QUEUED]


def test_what_runs_is_neither_told_nor_restarted_before_enough_others_were_seen_to_serve() -> None:
    """And it is as soon as they were: one look at others is the whole delay."""
    world = Platform(*many(6))
    world.asked()
    world.fail("d0", Reason.REFUSED, times=3)
    assert not world.started
    assert not world.notifications
    asked = world.asked() - {"d0"}
    assert len(asked) == 3  # with three that serve, no more than three can fail
    for name in sorted(asked):
        assert not world.started
        world.look(name, ok(), every=0.001)
    assert world.started_names() == ["d0"]
    assert [each.kind for each in world.notifications] == [NotificationKind.OPENED, NotificationKind.ACTION_STARTED]


def test_looks_that_were_made_since_the_failure_began_need_not_be_asked_for() -> None:
    """A platform that is watched closely answers by itself."""
    world = Platform(*many(6))
    world.fail("d0", Reason.REFUSED, times=2)
    world.looks(SIX[1:], ok())
    world.asked()
    world.fail("d0", Reason.REFUSED, times=1)
    assert world.started_names() == ["d0"]
    assert not world.asked() - {"d0"}


def test_looks_that_never_come_hold_nothing_up_for_long() -> None:
    """The longest timeout of a look, and a second."""
    world = Platform(*many(6))
    world.fail("d0", Reason.REFUSED, times=3)
    world.wait(3.9)
    assert not world.started
    world.wait(0.2)
    assert world.started_names() == ["d0"]


def test_others_that_turn_out_to_fail_too_make_it_a_storm_before_anything_was_done() -> None:
    """The question is asked because of this."""
    world = Platform(*many(6))
    world.fail("d0", Reason.REFUSED, times=3)
    world.fail_together(sorted(world.asked() - {"d0"}))
    assert len(world.storms()) == 1
    assert not world.started


def test_what_has_exited_is_started_without_a_question() -> None:
    """Nothing is taken away by a start."""
    world = Platform(*many(6))
    world.crash("d0")
    assert world.started_names() == ["d0"]


def test_all_that_die_at_once_come_back_in_the_order_of_needs_and_one_at_a_time() -> None:
    """Whichever end is heard first, and although the policy lets five act at once: looks and dies in one moment."""
    world = chain()
    world.die_together(["gateway", "gemma", "postgres", "redis", "search"])
    world.wait(0.0)
    assert len(world.storms()) == 1
    assert world.started_names() == ["gemma"]  # before it was known
    for _ in range(8):
        if world.pending:
            heal_what_was_started(world)
        assert len(world.pending) <= 1
        world.wait(1.0)
    order = world.started_names()
    assert sorted(order) == ["gateway", "gemma", "postgres", "redis", "search"]
    assert order.index("gateway") > max(order.index("postgres"), order.index("redis"))
    assert world.all_up()
    assert not world.engine.durable.open()
    kinds = [each.kind for each in world.notifications]
    assert kinds.count(NotificationKind.OPENED) == 3  # two before anybody could know, and the storm
    assert kinds.count(NotificationKind.RESOLVED) == 1
    assert len(kinds) == 5  # and the start of the second


def test_a_child_that_ended_first_waits_for_a_look_at_what_it_needs() -> None:
    """Its end is heard a moment before theirs."""
    world = chain()
    world.asked()
    world.crash("gateway")
    assert not world.started
    assert world.asked() >= {"postgres", "redis"}
    world.pass_time(0.05)
    world.looks(["postgres", "redis"], ok())
    world.wait(0.0)
    assert world.started_names() == ["gateway"]


def test_half_dead_and_half_cut_off_the_dead_are_started_and_the_others_left() -> None:
    """Also what needs one that is only cut off from here."""
    world = Platform(*many(5), dependency("d5", needs=["d0"], grace=0.0), published=True)
    for _ in range(3):
        world.fail_together(["d0", "d1", "d2"], times=1)
    world.die_together(["d3", "d4", "d5"])
    assert set(world.witnesses) == {"d0", "d1", "d2"}
    world.witness(["d0", "d1", "d2"])
    for _ in range(4):
        world.wait(0.0)
        if world.pending:
            heal_what_was_started(world)
        world.fail_together(["d0", "d1", "d2"], times=1)
    assert sorted(world.started_names()) == ["d3", "d4", "d5"]
    assert {name: world.health(name) for name in SIX[3:]} == dict.fromkeys(SIX[3:], Health.UP)
    world.wait(STORM.hold)
    world.fail_together(["d0", "d1", "d2"], times=60)
    assert len(world.started) == 3
    assert world.gate("d0") == Gate.BLIND


def test_what_answers_elsewhere_cannot_be_reached_from_here_and_is_left() -> None:
    """One message says so, and how grave that is; the storm may be over long before, and nothing is restarted."""
    world = Platform(*many(6), published=True)
    world.fail_together(SIX, times=2)
    assert sorted(world.witnesses) == SIX
    world.witness(SIX)
    world.fail_together(SIX, times=1)
    (incident,) = world.engine.durable.open()
    assert (incident.severity, incident.rule) == (Severity.SEV1, "cannot-be-reached")
    state = world.engine.trackers["d0"].state
    assert (state.health, state.reason) == (Health.UNKNOWN, Reason.UNREACHABLE_FROM_HERE)
    assert state.detail == "cannot be reached from here: it takes connections at 172.18.0.2:80"
    (told,) = world.notifications
    assert "6 take connections at another address and cannot be reached from here" in told.body
    world.fail_together(SIX, times=300)
    world.come_back(SIX)
    assert not world.started
    assert not world.engine.durable.open()
    assert len(world.notifications) == 2


def test_a_witness_is_asked_again_and_believed_when_it_changes_its_mind() -> None:
    """What hung meanwhile takes connections nowhere; of a busy host one answer may be lost."""
    world = Platform(*many(6), published=True)
    world.fail_together(SIX)
    world.witness(SIX)
    asked = len(world.witnesses)
    world.fail_together(SIX, times=20)
    assert len(world.witnesses) == asked + 6
    for believed in (Reason.UNREACHABLE_FROM_HERE, Reason.REFUSED):
        world.witness(["d0"], "")
        assert world.engine.trackers["d0"].state.reason is believed
    assert world.gate("d0") == Gate.STORM


def test_an_answer_takes_back_that_it_cannot_be_reached() -> None:
    """HTTP 500 has come over the way that was cut."""
    world = Platform(*many(6), published=True)
    world.fail_together(SIX)
    world.witness(SIX)
    world.fail_together(["d0"], Reason.WRONG_STATUS)
    assert world.engine.trackers["d0"].state.reason is Reason.WRONG_STATUS


def test_what_a_witness_says_of_something_that_serves_again_is_nothing() -> None:
    world = Platform(*many(6), published=True)
    world.fail_together(SIX)
    world.come_back(SIX)
    world.witness(SIX)
    assert world.all_up()


def test_it_is_told_with_what_is_known_when_the_witness_never_answers() -> None:
    world = Platform(*many(6), published=True)
    world.fail_together(SIX)
    assert not world.notifications
    world.wait(SETTLES_WITHIN)
    (told,) = world.notifications
    assert "The containers run while every look fails" in told.body


def test_who_answers_is_not_asked_for_elsewhere() -> None:
    """HTTP 500 comes over a way that works."""
    world = Platform(*many(6), published=True)
    world.fail_together(SIX, Reason.WRONG_STATUS)
    assert not world.witnesses
    assert len(world.notifications) == 1


def test_what_still_needs_help_when_it_is_over_gets_it_one_at_a_time_and_not_at_once() -> None:
    """Each waits for a time of its own, and then for the others."""
    world = Platform(*many(6))
    world.fail_together(SIX)
    world.come_back(SIX[3:])
    world.fail_together(SIX[:3], times=1)
    while not world.of(r.StormEnded):
        world.wait(1.0)
        world.looks(SIX[3:], ok())
    ended = world.monotonic
    assert ended - 1000.0 >= STORM.hold
    assert not world.started
    for _ in range(60):
        world.fail_together(SIX[:3], times=1)
        world.looks(SIX[3:], ok())
        world.wait(0.0)
        assert len(world.pending) <= 1
        if world.pending:
            heal_what_was_started(world)
    assert sorted(set(world.started_names())) == SIX[:3]
    assert world.started[0][0] <= ended + SPREAD + 5.0


def test_a_storm_outlives_the_daemon_and_is_not_told_again() -> None:
    """What nobody has looked at yet may fail: a start ends no storm."""
    world = Platform(*many(6))
    world.fail_together(SIX)
    world.kill_daemon()
    for name in SIX:
        world.see(name, RunState.RUNNING)
    assert not world.of(r.StormEnded)
    world.fail_together(SIX, times=30)
    assert not world.started
    assert len(world.storms()) == 1
    assert len(world.notifications) == 1
    world.come_back(SIX)
    assert [each.kind for each in world.notifications] == [NotificationKind.OPENED, NotificationKind.RESOLVED]


def test_a_person_may_have_one_restarted_all_the_same_and_that_one_alone() -> None:
    world = Platform(*many(6))
    world.fail_together(SIX)
    world.send(ev.RetryAsked("d2", "it hangs, I saw it", "ops"))
    assert world.started_names() == ["d2"]
    world.finish()
    world.fail_together(SIX, times=60)
    assert world.started_names() == ["d2"]


def test_incidents_that_were_open_for_its_members_are_merged_into_the_first() -> None:
    """Two were told one by one before the third failed; from then on they are one."""
    world = Platform(*many(6, remedy=None))
    for name in SIX[:2]:
        world.fail_together([name])
        world.looks(SIX[2:], ok())
        world.wait(0.0)
    assert len(world.engine.durable.open()) == 2
    world.fail_together(SIX[2:])
    world.fail_together(SIX, times=1)
    (incident,) = world.engine.durable.open()
    assert incident.root == "d0"
    assert set(incident.members) == set(SIX)
    assert "6 of 6 fail together" in world.notifications[-1].title
    assert len(world.notifications) == 3


def test_a_new_daemon_that_has_not_looked_yet_tells_of_nobody() -> None:
    """It was killed between the record that a storm began and the words about it, with an incident open from before."""
    world = Platform(*many(6, remedy=None))
    world.fail("d0", times=3)
    world.looks(SIX[1:], ok())
    world.fail_together(SIX[1:], Reason.TIMEOUT, times=1)
    assert world.storms()
    told = len(world.notifications)
    world.kill_daemon()
    world.wait(60.0)
    assert len(world.notifications) == told
    world.fail_together(SIX)
    assert world.notifications[told].title == "[SEV2] 4 of 6 fail together"


def test_what_is_slow_or_busy_with_the_others_belongs_to_it() -> None:
    """A host that is ill makes some fail and others slow: that is one trouble. What a person stopped is not."""
    world = Platform(*many(9))
    world.stopped_by_hand("d8")
    for _ in range(4):
        world.fail_together(SIX, times=1)
        world.looks(["d6"], degraded(Reason.SLOW, "took 900 ms"))
        world.looks(["d7"], failed(Reason.OVERLOADED, "it works"))
        world.looks(["d8"], failed(Reason.REFUSED, "nothing listens there"))
    first, second = sorted(world.engine.durable.open(), key=lambda incident: len(incident.members))
    assert (set(first.members), set(second.members)) == ({"d8"}, {*SIX, "d6", "d7"})


def test_a_member_that_fails_later_joins_whatever_it_needs() -> None:
    world = Platform(*many(6), dependency("late", needs=["d0"], grace=0.0), dependency("later", grace=0.0))
    world.fail_together(SIX)
    world.fail_together(["late", "later"])
    (incident,) = world.engine.durable.open()
    assert {"late", "later"} <= set(incident.members)
    assert [each.kind for each in world.notifications] == [NotificationKind.OPENED, NotificationKind.SEVERITY_CHANGED]


def test_severity_that_rises_later_is_told() -> None:
    """Five of seven, and then the last two: the rule about all of them holds only then."""
    world = Platform(*many(7))
    names = [*SIX, "d6"]
    world.fail_together(SIX[:5])
    assert world.notifications[0].severity is Severity.SEV2
    world.fail_together(["d5", "d6"])
    assert [each.kind for each in world.notifications] == [NotificationKind.OPENED, NotificationKind.SEVERITY_CHANGED]
    world.come_back(names)
    assert len(world.notifications) == 3


def test_waiting_for_the_budget_of_all_actions_is_told_of_one_of_them() -> None:
    """Of the second that died before anybody could know, and once for all of them."""
    world = Platform(*many(6), limits=replace(LIMITS, budget=Budget(1, 3600.0)))
    world.die_together(SIX)
    world.wait(0.0)
    heal_what_was_started(world)
    world.wait(5.0)
    assert len([each for each in world.notifications if each.kind is NotificationKind.HELD]) == 2
    assert {world.gate(name) for name in SIX[1:]} == {Gate.BUDGET}


def test_of_three_hundred_that_die_at_once_the_first_two_are_told_of_and_then_all() -> None:
    """Nobody can know of the first that it is not alone; from the third on it is asked."""
    world = Platform(*many(300))
    names = list(world.engine.trackers)
    world.die_together(names)
    world.wait(0.0)
    (incident,) = world.engine.durable.open()
    assert len(incident.members) == 300
    told = [each.kind for each in world.notifications]
    assert told.count(NotificationKind.OPENED) == 3
    assert "300 of 300 fail together" in world.notifications[-1].title
    assert len(world.of(r.IncidentOpened)) == 2


def test_an_action_that_fails_in_it_is_told() -> None:
    world = Platform(*many(6))
    world.die_together(SIX)
    world.wait(0.0)
    world.finish(ActionOutcome.SUCCEEDED)
    world.finish(ActionOutcome.FAILED) if world.pending else None
    world.succeed(world.started_names()[0])
    world.wait(0.0)
    world.finish(ActionOutcome.FAILED)
    assert world.notifications[-1].kind is NotificationKind.ACTION_FINISHED


def test_a_policy_that_looks_for_none_any_more_ends_it() -> None:
    world = Platform(*many(6))
    world.fail_together(SIX)
    world.send(ev.PolicyChanged(plan(*many(6), limits=replace(LIMITS, storm=None))))
    assert len(world.of(r.StormEnded)) == 1
    world.wait(SPREAD)
    world.fail_together(SIX, times=3)
    assert world.started


def test_with_it_turned_off_nobody_is_asked() -> None:
    world = Platform(*many(6), limits=replace(LIMITS, storm=None))
    world.asked()
    world.fail("d0", Reason.REFUSED, times=3)
    assert world.started_names() == ["d0"]
    assert not world.asked() - {"d0"}


def test_a_moment_without_any_way_is_told_to_nobody() -> None:
    """As for one: what cannot be seen is told after a minute, and many are one incident then."""
    world = Platform(*many(6))
    world.fail_together(SIX, Reason.NETWORK_UNREACHABLE, times=20)
    assert len(world.storms()) == 1
    assert not world.notifications
    world.fail_together(SIX, Reason.NETWORK_UNREACHABLE, times=50)
    assert len(world.engine.durable.open()) == 1
    assert [each.kind for each in world.notifications] == [NotificationKind.OPENED]
    assert not world.started


def test_a_look_in_a_storm_costs_the_same_however_many_fail() -> None:
    """It must not grow with what else is failing."""

    def cost(size: int) -> int:
        world = Platform(*many(size))
        names = list(world.engine.trackers)
        world.fail_together(names)
        world.wait(SETTLES_WITHIN)
        world.fail_together(names)
        return cost_of_a_look(world, "d5", failed(Reason.REFUSED, "nothing listens there"))

    few, many_more = cost(10), cost(500)
    assert few > 20
    assert many_more <= few * 1.1
