"""Planned maintenance: what begins in a window is nobody's news while it is open, and nothing is done in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.view_quiet import maintenance
from nemo_watchdog.metrics import Metrics
from nemo_watchdog.model import Decision, Gate, Health, NotificationKind, Reason, RunState, Verdict
from nemo_watchdog.policy.cron import Cron
from nemo_watchdog.policy.policy import Dependency, Policy
from nemo_watchdog.policy.windows import MaintenanceWindow
from tests.unit.engine.world import NOON, World, dependency, policy
from tests.unit.statuses import on_the_wire, seen

MINUTE = 60.0


def window(
    *of: str, cron: str = "10 12 * * *", lasts: float = 30 * MINUTE, name: str = "backup", zone: str = "UTC"
) -> MaintenanceWindow:
    return MaintenanceWindow(name, Cron(cron, zone), lasts, frozenset(of))


def plan(*windows: MaintenanceWindow, of: Sequence[Dependency] = ()) -> Policy:
    known = of or (dependency("postgres"), dependency("redis"), dependency("gateway", needs=["postgres"]))
    return replace(policy(*known), maintenance=windows)


def watched(*windows: MaintenanceWindow, of: Sequence[Dependency] = ()) -> World:
    """Everything is up, and it is some seconds after noon."""
    return World(plan(*windows, of=of))


def until(world: World, hour: int, minute: int, second: int = 1) -> None:
    """Waits for a time of the day, waking the engine when it asked for that."""
    wanted = NOON.replace(hour=hour, minute=minute, second=second)
    world.wait((wanted - world.utc).total_seconds())


def gate(world: World, name: str) -> Decision:
    return next(d for d in world.engine.explanation(name, world.now) if d.gate is Gate.MAINTENANCE)


def nothing_came_of_it(world: World) -> bool:
    return not world.engine.durable.incidents and not world.notifications and not world.started


def test_what_ends_in_a_window_opens_nothing_and_is_an_incident_at_its_end() -> None:
    """Told then, with how long it has been so, and healed as usual."""
    world = watched(window("postgres"))
    until(world, 12, 11)
    world.crash("postgres")
    world.fail("postgres", Reason.REFUSED)
    assert nothing_came_of_it(world)
    answer = gate(world, "postgres")
    assert answer.verdict is Verdict.WAIT
    assert answer.value == "planned maintenance: backup, until 2026-01-05 12:40 UTC"
    until(world, 12, 39, 59)
    assert nothing_came_of_it(world)
    until(world, 12, 40, 1)
    (opened,) = world.of(r.IncidentOpened)
    assert isinstance(opened, r.IncidentOpened)
    assert opened.failing_for == pytest.approx(29 * MINUTE, abs=10.0)
    (told,) = world.told(NotificationKind.OPENED)
    assert "it began in planned maintenance (backup), which is over" in told.body
    assert "for 28m" in told.body
    assert [request.dependency for _, request in world.started] == ["postgres"]


def test_what_serves_again_before_the_end_is_no_incident_and_told_at_its_end() -> None:
    """That is what the window is for: nobody is called, and the summary says how long it was down."""
    world = watched(window("postgres"))
    until(world, 12, 11)
    world.crash("postgres")
    until(world, 12, 30)
    world.run("postgres")
    world.succeed("postgres")
    until(world, 12, 39, 59)
    assert nothing_came_of_it(world)
    until(world, 13, 0)
    assert not world.engine.durable.incidents
    (summary,) = world.messages
    assert (summary.kind, summary.incident, summary.contacts) == (NotificationKind.MAINTENANCE, "", ("on-call",))
    assert summary.title == "Maintenance of postgres is over: all that went down serves again"
    assert summary.body.splitlines() == [
        "The maintenance (backup) has lasted 30m: its time is over.",
        "postgres was down for 20m03s.",
        "Next: nothing to do.",
    ]


def test_what_failed_before_goes_on_without_an_action_and_people_hear_why() -> None:
    """Its incident is opened, told and kept; the restart comes when the window is over."""
    world = watched(window("postgres"))
    until(world, 12, 9, 57)
    world.fail("postgres", times=4)
    assert world.utc > NOON.replace(minute=10)
    assert len(world.of(r.IncidentOpened)) == 1
    assert not world.started
    (held,) = world.told(NotificationKind.HELD)
    assert held.title == "[SEV2] postgres is left alone: planned maintenance"
    assert "until 2026-01-05 12:40 UTC" in held.body
    world.fail("postgres", times=20)
    assert len(world.told(NotificationKind.HELD)) == 1
    until(world, 12, 40)
    assert [request.dependency for _, request in world.started] == ["postgres"]


def test_what_came_back_in_a_short_window_reopens_its_incident_at_the_end() -> None:
    """It came back is not it is fixed, however the time between was spent."""
    world = watched(window("postgres", lasts=2 * MINUTE))
    until(world, 12, 9, 50)
    world.fail("postgres", times=3)
    world.finish()
    world.succeed("postgres", times=3)
    assert len(world.of(r.IncidentResolved)) == 1
    until(world, 12, 11)
    world.crash("postgres")
    assert not world.of(r.IncidentReopened)
    until(world, 12, 12)
    assert len(world.of(r.IncidentReopened)) == 1
    assert "it began in planned maintenance (backup)" in world.told(NotificationKind.OPENED)[-1].body


def test_an_incident_from_before_ends_in_the_window_as_usual() -> None:
    """It is told that it is up again."""
    world = watched(window("postgres"))
    until(world, 12, 9, 57)
    world.fail("postgres", times=4)
    world.succeed("postgres")
    assert len(world.told(NotificationKind.RESOLVED)) == 1


def test_what_needs_it_fails_with_it_and_is_not_told_either() -> None:
    """At the end it is one incident with its root; what followed is not restarted."""
    world = watched(window("postgres"))
    until(world, 12, 11)
    world.crash("postgres")
    world.fail("gateway", Reason.REFUSED, times=5)
    assert nothing_came_of_it(world)
    until(world, 12, 40)
    (incident,) = world.engine.durable.open()
    assert incident.root == "postgres"
    assert set(incident.members) == {"postgres", "gateway"}
    assert [request.dependency for _, request in world.started] == ["postgres"]


def test_what_needs_it_may_be_seen_to_fail_first() -> None:
    """It waits for a look at what it needs, and then fails with that."""
    world = watched(window("postgres"))
    until(world, 12, 11)
    world.fail("gateway", Reason.REFUSED, times=4)
    assert "postgres" in world.soon
    world.fail("postgres", Reason.REFUSED, times=3)
    world.fail("gateway", Reason.REFUSED, times=1)
    assert world.health("gateway") is Health.DOWN
    assert nothing_came_of_it(world)


def test_what_needs_it_is_looked_at_again_when_it_serves() -> None:
    """Who still fails after its grace has a trouble of its own, and is in no window."""
    world = watched(window("postgres"))
    until(world, 12, 11)
    world.crash("postgres")
    world.fail("gateway", Reason.REFUSED, times=5)
    world.run("postgres")
    world.succeed("postgres")
    assert nothing_came_of_it(world)
    world.fail("gateway", Reason.REFUSED, times=12)
    assert [request.dependency for _, request in world.started] == ["gateway"]


def test_what_needs_it_and_fails_by_itself_is_healed_in_the_window() -> None:
    """Its parent serves: the work on that explains nothing."""
    world = watched(window("postgres"))
    until(world, 12, 11)
    world.crash("gateway")
    assert [request.dependency for _, request in world.started] == ["gateway"]


def test_what_needs_something_that_was_broken_before_joins_its_incident() -> None:
    """People know of it, and of whom it takes with it."""
    world = watched(window("postgres"))
    until(world, 12, 9, 57)
    world.fail("postgres", times=4)
    world.fail("gateway", Reason.REFUSED, times=5)
    (incident,) = world.engine.durable.open()
    assert set(incident.members) == {"postgres", "gateway"}


def test_work_on_a_container_concerns_all_that_look_at_it() -> None:
    """A restart for the other look would be done to what is worked on."""
    looks = (dependency("redis"), dependency("cache", container="c-redis"))
    world = watched(window("redis"), of=looks)
    until(world, 12, 11)
    world.fail("cache", times=5)
    assert nothing_came_of_it(world)
    until(world, 12, 40)
    assert len(world.of(r.IncidentOpened)) == 1


def test_new_trouble_of_a_member_in_a_window_is_told_at_its_end() -> None:
    """The incident is another's; what begins in the window is no news of it, nor makes it graver."""
    slow = dependency("gateway", needs=["postgres"], remedy=None)
    world = watched(window("gateway"), of=(dependency("postgres"), slow))
    until(world, 12, 9)
    world.slow("gateway")
    world.look("postgres", world.engine.trackers["postgres"].last.finding)  # type: ignore[union-attr]
    assert [i.severity for i in world.engine.durable.open()] == ["SEV3"]
    until(world, 12, 11)
    world.succeed("postgres", times=1)
    world.fail("gateway", times=2)
    world.succeed("postgres", times=1)
    world.fail("gateway", times=3)
    assert not world.of(r.MemberDown)
    assert not world.of(r.SeverityRaised)
    until(world, 12, 40)
    assert len(world.of(r.MemberDown)) == 1
    assert [i.severity for i in world.engine.durable.open()] == ["SEV2"]


def test_a_killed_daemon_knows_the_window_from_policy_and_clock() -> None:
    """Nothing of it is on disk, and nothing is lost."""
    world = watched(window("postgres"))
    until(world, 12, 11)
    world.crash("postgres")
    world.kill_daemon()
    world.see("postgres", RunState.EXITED, finished_at=world.utc, exit_code=1)
    world.fail("postgres", Reason.REFUSED, times=5)
    assert nothing_came_of_it(world)
    until(world, 12, 40)
    assert len(world.of(r.IncidentOpened)) == 1


def test_docker_tells_that_it_ended_before_the_window_though_nobody_looked() -> None:
    """The daemon was not there: its end is older than the window, and so it is told at once."""
    world = watched(window("postgres"))
    ended = world.utc
    world.kill_daemon()
    world.pass_time(11 * MINUTE)
    world.see("postgres", RunState.EXITED, finished_at=ended, exit_code=1, past=[])
    assert len(world.of(r.IncidentOpened)) == 1
    assert not world.started


def test_a_reload_that_takes_the_window_away_takes_effect_at_once() -> None:
    """What waited for its end is told and healed."""
    world = watched(window("postgres"))
    until(world, 12, 11)
    world.crash("postgres")
    world.send(ev.PolicyChanged(plan()))
    assert len(world.of(r.IncidentOpened)) == 1
    assert len(world.started) == 1


def test_a_reload_that_brings_a_window_takes_effect_at_once() -> None:
    """Nothing more is done to what is broken."""
    world = watched()
    until(world, 12, 11)
    world.send(ev.PolicyChanged(plan(window("postgres"))))
    world.crash("postgres")
    assert nothing_came_of_it(world)


def test_a_window_of_another_holds_nothing() -> None:
    world = watched(window("redis"))
    until(world, 12, 11)
    world.crash("postgres")
    assert len(world.started) == 1
    assert gate(world, "postgres").verdict is Verdict.OPEN


def test_windows_that_overlap_are_one() -> None:
    """The end is that of the last that follows without a gap."""
    world = watched(window("postgres"), window("postgres", "redis", cron="40 12 * * *", name="patches"))
    until(world, 12, 11)
    assert "backup, until 2026-01-05 13:10" in gate(world, "postgres").value
    until(world, 12, 41)
    assert "patches, until 2026-01-05 13:10" in gate(world, "postgres").value


def test_a_window_that_never_ends_has_an_end_to_ask_again_at() -> None:
    """So the engine wakes, and goes on holding."""
    world = watched(window("postgres", cron="* * * * *", lasts=MINUTE))
    world.crash("postgres")
    until(world, 15, 0)
    assert nothing_came_of_it(world)
    assert gate(world, "postgres").until is not None


def test_the_end_of_each_window_is_kept_to_the_second() -> None:
    """Whichever comes next, however many are planned: nobody waits for the next glance at the clock."""
    world = watched(window("redis", cron="5 12 * * *", lasts=600 * MINUTE), window("postgres", lasts=30.5 * MINUTE))
    until(world, 12, 39, 10)
    world.crash("postgres")
    until(world, 12, 40, 29)
    assert nothing_came_of_it(world)
    until(world, 12, 40, 31)
    assert len(world.of(r.IncidentOpened)) == 1


def test_a_clock_that_is_set_forward_ends_the_window_within_a_minute() -> None:
    """The wall clock says when, and it is looked at though nothing happens."""
    world = watched(window("postgres"))
    until(world, 12, 11)
    world.crash("postgres")
    world.utc += timedelta(hours=2)
    world.wait(61.0)
    assert len(world.of(r.IncidentOpened)) == 1


def test_a_clock_that_is_set_back_opens_it_anew() -> None:
    """As far as the wall clock says, no further: what failed before that moment is an incident all the same."""
    world = watched(window("postgres"))
    until(world, 12, 41)
    world.utc -= timedelta(minutes=20)
    world.crash("postgres")
    assert nothing_came_of_it(world)
    until(world, 12, 40)
    assert len(world.of(r.IncidentOpened)) == 1


@pytest.mark.parametrize(
    ("day", "opens"),
    [
        (datetime(2026, 3, 28), "01:30"),  # noqa: DTZ001 - a day
        (datetime(2026, 3, 29), "01:00"),  # noqa: DTZ001
        (datetime(2026, 10, 25), "00:30"),  # noqa: DTZ001
    ],
)
def test_a_day_that_changes_its_hours_has_a_window_as_long_as_any(day: datetime, opens: str) -> None:
    """Real time: half an hour after the moment at which the zone's clock says half past two, or goes past it."""
    world = watched(window("postgres", cron="30 2 * * *", zone="Europe/Berlin"))
    begins = day.replace(hour=int(opens[:2]), minute=int(opens[3:]), tzinfo=NOON.tzinfo)
    for after, held in ((-1, False), (0, True), (30 * 60 - 1, True), (30 * 60, False)):
        world.utc = begins + timedelta(seconds=after)
        world.send(ev.Tick())
        assert (gate(world, "postgres").verdict is Verdict.WAIT) is held


def test_what_users_are_told_of_a_window_is_what_the_policy_says() -> None:
    """Also where that is no more than that there is one."""
    for public in (None, "", "Search may be slow"):
        world = watched(replace(window("postgres"), public=public))
        until(world, 12, 11)
        (open_now,) = maintenance(world.engine, world.now)
        assert (open_now.window, open_now.public) == ("backup", public)


def test_the_status_and_the_metrics_have_the_mark() -> None:
    """Beside the health, which is what it is."""
    world, metrics = watched(window("postgres")), Metrics()
    until(world, 12, 11)
    shown = on_the_wire(seen(world))["dependencies"]
    assert shown["postgres"]["maintenance"] == {"windows": "backup", "until": "2026-01-05T12:40:00+00:00"}
    assert shown["postgres"]["health"] == "up"
    assert shown["redis"]["maintenance"] is None
    metrics.refresh(world.engine, world.now)

    def value(name: str) -> float | None:
        return metrics.registry.get_sample_value("nemo_watchdog_maintenance", {"dependency": name})

    assert (value("postgres"), value("redis")) == (1.0, 0.0)
    metrics.forget("postgres")
    assert value("postgres") is None
