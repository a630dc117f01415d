"""The daemon that comes after the one that wrote a journal: an engine and a journal on a clock that the test moves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.engine import Engine
from nemo_watchdog.engine.replay import rebuild
from nemo_watchdog.journal import SqliteJournal
from nemo_watchdog.model import (
    ActionOutcome,
    ActionRequest,
    ActionResult,
    ContainerEvent,
    ContainerStatus,
    Decision,
    Gate,
    Moment,
    Notification,
    NotificationKind,
    Observation,
    Past,
    Reason,
    RunState,
    failed,
    ok,
)
from nemo_watchdog.plugins import installed
from nemo_watchdog.policy.loader import load_policy
from tests.unit.engine.world import EVER

RAN_FOR = timedelta(minutes=10)
"""How long every container has run when it begins."""


class Successor:
    """Looks every 10 s at a platform that stays as ill as `ill` says.

    Restarts are carried out at the next look and help nothing unless the test takes the name out of `ill`.
    """

    def __init__(self, journal: Path, policy: Path, ill: Mapping[str, Reason], *, boot: str, began: datetime) -> None:
        self.monotonic, self.utc = 50.0, began
        self.policy = load_policy(policy, installed(), environ={})
        self.journal = SqliteJournal(journal, boot, clock=self)
        self.ill = dict(ill)
        self.records: list[dict[str, Any]] = []
        self.notifications: list[Notification] = []
        self.orders: list[tuple[datetime, ActionRequest]] = []
        self._under_way: list[ActionRequest] = []
        self._wake_at: float | None = None
        self._runs = dict.fromkeys(self.policy.dependencies, began - RAN_FOR)
        self.engine = Engine(self.policy, rebuild(self.journal.replay(self.now())))
        self.send(ev.Started())

    def now(self) -> Moment:
        return Moment(self.monotonic, self.utc)

    def close(self) -> None:
        self.journal.close()

    def send(self, event: ev.Event) -> None:
        effects = self.engine.step(event, self.now())
        bodies = [record.body() for record in effects.records]
        self.journal.append(bodies, effects.notifications, self.now())
        self.records += bodies
        self.notifications += effects.notifications
        self.orders += [(self.utc, request) for request in effects.actions]
        self._under_way += effects.actions
        if effects.wake_at is not None:
            self._wake_at = effects.wake_at if self._wake_at is None else min(self._wake_at, effects.wake_at)
        for name in effects.probe_soon:
            decision = self.engine.decision(name, self.now())
            if decision is not None and decision.gate is Gate.LAST_LOOK:
                self._look(name)

    def see_containers(self, *ended: str) -> None:
        """Of those that ended, Docker knows no more than that they did: only the journal says by whose hand."""
        for name, spec in self.policy.dependencies.items():
            if name in ended:
                died = ContainerEvent(spec.container or "", "die", at=self.utc)
                self._see(name, RunState.EXITED, died, finished_at=self.utc, exit_code=1)
            elif spec.container:
                self._see(name, RunState.RUNNING)

    def run_until(self, end: datetime) -> None:
        while self.utc < end:
            self._pass_time(min(10.0, (end - self.utc).total_seconds()))
            for request in self._under_way[:]:
                self._under_way.remove(request)
                self.start_container(request.dependency)
                self.send(ev.ActionFinished(request, ActionResult(ActionOutcome.SUCCEEDED)))
            for name in self.policy.dependencies:
                self._look(name)

    def _look(self, name: str) -> None:
        reason = self.ill.get(name)
        finding = failed(reason, "as it was left") if reason else ok()
        self.send(ev.Observed(name, Observation(finding, 0.01, self.now())))

    def go_on(self, seconds: float = 60.0) -> None:
        self.run_until(self.utc + timedelta(seconds=seconds))

    def start_container(self, name: str) -> None:
        self._runs[name] = self.utc
        self._see(name, RunState.RUNNING)

    def decision(self, name: str) -> Decision:
        decision = self.engine.decision(name, self.now())
        assert decision is not None, f"{name} is in no incident"
        return decision

    def held_by(self, name: str) -> tuple[str, datetime | None]:
        """The gate, and the end of its hold to the millisecond."""
        decision = self.decision(name)
        if decision.until is None:
            return str(decision.gate), None
        until = self.utc + timedelta(seconds=round(decision.until - self.monotonic, 3))
        return str(decision.gate), until

    def ordered(self) -> list[str]:
        return [request.action_id for _, request in self.orders]

    def of(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        wanted = {"type": kind, **fields}
        return [record for record in self.records if wanted.items() <= record.items()]

    def told(self, kind: NotificationKind) -> list[str]:
        return [f"{each.incident} → {', '.join(each.contacts)}" for each in self.notifications if each.kind is kind]

    def _see(self, name: str, state: RunState, *past: ContainerEvent, **more: Any) -> None:
        container = self.policy.dependencies[name].container
        assert container is not None
        status = ContainerStatus(state, f"id-{name}", self._runs[name], **more)
        self.send(ev.ContainerSeen(container, status, Past(past, EVER)))

    def _pass_time(self, seconds: float) -> None:
        end, began = self.utc + timedelta(seconds=seconds), self.monotonic
        while self._wake_at is not None and self._wake_at <= began + seconds:
            wake, self._wake_at = max(self._wake_at, self.monotonic), None
            self.monotonic, self.utc = wake, self.utc + timedelta(seconds=wake - self.monotonic)
            self.send(ev.Tick())
        self.monotonic, self.utc = began + seconds, end
