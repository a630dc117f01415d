"""What a person says of an incident, and one that a person declares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nemo_watchdog.records.record import Record


@dataclass(frozen=True, slots=True)
class IncidentDeclared(Record):
    """A person reports what the watchdog cannot see. No remedy belongs to it, and a person ends it.

    `dependency` is empty where the person names none. It ends with an `IncidentResolved`.
    """

    TYPE: ClassVar[str] = "incident_declared"
    incident: str
    text: str
    severity: str
    by: str
    dependency: str = ""


@dataclass(frozen=True, slots=True)
class IncidentAcknowledged(Record):
    """Somebody has taken it upon himself, for `duration` seconds; None: no end.

    With a `link`, the digest of the one that was sent to the `contact`: it is used by that.
    """

    TYPE: ClassVar[str] = "incident_acknowledged"
    incident: str
    by: str
    duration: float | None = None
    contact: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class NoteAdded(Record):
    """What a person wrote of an incident, open or over. `about`: `note`; `root_cause`, the newest counts; `public`."""

    TYPE: ClassVar[str] = "note_added"
    incident: str
    about: str
    text: str
    by: str
