"""What a restart of Postgres would destroy, in text: sessions, locks, statistics, settings.

The server may be out of connections: one session at a time, and none stays. A query of ours ends by itself on the
server, whatever becomes of who asked it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import TypeAlias

from nemo_watchdog.errors import EvidenceError
from nemo_watchdog.evidence import Questions
from nemo_watchdog.model import Reason
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.probes.postgres import activity, locks, settings, statistics
from nemo_watchdog.probes.postgres.address import NotServing, parse
from nemo_watchdog.probes.postgres.sessions import NOT_SERVED, Session, Sessions, why_not
from nemo_watchdog.probes.shared.beside import Beside

_PATIENCE = 4.0
"""Seconds of one question."""
_LONGEST_STATEMENT = "1500ms"

Question: TypeAlias = Callable[[Session], Awaitable[str]]

_QUESTIONS: Mapping[str, Question] = MappingProxyType(
    {
        "activity.txt": activity.told,
        "locks.txt": locks.told,
        "database.txt": statistics.told,
        "settings.txt": settings.told,
    }
)


class PostgresEvidence:
    def __init__(self, dsn: Secret) -> None:
        self._sessions = Sessions(dsn, parse(dsn.reveal()), _PATIENCE)
        self._one = asyncio.Lock()

    def questions(self) -> Questions:
        """Each raises `EvidenceError` when it has no answer."""
        return {name: partial(self._answer, question) for name, question in _QUESTIONS.items()}

    async def _answer(self, question: Question) -> str:
        async with self._one:
            try:
                return await self._sessions.answer(partial(self._ask, question), Beside(_PATIENCE))
            except NOT_SERVED as error:
                raise EvidenceError(why_not(error).detail) from None

    async def _ask(self, question: Question, session: Session) -> str:
        if self._sessions.pooled:
            raise NotServing(
                Reason.WRONG_TARGET,
                "a pooler stands before the server: no limit of ours would hold there, and it is not the server that a "
                "restart of the pooler ends; let the Postgres behind it be a dependency of its own",
            )
        await session.execute(f"set statement_timeout = '{_LONGEST_STATEMENT}'")
        return await question(session)
