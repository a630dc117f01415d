"""`suggestions`: for how long a proposal can be approved, and a rejection holds."""

from __future__ import annotations

import pytest

from nemo_watchdog.errors import PolicyError
from nemo_watchdog.policy.policy import Suggestions
from tests.unit.policy.fakes import parse
from tests.unit.policy.test_lint import policy


def asked(section: str) -> Suggestions:
    return parse(f"{policy()}suggestions: {section}\n").suggestions


def test_a_policy_that_says_nothing_has_the_defaults() -> None:
    """An hour for an answer, and an hour of peace after a no."""
    assert parse(policy()).suggestions == asked("{}") == Suggestions(3600.0, 3600.0)


def test_each_can_be_said() -> None:
    """In the words of the policy."""
    assert asked("{expire: 30m, reject_holds: 2d}") == Suggestions(1800.0, 172800.0)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("{expire: 59s}", "suggestions.expire: expected a duration from 1m to 1d, got `59s`"),
        ("{expire: 1h, reject_holds: 8d}", "suggestions.reject_holds: expected a duration from 1m to 7d, got `8d`"),
        ("{expires: 1h}", "suggestions.expires: unknown key: did you mean `expire`?"),
        ("1h", "suggestions: expected a mapping"),
    ],
)
def test_what_cannot_be_is_said(section: str, said: str) -> None:
    """With the place and what to write."""
    with pytest.raises(PolicyError) as error:
        asked(section)
    assert said in str(error.value)
