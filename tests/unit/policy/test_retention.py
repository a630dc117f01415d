"""`retention`: what is kept for how long, within bounds that the rest of the program relies on."""

from __future__ import annotations

import pytest

from nemo_watchdog.engine.state import LONGEST_BUDGET_WINDOW
from nemo_watchdog.errors import PolicyError
from nemo_watchdog.policy.lint import lint
from nemo_watchdog.policy.policy import Policy, Retention
from nemo_watchdog.policy.retention import SHORTEST_RECORDS
from nemo_watchdog.policy.units import LONGEST_WINDOW
from tests.unit.policy.fakes import parse
from tests.unit.policy.test_lint import policy


def kept(section: str) -> Policy:
    return parse(f"{policy()}retention: {section}\n")


def test_a_policy_that_says_nothing_has_the_defaults() -> None:
    """Three months, one month, a gibibyte."""
    assert parse(policy()).retention == Retention(90 * 86400.0, 30 * 86400.0, 2**30)
    assert kept("{}").retention == Retention()


def test_each_can_be_said() -> None:
    """In the words of the policy."""
    wanted = Retention(31 * 86400.0, 43200.0, 2 * 10**9)
    assert kept("{records: 31d, evidence: 12h, evidence_size: 2GB}").retention == wanted
    assert kept("{records: 366d}").retention == Retention(records=366 * 86400.0)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("{records: 30d}", "retention.records: expected a duration from 31d to 366d, got `30d`"),
        ("{records: 90}", "retention.records: expected a duration such as `90s`, `5m` or `1h30m`"),
        ("{evidence: 59m}", "retention.evidence: expected a duration from 1h to 366d, got `59m`"),
        ("{evidence_size: 1MB}", "retention.evidence_size: expected a size from 1MiB to 1TiB, got `1MB`"),
        ("{evidence_size: 2TiB}", "retention.evidence_size: expected a size from 1MiB to 1TiB, got `2TiB`"),
        ("{evidense: 1d}", "retention.evidense: unknown key: did you mean `evidence`?"),
        ("90d", "retention: expected a mapping"),
    ],
)
def test_what_cannot_be_kept_is_refused(section: str, said: str) -> None:
    """With its place and with what would be right."""
    with pytest.raises(PolicyError) as caught:
        kept(section)
    assert said in str(caught.value)


def test_records_outlast_every_budget() -> None:
    """What was spent is counted by records that must be there."""
    assert SHORTEST_RECORDS >= LONGEST_BUDGET_WINDOW >= LONGEST_WINDOW


def test_evidence_that_outlives_its_incident_is_advised_against() -> None:
    """Nobody could say what it is of."""
    (advice,) = lint(kept("{records: 40d, evidence: 41d}"))
    assert str(advice) == "retention.evidence: evidence outlives the incident that it is of: `records` is 40d"
    assert lint(kept("{records: 40d, evidence: 40d}")) == []
