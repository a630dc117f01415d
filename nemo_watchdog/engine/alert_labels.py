"""The labels by which Alertmanager knows an incident: what was so when it opened, so that they never change. Pure."""

from __future__ import annotations

from nemo_watchdog.engine.reported import DECLARED, Declared
from nemo_watchdog.engine.state import Incident

NAME = "NemoWatchdogIncident"


def labels_of(one: Incident | Declared) -> dict[str, str]:
    if isinstance(one, Declared):
        named = {"dependency": one.dependency} if one.dependency else {}
        own = {**named, "severity": str(one.severity), "rule": DECLARED}
    else:
        root, severity, rule = one.opened_as
        own = {"dependency": root, "severity": str(severity), "rule": rule}
    return {"alertname": NAME, "incident": one.incident, **own}
