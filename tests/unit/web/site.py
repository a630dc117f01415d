"""A daemon with fakes at its seams, and a client that speaks to its HTTP side as it is served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from aiohttp import ClientResponse, web
from aiohttp.test_utils import BaseTestServer, TestClient, make_mocked_request

from nemo_watchdog.channel import Letter, Sent
from nemo_watchdog.errors import JournalError
from nemo_watchdog.journal.about import About
from nemo_watchdog.journal.reader import JournalReader
from nemo_watchdog.policy.people import Address
from nemo_watchdog.ports import Delivery
from nemo_watchdog.runtime.answer_links import AnswerLinks
from nemo_watchdog.runtime.contact_test import ContactTest
from nemo_watchdog.runtime.explanations import Explanations
from nemo_watchdog.runtime.heartbeats import Heartbeats
from nemo_watchdog.runtime.rendering import Rendering
from nemo_watchdog.web.access import Access
from nemo_watchdog.web.app import runner
from nemo_watchdog.web.door import Limits
from nemo_watchdog.web.past import Past
from nemo_watchdog.web.sessions import COOKIE, Session
from nemo_watchdog.web.tokens import Right
from tests.unit.runtime.whole import Daemon

TOKEN = "the-token"
HOSTS = ("localhost", "x")
LIMITS = Limits(connections=64)
FORGOTTEN = "20260101-000000-gateway"
"""An incident that the journal has, and nobody else."""
BEARER = {"Authorization": f"Bearer {TOKEN}"}


class _Served(BaseTestServer):
    def __init__(self, made: web.AppRunner) -> None:
        super().__init__()
        self._made = made

    async def _make_runner(self, **_: Any) -> web.AppRunner:
        return self._made


class _Reader(JournalReader):
    """Of a journal with one incident that nobody else remembers."""

    unreadable = ""
    """Why it cannot be read; empty while it can."""

    def knows(self, incident: str) -> bool:
        if self.unreadable:
            raise JournalError(self.unreadable)
        return incident == FORGOTTEN


class Site:
    def __init__(
        self, daemon: Daemon, limits: Limits = LIMITS, past: Past | None = None, *, reading_is_open: bool = True
    ) -> None:
        self.daemon = daemon
        self.heartbeats = Heartbeats(daemon.shell.core)
        core, metrics = daemon.shell.core, daemon.shell.metrics
        self.reader = _Reader(daemon.file.with_name("journal.db"))
        self.explanations = Explanations(core, self.about)
        past = past or Past(self.reader)
        self.links = AnswerLinks(b"the-key", lambda: core.clock.now().utc)
        self.sent: list[tuple[Address, Letter, str]] = []
        self.answers: dict[Address, Sent] = {}
        """Of addresses that do not take what they are sent."""
        self.contact_test = ContactTest(core, Rendering(core, self.links, "box"), self._send)
        self.later = timedelta()
        """By so much the clock of tokens and sessions is ahead."""
        self.tokens_file = daemon.file.with_name("tokens.json")
        self.access = Access.kept_in(
            self.tokens_file,
            TOKEN,
            b"the-key",
            lambda: core.clock.now().utc + self.later,
            reading_is_open=reading_is_open,
        )
        parts = (core, daemon.supervisor, metrics, self.heartbeats, past, self.explanations, self.contact_test)
        made = runner(*parts, self.access, TOKEN, HOSTS, limits)
        self.app = made.app
        self.client: TestClient[web.Request, None] = TestClient(_Served(made))

    async def _send(self, address: Address, letter: Letter, memo: str) -> Sent:
        self.sent.append((address, letter, memo))
        return self.answers.get(address, Sent(Delivery(delivered=True), "a memo"))

    async def about(self, name: str, until: datetime) -> About:
        """What the journal in memory has of it; raises `JournalError`."""
        shell = self.daemon.shell
        records = shell.memory.replay(shell.clock.now())
        named = [each for each in records if name in (each[1].get("dependency"), each[1].get("root"))]
        begins = records[0][0].utc if records else None
        return About([each for each in named if each[0].utc <= until], begins, known=bool(named))

    def session(self, secret: str = TOKEN) -> Session:
        """Of who signs in with that token."""
        session = self.access.sign_in(secret)
        assert session is not None
        return session

    def cookie(self, session: Session) -> dict[str, str]:
        """As a browser sends it."""
        response = web.Response()
        self.access.put(response, make_mocked_request("GET", "/"), session)
        return {"Cookie": f"{COOKIE}={response.cookies[COOKIE].value}"}

    async def token(self, right: Right, name: str = "a colleague") -> str:
        """The secret of a new one."""
        _, secret = await self.access.tokens.make(name, right, "tests")
        return secret

    async def get(self, path: str, **headers: str) -> ClientResponse:
        return await self.client.get(path, headers=headers)

    async def pause(self, **body: object) -> ClientResponse:
        return await self.client.post("/api/v1/pause", json={"reason": "deploying", **body}, headers=BEARER)

    @property
    def pauses(self) -> list[str]:
        return list(self.daemon.shell.core.engine.durable.pauses)

    async def raw(self, request: bytes) -> tuple[bytes, bytes]:
        """Head and body of the answer to these bytes on a connection of its own, which the daemon must end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.client.port)
        writer.write(request)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        return head, body


@asynccontextmanager
async def serving(
    daemon: Daemon, limits: Limits = LIMITS, past: Past | None = None, *, reading_is_open: bool = True
) -> AsyncIterator[Site]:
    """The site of a daemon that runs."""
    await daemon.start()
    made = Site(daemon, limits, past, reading_is_open=reading_is_open)
    await made.client.start_server()
    yield made
    await made.client.close()
    await daemon.stop()
    daemon.shell.core.close()


async def detail(response: ClientResponse) -> str:
    """What a problem says of the request, after a look that it is one."""
    assert response.content_type == "application/problem+json"
    body: dict[str, Any] = await response.json()
    assert body == {"type": "about:blank", "title": body["title"], "status": response.status, "detail": body["detail"]}
    return str(body["detail"])
