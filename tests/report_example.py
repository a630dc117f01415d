"""`python -m tests.report_example` writes docs/example-report.md: the report on a gateway that hangs after an error."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from nemo_watchdog.incident_views import (
    DeliveryView,
    EvidencePartView,
    EvidenceView,
    IncidentDetailView,
    IncidentSummaryView,
    MissingPartView,
    TimelineEntryView,
)
from nemo_watchdog.report.document import Document
from nemo_watchdog.report.facts import Facts
from nemo_watchdog.report.markdown import markdown
from nemo_watchdog.report.report import report
from nemo_watchdog.views import AcknowledgementView, NoteView

DOCS = Path(__file__).parents[1] / "docs" / "example-report.md"
ID = "20261123-031207-gateway"

LOG = """\
2026-11-23T03:11:38.204Z INFO  request served path=/v1/chat upstream=gemma status=200 seconds=1.91
2026-11-23T03:11:41.870Z WARN  pool exhausted: 64 of 64 upstream connections in use, waiting
2026-11-23T03:11:52.113Z ERROR worker 3 does not return a connection
2026-11-23T03:11:52.114Z Traceback (most recent call last):
2026-11-23T03:11:52.114Z   File "/srv/gateway/pool.py", line 88, in acquire
2026-11-23T03:11:52.114Z     await asyncio.wait_for(self._free.get(), 10.0)
2026-11-23T03:11:52.114Z   File "/srv/gateway/relay.py", line 141, in stream
2026-11-23T03:11:52.114Z     async for chunk in upstream.content:
2026-11-23T03:11:52.114Z TimeoutError: no upstream connection within 10 s
2026-11-23T03:11:52.115Z FATAL accept loop stopped: pool lock is held by a cancelled task
"""

USAGE = """\
memory: peak 1.4 GiB, limit 2 GiB
cpu: 0.02 cores
"""


def at(clock: str) -> str:
    return f"2026-11-23T{clock}+00:00"


def entry(clock: str, kind: str, said: str, dependency: str | None = "gateway", word: str = "") -> TimelineEntryView:
    return TimelineEntryView(at(clock), kind, dependency, said, word)


def incident(identity: str, opened: str, resolved: str, seconds: float, actions: int) -> IncidentSummaryView:
    return IncidentSummaryView(
        id=identity,
        declared="",
        root="gateway",
        members=("gateway", "site"),
        severity="SEV1",
        rule="core-down",
        title="Complete outage",
        category="fault",
        reason="timeout",
        detail="no answer within 3s",
        opened=opened,
        resolved=resolved,
        seconds=seconds,
        why="every member is up",
        actions=actions,
        acknowledged=AcknowledgementView(at("03:29:20"), "maria"),
    )


def facts() -> Facts:
    before = incident("20261119-221540-gateway", "2026-11-19T22:15:40+00:00", "2026-11-19T22:16:31+00:00", 51.0, 1)
    return Facts(
        IncidentDetailView(
            incident(ID, at("03:12:07"), at("03:31:02"), 1135.0, 3),
            "gateway and site (1 of 5 core)",
            _timeline(),
            _deliveries(),
            _evidence(),
            (
                NoteView(
                    at("03:30:10"),
                    "maria",
                    "note",
                    "Deploy of 02:50 raised the pool to 64. Rolled back to 32 at 03:30.",
                ),
            ),
        ),
        datetime(2026, 11, 23, 9, tzinfo=UTC),
        recent=(before,),
        respond_within={"SEV1": 900.0},
        contacts_of={"SEV1": ("on-call",)},
        evidence_text={"gateway.log": LOG, "gateway.usage.txt": USAGE},
    )


def _timeline() -> tuple[TimelineEntryView, ...]:
    return (
        entry("03:11:53", "first_sign", "gateway gave no answer within 3s"),
        entry("03:12:07", "incident_opened", "gateway is down: timeout (no answer within 3s)"),
        entry("03:12:07", "delivered", "gateway is down: told to log", None),
        entry("03:12:08", "evidence_taken", "evidence of gateway taken before docker.restart, 3 parts"),
        entry("03:12:08", "decision_made", "act (none): every gate is open", word="none"),
        entry("03:12:08", "action_intended", "docker.restart of app_gateway ordered, attempt 1", word="docker.restart"),
        entry("03:12:12", "action_ended", "docker.restart succeeded in 3.8s", word="succeeded"),
        entry("03:12:12", "decision_made", "wait (verification): looking until 03:13:12", word="verification"),
        entry("03:12:21", "member_joined", "site is down: wrong_status (502)", "site"),
        entry("03:13:12", "attempt_failed", "still no answer within 3s after 1m"),
        entry("03:13:12", "decision_made", "wait (backoff): 5m after the last attempt", word="backoff"),
        entry("03:18:12", "action_intended", "docker.restart of app_gateway ordered, attempt 2", word="docker.restart"),
        entry("03:18:16", "action_ended", "docker.restart succeeded in 3.9s", word="succeeded"),
        entry("03:18:25", "member_recovered", "gateway serves again"),
        entry("03:18:40", "member_recovered", "site serves again", "site"),
        entry("03:24:02", "member_down", "gateway is down: timeout (no answer within 3s)"),
        entry("03:24:03", "action_intended", "docker.restart of app_gateway ordered, attempt 3", word="docker.restart"),
        entry("03:24:07", "action_ended", "docker.restart succeeded in 3.8s", word="succeeded"),
        entry("03:24:19", "member_recovered", "gateway serves again"),
        entry("03:29:20", "incident_acknowledged", "maria has taken it", None),
        entry("03:31:02", "incident_resolved", "every member is up", None),
    )


def _deliveries() -> tuple[DeliveryView, ...]:
    queued = at("03:12:07")
    return (
        DeliveryView("log", "opened", "gateway is down", queued, "delivered", at("03:12:07"), 0),
        DeliveryView(
            "on-call",
            "opened",
            "gateway is down",
            queued,
            "delivered",
            at("03:16:11"),
            3,
            "the mail server said 451",
        ),
    )


def _evidence() -> tuple[EvidenceView, ...]:
    parts = (
        EvidencePartView("gateway.log", len(LOG)),
        EvidencePartView("gateway.inspect.json", 5120),
        EvidencePartView("gateway.usage.txt", len(USAGE)),
    )
    missing = (MissingPartView("gateway.top.txt", "Docker did not answer within 5s"),)
    return (EvidenceView(1, "gateway", at("03:12:07"), 1.2, "before docker.restart", parts, missing),)


def document() -> Document:
    return report(facts())


if __name__ == "__main__":
    DOCS.write_text(markdown(document()), encoding="utf-8")
