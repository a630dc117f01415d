"""What work users are told of: which, when, and which components it concerns."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.announced import AHEAD, MOST_OF_ONE, Announced, announced
from nemo_watchdog.engine.published import Published
from nemo_watchdog.engine.quieting import in_force
from nemo_watchdog.engine.replay import rebuild
from nemo_watchdog.policy.cron import Cron
from nemo_watchdog.policy.policy import Dependency, Policy, Public
from nemo_watchdog.policy.windows import MaintenanceWindow
from tests.unit.engine.world import NOON, World, dependency, policy

CHAT, FILES = Public("Chat"), Public("Files")
HOUR = 3600.0
PARTS = (
    dependency("db"),
    dependency("gateway", needs=["db"], public=CHAT),
    dependency("store", public=FILES),
    dependency("cellar"),
)


def window(
    *of: str, cron: str = "0 3 * * *", lasts: float = HOUR, name: str = "backup", public: str | None = ""
) -> MaintenanceWindow:
    return MaintenanceWindow(name, Cron(cron), lasts, frozenset(of), public)


def world(*windows: MaintenanceWindow, parts: tuple[Dependency, ...] = PARTS) -> World:
    return World(replace(policy(*parts), maintenance=windows))


def told(world: World, plan: Policy | None = None) -> tuple[Announced, ...]:
    engine = world.engine
    by_hand = in_force(engine.durable.quiet.maintenance.values())
    return announced(Published.of(plan or engine.policy), by_hand, engine.volatile.beside, world.now)


def by_hand(world: World, *names: str, public: str | None = "New disks", tags: tuple[str, ...] = ()) -> str:
    world.send(ev.MaintenanceAsked(names, tags, HOUR, "xq7", "alice", public))
    return list(world.engine.durable.quiet.maintenance)[-1]


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """Of the January of the tests, which begin at noon of the 5th."""
    return NOON.replace(day=day, hour=hour, minute=minute)


def test_each_time_of_the_next_seven_days_is_told() -> None:
    """With its words, and with the component that what is worked on may make worse."""
    every = told(world(window("db", public="Chat may be slow")))
    assert [each.begins for each in every] == [at(day, 3) for day in range(6, 13)]
    assert {each.ends - each.begins for each in every} == {timedelta(hours=1)}
    assert {(each.components, each.text) for each in every} == {(("Chat",), "Chat may be slow")}
    assert len({each.identity for each in every}) == len(every)


def test_one_that_is_open_is_told_from_its_beginning() -> None:
    """It is over at its end."""
    plan = world(window("gateway", cron="0 11 * * *", lasts=2 * HOUR))
    assert (told(plan)[0].begins, told(plan)[0].ends) == (at(5, 11), at(5, 13))
    plan.pass_time(HOUR)
    assert told(plan)[0].begins == at(6, 11)


def test_what_does_not_say_so_is_nobody_s_news() -> None:
    """A window without `public`, and one that a person began without words for users."""
    plan = world(window("gateway", public=None))
    by_hand(plan, "gateway", public=None)
    assert told(plan) == ()


def test_what_is_far_is_not_told_yet() -> None:
    """Seven days are in sight, to the second."""
    plan = world(window("gateway", cron="0 12 12 1 *"))
    plan.utc = NOON
    assert [each.begins for each in told(plan)] == [NOON + AHEAD]
    plan.utc -= timedelta(seconds=1)
    assert told(plan) == ()


def test_of_what_comes_each_hour_some_times_are_told() -> None:
    assert len(told(world(window("gateway", cron="0 * * * *", lasts=60.0)))) == MOST_OF_ONE


def test_times_that_touch_are_one() -> None:
    """And one that never ends has an end in sight."""
    (one, other, *_) = told(world(window("gateway", cron="0,30 3 * * *", lasts=1800.0)))
    assert [(each.begins, each.ends) for each in (one, other)] == [(at(6, 3), at(6, 4)), (at(7, 3), at(7, 4))]
    endless = told(world(window("gateway", cron="* * * * *", lasts=120.0)))
    assert endless[0].begins == NOON
    assert endless[0].ends > NOON + timedelta(minutes=30)


def test_what_concerns_no_component_is_told_by_its_words_alone() -> None:
    """Without words there is nothing to tell."""
    assert told(world(window("cellar"))) == ()
    every = told(world(window("cellar", public="Bills will be late")))
    assert {each.components for each in every} == {()}


def test_work_on_everything_concerns_every_component() -> None:
    """In the order of the policy."""
    every = told(world(window(*(each.name for each in PARTS))))
    assert every[0].components == ("Chat", "Files")


def test_work_on_a_container_concerns_all_that_look_at_it() -> None:
    """As it does for the gate."""
    shared = (dependency("db", container="box"), dependency("api", container="box", public=CHAT))
    assert told(world(window("db"), parts=shared))[0].components == ("Chat",)


def test_what_a_person_announces_is_told_for_as_long_as_it_lasts() -> None:
    """By the monotonic clock, and to the second: what is told does not change with each reading of the clocks."""
    plan = world()
    identity, began = by_hand(plan, "gateway"), plan.utc
    plan.pass_time(600.0)
    plan.utc += timedelta(microseconds=400)
    (one,) = told(plan)
    assert one == Announced(identity, ("Chat",), "New disks", began, began + timedelta(hours=1))
    plan.pass_time(HOUR)
    assert told(plan) == ()


def test_what_is_ended_before_its_time_is_told_no_more() -> None:
    plan = world()
    identity = by_hand(plan)
    assert told(plan)[0].components == ("Chat", "Files")
    plan.send(ev.QuietEndAsked(identity, "bob"))
    assert told(plan) == ()


def test_the_first_to_begin_is_the_first() -> None:
    """By hand or by the policy."""
    plan = world(window("gateway", cron="0 11 * * *", lasts=2 * HOUR), window("store", name="other"))
    by_hand(plan, "store")
    assert [each.begins for each in told(plan)[:3]] == [at(5, 11), plan.utc, at(6, 3)]


def test_what_a_person_announced_outlives_a_restart() -> None:
    """And what was begun by a version that announced nothing is not announced."""
    plan = world()
    by_hand(plan, "gateway")
    began = plan.of(r.MaintenanceBegan)[0].body()
    (kept,) = rebuild([(plan.now, began)]).quiet.maintenance.values()
    assert kept.public == "New disks"
    del began["public"]
    (old,) = rebuild([(plan.now, began)]).quiet.maintenance.values()
    assert old.public is None
