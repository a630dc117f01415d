"""`status` says who was told of an incident, who is next and when, and how much was held back."""

from __future__ import annotations

from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.told_view import told
from nemo_watchdog.model import Reason
from nemo_watchdog.people_views import ToldView
from tests.unit.engine.paging.parts import GROUP_WAIT, in_line, plan
from tests.unit.engine.world import World


def shown(world: World) -> ToldView:
    (incident,) = world.engine.durable.open()
    return told(world.engine.volatile, world.engine.durable, incident, world.now)


def test_before_the_first_message_it_says_when_that_is_due() -> None:
    world = World(in_line(plan("gateway", "idle", remedy=None)))
    world.fail("gateway")
    assert (shown(world).page, shown(world).to, shown(world).next) == ("", (), None)
    assert shown(world).next_at == "2026-01-05T12:00:19+00:00"


def test_who_knows_and_who_is_next_unless_somebody_takes_it() -> None:
    world = World(in_line(plan("gateway", "idle", remedy=None)))
    world.fail("gateway")
    world.wait(GROUP_WAIT)
    before = shown(world)
    assert (before.to, before.messages, before.last) == (("on-call",), 1, "opened")
    assert (before.next, before.next_at) == ("lead", "2026-01-05T12:15:09+00:00")
    world.send(ev.AcknowledgeAsked(before.page, "anna", None))
    assert (shown(world).last, shown(world).next, shown(world).next_at) == ("acknowledged", None, None)


def test_what_was_no_message_of_its_own_is_counted_over_a_restart() -> None:
    """It is written down with the message that comes next."""
    world = World(in_line(plan("postgres", "gateway", needs=["postgres"], remedy=None)))
    world.fail("postgres", Reason.REFUSED)
    world.wait(GROUP_WAIT)
    world.slow("postgres")
    world.fail("postgres", Reason.REFUSED)
    held = shown(world).held_back
    assert held > 0
    world.wait(900.0)
    assert shown(world).held_back == held
    world.kill_daemon()
    assert shown(world).held_back == held
