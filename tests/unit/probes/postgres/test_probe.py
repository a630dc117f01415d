"""The table of SQLSTATEs, and the handshake that keeps asyncpg away from other protocols."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from nemo_watchdog.model import Category, Reason
from nemo_watchdog.probes.postgres.failures import postgres_failure
from tests.unit.probes.making import make, probing
from tests.unit.probes.servers import Server, stall


def error(state: str, message: str = "text") -> asyncpg.PostgresError:
    made = asyncpg.PostgresError.new({"C": state, "M": message, "S": "FATAL"})
    assert isinstance(made, asyncpg.PostgresError)
    return made


@pytest.mark.parametrize(
    ("state", "reason", "category"),
    [
        ("53300", Reason.TOO_MANY_CONNECTIONS, Category.BUSY),
        ("53100", Reason.DISK_FULL, Category.INTEGRITY),
        ("53200", Reason.OVERLOADED, Category.BUSY),
        ("53400", Reason.OVERLOADED, Category.BUSY),
        ("25006", Reason.READ_ONLY, Category.INTEGRITY),
        ("58030", Reason.IO_ERROR, Category.INTEGRITY),
        ("58P01", Reason.IO_ERROR, Category.INTEGRITY),
        ("XX000", Reason.DATA_CORRUPTED, Category.INTEGRITY),
        ("XX001", Reason.DATA_CORRUPTED, Category.INTEGRITY),
        ("XX002", Reason.DATA_CORRUPTED, Category.INTEGRITY),
        ("28P01", Reason.AUTH_FAILED, Category.BLIND),
        ("28000", Reason.AUTH_FAILED, Category.BLIND),
        ("3D000", Reason.WRONG_TARGET, Category.BLIND),
        ("42501", Reason.PERMISSION_DENIED, Category.BLIND),
        ("57P01", Reason.SHUTTING_DOWN, Category.BUSY),
        ("57P02", Reason.RECOVERING, Category.BUSY),
        ("57014", Reason.OVERLOADED, Category.BUSY),
        ("08006", Reason.UPSTREAM_UNAVAILABLE, Category.BUSY),
        ("08P01", Reason.WRONG_TARGET, Category.BLIND),
        ("42883", Reason.WRONG_TARGET, Category.BLIND),
    ],
)
def test_every_sqlstate_has_its_reason(state: str, reason: Reason, category: Category) -> None:
    """The SQLSTATE decides the reason; a state that nobody listed restarts nothing."""
    finding = postgres_failure(error(state))
    assert finding.reason is reason
    assert reason.category is category
    assert state in finding.detail
    assert "text" not in finding.detail


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("the database system is starting up", Reason.STARTING),
        ("the database system is in recovery mode", Reason.RECOVERING),
        ("the database system is not yet accepting connections", Reason.RECOVERING),
        ("the database system is not accepting connections", Reason.RECOVERING),
        ("the database system is shutting down", Reason.SHUTTING_DOWN),
        ("das Datenbanksystem startet", Reason.STARTING),
    ],
)
def test_server_that_cannot_be_connected_now_is_busy_in_any_language(message: str, reason: Reason) -> None:
    """57P03 is always busy; the words only tell which kind."""
    assert postgres_failure(error("57P03", message)).reason is reason
    assert reason.category is Category.BUSY


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("no more connections allowed (max_client_conn)", Reason.TOO_MANY_CONNECTIONS),
        ("query_wait_timeout", Reason.OVERLOADED),
        ("server login has been failing, try again later (server_login_retry)", Reason.UPSTREAM_UNAVAILABLE),
        ("server login failed: FATAL password authentication failed", Reason.UPSTREAM_UNAVAILABLE),
        ("server conn crashed?", Reason.UPSTREAM_UNAVAILABLE),
        ("client_login_timeout (server down)", Reason.UPSTREAM_UNAVAILABLE),
        ("connect failed", Reason.UPSTREAM_UNAVAILABLE),
        ("pgbouncer cannot connect to server", Reason.UPSTREAM_UNAVAILABLE),
        ("SASL authentication failed", Reason.AUTH_FAILED),
        ("no such user: somebody", Reason.AUTH_FAILED),
        ("no such database: nowhere", Reason.WRONG_TARGET),
        ('database "nowhere" does not exist', Reason.WRONG_TARGET),
        ("what it will say in a later version", Reason.WRONG_TARGET),
    ],
)
@pytest.mark.parametrize("ended_at_once", [False, True])
def test_what_a_pooler_says_is_never_a_fault(message: str, reason: Reason, *, ended_at_once: bool) -> None:
    """PgBouncer has one SQLSTATE for nearly everything; asyncpg keeps it as the cause when the connection ends then."""
    said = error("08P01", message)
    if ended_at_once:
        said, cause = asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"), said
        said.__cause__ = cause
    finding = postgres_failure(said)
    assert finding.reason is reason
    assert reason.category is not Category.FAULT
    assert message not in finding.detail


def test_a_connection_that_ends_without_a_word_is_lost() -> None:
    """That error is asyncpg's, though it has a SQLSTATE; what the server said before the end counts."""
    ended = asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
    assert postgres_failure(ended).reason is Reason.CONNECTION_LOST
    assert Reason.CONNECTION_LOST.category is Category.FAULT
    ended.__cause__ = error("57P01")
    assert postgres_failure(ended).reason is Reason.SHUTTING_DOWN


MYSQL_GREETING = (
    b"N\x00\x00\x00\n5.7.18-log\x00(\x10\x00\x00\x13n&L\x1f/1K\x00\xff\xff!\x02\x00\xff\x81\x15\x00\x00\x00\x00"
)


@pytest.mark.parametrize("greeting", [MYSQL_GREETING, b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00" * 40])
async def test_server_of_another_protocol_is_a_wrong_target_and_does_not_spin(greeting: bytes) -> None:
    """A greeting that would make asyncpg's parser spin never reaches it, even when it begins like an answer."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await stall(reader, writer)

    async with (
        Server(handler).running() as server,
        probing("postgres", {"dsn": f"postgresql://u:p@127.0.0.1:{server.port}/d?sslmode=disable"}) as probe,
    ):
        finding = await probe.look()
        await server.wait_open(0)
    assert finding.reason is Reason.WRONG_TARGET


READY, AUTHENTICATED = b"Z", b"R\x00\x00\x00\x08\x00\x00\x00\x00"


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(READY + b"\x00\x00\x00\x04", id="ready for nothing"),
        pytest.param(b"S\x00\x00\x00\x08\xff\x00\xff\x00" + READY + b"\x00\x00\x00\x05I", id="not UTF-8"),
    ],
)
async def test_message_that_asyncpg_cannot_read_is_blind_whatever_it_raises(message: bytes) -> None:
    """No bug in the probe: what cannot be understood is no reason to restart, and the next look comes."""

    async def session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(1024)
        writer.write(b"N" if len(first) == 8 else AUTHENTICATED + message)
        await stall(reader, writer)

    async with (
        Server(session).running() as server,
        probing("postgres", {"dsn": f"postgresql://u:p@127.0.0.1:{server.port}/d?sslmode=disable"}) as probe,
    ):
        for _ in range(2):
            finding = await probe.look()
            assert finding.reason is Reason.WRONG_TARGET
        await server.wait_open(0)


RECOVERS = b"SFATAL\0C57P03\0Mthe database system is in recovery mode\0\0"


@pytest.mark.parametrize("cut", range(3), ids=["handshake", "question of TLS", "login"])
async def test_a_session_that_is_cut_is_tried_once_more(cut: int) -> None:
    """One backend that dies takes every session with it, wherever each is: the next one is told why."""
    asked = 0

    async def session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        while question := await reader.read(1024):
            asked += 1
            if asked == cut + 1:
                return
            writer.write(b"N" if len(question) == 8 else b"E" + (len(RECOVERS) + 4).to_bytes(4) + RECOVERS)

    async with (
        Server(session).running() as server,
        probing("postgres", {"dsn": f"postgresql://u:p@127.0.0.1:{server.port}/d?sslmode=prefer"}) as probe,
    ):
        finding = await probe.look()
    assert asked > cut
    assert finding.reason is Reason.RECOVERING


@pytest.mark.parametrize(
    "dsn",
    [
        "mysql://h/d",
        "postgresql:///d",
        "postgresql:///d?host=name",
        "postgresql://u@:6432/d?host=/run",
        "postgresql://h:x/d",
        "postgresql://one,two/d",
        "postgresql://h/d?sslmode=what",
        "postgresql://h/d?connect_timeout=3",
        "postgresql://h/d?sslmode",
        "host=h dbname=d",
        "",
    ],
)
def test_wrong_addresses_are_refused_without_repeating_them(dsn: str) -> None:
    """What is no libpq URI with one host is refused when the policy is read."""
    with pytest.raises(ValueError, match="expected an address such as") as caught:
        make("postgres", {"dsn": dsn})
    assert caught.value.errors()[0]["type"] == "policy_secret"  # type: ignore[attr-defined]


@pytest.mark.parametrize("dsn", ["postgresql://%2Fnonexistent/d", "postgresql://u@/d?host=/nonexistent"])
async def test_unix_socket_that_does_not_exist_is_refused(dsn: str) -> None:
    """A missing unix socket is what a closed port is."""
    async with probing("postgres", {"dsn": dsn}) as probe:
        assert (await probe.look()).reason is Reason.REFUSED
