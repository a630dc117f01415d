"""PagerDuty's Events API v2, as far as it is documented."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.unit.notifiers.services.server import Asked

KEY = "R0UT1NGK3Y0F32CHARACTERS00000000"


@dataclass
class Incident:
    key: str
    state: str = "triggered"
    log: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class PagerDutyService:
    incidents: list[Incident] = field(default_factory=list)
    """Each has called somebody once."""

    def answer(self, asked: Asked) -> tuple[int, Any]:
        event = asked.body
        if asked.path != "/v2/enqueue" or asked.method != "POST":
            return 404, {"status": "Not Found"}
        if event.get("routing_key") != KEY:
            return 400, {"status": "invalid event", "message": f"no such key: {event.get('routing_key')}"}
        key = event["dedup_key"]
        found = next((each for each in self.incidents if each.key == key and each.state != "resolved"), None)
        if event["event_action"] == "trigger":
            payload = event["payload"]
            assert payload["severity"] in {"critical", "error", "warning", "info"}
            assert payload["summary"]
            assert payload["source"]
            assert len(payload["summary"]) <= 1024
            if found is None:
                found = Incident(key)
                self.incidents.append(found)
            found.log.append(payload)
        elif found is not None:
            found.state = {"acknowledge": "acknowledged", "resolve": "resolved"}[event["event_action"]]
        return 202, {"status": "success", "message": "Event processed", "dedup_key": key}
