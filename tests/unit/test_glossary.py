"""The glossary says each word once, and leaves out no gate."""

from __future__ import annotations

from pathlib import Path

from nemo_watchdog.engine.gates.order import GATES

GLOSSARY = Path(__file__).parents[2] / "docs/glossary.md"


def meanings() -> list[tuple[str, str]]:
    rows = [line.split("|")[1:3] for line in GLOSSARY.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    return [(word.strip(), meaning.strip()) for word, meaning in rows]


def test_no_word_stands_twice() -> None:
    words = [word for word, _ in meanings() if word != "---"]
    assert "incident" in words
    assert [word for word in words if words.count(word) > 1] == []


def test_every_gate_is_named_in_the_order_in_which_they_answer() -> None:
    told = dict(meanings())["gate"].partition(": ")[2].split(", ")
    assert told == [gate.__name__.replace("_", " ") for gate in GATES]
