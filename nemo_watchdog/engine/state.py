"""The durable half of the engine's memory: what must survive `kill -9`. Changed by `replay.apply` alone.

All times are monotonic seconds, comparable with now because the journal translates them when it replays.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from nemo_watchdog.engine.attempts import Ladder
from nemo_watchdog.engine.flaps import Flaps, Spell, is_flapping
from nemo_watchdog.engine.heartbeat import Heartbeat
from nemo_watchdog.engine.left_behind import Settling
from nemo_watchdog.engine.memory import Memory
from nemo_watchdog.engine.oncall import Swap
from nemo_watchdog.engine.pages import Pages
from nemo_watchdog.engine.pauses import Pause
from nemo_watchdog.engine.proposals import Proposals
from nemo_watchdog.engine.proven import ProvenImage
from nemo_watchdog.engine.quiet import Quieted
from nemo_watchdog.engine.reported import Acknowledgement, Declared
from nemo_watchdog.engine.seen import Seen
from nemo_watchdog.engine.together import Storm
from nemo_watchdog.engine.touches import Act, End, Hold, Initiator
from nemo_watchdog.model import (
    CONTAINER,
    ActionOutcome,
    ContainerEvent,
    ContainerStatus,
    Footprint,
    Moment,
    Severity,
    Target,
)

UNNAMED = ""
"""The kind of target of a hold that an older version wrote down for a dependency, without its container."""

REOPEN_WINDOW = 300.0
"""Seconds after a resolution within which trouble reopens the same incident: it came back is not it is fixed."""

LONGEST_BUDGET_WINDOW = 31 * 86400.0
"""Seconds that a spent action is remembered; the policy refuses longer windows."""


@dataclass(slots=True)
class Incident:
    incident: str
    root: str
    opened: Moment
    severity: Severity
    rule: str
    health: str
    category: str | None
    reason: str | None
    detail: str
    members: dict[str, None] = field(default_factory=dict)
    ladders: dict[str, Ladder] = field(default_factory=dict)
    serving: set[str] = field(default_factory=set)
    """Members that were confirmed to serve since their last trouble, or never did worse than serve badly."""
    suggested: set[str] = field(default_factory=set)
    """Members of which a person was asked to act, in their present trouble."""
    decisions: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Verdict and gate of the last decision about each that was written down."""
    escalated: list[str] = field(default_factory=list)
    ill_since: Moment | None = None
    """When the trouble began for which it was opened, or reopened last."""
    reopened: int = 0
    reopened_at: Moment | None = None
    last: dict[str, tuple[str, str | None, str]] = field(default_factory=dict)
    """Health, reason and detail of each member as they were written down last, also when nobody watches it any more."""
    acted_before: int = 0
    """How many actions were ordered in it before it was reopened last."""
    flapped: dict[str, Spell] = field(default_factory=dict)
    """Members whose flapping ended with it."""
    resolved: Moment | None = None
    merged_into: str = ""
    """The open incident that it became a part of; empty: none."""
    acknowledged: Acknowledgement | None = None
    """Until it is graver, or over."""
    was_taken: bool = False
    """Somebody had taken it when it was over last."""
    opened_as: tuple[str, Severity, str] = field(init=False)
    """Root, severity and rule as they were then: what it is known by elsewhere."""

    def __post_init__(self) -> None:
        self.opened_as = (self.root, self.severity, self.rule)

    def ladder(self, dependency: str) -> Ladder:
        return self.ladders.setdefault(dependency, Ladder())

    @property
    def acted(self) -> int:
        """How many actions were ordered in it or may have been; a ladder that two share counts once."""
        return sum({id(ladder): ladder.acted for ladder in self.ladders.values()}.values())

    @property
    def acted_now(self) -> int:
        """How many of them against the trouble that it was reopened for last."""
        return max(0, self.acted - self.acted_before)

    def begin_anew(self, dependency: str) -> None:
        """What is decided and suggested of it now is news."""
        self.decisions.pop(dependency, None)
        self.suggested.discard(dependency)


@dataclass(frozen=True, slots=True)
class Spend:
    at: float
    dependency: str
    target: Target
    action_id: str


@dataclass(slots=True)
class Durable:
    incidents: dict[str, Incident] = field(default_factory=dict)
    """Open ones, and resolved ones for as long as a recurrence would reopen them."""
    declared: dict[str, Declared] = field(default_factory=dict)
    """What people declared: open, and resolved ones for as long as resolved incidents are kept."""
    pages: Pages = field(default_factory=Pages)
    """What people were told of them."""
    spends: list[Spend] = field(default_factory=list)
    pauses: dict[str, Pause] = field(default_factory=dict)
    swaps: dict[str, tuple[Swap, ...]] = field(default_factory=dict)
    """Of rotas, the oldest first; those that are over go with the next one."""
    quiet: Quieted = field(default_factory=Quieted)
    proposals: Proposals = field(default_factory=Proposals)
    holds: dict[Target, Hold] = field(default_factory=dict)
    """What people did to a target that is left alone for it."""
    outlived: dict[Target, datetime] = field(default_factory=dict)
    """Until when (UTC) the signals to a target are known to have ended nothing: it has answered again since."""
    ends: dict[Target, End] = field(default_factory=dict)
    """The last end of a target that was nobody's doing, known also when Docker has forgotten it."""
    heartbeats: dict[str, Heartbeat] = field(default_factory=dict)
    seen: Seen = field(default_factory=Seen)
    flaps: dict[str, Flaps] = field(default_factory=dict)
    storm: Storm | None = None
    """The last one, also when it is over."""
    _homes: dict[str, Incident] = field(init=False, repr=False, default_factory=dict)
    """The open incident of each member of one."""
    acts: dict[Target, Act] = field(default_factory=dict)
    ladders: dict[Target, Ladder] = field(default_factory=dict)
    """The one that acted last on each target."""
    memory: Memory = field(default_factory=Memory)
    """Of actions: whether they helped."""
    proven_images: dict[str, ProvenImage] = field(default_factory=dict)
    """Of containers, the last one each."""
    settlings: dict[str, Settling] = field(default_factory=dict)
    """What actions have left behind, by their ids."""

    def open(self) -> list[Incident]:
        return [incident for incident in self.incidents.values() if incident.resolved is None]

    def open_declared(self) -> list[Declared]:
        return [declared for declared in self.declared.values() if declared.resolved is None]

    def all_open(self) -> list[Incident | Declared]:
        return [*self.open(), *self.open_declared()]

    def one(self, incident: str) -> Incident | Declared | None:
        return self.incidents.get(incident) or self.declared.get(incident)

    def open_one(self, incident: str) -> Incident | Declared | None:
        """The open incident of that id, whoever opened it."""
        return next((one for one in self.all_open() if one.incident == incident), None)

    @property
    def ids(self) -> set[str]:
        """Of all incidents that are remembered."""
        return self.incidents.keys() | self.declared.keys()

    def severities(self) -> dict[str, str]:
        """Of each open incident, by its id."""
        return {one.incident: str(one.severity) for one in self.all_open()}

    def incident_of(self, dependency: str) -> Incident | None:
        """The open incident that this dependency is part of."""
        return self._homes.get(dependency)

    def join(self, incident: Incident, dependency: str, *, serves: bool = False) -> None:
        if serves:
            incident.serving.add(dependency)
        incident.members[dependency] = None
        self._homes[dependency] = incident

    def reopen(self, incident: Incident, dependency: str, since: Moment, at: Moment) -> None:
        """A recurrence at `dependency`. Members that another open incident has by now stay there."""
        incident.resolved, incident.ill_since, incident.reopened_at = None, since, at
        incident.flapped.clear()
        incident.reopened, incident.acted_before = incident.reopened + 1, incident.acted
        free = [name for name in incident.members if name not in self._homes]
        incident.members = {}
        for name in [*free, dependency]:
            self.join(incident, name)
        if incident.root not in incident.members:
            incident.root = dependency

    def close(self, incident: Incident, at: Moment) -> None:
        incident.was_taken = incident.acknowledged is not None
        incident.resolved, incident.acknowledged = at, None
        for name in incident.members:
            del self._homes[name]

    def merge(self, source: Incident, target: Incident, at: Moment) -> None:
        """The members move with their ladders; attempts go on counting from the higher number, so no id comes twice."""
        answer = source.acknowledged
        self.close(source, at)
        source.merged_into = target.incident
        if answer is not None and target.severity < source.severity:
            self.pages.ask_anew(source.incident, at)
        else:
            target.acknowledged = target.acknowledged or answer
        target.serving |= source.serving
        target.suggested |= source.suggested
        target.decisions |= source.decisions
        target.last |= source.last
        target.escalated += [each for each in source.escalated if each not in target.escalated]
        self.pages.merge(source.incident, target.incident)
        for name in source.members:
            self.join(target, name)
            if ladder := source.ladders.get(name):
                ladder.total = max(ladder.total, target.ladder(name).total)
                target.ladders[name] = ladder

    def spends_on(self, dependency: str, targets: Collection[Target]) -> list[float]:
        """Monotonic times of what was spent on it. A new name for the same target does not make that unspent."""
        return [spend.at for spend in self.spends if spend.dependency == dependency or spend.target in targets]

    def ladder_on(self, target: Target, now: float) -> Ladder | None:
        """The one that acted last on it, while its incident is open or would be reopened."""
        ladder = self.ladders.get(target)
        for incident in self.incidents.values() if ladder is not None else ():
            fresh = incident.resolved is None or now - incident.resolved.monotonic < REOPEN_WINDOW
            if fresh and any(each is ladder for each in incident.ladders.values()):
                return ladder
        return None

    def ladder_of(self, target: Target) -> Ladder | None:
        """The one whose action was the last that was done to it, be it along with another target."""
        act, ladder = self.acts.get(target), self.ladders.get(target)
        if act is None or (ladder is not None and ladder.action_id == act.action_id):
            return ladder
        return next((each for each in self.ladders.values() if each.action_id == act.action_id), ladder)

    def share(self, incident: Incident, dependency: str, target: Target) -> None:
        """From now on the ladder of the target is that of this dependency."""
        ladder = self.ladders[target]
        own = incident.ladders.get(dependency)
        if own is not None and own is not ladder:
            ladder.take_in(own)
        incident.ladders[dependency] = ladder

    def is_in_use(self, ladder: Ladder) -> bool:
        """Whether an open incident has it."""
        return any(each is ladder for incident in self.open() for each in incident.ladders.values())

    def is_flapping(self, dependency: str) -> bool:
        return is_flapping(self.flaps, dependency)

    def hold_on(self, dependency: str, container: str | None, now: float) -> Hold | None:
        """For what it is left alone at monotonic seconds `now`; None when nobody did anything."""
        held = self.holds.get(Target(CONTAINER, container)) if container else None
        held = held or self.holds.get(Target(UNNAMED, dependency))
        return held if held is not None and held.holds(now) else None

    def acting(self) -> int:
        """How many actions are under way."""
        return len({act.action_id for act in self.acts.values() if act.under_way})

    def is_acting_on(self, target: Target) -> bool:
        act = self.acts.get(target)
        return act is not None and act.under_way

    def unclear_until(self, target: Target, status: ContainerStatus | None, now: float) -> float | None:
        """Monotonic seconds until which an action of ours, whose result nobody knows, explains the end of that run."""
        act = self.acts.get(target)
        return None if act is None else act.explains_until(status, now)

    def initiators_of(
        self, target: Target, status: ContainerStatus, sent: Iterable[ContainerEvent]
    ) -> list[tuple[ContainerEvent, Initiator]]:
        """Who sent each of these signals to a run of a container."""
        act = self.acts.get(target)
        return [(event, Initiator.THEIRS) for event in sent] if act is None else act.initiators_of(status, sent)

    def is_late(self, target: Target, sent: ContainerEvent) -> bool:
        """It was sent when we waited no more for our own order: nobody knows whose it is, and nobody comes between."""
        act = self.acts.get(target)
        return act is not None and act.given_up is not None and sent.at is not None and sent.at > act.given_up

    def end_of(self, target: Target, status: ContainerStatus) -> End | None:
        """What is known of the end of that run, if no person ended it."""
        end = self.ends.get(target)
        same = end is not None and status.finished_at is not None and end.finished == status.finished_at.isoformat()
        return end if same else None

    def intend(self, action_id: str, dependency: str, targets: Sequence[Target], at: Moment, leaves: Footprint) -> None:
        """Spent once from now on, on the first, unless it turns out that it was certainly not ordered."""
        self.spends.append(Spend(at.monotonic, dependency, targets[0], action_id))
        self.acts |= {target: Act(action_id, at.utc, leaves) for target in targets}

    def end(
        self, action_id: str, outcome: str, at: Moment, looks_for: float, left: Collection[Target] = frozenset()
    ) -> None:
        """`looks_for` in seconds: an action whose result is unknown may still do its work for so long.

        To those that are `left` certainly nothing was done.
        """
        for target, act in list(self.acts.items()):
            if act.action_id != action_id:
                continue
            act.end(outcome, at, looks_for)
            if outcome == ActionOutcome.REFUSED or target in left:
                del self.acts[target]
        if outcome == ActionOutcome.REFUSED:
            self.spends = [spend for spend in self.spends if spend.action_id != action_id]

    def end_holds(self, now: float) -> None:
        """Those whose time is over: while one stands, what people do next to the same target may not be held."""
        self.holds = {target: hold for target, hold in self.holds.items() if hold.holds(now)}

    def forget_old(self, now: float, settle: float) -> None:
        """Drops what no rule can ask for any more; that it is over may be told `settle` seconds after the end."""
        keep_resolved = max(REOPEN_WINDOW, 2 * settle)
        for flaps in self.flaps.values():
            flaps.forget_old(now)
        self.flaps = {name: flaps for name, flaps in self.flaps.items() if not flaps.says_nothing}
        self.spends = [spend for spend in self.spends if now - spend.at < LONGEST_BUDGET_WINDOW]

        def kept(one: Incident | Declared) -> bool:
            told = self.pages.is_open(one.incident)
            return one.resolved is None or told or now - one.resolved.monotonic < keep_resolved

        self.incidents = {name: incident for name, incident in self.incidents.items() if kept(incident)}
        self.declared = {name: declared for name, declared in self.declared.items() if kept(declared)}
        self.pages.forget_all_but(self.ids, now)
        self.proposals.forget_old(now, self.ids)
        began = [each for one in self.incidents.values() for each in (one.opened, one.reopened_at) if each is not None]
        began += [one.opened for one in self.declared.values()]
        self.quiet.forget_old(now, keep_resolved, [each.monotonic for each in began])
