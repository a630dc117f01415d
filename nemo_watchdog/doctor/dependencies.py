"""What one look at each dependency means to whoever asks why the watchdog does nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from nemo_watchdog.doctor.checkup import Finding, Grade, good, skipped
from nemo_watchdog.engine.listing import listed
from nemo_watchdog.errors import in_one_line
from nemo_watchdog.model import Category, Outcome, Reason, RunState
from nemo_watchdog.model import Finding as Seen

CHECK = "dependencies"
MOST_NAMES = 20
"""Dependencies that are well are named up to here, beyond it counted."""

UNKNOWN = "unknown"
"""What a look calls the state of a container that Docker did not tell."""

_MOST_WORDS = 240

_REMEDIES = {
    Reason.DOCKER_UNREACHABLE: "see docker in this table",
    Reason.CONTAINER_MISSING: "is it named so? docker ps -a; `container:` in the policy is its name",
    Reason.AUTH_FAILED: "correct user or password in the policy: with a wrong one nothing is ever restarted for it",
    Reason.NAME_UNRESOLVED: "correct the name in the policy, or DNS: nothing is restarted for it meanwhile",
    Reason.WRONG_TARGET: "what the policy names is not there: correct the policy, and nemo-watchdog check --probe",
    Reason.NVML_UNAVAILABLE: "install or load NVIDIA's driver: nvidia-smi says more",
    Reason.DRIVER_MISMATCH: "reboot: NVIDIA's library and kernel module are of two versions",
    Reason.DRIVER_STUCK: "dmesg says why (Xid); only a reboot may help",
    Reason.WATCHDOG_OVERLOADED: "the process may open too few files: raise its limit (ulimit -n, LimitNOFILE=)",
    Reason.PROBE_BUG: "please report it, with this line",
}
_BY_CATEGORY = {
    Category.FAULT: "the daemon restarts it if its remedy says so: nemo-watchdog status NAME says what holds it",
    Category.BUSY: "nothing: the watchdog waits, and tells when it lasts",
    Category.INTEGRITY: "a person must look: no restart mends that, and the watchdog orders none",
    Category.BLIND: "nothing is restarted for it until the watchdog can see: docs/probes.md explains the reason",
}


class Look(Protocol):
    """What one look saw; `container` is its container's state, None where it names none."""

    @property
    def finding(self) -> Seen: ...
    @property
    def container(self) -> str | None: ...
    @property
    def why(self) -> str: ...
    @property
    def well(self) -> bool: ...


def findings_of(looks: Mapping[str, Look]) -> Iterator[Finding]:
    """Those that are not well, alike ones in one line; then the others."""
    ill: dict[tuple[Grade, str, str], list[str]] = {}
    for name, look in looks.items():
        if not look.well:
            ill.setdefault(_judged(look), []).append(name)
    for (grade, seen, remedy), names in ill.items():
        check = names[0] if len(names) == 1 else f"{len(names)} {CHECK}"
        said = seen if len(names) == 1 else f"{listed(names)}: {seen}"
        yield Finding(check, grade, said, remedy.replace("NAME", names[0]))
    well = [name for name, look in looks.items() if look.well]
    if well:
        named = f"{len(well)} look well"
        yield good(CHECK, f"{named}: {', '.join(well)}" if len(looks) <= MOST_NAMES else f"{named}, of {len(looks)}")
    elif not looks:
        yield skipped(CHECK, "the policy names none")


def _judged(look: Look) -> tuple[Grade, str, str]:
    finding, reason = look.finding, look.finding.reason
    seen = ": ".join(in_one_line(part) for part in (look.why, finding.detail) if part)[:_MOST_WORDS]
    if look.container == RunState.MISSING:
        missing = "Docker has no such container"
        return Grade.BAD, f"{missing} ({look.why})" if look.why else missing, _REMEDIES[Reason.CONTAINER_MISSING]
    if finding.outcome is Outcome.OK and look.container == UNKNOWN:
        return Grade.WARNING, "serves, and Docker does not tell the container's state", "see docker in this table"
    if finding.outcome is Outcome.OK or reason is None:
        state = f"its container is {look.container}"
        return Grade.BAD, f"{seen}: {state}" if seen else state, _BY_CATEGORY[Category.FAULT]
    grade = Grade.WARNING if finding.outcome is Outcome.DEGRADED or reason.category is Category.BUSY else Grade.BAD
    return grade, seen, remedy_of(reason)


def remedy_of(reason: Reason) -> str:
    """`NAME` in it is the dependency's."""
    return _REMEDIES.get(reason, _BY_CATEGORY[reason.category])
