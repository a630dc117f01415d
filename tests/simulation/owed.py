"""What the watchdog owes: a cure where a restart is one and nothing speaks against it, and a word about the rest."""

from __future__ import annotations

from nemo_watchdog.engine.signals import A_STOP_TAKES
from nemo_watchdog.model import Autonomy, Category, RunState
from nemo_watchdog.policy.policy import Dependency
from tests.simulation.docker import Box
from tests.simulation.world import World

SETTLED = 300.0
"""Seconds after a start of the daemon, or the end of what kept it from its work, that count for nothing."""


def is_in_somebodys_hands(world: World, name: str) -> bool:
    """What is to be said of it has another reason, or had until lately: what it needs, a person, our own blindness."""
    spec, box = world.platform.specs[name], world.platform.box(name)
    if box is not None and box.person:
        return True
    if any(world.is_paused(name, world.now - ago) for ago in (0.0, SETTLED)) or not _can_work(world):
        return True
    well = max((world.platform.good_since.get(parent, world.now) for parent in spec.needs), default=0.0)
    cut = max((world.platform.cut_at.get(each, -1e9) for each in (name, *spec.needs)), default=-1e9)
    return world.now - max(well, cut) < 2 * spec.interval + spec.startup_grace + SETTLED


def is_owed(world: World, name: str) -> bool:
    """A restart would cure it, and nothing is in the way of one: not a person, not a budget, not what it needs."""
    platform, spec = world.platform, world.platform.specs[name]
    box = platform.box(name)
    if box is None or spec.remedy is None or not _can_work(world):
        return False
    if box.person or box.ordered or box.left_by_ours or not box.end_is_known or world.is_paused(name, world.now):
        return False
    if (world.now if box.ended is None else box.ended) - box.dumped_at < A_STOP_TAKES.total_seconds():
        return False  # it may be what ended it
    if world.forgot_at >= platform.troubled_since.get(name, world.now):
        return False  # the daemon knows only of an older trouble, which may be a person's
    if box.at_risk_at >= platform.troubled_since.get(name, world.now):
        return False  # what said that its data are at risk, and was not seen well since
    beside = [platform.specs[other] for other in platform.looking_at(box)]
    if any(each.autonomy is not Autonomy.ACT for each in beside):
        return False
    if any(world.now - platform.cut_at.get(other, -1e9) < 2 * spec.interval for other in (name, *spec.needs)):
        return False
    if any(world.now - platform.good_since.get(parent, world.now) < spec.startup_grace for parent in spec.needs):
        return False
    if _is_told_as_one(world) or _flaps(world, name):
        return False
    return not world.is_told(name) and _a_restart_cures(world, box, spec) and not _budgets_are_spent(world, spec, box)


def _can_work(world: World) -> bool:
    """A daemon is there since a while, and nothing has kept it from its work."""
    if world.life is None or world.now - world.life.began < SETTLED or world.engine.trouble:
        return False
    return world.now - max(world.disk_trouble_at, world.engine.trouble_at) > SETTLED


def _is_told_as_one(world: World) -> bool:
    """Much fails together, or did until lately: nothing that runs is restarted for that, which a person was told of."""
    storm = world.life.engine.durable.storm if world.life is not None else None
    return storm is not None and (storm.ended is None or world.now - storm.ended.monotonic < SETTLED)


def _flaps(world: World, name: str) -> bool:
    """It may wait for a whole window, and its contact was told that it does."""
    return world.life is not None and world.life.engine.durable.is_flapping(name)


def _a_restart_cures(world: World, box: Box, spec: Dependency) -> bool:
    if box.state is RunState.EXITED:
        held = box.code == 0 and any(
            world.platform.specs[each].on_clean_exit.value == "hold" for each in world.platform.looking_at(box)
        )
        return not box.said and not held and (box.ailment is None or box.ailment.restart_cures)
    ailment = box.ailment
    if box.state is not RunState.RUNNING or world.platform.boots(box) or ailment is None:
        return False
    if not ailment.restart_cures or ailment.reason.category is not Category.FAULT or ailment.degrades:
        return False
    if ailment.seen_by and spec.name not in ailment.seen_by:
        return False
    when = world.policy.remedies[spec.remedy or ""].when.reason
    return not when or ailment.reason in when


def _budgets_are_spent(world: World, spec: Dependency, box: Box) -> bool:
    """What was intended counts, unless it was certainly not ordered."""
    own, everyone = world.policy.remedies[spec.remedy or ""].budget, world.policy.limits.budget
    spent = [each for each in world.intents.values() if not each.refused]
    of_its_own = sum(each.container == box.name and each.at > world.now - own.window - SETTLED for each in spent)
    return (
        of_its_own >= own.count
        or sum(each.at > world.now - everyone.window - SETTLED for each in spent) >= everyone.count
    )


def why_not_told(world: World, name: str) -> str | None:
    """Why nobody knows of it; "" when somebody does, None where nothing could be told."""
    if world.life is None or world.now - world.life.began < 3600.0 or world.mail or world.disk_full:
        return None
    if world.now - world.mail_trouble_at < 1200.0 or world.now - world.disk_trouble_at < 1200.0:
        return None
    incident = world.life.engine.durable.incident_of(name)
    if incident is None:
        return "it is in no incident"
    told = any(incident.incident in message.notification.incidents for message in world.messages)
    return "" if told else f"nobody was told of {incident.incident}"
