"""What must hold of a fault that is cured: one action of the right kind, seen from outside, and nothing left behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from nemo_watchdog.demo.platform import LABEL
from nemo_watchdog.recreation import is_beside
from tests.integration.daemon import DaemonError
from tests.suites.situations import Situation, Stage, in_words, shown


@dataclass(frozen=True, slots=True)
class Cure:
    """How Docker tells of one action of that kind, in the words of `witness`, and what of the container is the same.

    What is no order to Docker is counted by the situation itself, in its `afterwards`.
    """

    orders: Mapping[str, int]
    same_container: bool = True
    same_run: bool = False
    settles: bool = False


IN_ITS_PLACE = {"stop": 1, "rename": 2, "remove": 1}
"""The old one is stopped, both are renamed, and the old one goes in the end."""
ELSEWHERE = Cure({}, same_run=True)
CURES: Mapping[str, Cure] = {
    "docker.restart": Cure({"restart": 1}),
    "docker.start": Cure({"start": 1}),
    "docker.unpause": Cure({"unpause": 1}, same_run=True),
    "docker.kill": Cure({"kill 1": 1}, same_run=True),
    "docker.recreate": Cure({"recreate": 1, **IN_ITS_PLACE}, same_container=False, settles=True),
    "docker.rollback": Cure({"rollback": 1, **IN_ITS_PLACE}, same_container=False, settles=True),
    "compose.up": Cure({"create": 1}, same_run=True),
    "systemd.restart": ELSEWHERE,
    "command": ELSEWHERE,
    "webhook": ELSEWHERE,
}


async def is_healed(stage: Stage, situation: Situation) -> None:
    """It acted for the right reason, it serves again, the incident is over, and nothing more is done."""
    cure, daemon = CURES[situation.cured_by], stage.daemon
    started = await daemon.event("action_started", within=situation.acts_within * stage.patience)
    lines = daemon.events
    reasons = [line.get("reason") for line in lines[: lines.index(started)] if line["event"] == "health_changed"]
    if reasons[-1] not in {situation.sees, *situation.or_sees}:
        raise DaemonError(f"it acted for {reasons[-1]}, not for {situation.sees}")
    await daemon.event("incident_resolved", within=90.0 * stage.patience)
    if cure.settles:
        await daemon.event("settling_ended", within=30.0)
    await daemon.more_looks(3)
    done = {line["action"] for line in daemon.events if line["event"] == "action_intended"}
    if done != {situation.cured_by}:
        raise DaemonError(f"it did {', '.join(sorted(done))}, not only {situation.cured_by}")
    if trouble := await stage.platform.check(situation.of):
        raise TimeoutError(f"resolved, and does not serve: {trouble}")
    await _is_the_same(stage, situation.of, cure)
    await situation.afterwards(stage)


async def _is_the_same(stage: Stage, part: str, cure: Cure) -> None:
    """The image always is: what was before, serves. No container is left that stood beside another."""
    before, after = stage.before, await shown(stage.platform, part)
    if not before or not after:
        raise DaemonError(f"there is no container of {part}")
    if after["Image"] != before["Image"]:
        raise DaemonError(f"its image is {after['Image']}, and was {before['Image']}")
    if (after["Id"] == before["Id"]) is not cure.same_container:
        raise DaemonError(f"the container is {after['Id']}, and was {before['Id']}")
    runs = {each["State"]["StartedAt"] for each in (before, after)}
    if (len(runs) == 1) is not cure.same_run:
        raise DaemonError(f"the runs of the container began at {', '.join(sorted(runs))}")
    ours = ("--filter", f"label={LABEL}={stage.platform.prefix}", "--format", "{{.Names}}")
    if left := [name for name in (await stage.platform.docker("ps", "-a", *ours)).split() if is_beside(name)]:
        raise DaemonError(f"left behind: {', '.join(left)}")


def wrong(situation: Situation, orders: Counter[str]) -> str:
    """What was ordered is one cure and what people did, each as often, and nothing else."""
    wanted = Counter(CURES[situation.cured_by].orders)
    wanted.update(situation.people_order)
    wanted["restart"] += situation.by_people
    if all(orders[what] == wanted[what] for what in orders | wanted):
        return ""
    return f"wanted: {in_words(wanted)}; there was {in_words(orders) or 'nothing'}"
