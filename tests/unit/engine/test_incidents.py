"""Which failures are one incident: joining, waiting, taking over, merging, reopening."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine import incidents
from nemo_watchdog.engine.incidents import BLIND_IS_TOLD_AFTER
from nemo_watchdog.engine.phases import Phase
from nemo_watchdog.engine.state import REOPEN_WINDOW
from nemo_watchdog.engine.topology import Topology
from nemo_watchdog.model import Autonomy, Health, NotificationKind, Reason, Severity
from nemo_watchdog.policy.policy import Limits, Policy
from nemo_watchdog.policy.secret_value import Secret
from tests.unit.engine.test_maintenance import until, window
from tests.unit.engine.world import World, dependency, policy

MANY = Limits(concurrent_actions=5)


def family(**more: object) -> World:
    """postgres, and two services that need it."""
    return World(
        policy(
            dependency("a", needs=["postgres"], **more),  # type: ignore[arg-type]
            dependency("b", needs=["postgres"], **more),  # type: ignore[arg-type]
            dependency("postgres", **more),  # type: ignore[arg-type]
            limits=MANY,
        )
    )


def fail_alone(world: World, name: str) -> None:
    """It fails while what it needs is seen to serve."""
    world.fail(name)
    world.succeed("postgres", times=1)


def test_independent_failures_are_incidents_of_their_own() -> None:
    """Nothing says that they belong together."""
    world = World(policy(dependency("a"), dependency("b"), limits=MANY))
    world.crash("a")
    world.crash("b")
    assert [incident.root for incident in world.engine.durable.open()] == ["a", "b"]


def test_a_child_joins_the_open_incident_of_its_parent() -> None:
    """One incident, one opening message, one restart."""
    world = family()
    world.crash("postgres")
    world.fail("a")
    world.fail("b")
    (incident,) = world.engine.durable.open()
    assert (incident.root, list(incident.members)) == ("postgres", ["postgres", "a", "b"])
    assert len(world.told(NotificationKind.OPENED)) == 1
    assert [request.dependency for _, request in world.started] == ["postgres"]


def test_a_child_waits_for_a_look_at_its_parent_and_asks_for_it() -> None:
    """Until then nobody knows whose incident it is."""
    world = family()
    world.soon.clear()
    world.fail("a")
    assert world.health("a") is Health.DOWN
    assert not world.engine.durable.open()
    assert world.soon == {"postgres"}
    world.succeed("postgres", times=1)
    assert [incident.root for incident in world.engine.durable.open()] == ["a"]


def test_a_child_that_a_new_daemon_finds_down_waits_for_the_first_look_at_its_parent() -> None:
    """Whichever is looked at first: the parent is the root, and it is told once."""
    world = World(family().engine.policy, running=False, proven=True)
    world.fail("a")
    assert world.health("a") is Health.DOWN
    assert not world.engine.durable.incidents
    assert "postgres" in world.soon
    world.fail("postgres")
    assert [(each.root, set(each.members)) for each in world.engine.durable.open()] == [("postgres", {"postgres", "a"})]
    assert len(world.told(NotificationKind.OPENED)) == 1


@pytest.mark.parametrize("looks", [0, 2])
def test_a_child_waits_while_its_parent_starts(looks: int) -> None:
    """Somebody restarted postgres: what failed with it and comes back with it is nobody's news."""
    world = family(grace=60.0)
    world.run("postgres")
    world.fail("postgres", Reason.REFUSED, times=looks)
    world.fail("a")
    assert (world.health("postgres"), world.health("a")) == (Health.STARTING, Health.DOWN)
    world.succeed("postgres")
    world.fail("a")
    world.succeed("a")
    assert not world.engine.durable.incidents


def test_a_child_whose_parent_goes_on_failing_after_its_start_is_told_with_it() -> None:
    """Waiting ends with the start-up grace."""
    world = family(grace=20.0)
    world.run("postgres")
    world.fail("postgres", Reason.REFUSED, times=2)
    world.fail("a")
    assert not world.engine.durable.incidents
    world.wait(20.0)
    world.fail("postgres", Reason.REFUSED)
    (incident,) = world.engine.durable.open()
    assert (incident.root, set(incident.members)) == ("postgres", {"postgres", "a"})


def test_who_fails_without_its_parent_in_planned_work_is_told() -> None:
    """It failed before that began: nobody planned that, and nothing that may come is waited for."""
    world = World(replace(family().engine.policy, maintenance=(window("postgres"),)))
    until(world, 12, 9, 55)
    world.fail("a", times=2)
    until(world, 12, 10, 1)
    world.crash("postgres")
    world.fail("a", times=1)
    assert [each.root for each in world.engine.durable.open()] == ["a"]


def test_a_child_that_goes_on_failing_after_its_parent_is_told_at_the_end_of_its_grace() -> None:
    """And not at the next look, which may be an hour away."""
    world = family(grace=30.0, interval=3600.0, remedy=None)
    world.fail("postgres")
    world.fail("a", times=2)
    world.succeed("postgres")
    world.fail("a", times=1)
    recovered = world.engine.trackers["postgres"].recovered_at
    assert recovered is not None
    assert world.engine.durable.incident_of("a") is None
    world.wait(recovered + 30.5 - world.monotonic)
    assert [each.root for each in world.engine.durable.open()] == ["a"]


def test_a_root_found_late_takes_one_incident_over_and_merges_the_others() -> None:
    """Two services that failed first turn out to have failed of one thing."""
    world = family()
    fail_alone(world, "a")
    fail_alone(world, "b")
    first, second = world.engine.durable.open()
    world.fail("postgres")
    (left,) = world.engine.durable.open()
    assert left.incident == first.incident
    assert left.root == "postgres"
    assert set(left.members) == {"a", "b", "postgres"}
    (merged,) = world.of(r.IncidentMerged)
    assert merged == r.IncidentMerged(second.incident, first.incident)
    (joined,) = world.of(r.MemberJoined)
    assert joined == r.MemberJoined(first.incident, "postgres", "wrong_status", "test: wrong_status", "down")
    assert second.merged_into == first.incident
    assert [record for record in world.of(r.IncidentOpened) if record != merged][2:] == []


def test_a_merge_keeps_the_ladders_of_both() -> None:
    """Attempts that were made are not made again, and an action under way is still waited for."""
    world = family(grace=0.0)
    fail_alone(world, "a")
    fail_alone(world, "b")
    assert {request.dependency for _, request in world.started} == {"a", "b"}
    world.fail("postgres")
    (incident,) = world.engine.durable.open()
    assert {name: incident.ladder(name).total for name in ("a", "b")} == {"a": 1, "b": 1}
    assert incident.ladder("b").phase is Phase.ACTING
    ids = [request.action_id for _, request in world.started]
    world.fail("a", times=20)
    assert len(ids) == len(set(ids))


def test_a_merge_keeps_who_had_served() -> None:
    """It was only slow, went down with what it needs, and stays down alone: that is a new trouble, and told."""
    world = family(remedy=None)
    world.slow("a")
    world.slow("b")
    for _ in range(3):
        world.fail("postgres", times=1)
        world.fail("b", times=1)
    assert len(world.of(r.IncidentMerged)) == 1
    assert not world.told(NotificationKind.WORSENED)
    for _ in range(15):
        world.succeed("postgres", times=1)
        world.fail("b", times=1)
    (told,) = world.told(NotificationKind.WORSENED)
    assert "b is down now" in told.title


def test_a_merge_asks_nobody_again() -> None:
    """What a person was asked to do, or knows to be held, was asked and told in the incident before."""
    world = family(autonomy=Autonomy.SUGGEST, grace=0.0)
    fail_alone(world, "a")
    world.send(ev.ContainerActed(world.event("b", "kill", 19)))
    fail_alone(world, "b")
    world.fail("postgres")
    for _ in range(3):
        world.succeed("postgres", times=1)
        world.fail("b", times=1)
        world.fail("a", times=1)
    assert len(world.of(r.IncidentMerged)) == 1
    suggested = [record.dependency for record in world.of(r.Proposed) if isinstance(record, r.Proposed)]
    assert suggested == ["a", "postgres"]
    assert len(world.told(NotificationKind.HELD)) == 1


def test_who_was_asked_to_help_the_second_of_two_is_not_asked_again() -> None:
    world = family(autonomy=Autonomy.SUGGEST, grace=0.0)
    fail_alone(world, "a")
    fail_alone(world, "b")
    world.fail("postgres")
    for _ in range(3):
        world.succeed("postgres", times=1)
        world.fail("a", times=1)
        world.fail("b", times=1)
    assert len(world.of(r.IncidentMerged)) == 1
    asked = [record.dependency for record in world.of(r.Proposed) if isinstance(record, r.Proposed)]
    assert asked == ["a", "b", "postgres"]


def test_a_merge_keeps_how_each_was_last() -> None:
    """Of what nobody watches any more, that is all there is to be told."""
    world = family(remedy=None)
    fail_alone(world, "a")
    world.fail("b", Reason.TIMEOUT)
    world.succeed("postgres", times=1)
    world.fail("postgres")
    assert len(world.of(r.IncidentMerged)) == 1
    world.send(ev.PolicyChanged(policy(dependency("a", remedy=None), dependency("postgres", remedy=None))))
    world.succeed("postgres")
    world.succeed("a")
    (told,) = world.told(NotificationKind.UNWATCHED)
    assert "b is not watched any more: the policy does not name it. It was down: timeout (test: timeout)" in told.body


def test_a_flapping_that_is_over_is_not_told_of_the_trouble_after_it() -> None:
    """Of the same incident, reopened within minutes."""
    world = World(policy(dependency("gateway", remedy=None)))
    for _ in range(3):
        world.fail("gateway")
        world.succeed("gateway")
    world.wait(1300.0)
    world.fail("gateway")
    world.succeed("gateway")
    (*_, first, second) = world.told(NotificationKind.RESOLVED)
    assert first.incident == second.incident
    assert "had flapped" in first.body
    assert "had flapped" not in second.body


def test_what_would_not_be_reopened_any_more_is_forgotten() -> None:
    """What goes on is not, however long it takes."""
    world = World(policy(*(dependency(name, remedy=None, flapping=None) for name in ("old", "gateway"))))
    world.fail("old")
    world.fail("gateway")
    world.succeed("gateway")
    world.wait(REOPEN_WINDOW / 2)
    world.send(ev.Tick())
    assert [incident.root for incident in world.engine.durable.incidents.values()] == ["old", "gateway"]
    world.wait(REOPEN_WINDOW / 2)
    world.send(ev.Tick())
    assert [incident.root for incident in world.engine.durable.incidents.values()] == ["old"]


def test_an_incident_ends_when_every_member_is_up() -> None:
    """Not when its root is."""
    world = family(remedy=None)
    world.fail("postgres")
    world.fail("a")
    world.succeed("postgres")
    assert world.engine.durable.open()
    world.succeed("a")
    assert not world.engine.durable.open()
    (resolved,) = world.told(NotificationKind.RESOLVED)
    assert "postgres and a up again" in resolved.body


def test_an_incident_stays_open_while_an_action_is_under_way() -> None:
    """It recovered by itself meanwhile: the restart still has to come back."""
    world = World(policy(dependency("gateway", grace=0.0)))
    world.fail("gateway")
    world.succeed("gateway", times=5)
    assert world.health("gateway") is Health.UP
    assert world.engine.durable.open()
    world.finish()
    world.succeed("gateway")
    assert not world.engine.durable.open()


def test_a_recurrence_long_after_is_a_new_incident() -> None:
    """With a ladder of its own."""
    world = World(policy(dependency("gateway", grace=0.0)))
    world.crash("gateway")
    world.finish()
    world.succeed("gateway")
    world.wait(REOPEN_WINDOW + 1.0)
    world.succeed("gateway")
    world.crash("gateway")
    assert len(world.of(r.IncidentOpened)) == 2
    assert not world.of(r.IncidentReopened)
    (incident,) = world.engine.durable.open()
    assert incident.ladder("gateway").total == 1


def test_a_recurrence_is_found_among_others() -> None:
    """Whatever else is open, was merged or is over by now."""
    world = World(policy(dependency("redis", remedy=None), dependency("gateway", remedy=None)))
    world.fail("redis")
    world.fail("gateway")
    first = world.engine.durable.incident_of("gateway")
    world.succeed("gateway")
    world.fail("gateway")
    assert world.engine.durable.incident_of("gateway") is first
    assert len(world.of(r.IncidentReopened)) == 1


def failing_for(world: World) -> float:
    (opened,) = world.of(r.IncidentOpened)
    assert isinstance(opened, r.IncidentOpened)
    return opened.failing_for


def test_an_incident_has_lasted_since_the_first_look_that_did_not_see_it_serve() -> None:
    """What can be seen no more after that has failed for as long all the same; what has ended just now has not."""
    world = World(policy(dependency("gateway", remedy=None)))
    world.fail("gateway", times=2)
    world.wait(20.0)
    world.fail("gateway", Reason.AUTH_FAILED)
    world.wait(BLIND_IS_TOLD_AFTER)
    assert failing_for(world) == pytest.approx(BLIND_IS_TOLD_AFTER + 22.0, abs=0.1)
    world = World(policy(dependency("gateway", remedy=None)))
    world.crash("gateway")
    assert failing_for(world) == 0.0


def test_what_was_never_up_is_told_with_how_long_that_is_known() -> None:
    world = World(policy(dependency("gateway")), running=False)
    world.fail("gateway", times=3)
    assert failing_for(world) == pytest.approx(2.0, abs=0.1)


def test_the_end_says_that_every_member_is_up() -> None:
    """Where all of them are watched, and where one is not any more."""
    for left, why in (
        (["gateway", "redis"], "every member is up"),
        (["gateway"], "every member that the policy still watches is up"),
    ):
        world = World(policy(dependency("gateway", remedy=None), dependency("redis", needs=["gateway"], remedy=None)))
        world.fail("gateway")
        world.fail("redis")
        specs = world.engine.policy.dependencies
        world.send(ev.PolicyChanged(policy(*(specs[name] for name in left))))
        for name in left:
            world.succeed(name)
        (resolved,) = world.of(r.IncidentResolved)
        assert isinstance(resolved, r.IncidentResolved)
        assert resolved.why == why


def test_two_incidents_in_one_second_have_two_names() -> None:
    """The name says when and what, and a number where that is not enough."""
    world = World(policy(dependency("gateway")))
    first = incidents.name_of("gateway", world.now, {})
    assert first.endswith("-gateway")
    second = incidents.name_of("gateway", world.now, {first})
    assert second == f"{first}-2"
    assert incidents.name_of("gateway", world.now, {first, second}) == f"{first}-3"


def test_what_is_needed_comes_before_what_needs_it() -> None:
    """Whatever the order of the file."""
    world = family()
    assert Topology.of(world.engine.policy).upstream_first[0] == "postgres"


def test_a_member_that_the_policy_forgets_keeps_no_incident_open() -> None:
    """Nobody looks at it any more."""
    world = World(policy(dependency("gateway", remedy=None), dependency("redis", remedy=None)))
    world.fail("gateway")
    world.send(ev.PolicyChanged(policy(dependency("redis", remedy=None))))
    assert not world.engine.durable.open()
    (resolved,) = world.of(r.IncidentResolved)
    assert isinstance(resolved, r.IncidentResolved)
    assert resolved.why == "the policy no longer watches its members"


def test_a_name_that_means_something_else_now_starts_unseen() -> None:
    """What was seen of the old target says nothing about the new one."""
    world = World(policy(dependency("gateway")))
    changed = replace(dependency("gateway"), container="another")
    world.send(ev.PolicyChanged(policy(changed)))
    assert world.health("gateway") is Health.UNKNOWN
    assert not world.engine.durable.open()


def test_a_rotated_secret_is_the_same_target() -> None:
    """What was seen of it goes on counting, and so does its incident."""

    def with_password(password: str) -> Policy:
        return policy(replace(dependency("gateway"), options={"password": Secret(password, "${file:/secret}")}))

    world = World(with_password("old"))
    world.fail("gateway")
    (incident,) = world.engine.durable.open()
    seen = world.engine.trackers["gateway"]
    world.send(ev.PolicyChanged(with_password("new")))
    assert world.engine.trackers["gateway"] is seen
    assert world.health("gateway") is Health.DOWN
    assert world.engine.durable.open() == [incident]


def test_a_member_can_raise_the_severity() -> None:
    """The gravest of the members decides, and people are told once."""
    world = family(remedy=None)
    world.fail("postgres")
    (incident,) = world.engine.durable.open()
    assert str(incident.severity) == Severity.SEV2
    world.fail("a")
    world.fail("b")
    assert str(incident.severity) == Severity.SEV1
    (raised,) = world.told(NotificationKind.SEVERITY_CHANGED)
    assert "SEV2 → SEV1" in raised.body


def test_a_degraded_parent_does_not_hide_a_child_that_is_down() -> None:
    """Slow is not the cause of dead."""
    world = family()
    world.slow("postgres", times=5)
    world.fail("a", Reason.REFUSED)
    world.slow("postgres", times=1)
    assert {incident.root for incident in world.engine.durable.open()} == {"postgres", "a"}
    assert [request.dependency for _, request in world.started] == ["a"]


def test_what_cannot_be_seen_with_its_parent_is_one_incident() -> None:
    """Whichever of the two is confirmed first; the parent is the root, and nothing is done."""
    for order in (("postgres", "a", "b"), ("a", "postgres", "b"), ("a", "b", "postgres")):
        world = family()
        for _ in range(3):
            for name in order:
                world.fail(name, Reason.DOCKER_UNREACHABLE, times=1)
        assert not world.engine.durable.open()
        world.wait(BLIND_IS_TOLD_AFTER)
        (incident,) = world.engine.durable.open()
        assert incident.root == "postgres"
        assert set(incident.members) == {"postgres", "a", "b"}
        assert not world.started


def test_a_blind_parent_found_late_takes_the_blind_over_and_leaves_what_is_down() -> None:
    """That the parent cannot be seen does not explain why its other child is down."""
    world = family()
    world.fail("a", Reason.AUTH_FAILED, times=3)
    fail_alone(world, "b")
    world.fail("postgres", Reason.AUTH_FAILED, times=3)
    world.wait(BLIND_IS_TOLD_AFTER)
    roots = {incident.root: set(incident.members) for incident in world.engine.durable.open()}
    assert roots == {"postgres": {"postgres", "a"}, "b": {"b"}}
