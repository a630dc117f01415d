"""Maintenance that a person begins holds remedies and tells nothing, and at its end what went down, in one message."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.quieting import MOST, why_not_ended, why_not_maintained
from nemo_watchdog.model import Gate, NotificationKind, Reason, Told, Verdict
from nemo_watchdog.policy.cron import Cron
from nemo_watchdog.policy.policy import Policy
from nemo_watchdog.policy.windows import MaintenanceWindow
from tests.unit.engine.paging.parts import in_line, kinds, plan, to
from tests.unit.engine.world import NOON, World

HOUR = 3600.0
RESPOND = 900.0


def platform(*windows: MaintenanceWindow, remind_every: float | None = None) -> Policy:
    made = in_line(plan("gateway", "redis", "postgres", "api", needs=["postgres"]), remind_every=remind_every)
    return replace(made, maintenance=windows)


def maintain(world: World, *names: str, tags: Iterable[str] = (), seconds: float = HOUR) -> str:
    world.send(ev.MaintenanceAsked(names, tuple(tags), seconds, "new disks", "alice"))
    return list(world.engine.durable.quiet.maintenance)[-1]


def test_nothing_is_done_and_nobody_is_told_until_its_end() -> None:
    """Then what is still down is an outage as any, and healed."""
    world = World(platform())
    maintain(world, "gateway")
    world.pass_time(60)
    world.crash("gateway")
    world.wait(HOUR - 61)
    assert not world.of(r.IncidentOpened)
    assert not world.messages
    assert not world.started
    decision = next(d for d in world.engine.explanation("gateway", world.now) if d.gate is Gate.MAINTENANCE)
    assert (decision.verdict, decision.value) == (
        Verdict.WAIT,
        "planned maintenance: new disks, by alice, until 2026-01-05 13:00 UTC",
    )
    world.wait(2)
    (summary,) = world.messages
    assert summary.kind is NotificationKind.MAINTENANCE
    assert summary.title == "Maintenance of gateway is over: gateway is still down"
    assert summary.body.splitlines() == [
        "The maintenance (new disks, by alice) has lasted 1h: its time is over.",
        "gateway is still down, since 2026-01-05 12:00:12 UTC (1h).",
        "Next: what is still down is told and healed as any outage.",
    ]
    assert [request.dependency for _, request in world.started] == ["gateway"]
    world.wait(120)
    opened = next(each for each in world.messages if each.kind is NotificationKind.OPENED)
    assert "it began in planned maintenance (new disks, by alice), which is over" in opened.body


def test_what_went_down_and_serves_again_is_told_in_one_message() -> None:
    """To those whom an outage of it would have called; with what failed with it."""
    world = World(platform())
    maintain(world, "postgres")
    for _ in range(2):
        world.crash("postgres")
        world.fail("api", Reason.REFUSED, times=5)
        world.wait(100)
        world.run("postgres")
        world.succeed("postgres", times=1)
        world.succeed("api")
        world.succeed("postgres", times=1)
    assert not world.messages
    world.wait(HOUR)
    (summary,) = world.messages
    assert to(summary) == "on-call"
    assert summary.title == "Maintenance of postgres is over: all that went down serves again"
    assert [line.partition(" for ")[0] for line in summary.body.splitlines()[1:3]] == [
        "postgres was down",
        "api was down",
    ]
    assert summary.body.count(", 2 times.") == 2
    assert not world.of(r.IncidentOpened)


def test_where_nothing_went_down_there_is_nothing_to_tell() -> None:
    world = World(platform())
    maintain(world, "gateway")
    world.wait(2 * HOUR)
    assert not world.messages
    assert len(world.of(r.MaintenanceEnded)) == 1


def test_what_went_down_elsewhere_is_none_of_it() -> None:
    """It is told as it is, at once."""
    world = World(platform())
    maintain(world, "redis")
    world.fail("gateway")
    world.wait(60)
    assert kinds(world) == ["opened"]
    world.wait(HOUR)
    assert "maintenance" not in kinds(world)


def worked_on_in_a_silence(*silenced: str) -> World:
    """Two go down meanwhile, and serve again."""
    world = World(platform())
    world.send(ev.SilenceAsked(silenced, (), 2 * HOUR, "moving racks", "alice"))
    maintain(world, "gateway", "redis")
    for name in ("gateway", "redis"):
        world.fail(name)
        world.succeed(name)
    world.wait(HOUR)
    return world


def test_of_what_is_silenced_its_end_tells_nothing() -> None:
    """The rest is told."""
    (summary,) = worked_on_in_a_silence("gateway").messages
    assert "redis was down for" in summary.body
    assert not any(line.startswith("gateway was down") for line in summary.body.splitlines())


@pytest.mark.parametrize("silenced", [(), ("gateway", "redis")])
def test_where_all_that_went_down_is_silenced_its_end_is_counted_only(silenced: tuple[str, ...]) -> None:
    """By name, or with everything."""
    world = worked_on_in_a_silence(*silenced)
    assert not world.messages
    assert (NotificationKind.MAINTENANCE, Told.SILENCED) in [each for made in world.effects for each in made.told]


def test_without_a_contact_its_end_is_counted_only() -> None:
    policy = platform()
    nobody = {severity: replace(spec, notify=(), escalate=()) for severity, spec in policy.severities.items()}
    world = World(replace(policy, severities=nobody))
    identity = maintain(world, "gateway")
    world.crash("gateway")
    world.send(ev.QuietEndAsked(identity, "alice"))
    assert (NotificationKind.MAINTENANCE, "no_contact") in world.effects[-1].told
    assert not world.messages


def test_of_what_was_down_before_nobody_is_called_meanwhile() -> None:
    """Who is next in line waits from its end on; that it is still so is told then."""
    world = World(platform(remind_every=600.0))
    world.fail("gateway", times=5)
    world.wait(20)
    maintain(world, "gateway")
    before = kinds(world)
    world.wait(HOUR - 1)
    assert [kind for kind in kinds(world)[len(before) :] if kind in ("unanswered", "reminder")] == []
    world.wait(1)
    assert kinds(world)[-1] == "reminder"
    world.wait(RESPOND - 1)
    assert "unanswered" not in kinds(world)
    world.wait(1)
    assert "unanswered" in kinds(world)


def test_a_person_ends_it_before_its_time() -> None:
    """What waited for its end is healed then."""
    world = World(platform())
    identity = maintain(world, "gateway")
    world.crash("gateway")
    assert not world.started
    world.send(ev.QuietEndAsked(identity, "bob"))
    assert [request.dependency for _, request in world.started] == ["gateway"]
    assert "bob ended it" in world.messages[0].body
    assert why_not_ended(world.engine.durable, identity) == f"{identity} is over already"


def test_a_clock_that_is_set_ends_none() -> None:
    """It lasts as long as the person said."""
    world = World(platform())
    maintain(world, "gateway")
    world.crash("gateway")
    world.utc += timedelta(hours=5)
    world.wait(HOUR - 10)
    assert not world.started
    world.wait(10)
    assert len(world.started) == 1


def test_it_outlives_a_kill_with_what_went_down_in_it() -> None:
    world = World(platform())
    maintain(world, "gateway")
    world.crash("gateway")
    world.wait(600)
    world.kill_daemon()
    world.pass_time(2 * HOUR)
    world.kill_daemon()
    (summary,) = world.messages
    assert summary.title == "Maintenance of gateway is over: gateway is still down"


def test_all_of_a_tag_or_everything_is_worked_on() -> None:
    for scope in (["core"], []):
        world = World(platform())
        maintain(world, tags=scope)
        world.crash("gateway")
        world.crash("redis")
        world.wait(600)
        assert not world.messages
        assert not world.started


def test_no_more_is_under_way_than_people_can_do() -> None:
    world = World(platform())
    for _ in range(MOST + 1):
        maintain(world, "redis")
    assert len(world.engine.durable.quiet.maintenance) == MOST
    assert "end those that are not needed" in why_not_maintained(world.engine.durable)


def window(*of: str, name: str = "backup", lasts: float = 1800.0, zone: str = "UTC") -> MaintenanceWindow:
    return MaintenanceWindow(name, Cron("10 12 * * *", zone), lasts, frozenset(of))


def test_a_reload_that_takes_an_open_window_away_ends_it() -> None:
    """Its summary is told at once, and what is still down is healed."""
    world = World(platform(window("gateway")))
    world.wait(660)
    world.crash("gateway")
    assert not world.started
    world.send(ev.PolicyChanged(platform()))
    (summary,) = world.messages
    assert "the policy does not plan it any more" in summary.body
    assert [request.dependency for _, request in world.started] == ["gateway"]


def test_a_reload_that_gives_an_open_window_to_others_ends_it_for_the_first() -> None:
    world = World(platform(window("gateway")))
    world.wait(660)
    world.crash("gateway")
    world.send(ev.PolicyChanged(platform(window("redis"))))
    assert kinds(world) == ["maintenance"]
    (open_now,) = [each for each in world.engine.durable.quiet.maintenance.values() if each.ended is None]
    assert open_now.scope.dependencies == ("redis",)


def test_a_window_of_the_policy_is_ended_there() -> None:
    world = World(platform(window("gateway")))
    world.wait(660)
    (identity,) = world.engine.durable.quiet.maintenance
    world.send(ev.QuietEndAsked(identity, "bob"))
    assert not world.of(r.MaintenanceEnded)
    assert "take `backup` out of `maintenance` there, and reload" in why_not_ended(world.engine.durable, identity)


def test_a_window_of_nothing_is_none_of_everything() -> None:
    """Its tags may match nothing."""
    world = World(platform(window()))
    world.wait(660)
    assert not world.engine.durable.quiet.maintenance


def test_a_restart_within_a_window_is_the_same_window() -> None:
    """It is written down once."""
    world = World(platform(window("gateway")))
    world.wait(660)
    world.kill_daemon()
    world.wait(60)
    assert len(world.of(r.MaintenanceBegan)) == 1


@pytest.mark.parametrize(
    ("day", "opens"),
    [
        (datetime(2026, 3, 29, tzinfo=UTC), timedelta(hours=1)),
        (datetime(2026, 10, 25, tzinfo=UTC), timedelta(minutes=30)),
    ],
)
def test_a_window_over_a_change_of_the_clock_is_summed_up_at_its_end(day: datetime, opens: timedelta) -> None:
    """Half an hour of real time, told with how long it was: on the day without that hour, and on the one with two."""
    planned = replace(window("gateway", zone="Europe/Berlin"), schedule=Cron("30 2 * * *", "Europe/Berlin"))
    world = World(platform(planned))
    world.pass_time((day + opens - world.utc).total_seconds() - 60)
    world.send(ev.Tick())
    world.succeed("gateway")
    world.wait(120)
    world.crash("gateway")
    world.wait(1800 - 122)
    assert not world.messages
    world.wait(61)
    (summary,) = (each for each in world.messages if each.kind is NotificationKind.MAINTENANCE)
    assert "has lasted 30m" in summary.body
    assert world.utc - (day + opens) <= timedelta(seconds=1801)


def test_by_hand_over_a_change_of_the_clock_it_lasts_as_long_as_was_said() -> None:
    """An hour from half past one in Berlin, when there is no hour from two to three."""
    world = World(platform())
    world.pass_time((datetime(2026, 3, 29, 0, 30, tzinfo=UTC) - NOON).total_seconds())
    world.send(ev.Tick())
    maintain(world, "gateway")
    began = world.utc
    world.crash("gateway")
    world.wait(2 * HOUR)
    (ended,) = [at for at, record in world.records if isinstance(record, r.MaintenanceEnded)]
    assert ended.utc - began == timedelta(hours=1)
