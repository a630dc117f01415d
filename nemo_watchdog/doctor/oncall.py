"""Who has a rota by policy and calendar: can each calendar be read, and does it name anybody?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from nemo_watchdog.doctor.checkup import Finding, bad, good
from nemo_watchdog.engine.oncall import Oncall, Shift
from nemo_watchdog.errors import CalendarError
from nemo_watchdog.oncall_calendar import read_calendar
from nemo_watchdog.policy.people import Rota
from nemo_watchdog.policy.policy import Policy


def look_at_rotas(policy: Policy, at: datetime) -> Iterator[Finding]:
    """Blocks where the disk does. What people swapped only the daemon knows."""
    oncall = Oncall(policy.contacts, {}, {})
    for name, rota in oncall.rotas().items():
        shifts, why = _read(oncall, rota, at)
        if why:
            remedy = f"mend the file, or contacts.{name}.calendar in the policy: until then the rota goes by turns"
            yield bad(f"on call {name}", f"the calendar {rota.calendar} is not used: {why}", remedy)
        yield _has(Oncall(policy.contacts, {}, {name: shifts}), name, rota, at)


def _read(oncall: Oncall, rota: Rota, at: datetime) -> tuple[tuple[Shift, ...], str]:
    if not rota.calendar:
        return (), ""
    try:
        shifts = read_calendar(rota, at)
    except CalendarError as error:
        return (), str(error)
    return shifts, oncall.names_nobody(shifts)


def _has(oncall: Oncall, name: str, rota: Rota, at: datetime) -> Finding:
    until = oncall.until(name, at)
    then = f" until {until.astimezone(rota.zone):%a %Y-%m-%d %H:%M %Z}" if until is not None else ""
    return good(f"on call {name}", f"by policy and calendar {' and '.join(oncall.people_of(name, at))} has it{then}")
