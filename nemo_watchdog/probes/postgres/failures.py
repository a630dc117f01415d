"""What an error that the server sent means. The SQLSTATE decides; words only where one SQLSTATE has several meanings.

Whoever sends an error is alive and speaks the protocol: no such error is a fault that a restart mends.
"""

from __future__ import annotations

import re

import asyncpg

from nemo_watchdog.model import Finding, Reason, failed

# PostgreSQL manual, appendix A, "PostgreSQL Error Codes".
_REASON_OF = {
    "25006": (Reason.READ_ONLY, "it is read-only"),
    "28000": (Reason.AUTH_FAILED, "pg_hba.conf lets this user or host not in"),
    "28P01": (Reason.AUTH_FAILED, "the password is wrong"),
    "3D000": (Reason.WRONG_TARGET, "there is no such database"),
    "42501": (Reason.PERMISSION_DENIED, "the user lacks a privilege"),
    "53100": (Reason.DISK_FULL, "its disk is full"),
    "53200": (Reason.OVERLOADED, "it is out of memory"),
    "53300": (Reason.TOO_MANY_CONNECTIONS, "all of its connections are in use"),
    "55P03": (Reason.OVERLOADED, "what was asked for is locked by another session"),
    "57014": (Reason.OVERLOADED, "it cancelled the query for taking too long"),
    "57P01": (Reason.SHUTTING_DOWN, "an administrator ended the session"),
    "57P02": (Reason.RECOVERING, "it ended the session after a crash"),
    "57P04": (Reason.WRONG_TARGET, "the database was dropped"),
}
_REASON_OF_CLASS = {
    "08": (Reason.UPSTREAM_UNAVAILABLE, "it has no connection to what is behind it"),
    "53": (Reason.OVERLOADED, "it lacks a resource"),
    "58": (Reason.IO_ERROR, "it cannot read or write its files"),
    "F0": (Reason.WRONG_TARGET, "its configuration file has an error"),
    "XX": (Reason.DATA_CORRUPTED, "internal error"),
}
_CANNOT_CONNECT_NOW = "57P03"

PROTOCOL_VIOLATION = "08P01"
"""PgBouncer gives it to nearly all of its own errors; measured with 1.18, whose words are in no other language."""

_POOLER_SAYS = (
    (r"no more connections", Reason.TOO_MANY_CONNECTIONS, "the pooler takes no more clients (max_client_conn)"),
    (r"query_wait_timeout", Reason.OVERLOADED, "the pooler had no server session free in time"),
    (r"\bserver|connect failed|cannot connect", Reason.UPSTREAM_UNAVAILABLE, "the pooler has no server behind it"),
    (r"authentication failed|no such user", Reason.AUTH_FAILED, "the pooler accepts not this user or password"),
    (r"no such database|does not exist", Reason.WRONG_TARGET, "the pooler has no such database"),
)


def postgres_failure(error: asyncpg.PostgresError) -> Finding:
    """The finding for an error that the server sent. An unknown SQLSTATE is blind: a server that answers is alive."""
    if error.severity is None:
        # Not the server's: asyncpg's own, about a connection that ended. What was said before is its cause.
        if not isinstance(error.__cause__, asyncpg.PostgresError):
            return failed(Reason.CONNECTION_LOST, "it closed the connection before the answer")
        error = error.__cause__
    state = error.sqlstate or "?????"
    if state == _CANNOT_CONNECT_NOW:
        return _cannot_connect_now(str(error))
    known = _REASON_OF.get(state) or (
        _said_by_a_pooler(str(error)) if state == PROTOCOL_VIOLATION else _REASON_OF_CLASS.get(state[:2])
    )
    if known is None:
        return failed(Reason.WRONG_TARGET, f"it answers with SQLSTATE {state}, which this probe does not know")
    reason, text = known
    return failed(reason, f"{text} (SQLSTATE {state})")


def _said_by_a_pooler(message: str) -> tuple[Reason, str] | None:
    for pattern, reason, text in _POOLER_SAYS:
        if re.search(pattern, message):
            return reason, text
    return None


def _cannot_connect_now(message: str) -> Finding:
    """Four states share one SQLSTATE; only the words differ (src/backend/postmaster, CAC_*). All are busy."""
    if "shutting down" in message:
        return failed(Reason.SHUTTING_DOWN, "it is shutting down")
    if "recovery" in message or "not yet accepting" in message or "not accepting" in message:
        return failed(Reason.RECOVERING, "it recovers from a crash or replays its log")
    return failed(Reason.STARTING, "it is starting up")
