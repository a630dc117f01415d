"""When much fails at once, what is shared is suspected: one incident, one message, and nothing that runs is restarted.

A storm begins when more than the policy's share fails within its time, and ends when no more than that fails after its
`hold`, or when nobody does. Before anything that runs is told or restarted, enough others were looked at since.
"""

from __future__ import annotations

from collections.abc import Iterable

from nemo_watchdog import records as r
from nemo_watchdog.engine.merging import merge
from nemo_watchdog.engine.state import Durable, Incident
from nemo_watchdog.engine.together import Storm
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.engine.volatile import Volatile
from nemo_watchdog.model import Health, Reason, RunState


def in_force(durable: Durable) -> Storm | None:
    """The one that has not ended."""
    return durable.storm if durable.storm is not None and durable.storm.ended is None else None


def incident_of_the_storm(volatile: Volatile, durable: Durable, name: str) -> Incident | None:
    """Where this belongs because it fails, or is slow, together with others."""
    storm = in_force(durable)
    if storm is None or not volatile.together.belongs(name, storm):
        return None
    incident = durable.incidents.get(storm.incident)
    return incident if incident is not None and incident.resolved is None else None


def recount(turn: Turn) -> None:
    """What people have in hand, or the policy, has changed."""
    for name in turn.volatile.together.names:
        turn.weigh_together(name)
    watch(turn)


def watch(turn: Turn) -> bool:
    """Lets a storm begin or end; whether it did."""
    storm, together = in_force(turn.durable), turn.volatile.together
    if storm is not None:
        if why := _over(turn, storm):
            together.begin_anew()
            turn.record(r.StormEnded(why, storm.incident))
        return bool(why)
    if not together.has_news:
        return False
    together.has_news = False
    failing = together.gathered()
    if failing:
        homes = {home.incident: home for name in failing if (home := turn.durable.incident_of(name)) is not None}
        gathered = sorted(homes.values(), key=lambda home: home.opened.monotonic)
        turn.record(r.StormBegan(list(failing), len(together.names), gathered[0].incident if gathered else ""))
        for other in gathered[1:]:
            merge(turn, other, gathered[0])
    return bool(failing)


def _over(turn: Turn, storm: Storm) -> str:
    """Why it is; empty while it lasts. What nobody has looked at yet may fail."""
    together, trackers = turn.volatile.together, turn.volatile.trackers
    if together.limit is None:
        return "the policy looks for no storm any more"
    held_until = storm.began.monotonic + together.limit.hold
    is_held = turn.now.monotonic < held_until
    if is_held and together.failing:
        turn.wake(held_until)
        return ""
    began = storm.began.monotonic
    counted = together.counted_since(began)
    failing = [name for name in counted if name in together.failing]
    if together.are_too_many(len(failing), began):
        return ""
    states = [trackers[name].state for name in counted]
    unknown = sum(state.health is Health.STARTING or state.reason is Reason.NOT_LOOKED for state in states)
    if not failing and not unknown:
        return "none of them fails any more"
    if not is_held and not together.are_too_many(len(failing) + unknown, began):
        return f"no more than {len(failing)} of {len(counted)} fail any more"
    turn.wake(held_until if is_held else None)
    return ""


def is_too_early(turn: Turn, name: str) -> bool:
    """Nobody should hear of it yet: whether it fails alone is not known, or all that will be told as one."""
    storm, together = in_force(turn.durable), turn.volatile.together
    if storm is None or not together.belongs(name, storm):
        return (together.is_crowded(name) or not turn.volatile.trackers[name].exited) and ask(turn, name)
    if turn.durable.incidents.get(storm.incident) is not None:
        return False
    return not _is_settled(turn, storm)


def ask(turn: Turn, name: str) -> bool:
    """Has those looked at that tell whether it fails alone; whether that is still to be learned."""
    together = turn.volatile.together
    question = together.ask(name, turn.now.monotonic)
    if question is not None:
        turn.await_looks(question.looks, question.since)
        turn.wake(question.until)
    return question is not None


def members(turn: Turn, name: str) -> list[str]:
    """Those for which an incident is opened with this one, which may be it alone."""
    failing = turn.volatile.together.failing
    if not opens(turn, name):
        return [name]
    return [name, *(each for each in failing if each != name and turn.volatile.trackers[each].unhealthy)]


def opens(turn: Turn, name: str) -> bool:
    """Whether the incident that is opened for this is that of a storm."""
    storm = in_force(turn.durable)
    return storm is not None and turn.volatile.together.belongs(name, storm)


def announce(turn: Turn) -> None:
    """Tells people once, when all that is learned soon is known."""
    storm, together = in_force(turn.durable), turn.volatile.together
    if storm is None or storm.told or not _is_settled(turn, storm):
        return
    incident = turn.durable.incidents.get(storm.incident)
    if incident is None or incident.resolved is not None:
        return
    trackers, failing = turn.volatile.trackers, list(together.failing)
    back = [name for name in together.before if name not in failing]
    if not together.are_too_many(len(failing) + len(back), storm.began.monotonic):
        return  # a new daemon has not looked at all of them yet
    exited = [name for name in failing if trackers[name].exited]
    elsewhere = [name for name in failing if trackers[name].state.reason is Reason.UNREACHABLE_FROM_HERE]
    containers = {name: trackers[name].container for name in failing if name not in elsewhere}
    running = [name for name, seen in containers.items() if seen is not None and seen.state is RunState.RUNNING]
    turn.record(r.StormTold(incident.incident, failing, len(together.names), exited, elsewhere, running, back))


def _is_settled(turn: Turn, storm: Storm) -> bool:
    settled_at = turn.volatile.together.settled_at(storm.began.monotonic, turn.now.monotonic)
    turn.wake(settled_at)
    return settled_at is None


def look_elsewhere(turn: Turn, names: Iterable[str]) -> None:
    """Asks the way to their own addresses, of those that run and give no answer."""
    in_storm = in_force(turn.durable) is not None
    for name in names:
        if turn.volatile.together.wants_a_witness(name, turn.now.monotonic, in_storm=in_storm):
            turn.effects.ask_witness.add(name)


def hear_witness(turn: Turn, name: str, detail: str) -> bool:
    """`detail` says what takes connections elsewhere, and is empty where nothing does; whether it changes a state."""
    if not turn.volatile.together.hear_witness(name, detail):
        return False
    turn.evaluate(name)
    return True


def whose_turn_may_be(turn: Turn) -> None:
    """When one has been started, or was not, the next may be: soon, and whichever it is."""
    storm, failing = turn.durable.storm, turn.volatile.together.failing
    ended = (r.MemberRecovered, r.AttemptFailed)
    if storm is None or not any(isinstance(record, ended) for record in turn.effects.records):
        return
    incident = turn.durable.incidents.get(storm.incident)
    if incident is None or incident.resolved is not None:
        return
    if failing if storm.ended is not None else any(turn.volatile.trackers[name].exited for name in failing):
        turn.wake(turn.now.monotonic)
