"""What Alertmanager silences is not told to people either, and is told when it is silenced no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import NotificationKind, Severity, Told
from tests.unit.engine.paging.parts import GROUP_WAIT, in_line, kinds, plan, to
from tests.unit.engine.world import World


@dataclass(frozen=True)
class Silenced:
    dependency: str
    by: str = "alice"
    reason: str = "moving racks"

    def mutes(self, labels: Mapping[str, str]) -> bool:
        return labels["dependency"] == self.dependency


@dataclass(frozen=True)
class Everything:
    by: str = "alice"
    reason: str = "moving racks"

    def mutes(self, labels: Mapping[str, str]) -> bool:
        return bool(labels)


def hear(world: World, *dependencies: str) -> None:
    world.send(ev.SilencesHeard(tuple(map(Silenced, dependencies))))


def ill() -> World:
    world = World(in_line(plan("idle", "gateway", remedy=None)))
    hear(world, "gateway")
    world.fail("gateway")
    return world


def test_it_is_told_to_nobody_while_it_lasts() -> None:
    world = ill()
    world.wait(86400)
    assert world.messages == []
    told = [each for effects in world.effects for each in effects.told]
    assert (NotificationKind.OPENED, Told.SILENCED) in told


def test_what_is_still_broken_at_its_end_is_told_then() -> None:
    """And who is next waits from then on."""
    world = ill()
    world.wait(3600)
    hear(world)
    assert kinds(world) == ["opened"]
    assert "Since 2026-01-05 12:00:06 UTC" in world.messages[0].body
    world.wait(899)
    assert kinds(world) == ["opened"]
    world.wait(2)
    assert [(str(each.kind), to(each)) for each in world.messages[1:]] == [("unanswered", "lead")]


def test_what_people_know_rests_meanwhile_and_is_told_again_at_its_end() -> None:
    world = World(in_line(plan("idle", "gateway", remedy=None)))
    world.fail("gateway")
    world.wait(GROUP_WAIT)
    hear(world, "gateway")
    world.wait(7200)
    assert kinds(world) == ["opened"]
    hear(world)
    assert kinds(world) == ["opened", "reminder"]
    world.succeed("gateway")
    assert kinds(world)[-1] == "resolved"


def test_what_is_over_by_then_is_told_to_nobody() -> None:
    world = ill()
    world.wait(600)
    world.succeed("gateway")
    world.wait(600)
    hear(world)
    world.wait(600)
    assert world.messages == []


def test_what_was_declared_and_over_in_it_is_never_told() -> None:
    """Not by a reload, and not by the next start either."""
    world = World(in_line(plan("idle", "gateway", remedy=None)))
    world.send(ev.SilencesHeard((Everything(),)))
    world.send(ev.DeclareAsked("chat is slow", Severity.SEV2, "", "anna"))
    (declared,) = world.engine.durable.declared
    world.fail("gateway")
    world.wait(600)
    world.send(ev.ResolveAsked(declared, "mended", "anna"))
    world.succeed("gateway")
    hear(world)
    world.send(ev.PolicyChanged(world.engine.policy))
    world.wait(60)
    world.kill_daemon()
    world.succeed("gateway")
    world.wait(600)
    assert world.messages == []


def test_it_silences_nothing_else() -> None:
    world = ill()
    world.fail("idle")
    world.wait(GROUP_WAIT)
    (told,) = world.messages
    assert "idle" in told.title
    assert "gateway" not in told.body
