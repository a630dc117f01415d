"""docs/policy.md says what the code does."""

from __future__ import annotations

from pathlib import Path

from nemo_watchdog.model import BUSY_FOR, Category, Reason
from nemo_watchdog.reasons import busy_table

PAGE = (Path(__file__).parents[3] / "docs" / "policy.md").read_text(encoding="utf-8")


def test_every_kind_of_busy_has_a_bound() -> None:
    """None may last for ever, and nothing else is waited for."""
    assert set(BUSY_FOR) == {reason for reason in Reason if reason.category is Category.BUSY}
    assert all(60.0 <= longest <= 86400.0 for longest in BUSY_FOR.values())


def test_the_page_has_the_table_as_the_code_makes_it() -> None:
    """The table between the marks is exactly what busy_table() gives; paste it in when this fails."""
    assert PAGE.split("<!-- busy -->\n")[1].split("<!-- /busy -->")[0] == busy_table()
