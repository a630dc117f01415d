"""What the daemon's own status says is wrong, with what to do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nemo_watchdog import __version__
from nemo_watchdog.doctor.daemon import look_at_daemon
from nemo_watchdog.errors import NemoWatchdogError
from nemo_watchdog.model import Reason, failed
from nemo_watchdog.views import PauseView, PolicyView, TroubleView
from tests.unit.doctor.parts import told
from tests.unit.engine.world import World, dependency, policy
from tests.unit.statuses import seen as status_of

PAUSE = PauseView("deploying", "ops", None)


def look(world: World | None = None, **changes: Any) -> list[tuple[str, str, str]]:
    view = replace(status_of(world or World(policy(dependency("redis")))), **changes)
    found = told(list(look_at_daemon(lambda: view)))
    assert {each[0] for each in found} == {"daemon"}
    return [each[1:] for each in found]


def test_all_is_well() -> None:
    assert look() == [("good", f"{__version__} answers: 1 of 1 up, 0 open incidents", "")]


@pytest.mark.parametrize(
    ("changes", "grade", "seen", "remedy"),
    [
        (
            {"version": "0.0.9"},
            "warning",
            f"it is 0.0.9, and this program {__version__}",
            "restart it: systemctl restart nemo-watchdog",
        ),
        (
            {"policy": PolicyView(0.0, ("policy.yaml:1:2: unknown key", "another"))},
            "bad",
            "the changed policy is not in force: policy.yaml:1:2: unknown key (and 1 more)",
            "mend the file: nemo-watchdog check; it is read again by itself",
        ),
        (
            {"journal": "database or disk is full"},
            "bad",
            "nothing is done, for its journal cannot be written: database or disk is full",
            "see state directory and journal in this table",
        ),
        (
            {"troubles": (TroubleView("contact on-call is not told", "HTTP 500", ""),)},
            "bad",
            "contact on-call is not told: HTTP 500",
            "see the rest of this table; nemo-watchdog status follows it",
        ),
        (
            {"autonomy": "observe"},
            "warning",
            "autonomy is observe: it restarts nothing",
            "set `autonomy: act` in the policy when it may",
        ),
        (
            {"pauses": {"*": PAUSE}},
            "warning",
            "ops paused everything until somebody resumes it: deploying",
            "nemo-watchdog resume",
        ),
        (
            {"pauses": {"*": replace(PAUSE, until="2026-03-01T12:00:00Z")}},
            "warning",
            "ops paused everything until 2026-03-01T12:00:00Z: deploying",
            "nemo-watchdog resume",
        ),
        ({"pauses": {"redis": PAUSE}}, "warning", "paused: redis", "nemo-watchdog resume redis"),
    ],
)
def test_each_trouble_has_its_remedy(changes: dict[str, Any], grade: str, seen: str, remedy: str) -> None:
    found = look(**changes)
    assert found[0] == (grade, seen, remedy)
    assert [each[0] for each in found[1:]] == ["good"]


def test_what_it_cannot_see() -> None:
    world = World(policy(dependency("redis"), dependency("site")))
    for name in ("redis", "site"):
        world.look(name, failed(Reason.AUTH_FAILED, "WRONGPASS"), times=4)
    assert look(world)[0] == (
        "bad",
        "it cannot see redis and site (auth_failed), and restarts nothing for that",
        "nemo-watchdog status redis says why",
    )


def test_nobody_answers() -> None:
    def nobody() -> Any:
        raise NemoWatchdogError("no daemon answers at 127.0.0.1:1 (refused): is it running? Its address is given with")

    assert told(list(look_at_daemon(nobody))) == [
        (
            "daemon",
            "bad",
            "no daemon answers at 127.0.0.1:1 (refused)",
            "start it (systemctl start nemo-watchdog), or give its address with --url",
        )
    ]
