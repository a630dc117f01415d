"""What a contact reads: the message, how it stands now, how to answer, and where it comes from.

Written when it is sent and not when it is made. What a template of the policy cannot write is written by the default,
and that is a trouble of the daemon: no mistake in a text keeps a message back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import structlog

from nemo_watchdog.channel import Letter
from nemo_watchdog.engine.oncall import only_itself
from nemo_watchdog.engine.page_now import ENDS, PageNow, page_now
from nemo_watchdog.engine.pages import is_test
from nemo_watchdog.engine.paging_words import when
from nemo_watchdog.model import OF_THE_JOURNAL, Notification, Standing
from nemo_watchdog.policy.templates import BODY, TITLE, TemplateFailed, Templates, Values, default_of
from nemo_watchdog.runtime.answer_links import PATH, AnswerLinks
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.troubles import Trouble

log = structlog.get_logger("nemo_watchdog")

ANSWERED = (Standing.FIRING, Standing.ACKNOWLEDGED)
"""It can be taken."""


class Rendering:
    """`host` is where the daemon runs, as people call it; `people_of` says who has a rota now."""

    def __init__(
        self, core: Core, links: AnswerLinks, host: str, people_of: Callable[[str], Sequence[str]] = only_itself
    ) -> None:
        self._core = core
        self.links = links
        self._host = host
        self._people_of = people_of
        self._read = core.engine.policy.templates
        self._templates = Templates(self._read)

    def render(self, notification: Notification, contact: str, stands: PageNow | None = None) -> Letter:
        """`stands` is how its page does, unless it is to be looked up."""
        core = self._core
        engine, monotonic = core.engine, core.clock.now().monotonic
        now = stands or page_now(engine.volatile, engine.durable, notification, monotonic)
        values = self._values(notification, contact, now)
        return Letter(
            key=notification.key,
            thread=self._thread(notification),
            contact=contact,
            kind=notification.kind,
            standing=now.standing,
            severity=notification.severity,
            root=notification.root,
            title=" ".join(self._written(TITLE, values).split()),
            body=self._written(BODY, values),
            at=notification.at,
            since=notification.since,
            incidents=notification.incidents,
            owner=now.owner,
            link=values.link,
        )

    def _thread(self, notification: Notification) -> str:
        """Several daemons may tell one service; an incident's id is its own, a journal is that of a host."""
        of_the_journal = notification.kind in OF_THE_JOURNAL
        return f"{notification.thread} on {self._host}" if of_the_journal else notification.thread

    def _values(self, notification: Notification, contact: str, now: PageNow) -> Values:
        page, over = notification.incident, now.over_since
        base = self._core.engine.policy.telling.link.rstrip("/")
        can_be_taken = bool(page) and now.standing in ANSWERED
        token = ""
        if can_be_taken and base and self._is_reached(contact):
            token = self.links.token(page, contact, notification.key, self._person(contact))
        return Values(
            title=notification.title,
            body=notification.body,
            contact=contact,
            kind=str(notification.kind),
            standing=str(now.standing),
            severity=str(notification.severity),
            root=notification.root,
            at=self._time(notification.at),
            since=self._time(notification.since),
            over_since=self._time(over) if notification.kind not in ENDS else "",
            incident=page,
            incidents=notification.incidents,
            owner=now.owner,
            ack=f"nemo-watchdog ack {page}" if can_be_taken and not is_test(page) else "",
            ack_link=f"{base}{PATH}{token}" if token else "",
            link=f"{base}/incidents/{page}" if base and page and not is_test(page) else "",
            host=self._host,
        )

    def _is_reached(self, contact: str) -> bool:
        """What goes to the log only must not hold a link that takes an outage."""
        entry = self._core.engine.policy.contacts.get(contact)
        return entry is not None and bool(entry.addresses or entry.rota)

    def _person(self, contact: str) -> str:
        """Whoever answers is known by his own name, where only one has the rota."""
        people = self._people_of(contact)
        return people[0] if len(people) == 1 else contact

    def _time(self, at: datetime | None) -> str:
        return "" if at is None else when(at, self._core.engine.policy)

    def _written(self, part: str, values: Values) -> str:
        if self._read is not self._core.engine.policy.templates:
            self._read = self._core.engine.policy.templates
            self._templates = Templates(self._read)
        name = self._templates.name_of(part, values.contact)
        try:
            text = self._templates.write(name, values)
        except TemplateFailed as failure:
            where = f"line {failure.line} of {failure.name}: {failure.kind}"
            if self._core.troubles.found(Trouble.TEMPLATE, f"the default stands in; {where}", name):
                log.warning("a template failed: the default stands in", template=name, where=where)
        else:
            self._core.troubles.over(Trouble.TEMPLATE, name)
            return text
        try:
            return self._templates.write(default_of(part), values)
        except TemplateFailed:  # such as a body that is empty or of endless length
            return (getattr(values, part) or values.title)[:4000]
