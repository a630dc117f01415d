"""What a report is made from: what is known of one incident, and the few facts beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from nemo_watchdog.incident_views import EvidenceView, IncidentDetailView, IncidentSummaryView, TimelineEntryView
from nemo_watchdog.report.attempts import Attempt, Verdict, attempts
from nemo_watchdog.report.words import Clock, between, moment
from nemo_watchdog.views import NoteView

PARTS_READ = (".log", "activity", "usage")
"""Of the evidence, what a part's name ends with or has in it: the others are for people with time."""

FIRST_SIGN = "first_sign"
"""The kind of the entry that tells since when it failed."""


@dataclass(frozen=True, slots=True)
class Held:
    """One answer of a gate, and for how long it stood, in seconds."""

    dependency: str
    gate: str
    at: str
    seconds: float
    said: str


@dataclass(frozen=True, slots=True)
class Facts:
    detail: IncidentDetailView
    now: datetime
    """When the report is written."""
    zone: tzinfo = UTC
    recent: Sequence[IncidentSummaryView] = ()
    """The incidents of the last 7 days with the same root; this one may be among them."""
    respond_within: Mapping[str, float] = field(default_factory=dict)
    """By severity, in seconds, as the policy has it now."""
    contacts_of: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By severity, whom the policy names now; one that is not there is not known."""
    evidence_text: Mapping[str, str] = field(default_factory=dict)
    """By the name of the part: those of `parts_read`."""
    evidence_trouble: str = ""
    """Why the evidence could not be read."""

    @property
    def incident(self) -> IncidentSummaryView:
        return self.detail.incident

    @property
    def clock(self) -> Clock:
        return Clock(self.zone)

    @property
    def written(self) -> str:
        return self.now.isoformat()

    @property
    def end(self) -> str:
        """Its end, or now while it is open."""
        return self.incident.resolved or self.written

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        return attempts(self.detail.timeline)

    @property
    def worked(self) -> Attempt | None:
        """The last action that was verified."""
        return next((each for each in reversed(self.attempts) if each.verdict is Verdict.VERIFIED), None)

    @property
    def first_sign(self) -> TimelineEntryView | None:
        """What was seen of a member before the incident was opened."""
        opened, members = moment(self.incident.opened), {self.incident.root, *self.incident.members}
        seen = (each for each in self.entries(FIRST_SIGN) if each.dependency in members)
        return next((each for each in seen if moment(each.at) < opened), None)

    @property
    def mitigated(self) -> TimelineEntryView | None:
        """The look with which the last of its members served again, for good."""
        found: TimelineEntryView | None = None
        for entry in self.detail.timeline:
            if entry.kind == "member_recovered":
                found = entry
            elif entry.kind in {"member_down", "member_joined", "incident_reopened"}:
                found = None
        return found if self.incident.resolved else None

    @property
    def acknowledged_at(self) -> str | None:
        """The first time."""
        first = next((each.at for each in self.detail.timeline if each.kind == "incident_acknowledged"), None)
        return first or (self.incident.acknowledged.at if self.incident.acknowledged else None)

    @property
    def cause_of_a_person(self) -> NoteView | None:
        """The newest word of a person on the cause."""
        said = [note for note in self.detail.notes if note.about == "root_cause"]
        return max(said, key=lambda note: moment(note.at), default=None)

    def entries(self, *kinds: str) -> tuple[TimelineEntryView, ...]:
        return tuple(each for each in self.detail.timeline if each.kind in kinds)

    def held(self, *gates: str) -> Iterator[Held]:
        """Each time that one of these gates answered for a dependency, until another did or it was over."""
        decided: dict[str, TimelineEntryView] = {}
        for entry in self.entries("decision_made"):
            name = entry.dependency or ""
            if (before := decided.get(name)) is not None:
                yield from _as_held(before, entry.at, gates)
            decided[name] = entry
        for entry in decided.values():
            yield from _as_held(entry, self.end, gates)


def _as_held(entry: TimelineEntryView, until: str, gates: Sequence[str]) -> Iterator[Held]:
    if entry.word in gates:
        yield Held(entry.dependency or "", entry.word, entry.at, between(entry.at, until), entry.said)


def parts_read(detail: IncidentDetailView) -> tuple[tuple[EvidenceView, str], ...]:
    """Which parts a report reads: of each kind the first that was taken, of the root if it has one.

    What was taken first is nearest to the cause.
    """
    root = detail.incident.root
    taken = sorted(detail.evidence, key=lambda each: (each.dependency != root, each.number))
    found: dict[str, tuple[EvidenceView, str]] = {}
    for each in taken:
        for part in each.parts:
            kind = next((kind for kind in PARTS_READ if is_kind(part.name, kind)), None)
            if kind is not None and kind not in found:
                found[kind] = (each, part.name)
    return tuple(found[kind] for kind in PARTS_READ if kind in found)


def is_kind(name: str, kind: str) -> bool:
    """Whether a part of that name is of this one of `PARTS_READ`."""
    return name.endswith(kind) if kind.startswith(".") else kind in name
