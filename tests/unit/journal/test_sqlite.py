"""The journal keeps what was committed and says so when it cannot."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine.memory import Use, Uses
from nemo_watchdog.engine.replay import rebuild
from nemo_watchdog.errors import JournalError
from nemo_watchdog.journal import SqliteJournal
from nemo_watchdog.model import Moment, Notification, NotificationKind, Severity
from nemo_watchdog.records import HeartbeatHeard
from tests.unit.journal.parts import NOON, MovableClock, moment, notification


def journal_at(path: Path, boot: str = "boot-1", clock: MovableClock | None = None) -> SqliteJournal:
    return SqliteJournal(path / "journal.sqlite3", boot, clock=clock or MovableClock())


def test_records_come_back_in_order_with_their_moments(tmp_path: Path) -> None:
    """Replay within one boot gives each record with the reading that was written, through a restart of the daemon."""
    with closing(journal_at(tmp_path)) as journal:
        journal.append([{"type": "a", "n": 1}, {"type": "b", "incident": "i-1"}], [], moment(100))
        journal.append([{"type": "c", "text": "ä\ud800"}], [], moment(107))
    with closing(journal_at(tmp_path)) as journal:
        assert journal.replay(moment(200)) == [
            (moment(100), {"type": "a", "n": 1}),
            (moment(100), {"type": "b", "incident": "i-1"}),
            (moment(107), {"type": "c", "text": "ä\ud800"}),
        ]


def test_readings_of_another_boot_are_rebuilt_from_utc(tmp_path: Path) -> None:
    """A record written 60 s of UTC ago in another boot is 60 s old on this boot's clock, also below zero."""
    with closing(journal_at(tmp_path, "boot-1")) as journal:
        journal.append([{"type": "a"}], [], Moment(90_000.0, NOON))
    with closing(journal_at(tmp_path, "boot-2")) as journal:
        ((at, _),) = journal.replay(Moment(25.0, NOON + timedelta(seconds=60)))
    assert at == Moment(-35.0, NOON)


def test_a_time_in_the_future_counts_as_now(tmp_path: Path) -> None:
    """After a reboot with the wall clock set back, old records count as written now, so that no budget is refilled."""
    with closing(journal_at(tmp_path, "boot-1")) as journal:
        journal.append([{"type": "a"}], [], Moment(90_000.0, NOON))
    with closing(journal_at(tmp_path, "boot-2")) as journal:
        ((at, _),) = journal.replay(Moment(25.0, NOON - timedelta(days=3)))
    assert at == Moment(25.0, NOON)


def test_a_wall_clock_set_forward_in_another_boot_makes_no_record_older(tmp_path: Path) -> None:
    """Two records 10 s apart stay at most 10 s apart when the wall clock jumped by fifty years between them."""
    with closing(journal_at(tmp_path, "boot-1")) as journal:
        journal.append([{"type": "a"}], [], Moment(10.0, NOON - timedelta(days=18_000)))
        journal.append([{"type": "b"}], [], Moment(20.0, NOON))
    with closing(journal_at(tmp_path, "boot-2")) as journal:
        replayed = journal.replay(Moment(1000.0, NOON + timedelta(seconds=5)))
    assert [at.monotonic for at, _ in replayed] == [985.0, 995.0]


def test_a_wall_clock_set_backwards_in_this_boot_moves_nothing(tmp_path: Path) -> None:
    """Within one boot the monotonic reading decides, whatever UTC says."""
    with closing(journal_at(tmp_path)) as journal:
        journal.append([{"type": "a"}], [], Moment(10.0, NOON))
        journal.append([{"type": "b"}], [], Moment(20.0, NOON - timedelta(hours=5)))
        replayed = journal.replay(Moment(30.0, NOON - timedelta(hours=4)))
    assert [at.monotonic for at, _ in replayed] == [10.0, 20.0]


@pytest.mark.parametrize("bad", [{"n": 1}, {"type": ""}, {"type": "a", "n": float("nan")}, {"type": "a", "n": {1}}])
def test_an_append_is_all_or_nothing(tmp_path: Path, bad: dict[str, object]) -> None:
    """One record that cannot be written leaves neither the others nor the notifications."""
    with closing(journal_at(tmp_path)) as journal:
        with pytest.raises(JournalError):
            journal.append([{"type": "good"}, bad], [notification("k")], moment(1))
        assert journal.replay(moment(2)) == []
        assert journal.pending(10) == []


def test_naive_times_are_refused(tmp_path: Path) -> None:
    """A moment without a zone is not written."""
    with closing(journal_at(tmp_path)) as journal, pytest.raises(JournalError, match="aware"):
        journal.append([{"type": "a"}], [], Moment(1.0, NOON.replace(tzinfo=None)))


def test_the_state_directory_belongs_to_one_daemon(tmp_path: Path) -> None:
    """A second daemon is refused by name of the directory, and let in when the first has closed."""
    with closing(journal_at(tmp_path)), pytest.raises(JournalError, match=str(tmp_path)):
        journal_at(tmp_path)
    journal_at(tmp_path).close()


DIE_HOLDING = """
import os, pathlib, signal, sys
from nemo_watchdog.journal import SqliteJournal
journal = SqliteJournal(pathlib.Path(sys.argv[1]), "boot-1")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_dead_daemon_leaves_no_lock(tmp_path: Path) -> None:
    """The lock dies with its process, so a crash needs no clean-up."""
    child = subprocess.run([sys.executable, "-c", DIE_HOLDING, str(tmp_path / "journal.sqlite3")], check=False)
    assert child.returncode == -signal.SIGKILL
    journal_at(tmp_path).close()


@pytest.mark.parametrize("folder", ["/proc", "/dev/null/state"])
def test_a_directory_that_takes_no_file_is_an_error(folder: str) -> None:
    """A state directory in which nobody, not even root, can make a file is named in the error."""
    with pytest.raises(JournalError, match=f"state directory {folder} cannot be used"):
        SqliteJournal(Path(folder) / "journal.sqlite3", "boot-1")


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    """The journal and all files beside it are closed to other users."""
    with closing(journal_at(tmp_path / "state")) as journal:
        journal.append([{"type": "a"}], [], moment(1))
        modes = {file.name: file.stat().st_mode & 0o077 for file in (tmp_path / "state").iterdir()}
    assert len(modes) == 5
    assert set(modes.values()) == {0}


def test_a_closed_journal_says_so(tmp_path: Path) -> None:
    """Every call after close is a JournalError; a second close does nothing."""
    journal = journal_at(tmp_path)
    journal.close()
    journal.close()
    with pytest.raises(JournalError):
        journal.append([{"type": "a"}], [], moment(1))
    with pytest.raises(JournalError):
        journal.replay(moment(1))
    with pytest.raises(JournalError):
        journal.delivered(1, moment(1))


def test_an_interrupted_append_leaves_no_transaction_open(tmp_path: Path) -> None:
    """What is not an SQLite error rolls back too, and the next append succeeds."""
    with closing(journal_at(tmp_path)) as journal:
        with pytest.raises(KeyboardInterrupt), journal._files.transaction():
            raise KeyboardInterrupt
        journal.append([{"type": "a"}], [], moment(1))
        assert len(journal.replay(moment(2))) == 1


def test_records_of_one_incident(tmp_path: Path) -> None:
    """`records` gives the last ones of an incident, or of all, oldest first."""
    with closing(journal_at(tmp_path)) as journal:
        for n in range(6):
            journal.append([{"type": "a", "incident": f"i-{n % 2}", "n": n}], [], moment(n))
        assert [record["n"] for _, record in journal.records("i-1", 2)] == [3, 5]
        assert [record["n"] for _, record in journal.records(None, 3)] == [3, 4, 5]
        assert journal.records("i-1", 1)[0][0] == moment(5)


def test_prune_forgets_closed_incidents_only(tmp_path: Path) -> None:
    """Old closed incidents go whole; open, reopened and recent ones and facts outside incidents stay."""
    with closing(journal_at(tmp_path)) as journal:
        for incident, kinds in {
            "closed": ["incident_opened", "action_ended", "incident_resolved"],
            "merged": ["incident_opened", "incident_merged"],
            "open": ["incident_opened", "action_ended"],
            "reopened": ["incident_opened", "incident_resolved", "incident_reopened"],
            "recent": ["incident_opened"],
            "declared": ["incident_declared", "incident_acknowledged", "note_added"],
            "ended": ["incident_declared", "incident_resolved", "note_added"],
            "again": ["incident_resolved", "incident_declared"],
            "": ["paused", "incident_resolved"],
        }.items():
            journal.append([{"type": kind, "incident": incident} for kind in kinds], [], moment(0))
        journal.append([{"type": "incident_resolved", "incident": "recent"}], [], moment(100))
        assert journal.prune(moment(50).utc) == 8
        assert {str(record["incident"]) for _, record in journal.replay(moment(200))} == {
            "open",
            "reopened",
            "recent",
            "declared",
            "again",
            "",
        }


def test_prune_keeps_the_newest_heartbeat_of_each_job(tmp_path: Path) -> None:
    """However old it is; the others were superseded."""
    with closing(journal_at(tmp_path)) as journal:
        for number, job in enumerate(("a", "b", "a", "a", "b")):
            journal.append([HeartbeatHeard(job, well=True, said=str(number)).body()], [], moment(number))
        assert journal.prune(moment(-50).utc) == 3
        assert [(body["dependency"], body["said"]) for _, body in journal.replay(moment(200))] == [
            ("a", "3"),
            ("b", "4"),
        ]


def test_prune_keeps_the_newest_of_what_was_learned_of_each_key(tmp_path: Path) -> None:
    """However old it is: what nothing came of for years is not tried anew because of that."""

    def lesson(image: str, reason: str, used: int, options: str = "") -> Mapping[str, Any]:
        return r.RemedyLearned("a", image, reason, "docker.restart", options, used, 0, used, []).body()

    def start(image: str, *seconds: float) -> Mapping[str, Any]:
        return r.StartLearned("a", image, list(seconds)).body()

    with closing(journal_at(tmp_path)) as journal:
        old = [lesson("x", "timeout", 1), lesson("x", "refused", 1), lesson("y", "timeout", 1), start("x", 1.0)]
        new = [lesson("x", "timeout", 2), lesson("x", "timeout", 1, "other"), start("x", 1.0, 2.0), start("y", 3.0)]
        journal.append([*old, *new], [], moment(0))
        assert journal.prune(moment(-50).utc) == 2
        kept = [old[1], old[2], *new]
    with closing(journal_at(tmp_path, "boot-2")) as journal:
        history = journal.replay(moment(900))
        assert [body for _, body in history] == kept
        state = rebuild(history)
        assert state.memory.of(Use("a", "x", "timeout", "docker.restart", "")) == Uses(2, 0, 2)
        assert len(state.memory.uses) == 4
        assert state.seen.starts.seconds == {("a", "x"): (1.0, 2.0), ("a", "y"): (3.0,)}
        assert journal.prune(moment(900).utc) == 0


def test_prune_keeps_the_newest_proven_image_of_each_dependency(tmp_path: Path) -> None:
    """However old it is, and whatever the image: what it can go back to is one."""

    def image(dependency: str, image: str) -> Mapping[str, Any]:
        return r.ImageProven(dependency, f"c-{dependency}", image, "app:1", 600.0).body()

    with closing(journal_at(tmp_path)) as journal:
        journal.append([image("a", "x"), image("b", "x"), image("a", "y"), image("a", "z")], [], moment(0))
        assert journal.prune(moment(-50).utc) == 2
    with closing(journal_at(tmp_path, "boot-2")) as journal:
        proven = rebuild(journal.replay(moment(900))).proven_images
        assert {name: each.image for name, each in proven.items()} == {"c-a": "z", "c-b": "x"}


def test_prune_keeps_how_each_dependency_was_last(tmp_path: Path) -> None:
    """A trouble begins before its incident and ends in it: without its end it would last for ever."""

    def changed(health: str, incident: str) -> dict[str, object]:
        return {"type": "health_changed", "dependency": "a", "health": health, "incident": incident}

    def kept() -> list[object]:
        return [body.get("health") for _, body in journal.replay(moment(900))]

    with closing(journal_at(tmp_path)) as journal:
        opened, resolved = ({"type": kind, "incident": "i"} for kind in ("incident_opened", "incident_resolved"))
        journal.append(
            [changed("down", ""), opened, changed("degraded", "i"), changed("up", "i"), resolved], [], moment(0)
        )
        journal.append([{"type": "paused", "incident": ""}], [], moment(1))
        assert journal.prune(moment(50).utc) == 3
        assert kept() == ["down", "up", None]
        journal.append([changed("down", "")], [], moment(100))
        assert journal.prune(moment(50).utc) == 1  # another is the newest now
        assert kept() == ["down", None, "down"]


def test_prune_keeps_what_is_still_to_deliver(tmp_path: Path) -> None:
    """Only settled outbox items that are older go."""
    with closing(journal_at(tmp_path)) as journal:
        journal.append([], [notification("k", contacts=("a", "b", "c", "d"))], moment(0))
        first, second, third, _ = journal.pending(10)
        journal.delivered(first.item_id, moment(1))
        journal.give_up(second.item_id, moment(1), "no")
        journal.delivered(third.item_id, moment(100))
        assert journal.prune(moment(50).utc) == 2
        assert journal.outbox_counts() == {"pending": 1, "delivered": 1, "given_up": 0}


APPEND_FOR_EVER = """
import os, pathlib, sys
from datetime import UTC, datetime
from nemo_watchdog.journal import SqliteJournal
from nemo_watchdog.model import Moment
journal = SqliteJournal(pathlib.Path(sys.argv[1]), "boot-1")
n = 0
while True:
    at = Moment(float(n), datetime(2026, 1, 1, tzinfo=UTC))
    journal.append([{"type": "a", "n": n, "part": part} for part in range(3)], [], at)
    os.write(1, b"%d\\n" % n)
    n += 1
"""


@pytest.mark.parametrize("kill_after", [1, 7, 60])
def test_kill_9_loses_no_committed_record(tmp_path: Path, kill_after: int) -> None:
    """Every append that returned before a SIGKILL is there afterwards, and none is there in part."""
    path = tmp_path / "journal.sqlite3"
    with subprocess.Popen([sys.executable, "-c", APPEND_FOR_EVER, str(path)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        for _ in range(kill_after):
            assert child.stdout.readline()
        os.kill(child.pid, signal.SIGKILL)
        committed = kill_after + len(child.stdout.read().splitlines())
    with closing(SqliteJournal(path, "boot-1")) as journal:
        numbers = [(record["n"], record["part"]) for _, record in journal.replay(Moment(1e9, datetime.now(UTC)))]
    whole = len(numbers) // 3
    assert committed <= whole <= committed + 1
    assert numbers == [(n, part) for n in range(whole) for part in range(3)]


FILL_THE_DISK = """
import pathlib, resource, sys
from datetime import UTC, datetime
from nemo_watchdog.errors import JournalError
from nemo_watchdog.journal import SqliteJournal
from nemo_watchdog.model import Moment
at = Moment(1.0, datetime(2026, 1, 1, tzinfo=UTC))
journal = SqliteJournal(pathlib.Path(sys.argv[1]), "boot-1")
journal.append([{"type": "before"}], [], at)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
try:
    for _ in range(100):
        journal.append([{"type": "while", "text": "x" * 4000}], [], at)
except JournalError as error:
    print(error)
else:
    sys.exit("the disk never got full")
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
journal.append([{"type": "after"}], [], at)
types = [record["type"] for _, record in journal.replay(at)]
assert types[0] == "before" and types[-1] == "after" and set(types[1:-1]) == {"while"}, types
"""


def test_a_full_disk_is_an_error_and_can_be_overcome(tmp_path: Path) -> None:
    """A write that the system refuses is a JournalError; when there is room again the same journal goes on."""
    path = tmp_path / "journal.sqlite3"
    child = subprocess.run(
        [sys.executable, "-c", FILL_THE_DISK, str(path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert child.returncode == 0, child.stderr
    assert f"the journal {path} cannot be written" in child.stdout


def test_notifications_round_trip(tmp_path: Path) -> None:
    """A notification comes back from the outbox as it went in, once for each contact."""
    sent = Notification(
        key="i-1/opened",
        kind=NotificationKind.OPENED,
        incident="i-1",
        severity=Severity.SEV2,
        root="redis",
        title="redis ist hin",
        body="two\nlines",
        contacts=("on-call", "team-lead"),
        at=NOON,
    )
    with closing(journal_at(tmp_path)) as journal:
        journal.append([], [sent], moment(0))
        assert [(item.contact, item.notification, item.attempts) for item in journal.pending(10)] == [
            ("on-call", sent, 0),
            ("team-lead", sent, 0),
        ]
