"""While nobody answers, the next in line is told, and the last one again; an answer ends that until it is graver."""

from __future__ import annotations

from dataclasses import replace

from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import NotificationKind, Reason, Severity
from nemo_watchdog.policy.people import NextInLine
from tests.unit.engine.paging.parts import GROUP_WAIT, LINE, SETTLE, in_line, kinds, plan, stay_ill, to
from tests.unit.engine.world import World

RESPOND, AFTER = 900.0, 600.0


def down(*, remind_every: float | None = None) -> World:
    """It failed, and nobody was told yet."""
    world = World(in_line(plan("gateway", "idle", remedy=None), remind_every=remind_every))
    world.fail("gateway")
    return world


def acknowledge(world: World, seconds: float | None = None) -> None:
    (incident,) = world.engine.durable.open()
    world.send(ev.AcknowledgeAsked(incident.incident, "anna", seconds))


def test_each_is_told_at_its_time_from_the_opening_on() -> None:
    world = down()
    world.wait(RESPOND - 0.1)
    assert kinds(world) == ["opened"]
    world.wait(0.1)
    assert [(str(each.kind), to(each)) for each in world.messages[1:]] == [("unanswered", "lead")]
    world.wait(AFTER)
    assert [(str(each.kind), to(each)) for each in world.messages[2:]] == [("unanswered", "cto")]
    world.wait(7 * 86400)
    assert len(world.messages) == 3


def test_who_was_told_at_the_opening_is_not_the_next() -> None:
    """A line that begins with on-call goes on with the lead."""
    made = in_line(plan("gateway", remedy=None))
    specs = {
        each: replace(spec, escalate=(NextInLine("on-call", RESPOND), *spec.escalate))
        for each, spec in made.severities.items()
    }
    world = World(replace(made, severities=specs))
    world.fail("gateway")
    world.wait(RESPOND)
    assert [to(each) for each in world.messages] == ["on-call", "lead"]


def test_who_was_told_hears_of_the_end() -> None:
    world = down()
    world.wait(RESPOND + AFTER)
    world.succeed("gateway")
    assert to(world.messages[-1]) == "on-call, lead, cto"
    assert world.messages[-1].kind is NotificationKind.RESOLVED


def test_an_answer_ends_it_and_is_told_to_all() -> None:
    world = down()
    world.wait(RESPOND)
    acknowledge(world)
    assert (str(world.messages[-1].kind), to(world.messages[-1])) == ("acknowledged", "on-call, lead")
    world.wait(86400)
    assert kinds(world) == ["opened", "unanswered", "acknowledged"]


def test_an_answer_for_a_while_ends_it_for_that_while() -> None:
    """All who knew of it hear that nobody has it any more, once, and the line is counted from then on."""
    world = down()
    world.wait(60)
    acknowledge(world, 3600.0)
    world.wait(3600.0 - 1)
    assert kinds(world) == ["opened", "acknowledged"]
    world.wait(RESPOND)
    assert kinds(world) == ["opened", "acknowledged", "reminder"]
    reminder = world.messages[-1]
    assert to(reminder) == "on-call"
    assert reminder.body.startswith("The time for which anna had taken it is over.\ngateway is down")
    world.kill_daemon()
    world.wait(1)
    assert kinds(world) == ["opened", "acknowledged", "reminder", "unanswered"]


def test_who_has_one_of_two_for_a_while_delays_nobody_for_the_other() -> None:
    """Which is graver by now, and nobody's."""
    world = World(in_line(plan("postgres", "redis", "idle", remedy=None)))
    world.fail("postgres", Reason.REFUSED)
    world.slow("redis")
    world.wait(GROUP_WAIT)
    world.send(ev.AcknowledgeAsked(world.messages[0].incident, "anna", 4 * 3600.0))
    world.fail("redis", Reason.REFUSED)
    told = len(world.messages)
    world.wait(RESPOND)
    assert [to(each) for each in world.messages[told:]] == ["lead"]


def test_an_answer_goes_on_when_its_outage_becomes_a_part_of_another() -> None:
    """That is no graver; who has taken the symptom has the cause."""
    world = World(in_line(plan("postgres", "gateway", "idle", remedy=None)))
    world.fail("gateway")
    world.wait(GROUP_WAIT)
    acknowledge(world)
    source = world.engine.durable.open()[0]
    world.fail("postgres", Reason.REFUSED)
    target = next(one for one in world.engine.durable.open() if one is not source)
    world.engine.durable.merge(source, target, world.now)
    assert target.acknowledged is not None
    assert target.acknowledged.by == "anna"


def test_an_answer_ends_when_its_outage_becomes_a_part_of_a_graver_one() -> None:
    """The line waits from then on."""
    world = World(in_line(plan("postgres", "gateway", "idle", remedy=None)))
    world.slow("gateway")
    world.wait(GROUP_WAIT)
    acknowledge(world)
    source = world.engine.durable.open()[0]
    world.wait(3600)
    world.fail("postgres", Reason.REFUSED)
    target = next(one for one in world.engine.durable.open() if one is not source)
    world.engine.durable.merge(source, target, world.now)
    page = world.engine.durable.pages.of(source.incident)
    assert target.acknowledged is None
    assert page is not None
    assert page.clock == world.now


def test_an_answer_does_not_outlive_a_rise() -> None:
    world = World(in_line(plan("postgres", "gateway", needs=["postgres"], remedy=None)))
    world.fail("postgres", Reason.REFUSED)
    world.wait(60)
    acknowledge(world)
    world.fail("gateway", Reason.REFUSED)
    world.wait(RESPOND + GROUP_WAIT)
    assert kinds(world)[-2:] == ["severity_changed", "unanswered"]


def test_an_answer_does_not_outlive_a_recurrence() -> None:
    world = down()
    world.wait(60)
    acknowledge(world)
    world.succeed("gateway")
    world.fail("gateway")
    world.wait(RESPOND)
    assert kinds(world)[-2:] == ["opened", "unanswered"]


def test_what_comes_back_after_an_answer_is_told_to_all_and_waited_for() -> None:
    """Before its end was told: people know that somebody had it, and that it is theirs again."""
    world = down()
    world.wait(60)
    world.succeed("gateway")
    world.fail("gateway")
    world.wait(60)
    acknowledge(world)
    world.wait(3000)
    world.succeed("gateway")
    world.wait(10)
    told = len(world.messages)
    world.fail("gateway")
    world.wait(60)
    assert [(str(each.kind), to(each)) for each in world.messages[told:]] == [("opened", "on-call")]
    world.wait(RESPOND)
    assert [to(each) for each in world.messages[told + 1 :]] == ["lead"]


def test_what_is_graver_and_comes_back_beside_what_is_known_is_told() -> None:
    """As grave as it is, and to those who must answer for that."""
    world = World(in_line(plan("a", "b", "idle", remedy=None)))
    world.slow("a")
    world.fail("b")
    world.wait(GROUP_WAIT)
    (opened,) = world.messages
    assert len(opened.incidents) == 2
    world.succeed("b")
    world.succeed("a")
    world.slow("a")
    world.wait(GROUP_WAIT)
    told = len(world.messages)
    world.fail("b")
    world.wait(GROUP_WAIT)
    (again,) = world.messages[told:]
    assert again.severity is Severity.SEV2
    assert "b is down" in again.body


def test_what_comes_back_is_news_to_who_never_heard_of_it() -> None:
    """What was too slight to be told was not "down again" when it came back graver; who heard of it is told so."""
    made = in_line(plan("a", remedy=None))
    slight = {Severity.SEV3: replace(made.severities[Severity.SEV3], notify=())}
    world = World(replace(made, severities={**made.severities, **slight}))
    world.slow("a")
    world.wait(GROUP_WAIT)
    world.succeed("a")
    world.fail("a")
    world.wait(GROUP_WAIT)
    (opened,) = world.messages
    assert world.engine.durable.incidents[opened.incident].reopened == 1
    assert opened.title.endswith("] a is down")
    assert "reopened" not in opened.body
    world.succeed("a")
    world.wait(SETTLE)
    world.fail("a")
    world.wait(GROUP_WAIT)
    again = world.messages[-1]
    assert again.title.endswith("] a is down again")
    assert "It is the same incident, reopened twice." in again.body


def test_a_reload_that_shortens_the_line_leaves_nobody_out_and_asks_nobody_twice() -> None:
    world = down()
    world.wait(RESPOND)
    made = in_line(plan("gateway", "idle", remedy=None))
    specs = {each: replace(spec, escalate=LINE[1:]) for each, spec in made.severities.items()}
    world.send(ev.PolicyChanged(replace(made, severities=specs)))
    world.wait(AFTER)
    assert [to(each) for each in world.messages[1:]] == ["lead", "cto"]
    world.send(ev.PolicyChanged(made))
    world.wait(7200)
    assert len(world.messages) == 3


def test_the_last_one_is_reminded() -> None:
    world = down(remind_every=1800.0)
    world.wait(RESPOND + AFTER)
    world.wait(2 * 1800.0)
    assert [(str(each.kind), to(each)) for each in world.messages[3:]] == [("reminder", "cto")] * 2
    acknowledge(world)
    world.wait(86400)
    assert len(world.messages) == 6


def test_without_a_line_those_who_know_are_reminded() -> None:
    made = plan("gateway", "idle", remedy=None)
    specs = {each: replace(spec, remind_every=1800.0) for each, spec in made.severities.items()}
    world = World(replace(made, severities=specs))
    world.fail("gateway")
    world.wait(GROUP_WAIT + 1800.0)
    assert [(str(each.kind), to(each)) for each in world.messages] == [("opened", "on-call"), ("reminder", "on-call")]


def test_it_counts_on_while_the_daemon_is_away() -> None:
    """What is overdue is told at once, and who is next waits from when it was due."""
    world = down()
    world.wait(60)
    world.pass_time(RESPOND)
    world.kill_daemon()
    stay_ill(world, 30, "gateway")
    assert [(str(each.kind), to(each)) for each in world.messages[1:]] == [("unanswered", "lead")]
    assert world.messages[-1].title == "[SEV2] gateway is down, and nobody has taken it"
    assert (
        "gateway was down: wrong_status (test: wrong_status); the watchdog has just started" in world.messages[-1].body
    )
    world.wait(AFTER - 30 - 60)
    assert to(world.messages[-1]) == "cto"


def test_what_the_policy_names_no_more_stops_nobody_from_being_told() -> None:
    """The cause was taken out of it while what needs it is still down, and the daemon is started anew."""
    world = World(in_line(plan("a", "idle", "b", needs=["a"], remedy=None), remind_every=1800.0))
    world.fail("a")
    world.fail("b")
    world.wait(60)
    (incident,) = world.engine.durable.open()
    assert incident.root == "a"
    world.send(ev.PolicyChanged(in_line(plan("idle", "b", remedy=None), remind_every=1800.0)))
    world.wait(RESPOND)
    assert "Next: nothing is done: the policy names no remedy for it" in world.messages[-1].body
    world.kill_daemon()
    world.fail("b")
    world.wait(AFTER + 1800.0)
    assert [to(each) for each in world.messages if str(each.kind) == "unanswered"] == ["lead", "cto"]
    world.succeed("b")
    assert str(world.messages[-1].kind) in {"resolved", "unwatched"}


def test_a_restart_asks_nobody_twice() -> None:
    world = down()
    world.wait(RESPOND + AFTER)
    for _ in range(3):
        world.kill_daemon()
        stay_ill(world, 60, "gateway")
    assert kinds(world) == ["opened", "unanswered", "unanswered"]


def test_each_message_says_who_is_next_and_when() -> None:
    """As long as nobody has taken it."""
    world = down(remind_every=1800.0)
    world.wait(GROUP_WAIT)
    assert "Unless somebody takes it, lead is told at 2026-01-05 12:15:0" in world.messages[0].body
    world.wait(RESPOND + AFTER)
    assert "Unless somebody takes it, cto is told at 2026-01-05 12:25:0" in world.messages[1].body
    assert "Until somebody takes it, it is told again every 30m." in world.messages[2].body
    acknowledge(world)
    assert "somebody takes it" not in world.messages[-1].body
