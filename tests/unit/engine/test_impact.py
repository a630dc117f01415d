"""Whom an incident hurts is known from its opening on, and said wherever its severity is."""

from __future__ import annotations

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine.impact import Impact, impact_of
from nemo_watchdog.engine.telling import alert_of
from nemo_watchdog.engine.view import status
from nemo_watchdog.model import Alert, NotificationKind, Reason
from nemo_watchdog.views import PolicyView
from tests.unit.engine.world import World, dependency, policy


def world(**more: object) -> World:
    """Five of the core; the report is none of it."""
    return World(
        policy(
            dependency("gpu"),
            dependency("gemma", needs=["gpu"]),
            dependency("a"),
            dependency("b"),
            dependency("gateway", needs=["gemma", ("a", "b")], **more),  # type: ignore[arg-type]
            dependency("report", needs=["a"], tags=frozenset()),
        )
    )


def affected(platform: World, root: str) -> str:
    incident = platform.engine.durable.incident_of(root)
    assert incident is not None
    return str(impact_of(platform.engine.volatile, incident.root, incident.members))


def test_what_needs_the_root_is_affected_before_it_fails() -> None:
    """Directly or not."""
    platform = world()
    platform.crash("gpu")
    assert affected(platform, "gpu") == "gpu, gemma and gateway (3 of 5 core)"


def test_through_a_group_only_when_none_of_it_is_left() -> None:
    """One of two caches hurts only what needs that one."""
    platform = world()
    platform.crash("a")
    assert affected(platform, "a") == "a and report (1 of 5 core)"
    platform.crash("b")
    assert affected(platform, "b") == "b and gateway (2 of 5 core)"
    assert affected(platform, "a") == "a, report and gateway (2 of 5 core)"


def test_a_member_that_failed_after_it_is_affected() -> None:
    """Whatever became of the root."""
    platform = world()
    platform.crash("gpu")
    platform.fail("gateway")
    platform.finish()
    platform.succeed("gpu", times=3)
    assert affected(platform, "gpu") == "gpu and gateway (2 of 5 core)"


@pytest.mark.parametrize("ill", ["slow", "unseen"])
def test_what_serves_or_cannot_be_seen_hurts_nobody_yet(ill: str) -> None:
    """A slow one serves its children; of what cannot be seen nobody knows."""
    platform = world()
    if ill == "slow":
        platform.slow("gpu")
    else:
        platform.fail("gpu", Reason.AUTH_FAILED, times=5)
        platform.wait(60.0)
    assert affected(platform, "gpu") == "gpu (1 of 5 core)"


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (1, "d0"),
        (2, "d0 and d1"),
        (6, "d0, d1, d2, d3, d4 and d5"),
        (7, "d0, d1, d2, d3, d4 and 2 more"),
        (17, "d0, d1, d2, d3, d4 and 12 more"),
    ],
)
def test_five_or_six_are_named_and_the_rest_is_a_number(count: int, said: str) -> None:
    """Without a core there is nothing to count it by."""
    assert str(Impact(tuple(f"d{n}" for n in range(count)), 0, 0)) == said


def test_it_is_said_wherever_the_severity_is() -> None:
    """Opening, escalation, a severity that rises, the alert, the status, and the record of the opening."""
    platform = world()
    platform.crash("gpu")
    said = "gpu, gemma and gateway (3 of 5 core)"
    (opened,) = platform.told(NotificationKind.OPENED)
    assert f"Affected: {said}." in opened.body
    (record,) = platform.of(r.IncidentOpened)
    assert isinstance(record, r.IncidentOpened)
    assert record.affected == "gpu, gemma and gateway (3 of 5 core)"
    incident = platform.engine.durable.incidents[record.incident]
    alert = alert_of(platform.engine.volatile, platform.engine.durable, incident, platform.now)
    assert isinstance(alert, Alert)
    assert f"Affected: {said}." in alert.annotations["description"]
    (view,) = status(platform.engine, platform.now, PolicyView(0.0, ()), "1").incidents
    assert view.impact is not None
    assert (view.impact.said, view.impact.core, view.impact.of_core) == (said, 3, 5)
    for name in ("gemma", "a", "b", "gateway"):
        platform.crash(name)
    (rose,) = [each for each in platform.told(NotificationKind.SEVERITY_CHANGED) if each.root == "gpu"]
    assert "Affected: gpu, gemma and gateway (3 of 5 core)." in rose.body


def test_an_incident_of_what_is_not_watched_any_more_hurts_nobody() -> None:
    """There is a word for it all the same."""
    platform = world()
    assert str(impact_of(platform.engine.volatile, "gone", ["gone"])) == "nothing that is watched (0 of 5 core)"
