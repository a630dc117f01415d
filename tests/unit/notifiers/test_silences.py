"""What a silence of Alertmanager mutes is what it mutes there."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nemo_watchdog.notifiers.silences import CannotBeRead, SilenceElsewhere, read

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
LABELS = {
    "alertname": "NemoWatchdogIncident",
    "incident": "20260105-115900-gateway",
    "dependency": "gateway",
    "severity": "SEV2",
    "rule": "gateway-down",
}


def silence(*matchers: dict[str, Any], **more: Any) -> dict[str, Any]:
    """As Alertmanager 0.25 answers one."""
    return {
        "id": "8c1f0c6e-1d3b-4b57-9d0e-6f0b7f6f4b1e",
        "status": {"state": "active"},
        "updatedAt": "2026-01-05T11:00:00.000Z",
        "comment": "moving racks",
        "createdBy": "alice",
        "startsAt": "2026-01-05T11:00:00.000Z",
        "endsAt": "2026-01-05T14:00:00.000+01:00",
        "matchers": list(matchers),
        **more,
    }


def matcher(name: str, value: str, *, regex: bool = False, equal: bool = True) -> dict[str, Any]:
    return {"name": name, "value": value, "isRegex": regex, "isEqual": equal}


def only(made: dict[str, Any]) -> SilenceElsewhere:
    (found,) = read(json.dumps([made]).encode())
    return found


@pytest.mark.parametrize(
    ("matchers", "mutes"),
    [
        ([matcher("dependency", "gateway")], True),
        ([matcher("dependency", "redis")], False),
        ([matcher("dependency", "gate")], False),
        ([matcher("dependency", "gate", regex=True)], False),
        ([matcher("dependency", "gate.*|redis", regex=True)], True),
        ([matcher("severity", "SEV1", equal=False)], True),
        ([matcher("severity", "SEV[12]", regex=True, equal=False)], False),
        ([matcher("incident", LABELS["incident"])], True),
        ([matcher("rule", "gateway-down"), matcher("severity", "SEV3")], False),
        ([matcher("rule", "gateway-down"), matcher("severity", "SEV2")], True),
        ([matcher("team", "")], True),
        ([matcher("team", ".+", regex=True)], False),
        ([matcher("team", "db", equal=False)], True),
        ([{"name": "dependency", "value": "gateway", "isRegex": False}], True),
    ],
)
def test_every_matcher_must_match(matchers: list[dict[str, Any]], mutes: bool) -> None:
    """The whole of a label, which is empty where an alert has none; without `isEqual`, as older ones answer, equal."""
    assert only(silence(*matchers)).mutes(LABELS) is mutes


def test_it_mutes_from_its_start_to_its_end() -> None:
    """Also one that waits for its start when it is read."""
    found = only(silence(matcher("dependency", "gateway"), status={"state": "pending"}))
    moments = (found.starts - timedelta(seconds=1), found.starts, found.ends - timedelta(seconds=1), found.ends)
    assert [found.holds(at) for at in moments] == [False, True, True, False]
    assert found.ends == datetime(2026, 1, 5, 13, 0, tzinfo=UTC)


def test_one_that_is_over_mutes_nothing() -> None:
    """Alertmanager answers those as well, for days."""
    assert read(json.dumps([silence(matcher("dependency", "gateway"), status={"state": "expired"})]).encode()) == []


def test_who_wants_it_and_why_is_data() -> None:
    """Somebody wrote it: it is no command to a terminal, and not longer than a message."""
    found = only(silence(matcher("a", "b"), createdBy="al\x1b[2Jice", comment="x\n" * 1000))
    assert "\x1b" not in found.by
    assert "\n" not in found.reason
    assert len(found.reason) == 500


def test_a_pattern_that_would_never_end_elsewhere_ends_here() -> None:
    """RE2 takes time by the length of the text alone."""
    found = only(silence(matcher("dependency", "(a+)+b", regex=True)))
    assert not found.mutes({"dependency": "a" * 10_000})


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "what answers is no Alertmanager: the answer: "),
        (b"<html>", "what answers is no Alertmanager: the answer: "),
        (b"{}", "what answers is no Alertmanager: the answer: "),
        (json.dumps([{"id": "x"}]).encode(), "no Alertmanager: 0.matchers: Field required"),
        (json.dumps([silence()]).encode(), "no Alertmanager: 0.matchers: "),
        (json.dumps([silence(matcher("a", "b"), startsAt="2026-01-05T11:00:00")]).encode(), "0.startsAt: "),
        (json.dumps([silence(matcher("a\x1b", "(", regex=True))]).encode(), "is no regular expression: "),
        (b"[" * 100_000, "what answers is no Alertmanager: the answer: "),
    ],
)
def test_what_is_no_silence_is_said(answer: bytes, why: str) -> None:
    """And mutes nothing: all of the answer is refused."""
    with pytest.raises(CannotBeRead, match=r"^[^\x00-\x1f]+$") as refused:
        read(answer)
    assert why in str(refused.value)
