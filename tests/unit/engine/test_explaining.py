"""Why it is so now and why nothing is done, in sentences: what stands in them, and what must not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.explaining import explain_now
from nemo_watchdog.engine.gate_words import MEANINGS
from nemo_watchdog.incident_views import ExplanationView
from nemo_watchdog.model import ActionOutcome, Autonomy, Gate, Health, Reason, Verdict, failed
from nemo_watchdog.policy.policy import Backoff, EscalateStep
from tests.unit.engine.test_gates import CASES, Case, at_work, failed_just_now, just_restarted, stopped_by_hand
from tests.unit.engine.world import RESTART, World, dependency, policy, remedy


def explained(world: World, name: str = "gateway") -> ExplanationView:
    return explain_now(world.engine, name, world.now)


def said(world: World, name: str = "gateway") -> str:
    return "\n".join(explained(world, name).said)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.scenario.__name__)
def test_what_is_decided_is_said_with_its_gate_its_value_and_what_it_means(case: Case) -> None:
    """And every gate's answer stands below."""
    world = case.scenario()
    for name, tracker in world.engine.trackers.items():
        view, text = explained(world, name), said(world, name)
        decision = world.engine.decision(name, world.now)
        assert [gate.gate for gate in view.gates] == [each.gate for each in world.engine.explanation(name, world.now)]
        if decision is None or tracker.state.health is Health.UP:
            assert view.decision is None
            assert "There is nothing to decide" in text
        else:
            assert view.decision is not None
            assert (view.decision.verdict, view.decision.gate) == (decision.verdict, decision.gate)
            assert f"by the gate {decision.gate}: {decision.value}" in text
            assert MEANINGS[decision.gate] in text
        assert all(sentence.endswith((".", "…")) and sentence[0] == sentence[0].strip() for sentence in view.said)


def test_it_begins_with_how_it_is_since_when_and_which_looks_decided() -> None:
    world = World(policy(dependency("gateway", autonomy=Autonomy.OBSERVE)))
    world.fail("gateway", Reason.REFUSED)
    first, looks, last, *_ = explained(world).said
    assert first == (
        "gateway is down since 2026-01-05 12:00:06 UTC: refused (test: refused). "
        "That is a fault: it is broken, and a restart may help."
    )
    assert looks == "3 of the last 3 looks failed; 3 in a row make it down, 2 good ones in a row up."
    assert last == "The last look at it, at 2026-01-05 12:00:06 UTC, took 10ms and failed: refused (test: refused)."


def test_dockers_word_needs_no_look() -> None:
    world = World(policy(dependency("gateway")))
    world.stopped_by_hand("gateway")
    assert "Docker itself says so: that needs no look to confirm it." in said(world)


def test_what_saw_nothing_confirms_nothing() -> None:
    """Of a probe that is blind nobody says that its looks were from before a start."""
    world = World(policy(dependency("gateway")))
    world.look("gateway", failed(Reason.AUTH_FAILED, "wrong password"), times=4)
    assert "Looks that saw nothing count for nothing: they do not say how it is." in said(world)


def test_what_was_never_looked_at_says_so() -> None:
    world = World(policy(dependency("gateway")), running=False)
    assert "It has not been looked at yet." in said(world)
    assert explained(world).since is None


def test_the_rule_that_chose_the_severity_is_said_with_what_it_asks_for() -> None:
    """And the title that people know."""
    world = World(policy(dependency("gateway"), dependency("redis")))
    world.crash("gateway")
    assert "That incident is SEV2 Major degradation, by the rule down, which asks for health: down." in said(world)
    world.send(ev.PolicyChanged(replace(world.engine.policy, classification=())))
    assert "by the rule down, which the policy does not have any more." in said(world)


def test_of_what_no_rule_matches_that_is_said() -> None:
    world = World(replace(policy(dependency("gateway")), classification=()))
    world.crash("gateway")
    assert "That incident is SEV4 Low impact, by the rule unclassified: no rule matches it." in said(world)


def test_root_and_members_know_each_other() -> None:
    world = World(policy(dependency("postgres"), dependency("gateway", needs=["postgres"])))
    world.crash("postgres")
    world.fail("gateway", Reason.REFUSED)
    assert "of which postgres is the root." in said(world)
    root = "It is the root of the incident 20260105-120006-postgres, open since 2026-01-05 12:00:06 UTC"
    assert f"{root}; gateway fails with it." in said(world, "postgres")


def test_what_somebody_did_is_said_with_when_that_was_seen() -> None:
    """Whoever reads it at night knows whom to ask."""
    text = said(stopped_by_hand())
    assert "somebody stopped the container through Docker (signal 15); held until it runs again." in text
    assert "That was seen at 2026-01-05 12:00:03 UTC." in text


def test_what_is_down_in_no_incident_says_what_holds_all_the_same() -> None:
    """Nobody is told of a stop for a while; whoever asks is."""
    world = World(policy(dependency("gateway")))
    world.stopped_by_hand("gateway")
    view, text = explained(world), said(world)
    assert (view.incident, view.decision) == (None, None)
    assert "There is nothing to decide: no incident is open for it." in text
    assert "Nothing is done for now, by the gate human_hold: somebody stopped the container" in text
    assert "If it failed" not in text


def test_a_backoff_ends_when_the_next_action_can_come() -> None:
    """With what that is, what was tried, and what is left."""
    world = failed_just_now()
    view, text = explained(world), said(world)
    assert view.decision is not None
    assert view.next_action == view.decision.until
    assert "The next action can come at 2026-01-05 12:00:08 UTC, when the backoff ends." in text
    assert "Next on its remedy: docker.restart of c-gateway, attempt 2 of 3; after that lead is told." in text
    assert "Attempts in this trouble so far: 1." in text
    assert "Actions left: 4 of 5 per 1h for it, 9 of 10 per 1h for all together." in text


def test_the_time_when_a_person_is_told_is_not_taken_for_an_end() -> None:
    """Work may go on for longer than that."""
    view = explained(at_work())
    assert view.decision is not None
    assert view.decision.until is not None
    assert view.next_action is None


def test_what_stands_behind_the_first_gate_is_said_too() -> None:
    """Who waits for the backoff alone would wonder."""
    world = failed_just_now()
    world.send(ev.PauseAsked("gateway", "deploying", "ops", 3600.0))
    text = said(world)
    assert "The next action can come at 2026-01-05 13:00:03 UTC, when the pause ends." in text
    assert "by the gate backoff" not in text  # that ends before
    world = failed_just_now()
    world.send(ev.PolicyChanged(policy(dependency("gateway", autonomy=Autonomy.OBSERVE))))
    view, text = explained(world), said(world)
    assert view.next_action is None
    assert "The backoff ends at 2026-01-05 12:00:08 UTC." in text
    behind = "After that the gate autonomy would hold it back, as things are"
    assert f"{behind}: the policy lets the watchdog only observe." in text


def test_while_something_is_judged_it_is_said_what_comes_if_it_has_not_helped() -> None:
    assert "If that has not helped: docker.restart of c-gateway, attempt 2 of 10." in said(just_restarted())


def test_when_only_a_person_is_left_that_comes_next() -> None:
    fix = remedy(replace(RESTART, attempts=1, backoff=Backoff(60.0, 1.0, 60.0, 0.0)), EscalateStep("lead"))
    world = World(policy(dependency("gateway"), fix=fix))
    world.crash("gateway")
    world.send(ev.PauseAsked("gateway", "deploying", "ops"))
    world.finish(ActionOutcome.FAILED)
    assert "Next on its remedy: the contact lead is told, and nothing more is tried." in said(world)


def test_what_is_up_says_what_would_be_done_and_what_would_hold_it() -> None:
    """A pause that somebody forgot is found before it matters."""
    world = World(policy(dependency("gateway")))
    view = explained(world)
    assert (view.health, view.decision, view.next_action, view.incident) == ("up", None, None, None)
    text = said(world)
    assert "gateway is up since 2026-01-05 12:00:02 UTC." in text
    first = "docker.restart of c-gateway, attempt 1 of 3; after that lead is told."
    assert f"If it failed, its remedy restart would begin with this: {first}" in text
    assert "held back" not in text
    world.send(ev.PauseAsked("gateway", "deploying", "ops", 60.0))
    held = "It would be held back now by the gate pause, until 2026-01-05 12:01:03 UTC: ops paused gateway: deploying."
    assert held in said(world)


def test_what_is_up_without_a_remedy_says_that() -> None:
    world = World(policy(dependency("gateway", remedy=None)))
    assert "a person would be told and nothing done: the policy names no remedy for it." in said(world)
    assert "Actions left" not in said(world)


def test_acting_is_now() -> None:
    """Every gate is open only for the moment before it is done."""
    world = World(policy(dependency("gateway")))
    world.send(ev.PauseAsked("gateway", "deploying", "ops", 10.0))
    world.crash("gateway")
    world.pass_time(20.0)
    view = explained(world)
    assert view.decision is not None
    assert view.decision.verdict == Verdict.ACT
    assert view.next_action == world.now.utc.isoformat()
    assert MEANINGS[Gate.NONE] in said(world)


def test_one_that_nobody_watches_has_no_explanation() -> None:
    with pytest.raises(KeyError):
        explained(World(policy(dependency("gateway"))), "redis")
