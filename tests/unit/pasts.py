"""Incidents that were: the records of a world that broke and was healed, and journals that hold them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

from nemo_watchdog import records as r
from nemo_watchdog.engine.incidents import name_of
from nemo_watchdog.engine.severity import title_of
from nemo_watchdog.evidence import Evidence, Missing, Part
from nemo_watchdog.incident_views import DeliveryView, IncidentDetailView, IncidentSummaryView
from nemo_watchdog.journal import SqliteJournal
from nemo_watchdog.model import Moment, Notification, Severity
from nemo_watchdog.timeline.detail import detail_of
from nemo_watchdog.timeline.reading import Written
from nemo_watchdog.timeline.summary import summary_of
from tests.unit.engine.world import NOON, World, dependency, policy

BOOT = "boot-1"


def healed() -> World:
    """Postgres ends, the gateway fails with it; the first restart does not help, the second does."""
    world = World(policy(dependency("postgres"), dependency("gateway", needs=["postgres"])))
    world.crash("postgres")
    world.fail("gateway")
    world.wait(2.0)
    world.finish()
    world.wait(3.0)
    world.crash("postgres")
    world.wait(10.0)
    world.finish()
    world.wait(5.0)
    world.succeed("postgres")
    world.succeed("gateway")
    world.wait(30.0)
    return world


def incident_of(world: World) -> str:
    """The id of its first one."""
    first = world.of(r.IncidentOpened)[0]
    assert isinstance(first, r.IncidentOpened)
    return first.incident


def written(world: World, incident: str) -> Written:
    return [
        (at, body) for at, body in ((at, record.body()) for at, record in world.records) if body["incident"] == incident
    ]


def journal_of(folder: Path, world: World) -> SqliteJournal:
    """With all that happened in it, and what people were to be told."""
    journal = SqliteJournal(folder / "journal.db", BOOT)
    keep(journal, world.records, world.notifications)
    return journal


def keep(
    journal: SqliteJournal, records: Sequence[tuple[Moment, r.Record]], notifications: Sequence[Notification] = ()
) -> None:
    """Each with its own moment."""
    for at, record in records:
        journal.append([record.body()], [], at)
    if notifications:
        journal.append([], notifications, records[-1][0])


def at(seconds: float) -> Moment:
    """So long after noon."""
    return Moment(seconds, NOON + timedelta(seconds=seconds))


def short(
    root: str, began: float, *, lasted: float | None = 60.0, severity: str = "SEV2"
) -> list[tuple[Moment, r.Record]]:
    """One that opened so long after noon; None for one that is open."""
    incident = name_of(root, at(began), ())
    opened = r.IncidentOpened(incident, root, severity, "down", "down", "fault", "refused", "no one listens")
    if lasted is None:
        return [(at(began), opened)]
    resolved = r.IncidentResolved(incident, root, lasted, "every member is up")
    return [(at(began), opened), (at(began + lasted), resolved)]


def id_of(records: Sequence[tuple[Moment, r.Record]]) -> str:
    """Of the incident that they are of."""
    return str(records[0][1].body()["incident"])


def taken(incident: str, dependency: str = "postgres", text: str = "LOG: ready\n") -> Evidence:
    parts = (Part(f"{dependency}.log", text, cut=True), Part(f"{dependency}.inspect.json", "{}"))
    missing = (Missing(f"{dependency}.activity.txt", "no session could be had within 2s"),)
    return Evidence(incident, dependency, NOON + timedelta(seconds=6.2), 0.8, "before docker.restart", parts, missing)


def summary(world: World) -> IncidentSummaryView:
    """Of its first incident."""
    incident = incident_of(world)
    return summary_of(incident, written(world, incident), partial(_title, world), world.utc)


def detail(world: World, *, kept: Sequence[Evidence] = (), more: Written = ()) -> IncidentDetailView:
    """All about its first incident; `more` are records that came later."""
    incident = incident_of(world)
    told = [
        DeliveryView(contact, each.kind, each.title, each.at.isoformat(), "delivered", each.at.isoformat(), 1)
        for each in world.notifications
        for contact in each.contacts
    ]
    return detail_of(incident, [*written(world, incident), *more], told, kept, partial(_title, world), world.utc)


def _title(world: World, severity: str, rule: str) -> str:
    return title_of(world.engine.policy, Severity(severity), rule)
