"""docs/example-report.md is what the report writes; `python -m tests.report_example` writes it anew."""

from __future__ import annotations

from nemo_watchdog.report.document import Heading
from nemo_watchdog.report.markdown import markdown
from tests.report_example import DOCS, document


def test_the_example_is_what_the_report_writes() -> None:
    assert DOCS.read_text(encoding="utf-8") == markdown(document())


def test_its_parts_are_those_of_a_post_mortem_in_their_order() -> None:
    """As the template of a runbook has them; the notes of people stand before what is to be done."""
    assert [block.text for block in document().blocks if isinstance(block, Heading)] == [
        *("Incident Summary", "Timeline", "Root Cause", "Resolution", "Notes", "Action Items"),
    ]
