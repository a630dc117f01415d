"""An incident for Alertmanager: what it is known by stays, what is said of it is of now."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.telling import alert_of
from nemo_watchdog.model import Alert, Reason, Severity
from nemo_watchdog.policy.people import Telling
from nemo_watchdog.policy.policy import Policy
from tests.unit.engine.world import World, dependency, policy


def platform() -> World:
    """postgres, and two services that need it; all that is core."""
    return World(
        policy(
            dependency("a", needs=["postgres"], grace=0.0),
            dependency("b", needs=["postgres"], grace=0.0),
            dependency("postgres", grace=0.0),
        )
    )


def alerts(world: World) -> list[Alert]:
    durable = world.engine.durable
    answers = [alert_of(world.engine.volatile, durable, one, world.now) for one in durable.incidents.values()]
    return [each for each in answers if isinstance(each, Alert)]


def fail_alone(world: World, name: str) -> None:
    """It fails while what it needs is seen to serve."""
    world.fail(name, Reason.REFUSED)
    world.succeed("postgres", times=1)


def test_a_rise_and_another_root_change_no_label() -> None:
    """They are said in annotations, with the text of what is the cause now."""
    world = platform()
    fail_alone(world, "a")
    (first,) = alerts(world)
    assert first.labels == {
        "alertname": "NemoWatchdogIncident",
        "incident": first.incident,
        "dependency": "a",
        "severity": "SEV2",
        "rule": "down",
    }
    assert first.annotations["summary"] == "a is down (refused)"
    world.fail("postgres", Reason.TIMEOUT)
    world.fail("b", Reason.REFUSED)
    (incident,) = world.engine.durable.open()
    assert (incident.root, incident.severity) == ("postgres", Severity.SEV1)
    (now,) = alerts(world)
    assert (now.labels, now.starts_at, now.ends_at) == (first.labels, first.starts_at, None)
    said = now.annotations
    assert (said["severity"], said["rule"], said["dependency"]) == ("SEV1", "outage", "postgres")
    assert said["title"] == "Complete outage"
    assert said["summary"] == "postgres is down (timeout)"
    assert said["description"].startswith("test: timeout. Affected: postgres, a and b (3 of 3 core). Rule: outage.")


def test_labels_are_the_same_after_a_new_start() -> None:
    """They are those of the opening, which the journal knows."""
    world = platform()
    fail_alone(world, "a")
    (first,) = alerts(world)
    world.fail("postgres", Reason.TIMEOUT)
    world.fail("b", Reason.REFUSED)
    world.kill_daemon()
    (now,) = alerts(world)
    assert now.labels == first.labels
    assert now.annotations["severity"] == "SEV1"


def test_what_comes_back_soon_is_the_same_alert() -> None:
    world = platform()
    fail_alone(world, "a")
    (first,) = alerts(world)
    world.finish()
    world.succeed("a")
    (over,) = alerts(world)
    assert over.ends_at == world.utc
    assert over.annotations["summary"] == "a is up again"
    assert over.annotations["description"].startswith("Over after ")
    assert over.annotations["description"].endswith("; actions taken: 1.")
    assert "next" not in over.annotations
    assert "runbook" not in over.annotations
    world.fail("a", Reason.TIMEOUT)
    world.succeed("postgres", times=1)
    (again,) = alerts(world)
    assert (again.labels, again.ends_at) == (first.labels, None)
    assert again.annotations["summary"] == "a is down (timeout)"


def test_what_was_merged_ends_and_says_where_it_goes_on() -> None:
    """One alert is left; the text of the one that ends does not say that anything is up."""
    world = platform()
    fail_alone(world, "a")
    fail_alone(world, "b")
    world.fail("postgres", Reason.TIMEOUT)
    left, merged = alerts(world)
    assert (left.ends_at, merged.ends_at) == (None, world.utc)
    assert merged.labels["dependency"] == "b"
    assert merged.annotations["summary"] == "not over: b is part of the trouble of postgres"
    assert left.incident in merged.annotations["description"]


def test_it_says_since_when_what_comes_next_and_how_to_answer() -> None:
    """With the time and the zone of the policy."""
    plan = policy(dependency("a", grace=0.0))
    berlin = Telling(zone=ZoneInfo("Europe/Berlin"), link="https://watchdog.example.org/")
    world = World(replace(plan, telling=berlin))
    world.crash("a")
    (alert,) = alerts(world)
    said = alert.annotations
    assert said["since"] == "2026-01-05 13:00:03 CET"
    assert said["next"] == f"{said['next'].partition(' (as of')[0]} (as of 2026-01-05 13:00:03 CET)"
    assert said["next"].startswith("docker.restart")
    assert said["runbook"] == (
        f"Respond within 15m. Take it: `nemo-watchdog ack {alert.incident}`. "
        f"All that is known: `nemo-watchdog incident {alert.incident}`."
    )
    assert alert.link == f"https://watchdog.example.org/api/v1/incidents/{alert.incident}"


def test_without_a_link_there_is_none() -> None:
    world = platform()
    fail_alone(world, "a")
    assert [each.link for each in alerts(world)] == [""]


def test_who_has_taken_it_is_said_while_that_holds() -> None:
    world = platform()
    fail_alone(world, "a")
    (incident,) = world.engine.durable.open()
    world.send(ev.AcknowledgeAsked(incident.incident, "ada", 60.0))
    assert [each.annotations.get("acknowledged_by") for each in alerts(world)] == ["ada"]
    world.pass_time(61.0)
    assert [each.annotations.get("acknowledged_by") for each in alerts(world)] == [None]


def without(plan: Policy, name: str) -> Policy:
    return replace(plan, dependencies={key: spec for key, spec in plan.dependencies.items() if key != name})


def test_what_the_policy_names_no_more_is_not_said_to_be_up() -> None:
    world = platform()
    fail_alone(world, "a")
    world.send(ev.PolicyChanged(without(world.engine.policy, "a")))
    world.finish(restarted=False)
    (alert,) = alerts(world)
    assert alert.ends_at == world.utc
    assert alert.annotations["summary"] == "a is not watched any more"
    assert "a not watched any more: the policy does not name it." in alert.annotations["description"]


def test_a_member_that_still_fails_is_said_when_the_root_serves() -> None:
    """And that all of it must be seen to serve, when all does."""
    world = platform()
    world.fail("postgres", Reason.TIMEOUT)
    world.fail("a", Reason.REFUSED)
    world.succeed("postgres")
    (alert,) = alerts(world)
    assert alert.annotations["dependency"] == "postgres"
    assert alert.annotations["summary"] == "a is down (refused)"
