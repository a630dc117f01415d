"""A silence mutes telling, and nothing else; what is still broken at its end is told then, and what is over is not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.quieting import MOST, why_not_silenced
from nemo_watchdog.engine.silence import is_hidden
from nemo_watchdog.model import NotificationKind, Reason, RunState, Severity, Told
from nemo_watchdog.policy.policy import Policy
from tests.unit.engine.paging.parts import GROUP_WAIT, SETTLE, in_line, kinds, plan, to
from tests.unit.engine.world import World

HOUR = 3600.0
RESPOND = 900.0


def platform(*, remind_every: float | None = None, remedy: str | None = None) -> Policy:
    return in_line(
        plan("gateway", "redis", "postgres", "api", needs=["postgres"], remedy=remedy), remind_every=remind_every
    )


def silence(world: World, *names: str, tags: Iterable[str] = (), seconds: float = HOUR) -> str:
    world.send(ev.SilenceAsked(names, tuple(tags), seconds, "moving racks", "alice"))
    return list(world.engine.durable.quiet.silences)[-1]


def counted(world: World, word: Told) -> list[str]:
    return [str(kind) for effects in world.effects for kind, told in effects.told if told is word]


def test_what_begins_in_it_is_told_at_its_end_with_since_when() -> None:
    """Looking, incidents and remedies go on as ever."""
    world = World(platform(remedy="restart"))
    silence(world, "gateway")
    world.pass_time(60)
    world.crash("gateway")
    began = world.utc
    world.wait(HOUR - 61)
    assert len(world.of(r.IncidentOpened)) == 1
    assert len(world.started) == 1
    assert world.messages == []
    assert "opened" in counted(world, Told.SILENCED)
    world.wait(10)
    (told,) = world.messages
    assert told.kind is NotificationKind.OPENED
    assert "Until now it was silenced, by alice: moving racks." in told.body
    assert f"Since {began:%Y-%m-%d %H:%M:%S} UTC" in told.body
    assert [type(each).__name__ for each in world.of(r.SilenceEnded)] == ["SilenceEnded"]


def test_what_is_over_by_its_end_is_counted_and_told_to_nobody() -> None:
    """Also where it had come back, and might have once more when the silence ended."""
    world = World(platform())
    silence(world, "gateway", seconds=200.0)
    for _ in range(2):
        world.fail("gateway")
        world.wait(GROUP_WAIT + 20)
        world.succeed("gateway")
        world.wait(40)
    assert len(world.of(r.IncidentResolved)) == 2
    world.wait(HOUR)
    assert world.messages == []
    assert counted(world, Told.SILENCED).count("resolved") == 2


def test_who_waits_for_an_answer_is_counted_from_its_end() -> None:
    """Nobody was to answer meanwhile."""
    world = World(platform())
    silence(world, "gateway")
    world.fail("gateway")
    world.wait(HOUR)
    assert kinds(world) == ["opened"]
    world.wait(RESPOND - 10)
    assert kinds(world) == ["opened"]
    world.wait(10)
    assert kinds(world) == ["opened", "unanswered"]


def test_of_what_people_know_nothing_more_is_told_in_it() -> None:
    """No escalation and no reminder; at its end that it is still so, and then the next in line waits anew."""
    world = World(platform(remind_every=600.0))
    world.fail("gateway")
    world.wait(60)
    silence(world, "gateway")
    world.wait(HOUR - 1)
    assert kinds(world) == ["opened"]
    world.wait(1)
    assert kinds(world) == ["opened", "reminder"]
    assert "Until now it was silenced, by alice: moving racks." in world.messages[-1].body
    world.wait(RESPOND - 1)
    assert kinds(world) == ["opened", "reminder"]
    world.wait(1)
    assert [*kinds(world), to(world.messages[-1])] == ["opened", "reminder", "unanswered", "lead"]


def test_the_end_of_what_people_know_is_told_in_it() -> None:
    """It calls nobody, and closes what they opened."""
    world = World(platform())
    world.fail("gateway")
    world.wait(60)
    silence(world, "gateway")
    world.wait(60)
    world.succeed("gateway")
    assert kinds(world) == ["opened", "resolved"]
    world.wait(HOUR)
    assert kinds(world) == ["opened", "resolved"]


def test_who_has_taken_it_is_not_reminded_at_its_end() -> None:
    world = World(platform())
    world.fail("gateway")
    world.wait(60)
    (incident,) = world.engine.durable.open()
    world.send(ev.AcknowledgeAsked(incident.incident, "anna"))
    silence(world, "gateway")
    world.wait(2 * HOUR)
    assert kinds(world) == ["opened", "acknowledged"]


def test_a_member_that_nobody_silenced_makes_it_heard() -> None:
    """All that fails must be silenced."""
    world = World(platform())
    silence(world, "postgres")
    world.fail("postgres", Reason.REFUSED)
    world.wait(60)
    assert world.messages == []
    world.fail("api", Reason.REFUSED, times=5)
    world.wait(1)
    (incident,) = world.engine.durable.open()
    assert set(incident.members) == {"postgres", "api"}
    assert kinds(world) == ["opened"]


@pytest.mark.parametrize("scope", [{"names": ()}, {"names": (), "tags": ("core",)}, {"names": ("postgres", "api")}])
def test_a_scope_is_names_or_tags_or_everything(scope: dict[str, tuple[str, ...]]) -> None:
    world = World(platform())
    silence(world, *scope["names"], tags=scope.get("tags", ()))
    world.fail("postgres", Reason.REFUSED)
    world.fail("api", Reason.REFUSED, times=5)
    world.wait(120)
    assert world.messages == []


def test_a_silence_of_another_mutes_nothing() -> None:
    world = World(platform())
    silence(world, "redis", tags=["nothing-has-it"])
    world.fail("gateway")
    world.wait(60)
    assert kinds(world) == ["opened"]


def test_it_is_not_told_with_what_begins_beside_it() -> None:
    """One outage, one page: of what may be heard."""
    world = World(platform())
    silence(world, "redis")
    world.fail("redis")
    world.fail("gateway")
    world.wait(60)
    (told,) = world.messages
    assert len(told.incidents) == 1
    assert told.root == "gateway"


def test_two_that_overlap_hold_until_the_later_end() -> None:
    """And nothing is told at the end of the first."""
    world = World(platform())
    silence(world, "gateway", seconds=600.0)
    silence(world, seconds=1200.0)
    world.fail("gateway")
    world.wait(1100.0)
    assert world.messages == []
    world.wait(100.0)
    assert kinds(world) == ["opened"]


def test_a_person_ends_it_before_its_time() -> None:
    """Only once: what is over is over."""
    world = World(platform())
    identity = silence(world, "gateway")
    world.fail("gateway")
    world.wait(60)
    world.send(ev.QuietEndAsked(identity, "bob"))
    world.send(ev.QuietEndAsked(identity, "bob"))
    assert kinds(world) == ["opened"]
    (ended,) = world.of(r.SilenceEnded)
    assert isinstance(ended, r.SilenceEnded)
    assert ended.by == "bob"


def test_what_fails_with_it_and_is_not_silenced_is_told_to_those_who_know() -> None:
    """And who is next in line waits from then on."""
    world = World(in_line(plan("a", "idle", "b", needs=["a"], remedy=None)))
    world.fail("a")
    world.wait(GROUP_WAIT)
    assert kinds(world) == ["opened"]
    silence(world, "a")
    world.wait(HOUR / 2)
    world.fail("b")
    world.wait(60)
    assert [(str(each.kind), to(each)) for each in world.messages[1:]] == [("reminder", "on-call")]
    assert "b" in world.messages[-1].body
    world.wait(RESPOND)
    assert [(str(each.kind), to(each)) for each in world.messages[2:]] == [("unanswered", "lead")]


def test_a_look_at_the_end_of_its_time_ends_it() -> None:
    """Whoever comes first, the look or the clock."""
    world = World(platform())
    world.fail("gateway")
    world.wait(GROUP_WAIT)
    silence(world, "gateway", seconds=HOUR)
    world.pass_time(HOUR + 0.1)
    world.fail("gateway", times=1)
    world.wait(60)
    assert kinds(world) == ["opened", "reminder"]


def test_it_outlives_a_kill_and_ends_at_its_time() -> None:
    world = World(platform())
    silence(world, "gateway")
    world.fail("gateway")
    world.wait(60)
    world.kill_daemon()
    world.run("gateway", age=HOUR)
    world.fail("gateway", times=4)
    world.wait(600)
    assert world.messages == []
    world.wait(HOUR)
    assert "opened" in kinds(world)


def test_one_that_ended_while_nobody_was_there_is_over_at_the_start() -> None:
    """What is still broken is told then, and the next in line waits from then on."""
    world = World(platform())
    silence(world, "gateway")
    world.fail("gateway")
    world.wait(60)
    world.pass_time(2 * HOUR)
    world.kill_daemon()
    world.wait(GROUP_WAIT)
    assert kinds(world) == ["opened"]
    world.wait(RESPOND - 1)
    assert kinds(world) == ["opened"]


def test_what_was_over_in_it_is_not_told_by_a_later_start() -> None:
    world = World(platform())
    silence(world, "gateway", seconds=120.0)
    world.fail("gateway")
    world.wait(60)
    world.succeed("gateway")
    world.wait(120)
    world.kill_daemon()
    world.wait(SETTLE)
    assert world.messages == []


def test_a_reload_that_takes_the_tag_away_makes_it_heard() -> None:
    """A scope means what the policy in force calls so."""
    world = World(platform())
    silence(world, tags=["core"])
    world.fail("gateway")
    world.wait(60)
    assert world.messages == []
    policy = world.engine.policy
    bare = {name: replace(spec, tags=frozenset()) for name, spec in policy.dependencies.items()}
    world.send(ev.PolicyChanged(replace(policy, dependencies=bare)))
    world.wait(1)
    assert kinds(world) == ["opened"]


def test_what_a_person_declares_is_silent_with_its_dependency_or_with_everything() -> None:
    world = World(platform())
    silence(world, "gateway", seconds=600.0)
    world.send(ev.DeclareAsked("answers are wrong", Severity.SEV2, "gateway", "anna"))
    assert world.messages == []
    world.send(ev.DeclareAsked("the bill is wrong", Severity.SEV2, "", "anna"))
    assert kinds(world) == ["opened"]
    world.wait(600.0)
    assert kinds(world) == ["opened", "opened"]
    assert "Until now it was silenced" in world.messages[-1].body
    silence(world)
    world.send(ev.DeclareAsked("the bill is wrong again", Severity.SEV2, "", "anna"))
    assert kinds(world) == ["opened", "opened"]


def test_who_keeps_alerts_hears_nothing_new_and_goes_on_hearing_of_what_it_knows() -> None:
    """Else it would take it for over."""
    world = World(platform())
    world.fail("redis")
    world.wait(60)
    silence(world)
    world.fail("gateway")
    known, new = world.engine.durable.open()
    engine = world.engine

    def hidden() -> list[bool]:
        now = world.monotonic
        return [is_hidden(engine.volatile, engine.durable, one, now) for one in (known, new)]

    assert hidden() == [False, True]
    world.wait(HOUR)
    assert hidden() == [False, False]


def test_who_keeps_alerts_hears_nothing_while_one_silence_is_prolonged_by_another() -> None:
    """However long ago the first is over; it is forgotten with what began in it."""
    world = World(platform())
    silence(world, "gateway")
    world.fail("gateway")
    world.wait(HOUR / 2)
    silence(world, "gateway", seconds=4 * HOUR)
    (one,) = world.engine.durable.open()
    for _ in range(3):
        world.wait(HOUR)
        world.send(ev.Tick())
        assert is_hidden(world.engine.volatile, world.engine.durable, one, world.monotonic)
    world.wait(2 * HOUR)
    assert not is_hidden(world.engine.volatile, world.engine.durable, one, world.monotonic)
    world.succeed("gateway")
    world.wait(2 * HOUR)
    world.send(ev.Tick())
    assert not world.engine.durable.quiet.silences


def test_no_more_hold_than_a_person_needs() -> None:
    world = World(platform())
    for _ in range(MOST):
        silence(world, "redis")
    assert len(world.engine.durable.quiet.silences) == MOST
    assert "end those that are not needed" in why_not_silenced(world.engine.durable)
    silence(world, "redis")
    assert len(world.engine.durable.quiet.silences) == MOST


def test_one_that_is_over_is_forgotten() -> None:
    world = World(platform())
    silence(world, "redis", seconds=60.0)
    world.wait(60)
    world.pass_time(HOUR)
    world.send(ev.Tick())
    assert not world.engine.durable.quiet.silences


def test_a_docker_that_tells_of_an_end_is_looked_at_all_the_same() -> None:
    """The state is what it is, whoever hears of it."""
    world = World(platform())
    silence(world, "gateway")
    world.see("gateway", RunState.EXITED, finished_at=world.utc, exit_code=1)
    assert world.engine.durable.incident_of("gateway") is not None
