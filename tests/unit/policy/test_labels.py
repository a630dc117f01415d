"""The labels of a container: what they give, and what is said of one that gives nothing."""

from __future__ import annotations

from typing import Any

import pytest

from nemo_watchdog.policy.labels import Labelled, read_labels


def only_problem(**labels: str) -> str:
    """The one problem of labels, given without their prefix; what has one is not in the entry."""
    read = read_labels({f"nemo-watchdog.{key}": text for key, text in labels.items()})
    assert read.entry == {}
    assert read.name is None
    assert read.watch is None
    (problem,) = read.problems
    return str(problem)


def test_no_label_of_ours_says_nothing() -> None:
    """What belongs to others, or only begins alike, is none of ours."""
    others = {"com.docker.compose.service": "api", "nemo-watchdog-demo.platform": "x", "nemo-watchdog": "y"}
    assert read_labels(others) == Labelled()
    assert read_labels({**others, "nemo-watchdog.tags": "core"}).entry == {"tags": ["core"]}


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("probe", "http", "http"),
        ("url", "http://127.0.0.1:8000/health#x", "http://127.0.0.1:8000/health#x"),
        ("dsn", "${DB_DSN}", "${DB_DSN}"),
        ("dsn", "${DB_DSN:-postgresql://a@127.0.0.1/b}", "${DB_DSN:-postgresql://a@127.0.0.1/b}"),
        ("contains", "5$$", "5$$"),
        ("interval", "5s", "5s"),
        ("up_after", "2", 2),
        ("down_after", "3 of 5", "3 of 5"),
        ("flapping", "false", False),
        ("flapping", "'false'", "false"),
        ("remedy", "null", None),
        ("expect", "{status: 200, json: {status: ok}}", {"status": 200, "json": {"status": "ok"}}),
        ("busy_while", "[{lock: /run/backup.lock}]", [{"lock": "/run/backup.lock"}]),
        ("needs", "[postgres, {any: [redis-a, redis-b]}]", ["postgres", {"any": ["redis-a", "redis-b"]}]),
        ("needs", "postgres", ["postgres"]),
        ("needs", " postgres , redis ,", ["postgres", "redis"]),
        ("needs", "", []),
        ("needs", "{any: [a, b]}", {"any": ["a", "b"]}),
        ("tags", "core, 5", ["core", "5"]),
        ("tags", "on", ["on"]),
    ],
)
def test_a_value_is_read_as_the_policy_reads_it(key: str, text: str, value: Any) -> None:
    """As YAML, and a plain list of names besides."""
    read = read_labels({f"nemo-watchdog.{key}": text})
    assert read.entry == {key: value}
    assert read.problems == ()


def test_what_an_expansion_stands_in_is_plain_text() -> None:
    """Nothing of how the document was read is left in it."""
    read = read_labels({"nemo-watchdog.headers": "{Authorization: 'Bearer ${TOKEN}'}"})
    assert type(read.entry["headers"]["Authorization"]) is str


@pytest.mark.parametrize("name", ["api", "1e3", "on", " api ", "0"])
def test_the_name_is_text_as_it_stands(name: str) -> None:
    """A number is a good name."""
    assert read_labels({"nemo-watchdog.name": name}) == Labelled(name=name.strip())


@pytest.mark.parametrize(("text", "watch"), [("true", True), ("false", False), ("False", False)])
def test_whether_it_is_watched(text: str, watch: bool) -> None:
    assert read_labels({"nemo-watchdog.watch": text}) == Labelled(watch=watch)


@pytest.mark.parametrize("text", ["no", "0", "", "[", "'false'"])
def test_any_other_word_about_being_watched_is_a_problem(text: str) -> None:
    """It must not be guessed whether a person meant to leave something out."""
    assert only_problem(watch=text).startswith("label nemo-watchdog.watch: ")


def test_a_name_that_the_policy_would_not_take_is_a_problem() -> None:
    assert only_problem(name="My API") == (
        "label nemo-watchdog.name: a name is 1 to 63 of a-z, 0-9, `-` and `_`, and begins with a letter or digit"
    )


def test_its_container_is_the_one_that_carries_the_label() -> None:
    """No label can have another container restarted."""
    assert only_problem(container="another") == (
        "label nemo-watchdog.container: its container is the one that carries the label: leave this label out"
    )


def test_keys_within_keys_are_written_as_yaml() -> None:
    assert only_problem(**{"expect.status": "200"}) == (
        "label nemo-watchdog.expect.status: a label has no keys within keys: write nemo-watchdog.expect={status: ...}"
    )


@pytest.mark.parametrize("key", ["", "Probe", "slow-after", "1", "a b", ".x"])
def test_what_can_be_no_key_is_a_problem(key: str) -> None:
    assert "comes a key of a dependency" in only_problem(**{key: "x"})


@pytest.mark.parametrize("text", ["", " ", "# a comment", "\n# two\n # lines\n"])
def test_an_empty_value_is_a_problem(text: str) -> None:
    assert only_problem(url=text) == "label nemo-watchdog.url: it is empty: give it a value, or leave the label out"


@pytest.mark.parametrize(
    "text", ["[hunter2", "'hunter2", "&a hunter2", "!x hunter2", "{a: hunter2, a: b}", "--- hunter2\n--- x"]
)
def test_what_is_no_yaml_is_told_without_its_value(text: str) -> None:
    """A value may be a secret."""
    told = only_problem(headers=text)
    assert told.startswith("label nemo-watchdog.headers: ")
    assert "hunter2" not in told


def test_a_problem_with_one_label_takes_nothing_from_the_others() -> None:
    labels = {"nemo-watchdog.probe": "tcp", "nemo-watchdog.name": "a", "nemo-watchdog.url": "[", "x": "y"}
    read = read_labels(labels)
    assert (read.entry, read.name) == ({"probe": "tcp"}, "a")
    assert [problem.label for problem in read.problems] == ["nemo-watchdog.url"]
