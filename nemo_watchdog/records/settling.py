"""What an action has left behind for its verdict, and how that ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nemo_watchdog.records.record import Record


@dataclass(frozen=True, slots=True)
class SettlingOwed(Record):
    """Written with the intent of an action that leaves something behind, such as the container that it replaces.

    `judged` is the id of the container as it was before; `timeout` in seconds bounds each order that ends it.
    """

    TYPE: ClassVar[str] = "settling_owed"
    incident: str
    action_id: str
    dependency: str
    action: str
    target_kind: str
    target: str
    judged: str
    timeout: float


@dataclass(frozen=True, slots=True)
class SettlingJudged(Record):
    """What was learned of the action: `made`, what it put there, and the `verdict`, empty while that is awaited."""

    TYPE: ClassVar[str] = "settling_judged"
    incident: str
    action_id: str
    dependency: str
    verdict: str
    made: str


@dataclass(frozen=True, slots=True)
class SettlingBegan(Record):
    """Written before the order `settling` that ends what is left, as its verdict says."""

    TYPE: ClassVar[str] = "settling_began"
    incident: str
    action_id: str
    dependency: str
    settling: str
    verdict: str


@dataclass(frozen=True, slots=True)
class SettlingEnded(Record):
    """`again_in` in seconds from this moment; None: it is over, and unless it succeeded a person is told."""

    TYPE: ClassVar[str] = "settling_ended"
    incident: str
    action_id: str
    dependency: str
    settling: str
    outcome: str
    detail: str
    again_in: float | None


@dataclass(frozen=True, slots=True)
class LeftOver(Record):
    """A person has been told that something of an action is left over, and how to end it."""

    TYPE: ClassVar[str] = "left_over"
    incident: str
    dependency: str
    to: str
    why: str
