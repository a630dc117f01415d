"""One order to systemd for one unit, if the unit is such that it may be given; whatever comes of it is an outcome.

systemd judges by itself what the look before cannot: an order that would change a job of somebody else is none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from nemo_watchdog.actions.systemd.manager import Manager
from nemo_watchdog.actions.systemd.system_bus import BusLost, BusRefusal, NoBus, system_bus
from nemo_watchdog.actions.systemd.unit_seen import UnitSeen, Verb, why_not
from nemo_watchdog.durations import duration
from nemo_watchdog.errors import in_one_line
from nemo_watchdog.model import ActionOutcome, ActionRequest, ActionResult
from nemo_watchdog.ports import ActionContext

MOST_UNITS = 200
"""So many are asked for at most, to know what draws the watchdog in."""

_ERROR, _OF_SYSTEMD = "org.freedesktop.DBus.Error", "org.freedesktop.systemd1"

_DENIED = frozenset({f"{_ERROR}.AccessDenied", f"{_ERROR}.InteractiveAuthorizationRequired"})
_NO_SYSTEMD = frozenset({f"{_ERROR}.NameHasNoOwner", f"{_ERROR}.ServiceUnknown"})
_NOT_NOW = frozenset(
    f"{_OF_SYSTEMD}.{each}"
    for each in ("NoSuchUnit", "UnitMasked", "LoadFailed", "OnlyByDependency", "TransactionIsDestructive")
)
"""Of systemd: nothing was queued, and another time it may be. The last: somebody's job would be changed by it."""

_LOST = frozenset(f"{_ERROR}.{each}" for each in ("NoReply", "Timeout", "TimedOut", "Disconnected"))
"""Of the bus, where who was asked went away meanwhile."""


@dataclass(slots=True)
class _Course:
    """How far it has come."""

    ordered: bool = False
    result: str = ""


class UnitAction:
    """Satisfies `ports.Action`."""

    def __init__(self, verb: Verb) -> None:
        self._verb = verb

    async def run(self, request: ActionRequest) -> ActionResult:
        return await act_on_unit(self._verb, request)


def making(verb: Verb) -> Callable[[ActionContext], UnitAction]:
    """It needs nothing of the context."""

    def make(_context: ActionContext) -> UnitAction:
        return UnitAction(verb)

    return make


async def act_on_unit(verb: Verb, request: ActionRequest) -> ActionResult:
    """Orders once, within `request.timeout`."""
    name, course = request.target.name, _Course()
    when_stopped = getattr(request.options, "when_stopped", "leave")
    try:
        async with asyncio.timeout(request.timeout), system_bus() as bus:
            manager = Manager(bus)
            await manager.listen()
            unit = await manager.unit(name)
            why = why_not(verb, name, unit, when_stopped=when_stopped)
            if why := why or await _would_hit_us(verb, manager, name, unit):
                return ActionResult(ActionOutcome.REFUSED, why)
            course.ordered = True
            course.result = await manager.result_of(await manager.order(verb, name))
            return _ended(verb, name, course.result, await manager.unit(name))
    except (TimeoutError, NoBus, BusLost, BusRefusal) as error:
        if course.result:
            return _ended(verb, name, course.result, None)
        return (_ordered if course.ordered else _not_ordered)(verb, name, error, duration(request.timeout))


async def _would_hit_us(verb: Verb, manager: Manager, name: str, unit: UnitSeen) -> str:
    """Why the order would end the watchdog itself, or what it runs in; empty where it would not."""
    if (own := await manager.own()) is None:
        return ""
    called, ours = own
    if called == name or unit.holds(ours):
        return f"the watchdog itself runs in {name}"
    if verb is not Verb.RELOAD and name in ours.fights:
        return f"{called}, in which the watchdog runs, and {name} exclude each other (Conflicts=)"
    if verb is Verb.RESTART and await _draws_in(manager, name, ours):
        return f"a restart of {name} would restart {called} as well, in which the watchdog runs"
    return ""


async def _draws_in(manager: Manager, name: str, ours: UnitSeen) -> bool:
    """Whether a stop of the unit is passed on to ours, by however many others."""
    seen, coming = set[str](), set(ours.drawn_in_by)
    while coming and len(seen) < MOST_UNITS:
        if name in coming:
            return True
        each = coming.pop()
        seen.add(each)
        coming |= (await manager.unit(each)).drawn_in_by - seen
    return False


def _ended(verb: Verb, name: str, result: str, unit: UnitSeen | None) -> ActionResult:
    """Of a job that is done the unit tells more: it failed since, or a condition of it does not hold."""
    is_so = "" if unit is None else f": {name} is {unit.state}{_why(unit)}"
    if result == "done":
        if unit is not None and unit.text("ActiveState") == "failed":
            return ActionResult(
                ActionOutcome.FAILED, f"systemd's job to {verb} it is done, and it failed at once{is_so}"
            )
        if unit is not None and verb is not Verb.RELOAD and unit.general.get("ConditionResult") is False:
            return ActionResult(
                ActionOutcome.FAILED, f"a condition of {name} does not hold, and systemd did not start it"
            )
        return ActionResult(ActionOutcome.SUCCEEDED, f"systemd's job to {verb} it is done{is_so}")
    ended = f"systemd's job to {verb} it ended as {in_one_line(result)}{is_so}"
    if result == "canceled":
        # org.freedesktop.systemd1(5): what the job had begun is not always ended by that.
        return ActionResult(ActionOutcome.UNKNOWN, f"{ended}; somebody has given another order for it")
    return ActionResult(ActionOutcome.FAILED, ended)


def _why(unit: UnitSeen) -> str:
    result = unit.text("Result")
    return f", result {result}" if result not in {"", "success"} else ""


def _not_ordered(verb: Verb, name: str, error: Exception, within: str) -> ActionResult:
    if isinstance(error, TimeoutError):
        said = f"systemd did not tell within {within} how {name} is"
    elif isinstance(error, BusRefusal):
        said = _words(verb, name, error)
    else:
        said = str(error)
    return ActionResult(ActionOutcome.REFUSED, said)


def _ordered(verb: Verb, name: str, error: Exception, within: str) -> ActionResult:
    if isinstance(error, TimeoutError):
        late = f"systemd did not {verb} {name} within {within}; its job may go on"
        return ActionResult(ActionOutcome.TIMED_OUT, late)
    if not isinstance(error, BusRefusal) or error.name in _LOST:
        return ActionResult(ActionOutcome.UNKNOWN, f"{error}, after the order to {verb} {name}: its end was not heard")
    nothing_queued = error.name in _DENIED | _NO_SYSTEMD | _NOT_NOW
    outcome = ActionOutcome.REFUSED if nothing_queued else ActionOutcome.FAILED
    return ActionResult(outcome, _words(verb, name, error))


def _words(verb: Verb, name: str, error: BusRefusal) -> str:
    if error.name in _NO_SYSTEMD:
        return f"systemd is not on the system bus ({error})"
    if error.name in _DENIED:
        allow = "allow it with a polkit rule (nemo-watchdog example polkit)"
        return f"the watchdog's user may not {verb} {name} ({error}): {allow}"
    return f"systemd does not {verb} {name}: {error}"
