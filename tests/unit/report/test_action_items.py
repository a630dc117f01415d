"""Each rule of the action items: what it says of the facts that it is about, and that it says nothing otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from nemo_watchdog.incident_views import DeliveryView, EvidenceView, MissingPartView
from nemo_watchdog.report import action_items as rules
from nemo_watchdog.report.facts import Facts
from nemo_watchdog.views import AcknowledgementView
from tests.unit.report.parts import at, attempt, entry, facts, lines, summary, written

NOTHING: list[str] = []


def test_there_may_be_none() -> None:
    """An incident that went as it should suggests nothing, and the report says that."""
    assert written(facts(*attempt("03:12", verdict="member_recovered")), "Action Items") == [
        "None that the record suggests."
    ]


def test_every_rule_is_in_the_table() -> None:
    """A rule that nobody asks is none."""
    own = {
        each
        for name, each in vars(rules).items()
        if callable(each) and getattr(each, "__module__", "") == rules.__name__ and not name.startswith("_")
    }
    assert own - {rules.action_items} == set(rules.RULES)


def test_the_same_again_within_a_week_is_counted_with_what_was_done() -> None:
    """Itself among them once, whether the list has it or not; for memory with the figures of the evidence."""
    before = [summary(id=f"earlier-{n}", reason="oom_killed", actions=1) for n in range(3)]
    beside = {
        "recent": (summary(reason="oom_killed", actions=9), *before),
        "evidence_text": {"gateway.usage.txt": "cpu 0.1\nmemory: peak 2 GiB, limit 2 GiB\n"},
    }
    found = list(rules.failed_again(facts(reason="oom_killed", actions=1, beside=beside)))
    assert found == ["gateway failed 4 times in 7 days for oom_killed, with 4 actions: memory: peak 2 GiB, limit 2 GiB"]


@pytest.mark.parametrize(
    "other",
    [
        summary(id="x", reason="refused"),
        summary(id="x", root="redis"),
        summary(id="x", merged_into="y"),
        summary(),
    ],
    ids=["another reason", "another root", "part of another", "itself"],
)
def test_what_is_not_the_same_is_no_pattern(other: Any) -> None:
    assert list(rules.failed_again(facts(beside={"recent": (other,)}))) == NOTHING


def test_a_declared_incident_has_no_root_that_failed_again() -> None:
    recent = (summary(id="x", root="", reason=None),)
    assert list(rules.failed_again(facts(root="", reason=None, beside={"recent": recent}))) == NOTHING


def test_reopened() -> None:
    assert list(rules.reopened(facts(reopened=2))) == [
        "The incident was reopened twice: what looked like its end was none"
    ]
    assert list(rules.reopened(facts())) == NOTHING


def test_flapped() -> None:
    said = entry("03:20", "flapping_began", "8 changes in 10m")
    assert list(rules.flapped(facts(said))) == ["gateway flapped from 03:20: 8 changes in 10m"]
    assert list(rules.flapped(facts(entry("03:20", "flapping_ended")))) == NOTHING


def test_nothing_helped() -> None:
    tried = [*attempt("03:12"), *attempt("03:20"), *attempt("03:30", "failed", "")]
    assert list(rules.nothing_helped(facts(*tried))) == ["gateway was restarted 3 times and none of them helped"]
    assert list(rules.nothing_helped(facts(*attempt("03:12")))) == ["gateway was restarted once and that did not help"]


@pytest.mark.parametrize(
    "more",
    [attempt("03:20", verdict="member_recovered"), ()],
    ids=["one helped", "nothing was tried"],
)
def test_something_helped_or_nothing_was_tried(more: Any) -> None:
    tried = [*attempt("03:12"), *more] if more else []
    assert list(rules.nothing_helped(facts(*tried))) == NOTHING


def test_what_helped_one_says_nothing_of_another() -> None:
    tried = [*attempt("03:12", verdict="member_recovered", dependency="redis"), *attempt("03:13")]
    assert list(rules.nothing_helped(facts(*tried))) == ["gateway was restarted once and that did not help"]


def test_refused() -> None:
    tried = attempt("03:12", "refused", "")
    assert list(rules.refused(facts(*tried))) == ["gateway: docker.restart was refused: it refused"]
    assert list(rules.refused(facts(*attempt("03:12", "failed", "")))) == NOTHING


def test_acknowledged_too_late_or_never() -> None:
    """Counted from the opening, against `respond_within` of the severity."""
    beside = {"respond_within": {"SEV2": 900.0}}
    late = entry("03:39", "incident_acknowledged", dependency=None)
    assert list(rules.acknowledged_late(facts(late, beside=beside))) == [
        "The incident was acknowledged after 27 minutes; SEV2 allows 15 minutes"
    ]
    assert list(rules.acknowledged_late(facts(beside=beside))) == [
        "Nobody acknowledged the incident, which was open for 28 minutes; SEV2 allows 15 minutes"
    ]
    assert list(rules.acknowledged_late(facts(resolved=None, beside=beside))) == [
        "Nobody acknowledged the incident, which has been open for 48 minutes; SEV2 allows 15 minutes"
    ]


@pytest.mark.parametrize(
    "of",
    [
        facts(acknowledged=AcknowledgementView(at("03:20"), "ops"), beside={"respond_within": {"SEV2": 900.0}}),
        facts(resolved=at("03:20"), beside={"respond_within": {"SEV2": 900.0}}),
        facts(merged_into="x", beside={"respond_within": {"SEV2": 900.0}}),
        facts(beside={"respond_within": {"SEV1": 1.0}}),
    ],
    ids=["in time", "over before", "part of another", "the policy does not say"],
)
def test_acknowledged_soon_enough(of: Facts) -> None:
    assert list(rules.acknowledged_late(of)) == NOTHING


def delivery(state: str, clock: str, attempts: int = 0, contact: str = "on-call", detail: str = "") -> DeliveryView:
    return DeliveryView(contact, "opened", "gateway is down", at("03:12"), state, at(clock), attempts, detail)


def test_a_message_that_could_not_be_delivered() -> None:
    """Once for each contact."""
    lost = [delivery("given_up", "03:20", 5, "ops", "no user"), delivery("given_up", "03:30", 5, "ops")]
    assert list(rules.not_delivered(facts(deliveries=lost))) == [
        "The message “gateway is down” and 1 more message to ops could not be delivered, after 5 failed tries: no user"
    ]
    assert list(rules.not_delivered(facts(deliveries=[delivery("delivered", "03:12")]))) == NOTHING


def test_a_message_that_waited() -> None:
    """The longest of each contact; one that still waits, too."""
    waited = [delivery("delivered", "03:14", 1), delivery("delivered", "03:16", 3), delivery("delivered", "03:12:59")]
    assert list(rules.delivered_late(facts(deliveries=waited))) == [
        "The message “gateway is down” to on-call was delivered after 4 minutes, after 3 failed tries"
    ]
    assert list(rules.delivered_late(facts(deliveries=[delivery("pending", "03:13", 1)]))) == [
        "The message “gateway is down” to on-call is not delivered, and has waited for 48 minutes, after 1 failed try"
    ]


def test_a_message_that_came_soon() -> None:
    assert list(rules.delivered_late(facts(deliveries=[delivery("delivered", "03:12:59", 1)]))) == NOTHING
    assert list(rules.delivered_late(facts(deliveries=[delivery("given_up", "03:30", 5)]))) == NOTHING


def test_nobody_to_tell() -> None:
    assert list(rules.no_contact(facts(beside={"contacts_of": {"SEV2": ()}}))) == [
        "No contact for SEV2: the policy names nobody, and nobody was told"
    ]


@pytest.mark.parametrize(
    "of",
    [
        facts(beside={"contacts_of": {"SEV2": ("on-call",)}}),
        facts(beside={"contacts_of": {"SEV1": ()}}),
        facts(deliveries=[delivery("delivered", "03:12")], beside={"contacts_of": {"SEV2": ()}}),
    ],
    ids=["somebody", "not known", "somebody was told"],
)
def test_somebody_to_tell(of: Facts) -> None:
    assert list(rules.no_contact(of)) == NOTHING


def decided(clock: str, gate: str, said: str = "it was said", dependency: str = "gateway") -> Any:
    return entry(clock, "decision_made", said, dependency, gate)


def test_budget_spent() -> None:
    """Of each dependency once, until another gate answered."""
    made = [decided("03:20", "budget", "0 of 3 left"), decided("03:30", "none"), decided("03:35", "budget")]
    assert list(rules.budget_spent(facts(*made))) == [
        "gateway: the budget held an action back from 03:20 for 10 minutes: 0 of 3 left"
    ]
    assert list(rules.budget_spent(facts(decided("03:20", "backoff")))) == NOTHING


def test_no_remedy() -> None:
    assert list(rules.no_remedy(facts(decided("03:12", "remedy", "the policy has no remedy")))) == [
        "gateway: nothing could be done from 03:12 for 28 minutes: the policy has no remedy"
    ]
    assert list(rules.no_remedy(facts(decided("03:12", "none")))) == NOTHING


@pytest.mark.parametrize("gate", ["pause", "human_hold", "maintenance"])
def test_held_by_people_for_long(gate: str) -> None:
    made = [decided("03:12", gate, "paused by ops"), decided("03:25", "none")]
    assert list(rules.held_by_people(facts(*made))) == ["gateway was held by people for 13 minutes: paused by ops"]


def test_held_by_people_for_a_moment() -> None:
    """They mostly meant to."""
    assert list(rules.held_by_people(facts(decided("03:12", "pause"), decided("03:21", "none")))) == NOTHING
    assert list(rules.held_by_people(facts(decided("03:12", "storm")))) == NOTHING


def test_blind_time() -> None:
    """As the gates have it, or else of the incident that is about nothing else."""
    said = decided("03:20", "blind", "auth_failed")
    assert list(rules.was_blind(facts(said))) == ["gateway was not seen by the watchdog for 20 minutes: auth_failed"]
    assert list(rules.was_blind(facts(category="blind", reason="auth_failed", detail="password"))) == [
        "gateway was not seen by the watchdog for 28 minutes (auth_failed): password"
    ]
    assert list(rules.was_blind(facts(decided("03:20", "blind"), decided("03:20:59", "none")))) == NOTHING
    assert list(rules.was_blind(facts())) == NOTHING


def taken(*missing: MissingPartView) -> EvidenceView:
    return EvidenceView(1, "gateway", at("03:12"), 1.0, "opening", (), missing)


def test_missing_evidence() -> None:
    """One item for each reason, each part once."""
    silent = [MissingPartView(name, "Docker did not answer within 5s") for name in ("top.txt", "usage.txt", "top.txt")]
    evidence = [taken(*silent), taken(MissingPartView("activity.txt", "password authentication failed"))]
    assert list(rules.evidence_missing(facts(evidence=evidence))) == [
        "Evidence is missing (top.txt and usage.txt): Docker did not answer within 5s",
        "Evidence is missing (activity.txt): password authentication failed",
    ]
    assert list(rules.evidence_missing(facts(evidence=[taken()]))) == NOTHING


def test_the_items_are_a_checklist_in_the_order_of_the_rules() -> None:
    of = facts(reopened=1, beside={"contacts_of": {"SEV2": ()}})
    (block,) = rules.action_items(of)
    assert getattr(block, "checklist", False)
    assert [each.split(":")[0] for each in lines((block,))] == ["The incident was reopened once", "No contact for SEV2"]
