"""What one look at each dependency comes to: alike ones in one line, each kind of trouble with what to do."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from nemo_watchdog.doctor.dependencies import findings_of
from nemo_watchdog.model import Finding, Reason, degraded, failed, ok
from tests.unit.doctor.parts import told


@dataclass(frozen=True)
class Look:
    finding: Finding
    container: str | None = None

    @property
    def why(self) -> str:
        reason = self.finding.reason
        return "" if reason is None else f"{reason.category}: {reason}"

    @property
    def well(self) -> bool:
        return self.finding.reason is None and self.container in {None, "running"}


WELL = Look(ok(), "running")


def one(look: Look) -> tuple[str, str, str, str]:
    (finding,) = told(list(findings_of({"redis": look})))
    return finding


def test_those_that_are_well_are_named_and_many_are_counted() -> None:
    assert told(list(findings_of({"redis": WELL, "site": Look(ok())}))) == [
        ("dependencies", "good", "2 look well: redis, site", "")
    ]
    many = {f"d{number}": WELL for number in range(21)}
    assert told(list(findings_of(many))) == [("dependencies", "good", "21 look well, of 21", "")]
    assert told(list(findings_of({}))) == [("dependencies", "skipped", "the policy names none", "")]


def test_alike_ones_stand_in_one_line() -> None:
    refused = Look(failed(Reason.REFUSED, "nothing listens there"), "exited")
    found = told(list(findings_of({**dict.fromkeys("abcdefgh", refused), "redis": WELL})))
    assert found[0] == (
        "8 dependencies",
        "bad",
        "a, b, c, d, e and 3 more: fault: refused: nothing listens there",
        "the daemon restarts it if its remedy says so: nemo-watchdog status a says what holds it",
    )
    assert found[1][2] == "1 look well: redis"


@pytest.mark.parametrize(
    ("reason", "grade", "remedy"),
    [
        (Reason.TIMEOUT, "bad", "nemo-watchdog status redis says what holds it"),
        (Reason.LOADING, "warning", "nothing: the watchdog waits, and tells when it lasts"),
        (Reason.DISK_FULL, "bad", "a person must look: no restart mends that"),
        (Reason.NETWORK_UNREACHABLE, "bad", "nothing is restarted for it until the watchdog can see"),
        (Reason.DOCKER_UNREACHABLE, "bad", "see docker in this table"),
        (Reason.AUTH_FAILED, "bad", "correct user or password in the policy"),
        (Reason.NAME_UNRESOLVED, "bad", "correct the name in the policy, or DNS"),
        (Reason.WRONG_TARGET, "bad", "what the policy names is not there: correct the policy"),
        (Reason.CONTAINER_MISSING, "bad", "docker ps -a; `container:` in the policy is its name"),
        (Reason.NVML_UNAVAILABLE, "bad", "install or load NVIDIA's driver"),
        (Reason.DRIVER_MISMATCH, "bad", "reboot: NVIDIA's library and kernel module"),
        (Reason.DRIVER_STUCK, "bad", "only a reboot may help"),
        (Reason.WATCHDOG_OVERLOADED, "bad", "may open too few files: raise its limit"),
        (Reason.PROBE_BUG, "bad", "please report it, with this line"),
    ],
)
def test_each_kind_of_trouble_has_its_remedy(reason: Reason, grade: str, remedy: str) -> None:
    check, seen_as, seen, what_to_do = one(Look(failed(reason, "its words")))
    assert (check, seen_as, seen) == ("redis", grade, f"{reason.category}: {reason}: its words")
    assert remedy in what_to_do


def test_what_serves_worse_is_a_warning() -> None:
    assert one(Look(degraded(Reason.DISK_FULL, "9% left")))[1] == "warning"


def test_its_container_is_told_too() -> None:
    """Missing, not running, or not known because Docker does not answer."""
    assert one(Look(failed(Reason.REFUSED, ""), "missing"))[2] == "Docker has no such container (fault: refused)"
    _, grade, seen, remedy = one(Look(ok(), "missing"))
    assert (grade, seen) == ("bad", "Docker has no such container")
    assert remedy.startswith("is it named so? docker ps -a")
    assert one(Look(ok("200"), "paused"))[1:3] == ("bad", "200: its container is paused")
    assert one(Look(ok(), "unknown"))[1:] == (
        "warning",
        "serves, and Docker does not tell the container's state",
        "see docker in this table",
    )


def test_a_remedy_is_cut_short_with_no_line_of_it_broken() -> None:
    _, _, seen, _ = one(Look(failed(Reason.REFUSED, "a\nb" + "x" * 500)))
    assert seen.startswith("fault: refused: a\\nbxxx")
    assert len(seen) == 240
