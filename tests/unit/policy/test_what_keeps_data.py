"""What a dependency has that says nothing: by whether it keeps data; and what it says goes first."""

from __future__ import annotations

import pytest

from nemo_watchdog.model import OnCleanExit, WhenUnsure
from nemo_watchdog.policy.compiler import DATA_OVERLOAD_GRACE
from nemo_watchdog.policy.policy import Dependency
from tests.unit.policy.fakes import parse

PLAIN = Dependency("", "", None).overload_grace


def compiled(keys: str, defaults: str = "") -> Dependency:
    return parse(f"version: 1\ndefaults: {{{defaults}}}\ndependencies: {{it: {{{keys}}}}}\n").dependencies["it"]


@pytest.mark.parametrize(
    ("keys", "on_clean_exit", "overload_grace"),
    [
        ("probe: host", OnCleanExit.START, PLAIN),
        ("probe: host, tags: [core]", OnCleanExit.START, PLAIN),
        ("probe: host, tags: [core, data]", OnCleanExit.HOLD, DATA_OVERLOAD_GRACE),
        ("probe: redis, url: 'redis://a'", OnCleanExit.HOLD, DATA_OVERLOAD_GRACE),
        ("probe: postgres, dsn: 'postgresql://a'", OnCleanExit.HOLD, DATA_OVERLOAD_GRACE),
        ("probe: redis, url: 'redis://a', on_clean_exit: start, overload_grace: 1s", OnCleanExit.START, 1.0),
        ("probe: redis, url: 'redis://a', overload_grace: 0s", OnCleanExit.HOLD, 0.0),
        ("probe: host, on_clean_exit: hold", OnCleanExit.HOLD, PLAIN),
    ],
)
def test_what_keeps_data_is_held_after_a_clean_exit_and_may_be_overloaded_for_longer(
    keys: str, on_clean_exit: OnCleanExit, overload_grace: float
) -> None:
    """A database, or what carries the tag `data`: a start at the wrong moment can cost what it keeps."""
    it = compiled(keys)
    assert (it.on_clean_exit, it.overload_grace) == (on_clean_exit, overload_grace)


@pytest.mark.parametrize(
    ("keys", "keeps"),
    [
        ("probe: host", False),
        ("probe: host, tags: [core]", False),
        ("probe: host, tags: [data]", True),
        ("probe: redis, url: 'redis://a', on_clean_exit: start", True),
        ("probe: postgres, dsn: 'postgresql://a'", True),
    ],
)
def test_the_engine_knows_what_keeps_data(keys: str, keeps: bool) -> None:
    """Whatever its other keys are: it goes back to no image of another version."""
    assert compiled(keys).keeps_data is keeps


@pytest.mark.parametrize(
    ("own", "defaults", "busy_for", "when_unsure"),
    [
        ("", "", None, WhenUnsure.HOLD),
        ("", "busy_for: 1h, when_unsure: restart", 3600.0, WhenUnsure.RESTART),
        (", busy_for: 2h, when_unsure: hold", "busy_for: 1h, when_unsure: restart", 7200.0, WhenUnsure.HOLD),
        (", busy_for: 2h, when_unsure: restart", "", 7200.0, WhenUnsure.RESTART),
    ],
)
def test_its_own_word_goes_before_that_of_all(
    own: str, defaults: str, busy_for: float | None, when_unsure: WhenUnsure
) -> None:
    """How long it may be busy, and what becomes of an end that nobody can explain."""
    it = compiled(f"probe: host{own}", defaults)
    assert (it.busy_for, it.when_unsure) == (busy_for, when_unsure)
