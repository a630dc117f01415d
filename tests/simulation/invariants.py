"""The safety rules, as questions to the world. To add one: a function below `@rule`, and nothing else.

Each judges by the truth, with the time allowed that it takes to see it.
"""

from __future__ import annotations

from nemo_watchdog.engine.gates.evidence import NEWS_FOR
from nemo_watchdog.engine.touches import PENDING_FOR
from nemo_watchdog.model import BUSY_FOR, Category, RunState, WhenUnsure
from nemo_watchdog.policy.policy import Dependency, Policy
from tests.simulation.docker import Ailment, Box
from tests.simulation.owed import SETTLED, is_in_somebodys_hands, is_owed, why_not_told
from tests.simulation.rules import RULES, When, rule
from tests.simulation.world import Intent, Message, World

__all__ = ["RULES"]

HOUR = 3600.0

A_FEW = 3
"""Things, of which fewer are no storm by the policy's default."""

A_MOMENT = 1.0
"""Seconds in which two things are at the same time."""


def seen_within(spec: Dependency) -> float:
    """Seconds in which whatever is true of it is seen: a look that comes, hangs and is judged."""
    return spec.interval + spec.timeout + 5.0


# -- when not to act


def _careful(world: World, box: Box, category: Category) -> str | None:
    """An ailment of that category is all that is wrong with it, or has been there for long enough to be seen."""
    ailment: Ailment | None = box.ailment
    if box.state is not RunState.RUNNING or ailment is None or ailment.reason.category is not category:
        return None if box.state is not RunState.RUNNING else ""
    names = [name for name in world.platform.looking_at(box) if not ailment.seen_by or name in ailment.seen_by]
    alone = all(world.platform.bad_since.get(name, ailment.began) >= ailment.began for name in names)
    old = all(world.now - ailment.began > seen_within(world.platform.specs[name]) for name in names)
    cut = any(
        world.now - world.platform.cut_at.get(name, -1e9) < seen_within(world.platform.specs[name]) for name in names
    )
    return (
        f"{box.name} is {ailment.reason} since {world.now - ailment.began:.0f} s" if (alone or old) and not cut else ""
    )


@rule(When.ORDER, "busy is not broken")
def what_is_busy_is_not_restarted(world: World, order: tuple[Box, Intent | None]) -> str | None:
    return _careful(world, order[0], Category.BUSY)


@rule(When.ORDER, "data at risk")
def what_has_its_data_at_risk_is_not_restarted(world: World, order: tuple[Box, Intent | None]) -> str | None:
    return _careful(world, order[0], Category.INTEGRITY)


@rule(When.ORDER, "last words")
def what_ended_for_want_of_disk_is_not_started(world: World, order: tuple[Box, Intent | None]) -> str | None:
    box = order[0]
    if box.state is not RunState.EXITED:
        return None
    return f"{box.name} said {box.said!r} as it ended" if box.said else ""


@rule(When.ORDER, "our own blindness")
def nothing_is_restarted_that_serves_well(world: World, order: tuple[Box, Intent | None]) -> str | None:
    (box, intent), platform = order, world.platform
    names = platform.looking_at(box)
    if any(world.now - platform.cut_at.get(name, -1e9) < seen_within(platform.specs[name]) for name in names):
        return None
    decided = world.now if intent is None else intent.at
    for name in names:
        since = platform.good_since.get(name)
        if since is None or decided - since < _looked_at_within(platform.specs[name]):
            return ""
    return f"all of {', '.join(names)} have served long enough to be seen to"


def _looked_at_within(spec: Dependency) -> float:
    """Seconds in which the look that decides began: however long its interval, what waits is looked at once more."""
    return max(NEWS_FOR, spec.confirm_interval) + spec.timeout + A_MOMENT


@rule(When.ORDER, "when much fails at once")
def nothing_is_restarted_that_is_only_cut_off_with_most(world: World, order: tuple[Box, Intent | None]) -> str | None:
    box, platform = order[0], world.platform
    fine = [name for name in platform.specs if name not in platform.ill_before and not _is_in_hand(world, name)]
    well = [name for name in fine if name in platform.well_before and name not in platform.bad_since]
    cut = [name for name in well if name in platform.cut]
    if (
        len(fine) <= len(platform.specs) / 2
        or len(cut) <= len(fine) / 2
        or len({platform.specs[name].container or name for name in cut}) < A_FEW
    ):
        return None
    names = platform.looking_at(box)
    needs = {parent for name in names for parent in platform.specs[name].needs}
    if any(world.now - platform.good_since.get(parent, world.now) < SETTLED for parent in needs):
        return None  # it failed with that, and nobody has seen it serve in between
    serves = (
        box.state is RunState.RUNNING
        and box.ailment is None
        and not platform.boots(box)
        and all(name in platform.cut for name in names)
    )
    return f"{box.name} serves, and {len(cut)} of {len(fine)} cannot be reached" if serves else ""


def _is_in_hand(world: World, name: str) -> bool:
    box = world.platform.box(name)
    return box is not None and bool(box.person)


@rule(When.ORDER, "a person's stop is a person's stop")
def nothing_is_started_that_a_person_has_in_hand(world: World, order: tuple[Box, Intent | None]) -> str | None:
    """Where Docker has forgotten who ended it, the policy may say that it is started all the same."""
    box = order[0]
    if not box.person or world.now - box.person_since <= 0.05:
        return ""
    watching = [world.platform.specs[name] for name in world.platform.looking_at(box)]
    if not box.end_is_known and all(spec.when_unsure is WhenUnsure.RESTART for spec in watching):
        return None
    return f"somebody is at {box.name} since {world.now - box.person_since:.1f} s: {box.person}"


@rule(When.INTENT, "a pause")
def nothing_is_intended_that_is_paused(world: World, intent: Intent) -> str | None:
    return f"{intent.dependency} is paused" if world.is_paused(intent.dependency, intent.at) else ""


@rule(When.INTENT, "autonomy")
def nothing_is_done_where_the_policy_asks_a_person(world: World, intent: Intent) -> str | None:
    allowed = {policy.dependencies[intent.dependency].autonomy.value for policy in intent.policies}
    return "" if "act" in allowed else f"{intent.dependency} may only {allowed}"


@rule(When.ORDER, "a child that fails with its parent")
def no_child_is_restarted_while_its_parent_is_down(world: World, order: tuple[Box, Intent | None]) -> str | None:
    box, intent = order
    if intent is None or box.state is not RunState.RUNNING:
        return None  # what Docker reports exited may be started
    platform = world.platform
    began = platform.bad_since.get(intent.dependency)
    unseen = platform.troubled_since.get(intent.dependency, world.now)
    needs = platform.specs[intent.dependency].needs
    for parent in needs:
        down = platform.bad_since.get(parent)
        if down is not None and began is not None and down <= unseen + A_MOMENT and world.now - began > A_MOMENT:
            own = f"{intent.dependency} since {world.now - began:.0f} s"
            return f"{parent} does not serve since {world.now - down:.0f} s, {own}"
        if down is not None and world.now - down > seen_within(platform.specs[parent]):
            return f"{parent} does not serve since {world.now - down:.0f} s"
    return "" if needs else None


@rule(When.ORDER, "a child that recovers with its parent")
def no_child_is_restarted_that_has_recovered_with_its_parent(
    world: World, order: tuple[Box, Intent | None]
) -> str | None:
    """However long its own interval: it is looked at once more. What nobody saw of a parent counts for nothing."""
    box, intent = order
    if intent is None or box.state is not RunState.RUNNING or not world.platform.specs[intent.dependency].needs:
        return None
    spec, good = world.platform.specs[intent.dependency], world.platform.good_since
    if any(world.now - world.platform.cut_at.get(name, -1e9) < HOUR for name in (spec.name, *spec.needs)):
        return None
    served = good.get(spec.name)
    if served is None or world.now - served < spec.confirm_interval + spec.timeout + A_MOMENT:
        return ""
    lasted = world.platform.was_bad_for
    seen = [each for each in spec.needs if lasted.get(each, 0.0) > seen_within(world.platform.specs[each])]
    with_it = [parent for parent in seen if abs(good.get(parent, -1e9) - served) < A_MOMENT]
    return f"it serves since {world.now - served:.0f} s, as {' and '.join(with_it)} does" if with_it else ""


@rule(When.ORDER, "a new run has its grace")
def nothing_is_restarted_while_it_starts(world: World, order: tuple[Box, Intent | None]) -> str | None:
    box = order[0]
    if box.state is not RunState.RUNNING:
        return None
    boots = world.platform.boots(box)
    grace = min(world.platform.specs[name].startup_grace for name in world.platform.looking_at(box))
    return f"{box.name} runs for {world.now - box.began:.0f} s" if boots and world.now - box.began < grace else ""


# -- how to act


@rule(When.ORDER, "intent first, on disk")
def every_action_has_its_own_intent_on_disk(world: World, order: tuple[Box, Intent | None]) -> str | None:
    box, intent = order
    if intent is None:
        return f"{box.name} is restarted, and the journal has no intent for it"
    return "" if intent.life == world.lives else f"the intent {intent.action_id} is of another life of the daemon"


@rule(When.ORDER, "one at a time")
def never_two_at_once_on_a_target(world: World, order: tuple[Box, Intent | None]) -> str | None:
    """Of one that was given up, or whose daemon was killed, nobody knows: it is waited for, and not for ever."""
    box, intent = order
    before = [each for each in world.orders if each.container == box.name and each is not intent]
    if not box.ordered or not before:
        return f"a restart of {box.name} goes on already" if box.ordered else ""
    last = before[-1]
    waits = PENDING_FOR if last.life == world.lives else world.verify_within(last)
    age = world.now - (last.ordered_at or 0.0)
    return f"a restart of {box.name} goes on since {age:.0f} s" if age < waits else None


@rule(When.ORDER, "one at a time")
def never_more_at_once_than_the_policy_allows(world: World, order: tuple[Box, Intent | None]) -> str | None:
    if world.life is None:
        return "a daemon that was told to stop gives an order"
    most = max(policy.limits.concurrent_actions for policy in world.policies_lately())
    here = len(world.life.port.under_way) + 1
    return f"{here} actions at once, of {most}" if here > most else ""


def _spent(world: World, policy: Policy, intent: Intent) -> str:
    spec = policy.dependencies[intent.dependency]
    own = policy.remedies[spec.remedy or ""].budget
    spent = len(world.orders_of(intent.container, intent.at - own.window + A_MOMENT))
    if spent > own.count:
        return f"{spent} restarts of {intent.container} with a budget of {own}"
    everyone = policy.limits.budget
    spent = len(world.orders_of(None, intent.at - everyone.window + A_MOMENT))
    return f"{spent} restarts in all with a budget of {everyone}" if spent > everyone.count else ""


@rule(When.ORDER, "a budget is as durable as its last byte")
def no_budget_is_exceeded_in_any_window(world: World, order: tuple[Box, Intent | None]) -> str | None:
    """Over all lives of the daemon. Just after a reload either policy counts."""
    intent = order[1]
    if intent is None:
        return None
    answers = [_spent(world, policy, intent) for policy in {id(p): p for p in intent.policies}.values()]
    return "" if "" in answers else answers[-1]


# -- what must be done


@rule(When.TICK, "what a restart cures is cured")
def what_a_restart_cures_is_healed_in_time(world: World, _: None) -> str | None:
    asked = None
    for name, since in world.platform.bad_since.items():
        if not is_owed(world, name):
            world.owed.pop(name, None)
            continue
        asked = ""
        owed = world.now - world.owed.setdefault(name, max(since, world.now - 120.0))
        spec = world.platform.specs[name]
        if owed > 2 * spec.interval + spec.startup_grace + 900.0:
            return f"{name} could be healed by a restart for {owed:.0f} s, and is not"
    for name in list(world.owed):
        if name not in world.platform.bad_since:
            del world.owed[name]
    return asked


@rule(When.TICK, "every wait has an end that tells somebody")
def nothing_is_down_for_long_and_nobody_knows(world: World, _: None) -> str | None:
    asked = None
    for name, since in world.platform.bad_since.items():
        spec = world.platform.specs[name]
        if world.now - since < 2 * spec.interval + spec.startup_grace + 600.0:
            continue
        why = why_not_told(world, name)
        if why is not None:
            asked = ""
        if why:
            return f"{name} does not serve for {world.now - since:.0f} s: {why}"
    return asked


@rule(When.TICK, "every wait has an end that tells somebody")
def a_busy_that_does_not_get_on_is_told(world: World, _: None) -> str | None:
    asked = None
    for name, spec in world.platform.specs.items():
        ailment = world.platform.ailment(name)
        if ailment is None or ailment.moves or ailment.works or ailment.reason.category is not Category.BUSY:
            continue
        box = world.platform.box(name)
        began = ailment.began if box is None else max(ailment.began, box.began)
        since = max(began, world.life.began if world.life is not None else world.now)
        if box is not None and box.state is not RunState.RUNNING:
            continue
        if ailment.degrades or is_in_somebodys_hands(world, name):
            continue
        asked = ""
        longest = BUSY_FOR[ailment.reason] if spec.busy_for is None else spec.busy_for
        if world.now - since > longest + 2 * spec.interval + 600.0 and world.escalated.get(name, 0.0) < began:
            lasts = f"{world.now - ailment.began:.0f} s"
            return f"{name} is {ailment.reason} for {lasts}, and nobody was told that it takes too long"
    return asked


# -- telling


@rule(When.MESSAGE, "the same fact is told once")
def nobody_is_told_the_same_twice(world: World, message: Message) -> str | None:
    for other in world.messages:
        if (other.contact, other.notification.key) == (message.contact, message.notification.key):
            killed = any(other.at <= at <= other.at + 10.0 for at in world.killed_at)
            if not killed and other.at - world.disk_trouble_at > 300.0 and not world.disk_full:
                return f"{message.contact} was told {message.notification.title!r} at {other.at:.0f} and now"
    return ""


@rule(When.END, "messages are bounded")
def messages_are_bounded(world: World, _: None) -> str | None:
    """By what has happened: a healthy day is silent."""
    happened = world.platform.troubles + world.counts["things that happened"]
    return f"{world.queued} messages about {happened} troubles" if world.queued > 20 * happened else ""


# -- the daemon itself


@rule(When.TICK, "the watchdog is watched")
def no_loop_is_stuck(world: World, _: None) -> str | None:
    if world.life is None or world.life.task.done():
        return None
    stuck = world.life.supervisor.stuck()
    return f"without a heartbeat: {', '.join(stuck)}" if stuck else ""


@rule(When.TICK, "a bug only observes")
def the_engine_finds_no_bug_in_itself(world: World, _: None) -> str | None:
    if world.life is None:
        return None
    return world.life.engine.bug or world.life.nonsense
