"""`systemd.restart`, `.start` and `.reload` on the units of a real systemd, over a real bus and through polkit."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator

import pytest

from nemo_watchdog.demo.platform import Platform
from nemo_watchdog.model import ActionOutcome
from tests.integration.service.bus_box import USER, act, add_unit, bus_box, command, let, result_of, state
from tests.integration.service.systemd_box import Box, daemon_paths
from tests.integration.service.test_systemd import health

pytestmark = pytest.mark.xdist_group("systemd-actions")  # one box for all of them

UNITS = {
    "app": "ExecStart=/usr/bin/sleep 1000\nExecReload=/usr/bin/true",
    "plain": "ExecStart=/usr/bin/sleep 1000",
    "crashes": "ExecStart=/usr/bin/false",
    "cannot": "Type=forking\nExecStart=/usr/bin/false",
    "hangs": "Type=notify\nExecStart=/usr/bin/sleep 1000\nTimeoutStartSec=2",
    "slow": "Type=notify\nExecStart=/usr/bin/sleep 1000\nTimeoutStartSec=infinity",
    "rude": "ExecStart=/usr/bin/sh -c \"trap 'exit 3' TERM; while :; do sleep 0.1; done\"",
    "misread": "ExecStart=/usr/bin/sleep 1000\nExecReload=/usr/bin/false",
    "looping": "ExecStart=/usr/bin/false\nRestart=always\nRestartSec=1000",
    "lingers": "ExecStart=/usr/bin/sh -c \"trap '' TERM; while :; do sleep 0.1; done\"\nTimeoutStopSec=1000",
}


@pytest.fixture(scope="module")
def box(start_module_platform: Callable[..., Platform], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    platform = start_module_platform("gateway")
    with bus_box(tmp_path_factory.mktemp("drop-in"), f"{platform.prefix}-network") as box:
        for name, service in UNITS.items():
            add_unit(box, f"{name}.service", service, "StartLimitIntervalSec=0")
        add_unit(box, "never.service", "ExecStart=/usr/bin/sleep 1000", "ConditionPathExists=/nowhere")
        add_unit(box, "needy.service", "ExecStart=/usr/bin/sleep 1000", "Requires=broken.service\nAfter=broken.service")
        add_unit(box, "broken.service", "Type=oneshot\nExecStart=/usr/bin/false")
        add_unit(box, "often.service", "ExecStart=/usr/bin/false", "StartLimitIntervalSec=1000\nStartLimitBurst=1")
        add_unit(box, "private.service", "ExecStart=/usr/bin/sleep 1000", "RefuseManualStop=yes")
        box.run("ln", "-s", "/run/systemd/system/app.service", "/run/systemd/system/alias.service")
        box.run("ln", "-s", "/dev/null", "/run/systemd/system/masked.service")
        box.run("systemctl", "daemon-reload")
        yield box


def start(box: Box, unit: str) -> str:
    """The invocation that runs now, whatever was before."""
    box.run("systemctl", "start", unit)
    return state(box, unit, "InvocationID")


def fails(box: Box, unit: str) -> None:
    box.run("systemctl", "start", unit, status=None)
    box.until(lambda: state(box, unit) == "failed")


def test_a_unit_that_runs_is_restarted(box: Box) -> None:
    """By systemd's job, whose end is the outcome: another invocation runs."""
    before = start(box, "app.service")
    result = act(box, "systemd.restart", "app")
    assert result.outcome is ActionOutcome.SUCCEEDED
    assert result.detail == "systemd's job to restart it is done: app.service is active (running)"
    assert state(box, "app.service", "InvocationID") != before


def test_a_unit_that_is_reloaded_goes_on(box: Box) -> None:
    """In the same invocation; a reload command that fails is told, and one that is none is never ordered."""
    before = start(box, "app.service")
    assert act(box, "systemd.reload", "app").outcome is ActionOutcome.SUCCEEDED
    assert state(box, "app.service", "InvocationID") == before
    start(box, "misread.service")
    misread = act(box, "systemd.reload", "misread")
    assert misread.outcome is ActionOutcome.FAILED
    assert "ended as failed: misread.service is active (running)" in misread.detail
    start(box, "plain.service")
    plain = act(box, "systemd.reload", "plain")
    assert plain.outcome is ActionOutcome.REFUSED
    assert "no way to be reloaded" in plain.detail


def test_what_has_crashed_is_started(box: Box) -> None:
    """Its process was killed by nobody's order to systemd."""
    start(box, "app.service")
    box.run("systemctl", "kill", "--signal=KILL", "app.service")
    box.until(lambda: state(box, "app.service") == "failed")
    assert act(box, "systemd.start", "app").outcome is ActionOutcome.SUCCEEDED
    runs = act(box, "systemd.start", "app")
    assert (runs.outcome, runs.detail) == (ActionOutcome.REFUSED, "app.service runs: it is active (running)")


def test_what_a_person_stopped_stays_stopped(box: Box) -> None:
    """Also a program that takes its stop badly, and so has failed; a policy may say otherwise."""
    for unit, left_as in (("plain.service", "inactive"), ("rude.service", "failed")):
        start(box, unit)
        box.run("systemctl", "stop", unit)
        assert state(box, unit) == left_as
        for action in ("systemd.restart", "systemd.start"):
            result = act(box, action, unit)
            assert result.outcome is ActionOutcome.REFUSED
            assert "stopped in order, perhaps by a person" in result.detail
        assert state(box, unit) == left_as
        assert act(box, "systemd.start", unit, when_stopped="start").outcome is ActionOutcome.SUCCEEDED
        assert state(box, unit) == "active"


def test_what_ends_right_after_its_start_has_failed(box: Box) -> None:
    """For systemd the job is done, or has failed, by the unit's type; either way the result of the unit is told."""
    fails(box, "crashes.service")
    crashed = act(box, "systemd.start", "crashes")
    # How soon its end is seen is systemd's business: verification tells the rest.
    assert crashed.outcome in {ActionOutcome.FAILED, ActionOutcome.SUCCEEDED}
    assert "is done" in crashed.detail
    fails(box, "cannot.service")
    cannot = act(box, "systemd.start", "cannot")
    assert cannot.outcome is ActionOutcome.FAILED
    assert cannot.detail.endswith("ended as failed: cannot.service is failed (failed), result exit-code")


def test_a_start_that_hangs_ends_by_the_units_own_limit(box: Box) -> None:
    """Systemd gives it up, and its result says so."""
    fails(box, "hangs.service")
    result = act(box, "systemd.start", "hangs")
    assert result.outcome is ActionOutcome.FAILED
    assert result.detail.endswith("hangs.service is failed (failed), result timeout")


def test_an_order_that_takes_too_long_goes_on_and_no_second_one_is_given(box: Box) -> None:
    """Its job is still there when the next order would be due."""
    start(box, "lingers.service")
    late = act(box, "systemd.restart", "lingers", within=2.0)
    assert late.outcome is ActionOutcome.TIMED_OUT
    assert late.detail == "systemd did not restart lingers.service within 2s; its job may go on"
    again = act(box, "systemd.restart", "lingers")
    assert again.outcome is ActionOutcome.REFUSED
    assert "a job for lingers.service already" in again.detail
    box.run("systemctl", "kill", "--signal=KILL", "lingers.service")
    box.until(lambda: state(box, "lingers.service") == "active")
    box.run("systemctl", "kill", "--signal=KILL", "lingers.service")


def test_somebody_who_is_at_it_goes_first(box: Box) -> None:
    """Who starts it, and systemd, which is about to restart it."""
    box.run("systemctl", "start", "--no-block", "slow.service")
    box.until(lambda: state(box, "slow.service") == "activating")
    slow = act(box, "systemd.restart", "slow")
    assert slow.outcome is ActionOutcome.REFUSED
    assert "somebody is at it" in slow.detail
    box.run("systemctl", "stop", "slow.service")
    box.run("systemctl", "start", "--no-block", "looping.service")
    box.until(lambda: state(box, "looping.service", "SubState") == "auto-restart")
    looping = act(box, "systemd.restart", "looping")
    assert looping.outcome is ActionOutcome.REFUSED
    assert "systemd restarts it by itself" in looping.detail
    box.run("systemctl", "stop", "looping.service")


def test_an_order_of_somebody_else_ends_the_job(box: Box) -> None:
    """A person stops what is just being started: what the job had begun is not known."""
    fails(box, "hangs.service")
    run = shlex.join(command("systemd.start", "hangs"))
    box.run("sh", "-c", f"{run} > /run/answer 2>&1 &")
    box.until(lambda: state(box, "hangs.service") == "activating")
    box.run("systemctl", "stop", "hangs.service")
    box.until(lambda: bool(box.run("cat", "/run/answer")))
    result = result_of(box.run("cat", "/run/answer"))
    assert result.outcome is ActionOutcome.UNKNOWN
    assert "ended as canceled" in result.detail


@pytest.mark.parametrize(
    ("unit", "why"),
    [
        ("masked", "masked.service is masked"),
        ("no-such", "systemd knows no unit no-such.service"),
        ("alias", "alias.service is another name of app.service"),
        ("private", "lets nobody restart it"),
    ],
)
def test_what_is_never_restarted(box: Box, unit: str, why: str) -> None:
    """What must not run, is not there, has another name, or says so itself."""
    if unit in {"private", "alias"}:
        start(box, f"{unit}.service")
    result = act(box, "systemd.restart", unit)
    assert result.outcome is ActionOutcome.REFUSED
    assert why in result.detail


@pytest.mark.parametrize(
    ("unit", "why"),
    [
        ("needy", "ended as dependency"),
        ("never", "a condition of never.service does not hold"),
    ],
)
def test_what_keeps_a_unit_down_is_told(box: Box, unit: str, why: str) -> None:
    """What it needs fails, or its condition does not hold."""
    result = act(box, "systemd.start", unit, when_stopped="start")
    assert result.outcome is ActionOutcome.FAILED
    assert why in result.detail


def test_a_start_limit_is_told_and_not_cleared(box: Box) -> None:
    """The unit was started too often already."""
    fails(box, "often.service")
    for _ in range(2):
        result = act(box, "systemd.start", "often")
        assert result.outcome is ActionOutcome.FAILED
        assert "ended as failed: often.service is failed (failed)" in result.detail


def test_a_systemd_that_is_executed_anew_meanwhile(box: Box) -> None:
    """Who waits for a job learns that its end was not heard; and the next order is taken."""
    fails(box, "hangs.service")
    run = shlex.join(command("systemd.start", "hangs"))
    box.run("sh", "-c", f"{run} > /run/answer 2>&1 &")
    box.until(lambda: state(box, "hangs.service") == "activating")
    box.run("systemctl", "daemon-reexec")
    box.until(lambda: bool(box.run("cat", "/run/answer")))
    result = result_of(box.run("cat", "/run/answer"))
    assert result.outcome is ActionOutcome.UNKNOWN
    assert "systemd was executed anew, after the order to start hangs.service" in result.detail
    box.until(lambda: state(box, "hangs.service") == "failed")
    start(box, "app.service")
    assert act(box, "systemd.restart", "app").outcome is ActionOutcome.SUCCEEDED


# -- from within a unit, with the user of the shipped one

# The folders of the program may lie below /tmp, of which such a user has its own.
ASKER = """\
Type=exec
DynamicUser=yes
User={user}
RestrictAddressFamilies=AF_UNIX
BindReadOnlyPaths={paths}
StandardOutput=truncate:/run/said
RemainAfterExit=yes
ExecStart=/usr/bin/sh /run/ask
"""


def asked_by_a_unit(box: Box, action: str, unit: str, relations: str = "", user: str = USER) -> str:
    """What the action printed that was done in `asker.service`, by the kind of user that the shipped unit has."""
    box.run("sh", "-c", "cat > /run/ask", stdin=shlex.join(command(action, unit)))
    add_unit(box, "asker.service", ASKER.format(paths=" ".join(map(str, daemon_paths())), user=user), relations)
    box.run("systemctl", "daemon-reload")
    box.run("sh", "-c", "rm -f /run/said")
    box.run("systemctl", "start", "asker.service")
    box.until(lambda: "[" in box.run("cat", "/run/said", status=None))
    said = box.run("cat", "/run/said")
    box.run("systemctl", "stop", "asker.service")
    return said


def test_a_user_that_only_systemd_knows_is_told_what_to_do(box: Box) -> None:
    """dbus-daemon takes no dynamic user in."""
    result = result_of(asked_by_a_unit(box, "systemd.restart", "app", user="nobody-knows"))
    assert result.outcome is ActionOutcome.REFUSED
    assert "know the user that the watchdog runs as (docs/actions/systemd.restart.md)" in result.detail


def test_the_services_user_needs_the_rule_and_gets_no_more_by_it(box: Box) -> None:
    """Without it polkit says no; with it the units that it names are restarted, and no others."""
    start(box, "app.service")
    start(box, "plain.service")
    denied = result_of(asked_by_a_unit(box, "systemd.restart", "app"))
    assert denied.outcome is ActionOutcome.REFUSED
    assert "the watchdog's user may not restart app.service" in denied.detail
    assert "nemo-watchdog example polkit" in denied.detail

    let(box, "app.service")
    before = state(box, "app.service", "InvocationID")
    allowed = result_of(asked_by_a_unit(box, "systemd.restart", "app"))
    assert allowed.outcome is ActionOutcome.SUCCEEDED
    assert state(box, "app.service", "InvocationID") != before
    other = result_of(asked_by_a_unit(box, "systemd.restart", "plain"))
    assert "may not restart plain.service" in other.detail


@pytest.mark.parametrize(
    ("unit", "relations", "why"),
    [
        ("asker.service", "", "the watchdog itself runs in asker.service"),
        ("app.service", "PartOf=app.service", "would restart asker.service as well"),
        ("app.service", "Requires=between.service", "would restart asker.service as well"),
    ],
)
def test_it_restarts_neither_itself_nor_what_takes_it_along(box: Box, unit: str, relations: str, why: str) -> None:
    """Known from systemd, whatever the unit is called."""
    add_unit(box, "between.service", "ExecStart=/usr/bin/sleep 1000", "BindsTo=app.service")
    start(box, "app.service")
    result = result_of(asked_by_a_unit(box, "systemd.restart", unit, relations))
    assert result.outcome is ActionOutcome.REFUSED
    assert why in result.detail


# -- the daemon, by its policy

POLICY = """
version: 1
defaults: {interval: 500ms, confirm_interval: 200ms, timeout: 1s, down_after: 2, up_after: 2}
dependencies:
  web: {probe: http, url: "http://127.0.0.1:8099/", remedy: restart-web, startup_grace: 1s}
  worker: {probe: process, unit: worker.service, remedy: start-worker, startup_grace: 1s}
remedies:
  restart-web:
    when: {category: fault}
    steps: [{do: systemd.restart, unit: web, attempts: 2, verify_within: 20s}]
    budget: 3 per 1h
  start-worker:
    when: {category: fault}
    steps: [{do: systemd.start, unit: worker, attempts: 2, verify_within: 20s}]
    budget: 3 per 1h
"""


@pytest.fixture
def watched(box: Box) -> Box:
    """The shipped unit watches two others, which run, and may act on them."""
    add_unit(box, "web.service", "WorkingDirectory=/mnt\nExecStart=/usr/bin/python3 -m http.server -b 127.0.0.1 8099")
    add_unit(box, "worker.service", "ExecStart=/usr/bin/sleep 1000")
    box.run("mkdir", "-p", "/mnt")
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "start", "web.service", "worker.service")
    let(box, "web.service", "worker.service")
    box.fresh(POLICY)
    box.until(lambda: (health(box, "web"), health(box, "worker")) == ("up", "up"))
    return box


def test_a_hung_unit_is_healed_by_the_policy(watched: Box) -> None:
    """From within the shipped unit's sandbox, as its user: what takes connections and never answers is restarted."""
    before = state(watched, "web.service", "InvocationID")
    watched.run("systemctl", "kill", "--signal=STOP", "web.service")
    watched.until(lambda: "incident_resolved" in watched.log(), within=60.0)
    assert "systemd's job to restart it is done: web.service is active (running)" in watched.log()
    assert state(watched, "web.service", "InvocationID") != before
    assert health(watched, "web") == "up"


def test_a_unit_that_was_killed_is_started_and_one_that_was_stopped_is_not(watched: Box) -> None:
    """The policy's step is the same; what a person stopped waits for a person."""
    watched.run("systemctl", "kill", "--signal=KILL", "worker.service")
    watched.until(lambda: "incident_resolved" in watched.log(), within=60.0)
    assert state(watched, "worker.service") == "active"
    watched.run("systemctl", "stop", "worker.service")
    watched.until(lambda: "worker.service is inactive (dead) and was stopped in order" in watched.log(), within=60.0)
    assert state(watched, "worker.service") == "inactive"
