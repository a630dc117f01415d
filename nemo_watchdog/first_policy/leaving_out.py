"""Which containers a policy should not watch, and why: each reason is a line that the operator reads."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from nemo_watchdog.first_policy.found import Found
from nemo_watchdog.policy.labels import WATCH, Labelled

_CONTAINER = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}", re.ASCII)
_ID = re.compile(r"[0-9a-f]{64}", re.ASCII)
_OURS = "nemo-watchdog"


def why_left_out(found: Found, labelled: Labelled, own_id: str) -> str | None:
    """None where it is watched. `own_id` is how the id of the container begins that this runs in, if it runs in one."""
    if not _CONTAINER.fullmatch(found.name) or _ID.fullmatch(found.name):
        return "a policy cannot name it: give the container another name"
    if labelled.watch is False:
        return f"its label {WATCH} says so"
    if is_ours(found) or (own_id and found.id.startswith(own_id)):
        return "it is the watchdog itself, which cannot heal itself"
    if labelled.watch:
        return None
    return _passing(found)


def is_ours(found: Found) -> bool:
    """By its image, or by a command such as `nemo-watchdog run` or `python3 -m nemo_watchdog run`."""
    image = found.image.rpartition("/")[2].partition("@")[0].partition(":")[0]
    words = [PurePosixPath(word).name for word in found.command]
    return image == _OURS or ("run" in words and any(word in {_OURS, "nemo_watchdog"} for word in words))


def _passing(found: Found) -> str | None:
    """What comes and goes by itself."""
    hint = f"; to watch it all the same, label it {WATCH}=true"
    if found.state in {"removing", "dead"}:
        return "it is being removed"
    if any(key.startswith("io.kubernetes.") for key in found.labels):
        return "Kubernetes made it, and restarts it itself"
    if "com.docker.swarm.task.id" in found.labels:
        return "it is a task of Swarm, which puts one with another name in its place"
    if found.is_one_off:
        return f"it is a one-off command of Compose{hint}"
    if found.auto_remove:
        return f"it was started with --rm, as a job is{hint}"
    if found.is_job:
        return f"it is a job: others of its Compose project wait until it has ended{hint}"
    if found.restart_policy != "no" or not found.exists:
        return None
    if found.state == "created":
        return f"it was made and never started{hint}"
    if found.state == "exited" and found.exit_code == 0:
        return f"its job is over: it ended with exit code 0, and Docker is not to start it again{hint}"
    return None
