"""What people say of incidents outlives a `kill -9`, and is told once."""

from __future__ import annotations

import asyncio
import os
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from nemo_watchdog.cli.notes import NOTE, add_note
from nemo_watchdog.cli.output import CommandFailed
from nemo_watchdog.journal import SqliteJournal
from nemo_watchdog.state_dir import JOURNAL_NAME
from tests.integration.daemon import COMMAND, Daemon
from tests.integration.service.parts import Receiver, Service, tcp_policy
from tests.integration.service.test_notifications import delivered, told

TEXT = "the payment provider answers 500"


async def run(daemon: Daemon, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command, as a person types it."""
    where = {"NEMO_WATCHDOG_LISTEN": f"127.0.0.1:{daemon.port}", "NEMO_WATCHDOG_STATE_DIR": str(daemon.state_dir)}
    command, environ = (*COMMAND, *arguments), {**os.environ, **where}
    return await asyncio.to_thread(
        subprocess.run, command, env=environ, capture_output=True, text=True, check=False, timeout=60.0
    )


async def note(daemon: Daemon, incident: str, about: str, text: str) -> None:
    await asyncio.to_thread(add_note, f"127.0.0.1:{daemon.port}", daemon.state_dir, incident, about, text)


async def test_what_was_declared_is_there_after_a_kill_and_was_told_once(tmp_path: Path) -> None:
    """Declared, killed, taken, killed, written about, ended: each is told once and nothing is forgotten."""
    async with Service() as service, Receiver() as receiver:
        async with Daemon(tcp_policy(service.port, told(receiver)), tmp_path) as daemon:
            await daemon.wait_for_health("service", "up")
            done = await run(daemon, "declare", TEXT, "--severity", "SEV3", "--dependency", "service")
            assert (done.returncode, done.stderr) == (0, "")
            incident = done.stdout.split()[0]
            await delivered(daemon, 1)
            await daemon.restart(kill=True)
            (kept,) = (await daemon.status())["declared"]
            assert (kept["id"], kept["text"], kept["severity"]) == (incident, TEXT, "SEV3")
            assert (await run(daemon, "status")).returncode == 1

            assert (await run(daemon, "ack", incident, "--for", "2h")).returncode == 0
            await delivered(daemon, 1)
            await daemon.restart(kill=True)
            (kept,) = (await daemon.status())["declared"]
            assert kept["acknowledged"]["until"] is not None

            await note(daemon, incident, NOTE, "asked them\nno answer yet")
            done = await run(daemon, "resolve", incident, "--reason", "fixed by the vendor")
            assert (done.returncode, done.stdout) == (0, f"{incident} is over.\n")
            await delivered(daemon, 1)
            done = await run(daemon, "incident", incident, "--root-cause", "their certificate ran out")
            assert (done.returncode, done.stderr) == (0, "")
            await daemon.restart(kill=True)
            await daemon.wait_for_health("service", "up")
            assert (await daemon.status())["declared"] == []
            assert (await run(daemon, "status")).returncode == 0
            report = (await run(daemon, "report", incident)).stdout
            for said in (
                TEXT,
                "SEV3",
                "Acknowledged",
                "their certificate ran out",
                "asked them",
                "fixed by the vendor",
            ):
                assert said in report
            with pytest.raises(CommandFailed, match="the journal has no incident 20260101-000000-nothing"):
                await note(daemon, "20260101-000000-nothing", NOTE, "x")
        assert [title.partition(": ")[2] for title in receiver.titles] == [TEXT] * 3
        assert "Resolved by " in receiver.messages[-1]["message"]
    with closing(SqliteJournal(tmp_path / "state" / JOURNAL_NAME, "another boot")) as journal:
        kinds = [str(record["type"]) for _, record in journal.records(incident)]
    assert kinds == [
        "incident_declared", "people_told", "incident_acknowledged", "people_told", "note_added", "incident_resolved",
        "people_told", "note_added",
    ]  # fmt: skip


async def test_what_looks_opened_can_be_taken_and_ends_by_itself(tmp_path: Path) -> None:
    """`resolve` says what still fails; after a kill it is still taken."""
    async with Service() as service, Receiver() as receiver:
        async with Daemon(tcp_policy(service.port, told(receiver)), tmp_path) as daemon:
            await daemon.wait_for_health("service", "up")
            await service.stop()
            incident = (await daemon.event("incident_opened"))["incident"]
            done = await run(daemon, "resolve", incident, "--reason", "it looks fine to me")
            assert (done.returncode, "service is down: refused" in done.stderr) == (1, True)
            assert (await run(daemon, "ack", incident)).returncode == 0
            await receiver.title("has taken it")
            await daemon.restart(kill=True)
            (shown,) = (await daemon.status())["incidents"]
            assert shown["acknowledged"]["until"] is None
            await service.start()
            await daemon.event("incident_resolved", incident=incident)
