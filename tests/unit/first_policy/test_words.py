"""Values as YAML, and a file that takes nobody's place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from nemo_watchdog.first_policy.writing import write_new
from nemo_watchdog.first_policy.yaml_words import comment, written
from nemo_watchdog.policy.document import read_document

# The policy's reader has a few letters of its own for what hides in an expansion.
LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters=[chr(0xE000 + number) for number in range(5)])
TEXTS = st.one_of(
    st.text(LETTERS, max_size=20),
    st.sampled_from(["1e3", "on", "no", "y", "null", "~", "0x10", "1:30", "1_000", ".5", "", " a", "a ", "a: b", "a #b",
                     "#a", "- a", "http://x/#y", "${X:-a b}", "'", '"', "\\", "2001-01-01", "=", "<<", "*a", "&a", "!a",
                     "[", "{", "a,b", "a: ", ":", "%", "@", "`"]),
)  # fmt: skip
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**14), 10**14), TEXTS.filter(lambda text: "$$" not in text)),
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(TEXTS, below, max_size=3)),
    max_leaves=6,
)


@given(VALUES)
def test_what_is_written_is_read_as_it_was(value: Any) -> None:
    """By the policy's reader, and by the one that others have."""
    text = f"key: {written(value)}\n"
    document = read_document(text, None)
    assert document.issues == []
    assert document.value == {"key": value}
    assert yaml.safe_load(text) == {"key": value}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("api", "api"),
        ("1e3", '"1e3"'),
        ("on", '"on"'),
        ("http://127.0.0.1:8000/health", "http://127.0.0.1:8000/health"),
        ("http://x/#y", "http://x/#y"),
        ("10s", "10s"),
        (["a", "b-1"], "[a, b-1]"),
        ({"status": 200, "json": {"status": "ok"}}, "{status: 200, json: {status: ok}}"),
        (["${ONCALL_URL:-}"], '["${ONCALL_URL:-}"]'),
        (0.5, "0.5"),
        (2.0, "2.0"),
    ],
)
def test_no_more_quotes_than_it_takes(value: Any, text: str) -> None:
    assert written(value) == text


def test_a_comment_is_one_line() -> None:
    assert comment("a\nb: c\x00 \ud800") == "a b: c? ?"


def test_a_new_file_is_for_the_service_to_read(tmp_path: Path) -> None:
    write_new(tmp_path / "p.yaml", "text")
    assert (tmp_path / "p.yaml").read_text() == "text"
    assert (tmp_path / "p.yaml").stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [tmp_path / "p.yaml"]


@pytest.mark.parametrize("instead_of", [None, "another"])
def test_what_is_there_by_now_stays(tmp_path: Path, instead_of: str | None) -> None:
    (tmp_path / "p.yaml").write_text("mine")
    with pytest.raises(FileExistsError):
        write_new(tmp_path / "p.yaml", "text", instead_of)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_the_example_makes_room(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("example")
    write_new(tmp_path / "p.yaml", "text", "example")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["text"]
