"""`/ack/TOKEN`: the link in a message. GET shows a page with one button, and the button takes the outage.

GET changes nothing, for a chat program that shows what is behind a link fetches it. It is answered by whatever name
somebody came: it is nothing without its token, and a phone reaches the daemon by a name that the machine may not know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from aiohttp import web

from nemo_watchdog.engine.answering import open_with
from nemo_watchdog.engine.declared_words import short
from nemo_watchdog.engine.events import AcknowledgeAsked
from nemo_watchdog.engine.listing import listed
from nemo_watchdog.engine.pages import is_test
from nemo_watchdog.engine.paging_words import since, when
from nemo_watchdog.engine.reported import Declared
from nemo_watchdog.errors import in_one_line
from nemo_watchdog.runtime.answer_links import PATH, AnswerLinks, Link
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.web.answers import on_disk
from nemo_watchdog.web.operations import Operation

ROUTE = f"{PATH}{{token}}"
HTML = "text/html"
_REFUSES = (403, 410, 503)

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}

_STYLE = """\
:root { color-scheme: light dark; }
body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 32rem; margin: 0 auto; padding: 1.5rem 1rem;
  overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; line-height: 1.25; }
button { font: inherit; font-weight: 600; width: 100%; padding: .9rem; margin-top: .5rem; }
"""

_BY_COMMAND = "`nemo-watchdog ack {}` on the watchdog's host takes it as well."

_A_TEST = ("It came with a test, and there is nothing to take.", "Of an outage you take it here, with one button.")


class _Refused(Exception):
    def __init__(self, status: int, title: str, *lines: str) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.lines = lines


@dataclass(frozen=True, slots=True)
class AnswersApi:
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
        return _page(f"Take it, as {link.person}?", self._how_it_is(link), button="I take it")

    async def take(self, request: web.Request) -> web.Response:
        try:
            link = self._asked(request)
        except _Refused as refused:
            return _page(refused.title, refused.lines, status=refused.status)
        if is_test(link.page):
            return _page("This link works", _A_TEST)
        self.core.tell(AcknowledgeAsked(link.page, link.person, contact=link.contact, link=link.digest))
        lines = (*self._how_it_is(link), "The others who were told hear that. The watchdog goes on as before.")
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
            raise _Refused(410, "This link has been used", *self._how_it_is(link), command)
        if not open_with(durable, link.page):
            raise _Refused(410, "It is over", f"Of {link.page} nothing is open any more: there is nothing to take.")
        if self.links.has_expired(link):
            raise _Refused(410, "This link has expired", *self._how_it_is(link), command)
        return link

    def _how_it_is(self, link: Link) -> tuple[str, ...]:
        engine, now = self.core.engine, self.core.clock.now().monotonic
        ones = open_with(engine.durable, link.page)
        if not ones:
            return ("It is over.",)
        gravest, began = min(one.severity for one in ones), when(min(map(since, ones)), engine.policy)
        names = [short(one.text) if isinstance(one, Declared) else one.root for one in ones]
        answers = [one.acknowledged for one in ones]
        owners = dict.fromkeys(each.by for each in answers if each is not None and each.holds(now))
        taken = f"Taken by {listed(list(owners))}." if owners else "Nobody has taken it."
        return f"{gravest}: {listed(names)}, since {began}.", taken


def _page(title: str, lines: Sequence[str], *, button: str = "", status: int = 200) -> web.Response:
    """Each line is data. The form goes to where it came from, whatever a proxy puts before the path."""
    shown = "".join(f"<p>{escape(in_one_line(line))}</p>\n" for line in lines)
    form = f'<form method="post"><button type="submit">{escape(button)}</button></form>\n' if button else ""
    text = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Nemo Watchdog</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(in_one_line(title))}</h1>\n{shown}{form}</body>\n</html>\n"
    )
    return web.Response(text=text, content_type=HTML, status=status, headers=_HEADERS)
