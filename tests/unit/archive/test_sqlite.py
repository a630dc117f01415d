"""The archive on a real file: what is kept is read as it was, and pruned, and survives what happens to processes."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemo_watchdog.archive import SqliteArchive, size_of
from nemo_watchdog.archive import sqlite as module
from nemo_watchdog.errors import ArchiveError
from nemo_watchdog.evidence import Evidence, Missing, Part
from nemo_watchdog.stores import LookRun
from tests.unit.archive.parts import NOON, at, evidence, run

EVER = (at(-1e9), at(1e9))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "archive.sqlite3"


@pytest.fixture
def archive(path: Path) -> Iterator[SqliteArchive]:
    with closing(SqliteArchive(path)) as made:
        yield made


def again(path: Path, before: SqliteArchive) -> SqliteArchive:
    """As the next daemon sees it."""
    before.close()
    return SqliteArchive(path)


def test_evidence_comes_back_as_it_was(path: Path, archive: SqliteArchive) -> None:
    """All of one incident, oldest first, with what is missing and in which order the parts were."""
    later, first = (
        evidence(seconds=60.0, occasion="before docker.restart", more=2),
        evidence(text="ä\0\x1b[31m\n" * 999),
    )
    other = evidence("i-2")
    for each in (later, first, other):
        archive.keep_evidence(each)
    with closing(again(path, archive)) as after:
        assert after.evidence_of("i-1") == [first, later]
        assert after.evidence_of("i-2") == [other]
        assert after.evidence_of("i-3") == []


def test_the_same_evidence_again_changes_nothing(archive: SqliteArchive) -> None:
    """Who was told that it could not be kept in time may try again."""
    archive.keep_evidence(evidence())
    archive.keep_evidence(evidence())
    assert archive.evidence_of("i-1") == [evidence()]


def test_what_was_kept_whole_takes_the_place_of_its_first_part(archive: SqliteArchive) -> None:
    """It keeps its number among the others, and nothing of before stays."""
    first, whole = evidence(more=1), replace(evidence(more=3), seconds=1.9, missing=())
    for each in (first, evidence(seconds=60.0), whole):
        archive.keep_evidence(each)
    assert archive.evidence_of("i-1") == [whole, evidence(seconds=60.0)]


def test_text_that_is_no_text_is_kept_as_well_as_can_be(archive: SqliteArchive) -> None:
    """Half a character of a log is shown as what it is."""
    archive.keep_evidence(replace(evidence(), parts=(Part("a.log", "half: \udcc3"),)))
    assert archive.evidence_of("i-1")[0].parts == (Part("a.log", r"half: \udcc3"),)


def test_evidence_is_compressed(path: Path, archive: SqliteArchive) -> None:
    """A log repeats itself."""
    archive.keep_evidence(evidence(text="2026-03-01T12:00:00Z GET /health 500 in 3 ms\n" * 5000))
    assert size_of(path) < 100_000 < 5000 * 45


def test_only_its_owner_can_read_it(path: Path, archive: SqliteArchive) -> None:
    """Logs are in it."""
    archive.keep_evidence(evidence())
    assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}


def test_looks_come_back_as_they_were(path: Path, archive: SqliteArchive) -> None:
    """Runs of several, written in several batches; the newest of each, which lies elsewhere, too."""
    gateway = [run(0, 90), run(100, 110, outcome="failed", reason="timeout"), run(120, 890)]
    redis = [replace(run(5, 95, dependency="redis"), histogram=(0, 0, 0, 0, 0, 3, 7_000_000_000))]
    archive.keep_looks([gateway[0], *redis])
    archive.keep_looks(gateway[1:])
    with closing(again(path, archive)) as after:
        assert after.looks("gateway", *EVER) == gateway
        assert after.looks("redis", *EVER) == redis
        assert after.looks("postgres", *EVER) == []


@pytest.mark.parametrize(
    ("since", "until", "which"),
    [
        (0, 1000, [0, 1, 2]),
        (90, 100, [0, 1]),
        (91, 99, []),
        (105, 105, [1]),
        (891, 2000, []),
        (-10, -1, []),
        (500, 600, [2]),
        (-10, 0, [0]),
    ],
)
def test_what_has_a_look_between_two_times(archive: SqliteArchive, since: int, until: int, which: list[int]) -> None:
    """Both ends included; a run that began before counts while it went on."""
    runs = [run(0, 90), run(100, 110, outcome="failed", reason="timeout"), run(120, 890)]
    archive.keep_looks(runs)
    assert archive.looks("gateway", at(since), at(until)) == [runs[each] for each in which]


def test_a_run_that_goes_on_takes_its_own_place(archive: SqliteArchive) -> None:
    """It is written every minute while it is open, and again when it is over."""
    for last in (60, 120, 180):
        archive.keep_looks([run(0, last)])
    archive.keep_looks([run(0, 190), run(200, 210)])
    archive.keep_looks([run(200, 220)])
    assert archive.looks("gateway", *EVER) == [run(0, 190), run(200, 220)]


@pytest.mark.parametrize("batches", [1, 2, 5])
def test_a_clock_that_was_set_back_leaves_no_runs_side_by_side(archive: SqliteArchive, batches: int) -> None:
    """What came last is right: what lies at times that are yet to come goes, and what reached into them ends before."""
    runs = [run(0, 90), run(100, 190), run(200, 290), run(300, 390), run(150, 160)]
    for first in range(0, 5, -(-5 // batches)):
        archive.keep_looks(runs[first : first + -(-5 // batches)])
    archive.keep_looks([run(170, 180, outcome="failed", reason="timeout")])
    cut = replace(runs[1], last=at(149.999))
    assert archive.looks("gateway", *EVER) == [
        runs[0],
        cut,
        runs[4],
        run(170, 180, outcome="failed", reason="timeout"),
    ]


def test_a_run_that_begins_before_the_last_one_ended_cuts_it(archive: SqliteArchive) -> None:
    """A daemon that starts after the clock was set back by a second knows nothing of the one before."""
    archive.keep_looks([run(0, 100)])
    archive.keep_looks([run(95, 200)])
    assert [(each.first, each.last) for each in archive.looks("gateway", *EVER)] == [
        (at(0), at(94.999)),
        (at(95), at(200)),
    ]


def test_gates_are_those_of_the_time(path: Path, archive: SqliteArchive) -> None:
    """The last that were kept up to then, to the microsecond."""
    exact = NOON + timedelta(microseconds=1)
    archive.keep_gates("gateway", NOON, "[]")
    archive.keep_gates("gateway", exact, '[{"gate": "budget"}]')
    archive.keep_gates("redis", NOON, '["ä"]')
    with closing(again(path, archive)) as after:
        assert after.gates("gateway", NOON - timedelta(seconds=1)) is None
        assert after.gates("gateway", NOON) == (NOON, "[]")
        assert after.gates("gateway", at(1e6)) == (exact, '[{"gate": "budget"}]')
        assert after.gates("redis", at(1)) == (NOON, '["ä"]')
        assert after.gates("postgres", at(1)) is None


def pruned(archive: SqliteArchive, *what: object) -> int:
    """Until nothing is left to go."""
    rows = 0
    while gone := archive.prune(*what):  # type: ignore[arg-type]
        rows += gone
    return rows


def test_what_is_older_goes(archive: SqliteArchive) -> None:
    """Looks and gates with the records, evidence by its own time."""
    archive.keep_looks([run(0, 90), run(100, 190), run(0, 90, dependency="gone")])
    archive.keep_gates("gateway", at(0), "[]")
    archive.keep_gates("gateway", at(100), "[1]")
    archive.keep_evidence(evidence("i-1", 0.0))
    archive.keep_evidence(evidence("i-2", 100.0))
    assert pruned(archive, at(50), at(100), 2**30) == 4
    assert archive.looks("gateway", *EVER) == [run(100, 190)]
    assert archive.looks("gone", *EVER) == []
    assert archive.gates("gateway", at(50)) is None
    assert archive.gates("gateway", at(100)) == (at(100), "[1]")
    assert archive.evidence_of("i-1") == []
    assert archive.evidence_of("i-2") == [evidence("i-2", 100.0)]
    archive.keep_looks([run(200, 210, dependency="gone")])
    assert archive.looks("gone", *EVER) == [run(200, 210, dependency="gone")]


def noise(size: int) -> str:
    """What cannot be compressed below three quarters of it."""
    return b64encode(os.urandom(size * 3 // 4)).decode("ascii")


def test_evidence_goes_by_size_oldest_first_and_the_file_shrinks(path: Path, archive: SqliteArchive) -> None:
    """However much was kept, and however little of it at once, the file system gets the space back."""
    for number in range(60):
        archive.keep_evidence(evidence(f"i-{number}", number, noise(20_000)))
    before = size_of(path)
    assert pruned(archive, at(-1), at(-1), 160_000) == 50
    assert [number for number in range(60) if archive.evidence_of(f"i-{number}")] == list(range(50, 60))
    assert size_of(path) < before / 4
    assert path.stat().st_size < 10 * 5 * 4096 + 65_536  # five pages each, and the rest of it


def test_one_pruning_forgets_only_so_much(archive: SqliteArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others must not wait until months are gone."""
    monkeypatch.setattr(module, "FORGOTTEN_AT_ONCE", 5)
    monkeypatch.setattr(module, "EVIDENCE_FORGOTTEN_AT_ONCE", 2)
    archive.keep_looks([run(n * 10, n * 10, dependency=f"d-{d}") for d in range(4) for n in range(3)])
    for number in range(5):
        archive.keep_evidence(evidence(f"i-{number}", number))
    assert [archive.prune(at(1e6), at(1e6), 2**30) for _ in range(4)] == [8, 8, 1, 0]


def test_reading_waits_for_no_writing(path: Path, archive: SqliteArchive) -> None:
    """Another thread may read while a transaction is open."""
    archive.keep_looks([run(0, 90)])
    found = list[object]()
    with archive._files.transaction() as connection:
        connection.execute("DELETE FROM newest_looks")
        reader = threading.Thread(target=lambda: found.extend(archive.looks("gateway", *EVER)))
        reader.start()
        reader.join(10.0)
        assert found == [run(0, 90)]


def test_many_threads_at_once(archive: SqliteArchive) -> None:
    """Nobody gets what is not whole, and nothing is lost."""
    troubles = list[BaseException]()

    def work(name: str) -> None:
        try:
            for number in range(30):
                archive.keep_looks([run(0, number * 10, dependency=name)])
                assert archive.looks(name, *EVER) == [run(0, number * 10, dependency=name)]
        except BaseException as error:  # noqa: BLE001 - it is shown below
            troubles.append(error)

    threads = [threading.Thread(target=work, args=(f"d-{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30.0)
    assert troubles == []


def test_a_time_without_a_zone_is_refused(archive: SqliteArchive) -> None:
    """In words, and the archive goes on."""
    naive = NOON.replace(tzinfo=None)
    for write in (
        lambda: archive.keep_evidence(replace(evidence(), at=naive)),
        lambda: archive.keep_looks([replace(run(0, 1), first=naive)]),
        lambda: archive.keep_gates("gateway", naive, "[]"),
        lambda: archive.looks("gateway", naive, naive),
    ):
        with pytest.raises(ArchiveError, match="must be aware"):
            write()
    archive.keep_looks([run(0, 1)])


def test_after_its_end_nothing_is_kept(archive: SqliteArchive) -> None:
    """Each call says so."""
    archive.close()
    archive.close()
    with pytest.raises(ArchiveError, match="it is closed"):
        archive.keep_evidence(evidence())
    with pytest.raises(ArchiveError, match="it is not open"):
        archive.evidence_of("i-1")


FILL_THE_DISK = """
import pathlib, resource, sys
from nemo_watchdog.archive import SqliteArchive
from nemo_watchdog.errors import ArchiveError
from tests.unit.archive.parts import at, evidence, run
from tests.unit.archive.test_sqlite import noise
archive = SqliteArchive(pathlib.Path(sys.argv[1]))
archive.keep_evidence(evidence("before"))
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
try:
    for number in range(100):
        archive.keep_evidence(evidence("while", number, noise(20_000)))
except ArchiveError as error:
    print(error)
else:
    sys.exit("the disk never got full")
kept = len(archive.evidence_of("while"))
assert kept == number, (kept, number)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
archive.keep_evidence(evidence("after"))
archive.keep_looks([run(0, 10)])
assert [len(archive.evidence_of(each)) for each in ("before", "after")] == [1, 1]
assert len(archive.looks("gateway", at(0), at(10))) == 1
"""


def test_a_full_disk_is_an_error_and_can_be_overcome(path: Path) -> None:
    """What was kept stays, nothing is kept by half, and with room again the same archive goes on."""
    child = subprocess.run(
        [sys.executable, "-c", FILL_THE_DISK, str(path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert child.returncode == 0, child.stderr
    assert f"the archive {path} cannot be written" in child.stdout


def test_one_who_has_it_locked_is_an_error_that_passes(
    path: Path, archive: SqliteArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person in the SQLite shell, say."""
    archive._files._use().execute("PRAGMA busy_timeout = 10")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ArchiveError, match="cannot be written: database is locked"):
            archive.keep_looks([run(0, 10)])
        other.execute("ROLLBACK")
    archive.keep_looks([run(0, 10)])
    assert archive.looks("gateway", *EVER) == [run(0, 10)]


WRITE_FOR_EVER = """
import os, pathlib, sys
from nemo_watchdog.archive import SqliteArchive
from tests.unit.archive.parts import evidence, run
archive = SqliteArchive(pathlib.Path(sys.argv[1]))
for n in range(10**9):
    archive.keep_evidence(evidence("i-1", n, more=2))
    archive.keep_looks([run(n * 100, n * 100 + 90), run(n * 100, n * 100 + 90, dependency="redis")])
    os.write(1, b"%d\\n" % n)
"""


@pytest.mark.parametrize("kill_after", [1, 20])
def test_kill_9_loses_nothing_that_was_kept(path: Path, kill_after: int) -> None:
    """Each call is there whole or not at all."""
    with subprocess.Popen([sys.executable, "-c", WRITE_FOR_EVER, str(path)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        for _ in range(kill_after):
            assert child.stdout.readline()
        os.kill(child.pid, signal.SIGKILL)
        kept = kill_after + len(child.stdout.read().splitlines())
    with closing(SqliteArchive(path)) as after:
        found = after.evidence_of("i-1")
        assert found == [evidence("i-1", n, more=2) for n in range(len(found))]
        runs = [len(after.looks(name, *EVER)) for name in ("gateway", "redis")]
    assert kept <= runs[0] == runs[1] <= len(found) <= kept + 1


TEXT = st.text(max_size=300)


@settings(max_examples=25)
@given(
    st.lists(
        st.builds(
            Evidence,
            incident=st.sampled_from(["i-1", "i-2"]),
            dependency=st.sampled_from(["gateway", "redis"]),
            at=st.datetimes().map(lambda each: each.replace(tzinfo=NOON.tzinfo)),
            seconds=st.floats(0, 1e6),
            occasion=TEXT,
            parts=st.lists(st.builds(Part, TEXT, TEXT, st.booleans()), max_size=3).map(tuple),
            missing=st.lists(st.builds(Missing, TEXT, TEXT), max_size=3).map(tuple),
        ),
        max_size=5,
        unique_by=lambda each: (each.incident, each.at, each.dependency, each.occasion),
    )
)
def test_any_evidence_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, kept: list[Evidence]) -> None:
    """Whatever text a log holds."""
    with closing(SqliteArchive(tmp_path_factory.mktemp("archive") / "archive.sqlite3")) as archive:
        for each in kept:
            archive.keep_evidence(each)
        for incident in ("i-1", "i-2"):
            own = sorted((each for each in kept if each.incident == incident), key=lambda each: each.at)
            assert archive.evidence_of(incident) == own


def test_what_a_row_costs(path: Path, archive: SqliteArchive) -> None:
    """Ten days of five that are healthy but for two incidents a day: at most 80 bytes a run, all told."""
    runs = 0
    for day in range(10):
        batch = list[LookRun]()
        for name in ("gateway", "redis", "postgres", "models", "qdrant"):
            for quarter in range(96):
                first = day * 86400 + quarter * 900
                mean = 0.001 + (quarter * 7919 + day * 104729) % 19_000 / 1e6
                ends = 400 if quarter in (10, 50) else 890
                batch.append(replace(run(first, first + ends, dependency=name), latency_sum=90 * mean, latency_max=0.3))
                if ends < 890:
                    batch.append(run(first + 410, first + 890, dependency=name, outcome="failed", reason="timeout"))
        archive.keep_looks(sorted(batch, key=lambda each: each.first))
        runs += len(batch)
    archive.close()
    assert runs == 10 * 5 * 98
    assert path.stat().st_size / runs < 80
