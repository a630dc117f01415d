"""What people read: what happened, what was done, what happens next, in that order. Pure text."""

from __future__ import annotations

from nemo_watchdog.engine.health import State
from nemo_watchdog.engine.state import Incident
from nemo_watchdog.model import ActionRequest, ActionResult, Moment, Notification, NotificationKind, Severity
from nemo_watchdog.policy.policy import Policy


def seconds(value: float) -> str:
    """A duration as people say it: 4.2s, 3m20s, 2h05m."""
    if value < 60:
        return f"{value:.1f}s" if value < 10 else f"{value:.0f}s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02d}s" if rest else f"{minutes}m"
    return f"{minutes // 60}h{minutes % 60:02d}m"


def what(state: State) -> str:
    """One phrase: `down: refused (connection refused)`."""
    reason = f": {state.reason}" if state.reason else ""
    detail = f" ({state.detail})" if state.detail else ""
    return f"{state.health}{reason}{detail}"


class Messenger:
    """Writes the notifications of one incident at one moment."""

    def __init__(self, policy: Policy, incident: Incident, now: Moment) -> None:
        self._policy, self._incident, self._now = policy, incident, now

    def contacts(self) -> tuple[str, ...]:
        """Those of the severity, then those of the rule, each once."""
        spec = self._policy.severities.get(self._incident.severity)
        rule = next((rule for rule in self._policy.classification if rule.name == self._incident.rule), None)
        return tuple(dict.fromkeys((*(spec.notify if spec else ()), *(rule.notify if rule else ()))))

    def opened(self, name: str, state: State, plan: str) -> Notification:
        spec = self._policy.severities.get(self._incident.severity)
        title = spec.title if spec else ""
        respond = f"Respond within {seconds(spec.respond_within)}." if spec else ""
        body = (
            f"{name} is {what(state)}.\n"
            f"{self._incident.severity} {title} by the rule {self._incident.rule}. {respond}\n"
            f"Next: {plan}."
        )
        again = "" if self._incident.opened == self._now else f":{self._now.utc.isoformat()}"
        return self._make(NotificationKind.OPENED, f"opened{again}", f"{name} is {state.health}", body)

    def severity_raised(self, previous: Severity, name: str, state: State) -> Notification:
        body = f"{name} is {what(state)}.\nSeverity {previous} → {self._incident.severity} by {self._incident.rule}."
        title = f"{self._incident.root}: now {self._incident.severity}"
        return self._make(NotificationKind.SEVERITY_CHANGED, f"severity:{self._incident.severity}", title, body)

    def action_started(self, request: ActionRequest, state: State, attempt: int, verify_within: float) -> Notification:
        body = (
            f"{request.dependency} is {what(state)}.\n"
            f"Doing {request.action} on {request.target}, attempt {attempt}.\n"
            f"Next: it counts as healed only when it looks healthy within {seconds(verify_within)}."
        )
        title = f"{request.dependency}: {request.action}"
        return self._make(NotificationKind.ACTION_STARTED, f"{request.action_id}:started", title, body)

    def action_finished(self, request: ActionRequest, result: ActionResult, plan: str) -> Notification:
        detail = f" ({result.detail})" if result.detail else ""
        body = f"{request.action} on {request.target} {result.outcome}{detail}.\nNext: {plan}."
        title = f"{request.dependency}: {request.action} {result.outcome}"
        return self._make(NotificationKind.ACTION_FINISHED, f"{request.action_id}:finished", title, body)

    def suggested(self, name: str, state: State, action: str, container: str) -> Notification:
        body = (
            f"{name} is {what(state)}.\nNothing was done: the policy lets the watchdog only suggest.\n"
            f"Suggested: {action} of {container}."
        )
        return self._make(NotificationKind.SUGGESTED, f"{name}:suggested", f"{name}: {action} suggested", body)

    def held(self, name: str, why: str) -> Notification:
        body = f"{name}: {why}.\nNothing was done, on purpose.\nNext: nothing, until the container runs again."
        return self._make(NotificationKind.HELD, f"{name}:held", f"{name} is left alone", body)

    def escalated(self, name: str, to: str, why: str, state: State, total: int) -> Notification:
        body = (
            f"{name} is {what(state)}.\n{why[:1].upper()}{why[1:]}.\n"
            "Next: the watchdog tries nothing more in this incident; a person must look."
        )
        key = f"{name}:escalated:{total}"
        return self._make(NotificationKind.ESCALATED, key, f"{name} needs a person", body, (to,) if to else None)

    def resolved(self, took: float, attempts: int) -> Notification:
        done = f"{attempts} action{'s' if attempts != 1 else ''} taken" if attempts else "no action taken"
        body = f"{', '.join(self._incident.members)} up again after {seconds(took)}; {done}.\nNext: nothing to do."
        key = f"resolved:{self._now.utc.isoformat()}"
        return self._make(NotificationKind.RESOLVED, key, f"{self._incident.root} is up again", body)

    def _make(
        self, kind: NotificationKind, key: str, title: str, body: str, contacts: tuple[str, ...] | None = None
    ) -> Notification:
        incident = self._incident
        return Notification(
            key=f"{incident.incident}:{key}",
            kind=kind,
            incident=incident.incident,
            severity=incident.severity,
            root=incident.root,
            title=f"[{incident.severity}] {title}",
            body=body,
            contacts=self.contacts() if contacts is None else contacts,
            at=self._now.utc,
        )
