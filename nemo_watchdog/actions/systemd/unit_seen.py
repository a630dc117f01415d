"""A unit as systemd shows it, and why it must not be acted on. Pure.

Source: org.freedesktop.systemd1(5), the properties of Unit and Service objects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from nemo_watchdog.errors import in_one_line


class Verb(StrEnum):
    RESTART = "restart"
    START = "start"
    RELOAD = "reload"


_STOPPED_WHILE_IT_RAN = frozenset({"exit-code", "signal", "core-dump", "timeout"})
"""Results of a service that somebody's stop can end with as well as a fault."""

_DRAWN_IN = ("Requires", "Requisite", "BindsTo", "PartOf", "StopPropagatedFrom")
"""systemd.unit(5): what of these is stopped or restarted takes the unit with it."""


@dataclass(frozen=True, slots=True)
class UnitSeen:
    """What `GetAll` gave, of the Unit interface and of the one of its kind. What is missing reads as empty."""

    general: Mapping[str, Any]
    special: Mapping[str, Any]

    def text(self, name: str) -> str:
        value = self.special.get(name, self.general.get(name))
        return in_one_line(value) if isinstance(value, str) else ""

    def number(self, name: str) -> int:
        value = self.special.get(name, self.general.get(name))
        return value if isinstance(value, int) else 0

    def names(self, name: str) -> frozenset[str]:
        value = self.general.get(name)
        return frozenset(value) if isinstance(value, list) else frozenset()

    @property
    def state(self) -> str:
        return f"{self.text('ActiveState')} ({self.text('SubState')})"

    @property
    def has_job(self) -> bool:
        """`Job` is an id and a path; the id is 0 where there is none."""
        job = self.general.get("Job")
        return isinstance(job, Sequence) and bool(job) and job[0] != 0

    @property
    def drawn_in_by(self) -> frozenset[str]:
        """The units that take this one with them when they are stopped or restarted."""
        return frozenset().union(*map(self.names, _DRAWN_IN))

    @property
    def fights(self) -> frozenset[str]:
        """The units whose start stops this one."""
        return self.names("Conflicts") | self.names("ConflictedBy")

    @property
    def stopped_in_order(self) -> bool:
        """Whether its last run ended by a stop, of a person, of another unit or of the machine.

        A stop leaves it `inactive`, or `failed` where its process did not end as a good service does: that ended after
        the unit had left `active`, and the process of one that crashed before.
        """
        if self.text("ActiveState") == "inactive":
            return True
        if self.text("Result") not in _STOPPED_WHILE_IT_RAN:
            return False
        began, was_up = self.number("InactiveExitTimestampMonotonic"), self.number("ActiveEnterTimestampMonotonic")
        left, ended = self.number("ActiveExitTimestampMonotonic"), self.number("ExecMainExitTimestampMonotonic")
        return 0 < began <= was_up <= left < ended

    def holds(self, other: UnitSeen) -> bool:
        """Whether the processes of the other are this one's as well."""
        mine, others = self.text("ControlGroup"), other.text("ControlGroup")
        return len(mine) > 1 and f"{others}/".startswith(f"{mine}/")


def why_not(verb: Verb, name: str, unit: UnitSeen, *, when_stopped: str = "leave") -> str:
    """Why the order is not given to the unit of that name as it is; empty where it may be."""
    return (
        _not_usable(name, unit)
        or _somebody_is_at_it(name, unit)
        or _PRECONDITIONS[verb](name, unit, when_stopped)
        or _not_by_hand(verb, name, unit)
    )


def _not_usable(name: str, unit: UnitSeen) -> str:
    loaded, called = unit.text("LoadState"), unit.text("Id")
    if loaded == "masked":
        return f"{name} is masked: somebody has decided that it must not run (systemctl unmask {name})"
    if loaded == "not-found":
        return f"systemd knows no unit {name}"
    if loaded != "loaded":
        return f"systemd cannot use {name}, which is {loaded or 'in no state that it tells'} (systemctl status {name})"
    if called != name:
        return f"{name} is another name of {called}: give that one as `unit`"
    return ""


def _somebody_is_at_it(name: str, unit: UnitSeen) -> str:
    if unit.has_job:
        return f"systemd has a job for {name} already: somebody is at it, or an order of before goes on"
    if unit.text("FreezerState") not in {"", "running"}:
        return f"{name} is {unit.text('FreezerState')}: somebody has frozen it (systemctl thaw {name})"
    if unit.text("SubState").startswith("auto-restart"):
        return f"{name} is {unit.state}: systemd restarts it by itself"
    if unit.text("ActiveState") not in {"active", "inactive", "failed"}:
        return f"{name} is {unit.state}: something is under way"
    return ""


def _may_restart(name: str, unit: UnitSeen, _when_stopped: str) -> str:
    if unit.text("ActiveState") == "active" or not unit.stopped_in_order:
        return ""
    return f"{name} is {unit.state} and was stopped in order, perhaps by a person: a restart would undo that"


def _may_start(name: str, unit: UnitSeen, when_stopped: str) -> str:
    if unit.text("ActiveState") == "active":
        return f"{name} runs: it is {unit.state}"
    if unit.stopped_in_order and when_stopped == "leave":
        stopped = f"{name} is {unit.state} and was stopped in order, perhaps by a person, or was never started"
        return f"{stopped}: `when_stopped: start` starts it all the same"
    return ""


def _may_reload(name: str, unit: UnitSeen, _when_stopped: str) -> str:
    if unit.text("ActiveState") != "active":
        return f"{name} does not run: it is {unit.state}"
    if not unit.general.get("CanReload"):
        return f"{name} has no way to be reloaded (ExecReload= or Type=notify-reload)"
    return ""


_PRECONDITIONS = {Verb.RESTART: _may_restart, Verb.START: _may_start, Verb.RELOAD: _may_reload}
_NEEDED = {Verb.RESTART: ("CanStart", "CanStop"), Verb.START: ("CanStart",), Verb.RELOAD: ()}


def _not_by_hand(verb: Verb, name: str, unit: UnitSeen) -> str:
    if all(unit.general.get(each) for each in _NEEDED[verb]):
        return ""
    return f"{name} lets nobody {verb} it (RefuseManualStart= or RefuseManualStop=)"
