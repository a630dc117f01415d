"""Quantities as people write them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError

from nemo_watchdog.policy.policy import Budget, Threshold
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.policy.units import (
    BudgetText,
    Duration,
    Ratio,
    SecretText,
    Size,
    ThresholdText,
    Whole,
    duration_within,
    number_within,
)


class Quantities(BaseModel):
    duration: Duration = 3.0
    ratio: Ratio = 0.5
    size: Size = 1024
    secret: SecretText = Secret("")
    whole: Whole = 1
    threshold: ThresholdText = Threshold(3, 3)
    budget: BudgetText = Budget(1, 60.0)


def read(name: str, value: object) -> object:
    return getattr(Quantities.model_validate({name: value}), name)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("5m", 300),
        ("1h30m", 5400),
        ("750ms", 0.75),
        ("1d", 86400),
        ("1.5s", 1.5),
        (0, 0),
        ("0", 0),
        ("366d", 366 * 86400),
    ],
)
def test_a_duration_is_seconds(text: object, seconds: float) -> None:
    """Durations with their units become seconds."""
    assert read("duration", text) == seconds


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("ratio", "97%", 0.97),
        ("ratio", 0.97, 0.97),
        ("ratio", "0.97", 0.97),
        ("ratio", 1, 1.0),
        ("ratio", "2.5 %", 0.025),
        ("size", "512MiB", 512 * 2**20),
        ("size", "2GB", 2 * 10**9),
        ("size", "1.5KiB", 1536),
        ("size", "100B", 100),
        ("size", 0, 0),
        ("whole", 7, 7),
        ("whole", "7", 7),
        ("threshold", 3, Threshold(3, 3)),
        ("threshold", "3", Threshold(3, 3)),
        ("threshold", "3 of 5", Threshold(3, 5)),
        ("threshold", "1 of 100", Threshold(1, 100)),
        ("budget", "5 per 1h", Budget(5, 3600.0)),
        ("budget", "10000 per 1s", Budget(10_000, 1.0)),
        ("budget", "1 per 31d", Budget(1, 31 * 86400.0)),
        ("secret", "x", Secret("x")),
        ("secret", Secret("x"), Secret("x")),
    ],
)
def test_a_quantity_is_in_base_units(name: str, text: object, value: object) -> None:
    """Ratios, sizes, counts, thresholds and budgets become plain numbers."""
    assert read(name, text) == value


NO_MEANING: dict[str, list[object]] = {
    "duration": [10, 1.5, True, False, None, "", "10", "5 m", "m5", "5m ", "-5m", "1y", "400d", "٣s", []],
    "ratio": [True, None, "", "97", 97, -0.1, "101%", "-1%", "a%", {}],
    "size": [True, None, 10, 1.5, "", "10", "10 mb", "10Kib", "-1MB", "MiB"],
    "whole": [True, None, 1.5, "1.5", "", "x"],
    "threshold": [True, 0, -1, 101, "0 of 3", "4 of 3", "3 of 101", "3 in 5", None, 2.5],
    "budget": [5, "5", "0 per 1h", "10001 per 1h", "5 per 1", "5 per 0s", "5 per 999ms", "5 per 32d", "x per 1h", None],
    "secret": [5, None, []],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in NO_MEANING.items() for value in values])
def test_what_has_no_clear_meaning_is_refused(name: str, value: object) -> None:
    """A bare number, a wrong unit or a value out of range is an error that says what is right, never a guess."""
    with pytest.raises(ValidationError) as caught:
        read(name, value)
    assert caught.value.errors()[0]["msg"].startswith("expected ")


@pytest.mark.parametrize("within", [duration_within, number_within])
def test_both_ends_of_a_range_are_in_it(within: Callable[[float, float], Callable[[float], float]]) -> None:
    """What people read as "from 1 to 2"."""
    check = within(1.0, 2.0)
    assert (check(1.0), check(2.0)) == (1.0, 2.0)
    for outside in (0.9, 2.1):
        with pytest.raises(PydanticCustomError, match=r"expected a .* from 1s? to 2s?"):
            check(outside)


def test_a_default_is_in_base_units() -> None:
    """Defaults of options models are not parsed."""
    default = Quantities()
    assert (default.duration, default.ratio, default.size, default.whole) == (3.0, 0.5, 1024, 1)
    assert (default.secret, default.threshold, default.budget) == (Secret(""), Threshold(3, 3), Budget(1, 60.0))


def test_a_secret_shows_nowhere() -> None:
    """Neither the model nor a validation error of it repeats a secret."""
    assert "hunter2" not in repr(Quantities(secret=Secret("hunter2")))
    with pytest.raises(ValidationError) as caught:
        Quantities.model_validate({"secret": 5})
    assert caught.value.errors()[0]["msg"] == "expected text: put it in quotes"
