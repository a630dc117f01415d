"""What may be expected of an HTTP answer: statuses, headers, text, patterns, JSON conditions."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import Any

import pytest
from multidict import CIMultiDict

from nemo_watchdog.model import Finding, Reason
from nemo_watchdog.probes.http.client import BODY_LIMIT
from nemo_watchdog.probes.http.expect import Expectation, HttpExpect, JsonCondition


def problem(
    expect: Mapping[str, Any], body: bytes = b"", status: int = 200, headers: Mapping[str, str] | None = None
) -> Finding | None:
    return Expectation(HttpExpect.model_validate(expect)).problem(status, headers or {}, body)


@pytest.mark.parametrize(
    ("expected", "well", "ill", "words"),
    [
        (204, [204], [200], "expected 204"),
        ("204", [204], [200], "expected 204"),
        ("2xx", [200, 299], [300, 199], "expected 2xx"),
        ("200-204", [200, 204], [205], "expected 200 to 204"),
        (["2xx", 404], [201, 404], [403], "expected one of the policy's statuses"),
        ([200, "503"], [200, 503], [502], "expected 200 or 503"),
    ],
)
def test_statuses(expected: Any, well: list[int], ill: list[int], words: str) -> None:
    """A number, a class, a range, a list of those."""
    assert [problem({"status": expected}, status=status) for status in well] == [None] * len(well)
    for status in ill:
        finding = problem({"status": expected}, status=status)
        assert finding is not None
        assert words in finding.detail


@pytest.mark.parametrize(
    "expected", [42, 600, "6xx", "2x", "204-200", "200-", [], True, None, "ok", [[200]], {"a": 1}, 200.5]
)
def test_statuses_that_are_none_are_refused(expected: Any) -> None:
    """With what is wanted instead."""
    with pytest.raises(ValueError, match="expected a status"):
        HttpExpect.model_validate({"status": expected})


@pytest.mark.parametrize(
    ("expected", "detail"),
    [
        ({"content-type": "json"}, None),
        ({"Content-Type": "^application/json$"}, None),
        ({"Content-Type": "^text/"}, "header Content-Type does not match"),
        ({"X-Version": "."}, "header X-Version is missing"),
    ],
)
def test_headers(expected: Mapping[str, str], detail: str | None) -> None:
    """A pattern in the header's value, without the value in the finding."""
    finding = problem({"headers": expected}, headers=CIMultiDict({"Content-Type": "application/json"}))
    assert (finding is None) == (detail is None)
    if finding is not None and detail is not None:
        assert finding.reason is Reason.WRONG_ANSWER
        assert detail in finding.detail
        assert "application" not in finding.detail


@pytest.mark.parametrize(
    ("expect", "body", "detail"),
    [
        ({"not_contains": "maintenance"}, b"all well", None),
        ({"not_contains": "maintenance"}, b"down for maintenance", "must not contain"),
        ({"matches": r"^version: 2\.\d+$"}, b"a\nversion: 2.17\nb", None),
        ({"matches": r"^version: 2\.\d+$"}, b"version: 3.0", "no line of the body matches"),
        ({"matches": "x"}, b"\xff\xfe", "no line of the body matches"),
        ({"matches": "x"}, b"", "no line of the body matches"),
        ({"contains": "a", "not_contains": "b", "matches": "c"}, b"ac", None),
    ],
)
def test_text(expect: Mapping[str, str], body: bytes, detail: str | None) -> None:
    """Text that must be there, that must not, and a pattern in one line."""
    finding = problem(expect, body)
    assert (finding is None) == (detail is None)
    if finding is not None and detail is not None:
        assert finding.reason is Reason.WRONG_ANSWER
        assert detail in finding.detail


@pytest.mark.parametrize("pattern", ["a.*a.*z", "(a+)+z", "(a|a)*z", "^(.*a){20}z$"])
def test_no_pattern_takes_longer_than_its_text(pattern: str) -> None:
    """What would backtrack for years over the longest body takes a moment: the event loop waits for it."""
    began = monotonic()
    assert problem({"matches": pattern}, b"a" * BODY_LIMIT) is not None
    assert monotonic() - began < 1.0


BODY = b'{"queue": 7, "ratio": 0.5, "state": "ok", "flag": true, "none": null, "list": [1, 2]}'


@pytest.mark.parametrize(
    ("expected", "detail"),
    [
        ({"queue": {"max": 7}}, None),
        ({"queue": {"min": 7, "max": 7}}, None),
        ({"queue": {"max": 6.5}}, "queue is above 6.5"),
        ({"queue": {"min": 8}}, "queue is below 8"),
        ({"state": {"min": 1}}, "state is no number"),
        ({"flag": {"min": 0}}, "flag is no number"),
        ({"state": {"one_of": ["ok", "warming"]}}, None),
        ({"state": {"one_of": ["down"]}}, "state has none of the expected values"),
        ({"flag": {"one_of": [1]}}, "flag has none of the expected values"),
        ({"state": {"not": "failed"}}, None),
        ({"state": {"not": "ok"}}, "state has the value that it must not have"),
        ({"none": {"equals": None}}, None),
        ({"none": None}, None),
        ({"state": None}, "state has another value than expected"),
        ({"none": {"not": None}}, "none has the value that it must not have"),
        ({"list": {"equals": [1, 2]}}, None),
        ({"list": [1, 2]}, None),
        ({"list.1": {"min": 2}}, None),
        ({"error": {"exists": False}}, None),
        ({"state": {"exists": False}}, "state must not be there"),
        ({"state": {"exists": True}}, None),
        ({"error": {"exists": True}}, "error is missing"),
        ({"error": {"max": 3}}, "error is missing"),
    ],
)
def test_json_conditions(expected: Mapping[str, Any], detail: str | None) -> None:
    """A value, or conditions that all must hold."""
    finding = problem({"json": expected}, BODY)
    assert (None if finding is None else finding.detail) == (None if detail is None else f"the JSON key {detail}")


@pytest.mark.parametrize(
    "expect",
    [
        {"json": {"a": {"maximum": 3}}},
        {"json": {"a": {"max": "many"}}},
        {"matches": "("},
        {"matches": "a(?=b)"},
        {"headers": {"A": "["}},
    ],
)
def test_mistakes_are_refused(expect: Mapping[str, Any]) -> None:
    """A condition that does not exist must not become a comparison that never holds."""
    with pytest.raises(ValueError, match="validation error"):
        HttpExpect.model_validate(expect)


def test_the_schema_knows_every_condition() -> None:
    """Editors complete what the code accepts."""
    (_, condition) = HttpExpect.model_json_schema()["properties"]["json"]["additionalProperties"]["anyOf"]
    assert set(condition["properties"]) == {field.alias or name for name, field in JsonCondition.model_fields.items()}
