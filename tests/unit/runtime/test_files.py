"""File descriptors: what we have, and whose fault it is when there is none."""

from __future__ import annotations

import errno
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from nemo_watchdog.metrics import Metrics
from nemo_watchdog.runtime import files
from nemo_watchdog.runtime.files import LACKS, OpenFiles, lack_behind, none_left, open_files, raise_limit
from tests.unit.runtime.shell import running, until


@pytest.fixture
def limits() -> Iterator[tuple[int, int]]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_what_is_open_is_counted(limits: tuple[int, int]) -> None:
    """One more is one more; the limit is the soft one."""
    before = open_files()
    with Path("/dev/null").open("rb"):
        now = open_files()
    assert before is not None
    assert now is not None
    assert (now.used - before.used, now.limit) == (1, limits[0])


def test_without_one_left_all_are_used(limits: tuple[int, int]) -> None:
    """Counting takes one itself."""
    assert none_left() == ""
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    now, lack = open_files(), none_left()
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert (now, lack) == (OpenFiles(3, 3), "the watchdog has no file descriptor left")


def test_the_soft_limit_is_raised_and_never_lowered(limits: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """To the hard one, as far as a process needs."""
    monkeypatch.setattr(files, "WANTED", 300)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, limits[1]))
    raise_limit()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (300, limits[1])
    monkeypatch.setattr(files, "WANTED", 250)
    raise_limit()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (300, limits[1])


@pytest.mark.parametrize("number", LACKS)
def test_a_lack_is_found_behind_what_a_library_makes_of_it(number: int) -> None:
    """However deep, and also where it hides its cause."""

    def connect() -> None:
        raise OSError(number, "x")

    def ask() -> None:
        try:
            connect()
        except OSError:
            raise RuntimeError("cannot connect") from None

    with pytest.raises(RuntimeError) as caught:
        ask()
    assert lack_behind(caught.value) == LACKS[number]


def test_another_error_is_no_lack() -> None:
    """Nor one that goes round in a circle."""
    error, other = OSError(errno.ECONNREFUSED, "x"), ValueError()
    error.__cause__, other.__cause__ = other, error
    assert lack_behind(error) == lack_behind(other) == lack_behind(OSError("no number")) == ""


async def test_running_short_is_told_once_and_so_is_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the log and as a metric, from nine tenths on."""
    metrics, now = Metrics(), OpenFiles(10, 100)
    monkeypatch.setattr(files, "LOOK_EVERY", 0.001)
    monkeypatch.setattr(files, "open_files", lambda: now)

    def shown() -> bool:
        value = metrics.registry.get_sample_value
        seen = value("nemo_watchdog_open_files"), value("nemo_watchdog_open_files_limit")
        return seen == (float(now.used), float(now.limit))

    with capture_logs() as said:
        async with running(files.watch(metrics)):
            for used in (10, 90, 95, 20):
                now = OpenFiles(used, 100)
                await until(shown)
    assert [(line["event"], line["log_level"], line["used"]) for line in said] == [
        ("file descriptors run short: looks will be blind", "error", 90),
        ("file descriptors suffice again", "info", 20),
    ]
