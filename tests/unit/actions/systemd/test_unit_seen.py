"""Which units an order is not given to, by what systemd shows of them."""

from __future__ import annotations

from typing import Any

import pytest

from nemo_watchdog.actions.systemd.unit_seen import UnitSeen, Verb, why_not

RUNS: dict[str, Any] = {
    "Id": "app.service",
    "LoadState": "loaded",
    "ActiveState": "active",
    "SubState": "running",
    "Job": [0, "/"],
    "CanStart": True,
    "CanStop": True,
    "CanReload": True,
}
FAILED = {"ActiveState": "failed", "SubState": "failed"}
STOPPED = {"ActiveState": "inactive", "SubState": "dead"}

CRASHED = {
    "InactiveExitTimestampMonotonic": 10,
    "ActiveEnterTimestampMonotonic": 11,
    "ExecMainExitTimestampMonotonic": 20,
    "ActiveExitTimestampMonotonic": 21,
}
"""Its process ended, and the unit left `active` for it."""

TOLD_TO_STOP = {**CRASHED, "ActiveExitTimestampMonotonic": 19}
"""The unit left `active`, and its process ended after it."""

NEVER_UP = {**CRASHED, "ActiveEnterTimestampMonotonic": 3, "ActiveExitTimestampMonotonic": 5}
"""What is remembered of `active` is from the run before."""


def reason(verb: Verb, when_stopped: str = "leave", **changes: Any) -> str:
    return why_not(verb, "app.service", UnitSeen({**RUNS, **changes}, {}), when_stopped=when_stopped)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"LoadState": "masked"}, "is masked: somebody has decided"),
        ({"LoadState": "not-found"}, "systemd knows no unit app.service"),
        ({"LoadState": "bad-setting"}, "which is bad-setting (systemctl status app.service)"),
        ({"LoadState": ""}, "which is in no state that it tells"),
        ({"Id": "other.service"}, "another name of other.service"),
        ({"Job": [7, "/job/7"]}, "has a job for app.service already"),
        ({"FreezerState": "frozen"}, "somebody has frozen it"),
        ({"ActiveState": "activating", "SubState": "auto-restart"}, "systemd restarts it by itself"),
        ({"ActiveState": "activating", "SubState": "start-pre"}, "is activating (start-pre): something is under way"),
        ({"ActiveState": "deactivating", "SubState": "stop-sigterm"}, "something is under way"),
        ({"ActiveState": "reloading", "SubState": "reload"}, "something is under way"),
    ],
)
@pytest.mark.parametrize("verb", Verb)
def test_what_no_order_is_given_to(verb: Verb, changes: dict[str, Any], why: str) -> None:
    """What cannot run, what has another name, and where somebody or systemd itself is at work."""
    assert why in reason(verb, **changes)


@pytest.mark.parametrize(
    ("verb", "changes"),
    [
        (Verb.RESTART, {}),
        (Verb.RESTART, {**FAILED, "Result": "exit-code", **CRASHED}),
        (Verb.RESTART, {**FAILED, "Result": "exit-code", **NEVER_UP}),
        (Verb.RESTART, {**FAILED, "Result": "watchdog", **TOLD_TO_STOP}),
        (Verb.START, {**FAILED, "Result": "exit-code", **CRASHED}),
        (Verb.START, {**FAILED, "Result": "start-limit-hit"}),
        (Verb.RELOAD, {}),
    ],
)
def test_what_an_order_is_given_to(verb: Verb, changes: dict[str, Any]) -> None:
    """What runs is restarted and reloaded, what has failed by itself is restarted and started."""
    assert reason(verb, **changes) == ""


@pytest.mark.parametrize(
    "changes",
    [
        {**STOPPED, "Result": "success"},
        {**FAILED, "Result": "exit-code", **TOLD_TO_STOP},
        {**FAILED, "Result": "timeout", **TOLD_TO_STOP},
        {**FAILED, "Result": "signal", **TOLD_TO_STOP},
    ],
)
def test_what_was_stopped_in_order_stays_so(changes: dict[str, Any]) -> None:
    """Also where its process did not take that well; unless the policy says to start it all the same."""
    for verb in (Verb.RESTART, Verb.START):
        assert "stopped in order, perhaps by a person" in reason(verb, **changes)
    assert reason(Verb.START, "start", **changes) == ""


@pytest.mark.parametrize(
    ("verb", "changes", "why"),
    [
        (Verb.START, {}, "app.service runs: it is active (running)"),
        (Verb.RELOAD, FAILED, "does not run"),
        (Verb.RELOAD, {"CanReload": False}, "no way to be reloaded"),
        (Verb.RESTART, {"CanStop": False}, "lets nobody restart it"),
        (Verb.RESTART, {"CanStart": False}, "lets nobody restart it"),
        (Verb.START, {**FAILED, "CanStart": False}, "lets nobody start it"),
    ],
)
def test_what_an_order_needs(verb: Verb, changes: dict[str, Any], why: str) -> None:
    """A start something that does not run, a reload something that runs and can."""
    assert why in reason(verb, **changes)


def test_what_systemd_says_is_data() -> None:
    """A state with a line break in it stays one line, and a property of another type reads as empty."""
    assert reason(Verb.RESTART, LoadState="a\nb", Id=7).isprintable()
    assert not UnitSeen({"Job": 0, "Requires": "x"}, {}).has_job
    assert UnitSeen({"Requires": "x"}, {}).drawn_in_by == frozenset()


@pytest.mark.parametrize(
    ("mine", "holds"),
    [
        ("/system.slice/app.service", True),
        ("/system.slice/app.service/sub", True),
        ("/system.slice", False),
        ("/system.slice/app.service2", False),
        ("", False),
    ],
)
def test_what_runs_in_a_unit_is_known_by_its_control_group(mine: str, holds: bool) -> None:
    """In it or below it, and not beside it."""
    unit = UnitSeen({}, {"ControlGroup": "/system.slice/app.service"})
    assert unit.holds(UnitSeen({}, {"ControlGroup": mine})) is holds
    assert not UnitSeen({}, {"ControlGroup": "/"}).holds(UnitSeen({}, {"ControlGroup": mine}))
