"""Situations in which a person has stopped or paused it, and the policy has a step that would undo just that."""

from __future__ import annotations

from tests.suites.acts import GATEWAY, person
from tests.suites.cures import step, steps
from tests.suites.people import daemon_dies_and_a_person_stops
from tests.suites.situations import Situation

STARTS = steps(step("docker.start"), step("docker.restart"))

STOPPED = (
    Situation(
        "a person stops it, and the policy says start",
        GATEWAY,
        "gateway",
        "gate:human_hold",
        person("stop", "-t", "1", "gateway"),
        rewrites=STARTS,
    ),
    Situation(
        "a person stops it while the watchdog is dead, and the policy says start",
        GATEWAY,
        "gateway",
        "gate:human_hold",
        daemon_dies_and_a_person_stops,
        rewrites=STARTS,
    ),
    Situation(
        "a person pauses it for less than the policy gives him",
        GATEWAY,
        "gateway",
        "gate:human_hold",
        person("pause", "gateway"),
        rewrites=steps(step("docker.unpause", after="10m"), step("docker.restart")),
    ),
    Situation(
        "a person pauses it, and the policy says all but to let it go on",
        GATEWAY,
        "gateway",
        "gate:human_hold",
        person("pause", "gateway"),
        rewrites=steps(
            step("docker.start"), step("docker.kill", signal="HUP"), step("docker.restart"), step("docker.recreate")
        ),
    ),
)
