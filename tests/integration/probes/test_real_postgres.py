"""The postgres probe against a real Postgres that this test starts and breaks."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from nemo_watchdog.model import Category, Finding, Outcome, Reason
from tests.integration.probes.looking import is_ok, look_until
from tests.integration.probes.servers import PASSWORD, Postgres, short_folder
from tests.unit.probes.certificates import make_authority
from tests.unit.probes.making import probing

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("postgres")]  # one cluster for all of them


@pytest.fixture(scope="module")
def cluster() -> Iterator[Postgres]:
    with short_folder() as folder:
        postgres = Postgres(folder)
        postgres.create()
        yield postgres
        postgres.stop()


@pytest.fixture
async def postgres(cluster: Postgres) -> AsyncIterator[Postgres]:
    """The cluster's server, started and answering."""
    cluster.start()
    async with probing("postgres", {"dsn": cluster.dsn()}) as probe:
        await look_until(probe, is_ok)
    yield cluster
    await asyncio.to_thread(cluster.stop)


async def look(dsn: str, **options: object) -> Finding:
    async with probing("postgres", {"dsn": dsn, **options}) as probe:
        return await probe.look()


def no_fault(findings: list[Finding]) -> bool:
    return all(f.reason is None or f.reason.category is not Category.FAULT for f in findings)


async def test_healthy_server_is_well_and_counts_its_connections(postgres: Postgres) -> None:
    """A healthy server is well; its connections are counted, ours among them."""
    async with probing("postgres", {"dsn": postgres.dsn(), "role": "primary"}) as probe:
        findings = [await probe.look() for _ in range(5)]
    assert all(map(is_ok, findings))
    measured = findings[-1].measurements
    assert measured["postgres_connections_used_ratio"] == 0.1
    assert measured["postgres_transaction_id_age"] > 0
    assert set(measured) == {"postgres_connections_used_ratio", "postgres_transaction_id_age", "postgres_deadlocks"}


async def test_wrong_password_is_blind_and_does_not_leak(postgres: Postgres) -> None:
    """A wrong password says nothing about the server, and is not repeated."""
    finding = await look(postgres.dsn(password="wrong-battery"))
    assert finding.reason is Reason.AUTH_FAILED
    assert "wrong-battery" not in repr(finding)


async def test_missing_database_is_a_wrong_target(postgres: Postgres) -> None:
    """A database that does not exist is a mistake of the policy."""
    assert (await look(postgres.dsn(database="nowhere"))).reason is Reason.WRONG_TARGET


async def test_too_many_connections_are_busy(postgres: Postgres) -> None:
    """A limit of the policy sees it coming; with every connection taken a new session is refused, which is busy."""
    async with probing("postgres", {"dsn": postgres.dsn(), "max_connections_used": "80%"}) as probe:
        assert is_ok(await probe.look())
        sessions = [await asyncpg.connect(postgres.dsn()) for _ in range(9)]
        last = await probe.look()
        sessions.append(await asyncpg.connect(postgres.dsn()))
        full = await probe.look()
        await asyncio.gather(*(session.close() for session in sessions))
    assert (last.outcome, last.reason) == (Outcome.DEGRADED, Reason.TOO_MANY_CONNECTIONS)
    assert last.measurements["postgres_connections_used_ratio"] == 1.0
    assert (full.outcome, full.reason) == (Outcome.FAILED, Reason.TOO_MANY_CONNECTIONS)


async def test_read_only_where_a_primary_is_expected(postgres: Postgres) -> None:
    """A database whose transactions are read-only is well for `any` and at risk for `primary`; it is no standby."""
    session = await asyncpg.connect(postgres.dsn())
    await session.execute("alter role postgres set default_transaction_read_only = on")
    try:
        assert is_ok(await look(postgres.dsn()))
        assert (await look(postgres.dsn(), role="primary")).reason is Reason.READ_ONLY
        assert (await look(postgres.dsn(), role="standby")).reason is Reason.WRONG_TARGET
    finally:
        await session.execute("set default_transaction_read_only = off")
        await session.execute("alter role postgres reset default_transaction_read_only")
        await session.close()


async def test_user_without_rights_is_well(postgres: Postgres) -> None:
    """The probe needs no right but to connect, and counts other users' sessions all the same."""
    admin = await asyncpg.connect(postgres.dsn())
    await admin.execute(f"create role watcher login password '{PASSWORD}'")
    try:
        finding = await look(postgres.dsn().replace("//postgres:", "//watcher:"))
        assert is_ok(finding)
        assert finding.measurements["postgres_connections_used_ratio"] == 0.2
    finally:
        await admin.execute("drop role watcher")
        await admin.close()


async def test_killed_backend_is_recovery_and_never_a_fault(postgres: Postgres) -> None:
    """One backend's SIGKILL drops every session: well again in seconds, and no look calls for a restart."""
    victim = await asyncpg.connect(postgres.dsn())
    async with probing("postgres", {"dsn": postgres.dsn()}) as probe:
        assert is_ok(await probe.look())
        # A long log to redo makes the recovery last until it is seen.
        await victim.execute("create table load as select generate_series(1, 1000000) as n")
        os.kill(victim.get_server_pid(), signal.SIGKILL)
        findings = await look_until(probe, lambda finding: not is_ok(finding))
        findings += await look_until(probe, is_ok)
        victim.terminate()
    assert no_fault(findings)
    assert {f.reason for f in findings} & {Reason.RECOVERING, Reason.STARTING, Reason.SHUTTING_DOWN}


async def test_start_after_a_crash_is_busy(postgres: Postgres) -> None:
    """While a killed server redoes its log it is starting or recovering, never a fault once it listens."""
    session = await asyncpg.connect(postgres.dsn())
    await session.execute("create table crash as select generate_series(1, 1000000) as n")
    postgres.stop(signal.SIGQUIT)
    session.terminate()
    assert (await look(postgres.dsn())).reason is Reason.REFUSED
    postgres.start()
    async with probing("postgres", {"dsn": postgres.dsn()}) as probe:
        listening = await look_until(probe, lambda finding: finding.reason is not Reason.REFUSED)
        findings = listening[-1:] + await look_until(probe, is_ok)
    assert no_fault(findings)


async def test_a_shutdown_that_waits_for_a_client_is_busy(postgres: Postgres) -> None:
    """A smart shutdown refuses new sessions as shutting down while an old one lives."""
    session = await asyncpg.connect(postgres.dsn())
    postgres.send(signal.SIGTERM)
    async with probing("postgres", {"dsn": postgres.dsn()}) as probe:
        findings = await look_until(probe, lambda finding: not is_ok(finding))
    await session.close()
    assert findings[-1].reason is Reason.SHUTTING_DOWN


AS_INITDB_WROTE = {"max_connections": 100, "max_wal_senders": 10}
"""A standby does not start with less than the control file remembers of its primary: initdb, when nothing else ran."""


async def test_standby_is_told_from_a_primary(cluster: Postgres) -> None:
    """A server in hot standby is well for `standby` and `any`, and at risk where a primary is expected."""
    trigger = cluster.data / "standby.signal"
    trigger.touch()
    try:
        cluster.start(hot_standby="on", **AS_INITDB_WROTE)
        async with probing("postgres", {"dsn": cluster.dsn(), "role": "standby"}) as probe:
            await look_until(probe, is_ok)
        assert is_ok(await look(cluster.dsn()))
        assert (await look(cluster.dsn(), role="primary")).reason is Reason.READ_ONLY
    finally:
        await asyncio.to_thread(cluster.stop)
        trigger.unlink(missing_ok=True)


async def test_stopped_server_times_out_and_recovers(postgres: Postgres) -> None:
    """A server that is frozen ends the look at its deadline, and so does a postmaster alone that is stuck."""
    async with probing("postgres", {"dsn": postgres.dsn()}, timeout=0.5) as probe:
        assert is_ok(await probe.look())
        with postgres.frozen():
            assert [(await probe.look()).reason for _ in range(2)] == [Reason.TIMEOUT, Reason.TIMEOUT]
        await look_until(probe, is_ok)
        postgres.send(signal.SIGSTOP)
        try:
            assert (await probe.look()).reason is Reason.TIMEOUT
        finally:
            postgres.send(signal.SIGCONT)
        await look_until(probe, is_ok)


async def test_an_address_that_does_not_fit_the_servers_tls_is_blind(cluster: Postgres) -> None:
    """TLS where there is none, a file that is missing, an authority that it does not have: no restart changes those."""
    authority = await asyncio.to_thread(make_authority, cluster.data / "authority")
    await asyncio.to_thread(authority.server, timedelta(days=30))
    for path in (authority.folder, *authority.folder.iterdir()):
        shutil.chown(path, "postgres", "postgres")
        path.chmod(0o700 if path.is_dir() else 0o600)
    files = {"ssl_cert_file": authority.folder / "cert.pem", "ssl_key_file": authority.folder / "key.pem"}
    trusting = f"sslmode=verify-full&sslrootcert={authority.file}"
    pipe = cluster.data / "pipe"
    os.mkfifo(pipe)
    for settings, query, reason in (
        ({}, "sslmode=require", Reason.WRONG_TARGET),
        ({}, trusting, Reason.WRONG_TARGET),
        ({"ssl": "on", **files}, "sslmode=require", None),
        ({"ssl": "on", **files}, trusting, None),
        ({"ssl": "on", **files}, "sslmode=verify-full&sslrootcert=/nowhere", Reason.PERMISSION_DENIED),
        ({"ssl": "on", **files}, f"sslmode=verify-full&sslrootcert={pipe}", Reason.PERMISSION_DENIED),
        ({"ssl": "on", **files}, f"sslmode=verify-full&sslrootcert={files['ssl_key_file']}", Reason.WRONG_TARGET),
        ({"ssl": "on", **files}, "sslmode=verify-full", Reason.WRONG_TARGET),
    ):
        cluster.start(**settings)
        async with probing("postgres", {"dsn": cluster.dsn()}) as probe:
            await look_until(probe, is_ok)
        finding = await look(f"{cluster.dsn()}?{query}")
        assert (query, finding.reason) == (query, reason)
        assert reason is None or reason.category is Category.BLIND
        await asyncio.to_thread(cluster.stop)


async def test_rotated_certificates_of_an_address_are_read_again(cluster: Postgres, tmp_path: Path) -> None:
    """The server comes back with a certificate of another authority: once the file has that one, it is well."""
    trusted = tmp_path / "ca.pem"
    old, new = [await asyncio.to_thread(make_authority, cluster.data / name) for name in ("old", "new")]
    trusted.write_bytes(old.file.read_bytes())
    async with probing("postgres", {"dsn": f"{cluster.dsn()}?sslmode=verify-full&sslrootcert={trusted}"}) as probe:
        for authority, reason in ((old, None), (new, Reason.WRONG_TARGET)):
            await asyncio.to_thread(cluster.stop)
            await asyncio.to_thread(authority.server, timedelta(days=30))
            for path in (authority.folder, *authority.folder.iterdir()):
                shutil.chown(path, "postgres", "postgres")
                path.chmod(0o700 if path.is_dir() else 0o600)
            cert, key = authority.folder / "cert.pem", authority.folder / "key.pem"
            cluster.start(ssl="on", ssl_cert_file=cert, ssl_key_file=key)
            async with probing("postgres", {"dsn": cluster.dsn()}) as plain:
                await look_until(plain, is_ok)
            assert (await probe.look()).reason is reason
        trusted.write_bytes(new.file.read_bytes())
        assert is_ok(await probe.look())
