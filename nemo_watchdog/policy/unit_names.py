"""How a policy names a systemd unit, and what the watchdog's own is called. After systemd.unit(5)."""

from __future__ import annotations

import re

from nemo_watchdog.policy.units import wrong

OWN_UNIT = "nemo-watchdog.service"
"""What the shipped unit file is called."""

LONGEST = 255

_UNIT = re.compile(
    r"[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]*"
    r"\.(?:service|socket|device|mount|automount|swap|target|path|timer|slice|scope)"
)
_ACTED_ON = ("service", "socket", "timer", "path", "mount", "automount")


def check_unit_name(unit: str) -> str:
    """A full name of any unit."""
    if not _UNIT.fullmatch(unit):
        raise wrong("expected a unit's full name, such as `nginx.service`")
    return unit


def check_unit_to_act_on(unit: str) -> str:
    """One unit whose start or restart concerns itself, and not the watchdog's; without a suffix it is a service."""
    name = unit if _UNIT.fullmatch(unit) else f"{unit}.service"
    if not _UNIT.fullmatch(name) or len(name) > LONGEST:
        raise wrong("expected a unit's name, such as `nginx.service`")
    stem, _, suffix = name.rpartition(".")
    if suffix not in _ACTED_ON:
        kinds = ", ".join(f"`.{each}`" for each in _ACTED_ON)
        raise wrong(f"`.{suffix}` is many units or none of its own: expected one of {kinds}")
    if stem.endswith("@"):
        raise wrong("it is a template: name an instance, such as `job@1.service`")
    if name == OWN_UNIT:
        raise wrong("it is the watchdog's own: systemd restarts that by itself (`Restart=`, `WatchdogSec=`)")
    return name
