"""docs/actions.md and its pages say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nemo_watchdog.actions.catalog import ACTIONS, actions_table
from nemo_watchdog.model import ActionOutcome

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "actions.md").read_text(encoding="utf-8")
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in (DOCS / "actions").glob("*.md")}


def test_the_page_has_the_table_of_actions_as_the_code_makes_it() -> None:
    """The table between the marks is exactly what actions_table() gives; paste it in when this fails."""
    between = PAGE.split("<!-- actions -->\n")[1].split("<!-- /actions -->")[0]
    assert between == actions_table(ACTIONS)


def test_every_action_has_a_page() -> None:
    """One page an action, and no page for what is not there."""
    assert set(PAGES) == set(ACTIONS)


@pytest.mark.parametrize("name", ACTIONS)
def test_a_page_lists_exactly_the_options_of_each_action(name: str) -> None:
    """Each action's page lists each of its options and no other, says what it must not do and what harm it can do."""
    page = PAGES[name]
    table = page.split("| option | default | meaning |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `([a-z_.]+)` \|", table, flags=re.MULTILINE)) == set(ACTIONS[name].options.model_fields)
    assert "## What it does not do" in page
    assert "## The harm that it can do" in page


def test_every_outcome_has_its_row() -> None:
    """In the order in which the code has them, and on each page only outcomes that there are."""
    rows = re.findall(r"^\| `([a-z_]+)` \|", PAGE.split("## Outcomes")[1], flags=re.MULTILINE)
    assert set(rows) == set(ActionOutcome)
    for page in PAGES.values():
        named = re.findall(r"^\| [^|]+ \| `([a-z_]+)`", page.split("## Outcomes")[1].split("##")[0], flags=re.MULTILINE)
        assert set(named) <= set(ActionOutcome)
        assert "succeeded" in named
