"""The volatile half of the engine's memory: what it sees and was told, rebuilt by looking after every start."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from nemo_watchdog.engine.agenda import Agenda
from nemo_watchdog.engine.conditions import Answer, Asked, Platform, Scene, answer_of
from nemo_watchdog.engine.events import ContainerSeen
from nemo_watchdog.engine.health import Tracker
from nemo_watchdog.engine.news import News
from nemo_watchdog.engine.oncall import Shift
from nemo_watchdog.engine.proven import Proving
from nemo_watchdog.engine.seen import Seen
from nemo_watchdog.engine.silence_elsewhere import SilenceElsewhere
from nemo_watchdog.engine.together import Together
from nemo_watchdog.engine.topology import Topology
from nemo_watchdog.model import Autonomy, ContainerEvent, ContainerStatus, Moment, Target
from nemo_watchdog.policy.condition import Measure
from nemo_watchdog.policy.policy import ActionStep, Policy, is_same_target


@dataclass(slots=True)
class Meanwhile:
    """What Docker told of a container since our last action on it was decided; `status` is how it was then."""

    action_id: str
    status: ContainerStatus
    events: list[ContainerEvent] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class UnseenEnd:
    """By Docker's time, and until when (monotonic seconds) it is waited for."""

    at: datetime | None
    until: float


@dataclass(frozen=True, slots=True)
class PausedSince:
    """In that run, `at` monotonic seconds."""

    run: tuple[str, datetime | None]
    at: float


@dataclass(slots=True)
class Volatile:
    policy: Policy
    trackers: dict[str, Tracker]
    topology: Topology = field(init=False)
    together: Together = field(init=False)
    sharing: dict[str, list[str]] = field(init=False)
    """Of each dependency that has targets, all that have the same ones, itself among them: they share a ladder."""
    beside: dict[str, tuple[str, ...]] = field(init=False)
    """Of each dependency that has a container, the others that look at the same one."""
    takers: dict[str, tuple[str, ...]] = field(init=False)
    """Of dependencies, those that restart their containers along with their own; of `*`, those with `dependents`."""
    proves_after: dict[str, float] = field(init=False)
    """Of dependencies whose container may go back to an image: seconds after which one has proven itself."""
    proving: dict[str, Proving] = field(default_factory=dict)
    """By container, of those that serve and whose image is not known to have done so."""
    asked: Asked = field(init=False)
    platform: Platform = field(init=False)
    answers: dict[tuple[Measure, str], Answer] = field(init=False)
    """What the last look at each said of the measurements that conditions ask for."""
    all_concerned: bool = False
    """Since the last time that everything was reconciled, what conditions ask of all has changed."""
    at: Moment = field(default_factory=lambda: Moment(0.0, datetime(1970, 1, 1, tzinfo=UTC)))
    """Of the step that is under way, or of the last one."""
    journal_trouble: str = ""
    """Why the journal cannot be written; empty while it can."""
    journal_damaged: bool = False
    """Whether that is because something that it held is gone or changed."""
    is_stopping: bool = False
    """This process begins nothing any more."""
    bug: str = ""
    """What the engine was about to do against its own rules; from then on it only observes."""
    news: dict[str, list[News]] = field(default_factory=dict)
    """By incident, what people may be told, alone or with more, and were not yet."""
    agenda: Agenda = field(default_factory=Agenda)
    """When people must be told next, by page or by incident."""
    silences_elsewhere: tuple[SilenceElsewhere, ...] = ()
    """In Alertmanager, as it was asked last."""
    calendars: dict[str, tuple[Shift, ...]] = field(default_factory=dict)
    """Of rotas, as they were read last."""
    resting: set[str] = field(default_factory=set)
    """Pages that nobody had to take when they were reviewed last: all of it was silenced, or worked on."""
    held_back: dict[str, int] = field(default_factory=dict)
    """By page, what was no message of its own since its last one."""
    blind_until: float = 0.0
    """Monotonic seconds: after a start, nothing is told until then of what has not been looked at yet."""
    awaited: set[str] = field(default_factory=set)
    """Looks at these decide what to do next."""
    unattributed: dict[str, ContainerSeen] = field(default_factory=dict)
    """Ends of which more must be known: whose they were while we acted, or what was said, which Docker has not told."""
    unseen_ends: dict[str, UnseenEnd] = field(default_factory=dict)
    """Of containers that Docker has told of, and that nobody has looked at since."""
    paused_since: dict[str, PausedSince] = field(default_factory=dict)
    """Of containers that are paused: for so long at least."""
    is_deaf: bool = False
    """Docker's event stream was lost and is not open again."""
    unheard_before: dict[str, float] = field(default_factory=dict)
    """Of containers that run: monotonic seconds before which somebody may have sent a signal that nobody knows of."""
    heard: dict[Target, Meanwhile] = field(default_factory=dict)
    """What others may have done while we acted."""

    def __post_init__(self) -> None:
        self.adopt(self.policy, self.trackers)

    def adopt(self, policy: Policy, trackers: dict[str, Tracker]) -> None:
        self.policy, self.trackers = policy, trackers
        self.topology = Topology.of(policy)
        self.together = Together(policy, trackers)
        self.takers = _takers(policy)
        self.proves_after = _proves_after(policy)
        containers = {trackers[name].spec.container for name in self.proves_after}
        self.proving = {container: each for container, each in self.proving.items() if container in containers}
        self.asked = Asked.by(policy)
        self.platform, self.answers = Platform.weigh(self.asked, policy, trackers), {}

        alike: dict[frozenset[Target], list[str]] = {}
        for name, spec in policy.dependencies.items():
            alike.setdefault(frozenset(spec.targets.values()), []).append(name)
        by_container: dict[str, list[str]] = {}
        for name, spec in policy.dependencies.items():
            if spec.container:
                by_container.setdefault(spec.container, []).append(name)
        self.beside = {
            name: tuple(other for other in group if other != name) for group in by_container.values() for name in group
        }
        self.sharing = {name: group for targets, group in alike.items() if targets for name in group}

    def reload(self, policy: Policy, seen: Seen) -> None:
        """Trackers of what stays keep what they saw.

        Where a name now means something else, what was seen of the old target says nothing about the new one.
        """
        kept = {}
        for name, spec in policy.dependencies.items():
            tracker = self.trackers.get(name)
            if tracker is None or not is_same_target(tracker.spec, spec):
                tracker = Tracker(spec, seen)
            else:
                tracker.spec = spec
            kept[name] = tracker
        self.adopt(policy, kept)

    def weigh_platform(self) -> None:
        """Somebody went down or came back: what conditions ask of all may have changed."""
        before, self.platform = self.platform, Platform.weigh(self.asked, self.policy, self.trackers)
        self.all_concerned = self.all_concerned or before != self.platform

    def weigh_measurements(self, name: str) -> bool:
        """Whether the last look at this one changes what conditions know of a measurement."""
        named = self.asked.measured.get(name, ())
        if not named and not self.asked.own:
            return False
        scene = Scene(self.trackers, {}, self.platform, self.at.monotonic, self.at.utc)
        changed = [each for each in (*named, *self.asked.own) if self._is_news(each, name, scene)]
        self.all_concerned = self.all_concerned or any(each in named for each in changed)
        return bool(changed)

    def _is_news(self, measure: Measure, name: str, scene: Scene) -> bool:
        answer = answer_of(measure, scene, name)
        before = self.answers.get((measure, name))
        self.answers[measure, name] = answer
        return answer is not before

    def moment(self, monotonic: float) -> Moment:
        """What the wall clock says at monotonic seconds, by the last step's."""
        return self.at.before(self.at.monotonic - monotonic)

    def concerns(self, name: str) -> bool:
        """Whether one more good look at it may change anything."""
        return name in self.awaited or name in self.asked.measured

    def watching(self, container: str) -> list[str]:
        """The dependencies of that container."""
        return [name for name, tracker in self.trackers.items() if tracker.spec.container == container]


def _proves_after(policy: Policy) -> dict[str, float]:
    """Where nothing may be done, Docker is not asked to keep anything either."""
    by_container: dict[str, float] = {}
    for spec in policy.dependencies.values():
        if spec.container is None or spec.remedy is None or spec.autonomy is Autonomy.OBSERVE:
            continue
        for step in policy.remedies[spec.remedy].steps:
            if isinstance(step, ActionStep) and step.proves_after is not None:
                by_container[spec.container] = max(step.proves_after, by_container.get(spec.container, 0.0))
    named = ((name, by_container.get(spec.container or "")) for name, spec in policy.dependencies.items())
    return {name: after for name, after in named if after is not None}


def _takers(policy: Policy) -> dict[str, tuple[str, ...]]:
    takers: dict[str, dict[str, None]] = {}
    for name, spec in policy.dependencies.items():
        for step in policy.remedies[spec.remedy].steps if spec.remedy is not None and spec.container else ():
            if isinstance(step, ActionStep) and step.also:
                for each in ("*",) if isinstance(step.also, str) else step.also:
                    takers.setdefault(each, {})[name] = None
    return {each: tuple(names) for each, names in takers.items()}
