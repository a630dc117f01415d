"""docs/probes.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nemo_watchdog.model import Category, Reason
from nemo_watchdog.probes import PROBES
from nemo_watchdog.probes.http.expect import HttpExpect
from nemo_watchdog.reasons import reasons_table

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "probes.md").read_text(encoding="utf-8")
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in (DOCS / "probes").glob("*.md")}


def test_every_reason_has_a_category_and_a_meaning() -> None:
    """No reason is without its category or its words."""
    assert all(isinstance(reason.category, Category) and reason.meaning.endswith(".") for reason in Reason)


def test_the_page_has_the_table_of_reasons_as_the_code_makes_it() -> None:
    """The table between the marks is exactly what reasons_table() gives; paste it in when this fails."""
    between = PAGE.split("<!-- reasons -->\n")[1].split("<!-- /reasons -->")[0]
    assert between == reasons_table()


def test_every_probe_has_a_page_that_the_index_names() -> None:
    """One page a probe, and no page for what is not there."""
    assert set(PAGES) == set(PROBES) == set(re.findall(r"^\| \[([a-z]+)\]\(probes/\1\.md\)", PAGE, flags=re.MULTILINE))


@pytest.mark.parametrize("kind", PROBES)
def test_a_page_lists_exactly_the_options_of_each_probe(kind: str) -> None:
    """Each probe's page lists each of its options and no other."""
    table = PAGES[kind].split("| option | default | meaning |")[1].split("\n\n")[0]
    listed = set(re.findall(r"^\| `([a-z_.]+)` \|", table, flags=re.MULTILINE))
    fields = set(PROBES[kind].options.model_fields)
    if kind == "http":
        parts = {f"expect.{field.alias or name}" for name, field in HttpExpect.model_fields.items()}
        fields = fields - {"expect"} | parts
    assert listed == fields


def test_every_reason_that_a_page_names_exists() -> None:
    """The mapping tables of servers' answers name reasons of the vocabulary."""
    pages = "\n".join(PAGES.values())
    named = re.findall(r"^\| [^|`]*(?:\d|[A-Z])[^|]* \| `([a-z_]+)`[^|]* \|$", pages, flags=re.MULTILINE)
    assert {"starting", "loading", "disk_full"} <= set(named) <= set(Reason)
