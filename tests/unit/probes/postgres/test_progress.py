"""What Postgres says of work in progress: which views each version has, and the words for people."""

from __future__ import annotations

import pytest

from nemo_watchdog.probes.postgres.progress import column, in_words
from nemo_watchdog.probes.postgres.readings import Limits, judge
from tests.unit.probes.postgres.test_readings import ROW

CLUSTER, INDEX, BACKUP, COPY = "cluster", "create_index", "basebackup", "copy"


@pytest.mark.parametrize(
    ("version", "views"),
    [(11, []), (12, [CLUSTER, INDEX]), (13, [CLUSTER, INDEX, BACKUP]), (17, [CLUSTER, INDEX, BACKUP, COPY])],
)
def test_a_server_is_asked_for_the_views_that_it_has(version: int, views: list[str]) -> None:
    """One that it lacks would fail the whole query, and with it every reading."""
    asked = column(version)
    assert [view for view in (CLUSTER, INDEX, BACKUP, COPY) if f"pg_stat_progress_{view}" in asked] == views


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (None, ""),
        ([], ""),
        (["COPY TO in shop"], "COPY TO in shop"),
        (["b", "a"], "a, b"),
        (["COPY TO in a\nb"], "COPY TO in a b"),
        ([f"COPY FROM in {name}" for name in "edcba"], "COPY FROM in a, COPY FROM in b, COPY FROM in c and 2 more"),
    ],
)
def test_it_is_one_line(said: list[str] | None, words: str) -> None:
    """However many there are, and whatever a database is called."""
    assert in_words(said) == words


def test_it_stands_in_the_finding_whatever_that_is() -> None:
    row = {**ROW, "work": ["CREATE INDEX in shop"]}
    assert judge(row, "any", Limits(), None).work == "CREATE INDEX in shop"
    assert judge(row, "standby", Limits(), None).work == "CREATE INDEX in shop"
