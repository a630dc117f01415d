"""One outage is one page: what begins together, what is healed quietly, and what is news of what people know."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import ActionOutcome, NotificationKind, Reason, Severity, Told, degraded, failed
from nemo_watchdog.policy.people import NextInLine
from tests.unit.engine.paging.parts import GROUP_WAIT, HEAL_QUIETLY, SETTLE, in_line, kinds, plan, stay_ill, to
from tests.unit.engine.world import World


def test_what_the_watchdog_heals_soon_pages_nobody() -> None:
    """It is told when it is over, with what was done, under no severity."""
    world = World(plan("gateway"))
    world.fail("gateway")
    world.pass_time(3)
    world.finish()
    world.succeed("gateway")
    (healed,) = world.messages
    assert healed.kind is NotificationKind.HEALED
    assert healed.title == "gateway was down for 7s, and is up again"
    assert "docker.restart of c-gateway once" in healed.body
    world.wait(3600)
    assert len(world.messages) == 1


def test_what_is_not_healed_in_that_time_is_told_once() -> None:
    world = World(plan("gateway"))
    world.fail("gateway")
    opened_at = world.monotonic
    world.wait(HEAL_QUIETLY - 1)
    assert world.messages == []
    world.wait(1)
    assert kinds(world) == ["opened"]
    assert world.monotonic == opened_at + HEAL_QUIETLY


def test_what_starts_again_has_been_down() -> None:
    """A model server that loads its weights: that it starts is no trouble, and what is told is that it was down."""
    world = World(plan("gemma", grace=300.0))
    world.fail("gemma")
    world.wait(HEAL_QUIETLY - 1)
    world.finish()
    world.fail("gemma")
    world.wait(1)
    (opened,) = world.messages
    assert opened.title == "[SEV1] gemma is down and starting"
    assert opened.body.startswith("gemma is starting: ")


def test_what_nothing_is_done_about_is_told_after_the_group_wait() -> None:
    world = World(plan("gateway", remedy=None))
    world.fail("gateway")
    world.wait(GROUP_WAIT - 0.1)
    assert world.messages == []
    world.wait(0.1)
    (opened,) = world.messages
    assert opened.kind is NotificationKind.OPENED
    assert "Since 2026-01-05 12:00:03 UTC" in opened.body
    assert "a person must look" in opened.body


def test_what_begins_together_is_one_message_that_lists_it() -> None:
    """And one end, when all of it is over."""
    world = World(plan("postgres", "redis", "search", remedy=None))
    world.fail("postgres", Reason.REFUSED)
    world.fail("redis", Reason.REFUSED)
    world.wait(GROUP_WAIT)
    (opened,) = world.messages
    assert opened.title == "[SEV2] postgres and redis are down"
    assert len(opened.incidents) == 2
    world.succeed("postgres")
    world.wait(60)
    assert kinds(world) == ["opened"]
    world.succeed("redis")
    assert kinds(world) == ["opened", "resolved"]
    assert world.messages[-1].title == "[SEV2] postgres and redis are up again"
    assert {each.incident for each in world.messages} == {opened.incident}


def test_what_begins_later_is_a_page_of_its_own() -> None:
    world = World(plan("postgres", "redis", "search", remedy=None))
    world.fail("postgres", Reason.REFUSED)
    world.wait(GROUP_WAIT + 1)
    world.fail("redis", Reason.REFUSED)
    world.wait(GROUP_WAIT)
    assert kinds(world) == ["opened", "opened"]
    assert len({each.incident for each in world.messages}) == 2


def test_an_outage_that_needs_a_person_is_three_messages() -> None:
    """Opened, that a person must look, over; what was tried between is told with them."""
    world = World(plan("gateway"))
    world.fail("gateway")
    stay_ill(world, 600, "gateway")
    world.succeed("gateway", times=3)
    assert kinds(world) == ["opened", "escalated", "resolved"]
    assert "docker.restart of c-gateway 3 times" in world.messages[1].body
    assert {to(each) for each in world.messages} == {"on-call, lead"}


def test_that_a_person_must_look_is_asked_once_of_each() -> None:
    """The next that needs the same person is held back, and counted."""
    world = World(plan("postgres", "redis", "search"))
    world.fail("postgres", Reason.REFUSED)
    world.fail("redis", Reason.REFUSED)
    stay_ill(world, 600, "postgres", "redis")
    assert kinds(world).count("escalated") <= 1
    told = [each for effects in world.effects for each in effects.told]
    assert (NotificationKind.ESCALATED, Told.HELD_BACK) in told or (NotificationKind.ESCALATED, Told.GROUPED) in told


def test_a_rise_in_severity_is_told_in_the_same_page() -> None:
    world = World(plan("postgres", "gateway", remedy=None))
    world.fail("postgres", Reason.REFUSED)
    world.wait(GROUP_WAIT)
    world.fail("gateway", Reason.REFUSED)
    world.wait(GROUP_WAIT)
    risen = [each for each in world.messages if each.kind is NotificationKind.SEVERITY_CHANGED]
    assert [each.severity for each in risen] == [Severity.SEV1]
    assert risen[0].incident == world.messages[0].incident


def test_the_real_cause_is_told_when_the_symptom_came_first() -> None:
    world = World(plan("postgres", "gateway", needs=["postgres"], remedy=None))
    world.fail("gateway")
    world.succeed("postgres")
    world.fail("gateway")
    world.wait(GROUP_WAIT)
    world.fail("postgres", Reason.REFUSED)
    causes = [each for each in world.messages if each.kind is NotificationKind.ROOT_CHANGED]
    assert [each.title for each in causes] == ["[SEV1] postgres is the cause"]
    assert causes[0].incident == world.messages[0].incident


def test_what_comes_back_again_is_over_when_it_has_held() -> None:
    """The first end is told at once, the second when nothing came for a while."""
    world = World(plan("gateway", remedy=None))
    world.fail("gateway")
    world.wait(GROUP_WAIT)
    world.succeed("gateway")
    assert kinds(world) == ["opened", "resolved"]
    world.fail("gateway")
    world.wait(GROUP_WAIT)
    assert kinds(world)[2:] == ["opened"]
    world.succeed("gateway")
    world.wait(SETTLE - 1)
    assert kinds(world)[3:] == []
    world.wait(1)
    assert kinds(world)[3:] == ["resolved"]
    assert len({each.incident for each in world.messages}) == 1


def test_a_restart_of_the_daemon_repeats_nothing_and_forgets_nothing() -> None:
    world = World(plan("gateway", remedy=None))
    world.fail("gateway")
    world.kill_daemon()
    world.fail("gateway")
    world.wait(GROUP_WAIT)
    assert kinds(world) == ["opened"]
    world.kill_daemon()
    world.fail("gateway")
    world.wait(600)
    assert kinds(world) == ["opened"]
    world.succeed("gateway", times=3)
    world.kill_daemon()
    world.wait(600)
    assert kinds(world) == ["opened", "resolved"]


def test_a_crash_of_all_that_runs_is_told_before_a_person_is_asked() -> None:
    """Failed orders are no messages."""
    world = World(plan("postgres", "redis", "gateway", needs=["postgres", "redis"]))
    world.crash("postgres")
    world.crash("redis")
    world.fail("gateway")
    for _ in range(60):
        world.wait(5)
        while world.pending:
            world.finish(ActionOutcome.FAILED)
    assert len(world.messages) <= 2


def test_what_a_person_declares_is_told_at_once() -> None:
    world = World(plan("gateway"))
    world.send(ev.DeclareAsked("users report errors", Severity.SEV2, "", "anna"))
    (declared,) = world.messages
    assert declared.title == "[SEV2] reported: users report errors"


def test_what_a_person_declares_is_told_with_what_fails_then() -> None:
    """And what fails is not lost behind it."""
    world = World(plan("gateway", remedy=None))
    world.fail("gateway")
    world.send(ev.DeclareAsked("users report errors", Severity.SEV2, "", "anna"))
    (told,) = world.messages
    assert "Reported by anna" in told.body
    assert "gateway is down" in told.body


def test_all_that_is_core_at_once_is_said_so() -> None:
    world = World(plan("postgres", "redis", "gateway", needs=["postgres", "redis"], remedy=None))
    for each in ("postgres", "redis", "gateway"):
        world.fail(each, Reason.REFUSED)
    world.wait(GROUP_WAIT)
    (told,) = world.messages
    assert told.title == "[SEV1] everything core fails at once: postgres, gateway and redis"
    assert "Next: postgres: nothing is done" in told.body
    assert "redis: nothing is done" in told.body


def test_an_end_says_from_when_to_when_and_what_was_done() -> None:
    world = World(plan("gateway"))
    world.fail("gateway")
    stay_ill(world, 600, "gateway")
    world.succeed("gateway", times=3)
    over = world.messages[-1].body
    assert "It began at 2026-01-05 12:00:03 UTC (gateway down: wrong_status (test: wrong_status)), and ended at" in over
    assert "Done: docker.restart of c-gateway 3 times." in over


def test_what_people_learn_at_one_moment_is_one_message() -> None:
    """The cause and how grave it is now."""
    world = World(plan("postgres", "gateway", needs=["postgres"], remedy=None))
    world.fail("gateway")
    world.succeed("postgres")
    world.fail("gateway")
    world.wait(GROUP_WAIT)
    world.fail("postgres", Reason.REFUSED)
    assert kinds(world) == ["opened", "root_changed"]
    assert world.messages[-1].severity is Severity.SEV1


def two_known() -> World:
    """One grave and one slight outage in one page, over and back within minutes."""
    made = in_line(plan("postgres", "redis", "idle", remedy=None))
    slight = replace(made.severities[Severity.SEV3], escalate=(NextInLine("lead", 14400.0),))
    world = World(replace(made, severities={**made.severities, Severity.SEV3: slight}))
    world.fail("postgres", Reason.REFUSED)
    world.slow("redis")
    world.wait(GROUP_WAIT)
    world.succeed("postgres")
    world.succeed("redis")
    world.wait(SETTLE)
    assert kinds(world) == ["opened", "resolved"]
    return world


def test_what_comes_back_together_is_one_message_as_grave_as_its_gravest() -> None:
    """And who is next hears of it at the time of that one."""
    world = two_known()
    for _ in range(3):
        world.look("postgres", failed(Reason.REFUSED, "refused"))
        world.look("redis", degraded(Reason.SLOW, "slow"))
    world.wait(GROUP_WAIT)
    (again,) = world.messages[2:]
    assert (again.severity, len(again.incidents)) == (Severity.SEV2, 2)
    world.wait(900)
    assert [to(each) for each in world.messages[3:]] == ["lead"]


def test_what_comes_back_beside_what_is_known_makes_it_no_slighter() -> None:
    """Nor does the line begin anew for what is known: it has waited since then."""
    world = two_known()
    world.fail("postgres", Reason.REFUSED)
    world.wait(800)
    world.slow("redis")
    world.wait(100)
    page = world.engine.durable.pages.of(world.messages[0].incident)
    assert page is not None
    assert page.severity is Severity.SEV2
    assert [to(each) for each in world.messages if each.kind is NotificationKind.UNANSWERED] == ["lead"]


def test_the_end_of_a_silence_is_told_once_of_each_page() -> None:
    """However many incidents it tells of."""
    world = World(in_line(plan("postgres", "redis", "idle", remedy=None)))
    world.fail("postgres", Reason.REFUSED)
    world.fail("redis", Reason.REFUSED)
    world.wait(GROUP_WAIT)
    world.send(ev.SilenceAsked((), (), 600.0, "we know", "ops"))
    world.wait(700)
    assert kinds(world) == ["opened", "reminder"]


def test_what_became_graver_while_nobody_was_to_hear_of_it_is_told_when_they_are() -> None:
    """Where another outage of the page is told all the time, no end of a silence would say so."""
    world = World(in_line(plan("gateway", "redis", "idle", remedy=None)))
    world.slow("gateway")
    world.slow("redis")
    world.wait(GROUP_WAIT)
    page = world.engine.durable.pages.of(world.messages[0].incident)
    assert page is not None
    incident = next(one for one in world.engine.durable.open() if one.root == "gateway")
    incident.severity = Severity.SEV1
    world.slow("redis")
    world.fail("gateway")
    world.wait(GROUP_WAIT)
    graver = world.messages[-1]
    assert graver.severity is Severity.SEV1
    assert page.severity is Severity.SEV1


def test_that_what_flapped_keeps_still_and_is_down_is_told() -> None:
    """People were told that it goes down and comes back; and when it flaps anew, that is told again."""
    world = World(in_line(plan("gateway", "idle", remedy=None)))

    def flap() -> None:
        for _ in range(6):
            world.fail("gateway")
            world.wait(5)
            world.succeed("gateway")
            world.wait(5)

    flap()
    assert "gateway is flapping" in world.messages[-1].title
    world.fail("gateway")
    for _ in range(3600):
        world.wait(5)
        world.look("gateway", failed(Reason.REFUSED, "refused"))
    still = [each for each in world.messages if "flaps no more" in each.title]
    assert len(still) == 1
    assert "gateway is down" in still[0].body
    told = len(world.messages)
    world.succeed("gateway")
    flap()
    assert any("gateway is flapping" in each.title for each in world.messages[told:])


def test_the_end_of_what_the_policy_names_no_more_is_told_as_that_after_a_start_too() -> None:
    """Its end waited for whether it comes back, and the daemon was started anew meanwhile."""
    world = World(plan("gateway", "idle", remedy=None))
    world.fail("gateway")
    world.wait(GROUP_WAIT)
    world.succeed("gateway")
    world.fail("gateway")
    world.wait(GROUP_WAIT)
    world.send(ev.PolicyChanged(plan("other", "idle", remedy=None)))
    world.kill_daemon()
    world.wait(SETTLE)
    end = world.messages[-1]
    assert end.kind is NotificationKind.UNWATCHED
    assert end.title.endswith("gateway is not watched any more")


def test_a_clock_that_is_set_makes_no_outage_longer_or_shorter() -> None:
    world = World(plan("gateway"))
    world.fail("gateway")
    world.utc -= timedelta(hours=1)
    world.pass_time(3)
    world.finish()
    world.succeed("gateway")
    (healed,) = world.messages
    assert "was down for 7s" in healed.title
    assert "UTC (7s)." in healed.body
