"""What users see now: the worst of what a component consists of, as far as nothing stands in for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from nemo_watchdog.engine.published import Published, Shown, components_now, shown_of, worst
from nemo_watchdog.model import Category, Reason, degraded, ok
from nemo_watchdog.policy.cron import Cron
from nemo_watchdog.policy.policy import Dependency, Limits, Public
from nemo_watchdog.policy.windows import MaintenanceWindow
from tests.unit.engine.world import World, dependency, policy

CHAT, FILES = Public("Chat", "Talk to a model"), Public("Files")


def chat(name: str, *, needs: Sequence[str | Sequence[str]] = (), tags: frozenset[str] = frozenset()) -> Dependency:
    """A part of the component Chat."""
    return dependency(name, needs=needs, public=CHAT, tags=tags)


def shown(world: World) -> dict[str, Shown]:
    engine = world.engine
    return components_now(Published.of(engine.policy), engine.volatile, engine.durable, world.now)


def test_what_has_one_name_is_one_component_and_the_rest_is_nobodys() -> None:
    """In the order of the policy, with the description that one of its parts has."""
    bare = dependency("a", public=Public("Chat"))
    plan = policy(dependency("files", public=FILES), dependency("redis"), bare, chat("b"))
    components = Published.of(plan).components
    assert [(each.name, each.description, each.parts) for each in components] == [
        ("Files", "", ("files",)),
        ("Chat", "Talk to a model", ("a", "b")),
    ]


def test_a_policy_that_publishes_nothing_has_no_components() -> None:
    published = Published.of(policy(dependency("gateway")))
    assert (published.components, published.groups, published.concerns) == ((), {}, {})


def test_what_nobody_has_seen_yet_is_unknown() -> None:
    """Nobody is told that it works, and nobody that it does not."""
    assert shown(World(policy(chat("gateway")), running=False)) == {"Chat": Shown.UNKNOWN}


def test_what_a_watchdog_cannot_see_is_unknown() -> None:
    world = World(policy(chat("gateway")))
    world.fail("gateway", Reason.NETWORK_UNREACHABLE, times=5)
    assert shown(world) == {"Chat": Shown.UNKNOWN}


def test_one_part_that_is_down_is_an_outage_until_it_serves() -> None:
    """The component is as its worst part is, and others are as they were."""
    world = World(policy(chat("gateway"), chat("model"), dependency("files", public=FILES)))
    assert shown(world) == {"Chat": Shown.OPERATIONAL, "Files": Shown.OPERATIONAL}
    world.fail("model")
    assert shown(world) == {"Chat": Shown.OUTAGE, "Files": Shown.OPERATIONAL}
    world.succeed("model")
    assert shown(world)["Chat"] is Shown.OPERATIONAL


def test_what_is_slow_is_degraded() -> None:
    world = World(policy(chat("gateway")))
    world.slow("gateway")
    assert shown(world) == {"Chat": Shown.DEGRADED}


@pytest.mark.parametrize("reason", [Reason.CERTIFICATE_EXPIRING, Reason.MEMORY_HIGH, Reason.DISK_FULL])
def test_what_users_do_not_notice_they_are_not_told(reason: Reason) -> None:
    """A certificate that must be renewed, memory, a disk: it serves."""
    world = World(policy(chat("gateway")))
    world.look("gateway", degraded(reason, "test"), times=3)
    assert world.health("gateway") == "degraded"
    assert shown(world) == {"Chat": Shown.OPERATIONAL}


def test_every_risk_of_data_is_the_operators_as_long_as_it_serves() -> None:
    """And an outage when it does not."""
    risks = [reason for reason in Reason if reason.category is Category.INTEGRITY]
    assert {shown_of("degraded", reason) for reason in risks} == {Shown.OPERATIONAL}
    assert {shown_of("down", reason) for reason in risks} == {Shown.OUTAGE}


@pytest.mark.parametrize(
    ("health", "how"),
    [
        ("up", Shown.OPERATIONAL),
        ("degraded", Shown.DEGRADED),
        ("down", Shown.OUTAGE),
        ("starting", Shown.OUTAGE),
        ("unknown", Shown.UNKNOWN),
        ("a word of tomorrow", Shown.UNKNOWN),
    ],
)
def test_each_health_is_one_word_for_users(health: str, how: Shown) -> None:
    assert shown_of(health, None) is how


def test_the_worst_of_nothing_is_operational() -> None:
    assert worst(()) is Shown.OPERATIONAL
    assert worst((Shown.UNKNOWN, Shown.MAINTENANCE, Shown.DEGRADED)) is Shown.DEGRADED


def test_what_stands_in_for_it_makes_an_outage_degraded() -> None:
    """One of a group of `needs`; when the last one goes, it is an outage."""
    world = World(policy(chat("a"), chat("b"), dependency("gateway", needs=[["a", "b"]])))
    world.fail("a")
    assert shown(world) == {"Chat": Shown.DEGRADED}
    world.fail("b")
    assert shown(world) == {"Chat": Shown.OUTAGE}


def test_so_many_as_min_healthy_says_must_serve() -> None:
    """Of three that need two, one may go."""
    tagged = [chat(name, tags=frozenset({"model"})) for name in "abc"]
    world = World(policy(*tagged, limits=Limits(min_healthy={"model": 2})))
    world.fail("a")
    assert shown(world) == {"Chat": Shown.DEGRADED}
    world.fail("b")
    assert shown(world) == {"Chat": Shown.OUTAGE}


def test_what_nobody_can_see_stands_in_for_nothing() -> None:
    plan = policy(chat("a"), chat("b"), dependency("gateway", needs=[["a", "b"]]))
    states = {"a": Shown.OUTAGE, "b": Shown.UNKNOWN}
    assert Published.of(plan).part("a", states) is Shown.OUTAGE


def test_what_serves_while_what_it_needs_is_down_is_degraded() -> None:
    """Though the one that is down is published nowhere; of a group, one is enough."""
    world = World(policy(dependency("db"), chat("gateway", needs=["db"]), dependency("files", public=FILES)))
    world.fail("db")
    assert shown(world) == {"Chat": Shown.DEGRADED, "Files": Shown.OPERATIONAL}
    spare = World(policy(dependency("a"), dependency("b"), chat("gateway", needs=[["a", "b"]])))
    spare.fail("a")
    assert shown(spare) == {"Chat": Shown.OPERATIONAL}


def planned(*parts: Dependency, of: str) -> World:
    """Somebody works on it from one minute past noon on, for half an hour."""
    window = MaintenanceWindow("w", Cron("1 12 * * *"), 1800.0, frozenset({of}))
    return World(replace(policy(*parts), maintenance=(window,)))


def test_what_is_worked_on_is_in_maintenance_whether_it_serves_or_not() -> None:
    """Until the window ends: what still fails then is an outage."""
    world = planned(chat("gateway"), of="gateway")
    assert shown(world) == {"Chat": Shown.OPERATIONAL}
    world.wait(60.0)
    assert shown(world) == {"Chat": Shown.MAINTENANCE}
    world.fail("gateway")
    assert shown(world) == {"Chat": Shown.MAINTENANCE}
    world.wait(1800.0)
    assert shown(world) == {"Chat": Shown.OUTAGE}


def test_what_fails_with_what_is_worked_on_is_in_maintenance() -> None:
    """What is worked on is published nowhere."""
    world = planned(dependency("db"), chat("gateway", needs=["db"]), of="db")
    world.wait(60.0)
    assert shown(world) == {"Chat": Shown.OPERATIONAL}
    world.fail("db")
    assert shown(world) == {"Chat": Shown.MAINTENANCE}


def test_what_failed_before_the_window_is_an_outage_in_it() -> None:
    """It has an incident, and that was not planned."""
    world = planned(chat("gateway"), of="gateway")
    world.fail("gateway")
    world.wait(60.0)
    world.look("gateway", ok())
    world.fail("gateway")
    assert shown(world) == {"Chat": Shown.OUTAGE}
