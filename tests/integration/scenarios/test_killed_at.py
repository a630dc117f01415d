"""The daemon is killed in the middle of an action: the next one repeats nothing unseen, and leaves nothing to people.

These differ in kind; `python -m tests.suites.killed` plays every point of every action.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from nemo_watchdog.actions.catalog import ACTIONS
from tests.integration.scenarios.kill_points import POINTS, Point
from tests.integration.scenarios.kill_scenes import SCENES
from tests.integration.scenarios.killed import play

CHOSEN = (
    ("docker.restart", "intent: action_intended is on disk, and not yet proven by the head beside it"),
    ("docker.restart", "evidence: it is taken, and not kept yet"),
    ("docker.restart", "action: the restart, while Docker does it"),
    ("docker.restart", "verification: attempt_failed is on disk"),
    ("docker.restart", "approval: proposal_approved is on disk"),
    ("docker.recreate", "action: the old one is renamed, after Docker has done it, the answer unheard"),
    ("docker.recreate", "outcome: before action_ended is on disk"),
    ("docker.recreate", "settling: the old one is removed, after Docker has done it, the answer unheard"),
    ("docker.recreate", "settling, put back: the new one is removed, before Docker hears it"),
    ("docker.rollback", "action: the new one is started, before Docker hears it"),
    ("systemd.restart", "action: systemd's job runs, and its unit stops for longer than is waited for"),
    ("command", "action: its program runs, and goes on"),
    ("webhook", "action: the other side has heard it, and has not answered"),
)


def named(action: str, name: str) -> Point:
    (point,) = (point for point in POINTS[action] if point.name == name)
    return point


@pytest.mark.parametrize(("action", "name"), CHOSEN)
async def test_what_was_killed_is_made_whole(action: str, name: str, docker_engine: str, tmp_path: Path) -> None:
    """By the next process alone, within the budget and after a look."""
    assert await play(action, named(action, name), tmp_path) >= 1


def test_each_action_has_its_points() -> None:
    """All that there are; at least twenty of the two that matter most, and no name twice."""
    assert set(POINTS) == set(SCENES) == set(ACTIONS)
    for action, points in POINTS.items():
        assert len({point.name for point in points}) == len(points), action
    assert min(len(POINTS["docker.restart"]), len(POINTS["docker.recreate"])) >= 20
