"""Work in progress is a reason to wait: a restart loses what was rebuilt, copied or saved so far.

It ends by itself, mostly. When it does not, the restart stays undone and a person is told: one who knows what is in
progress there may let it be done (`retry`), once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nemo_watchdog import records as r
from nemo_watchdog.durations import duration
from nemo_watchdog.engine.gates.people import autonomy
from nemo_watchdog.engine.gates.situation import Situation
from nemo_watchdog.engine.gates.spacing import budget
from nemo_watchdog.engine.health import Tracker
from nemo_watchdog.engine.ladder import next_contact
from nemo_watchdog.engine.touches import told_time
from nemo_watchdog.engine.turn import Turn
from nemo_watchdog.model import Decision, Gate, Verdict

_HAS_AN_ANSWER = frozenset({Verdict.REFUSE, Verdict.ESCALATE})
"""Nothing would be done, or a person is told: that waits for nothing."""


@dataclass(frozen=True, slots=True)
class GoingOn:
    """`what` in words for people; `since` in monotonic seconds, None where nobody has seen it yet."""

    what: str
    since: float | None = None
    by_looks: bool = False
    """Looks or titles say so, and not only what `busy_while` names."""
    to_look_at: frozenset[str] = frozenset()
    """Dependencies of which nobody knows before the next look."""


def work(s: Situation) -> Decision | None:
    """Only where the next step acts, and would be done."""
    wait = s.durable.seen.waits.get(s.name)
    if s.action is None or (wait is not None and wait.waived):
        return None
    later = autonomy(s) or budget(s)
    if later is not None and later.verdict in _HAS_AN_ANSWER and not s.is_opened(later):
        return None
    going_on = work_at(s)
    if going_on is None:
        return None
    if going_on.to_look_at:
        return Decision(Verdict.WAIT, Gate.WORK, going_on.what)
    since = s.now if going_on.since is None else going_on.since
    longest = duration(s.spec.work_for)
    seen = f"in progress: {going_on.what}, for {duration(max(0, round(s.now - since)))} as far as was seen"
    if wait is not None and wait.told:
        return Decision(Verdict.WAIT, Gate.WORK, f"{seen}; a person was told that it takes too long")
    until = (s.now if wait is None else wait.since) + s.spec.work_for
    said = f"{seen}; a person is told when a restart waits longer than {longest}"
    return Decision(Verdict.WAIT, Gate.WORK, said, until)


def work_at(s: Situation) -> GoingOn | None:
    """What is in progress at what the next step would act on; None when nothing is."""
    seen: list[tuple[str, float | None]] = []
    named: list[tuple[str, float | None]] = []
    names = tuple(dict.fromkeys((s.name, *s.beside, *s.volatile.sharing.get(s.name, ()))))
    titles = max((at for name in names if (at := s.trackers[name].in_progress.titles_at) is not None), default=0.0)
    for name in names:
        of = "" if name == s.name else f" ({name})"
        unseen = _unseen(s, name)
        if unseen:
            what = f"looking first at {', '.join(unseen)}: whether somebody is at work there"
            return GoingOn(what, to_look_at=frozenset(unseen))
        seen += [(f"{what}{of}", since) for what, since in _seen_at_work(s.trackers[name], titles)]
        named += [(f"{what}{of}", since) for what, since in _named(s, name)]
    seen += _remembered(s, names)
    if s.action is not None and s.action.unpauses_after is not None:
        seen = []  # that it is let go on loses nothing of what it was doing itself
    said = [*seen, *named]
    if not said:
        return None
    since = min((at for _, at in said if at is not None), default=None)
    return GoingOn("; ".join(what for what, _ in said), since, bool(seen))


def _seen_at_work(tracker: Tracker, titles_at: float) -> list[tuple[str, float | None]]:
    """Where nothing runs, nothing works."""
    seen = tracker.in_progress
    if tracker.exited or not seen.work or seen.is_old(titles_at):
        return []
    return [(seen.work, seen.work_since)]


def _remembered(s: Situation, names: Iterable[str]) -> list[tuple[str, float | None]]:
    """What the restart waits for stands until somebody has told anything of this run: the daemon may be a new one."""
    wait = s.durable.seen.waits.get(s.name)
    if wait is None or not wait.run or s.tracker.exited or _run(s.tracker) not in ("", wait.run):
        return []
    if any(s.trackers[name].in_progress.work is not None for name in names):
        return []
    return [(wait.work, wait.working_since)]


def _run(tracker: Tracker) -> str:
    return told_time(tracker.container.started_at) if tracker.container is not None else ""


def _named(s: Situation, name: str) -> list[tuple[str, float | None]]:
    """What `busy_while` names there, and is seen."""
    spec, seen = s.trackers[name].spec, s.trackers[name].in_progress
    said: list[tuple[str, float | None]] = []
    if seen.marks is None:
        paths = ", ".join(sign.name for sign in spec.busy_while if sign.kind != "dependency")
        said.append((f"nobody can tell whether somebody is at work ({paths})", seen.marks_since))
    elif seen.marks:
        said.append((seen.marks, seen.marks_since))
    for sign in spec.busy_while:
        if sign.kind == "dependency" and _looks_good(s.trackers[sign.name]):
            since = s.trackers[sign.name].since
            said.append((f"{sign.name} is at work", since.monotonic if since is not None else None))
    return said


def _looks_good(tracker: Tracker) -> bool:
    """The last look that saw anything was good."""
    return tracker.last_served_began is not None and tracker.failing_since is None and not tracker.exited


def _unseen(s: Situation, name: str) -> list[str]:
    """What must be looked at first: that nobody is at work must have been seen since it fails."""
    tracker = s.tracker
    began = tracker.in_progress.ended_at if tracker.exited else tracker.failing_since
    if began is None:
        began = tracker.since.monotonic if tracker.since is not None else s.now
    signs = s.trackers[name].spec.busy_while
    asked = [sign.name if sign.kind == "dependency" else name for sign in signs]
    looked = {each: s.trackers[each].in_progress.looked_at for each in asked}
    return [each for each, at in looked.items() if at is None or at < began]


def watch(turn: Turn, s: Situation, decision: Decision) -> None:
    """Writes down that a restart waits for work, or does so no more; tells a person once that it takes long."""
    incident, wait = s.incident, s.durable.seen.waits.get(s.name)
    if incident is None:
        return
    going_on = work_at(s) if wait is not None or decision.gate is Gate.WORK else None
    if wait is not None and s.action is not None and going_on is None:
        turn.record(r.WorkOver(incident.incident, s.name))
    if decision.gate is not Gate.WORK or going_on is None:
        return
    now = turn.now.monotonic
    if going_on.to_look_at:
        turn.await_looks(going_on.to_look_at, now)
        return
    if wait is None:
        seen = 0.0 if going_on.since is None else max(0.0, now - going_on.since)
        run = _run(s.tracker) if going_on.by_looks else ""
        turn.record(r.WorkAwaited(incident.incident, s.name, going_on.what, round(seen, 3), run))
    elif not wait.told and now >= wait.since + s.spec.work_for:
        to = next_contact(s.remedy, s.ladder) if s.remedy is not None else ""
        why = f"a restart has waited for {duration(round(now - wait.since))}, longer than {duration(s.spec.work_for)}"
        turn.record(r.WorkTooLong(incident.incident, s.name, to, f"{why}; in progress: {going_on.what}"))
