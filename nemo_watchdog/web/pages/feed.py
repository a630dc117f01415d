"""What users are told, as an Atom feed: an entry for each incident, and for each maintenance announced. Pure.

Source: RFC 4287, https://www.rfc-editor.org/rfc/rfc4287
"""

from __future__ import annotations

import uuid
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from nemo_watchdog.public_views import PublicIncidentView, PublicMaintenanceView, PublicUpdateView, PublicView
from nemo_watchdog.web.pages.public_words import (
    between,
    incident_title,
    iso,
    lasted,
    maintenance_title,
    moment,
    plain,
    time_said,
)

ATOM = "http://www.w3.org/2005/Atom"
CONTENT_TYPE = "application/atom+xml"
HTML = "text/html"

MOST = 50
"""Entries, those that changed last."""

_AHEAD = timedelta(days=7)
"""So long before its beginning a maintenance is announced."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where feed and page are, for the links; relative where nobody knows."""

    feed: str = "status.atom"
    page: str = "status"


@dataclass(frozen=True, slots=True)
class _Entry:
    id: str
    title: str
    began: datetime | None
    updated: datetime
    paragraphs: tuple[str, ...]


def feed_text(view: PublicView, places: Places) -> str:
    """The whole document."""
    entries = sorted(_entries(view), key=lambda each: (each.updated, each.id), reverse=True)[:MOST]
    midnight = datetime.combine(moment(view.at).date(), time(), moment(view.at).tzinfo)
    feed = ET.Element("feed", {"xmlns": ATOM, "xml:lang": "en"})
    _text(feed, "id", _urn(places.feed))
    _text(feed, "title", "Status")
    _text(feed, "updated", iso(max((each.updated for each in entries), default=midnight)))
    _text(ET.SubElement(feed, "author"), "name", "Status")
    ET.SubElement(feed, "link", {"rel": "self", "type": CONTENT_TYPE, "href": places.feed})
    ET.SubElement(feed, "link", {"rel": "alternate", "type": HTML, "href": places.page})
    for each in entries:
        _append(feed, each, places)
    written: bytes = ET.tostring(feed, encoding="utf-8", xml_declaration=True)
    return written.decode()


def _append(feed: ET.Element, entry: _Entry, places: Places) -> None:
    made = ET.SubElement(feed, "entry")
    _text(made, "id", _urn(entry.id))
    _text(made, "title", entry.title)
    if entry.began is not None:
        _text(made, "published", iso(entry.began))
    _text(made, "updated", iso(entry.updated))
    ET.SubElement(made, "link", {"rel": "alternate", "type": HTML, "href": f"{places.page}#{entry.id}"})
    content = ET.Element("div")
    for each in entry.paragraphs:
        _text(content, "p", each)
    _text(made, "content", ET.tostring(content, encoding="unicode", method="html"), type="html")


def _entries(view: PublicView) -> Iterator[_Entry]:
    now = moment(view.at)
    for incident in (*view.incidents, *view.history):
        yield _of_incident(incident, now)
    for maintenance in view.maintenance:
        yield _of_maintenance(maintenance, now)


def _of_incident(incident: PublicIncidentView, now: datetime) -> _Entry:
    """What a person wrote is first, the newest before the rest."""
    times = [incident.began, *([incident.ended] if incident.ended is not None else [])]
    updated = max(map(moment, [*times, *(each.at for each in incident.updates)]))
    span = f"Since {time_said(incident.began, now).said}."
    if incident.ended is not None:
        span = f"{between(incident.began, incident.ended, now)} ({lasted(incident.began, moment(incident.ended))})."
    paragraphs = (*_updates(incident.updates, now), *_concerned(incident.components), span)
    return _Entry(incident.id, _line(incident_title(incident)), moment(incident.began), updated, paragraphs)


def _updates(updates: Sequence[PublicUpdateView], now: datetime) -> Iterator[str]:
    for each in updates:
        yield f"{time_said(each.at, now).said}: {plain(each.text)}"


def _of_maintenance(work: PublicMaintenanceView, now: datetime) -> _Entry:
    """It is new when it comes into sight, and again when it begins."""
    begins = moment(work.begins)
    updated = begins if begins <= now else min(begins - _AHEAD, now)
    paragraphs = (*_concerned(work.components), f"{between(work.begins, work.ends, now)}.")
    return _Entry(work.id, _line(maintenance_title(work)), None, updated, paragraphs)


def _concerned(components: Sequence[str]) -> Iterator[str]:
    if components:
        yield f"Components: {', '.join(map(plain, components))}."


def _line(text: str) -> str:
    return " ".join(text.split())


def _urn(name: str) -> str:
    """The same for the same, wherever it is read."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"nemo-watchdog:{name}").urn


def _text(parent: ET.Element, tag: str, text: str, **attributes: str) -> None:
    ET.SubElement(parent, tag, attributes).text = plain(text)
