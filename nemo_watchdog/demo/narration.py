"""The daemon's log lines as sentences for somebody who watches the demo."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nemo_watchdog.durations import duration

COLOURS = {"up": "green", "down": "red", "starting": "cyan", "unknown": "magenta", "degraded": "yellow"}


def sentence(line: dict[str, Any]) -> str | None:
    """One line of the story in rich markup; None for what would only distract."""
    event = str(line.get("event"))
    return TELLERS[event](line) if event in TELLERS else None


def _health(line: dict[str, Any]) -> str:
    health = line.get("health", "")
    why = line.get("detail") or line.get("reason") or ""
    category = f" [dim]({line['category']})[/dim]" if line.get("category") else ""
    text = f"{line.get('dependency')} is [{COLOURS.get(health, 'white')}]{health}[/]"
    return f"{text}{': ' + why if why else ''}{category}"


def _opened(line: dict[str, Any]) -> str:
    rule = f"by the rule {line.get('rule')}"
    return f"[bold]incident[/bold] {line.get('severity')} opened, root {line.get('root')}, {rule}"


def _decision(line: dict[str, Any]) -> str | None:
    told_otherwise = line.get("verdict") in ("act", "escalate", "refuse")
    if told_otherwise or line.get("gate") in ("concurrency", "verification"):
        return None
    return f"{line.get('dependency')}: {line.get('verdict')} [dim]({line.get('gate')})[/dim] {line.get('value')}"


TELLERS: Mapping[str, Callable[[dict[str, Any]], str | None]] = {
    "health_changed": _health,
    "incident_opened": _opened,
    "incident_reopened": lambda line: f"[bold]incident[/bold] reopened: {line.get('dependency')} is ill again",
    "member_joined": lambda line: f"{line.get('dependency')} joins the incident: it fails because of the root",
    "root_changed": lambda line: f"the root turns out to be {line.get('root')}, not {line.get('previous')}",
    "decision_made": _decision,
    "action_intended": lambda line: (
        f"[bold yellow]{line.get('action')} {line.get('container')}[/bold yellow], attempt {line.get('attempt')}"
    ),
    "action_ended": lambda line: f"{line.get('action')} {line.get('outcome')}; now looking whether it helped",
    "attempt_failed": lambda line: f"that did not help: {line.get('why')}",
    "member_down": lambda line: f"{line.get('dependency')} had served meanwhile: this is a new trouble",
    "escalated": lambda line: f"[bold magenta]a person is told[/bold magenta]: {line.get('why')}; no more tries",
    "busy_too_long": lambda line: f"[bold magenta]a person is told[/bold magenta]: {line.get('why')}",
    "notification": lambda line: f"[bold magenta]{line.get('contact')} is told[/bold magenta]: {line.get('title')}",
    "touched": lambda line: f"{line.get('dependency')}: {line.get('what')}",
    "released": lambda line: f"{line.get('dependency')} runs again: no longer held",
    "incident_resolved": lambda line: (
        "[bold green]incident resolved[/bold green] after " + duration(line.get("seconds", 0))
    ),
}
