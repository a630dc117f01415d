"""Metrics: what is declared, what is counted, and what goes when a dependency goes."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from prometheus_client.exposition import generate_latest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.metrics import Metrics
from nemo_watchdog.model import ActionOutcome, Finding, Health, Moment, Observation, Reason, Severity, failed, ok
from nemo_watchdog.policy.policy import Limits, Storm
from tests.unit.engine.world import World, dependency, policy

NOON = Moment(1000.0, datetime(2026, 1, 5, 12, tzinfo=UTC))


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"nemo_watchdog_{name}", labels)


def look(metrics: Metrics, finding: Finding, *, latency: float = 0.02, lateness: float = 0.0) -> None:
    metrics.dependency("gateway").looked(Observation(finding, latency, NOON), lateness)


def test_every_name_is_ours_and_in_base_units(metrics: Metrics) -> None:
    """Prometheus' own rules for names: a prefix, seconds, no milliseconds, no unit twice."""
    families = list(metrics.registry.collect())
    assert len(families) >= 20
    for family in families:
        assert re.fullmatch(r"nemo_watchdog_[a-z_]+", family.name)
        assert "milli" not in family.name
        assert family.documentation


def test_a_look_is_counted_by_how_it_ended(metrics: Metrics) -> None:
    """Latency goes to the histogram; the reason is a label from the closed vocabulary."""
    look(metrics, ok())
    look(metrics, failed(Reason.REFUSED, "connection refused: 10.0.0.7"), latency=0.3, lateness=0.5)
    look(metrics, failed(Reason.REFUSED, "connection refused: 10.0.0.8"))
    assert value(metrics, "probes_total", dependency="gateway", outcome="ok", reason="") == 1.0
    assert value(metrics, "probes_total", dependency="gateway", outcome="failed", reason="refused") == 2.0
    assert value(metrics, "probe_duration_seconds_bucket", dependency="gateway", le="0.1") == 2.0
    assert value(metrics, "probe_lateness_seconds", dependency="gateway") == 0.5


def test_no_error_text_becomes_a_label(metrics: Metrics) -> None:
    """Labels are bounded, and a detail may say too much."""
    look(metrics, failed(Reason.REFUSED, "connection refused: 10.0.0.7"))
    assert b"10.0.0.7" not in generate_latest(metrics.registry)


def test_health_is_one_of_five(metrics: Metrics) -> None:
    """The one that it has; there is no series for what is not so."""
    for health in Health:
        metrics.dependency("gateway").health = health
        values = {each: value(metrics, "dependency_health", dependency="gateway", health=each) for each in Health}
        assert values == {each: 1.0 if each is health else None for each in Health}


def test_records_are_counted(metrics: Metrics) -> None:
    """Each fact adds to its counter."""
    facts = [
        r.IncidentOpened("i", "gateway", "SEV2", "down", "down", "fault", "refused", ""),
        r.ActionEnded("i", "i/gateway/1", "gateway", "docker.restart", "succeeded", "", 5.0, 20.0, to_verify=True),
        r.DecisionMade("i", "gateway", "wait", "backoff", "4.2s after attempt 1"),
        r.Escalated("i", "gateway", "lead", "3 attempts did not help"),
        r.HoldReleased("gateway"),
    ]
    metrics.count(facts, {"i": "SEV2"})
    assert value(metrics, "incidents_total", dependency="gateway", severity="SEV2", rule="down") == 1.0
    assert value(metrics, "incidents_open", severity="SEV2") == 1.0
    assert value(metrics, "incidents_open", severity="SEV1") == 0.0
    ended = {"dependency": "gateway", "action": "docker.restart", "outcome": "succeeded"}
    assert value(metrics, "actions_total", **ended) == 1.0
    assert value(metrics, "decisions_total", dependency="gateway", decision="wait", reason="backoff") == 1.0
    assert value(metrics, "escalations_total", dependency="gateway") == 1.0
    metrics.count([r.IncidentResolved("i", "gateway", 42.0, "every member is up")], {})
    assert value(metrics, "incidents_open", severity="SEV2") == 0.0
    assert value(metrics, "incident_duration_seconds_sum", dependency="gateway") == 42.0


@pytest.mark.parametrize("about", ["gateway", ""])
def test_what_people_declare_is_counted_with_the_others(metrics: Metrics, about: str) -> None:
    """By the dependency that they name, if they do; no word of theirs is a label."""
    world = World(policy(dependency("gateway")))
    world.send(ev.DeclareAsked("it is slow", Severity.SEV3, about, "ada"))
    (incident,) = world.engine.durable.declared
    metrics.count(world.effects[-1].records, world.engine.durable.severities())
    assert value(metrics, "incidents_total", dependency=about, severity="SEV3", rule="declared") == 1.0
    assert value(metrics, "incidents_open", severity="SEV3") == 1.0
    world.pass_time(60.0)
    world.send(ev.ResolveAsked(incident, "mended", "ada"))
    metrics.count(world.effects[-1].records, world.engine.durable.severities())
    assert value(metrics, "incidents_open", severity="SEV3") == 0.0
    assert value(metrics, "incident_duration_seconds_sum", dependency=about) == 60.0


def test_what_moves_with_time_is_computed_at_the_scrape(metrics: Metrics) -> None:
    """Budget, backoff and pauses, from the engine itself."""
    world = World(policy(dependency("gateway", grace=0.0)))
    world.crash("gateway")
    world.finish(ActionOutcome.FAILED)
    world.send(ev.PauseAsked("gateway", "deploying", "ops", 60.0))
    metrics.refresh(world.engine, world.now)
    assert value(metrics, "dependency_health", dependency="gateway", health=world.health("gateway")) == 1.0
    assert value(metrics, "budget_remaining", scope="total") == 9.0
    assert value(metrics, "budget_remaining", scope="gateway") == 4.0
    assert value(metrics, "paused", scope="gateway") == 1.0
    assert value(metrics, "paused", scope="*") == 0.0
    backoff = value(metrics, "backoff_seconds", dependency="gateway")
    assert backoff == pytest.approx(5.0, rel=0.2)
    world.run("gateway")
    world.succeed("gateway")
    world.pass_time(120.0)
    metrics.refresh(world.engine, world.now)
    assert value(metrics, "paused", scope="gateway") == 0.0
    assert value(metrics, "backoff_seconds", dependency="gateway") is None


def test_what_flaps_is_seen_at_the_scrape(metrics: Metrics) -> None:
    """1 while it does, and 0 for everything else: an alert needs no more."""
    world = World(policy(dependency("gateway", remedy=None), dependency("idle")))
    for _ in range(3):
        metrics.refresh(world.engine, world.now)
        assert value(metrics, "dependency_flapping", dependency="gateway") == 0.0
        world.fail("gateway")
        world.succeed("gateway")
    metrics.refresh(world.engine, world.now)
    assert value(metrics, "dependency_flapping", dependency="gateway") == 1.0
    assert value(metrics, "dependency_flapping", dependency="idle") == 0.0


def test_how_long_a_start_may_take_is_seen_at_the_scrape(metrics: Metrics) -> None:
    """As it was learned; nothing of what has no container."""
    world = World(policy(dependency("gateway", grace=10.0), dependency("host", container=None, remedy=None)))
    world.images["c-gateway"] = "sha256:x"
    for _ in range(5):
        world.run("gateway")
        world.fail("gateway", times=8)
        world.succeed("gateway", times=3)
    metrics.refresh(world.engine, world.now)
    assert value(metrics, "startup_grace_seconds", dependency="gateway") == pytest.approx(2 * (9.0 - 0.01))
    assert value(metrics, "startup_grace_seconds", dependency="host") is None


def test_a_storm_is_shown_while_it_lasts(metrics: Metrics) -> None:
    """What an alert is made of."""
    names = ("a", "b", "c")
    world = World(policy(*(dependency(name) for name in names), limits=Limits(storm=Storm())))

    def shown() -> float | None:
        metrics.refresh(world.engine, world.now)
        return metrics.registry.get_sample_value("nemo_watchdog_storm")

    assert shown() == 0.0
    for name in names:
        world.fail(name, Reason.REFUSED)
    assert shown() == 1.0
    for name in names:
        world.succeed(name)
    assert shown() == 0.0


def test_what_a_look_no_longer_measures_is_no_longer_shown(metrics: Metrics) -> None:
    """A transaction that is over, a look that failed: the number from before is nobody's any more."""
    look(metrics, ok("", {"postgres_oldest_transaction_seconds": 900.0, "postgres_deadlocks": 1.0}))
    look(metrics, ok("", {"postgres_deadlocks": 2.0}))
    assert value(metrics, "postgres_oldest_transaction_seconds", dependency="gateway") is None
    assert value(metrics, "postgres_deadlocks", dependency="gateway") == 2.0
    look(metrics, failed(Reason.REFUSED, ""))
    assert value(metrics, "postgres_deadlocks", dependency="gateway") is None
    look(metrics, ok("", {"postgres_deadlocks": 3.0}))
    assert value(metrics, "postgres_deadlocks", dependency="gateway") == 3.0


def test_a_measurement_may_have_a_label(metrics: Metrics) -> None:
    """One series for each value, gone with the value."""
    temperature = "gpu_temperature_celsius"
    look(metrics, ok("", {f'{temperature}{{gpu="0"}}': 50.0, f'{temperature}{{gpu="1"}}': 60.0}))
    assert value(metrics, temperature, dependency="gateway", gpu="1") == 60.0
    look(metrics, ok("", {f'{temperature}{{gpu="0"}}': 51.0}))
    assert value(metrics, temperature, dependency="gateway", gpu="0") == 51.0
    assert value(metrics, temperature, dependency="gateway", gpu="1") is None
    metrics.forget("gateway")
    assert value(metrics, temperature, dependency="gateway", gpu="0") is None


@pytest.mark.parametrize(
    "key", ["a b", 'x{y="1"', 'gpu_temperature_celsius{other="1"}', "gpu_temperature_celsius", "{}"]
)
def test_a_name_that_no_metric_can_have_is_an_error(metrics: Metrics, key: str) -> None:
    """Of the probe's author, who reads of it; a name has one label for ever."""
    look(metrics, ok("", {'gpu_temperature_celsius{gpu="0"}': 50.0}))
    with pytest.raises(ValueError, match="measurement"):
        look(metrics, ok("", {key: 1.0}))


def test_a_forgotten_dependency_leaves_no_gauge_behind(metrics: Metrics) -> None:
    """A number that nobody measures any more must not stand in a graph or fire an alert."""
    look(metrics, failed(Reason.REFUSED, "", {"tcp_backlog": 3.0}), lateness=1.0)
    metrics.dependency("gateway").health = Health.UP
    metrics.dependency("gateway").budget = 3
    metrics.dependency("gateway").flapping = True
    assert value(metrics, "tcp_backlog", dependency="gateway") == 3.0
    metrics.forget("gateway")
    gauges = [
        sample
        for family in metrics.registry.collect()
        if family.type == "gauge"
        for sample in family.samples
        if "gateway" in sample.labels.values()
    ]
    assert gauges == []
    look(metrics, ok())
    assert value(metrics, "probes_total", dependency="gateway", outcome="ok", reason="") == 1.0


def test_two_daemons_in_one_process_do_not_meet() -> None:
    """Each has a registry of its own."""
    first, second = Metrics(), Metrics()
    look(first, ok())
    assert value(second, "probes_total", dependency="gateway", outcome="ok", reason="") is None


def test_what_became_of_proposals_is_counted(metrics: Metrics) -> None:
    """By closed words: proposed, approved, rejected, by hand, and why each is over."""
    proposed = r.Proposed("i", "i/d/p1", "d", "k", "docker.restart", "container", "c", "what", "timeout", 60.0)
    by_hand = r.ActedByHand("i", "d", "a", "", [], "", "i/d/p2", "k", "docker.restart", "container", "c", "what", 300.0)
    approved = r.ProposalApproved("i", "i/d/p1", "d", "ada", 300.0)
    rejected = r.ProposalRejected("i", "i/d/p1", "d", "ada", "no", 60.0)
    ends = [r.ProposalOver("i", "i/d/p1", "d", why, "") for why in ("expired", "changed", "done", "unneeded")]
    metrics.count([proposed, approved, rejected, by_hand, *ends], {})
    outcomes = ("proposed", "approved", "rejected", "by_hand", "expired", "changed", "done", "unneeded")
    assert [value(metrics, "proposals_total", outcome=outcome) for outcome in outcomes] == [1.0] * len(outcomes)
