"""Who is on call outlives a `kill -9`, and follows the calendar's file while the daemon runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.integration.daemon import Daemon
from tests.integration.service.parts import Service, tcp_policy
from tests.integration.service.test_declared import run

CALENDAR = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//here//EN
BEGIN:VEVENT
UID:1
DTSTAMP:20240101T000000Z
DTSTART:20240101T000000Z
DTEND:20990101T000000Z
SUMMARY:Carol
END:VEVENT
END:VCALENDAR
"""


def policy(port: int, calendar: Path) -> str:
    """Bob has every turn, and carol all times of the calendar."""
    people = "".join(f"  {name}: json://127.0.0.1:9/\n" for name in ("alice", "bob", "carol"))
    rota = f"  on-call: {{rota: [bob, bob], daily: 09:00, zone: Europe/Berlin, calendar: {calendar}}}\n"
    return f"{tcp_policy(port)}contacts:\n{people}{rota}"


def has(person: str, because: str) -> Any:
    def so(status: dict[str, Any]) -> bool:
        rota = status["oncall"]["on-call"]
        return (rota["people"], rota["because"]) == ([person], because)

    return so


async def test_swaps_outlive_a_kill_and_the_calendar_is_followed(tmp_path: Path) -> None:
    """Broken, whole, swapped, killed, ended: at each moment one person has it, and why is said."""
    calendar = tmp_path / "oncall.ics"
    calendar.write_text("BEGIN:VCALENDAR\n", encoding="utf-8")
    async with Service() as service, Daemon(policy(service.port, calendar), tmp_path) as daemon:
        status = await daemon.wait_until(has("bob", "turn"))
        (trouble,) = status["troubles"]
        assert trouble["what"] == "the rota on-call goes by turns instead of by its calendar"
        await daemon.event("calendar not used: the rota goes by turns", contact="on-call")

        calendar.write_text(CALENDAR, encoding="utf-8")
        status = await daemon.wait_until(has("carol", "calendar"), within=30.0)
        assert status["troubles"] == []

        done = await run(daemon, "oncall", "swap", "on-call", "alice", "--for", "8h", "--reason", "carol is ill")
        assert (done.returncode, done.stderr) == (0, "")
        await daemon.restart(kill=True)
        assert has("alice", "swap")(await daemon.status())
        done = await run(daemon, "oncall")
        assert done.stdout.startswith("on-call: alice until ")
        assert "carol is ill" in done.stdout

        assert (await run(daemon, "oncall", "unswap", "on-call")).returncode == 0
        assert has("carol", "calendar")(await daemon.status())
        assert (await run(daemon, "oncall", "unswap", "on-call")).returncode == 1
