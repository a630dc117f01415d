"""The calendars of rotas: read at the start, on a change that has settled, every hour; what cannot be used is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.oncall import Shift
from nemo_watchdog.engine.swapping import oncall_of
from nemo_watchdog.errors import CalendarError
from nemo_watchdog.policy.people import Contact, Rota
from nemo_watchdog.runtime import calendars as module
from nemo_watchdog.runtime.calendars import Calendars
from tests.unit.engine.world import dependency, policy
from tests.unit.runtime.shell import Shell, running, until


class Desk:
    """A core whose policy has a rota with a calendar, and what its file says."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "oncall.ics"
        rota = Rota(("bob", "bob"), 0, 540, UTC, str(self.file))
        contacts = {"on-call": Contact(rota=rota), "alice": Contact(), "bob": Contact()}
        self.shell = Shell(replace(policy(dependency("gateway")), contacts=contacts))
        self.calendars = Calendars(self.shell.core, self.read)
        self.reads = 0

    def read(self, rota: Rota, at: datetime) -> tuple[Shift, ...]:
        """Each word of the file is an event that lasts for ever."""
        self.reads += 1
        try:
            words = Path(rota.calendar).read_text(encoding="utf-8").split()
        except FileNotFoundError:
            raise CalendarError("there is no such file") from None
        return tuple(Shift(at - timedelta(days=1), at + timedelta(days=9), word) for word in words)

    @property
    def people(self) -> list[str]:
        engine = self.shell.core.engine
        return oncall_of(engine.volatile, engine.durable).people_of("on-call", self.shell.clock.now().utc)

    @property
    def troubles(self) -> list[str]:
        return [f"{each.what}: {each.why}" for each in self.shell.core.troubles.views()]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.shell.core.close()


async def test_it_is_read_at_the_first_look(desk: Desk) -> None:
    desk.file.write_text("alice")
    await desk.calendars.look()
    assert (desk.people, desk.troubles) == (["alice"], [])


async def test_a_change_counts_when_it_has_settled_and_is_read_once(desk: Desk) -> None:
    desk.file.write_text("alice")
    await desk.calendars.look()
    desk.file.write_text("bob alice")
    await desk.calendars.look()
    assert (desk.people, desk.reads) == (["alice"], 1)
    for _ in range(3):
        await desk.calendars.look()
    assert (desk.people, desk.reads) == (["alice", "bob"], 2)


async def test_it_is_read_every_hour_for_what_it_says_moves_on(desk: Desk) -> None:
    desk.file.write_text("alice")
    for seconds, reads in ((0.0, 1), (3599.0, 1), (1.0, 2), (5.0, 2)):
        desk.shell.manual.advance(seconds)
        await desk.calendars.look()
        assert desk.reads == reads


async def test_a_file_that_is_missing_is_told_once_and_the_rota_stands_in(desk: Desk) -> None:
    with capture_logs() as logs:
        for _ in range(3):
            await desk.calendars.look()
        assert desk.people == ["bob"]
        assert desk.troubles == [
            f"the rota on-call goes by turns instead of by its calendar: {desk.file}: there is no such file"
        ]
        desk.file.write_text("alice")
        for _ in range(2):
            await desk.calendars.look()
    assert (desk.people, desk.troubles) == (["alice"], [])
    assert [entry["event"] for entry in logs] == ["calendar not used: the rota goes by turns", "calendar used again"]


async def test_one_that_goes_is_not_believed_any_more(desk: Desk) -> None:
    """What it said last may be long ago."""
    desk.file.write_text("alice")
    await desk.calendars.look()
    desk.file.unlink()
    await desk.calendars.look()
    assert desk.people == ["alice"]  # it may be back in a moment
    await desk.calendars.look()
    assert desk.people == ["bob"]
    assert len(desk.troubles) == 1


async def test_one_that_names_nobody_is_told(desk: Desk) -> None:
    desk.file.write_text("Alcie")
    await desk.calendars.look()
    assert desk.people == ["bob"]
    (said,) = desk.troubles
    assert "it says `Alcie`" in said


async def test_another_policy_has_it_read_again(desk: Desk) -> None:
    """It may know another name; a calendar that it does not name is no trouble."""
    desk.file.write_text("erin")
    await desk.calendars.look()
    assert len(desk.troubles) == 1
    core = desk.shell.core
    more = {**core.engine.policy.contacts, "erin": Contact()}
    core.tell(ev.PolicyChanged(replace(core.engine.policy, contacts=more)))
    await desk.calendars.look()
    assert (desk.people, desk.troubles) == (["erin"], [])
    desk.file.unlink()
    for _ in range(2):
        await desk.calendars.look()
    assert len(desk.troubles) == 1
    core.tell(ev.PolicyChanged(replace(core.engine.policy, contacts={"bob": Contact()})))
    await desk.calendars.look()
    assert desk.troubles == []


async def test_a_disk_that_hangs_holds_up_nothing_and_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """When it answers again, it is read."""
    monkeypatch.setattr(module, "READ_WITHIN", 0.05)
    monkeypatch.setattr(module, "LOOK_EVERY", 0.01)
    answers = threading.Event()
    desk.file.write_text("alice")
    read = desk.read

    def hanging(rota: Rota, at: datetime) -> tuple[Shift, ...]:
        answers.wait(30.0)
        return read(rota, at)

    desk.calendars = Calendars(desk.shell.core, hanging)
    await desk.calendars.look()
    assert (desk.people, len(desk.troubles)) == (["bob"], 1)
    assert "is not read within" in desk.troubles[0]
    async with running(desk.calendars.run()):
        answers.set()
        await until(lambda: desk.people == ["alice"])
    assert desk.troubles == []
