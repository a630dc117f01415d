"""Opsgenie's Alert API, as far as it is documented: answered at once, and carried out where there is such an alias."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from tests.unit.notifiers.services.server import Asked

KEY = "eb243592-faa2-4ba2-a551-1afdf565c889"


@dataclass
class Alert:
    alias: str
    message: str
    priority: str
    state: str = "open"
    count: int = 1
    owner: str = ""
    notes: list[str] = field(default_factory=list)


@dataclass
class OpsgenieService:
    alerts: list[Alert] = field(default_factory=list)
    """Each has called somebody once."""
    requests: int = 0

    def answer(self, asked: Asked) -> tuple[int, Any]:
        if asked.headers.get("authorization") != f"GenieKey {KEY}":
            return 401, {"message": "Could not authenticate", "took": 0.0, "requestId": "r-0"}
        body = asked.body
        self.requests += 1
        accepted = 202, {"result": "Request will be processed", "took": 0.1, "requestId": f"r-{self.requests}"}
        path, _, query = asked.path.partition("?")
        if path == "/v2/alerts":
            assert 0 < len(body["message"]) <= 130
            found = self._open(body["alias"])
            if found is None:
                self.alerts.append(Alert(body["alias"], body["message"], body["priority"]))
            else:
                found.count += 1
            return accepted
        assert query == "identifierType=alias"
        _, _, _, alias, what = path.split("/")
        alert = self._open(unquote(alias))
        if alert is not None:
            self._do(alert, asked.method, what, body)
        return accepted

    def _open(self, alias: str) -> Alert | None:
        return next((each for each in self.alerts if each.alias == alias and each.state != "closed"), None)

    def _do(self, alert: Alert, method: str, what: str, body: dict[str, Any]) -> None:
        if "note" in body:
            alert.notes.append(body["note"])
        match method, what:
            case "POST", "notes":
                assert body["note"]
            case "POST", "acknowledge":
                alert.state, alert.owner = "acknowledged", body.get("user", "")
            case "POST", "unacknowledge":
                alert.state = "open"
            case "POST", "close":
                alert.state = "closed"
            case "PUT", "priority":
                alert.priority = body["priority"]
            case "PUT", "message":
                alert.message = body["message"]
            case _:
                raise AssertionError(f"no such request: {method} {what}")
