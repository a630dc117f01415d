"""`/ack/TOKEN`: the link in a message. GET shows a page with one button, and the button takes the outage.

GET changes nothing, for a chat program that shows what is behind a link fetches it. It is answered by whatever name
somebody came: it is nothing without its token, and a phone reaches the daemon by a name that the machine may not know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from nemo_watchdog.engine.answering import open_with
from nemo_watchdog.engine.events import AcknowledgeAsked
from nemo_watchdog.engine.pages import is_test
from nemo_watchdog.errors import in_one_line
from nemo_watchdog.runtime.answer_links import PATH, AnswerLinks, Link
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.web.answers import on_disk
from nemo_watchdog.web.how_it_is import how_it_is
from nemo_watchdog.web.operations import Operation
from nemo_watchdog.web.pages.rendering import HEADERS, rendered

ROUTE = f"{PATH}{{token}}"
HTML = "text/html"
_REFUSES = (403, 410, 503)

_HEADERS = {**HEADERS, "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow"}
"""Whoever has the address of such a page may answer: it goes nowhere else."""

_BY_COMMAND = "`nemo-watchdog ack {}` on the watchdog's host takes it as well."

_A_TEST = ("It came with a test, and there is nothing to take.", "Of an outage you take it here, with one button.")


class _Refused(Exception):
    def __init__(self, status: int, title: str, *lines: str) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.lines = lines


@dataclass(frozen=True, slots=True)
class AnswerPage:
    core: Core
    links: AnswerLinks

    def operations(self) -> tuple[Operation, ...]:
        show, take = (
            Operation(
                method=method,
                path=ROUTE,
                handler=handler,
                summary=summary,
                media=(HTML,),
                pages=_REFUSES,
                any_host=True,
                for_all=True,
            )
            for method, handler, summary in (
                ("GET", self.show, "A page with a button that takes an outage; it changes nothing"),
                ("POST", self.take, "Take the outage that the link was sent about"),
            )
        )
        return show, take

    async def show(self, request: web.Request) -> web.Response:
        try:
            link = self._asked(request)
        except _Refused as refused:
            return _page(refused.title, refused.lines, status=refused.status)
        if is_test(link.page):
            return _page("This link works", _A_TEST)
        return _page(f"Take it, as {link.person}?", how_it_is(self.core, link.page), button="I take it")

    async def take(self, request: web.Request) -> web.Response:
        try:
            link = self._asked(request)
        except _Refused as refused:
            return _page(refused.title, refused.lines, status=refused.status)
        if is_test(link.page):
            return _page("This link works", _A_TEST)
        self.core.tell(AcknowledgeAsked(link.page, link.person, contact=link.contact, link=link.digest))
        then = "The others who were told hear that. The watchdog goes on as before."
        lines = (*how_it_is(self.core, link.page), then)
        try:
            await on_disk(self.core, "it could not be written down: it will not outlive a restart of the daemon")
        except web.HTTPServiceUnavailable as error:
            return _page("It is yours for now", (*lines, f"But {error.text}."), status=503)
        return _page("It is yours", lines)

    def _asked(self, request: web.Request) -> Link:
        """What the link says, if it takes an answer now; raises why not."""
        link, durable = self.links.read(request.match_info["token"]), self.core.engine.durable
        if link is None:
            raise _Refused(
                403,
                "This link takes no answer",
                "It was altered or cut off on its way, or made by another daemon.",
                "`nemo-watchdog ack ID` on the watchdog's host takes an outage as well.",
            )
        command = _BY_COMMAND.format(link.page)
        if link.contact not in self.core.engine.policy.contacts:
            raise _Refused(403, "This link takes no answer", f"The policy has no contact {link.contact} any more.")
        if is_test(link.page):
            return link
        if link.digest in durable.pages.answered:
            raise _Refused(410, "This link has been used", *how_it_is(self.core, link.page), command)
        if not open_with(durable, link.page):
            raise _Refused(410, "It is over", f"Of {link.page} nothing is open any more: there is nothing to take.")
        if self.links.has_expired(link):
            raise _Refused(410, "This link has expired", *how_it_is(self.core, link.page), command)
        return link


def _page(title: str, lines: Sequence[str], *, button: str = "", status: int = 200) -> web.Response:
    """Each line is data."""
    shown = [in_one_line(line) for line in lines]
    text = rendered("answer.html", title=in_one_line(title), lines=shown, button=button)
    return web.Response(text=text, content_type=HTML, status=status, headers=_HEADERS)
