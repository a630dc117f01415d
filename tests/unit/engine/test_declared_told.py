"""What people hear of what a person declared, and of who has taken an incident."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.declared_words import LONGEST_TITLE
from nemo_watchdog.engine.reported import Declared
from nemo_watchdog.engine.telling import alert_of
from nemo_watchdog.model import Alert, Notification, NotificationKind, Reason, Severity, Told
from nemo_watchdog.policy.policy import Limits, Policy, Rule, Storm
from tests.unit.engine.world import World, dependency, policy

TEXT = "the payment provider answers 500"
SINCE = "2026-01-05 12:00:06 UTC"


def platform() -> World:
    return World(policy(dependency("postgres"), dependency("gateway", grace=0.0)))


def declare(world: World, text: str = TEXT, severity: Severity = Severity.SEV2, about: str = "") -> str:
    """Its id."""
    world.send(ev.DeclareAsked(text, severity, about, "ada"))
    return list(world.engine.durable.declared)[-1]


def told(world: World) -> list[tuple[NotificationKind, Told]]:
    return [each for effects in world.effects for each in effects.told]


def without_contacts(plan: Policy) -> Policy:
    return replace(plan, severities={each: replace(spec, notify=()) for each, spec in plan.severities.items()})


def test_what_is_declared_is_told_to_those_of_its_severity() -> None:
    """What, by whom, since when, how grave, and how to answer."""
    world = platform()
    incident = declare(world)
    assert world.notifications == [
        Notification(
            key=f"{incident}:opened",
            kind=NotificationKind.OPENED,
            incident=incident,
            severity=Severity.SEV2,
            root="declared",
            title=f"[SEV2] reported: {TEXT}",
            body=(
                f"Reported by ada at {SINCE}: {TEXT}\n"
                "SEV2 Major degradation. Respond within 30m.\n"
                "Next: the watchdog does nothing about it; when it is over: "
                f"`nemo-watchdog resolve {incident} --reason …`."
            ),
            contacts=("on-call",),
            at=world.utc,
        )
    ]
    assert told(world) == [(NotificationKind.OPENED, Told.QUEUED)]


def test_which_dependency_it_is_about_is_said() -> None:
    """Where somebody named one."""
    world = platform()
    declare(world, severity=Severity.SEV1, about="gateway")
    (message,) = world.notifications
    assert message.body.splitlines()[1] == "It is about gateway."
    assert (message.root, message.contacts) == ("gateway", ("on-call", "lead"))


def test_a_policy_without_that_severity_promises_no_response() -> None:
    """And tells nobody, which is counted."""
    world = World(replace(policy(dependency("gateway")), severities={}))
    declare(world)
    assert world.notifications == []
    assert told(world) == [(NotificationKind.OPENED, Told.NO_CONTACT)]


def test_where_nobody_is_named_nobody_is_told() -> None:
    """Of none of it; each is counted."""
    world = World(without_contacts(policy(dependency("gateway"))))
    incident = declare(world)
    world.send(ev.AcknowledgeAsked(incident, "ada"))
    world.send(ev.ResolveAsked(incident, "mended", "ada"))
    assert world.notifications == []
    kinds = (NotificationKind.OPENED, NotificationKind.ACKNOWLEDGED, NotificationKind.RESOLVED)
    assert told(world) == [(kind, Told.NO_CONTACT) for kind in kinds]


@pytest.mark.parametrize("more", [0, 1])
def test_a_long_report_is_short_in_the_title_and_whole_below(more: int) -> None:
    """A title is read on a phone."""
    world, text = platform(), "x" * (LONGEST_TITLE + more)
    declare(world, text)
    (message,) = world.notifications
    shown = text if not more else f"{'x' * (LONGEST_TITLE - 1)}…"
    assert message.title == f"[SEV2] reported: {shown}"
    assert f": {text}\n" in message.body


def test_who_has_taken_it_is_told_to_the_same() -> None:
    """Each time that somebody takes it, once."""
    world = platform()
    incident = declare(world)
    world.send(ev.AcknowledgeAsked(incident, "bob"))
    world.pass_time(1.0)
    world.send(ev.AcknowledgeAsked(incident, "eve", 7200.0))
    first, second = world.told(NotificationKind.ACKNOWLEDGED)
    assert (first.title, first.contacts) == (f"[SEV2] bob has taken: {TEXT}", ("on-call",))
    assert first.body == f"bob has taken it.\nReported by ada at {SINCE}: {TEXT}\nSEV2 Major degradation."
    assert second.body.startswith("eve has taken it, for 2h.\n")
    assert first.key != second.key


def test_its_end_is_told_with_the_reason() -> None:
    """To the same, once."""
    world = platform()
    incident = declare(world)
    world.pass_time(7200.0)
    world.send(ev.ResolveAsked(incident, "fixed by the vendor", "bob"))
    (message,) = world.told(NotificationKind.RESOLVED)
    assert (message.key, message.title) == (f"{incident}:resolved", f"[SEV2] over: {TEXT}")
    assert message.contacts == ("on-call",)
    assert message.body == (
        "Resolved by bob: fixed by the vendor\n"
        f"Over after 2h. Reported by ada at {SINCE}: {TEXT}\n"
        "SEV2 Major degradation.\nNext: nothing to do."
    )


def test_a_storm_mutes_nothing_of_it() -> None:
    """No message about much that fails says it."""
    names = [f"service-{n}" for n in range(4)]
    world = World(policy(*map(dependency, names), limits=Limits(storm=Storm())))
    for _ in range(4):
        for name in names:
            world.fail(name, Reason.TIMEOUT, times=1)
    assert world.engine.durable.storm is not None
    before = len(world.notifications)
    declare(world, about=names[0])
    assert [message.kind for message in world.notifications[before:]] == [NotificationKind.OPENED]


def test_no_rule_of_the_policy_speaks_for_what_people_declare() -> None:
    """Also where one has that name."""
    plan = policy(dependency("gateway"))
    rule = Rule("declared", Severity.SEV2, notify=("lead",), title="Declared by law")
    world = World(replace(plan, classification=(*plan.classification, rule)))
    declare(world)
    (message,) = world.notifications
    assert message.contacts == ("on-call",)
    assert "SEV2 Major degradation." in message.body


def test_who_has_taken_an_incident_of_looks_is_told_to_all_who_were_told_of_it() -> None:
    """Those of its severity and its rule, and whoever was asked to look: each once."""
    plan = policy(dependency("gateway", grace=0.0), dependency("redis"))
    own = tuple(replace(rule, notify=("dba",)) for rule in plan.classification)
    world = World(replace(plan, classification=own))
    world.fail("gateway", Reason.REFUSED)
    incident = world.engine.durable.incident_of("gateway")
    assert incident is not None
    incident.escalated += ["lead", "", "on-call"]
    world.send(ev.AcknowledgeAsked(incident.incident, "bob", 3600.0))
    (message,) = world.told(NotificationKind.ACKNOWLEDGED)
    assert message.contacts == ("on-call", "dba", "lead")
    assert message.title == "[SEV2] gateway: bob has taken it"
    assert message.body == (
        "bob has taken it, for 1h.\nSEV2 Major degradation by the rule down.\n"
        "Next: the watchdog goes on as before; that holds nothing back."
    )
    assert (message.incident, message.root) == (incident.incident, "gateway")


def test_whoever_was_asked_to_look_hears_of_nothing_else() -> None:
    """The end is told to those of the severity."""
    world = platform()
    world.fail("gateway", Reason.REFUSED)
    incident = world.engine.durable.incident_of("gateway")
    assert incident is not None
    incident.escalated.append("lead")
    world.finish()
    world.succeed("gateway")
    (message,) = world.told(NotificationKind.RESOLVED)
    assert message.contacts == ("on-call",)


def alert(world: World, incident: str) -> Alert:
    one = world.engine.durable.declared[incident]
    assert isinstance(one, Declared)
    answer = alert_of(world.engine.volatile, world.engine.durable, one, world.now)
    assert isinstance(answer, Alert)
    return answer


@pytest.mark.parametrize("about", ["gateway", ""])
def test_it_is_an_alert_until_it_is_resolved(about: str) -> None:
    """Labelled as the others are; with a dependency where one was named."""
    world = platform()
    incident, began = declare(world, about=about), world.utc
    named = {"dependency": about} if about else {}
    labels = {"alertname": "NemoWatchdogIncident", "incident": incident, "severity": "SEV2", "rule": "declared"}
    said = {
        "severity": "SEV2",
        "rule": "declared",
        "title": "Major degradation",
        "since": SINCE,
        "summary": TEXT,
        "description": f"Reported by ada at {SINCE}: {TEXT}",
        "next": "the watchdog does nothing about it; a person says when it is over",
        "runbook": (
            f"Respond within 30m. Take it: `nemo-watchdog ack {incident}`. "
            f"All that is known: `nemo-watchdog incident {incident}`."
        ),
    }
    assert alert(world, incident) == Alert(incident, {**labels, **named}, {**named, **said}, began)
    world.pass_time(60.0)
    world.send(ev.ResolveAsked(incident, "mended", "ada"))
    assert alert(world, incident).ends_at == world.utc
