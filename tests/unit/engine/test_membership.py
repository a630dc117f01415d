"""Which open incident a dependency is part of: one at most, whatever was opened, reopened and merged before."""

from __future__ import annotations

from nemo_watchdog import records as r
from nemo_watchdog.engine.phases import Phase
from nemo_watchdog.engine.replay import apply
from nemo_watchdog.engine.state import Durable
from nemo_watchdog.model import Moment, Reason, RunState
from tests.unit.engine.world import NOON, World, dependency, policy


def durable(*records: r.Record) -> Durable:
    state = Durable()
    for second, record in enumerate(records):
        apply(record, state, Moment(float(second), NOON))
    return state


def opened(incident: str, root: str) -> r.IncidentOpened:
    return r.IncidentOpened(incident, root, "SEV2", "down", "down", "fault", "refused", "")


def intended(incident: str, name: str, attempt: int) -> r.ActionIntended:
    action_id = f"{incident}/{name}/{attempt}"
    return r.ActionIntended(incident, action_id, name, "restart", 0, attempt, "docker.restart", f"c-{name}", 20.0)


def ended(incident: str, name: str, attempt: int) -> r.ActionEnded:
    action_id = f"{incident}/{name}/{attempt}"
    return r.ActionEnded(incident, action_id, name, "docker.restart", "succeeded", "", 5.0, 20.0, to_verify=True)


def test_what_has_joined_another_incident_stays_there_when_its_old_one_is_reopened() -> None:
    """The gateway went down with postgres, then with redis; when postgres comes back for it, redis has it."""
    world = World(
        policy(dependency("postgres"), dependency("redis"), dependency("gateway", needs=["postgres", "redis"]))
    )
    world.fail("postgres", Reason.STARTING)
    world.fail("gateway", Reason.STARTING)
    world.succeed("postgres")
    world.succeed("gateway")
    world.crash("redis")
    world.see("gateway", RunState.RESTARTING)
    world.see("postgres", RunState.RESTARTING)
    members = {incident.root: list(incident.members) for incident in world.engine.durable.open()}
    assert members == {"postgres": ["postgres"], "redis": ["redis", "gateway"]}
    assert len(world.of(r.IncidentReopened)) == 1


def test_a_reopened_incident_whose_root_has_left_is_about_what_came_back() -> None:
    """Its old root is another incident's business by now."""
    state = durable(
        opened("A", "postgres"),
        r.MemberJoined("A", "gateway", "refused", ""),
        r.IncidentResolved("A", "postgres", 2.0, "every member is up"),
        opened("B", "postgres"),
        r.IncidentReopened("A", "gateway", "refused", ""),
    )
    assert state.incidents["A"].root == "gateway"
    assert list(state.incidents["A"].members) == ["gateway"]
    assert state.incident_of("postgres") is state.incidents["B"]


def test_a_merge_moves_the_ladder_that_is_in_use_and_goes_on_counting() -> None:
    """Neither the action under way nor the number of attempts is forgotten, so no action id comes twice."""
    state = durable(
        opened("A", "postgres"),
        r.MemberJoined("A", "gateway", "refused", ""),
        *(
            record
            for attempt in (1, 2, 3)
            for record in (
                intended("A", "gateway", attempt),
                ended("A", "gateway", attempt),
                r.AttemptFailed("A", "gateway", f"A/gateway/{attempt}", "still refused"),
            )
        ),
        r.IncidentResolved("A", "postgres", 8.0, "every member is up"),
        opened("B", "redis"),
        r.MemberJoined("B", "gateway", "refused", ""),
        intended("B", "gateway", 1),
        r.IncidentReopened("A", "postgres", "refused", ""),
        r.IncidentMerged("B", "A"),
    )
    ladder = state.incidents["A"].ladder("gateway")
    assert state.incident_of("gateway") is state.incidents["A"]
    assert (ladder.phase, ladder.action_id, ladder.total) == (Phase.ACTING, "B/gateway/1", 3)
    assert state.acting() == 1
    apply(ended("B", "gateway", 1), state, Moment(99.0, NOON))
    assert (ladder.phase, state.acting()) == (Phase.VERIFYING, 0)


def test_a_resolved_incident_has_nobody() -> None:
    """Its members are free for the next one."""
    state = durable(opened("A", "postgres"), r.IncidentResolved("A", "postgres", 1.0, "every member is up"))
    assert state.incident_of("postgres") is None
    assert state.open() == []
