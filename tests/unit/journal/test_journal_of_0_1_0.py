"""A journal that 0.1.0 wrote is read, and what it says still holds: tests/journals/README.md tells what is in it.

Only what the outside can see is asked: events in, records, notifications and orders out, and decisions.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nemo_watchdog.app import make_probe
from nemo_watchdog.engine import events as ev
from nemo_watchdog.journal import SqliteJournal
from nemo_watchdog.metrics import Metrics
from nemo_watchdog.model import Moment, NotificationKind, Outcome, Reason, Verdict
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.heartbeats import Heartbeats
from nemo_watchdog.testing import FakeContainers
from tests.unit.journal.successor import Successor

JOURNALS = Path(__file__).parents[2] / "journals"


def at(time: str) -> datetime:
    """On the day of the journal."""
    return datetime.fromisoformat(f"2026-11-24T{time}").replace(tzinfo=UTC)


# -- what the journal holds, and so what is expected

RECORDS = {
    "action_ended": 9,
    "action_intended": 10,
    "attempt_failed": 4,
    "decision_made": 60,
    "escalated": 1,
    "health_changed": 68,
    "heartbeat_heard": 4,
    "incident_merged": 1,
    "incident_opened": 11,
    "incident_reopened": 1,
    "incident_resolved": 4,
    "member_joined": 2,
    "paused": 3,
    "released": 1,
    "resumed": 1,
    "root_changed": 1,
    "severity_raised": 1,
    "step_exhausted": 1,
    "suggested": 1,
    "touched": 2,
}
RESTARTED_AT = at("09:00:06")
"""90 s after the last record, in another boot: now."""
PAUSE_OF_ALL_ENDS = at("09:08:36")
BACKOFF_ENDS = {"search": at("09:14:23.820"), "sessions": at("09:14:22.941"), "mailer": at("09:38:02.887")}
BUDGET_OF_QUEUE_IS_FREE = at("14:00:48")
INCIDENT = {
    "search": "20261124-084313-search",
    "mailer": "20261124-084426-mailer",
    "gateway": "20261124-085835-gateway",
    "sessions": "20261124-084539-sessions",
    "ledger": "20261124-084200-ledger",
    "db": "20261124-085750-web",
}
ILL = {
    **dict.fromkeys(
        ("search", "mailer", "gateway", "ledger", "reports", "cache", "web", "api", "admin"), Reason.REFUSED
    ),
    "db": Reason.DISK_FULL,
}
"""How the platform was left, by the reason of each look."""
SECOND_RUNG_TIMEOUT = 60.0
"""Of the mailer's restart: the first rung has 180 s."""
UNTOLD = "20261124-085835-gateway:20261124-085835-gateway/gateway/1:started"
DELIVERED, GIVEN_UP = 38, 1


@contextmanager
def started(journal: Path, *, boot: str = "boot-3", began: datetime = RESTARTED_AT) -> Iterator[Successor]:
    """A process that has seen the containers and has not looked yet."""
    policy = JOURNALS / "0.1.0.policy.yaml"
    with closing(Successor(journal, policy, ILL, boot=boot, began=began)) as process:
        process.see_containers("cache")
        yield process


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A copy: the file itself is never opened."""
    return Path(shutil.copy(JOURNALS / "0.1.0.sqlite3", tmp_path / "journal.sqlite3"))


@pytest.fixture
def process(journal: Path) -> Iterator[Successor]:
    with started(journal) as process:
        yield process


def test_it_holds_every_type_of_record(journal: Path) -> None:
    """Otherwise the tests below would be about less than they say."""
    with closing(SqliteJournal(journal, "boot-3")) as opened:
        assert Counter(body["type"] for _, body in opened.replay(Moment(50.0, RESTARTED_AT))) == RECORDS


def test_the_platform_stays_ill(process: Successor) -> None:
    """Each ladder goes on where it stood and not a minute early; what is held, paused or ended gets nothing at all."""
    process.run_until(at("11:30:00"))
    orders = {request.action_id: (when, request) for when, request in process.orders}
    assert set(orders) == {f"{INCIDENT[name]}/{name}/{n}" for name, n in (("search", 3), ("mailer", 3), ("gateway", 2))}
    for name in ("search", "mailer"):
        when, _ = orders[f"{INCIDENT[name]}/{name}/3"]
        assert timedelta() <= when - BACKOFF_ENDS[name] < timedelta(seconds=1)
    _, request = orders[f"{INCIDENT['mailer']}/mailer/3"]
    assert request.timeout == SECOND_RUNG_TIMEOUT
    escalated = [(record["dependency"], record["to"], record["why"]) for record in process.of("escalated")]
    assert sorted(escalated) == [
        ("gateway", "lead", "the budget of gateway is spent (2 per 6h)"),
        ("mailer", "lead", "3 attempts did not help"),
        ("search", "lead", "3 attempts did not help"),
    ]
    assert process.told(NotificationKind.ESCALATED) == [f"{INCIDENT['ledger']} → on-call, lead"]  # once for all of it
    assert not process.of("attempt_failed", action_id=f"{INCIDENT['search']}/search/2")  # that has been said
    assert not process.of("incident_opened")
    assert not process.of("suggested")


def test_the_pause_of_everything_ends_when_it_was_to_end(process: Successor) -> None:
    """On the new boot's clock as well; then what was behind it holds."""
    process.go_on()
    for name in ("search", "mailer", "db", "web", "api", "admin", "reports", "cache"):
        assert process.held_by(name) == ("pause", PAUSE_OF_ALL_ENDS)
        if name != "reports":
            assert not process.of("decision_made", dependency=name)  # the same answer again is no record
    process.run_until(PAUSE_OF_ALL_ENDS)
    assert process.held_by("search") == ("backoff", BACKOFF_ENDS["search"])
    assert process.held_by("mailer") == ("backoff", BACKOFF_ENDS["mailer"])
    assert process.held_by("db") == ("category", None)
    assert process.held_by("reports") == ("pause", None)
    assert "ops paused reports: its data are being moved" in process.decision("reports").value


def test_the_pause_without_end_ends_when_it_is_resumed(process: Successor) -> None:
    """Not after a day, and then at once."""
    process.send(ev.ResumeAsked("queue", "ops"))
    assert not process.of("resumed")  # that was done before
    process.run_until(PAUSE_OF_ALL_ENDS + timedelta(hours=1))
    assert process.held_by("reports") == ("pause", None)
    process.send(ev.ResumeAsked("reports", "ops"))
    assert process.ordered()[-1].endswith("-reports/reports/1")


def test_what_a_person_stopped_stays_stopped(process: Successor) -> None:
    """Though Docker no longer knows who it was; it is let go when it runs again."""
    process.run_until(PAUSE_OF_ALL_ENDS + timedelta(hours=1))
    assert process.decision("cache").verdict is Verdict.WAIT
    assert "somebody stopped the container through Docker (signal 15)" in process.decision("cache").value
    assert not [each for each in process.ordered() if each.endswith("/cache/1")]
    process.start_container("cache")
    assert process.of("released", dependency="cache")
    process.go_on(120.0)
    assert process.ordered()[-1].endswith("-cache/cache/1")  # it fails by itself now
    assert not process.of("released", dependency="worker")


def test_an_action_without_outcome_is_spent_and_looked_at_first(process: Successor) -> None:
    """Its outcome is unknown: nothing is done until it has had its time to be verified and its backoff."""
    (ended,) = process.of("action_ended")
    assert (ended["action_id"], ended["outcome"]) == (f"{INCIDENT['gateway']}/gateway/1", "unknown")
    process.send(ev.ResumeAsked("*", "ops"))
    assert not process.orders
    process.go_on(50.0)
    assert process.held_by("gateway") == ("verification", RESTARTED_AT + timedelta(seconds=ended["verify_within"]))
    process.go_on(60.0)
    (failed,) = process.of("attempt_failed", action_id=ended["action_id"])
    gate, until = process.held_by("gateway")
    assert gate == "backoff"
    assert until is not None
    judged = until - timedelta(seconds=failed["backoff"])  # the backoff counts from the verdict
    assert judged >= RESTARTED_AT + timedelta(seconds=ended["verify_within"])
    process.go_on(failed["backoff"])
    assert process.ordered()[0] == f"{INCIDENT['gateway']}/gateway/2"


def test_an_action_without_outcome_that_helped(process: Successor) -> None:
    """The looks say so: nothing more is done."""
    del process.ill["gateway"]
    process.send(ev.ResumeAsked("*", "ops"))
    process.go_on()
    assert process.of("incident_resolved", incident=INCIDENT["gateway"])
    assert not process.orders


def test_a_spent_budget_is_still_spent(process: Successor) -> None:
    """A new incident of it asks for a person at once."""
    process.send(ev.ResumeAsked("*", "ops"))
    process.ill["queue"] = Reason.REFUSED
    process.go_on()
    (escalated,) = process.of("escalated")
    assert (escalated["dependency"], escalated["to"]) == ("queue", "lead")
    assert escalated["why"] == "the budget of queue is spent (2 per 6h)"
    assert not process.orders


@pytest.mark.parametrize(("early", "expected"), [(60.0, []), (15.0, ["queue"])])
def test_a_spent_budget_is_free_again_when_its_window_is_over(journal: Path, early: float, expected: list[str]) -> None:
    """It is down half a minute after the start: before the older action is six hours old, or just after."""
    with started(journal, began=BUDGET_OF_QUEUE_IS_FREE - timedelta(seconds=early)) as process:
        process.ill = {"queue": Reason.REFUSED, "cache": Reason.REFUSED}
        process.go_on()
        assert [request.dependency for _, request in process.orders] == expected


def test_what_fails_again_soon_reopens_its_incident(process: Successor) -> None:
    """Resolved less than five minutes before: its attempts count on, and so does its backoff."""
    process.ill["sessions"] = Reason.REFUSED
    process.go_on()
    assert process.of("incident_reopened", incident=INCIDENT["sessions"])
    assert not process.of("incident_opened")
    process.run_until(PAUSE_OF_ALL_ENDS)
    assert process.held_by("sessions") == ("backoff", BACKOFF_ENDS["sessions"])
    process.run_until(BACKOFF_ENDS["sessions"] + timedelta(seconds=1))
    assert f"{INCIDENT['sessions']}/sessions/3" in process.ordered()


def test_a_merged_incident_is_one(process: Successor) -> None:
    """It is over when all its members are well, and not before; and told to be when all is that was told with it."""
    for name in ("web", "api", "admin", "db"):
        process.go_on()
        assert not process.of("incident_resolved")
        del process.ill[name]
    assert not process.of("member_joined")  # they are members since then, and its severity is the raised one
    assert not process.of("severity_raised")
    process.go_on()
    (resolved,) = process.of("incident_resolved")
    assert (resolved["incident"], resolved["root"]) == (INCIDENT["db"], "db")
    assert not process.told(NotificationKind.RESOLVED)
    for name in ("gateway", "ledger", "search", "mailer"):
        del process.ill[name]
    process.go_on()
    assert process.told(NotificationKind.RESOLVED) == [f"{INCIDENT['ledger']} → on-call, lead"]


def test_a_suggestion_is_made_once(process: Successor) -> None:
    """The database is well again and the site is not: people were told what would help before."""
    process.run_until(PAUSE_OF_ALL_ENDS)
    del process.ill["db"]
    process.go_on(120.0)
    assert process.decision("web").verdict is Verdict.ASK
    assert not process.told(NotificationKind.SUGGESTED)


def test_a_ladder_that_has_ended_stays_ended(process: Successor) -> None:
    """Through hours and another restart, until it serves; what fails then is a new trouble, with attempts again."""
    process.run_until(at("10:30:00"))
    decision = process.decision("ledger")
    assert (decision.verdict, decision.value) == (Verdict.REFUSE, "1 attempt did not help")
    del process.ill["ledger"]
    process.go_on()
    assert [record["root"] for record in process.of("incident_resolved")] == ["ledger"]
    process.ill["ledger"] = Reason.REFUSED
    process.go_on(600.0)
    assert process.of("incident_reopened", dependency="ledger")
    assert [each for each in process.ordered() if "ledger" in each] == [f"{INCIDENT['ledger']}/ledger/2"]


def test_what_was_not_told_is_told_once(journal: Path) -> None:
    """It is due at once after a reboot; what was delivered or given up is not told again.

    0.1.0 told each fact by itself and wrote down no pages: what is open is told once more, together.
    """
    with started(journal) as process:
        item, *pages = process.journal.pending(1000)
        assert (item.contact, item.notification.key, item.attempts) == ("on-call", UNTOLD, 1)
        assert [(each.contact, str(each.notification.kind)) for each in pages] == [("on-call", "opened")]
        assert pages[0].notification.title == "[SEV3] cache and reports are down"
        process.journal.delivered(pages[0].item_id, process.now())
        process.journal.append([], [item.notification], process.now())
        process.journal.delivered(item.item_id, process.now())
    with started(journal, boot="boot-4") as process:
        assert not process.journal.pending(1000)
        counts = process.journal.outbox_counts()
        assert counts == {"pending": 0, "delivered": DELIVERED + 2, "given_up": GIVEN_UP}


async def test_heartbeats_are_remembered(process: Successor) -> None:
    """With what the job said, and when."""
    core = Core(process.engine, process.journal, process, Metrics())
    with closing(core):
        heartbeats, containers = Heartbeats(core), FakeContainers(process)
        looks = {
            name: await make_probe(process.policy.dependencies[name], containers, heartbeats).look()
            for name in ("backup", "export")
        }
    assert looks["backup"].outcome is Outcome.OK
    assert looks["backup"].measurements["push_heartbeat_age_seconds"] == pytest.approx(94.0 - 60.0)  # ± its own minute
    assert looks["export"].detail == "the job says that it failed: exit code 2"


def test_what_is_written_after_it_is_read_with_it(journal: Path) -> None:
    """The journal goes on as one: what 0.1.0 wrote is as it was, and a third process decides as the second did."""
    with started(journal) as process:
        before = [body for _, body in process.journal.replay(process.now())][: sum(RECORDS.values())]
        process.run_until(at("09:25:00"))
        decided = {name: process.decision(name).verdict for name in ILL}
        gates = {name: process.held_by(name) for name in ILL}
        orders, written = process.ordered(), process.records
        ended = process.utc
    assert decided["search"] is Verdict.REFUSE
    with started(journal, boot="boot-4", began=ended) as process:
        bodies = [body for _, body in process.journal.replay(process.now())]
        assert bodies[: len(before)] == before
        assert bodies[len(before) : len(before) + len(written)] == written
        process.go_on()
        assert {name: process.decision(name).verdict for name in ILL} == decided
        assert {name: process.held_by(name) for name in ILL} == gates
        process.run_until(at("11:30:00"))
        assert orders + process.ordered() == [
            f"{INCIDENT[name]}/{name}/{n}" for name, n in (("gateway", 2), ("search", 3), ("mailer", 3))
        ]
