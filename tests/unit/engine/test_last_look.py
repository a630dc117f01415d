"""A wait may end long after the last look: what speaks for acting is looked at once more before anything is done."""

from __future__ import annotations

from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.gates.evidence import NEWS_FOR
from nemo_watchdog.model import Gate, Reason, RunState, failed, ok
from tests.unit.engine.world import World, dependency, policy


def down_and_paused(confirm_interval: float = 1.0) -> World:
    """Somebody is at work on it, and nobody has looked at it for a while."""
    world = World(policy(dependency("gateway", grace=0.0, confirm_interval=confirm_interval)))
    world.send(ev.PauseAsked("gateway", "I look myself", "ops"))
    world.look("gateway", failed(Reason.TIMEOUT, "no answer"), times=3, every=confirm_interval)
    world.pass_time(2 * NEWS_FOR)
    world.stays_as_it_is = False
    world.soon.clear()
    return world


def gate(world: World) -> Gate:
    decision = world.engine.decision("gateway", world.now)
    assert decision is not None
    return decision.gate


def test_what_a_person_has_mended_is_not_restarted_when_they_say_so() -> None:
    world = down_and_paused()
    world.send(ev.ResumeAsked("gateway", "ops"))
    assert not world.started
    assert gate(world) is Gate.LAST_LOOK
    assert world.soon == {"gateway"}
    world.succeed("gateway")
    world.wait(3600.0)
    assert not world.started
    assert not world.engine.durable.open()


def test_what_still_fails_is_restarted_with_that_look() -> None:
    world = down_and_paused()
    world.send(ev.ResumeAsked("gateway", "ops"))
    world.look("gateway", failed(Reason.TIMEOUT, "no answer"), every=0.1)
    assert len(world.started) == 1


def test_a_look_that_saw_nothing_is_no_evidence_and_is_followed_by_the_next_at_its_own_pace() -> None:
    world = down_and_paused()
    world.send(ev.ResumeAsked("gateway", "ops"))
    world.soon.clear()
    world.look("gateway", failed(Reason.CLOCK_JUMPED, "we slept"), every=0.1)
    assert gate(world) is Gate.LAST_LOOK
    assert not world.soon
    assert not world.started
    world.look("gateway", failed(Reason.TIMEOUT, "no answer"))
    assert len(world.started) == 1


def test_where_looks_that_confirm_are_further_apart_they_are_news_for_as_long() -> None:
    world = down_and_paused(confirm_interval=2 * NEWS_FOR)
    world.send(ev.ResumeAsked("gateway", "ops"))
    assert len(world.started) == 1


def test_dockers_word_needs_no_look() -> None:
    """It tells of every change."""
    world = down_and_paused()
    world.see("gateway", RunState.EXITED, past=[world.event("gateway", "die")], finished_at=world.utc, exit_code=1)
    world.pass_time(2 * NEWS_FOR)
    world.send(ev.ResumeAsked("gateway", "ops"))
    assert len(world.started) == 1


def test_what_serves_is_not_looked_at_for_that() -> None:
    world = World(policy(dependency("gateway")))
    world.look("gateway", ok())
    world.pass_time(2 * NEWS_FOR)
    world.soon.clear()
    world.send(ev.Tick())
    assert not world.soon
