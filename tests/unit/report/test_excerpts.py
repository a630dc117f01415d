"""What of the evidence speaks: the last traceback and the last loud lines, blockers, and a peak beside its limit."""

from __future__ import annotations

import time

import pytest

from nemo_watchdog.report.excerpts import LONGEST_LINE, MOST_LINES, blockers, last_words, usage
from nemo_watchdog.report.words import LONGEST

TRACE = ["Traceback (most recent call last):", '  File "a.py", line 1, in f', "    f()", "ValueError: no"]


def test_the_last_traceback_with_its_error_and_nothing_after_it() -> None:
    log = ["Traceback (most recent call last):", "  old", "OldError", *TRACE, "INFO going on"]
    assert last_words("\n".join(log)) == tuple(TRACE)


def test_stamps_before_each_line_hide_no_traceback() -> None:
    stamped = [f"2026-11-23T03:11:52.114Z {each}" for each in TRACE]
    assert last_words("\n".join([*stamped, "2026-11-23T03:11:53Z going on"])) == tuple(stamped)


def test_the_last_loud_lines_where_there_is_no_traceback() -> None:
    log = "\n".join([*(f"ERROR {n}" for n in range(5)), "info", "FATAL it ends"])
    assert last_words(log) == ("ERROR 3", "ERROR 4", "…", "FATAL it ends")


def test_loud_lines_beside_a_traceback() -> None:
    """A gap between them is shown."""
    assert last_words("\n".join(["ERROR before", "info", *TRACE, "FATAL after"])) == (
        "ERROR before",
        "…",
        *TRACE,
        "FATAL after",
    )


def test_a_deep_traceback_keeps_its_ends() -> None:
    deep = [TRACE[0], *(f"  frame {n}" for n in range(200)), "RecursionError: too deep"]
    found = last_words("\n".join(deep))
    assert len(found) <= MOST_LINES
    assert (found[0], found[1], found[-1]) == (TRACE[0], "…", "RecursionError: too deep")


def test_a_traceback_that_is_cut_off_is_shown_as_far_as_it_goes() -> None:
    assert last_words("\n".join(TRACE[:2])) == tuple(TRACE[:2])


@pytest.mark.parametrize("log", ["", "INFO all is well\nno error here", "\n\n"])
def test_a_log_that_says_nothing_is_not_quoted(log: str) -> None:
    assert last_words(log) == ()


def test_a_long_line_is_cut() -> None:
    (found,) = last_words(f"ERROR {'x' * 2 * LONGEST_LINE}")
    assert len(found) == LONGEST
    assert found.endswith("…")


def test_who_blocks_whom() -> None:
    assert blockers("pid 1 active\npid 2 blocks 3, 4\nblocked_by: 2\nunblockable\n") == (
        "pid 2 blocks 3, 4",
        "blocked_by: 2",
    )


def test_a_peak_counts_beside_its_limit_only() -> None:
    assert usage("cpu 1\nmemory: limit 2 GiB, peak 2 GiB") == "memory: limit 2 GiB, peak 2 GiB"
    assert usage("memory: peak 2 GiB, no bound") == ""


@pytest.mark.parametrize("read", [last_words, blockers, usage])
def test_a_part_as_large_as_there_may_be_is_read_at_once(read: object) -> None:
    """Whatever a program writes to be slow to read."""
    assert callable(read)
    begun = time.process_time()
    for hostile in (
        "peak " * 51_200,
        "ERROR\n" * 40_000,
        "Traceback (most recent call last)\n " * 7_000,
        "2026-01-01T" * 20_000,
    ):
        read(hostile)
    assert time.process_time() - begun < 5.0
