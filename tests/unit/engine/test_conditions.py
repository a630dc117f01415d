"""Conditions: each kind of part, what is not known, what time alone changes, and how cheap a look stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.conditions import Question, holds
from nemo_watchdog.engine.severity import scene_of
from nemo_watchdog.model import Category, Health, NotificationKind, Reason, Severity, degraded, failed, ok
from nemo_watchdog.policy.condition import Affected, Bound, Condition, Measure, Span, TagQuantifier, Times
from nemo_watchdog.policy.policy import Dependency, Remedy, Rule
from tests.unit.engine.world import World, dependency, policy, remedy

CORE = frozenset({"core"})
DOWN = Condition(health=frozenset({Health.DOWN}))
ELSE = Rule("else", Severity.SEV3)
NO_TAGS: frozenset[str] = frozenset()


def watched(name: str, *needs: str, tags: frozenset[str] = CORE, probe: str = "http") -> Dependency:
    return dependency(name, needs=needs, tags=tags, remedy=None, probe=probe)


def world_with(*rules: Rule, plan: tuple[Dependency, ...] = ()) -> World:
    """A gateway that needs postgres, redis, a GPU that is no core, and a number that a query gives."""
    plan = plan or (
        watched("postgres"),
        watched("redis"),
        watched("gateway", "postgres"),
        watched("gpu", tags=frozenset({"hardware"})),
        watched("users", tags=NO_TAGS, probe="prometheus"),
    )
    return World(replace(policy(*plan), classification=(*rules, ELSE)))


def rule(when: Condition, severity: Severity = Severity.SEV1) -> Rule:
    return Rule("it", severity, when)


def severity_of(world: World, name: str) -> Severity:
    incident = world.engine.durable.incident_of(name)
    assert incident is not None
    return incident.severity


def users(above: float, name: str = "users") -> Measure:
    return Measure(name, "prometheus_query_value", Bound(">", above, f"> {above:g}"), name)


def measured(value: float) -> dict[str, float]:
    return {"prometheus_query_value": value, "prometheus_query_series": 1.0}


# -- who a rule about the platform is about


def test_a_rule_about_the_platform_is_about_those_that_make_it_true() -> None:
    """Four services down are a complete outage; the GPU that cannot be seen meanwhile is no part of it."""
    world = world_with(rule(Condition(down=TagQuantifier("all", "core"))))
    for name in ("postgres", "redis", "gateway"):
        world.fail(name)
    world.fail("gpu", Reason.NVML_UNAVAILABLE)
    world.wait(60.0)
    world.slow("users")
    assert severity_of(world, "postgres") is severity_of(world, "redis") is Severity.SEV1
    assert severity_of(world, "gpu") is severity_of(world, "users") is Severity.SEV3


def test_what_carries_the_tag_and_serves_badly_is_not_down() -> None:
    """`any` of the others is."""
    world = world_with(rule(Condition(down=TagQuantifier("any", "core"))))
    world.fail("postgres")
    world.slow("redis")
    assert (severity_of(world, "postgres"), severity_of(world, "redis")) == (Severity.SEV1, Severity.SEV3)


def test_under_not_it_is_a_fact_about_the_platform() -> None:
    """`not: {down: {any: core}}` is for what is ill while the core serves."""
    world = world_with(rule(Condition(not_=Condition(down=TagQuantifier("any", "core")))))
    world.slow("gpu")
    assert severity_of(world, "gpu") is Severity.SEV1
    world = world_with(rule(Condition(not_=Condition(down=TagQuantifier("any", "core")))))
    world.fail("redis")
    world.slow("gpu")
    assert severity_of(world, "gpu") is Severity.SEV3


def test_in_a_remedy_it_is_a_fact_about_the_platform() -> None:
    """Its condition is not about who is remedied."""
    usual = remedy()
    fix = Remedy("restart", usual.steps, usual.budget, Condition(down=TagQuantifier("any", "data")))
    data = dependency("postgres", tags=frozenset({"data"}), remedy=None)
    world = World(policy(data, dependency("gateway"), fix=fix))
    world.crash("gateway")
    assert not world.started
    world.fail("postgres")
    assert [request.dependency for _, request in world.started] == ["gateway"]


@pytest.mark.parametrize(
    ("affected", "matches"),
    [
        (Affected(share=0.5, of="core"), True),
        (Affected(share=0.67, of="core"), False),
        (Affected(count=2, of="core"), True),
        (Affected(count=3, of="core"), False),
        (Affected(count=2), True),
        (Affected(share=0.4), True),
        (Affected(share=0.5), False),
        (Affected(count=1, of="nothing-has-it"), False),
        (Affected(share=0.01, of="nothing-has-it"), False),
    ],
)
def test_affected_are_those_that_are_down_and_those_that_need_them(affected: Affected, matches: bool) -> None:
    """Postgres is down, the gateway answers badly for it: two of three that are core, of five in all."""
    world = world_with(rule(Condition(affected=affected)))
    world.fail("postgres")
    assert severity_of(world, "postgres") is (Severity.SEV1 if matches else Severity.SEV3)
    world.slow("gateway")
    world.slow("redis")
    assert severity_of(world, "redis") is Severity.SEV3


def test_what_is_affected_by_another_is_classified_as_such() -> None:
    """It is not down itself, and it is one of those."""
    world = world_with(rule(Condition(health=frozenset({Health.DEGRADED}), affected=Affected(count=2, of="core"))))
    world.fail("postgres")
    assert severity_of(world, "postgres") is Severity.SEV3
    world.slow("gateway")
    assert severity_of(world, "gateway") is Severity.SEV1


# -- any, all, not, and what is not known


YES, NO = Condition(tags=CORE), Condition(tags=frozenset({"nobody"}))
UNKNOWN = Condition(measure=(users(1, "nobody"),))


@pytest.mark.parametrize(
    ("when", "answer"),
    [
        (Condition(), True),
        (UNKNOWN, None),
        (Condition(not_=NO), True),
        (Condition(not_=YES), False),
        (Condition(not_=UNKNOWN), None),
        (Condition(not_=Condition(not_=UNKNOWN)), None),
        (Condition(all=(YES, YES)), True),
        (Condition(all=(YES, NO)), False),
        (Condition(all=(YES, UNKNOWN)), None),
        (Condition(all=(UNKNOWN, NO)), False),
        (Condition(any=(NO, YES)), True),
        (Condition(any=(NO, NO)), False),
        (Condition(any=(NO, UNKNOWN)), None),
        (Condition(any=(UNKNOWN, YES)), True),
        (replace(UNKNOWN, tags=frozenset({"nobody"})), False),
        (Condition(measure=(users(1, "nobody"), users(1)), not_=YES), False),
    ],
)
def test_what_is_not_known_is_neither_true_nor_false(when: Condition, answer: bool | None) -> None:
    """Kleene's tables."""
    world = world_with()
    scene = scene_of(world.engine.volatile, world.engine.durable, world.now.monotonic)
    assert holds(Question(when, scene, "gateway")) is answer


@pytest.mark.parametrize("when", [Condition(measure=(users(100),)), Condition(not_=Condition(measure=(users(100),)))])
def test_a_measurement_that_nobody_has_makes_no_rule_match(when: Condition) -> None:
    """Also under `not`."""
    world = world_with(rule(when))
    world.crash("gateway")
    assert severity_of(world, "gateway") is Severity.SEV3


# -- measurements


def test_severity_rises_when_a_measurement_does() -> None:
    """Though the look that tells it is one more good look at something that is up."""
    world = world_with(rule(Condition(health=frozenset({Health.DOWN}), measure=(users(100),))))
    world.look("users", ok("12", measured(12)))
    world.crash("gateway")
    assert severity_of(world, "gateway") is Severity.SEV3
    world.look("users", ok("250", measured(250)))
    assert severity_of(world, "gateway") is Severity.SEV1
    (raised,) = world.of(r.SeverityRaised)
    assert isinstance(raised, r.SeverityRaised)
    assert (raised.rule, raised.dependency, raised.previous) == ("it", "gateway", "SEV3")
    world.look("users", ok("3", measured(3)))
    assert severity_of(world, "gateway") is Severity.SEV1  # it never silently falls


def test_a_measurement_of_the_one_that_is_classified() -> None:
    """The worst of its labels."""
    hot = Measure(None, "gpu_temperature_celsius", Bound(">=", 95, ">= 95"), "gpu_temperature_celsius")
    world = world_with(rule(Condition(measure=(hot,))))
    cool, warm = 'gpu_temperature_celsius{gpu="0"}', 'gpu_temperature_celsius{gpu="1"}'
    for _ in range(3):
        world.look("gpu", degraded(Reason.TEMPERATURE_HIGH, "hot", {cool: 50.0, warm: 92.0}))
    assert severity_of(world, "gpu") is Severity.SEV3
    world.look("gpu", degraded(Reason.TEMPERATURE_HIGH, "hot", {cool: 50.0, warm: 96.0}))
    assert severity_of(world, "gpu") is Severity.SEV1


@pytest.mark.parametrize("why", ["old", "failed"])
def test_an_old_or_failed_measurement_is_not_known(why: str) -> None:
    """Three intervals and a timeout after the look; at once, when a later one measured nothing."""
    world = world_with(rule(Condition(not_=Condition(measure=(users(100),)))))
    world.look("users", ok("1", measured(1)))
    if why == "failed":
        world.look("users", failed(Reason.REPORTED_BLIND, "no data"))
    else:
        world.pass_time(34.0)
    world.crash("gateway")
    assert severity_of(world, "gateway") is Severity.SEV3


def test_a_measurement_that_is_young_enough_is_known() -> None:
    """One that is not over the bound is known not to be."""
    world = world_with(rule(Condition(not_=Condition(measure=(users(100),)))))
    world.look("users", ok("1", measured(1)))
    world.pass_time(32.0)
    world.crash("gateway")
    assert severity_of(world, "gateway") is Severity.SEV1


# -- time


def test_severity_rises_by_time_alone() -> None:
    """The engine asks to be woken when the trouble has lasted so long, and not before."""
    world = world_with(rule(replace(DOWN, lasting=600.0)))
    world.crash("gateway")
    world.wait(599.0)
    assert severity_of(world, "gateway") is Severity.SEV3
    world.wait(1.5)
    assert severity_of(world, "gateway") is Severity.SEV1
    assert len(world.told(NotificationKind.SEVERITY_CHANGED)) == 1


def test_severity_rises_at_each_of_several_times() -> None:
    """It wakes for the next of them, not for the last."""
    soon, late = (
        Rule("soon", Severity.SEV2, replace(DOWN, lasting=600.0)),
        Rule("late", Severity.SEV1, replace(DOWN, lasting=1200.0)),
    )
    world = world_with(late, soon)
    world.crash("gateway")
    world.wait(601.0)
    assert severity_of(world, "gateway") is Severity.SEV2
    world.wait(600.0)
    assert severity_of(world, "gateway") is Severity.SEV1


def test_how_long_it_lasts_outlives_the_daemon() -> None:
    """It goes on from where it began, and what cannot be seen for a moment is no end."""
    world = world_with(rule(replace(DOWN, lasting=600.0)))
    world.crash("gateway")
    world.wait(300.0)
    world.kill_daemon()
    world.crash("gateway")
    world.wait(299.0)
    assert severity_of(world, "gateway") is Severity.SEV3
    world.wait(2.0)
    assert severity_of(world, "gateway") is Severity.SEV1


def test_it_lasts_anew_when_it_has_served() -> None:
    """Each member for itself."""
    world = world_with(rule(replace(DOWN, lasting=600.0)))
    world.crash("redis")
    world.crash("gateway")
    world.wait(500.0)
    world.run("gateway")
    world.succeed("gateway", times=3)
    world.crash("gateway")
    world.wait(150.0)
    assert severity_of(world, "redis") is Severity.SEV1
    assert severity_of(world, "gateway") is Severity.SEV3
    world.wait(460.0)
    assert severity_of(world, "gateway") is Severity.SEV1


def test_serving_badly_and_not_at_all_are_two_troubles() -> None:
    """An hour of slowness before makes no outage of a second grave."""
    world = world_with(rule(replace(DOWN, lasting=600.0)), Rule("slow", Severity.SEV2, Condition(lasting=600.0)))
    world.slow("gateway")
    world.wait(601.0)
    assert severity_of(world, "gateway") is Severity.SEV2
    world.crash("gateway")
    world.wait(590.0)
    assert severity_of(world, "gateway") is Severity.SEV2
    world.wait(15.0)
    assert severity_of(world, "gateway") is Severity.SEV1


def test_a_remedy_may_wait_until_it_has_lasted() -> None:
    """Nobody has to look for that."""
    usual = remedy()
    world = World(policy(dependency("gateway"), fix=replace(usual, when=Condition(lasting=120.0))))
    world.crash("gateway")
    world.wait(119.0)
    assert not world.started
    world.wait(2.0)
    assert len(world.started) == 1


def test_severity_rises_when_office_hours_begin() -> None:
    """The first minute of them; the world's clock begins at noon in UTC, on a Monday."""
    office = Times((Span(frozenset(range(5)), 14 * 60 + 30, 18 * 60),), ZoneInfo("Europe/Berlin"), "office hours")
    world = world_with(rule(replace(DOWN, time=office)))
    world.crash("gateway")
    world.wait(89 * 60.0)
    assert severity_of(world, "gateway") is Severity.SEV3
    world.wait(60.0)
    assert severity_of(world, "gateway") is Severity.SEV1


BERLIN = ZoneInfo("Europe/Berlin")


def times(zone: ZoneInfo, *spans: Span) -> Times:
    return Times(spans, zone, "test")


EVERY_DAY = frozenset(range(7))


@pytest.mark.parametrize(
    ("span", "utc", "expected"),
    [
        (Span(EVERY_DAY, 540, 1080), "2026-01-05 07:59", False),
        (Span(EVERY_DAY, 540, 1080), "2026-01-05 08:00", True),
        (Span(EVERY_DAY, 540, 1080), "2026-01-05 16:59", True),
        (Span(EVERY_DAY, 540, 1080), "2026-01-05 17:00", False),
        (Span(EVERY_DAY, 540, 1080), "2026-07-06 07:00", True),  # summer time
        (Span(EVERY_DAY, 540, 1080), "2026-07-06 16:00", False),
        (Span(frozenset({4}), 1320, 360), "2026-01-09 20:59", False),  # Friday night
        (Span(frozenset({4}), 1320, 360), "2026-01-09 21:00", True),
        (Span(frozenset({4}), 1320, 360), "2026-01-10 04:59", True),
        (Span(frozenset({4}), 1320, 360), "2026-01-10 05:00", False),
        (Span(frozenset({4}), 1320, 360), "2026-01-10 21:00", False),
        (Span(frozenset({5, 6}), 0, 1440), "2026-01-09 23:00", True),  # Saturday has begun in Berlin
        (Span(frozenset({5, 6}), 0, 1440), "2026-01-11 22:59", True),
        (Span(frozenset({5, 6}), 0, 1440), "2026-01-11 23:00", False),
        (Span(EVERY_DAY, 150, 240), "2026-03-29 00:59", False),  # 01:59; the hour from 2 to 3 does not exist
        (Span(EVERY_DAY, 150, 240), "2026-03-29 01:00", True),
        (Span(EVERY_DAY, 150, 240), "2026-03-29 02:00", False),
        (Span(EVERY_DAY, 150, 180), "2026-10-25 00:30", True),  # 02:30, which comes twice
        (Span(EVERY_DAY, 150, 180), "2026-10-25 01:00", False),
        (Span(EVERY_DAY, 150, 180), "2026-10-25 01:30", True),
        (Span(EVERY_DAY, 150, 180), "2026-10-25 02:00", False),
    ],
)
def test_times_of_the_day_in_berlin(span: Span, utc: str, expected: bool) -> None:
    """In winter, in summer, over midnight, and on the days on which clocks are changed."""
    assert times(BERLIN, span).holds(datetime.fromisoformat(f"{utc}+00:00")) is expected


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"])
@pytest.mark.parametrize("day", ["2026-03-08", "2026-03-29", "2026-04-05", "2026-10-04", "2026-10-25", "2026-11-01"])
def test_nothing_changes_before_the_next_border(zone: str, day: str) -> None:
    """Whoever is woken at each border misses no change by more than a minute, also where clocks are changed."""
    asked = times(ZoneInfo(zone), Span(EVERY_DAY, 150, 240), Span(frozenset({0, 6}), 1410, 15))
    start = datetime.fromisoformat(f"{day}T00:00:00+00:00")
    now, known = start, asked.holds(start)
    border = asked.next_border(now)
    while now < start + timedelta(days=2):
        now += timedelta(minutes=1)
        if now >= border:
            known, border = asked.holds(now), asked.next_border(now)
            assert border > now
        assert asked.holds(now) is known


def test_a_border_comes_no_later_than_the_next_full_hour() -> None:
    """From within a minute as well."""
    noon = datetime(2026, 1, 5, 12, 0, 30, tzinfo=UTC)
    assert times(ZoneInfo("UTC"), Span(EVERY_DAY, 540, 1080)).next_border(noon) == noon.replace(hour=13, second=0)


def test_a_reloaded_policy_weighs_what_is_open_anew() -> None:
    """With what has lasted so far, and without a look."""
    world = world_with(rule(replace(DOWN, lasting=600.0)))
    world.crash("gateway")
    world.wait(200.0)
    world.send(
        ev.PolicyChanged(replace(world.engine.policy, classification=(rule(replace(DOWN, lasting=180.0)), ELSE)))
    )
    assert severity_of(world, "gateway") is Severity.SEV1


# -- what is said


def test_the_rule_stands_wherever_the_severity_does() -> None:
    """In each message, of whatever kind, with the rule's own title at the opening."""
    hot = Rule("hot", Severity.SEV1, Condition(reason=frozenset({"temperature_high"})), title="Hardware runs hot")
    world = world_with(hot)
    for _ in range(3):
        world.look("gpu", degraded(Reason.TEMPERATURE_HIGH, "GPU 0 has 95 °C"))
    world.succeed("gpu", times=3)
    opened, resolved = world.notifications
    assert "SEV1 Hardware runs hot by the rule hot. Respond within 15m." in opened.body
    assert resolved.kind is NotificationKind.RESOLVED
    assert "SEV1 Hardware runs hot by the rule hot." in resolved.body
    assert "Complete outage" not in opened.body + resolved.body


def test_the_category_of_what_rose_is_said_with_its_rule() -> None:
    """The message about a severity that rises is about the member that it rose for."""
    world = world_with(Rule("risk", Severity.SEV1, Condition(category=frozenset({Category.INTEGRITY}))))
    world.fail("postgres")
    world.fail("gateway")
    world.fail("gateway", Reason.DATA_CORRUPTED)
    (told,) = world.told(NotificationKind.SEVERITY_CHANGED)
    assert told.body.startswith("gateway is down: data_corrupted")


def test_an_earlier_rule_of_the_same_severity_tells_its_own_contacts() -> None:
    """Data at risk in an outage that is SEV1 already: `security` is told once, and the rule is the graver one."""
    at_risk = Condition(category=frozenset({Category.INTEGRITY}))
    risk, outage = Rule("risk", Severity.SEV1, at_risk, ("security",)), Rule("outage", Severity.SEV1, DOWN)
    world = world_with(risk, outage)
    world.fail("postgres")
    world.fail("postgres", Reason.DATA_CORRUPTED)
    (told,) = world.told(NotificationKind.SEVERITY_CHANGED)
    assert told.contacts == ("on-call", "lead", "security")
    assert "What is more: SEV1 Complete outage by the rule risk.\n" in told.body
    world.fail("postgres", times=10)
    assert world.engine.durable.incidents[told.incident].rule == "risk"
    assert len(world.told(NotificationKind.SEVERITY_CHANGED)) == 1
    world = world_with(replace(risk, notify=()), outage)
    world.fail("postgres")
    world.fail("postgres", Reason.DATA_CORRUPTED)
    assert not world.told(NotificationKind.SEVERITY_CHANGED)
