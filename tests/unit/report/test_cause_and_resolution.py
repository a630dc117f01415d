"""The cause and the resolution: a person's word, what the record establishes, what only speaks, and how it ended."""

from __future__ import annotations

from typing import Any

import pytest

from nemo_watchdog.incident_views import EvidencePartView, EvidenceView
from nemo_watchdog.model import Reason
from nemo_watchdog.report.facts import Facts, parts_read
from nemo_watchdog.views import NoteView
from tests.unit.report.parts import at, attempt, entry, facts, written

ENDED = "It ended because every member is up."
LOG = "all is well\nERROR pool is full\n"


def note(clock: str, about: str, text: str) -> NoteView:
    return NoteView(at(clock), "maria", about, text)


def evidence(number: int, dependency: str, clock: str, *names: str) -> EvidenceView:
    parts = tuple(EvidencePartView(name, 10) for name in names)
    return EvidenceView(number, dependency, at(clock), 1.0, f"occasion {number}", parts, ())


def cause(of: Facts) -> list[str]:
    return written(of, "Root Cause")


def resolution(of: Facts) -> list[str]:
    return written(of, "Resolution")


def test_the_newest_word_of_a_person_on_the_cause_counts() -> None:
    """With who wrote it and when; the older one is a note."""
    newest, older = note("05:10", "root_cause", "The pool.\nIts lock."), note("03:50", "root_cause", "DNS?")
    of = facts(notes=[newest, older, note("03:30", "note", "hm"), note("05:20", "public", "It is back.")])
    assert cause(of) == ["The pool.\nIts lock.", "Written by maria, 2026-11-23 05:10."]
    assert written(of, "Notes") == [
        "maria, 2026-11-23 03:30:",
        "hm",
        "maria, 2026-11-23 03:50, on the cause, before the one above:",
        "DNS?",
        "maria, 2026-11-23 05:20, for users:",
        "It is back.",
    ]


def test_a_note_alone_is_no_cause() -> None:
    assert cause(facts(notes=[note("03:30", "note", "the pool")]))[0] == "Not established. What speaks:"


@pytest.mark.parametrize(
    ("reason", "category", "said"),
    [
        ("oom_killed", "fault", "gateway was killed for memory. Why it needed so much is not established."),
        ("certificate_expired", "integrity", "gateway: Its certificate has ended: no restart renews it."),
    ],
)
def test_what_docker_or_the_dependency_itself_says_is_established(reason: str, category: str, said: str) -> None:
    found = cause(facts(reason=reason, category=category))
    assert found[0].startswith(said)
    assert found[0].endswith("is not established.")


def test_what_speaks_is_said_beside_that_it_is_not_established() -> None:
    """The root with its reason, who failed after it, what it used, and a storm."""
    of = facts(
        entry("03:11", "member_joined", dependency="before"),
        entry("03:12", "incident_opened"),
        entry("03:13", "member_joined", dependency="site"),
        entry("03:14", "member_joined", dependency="users"),
        entry("03:15", "storm_began", "8 of 12 fail together", None),
        beside={"evidence_text": {"gateway.usage.txt": "memory: peak 1 GiB, limit 2 GiB"}},
    )
    assert cause(of) == [
        "Not established. What speaks:",
        f"gateway failed first, as timeout. {Reason.TIMEOUT.meaning} It was seen as: no answer within 3s.",
        "The members that need it failed after it: site and users.",
        "Its usage then: memory: peak 1 GiB, limit 2 GiB.",
        "Much failed together, so that something shared is suspected: 8 of 12 fail together.",
    ]


def test_a_reason_of_a_newer_daemon_is_said_as_it_is() -> None:
    assert cause(facts(reason="from_the_future", detail="x"))[1] == (
        "gateway failed first, as from_the_future. It was seen as: x."
    )


def test_nothing_speaks() -> None:
    found = cause(facts(root="", members=(), reason=None, category=None, detail=""))
    assert found == ["Not established, and the record has nothing that speaks for a cause."]


def test_the_log_and_the_blockers_are_quoted_with_when_they_were_taken() -> None:
    of = facts(
        evidence=[evidence(1, "gateway", "03:12:07", "gateway.log", "gateway.activity.txt")],
        beside={"evidence_text": {"gateway.log": LOG, "gateway.activity.txt": "pid 7 idle\npid 9 blocks 4 others\n"}},
    )
    assert cause(of)[2:] == [
        "The end of gateway.log, taken at 03:12 (occasion 1):",
        "ERROR pool is full",
        "Who held up whom, from gateway.activity.txt, taken at 03:12 (occasion 1):",
        "pid 9 blocks 4 others",
    ]


def test_evidence_that_could_not_be_read_is_said() -> None:
    """The report is written all the same."""
    assert cause(facts(beside={"evidence_trouble": "disk I/O error"}))[-1] == (
        "The evidence could not be read: disk I/O error."
    )


def test_the_first_evidence_of_the_root_is_read() -> None:
    """What was taken first is nearest to the cause; of another member only what the root's does not have."""
    taken = [
        evidence(1, "site", "03:12", "site.log", "site.activity.txt"),
        evidence(2, "gateway", "03:13", "gateway.log", "gateway.inspect.json"),
        evidence(3, "gateway", "03:20", "gateway.log", "gateway.usage.txt"),
    ]
    found = [(each.number, name) for each, name in parts_read(facts(evidence=taken).detail)]
    assert found == [(2, "gateway.log"), (1, "site.activity.txt"), (3, "gateway.usage.txt")]


def test_the_last_action_that_was_verified_is_what_worked() -> None:
    """Beside all that was tried, and how long each part took."""
    of = facts(
        entry("03:11", "first_sign", "no answer"),
        entry("03:12", "incident_opened"),
        *attempt("03:12"),
        *attempt("03:20", verdict="member_recovered"),
        entry("03:40", "incident_resolved", dependency=None),
        actions=2,
    )
    assert resolution(of) == [
        f"What worked: docker.restart for gateway at 03:20. It was seen to serve 15 seconds later. {ENDED}",
        "What was tried: gateway restarted twice, 1 verified.",
        "From the first sign to detected: 1 minute",
        "From detected to mitigated: 8 minutes 15 seconds",
        "From detected to resolved: 28 minutes",
    ]


@pytest.mark.parametrize(
    ("tried", "said"),
    [
        ([attempt("03:12")], "gateway restarted once, did not help"),
        ([attempt("03:12"), attempt("03:20")], "gateway restarted twice, none verified"),
        ([attempt("03:12", verdict="")], "gateway restarted once, not judged"),
        ([attempt("03:12", "refused", "")], "docker.restart of gateway refused 1 time, nothing ordered"),
        (
            [attempt("03:12"), attempt("03:13", "refused", "")],
            "gateway restarted once, did not help; docker.restart of gateway refused 1 time, nothing ordered",
        ),
        (
            [attempt("03:12", verdict="member_recovered"), attempt("03:14", verdict="member_recovered")],
            "gateway restarted twice, each verified",
        ),
    ],
)
def test_what_was_tried(tried: Any, said: str) -> None:
    assert f"What was tried: {said}." in resolution(facts(*(each for of in tried for each in of), actions=len(tried)))


def test_it_served_again_though_no_action_helped() -> None:
    """That a restart ran is no proof that it was the cure."""
    assert resolution(facts(*attempt("03:12"), actions=1))[0] == (
        "No action is known to have helped: it served again without one that was verified. "
        "It ended because every member is up."
    )


def test_it_recovered_by_itself() -> None:
    assert resolution(facts()) == [
        "It recovered without an action of the watchdog. It ended because every member is up.",
        "From detected to resolved: 28 minutes",
    ]


def test_a_timeline_that_is_forgotten_leaves_the_number() -> None:
    assert "2 actions were taken; the timeline has no more of it." in resolution(facts(actions=2))


def test_an_open_incident_is_a_draft() -> None:
    """The summary says so, too, and how long it has lasted so far."""
    of = facts(*attempt("03:12", verdict="member_recovered"), resolved=None, seconds=2880.0, why="", actions=1)
    assert resolution(of) == [
        "Still open; this is a draft of 04:00.",
        "What was tried: gateway restarted once, verified.",
    ]
    assert written(of, "Incident Summary")[1] == "Duration: 48 minutes (since 03:12)"


def test_an_open_incident_in_which_nothing_was_done() -> None:
    assert resolution(facts(resolved=None)) == [
        "Still open; this is a draft of 04:00.",
        "No action was taken by the watchdog.",
    ]


def test_a_declared_incident_is_told_in_the_words_of_who_declared_it() -> None:
    """It has no root, no remedy belongs to it, and a person ends it."""
    declared = "Customers report empty answers."
    of = facts(
        entry("03:12", "incident_declared", "maria declared it", None),
        entry("03:40", "incident_resolved", "maria resolved it", None),
        declared=declared, root="", members=(), rule="", title="", category=None, reason=None, detail="",
        why="the prompt template was rolled back", impact="",
    )  # fmt: skip
    assert written(of, "Incident Summary")[2:] == [
        "Severity: SEV2",
        "Impact: Customers report empty answers.",
    ]
    assert written(of, "Timeline")[0] == "03:12 - Declared: maria declared it"
    assert cause(of) == ["Not established. What speaks:", "It was declared by a person: Customers report empty answers"]
    assert resolution(of) == [
        "It was closed by a person. It ended because the prompt template was rolled back.",
        "No action was taken by the watchdog.",
        "From detected to resolved: 28 minutes",
    ]


def test_a_merged_incident_names_the_one_that_goes_on() -> None:
    of = facts(entry("03:20", "incident_merged", "part of x"), merged_into="20261123-031000-postgres")
    assert written(of, "Timeline") == ["03:20 - part of x"]
    assert resolution(of)[0] == ("It became part of 20261123-031000-postgres, whose report tells how it went on.")
