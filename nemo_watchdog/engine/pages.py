"""Pages: what people were told of an outage, from the first message to the last. Durable, changed by records alone.

What begins together is one page, and so is what turns out to be one. A page is over when all that it tells of is.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field

from nemo_watchdog.engine.news import FLAPPING, LOOK, STILL
from nemo_watchdog.model import Moment, NotificationKind, Severity
from nemo_watchdog.records import PeopleTold

ENDS = frozenset(
    {NotificationKind.HEALED, NotificationKind.RESOLVED, NotificationKind.UNWATCHED, NotificationKind.MERGED}
)
"""After it people know that it is over."""

_UNDONE = {STILL: FLAPPING, FLAPPING: STILL}
"""What is not so any more when that is."""

TEST = "test-"
"""How the id of what is only a test begins; those of incidents begin with the date."""

LINK_LASTS = 86400.0
"""Seconds for which a link in a message takes an answer."""
LINKS_ARE_KNOWN_FOR = 7 * LINK_LASTS
"""Longer, for the wall clock by which a link expires may be set back."""


def is_test(page: str) -> bool:
    return page.startswith(TEST)


@dataclass(slots=True)
class Page:
    page: str
    """The id of the first incident that it told of."""
    severity: Severity
    """The gravest of what was told."""
    rule: str
    root: str
    """As it was told last."""
    clock: Moment
    """From when on the next in line waits for an answer."""
    reminded: Moment
    incidents: dict[str, None] = field(default_factory=dict)
    contacts: dict[str, None] = field(default_factory=dict)
    """Who was told anything of it, and so hears of its end."""
    said: set[str] = field(default_factory=set)
    """What is no news any more when it is so again."""
    messages: int = 0
    last: str = ""
    """The kind of the last message."""
    held_back: int = 0
    """What was no message of its own until the last one, since it was opened."""
    paged: bool = False
    """Somebody was called, and not only told that it is over."""
    asked: list[str] = field(default_factory=list)
    """Who of the line was told that nobody has taken it, since the clock began."""
    known: set[str] = field(default_factory=set)
    """The incidents of it that people know to be open, since it was opened last."""
    over: Moment | None = None
    """Since when people know that it is over."""
    merged_into: str = ""
    """The incident that the last of its own became a part of."""

    def begin(self, at: Moment) -> None:
        """From now on the line waits anew, from its first on."""
        self.clock = at
        self.asked.clear()


@dataclass(slots=True)
class Pages:
    by_id: dict[str, Page] = field(default_factory=dict)
    answered: dict[str, float] = field(default_factory=dict)
    """The links that were used, by their digests, and when (monotonic seconds)."""
    _of: dict[str, str] = field(default_factory=dict)

    def of(self, incident: str) -> Page | None:
        """The page that tells of this incident."""
        return self.by_id.get(self._of.get(incident, ""))

    def is_open(self, incident: str) -> bool:
        """People know of it, and not that all that was told with it is over."""
        page = self.of(incident)
        return page is not None and page.over is None

    def tell(self, told: PeopleTold, at: Moment, began: Moment) -> None:
        """One more message. `began`: when the first of all that it tells of opened, or reopened last."""
        identity, kind, severity = told.incident, NotificationKind(told.kind), Severity(told.severity)
        page = self.by_id.get(identity)
        if page is None:
            page = self.by_id[identity] = Page(identity, severity, told.rule, told.root, began, at)
        if kind is NotificationKind.OPENED:
            fresh = page.over is not None or not page.messages
            if fresh or severity < page.severity or began.monotonic > page.clock.monotonic:
                page.begin(at if told.anew else began)
            page.severity = severity if fresh else min(page.severity, severity)
            page.held_back = 0 if fresh else page.held_back
            page.said.clear()
            page.known.clear()
        elif severity < page.severity:
            page.begin(at)
            page.severity = severity
        elif told.anew:
            page.clock = at
        if kind is NotificationKind.WORSENED:  # a new trouble may need a person anew
            page.said = {each for each in page.said if not each.startswith(LOOK)}
        page.rule, page.root, page.reminded = told.rule, told.root, at
        page.messages, page.last, page.held_back = page.messages + 1, told.kind, page.held_back + told.held_back
        page.contacts |= dict.fromkeys(told.to)
        page.said |= set(told.said)
        page.said -= {_UNDONE[each] for each in told.said if each in _UNDONE}
        page.paged = page.paged or kind is not NotificationKind.HEALED
        if kind is NotificationKind.UNANSWERED:
            page.asked += told.to
            page.clock = at.before(told.late)
        page.over = at if kind in ENDS else None
        page.known |= set(told.incidents)
        for incident in told.incidents:
            page.incidents[incident] = None
            self._of[incident] = identity

    def use(self, link: str, at: Moment) -> None:
        """An answer came by it; empty: by none."""
        if link:
            self.answered[link] = at.monotonic

    def ask_anew(self, incident: str, at: Moment) -> None:
        """Who had taken it has not any more: the line begins again."""
        if (page := self.of(incident)) is not None:
            page.begin(at)

    def merge(self, source: str, target: str) -> None:
        """Two incidents are one: whoever heard of the first hears of both from now on."""
        old, new = self.of(source), self.of(target)
        if old is None:
            return
        if new is None:
            old.incidents[target] = None
            self._of[target] = old.page
        elif new is not old:
            new.contacts |= old.contacts
            new.said |= old.said
            old.merged_into = target

    def forget_all_but(self, incidents: Container[str], now: float) -> None:
        """Pages none of whose incidents is remembered, and links that have long expired."""
        self.answered = {link: at for link, at in self.answered.items() if now - at < LINKS_ARE_KNOWN_FOR}
        gone = [page for page in self.by_id.values() if not any(each in incidents for each in page.incidents)]
        for page in gone:
            del self.by_id[page.page]
            for incident in page.incidents:
                self._of.pop(incident, None)
