"""Telling follows records: each that is news ends in one closed word, and nothing else makes a message."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine import notices, telling
from nemo_watchdog.engine.telling import NEWS, alert_of, muted_by
from nemo_watchdog.model import ActionOutcome, Alert, NotificationKind, Reason, Told
from tests.unit.engine.world import World, dependency, policy


@pytest.mark.parametrize("kind", r.TYPES.values(), ids=lambda kind: kind.TYPE)
def test_a_record_has_words_exactly_when_it_is_news(kind: type[r.Record]) -> None:
    """What is told can be said, and what is not told has no words that nobody would read."""
    assert (notices.words.dispatch(kind) is not notices.words.dispatch(r.Record)) is (kind in NEWS)


def test_every_kind_of_message_comes_from_a_record() -> None:
    """None is made by hand; an end is one of two kinds, by what is still watched. Some are of pages or of work."""
    of_pages = {
        NotificationKind.UNANSWERED,
        NotificationKind.REMINDER,
        NotificationKind.HEALED,
        NotificationKind.MERGED,
        NotificationKind.MAINTENANCE,
    }
    assert {*NEWS.values(), NotificationKind.UNWATCHED} == set(NotificationKind) - of_pages


def told(world: World) -> list[tuple[NotificationKind, Told]]:
    return [each for effects in world.effects for each in effects.told]


def test_each_record_that_is_news_is_counted_once_with_what_became_of_it() -> None:
    """What was healed quietly is one message; the records that are no news are not counted."""
    world = World(policy(dependency("gateway", grace=0.0)))
    world.crash("gateway")
    world.finish()
    world.succeed("gateway")
    grouped = [(notification.kind, Told.GROUPED) for notification in world.notifications]
    assert told(world) == [*grouped, (NotificationKind.HEALED, Told.QUEUED)]
    assert len(grouped) == 4


def test_without_a_contact_the_word_says_so() -> None:
    """So that a metric can show a policy that tells nobody."""
    plan = policy(dependency("gateway"))
    silent = {severity: replace(spec, notify=()) for severity, spec in plan.severities.items()}
    world = World(replace(plan, severities=silent))
    world.crash("gateway")
    assert world.notifications == []
    assert set(told(world)) == {
        (NotificationKind.OPENED, Told.NO_CONTACT),
        (NotificationKind.ACTION_STARTED, Told.NO_CONTACT),
    }


@pytest.mark.parametrize("whom", [("on-call",), ()])
def test_that_the_journal_is_damaged_is_counted_as_told_or_not(whom: tuple[str, ...]) -> None:
    """It is in no incident, and counts like all that is news."""
    plan = policy(dependency("gateway"))
    severities = {severity: replace(spec, notify=whom) for severity, spec in plan.severities.items()}
    world = World(replace(plan, severities=severities))
    world.send(ev.JournalChanged("the journal x is damaged: record 3 is missing", damaged=True))
    assert [note.contacts for note in world.notifications] == [whom] * bool(whom)
    assert told(world) == [(NotificationKind.JOURNAL, Told.QUEUED if whom else Told.NO_CONTACT)]


def summary(world: World) -> str:
    """Of the alert for the one incident that is open."""
    (incident,) = world.engine.durable.open()
    alert = alert_of(world.engine.volatile, world.engine.durable, incident, world.now)
    assert isinstance(alert, Alert)
    return alert.annotations["summary"]


def test_an_alert_says_why_it_is_down() -> None:
    world = World(policy(dependency("gateway", grace=0.0)))
    world.fail("gateway", Reason.REFUSED)
    assert summary(world) == "gateway is down (refused)"


def test_an_alert_of_what_was_never_seen_down_says_by_which_rule() -> None:
    """Docker starts it again and again, so fast that no look ever failed."""
    world = World(policy(dependency("gateway", grace=0.0), dependency("idle")))
    for n in range(1, 4):
        world.run("gateway", restarts=n)
        world.succeed("gateway")
    assert summary(world) == "gateway is up (unclassified)"


def merged() -> World:
    """The gateway and the worker failed alone; then it turned out to be postgres."""
    world = World(
        policy(
            dependency("postgres"),
            dependency("gateway", needs=["postgres"], remedy=None),
            dependency("worker", needs=["postgres"], remedy=None),
        )
    )
    for name in ("gateway", "worker"):
        world.fail(name)
        world.succeed("postgres")
        world.fail(name)
    assert len(world.engine.durable.open()) == 2
    world.fail("postgres", Reason.REFUSED)
    return world


def test_an_incident_that_is_part_of_another_is_not_told_on_its_own() -> None:
    world = merged()
    incidents = list(world.engine.durable.incidents.values())
    assert [muted_by(incident) for incident in incidents] == [None, Told.MERGED]


def test_what_mutes_a_message_mutes_the_alert(monkeypatch: pytest.MonkeyPatch) -> None:
    """One place for both; but of an alert that has gone out Alertmanager hears the end."""
    world = merged()
    monkeypatch.setattr(telling, "muted_by", lambda _: Told.SILENCED)
    durable = world.engine.durable
    first, second = (alert_of(world.engine.volatile, durable, each, world.now) for each in durable.incidents.values())
    assert first is Told.SILENCED
    assert isinstance(second, Alert)
    assert second.ends_at is not None


def test_the_end_of_an_action_is_told_with_the_incident_that_it_moved_to() -> None:
    """Its own was merged into another one meanwhile."""
    world = World(
        policy(
            dependency("postgres", remedy=None),
            dependency("gateway", needs=["postgres"]),
            dependency("worker", needs=["postgres"], remedy=None),
        )
    )
    world.fail("worker")
    world.succeed("postgres")
    world.fail("worker")
    world.fail("gateway")
    world.succeed("postgres")
    assert len(world.pending) == 1
    world.fail("postgres", Reason.REFUSED)
    (incident,) = world.engine.durable.open()
    request = world.finish(ActionOutcome.SUCCEEDED)
    assert request.incident != incident.incident
    (finished,) = world.told(NotificationKind.ACTION_FINISHED)
    assert finished.incident == incident.incident


def test_the_stages_read_as_a_sentence() -> None:
    """Who, muted, worded, kept."""
    assert [stage.__name__ for stage in telling.STAGES] == ["_who", "_muted", "_worded", "_kept"]
