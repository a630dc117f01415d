"""No text of an event brings a secret to the engine, and what has none is the same event."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import (
    ActionOutcome,
    ActionRequest,
    ActionResult,
    ContainerStatus,
    Finding,
    LogLine,
    Moment,
    Observation,
    Outcome,
    Reason,
    RunState,
    Target,
    failed,
)
from nemo_watchdog.policy.policy import Policy
from nemo_watchdog.redaction.redactor import Redactor
from nemo_watchdog.runtime.clean import clean
from tests.unit.runtime.shell import Shell

NOW = Moment(1.0, datetime(2026, 11, 27, tzinfo=UTC))
REQUEST = ActionRequest("a", "i", "d", "docker.restart", Target("container", "c"))


def observed(detail: str = "", work: str = "", signs: ev.Signs | None = None) -> ev.Observed:
    finding = Finding(Outcome.FAILED, Reason.TIMEOUT, detail, work=work)
    return ev.Observed("d", Observation(finding, 0.1, NOW), signs=signs or ev.Signs())


def with_text(text: str) -> list[ev.Event]:
    """One event for each text that any of them may have."""
    status = ContainerStatus(RunState.UNREACHABLE, detail=text)
    return [
        observed(detail=text),
        observed(work=text),
        observed(signs=ev.Signs(titles=text)),
        observed(signs=ev.Signs(marks=text)),
        ev.ContainerSeen("c", status),
        ev.ContainerSeen("c", ContainerStatus(RunState.EXITED), None, (LogLine(NOW.utc, text), LogLine(NOW.utc, "x"))),
        ev.ActionFinished(REQUEST, ActionResult(ActionOutcome.FAILED, text)),
        ev.HeartbeatCame("d", well=False, said=text),
        ev.PauseAsked("d", text, "me"),
        ev.RetryAsked("d", text, "me"),
        ev.JournalChanged(text),
        ev.JournalAccepted("because", "me", text),
        ev.Witnessed("d", text),
    ]


@pytest.mark.parametrize("event", with_text("login with canary-1 refused"), ids=lambda event: type(event).__name__)
def test_no_text_of_an_event_keeps_a_secret(event: ev.Event) -> None:
    """The rest of it stays."""
    cleaned = clean(event, Redactor(["canary-1"]).text)
    assert type(cleaned) is type(event)
    assert "canary-1" not in repr(cleaned)
    assert "login with [redacted] refused" in repr(cleaned)


@pytest.mark.parametrize("event", with_text("login refused"), ids=lambda event: type(event).__name__)
def test_an_event_without_a_secret_is_as_it_was(event: ev.Event) -> None:
    """It costs nothing but the search."""
    assert clean(event, Redactor(["canary-1"]).text) == event


@pytest.mark.parametrize(
    "event", [ev.Tick(), ev.Started(), ev.ContainerSeen("c", ContainerStatus(RunState.RUNNING), None, None)]
)
def test_what_has_no_text_is_the_same_event(event: ev.Event) -> None:
    """Also where Docker did not tell the last words."""
    assert clean(event, Redactor().text) is event


def test_a_reload_brings_what_knows_the_new_secrets() -> None:
    """It comes with the policy, and no one else must think of it."""
    shell = Shell()

    def seen() -> str:
        shell.observe(finding=failed(Reason.TIMEOUT, "canary-1 and canary-2"))
        last = shell.core.engine.trackers["gateway"].last
        assert last is not None
        return last.finding.detail

    def knowing(secret: str) -> Policy:
        return replace(shell.policy, redactor=Redactor([secret]))

    shell.core.tell(ev.PolicyChanged(knowing("canary-1")))
    assert seen() == "[redacted] and canary-2"
    shell.core.tell(ev.PolicyChanged(knowing("canary-2")))
    assert seen() == "canary-1 and [redacted]"
