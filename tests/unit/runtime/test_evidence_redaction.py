"""What is kept of a container: nothing of its secrets, and the rest as it was."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from nemo_watchdog.evidence import LONGEST_PART, Evidence, Missing, Part
from nemo_watchdog.redaction.redactor import Redactor
from nemo_watchdog.runtime.evidence_redaction import LONGEST_READ, redacted

AT = datetime(2026, 1, 5, 12, tzinfo=UTC)
CANARY = "tr0ub4dor-and-3"


def evidence(*parts: Part, missing: tuple[Missing, ...] = ()) -> Evidence:
    return Evidence("i1", "gateway", AT, 0.1, "opening", parts, missing)


def inspect(**environment: str) -> Part:
    env = [f"{name}={value}" for name, value in environment.items()]
    return Part("gateway.inspect.json", json.dumps({"Id": "abc", "Config": {"Env": env, "Image": "gateway:3"}}))


def test_a_secret_of_the_container_is_in_none_of_its_parts() -> None:
    """In the log it has no name: only the inspect tells that it is one."""
    log = Part("gateway.log", f"connecting with {CANARY}\nTraceback (most recent call last):")
    kept = redacted(evidence(log, inspect(DB_PASSWORD=CANARY, MODE="production")), Redactor())
    text = "\n".join(part.text for part in kept.parts)
    assert CANARY not in text
    assert "Traceback (most recent call last):" in text
    assert "MODE=production" in text
    assert json.loads(kept.parts[1].text)["Config"]["Image"] == "gateway:3"


def test_a_secret_of_the_policy_is_in_none_either() -> None:
    """Also not in the words of what is missing."""
    missing = (Missing("gateway.activity.txt", f"refused: {CANARY}"),)
    kept = redacted(evidence(Part("gateway.log", f"GET /?x={CANARY}"), missing=missing), Redactor((CANARY,)))
    assert CANARY not in kept.parts[0].text + kept.missing[0].why


def test_what_is_no_inspect_is_text() -> None:
    """A proxy may answer anything."""
    for answer in ("<html>", "[1, 2]", "{"):
        kept = redacted(evidence(Part("gateway.inspect.json", answer)), Redactor())
        assert kept.parts[0].text == answer


def test_of_what_is_too_long_the_end_is_kept_by_whole_lines() -> None:
    """And a secret at the cut is none of it."""
    lines = [f"line {number} {'x' * 90}" for number in range(4 * LONGEST_PART // 100)]
    kept = redacted(evidence(Part("gateway.log", "\n".join(lines))), Redactor()).parts[0]
    assert kept.cut
    assert len(kept.text) <= LONGEST_PART
    assert kept.text.split("\n") == lines[-len(kept.text.split("\n")) :]
    secret = "A" * 30 + CANARY
    where = "y" * 10 + secret + "z" * (LONGEST_PART - 20)
    assert secret[5:] not in redacted(evidence(Part("gateway.log", where)), Redactor((secret,))).parts[0].text


def test_a_line_without_an_end_is_cut_all_the_same() -> None:
    """Nothing is read without a bound."""
    kept = redacted(evidence(Part("gateway.log", "x" * (LONGEST_READ + 10))), Redactor()).parts[0]
    assert (kept.cut, len(kept.text)) == (True, LONGEST_PART)
