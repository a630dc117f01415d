"""What users may know now is made once for all who ask, whichever way they read it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from nemo_watchdog.engine.events import MaintenanceAsked
from nemo_watchdog.journal import SqliteJournal
from nemo_watchdog.policy.policy import Public
from nemo_watchdog.public_views import PublicView
from nemo_watchdog.web import public_now, public_past
from nemo_watchdog.web.past import Past
from nemo_watchdog.web.public_now import MOST_TEXTS, PublicNow
from tests.unit.pasts import BOOT
from tests.unit.runtime.shell import until
from tests.unit.runtime.whole import Daemon, quick
from tests.unit.web.published import Looks, Reader

CHAT = Public("Chat", "Talk to a model")


class Users:
    """A daemon, and what its users may know."""

    def __init__(self, folder: Path) -> None:
        SqliteJournal(folder / "journal.db", BOOT).close()
        self.daemon = Daemon(folder, quick("gateway", public=CHAT))
        self.looks = Looks()
        past = Past(Reader(folder / "journal.db"), looks_of=self.looks.of)
        self.now = PublicNow(self.daemon.shell.core, past, "the-key")
        self.written = 0

    def write(self, view: PublicView) -> str:
        self.written += 1
        return f"{view.state} {self.written}"


@pytest.fixture
async def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Users]:
    monkeypatch.setattr(public_past, "RESTS", 0.0)
    monkeypatch.setattr(public_past, "WAITS_BRIEFLY", 30.0)
    made = Users(tmp_path)
    await made.daemon.start()
    await until(lambda: made.daemon.health("gateway") == "up")
    yield made
    await made.now._past.close()
    await made.daemon.stop()
    made.daemon.shell.core.close()


async def test_all_who_ask_get_the_same(users: Users) -> None:
    """Also at once."""
    first, second = await asyncio.gather(users.now.view(), users.now.view())
    assert first is second
    assert (first.state, [each.name for each in first.components]) == ("operational", ["Chat"])


async def test_after_some_seconds_it_is_made_anew(users: Users, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await users.now.view()
    monkeypatch.setattr(public_now, "FRESH", 0)
    second = await users.now.view()
    assert second is not first
    assert second.at > first.at


async def test_what_is_not_complete_is_made_anew_sooner(users: Users, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks right after a start is not told for a quarter of a minute that things are missing."""
    monkeypatch.setattr(public_now, "FRESH", 3600)
    monkeypatch.setattr(public_now, "SOON", 0)
    monkeypatch.setattr(public_past, "WAITS_BRIEFLY", 0.01)
    users.looks.answers.clear()
    assert not (await users.now.view()).complete
    users.looks.answers.set()
    monkeypatch.setattr(public_past, "WAITS_BRIEFLY", 30.0)
    whole = await users.now.view()
    assert whole.complete
    assert await users.now.view() is whole


async def test_what_is_written_of_it_is_written_once(users: Users, monkeypatch: pytest.MonkeyPatch) -> None:
    """For each name by which it is asked for, and again when there is news."""
    first = await users.now.text("page", users.write)
    assert await users.now.text("page", users.write) is first
    other = await users.now.text("feed", users.write)
    assert (first.body, other.body) == (b"operational 1", b"operational 2")
    assert first.tag != other.tag
    monkeypatch.setattr(public_now, "FRESH", 0)
    assert (await users.now.text("page", users.write)).body == b"operational 3"


async def test_who_makes_names_up_fills_no_memory(users: Users) -> None:
    """Each gets an answer, and so many are kept."""
    for number in range(MOST_TEXTS + 5):
        await users.now.text(f"feed of {number}", users.write)
    assert users.now._made is not None
    assert len(users.now._made.texts) == MOST_TEXTS
    assert (await users.now.text("feed of 0", users.write)).body == b"operational 1"


async def test_a_policy_that_changes_meanwhile_counts(users: Users) -> None:
    """What is published no more is not told, however long reading what was takes."""
    users.looks.answers.clear()
    asked = asyncio.create_task(users.now.view())
    await until(lambda: bool(users.looks.since))
    bare = {name: replace(spec, public=None) for name, spec in users.daemon.policy.dependencies.items()}
    users.daemon.next = replace(users.daemon.policy, dependencies=bare)
    users.daemon.supervisor.reload()
    await until(lambda: users.daemon.shell.core.engine.policy is users.daemon.next)
    users.looks.answers.set()
    view = await asked
    assert (view.published, view.components) == (False, ())


async def test_work_that_a_person_announces_is_told(users: Users) -> None:
    """With an id that tells nothing, which stays the same."""
    core = users.daemon.shell.core
    core.tell(MaintenanceAsked(("gateway",), (), 3600.0, "xq7 new disks", "xq7 alice", "Chat may be slow"))
    (work,) = (await users.now.view()).maintenance
    assert (work.components, work.text) == (("Chat",), "Chat may be slow")
    assert len(work.id) == 16
    assert "maintenance" not in work.id
    users.now._made = None
    assert (await users.now.view()).maintenance == (work,)
