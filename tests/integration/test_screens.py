"""What is shown in a real terminal: what matters is on the screen in each state, and docs/screens.md has just that."""

from __future__ import annotations

import pytest

from tests.screens import DOCS, SIZES, State, captures, page, states

STATES = states()


@pytest.fixture(scope="module")
def captured() -> dict[str, list[str]]:
    return {state.title: list(captures(state)) for state in STATES}


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.title)
def test_what_matters_is_on_the_screen(captured: dict[str, list[str]], state: State) -> None:
    """Of a small terminal and of a larger one."""
    for (columns, lines), screen in zip(SIZES, captured[state.title], strict=True):
        shown = screen.splitlines()
        assert len(shown) < lines
        assert max(map(len, shown)) <= columns
        words = " ".join(screen.split())
        assert [each for each in state.matters if each not in words] == []


def test_the_page_shows_what_the_command_shows(captured: dict[str, list[str]]) -> None:
    """`python -m tests.screens` writes it anew."""
    assert DOCS.read_text(encoding="utf-8") == page(captured)
