"""What comes to the engine has no secret in it: of every event each text is looked at here, and nowhere later.

Behind this the words of the outside (what a server answered, what a container wrote last, what a job said) are in the
journal, in messages, in metrics, in the log and in every answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, TypeVar, cast

from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import ActionResult, ContainerStatus, Finding, LogLine

Text = Callable[[str], str]
T = TypeVar("T")
D = TypeVar("D", Finding, ContainerStatus, ActionResult, LogLine)


def clean(event: ev.Event, text: Text) -> ev.Event:
    """The same event where there is none; `text` takes the secrets out of one."""
    if isinstance(event, ev.Observed):
        return _observed(event, text)
    if isinstance(event, ev.ContainerSeen):
        return _container_seen(event, text)
    if isinstance(event, ev.ActionFinished):
        result = _with(event.result, "detail", text)
        return event if result is event.result else replace(event, result=result)
    return _said(event, text)


def clean_finding(finding: Finding, text: Text) -> Finding:
    """Its two texts."""
    return _with(_with(finding, "detail", text), "work", text)


def _observed(event: ev.Observed, text: Text) -> ev.Observed:
    found, signs = event.observation.finding, event.signs
    finding = clean_finding(found, text)
    if finding is not found:
        event = replace(event, observation=replace(event.observation, finding=finding))
    if signs.titles or signs.marks:
        event = replace(event, signs=ev.Signs(_or_none(signs.titles, text), _or_none(signs.marks, text)))
    return event


def _container_seen(event: ev.ContainerSeen, text: Text) -> ev.ContainerSeen:
    status = _with(event.status, "detail", text)
    words = event.last_words and tuple(_with(line, "text", text) for line in event.last_words)
    if status is event.status and not words:
        return event
    return replace(event, status=status, last_words=words)


def _said(event: ev.Event, text: Text) -> ev.Event:
    """Any other: what people and jobs said, and what is wrong with the disk."""
    said = {}
    for each in fields(event):
        before = getattr(event, each.name)
        if isinstance(before, str) and before and (after := text(before)) != before:
            said[each.name] = after
    return _replaced(event, **said) if said else event


def _with(has: D, name: str, text: Text) -> D:
    before = getattr(has, name)
    after = text(before) if before else before
    return has if after == before else _replaced(has, **{name: after})


def _replaced(has: T, **texts: str) -> T:
    changed: T = replace(cast("Any", has), **texts)
    return changed


def _or_none(said: str | None, text: Text) -> str | None:
    return text(said) if said else said
