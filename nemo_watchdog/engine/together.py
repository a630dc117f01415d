"""Who fails together, and whether one fails alone: when much does, what is shared is suspected. Pure.

Of what may be a storm everybody counts who is down, cannot be reached, or may be going down, since its failure began;
not who is busy and says so, and not what people have in hand. Those that what they need explains are counted for how
much fails, and not for how many things are broken: a database takes its clients with it, and that is one thing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from zlib import crc32

from nemo_watchdog.engine.elsewhere import Elsewhere, reason_of
from nemo_watchdog.engine.health import Tracker
from nemo_watchdog.engine.states import NO_ANSWER
from nemo_watchdog.engine.topology import upstreams
from nemo_watchdog.model import Category, Health, Moment, Outcome, Reason, RunState
from nemo_watchdog.policy.policy import Policy
from nemo_watchdog.policy.policy import Storm as Limit

NO_WAY = frozenset({Reason.REFUSED, Reason.NETWORK_UNREACHABLE, Reason.PERMISSION_DENIED})
"""The kernel, or something on the way, says that nobody is there: nothing that it needs explains that of what runs."""

ASKED_AT_ONCE = 64
"""Looks at others that are asked for at a time, so that they hold up nobody else's."""

LONGEST_QUESTION = 10.0
"""Seconds after which it is decided without those that have not been looked at."""

SETTLES_AFTER, SETTLES_WITHIN = 2.0, 10.0
"""Seconds before which a storm is not told, as more may fail, and after which it is told with what is known."""

SPREAD = 10.0
"""Seconds over which those that still need help after a storm begin to get it."""


@dataclass(slots=True)
class Storm:
    """Much that fails together, of so many (`of`) that could; `ended` when it is over."""

    began: Moment
    of: int
    incident: str = ""
    """Empty while none is open for it."""
    told: bool = False
    ended: Moment | None = None
    retried: set[str] = field(default_factory=set)
    """Members that a person wants restarted in spite of it, and that have not been yet."""


@dataclass(frozen=True, slots=True)
class Question:
    """Does it fail alone? A look at each of these may tell. Monotonic seconds."""

    looks: tuple[str, ...]
    until: float
    since: float
    """None of these has begun since then."""


class Together:
    """What is known now of who fails, for one policy."""

    def __init__(self, policy: Policy, trackers: Mapping[str, Tracker]) -> None:
        self.limit = storm = policy.limits.storm
        self._limit = storm or Limit()
        """Where the policy looks for no storm, nobody is counted, and this decides nothing."""
        tags = {name: spec.tags for name, spec in policy.dependencies.items()}
        self.names = tuple(name for name in tags if storm and (storm.of is None or storm.of in tags[name]))
        """All that could fail together."""
        self.failing: dict[str, float] = {}
        """Since when it is known, in monotonic seconds."""
        self._served: dict[str, float] = {}
        """When those that fail, or did, were seen to serve last: they have begun to fail at some time since."""
        self.before: dict[str, float] = {}
        """Since when those failed that do not any more: what is started again at once has failed all the same."""
        self.has_news = False
        """It may have begun since it was asked last."""
        self._too_many: int | None = None
        """So many made the last storm. Whoever recovers in it from something else ends it no sooner."""
        self._scope = frozenset(self.names) if len(self.names) > self._most_of(len(self.names)) else frozenset()
        self._above = {name: tuple(upstreams(policy, name)) for name in self._scope}
        self._trackers = trackers
        self._in_hand: set[str] = set()
        """People work on these, or have stopped them."""
        self._asked: dict[str, tuple[float, float]] = {}
        """Who asks whether it fails alone: since when it does, and since when it asks about that."""
        self._answered: dict[str, float] = {}
        """Who fails alone, and since when it did as that was learned."""
        self._unseen: set[str] = set()
        """Those of the failing that cannot be seen, so that nobody knows whether they do."""
        self._confirmed: set[str] = set()
        """Those that fail by more than a look."""
        self._elsewhere = Elsewhere(trackers)
        longest = max((policy.dependencies[name].timeout for name in self._scope), default=0.0)
        self._patience = min(longest + 1.0, LONGEST_QUESTION)

    def notice(self, name: str, *, in_hand: bool, known: float | None = None) -> None:
        """It was looked at, or its container was; `in_hand`: a person's, whatever is seen.

        `known` is since when (monotonic seconds) it is known to fail: what a new daemon finds down may be so for long.
        """
        if name not in self._scope:
            return
        (self._in_hand.add if in_hand else self._in_hand.discard)(name)
        since = None if in_hand else _fails_since(self._trackers[name])
        if since is None:
            self._forget(name, in_hand=in_hand)
            return
        state = self._trackers[name].state
        if name not in self.failing:
            self._fails(name, min(since, since if known is None else known))
        elif name in self._unseen and state.health is Health.DOWN:
            # What could not be seen is seen to fail now: whether it does that alone is another question.
            self._fails(name, since)
        is_unseen = state.health is Health.UNKNOWN and state.reason in NO_ANSWER
        (self._unseen.add if is_unseen else self._unseen.discard)(name)
        if self._trackers[name].unhealthy:
            self._confirmed.add(name)

    def _fails(self, name: str, since: float) -> None:
        self.failing[name], self.has_news = since, True
        tracker = self._trackers[name]
        between_looks = 0.0 if tracker.exited else tracker.spec.interval + tracker.spec.timeout
        served = since if tracker.last_served_began is None else tracker.last_served_began
        self._served[name] = min(since, max(served, since - between_looks))

    def _forget(self, name: str, *, in_hand: bool) -> None:
        began = self.failing.pop(name, None)
        if began is not None and name in self._confirmed and not in_hand:
            self.before[name] = began
        self._confirmed.discard(name)
        self._asked.pop(name, None)
        self._elsewhere.forget(name)

    def begin_anew(self) -> None:
        """A storm is over: what failed in it makes no other one."""
        self.before.clear()

    def belongs(self, name: str, storm: Storm) -> bool:
        """To that storm: it fails, or it is slow or busy since that began."""
        if name in self.failing:
            return True
        since = self._trackers[name].since
        if name not in self._scope or name in self._in_hand or since is None:
            return False
        ill = self._trackers[name].state.health in (Health.DOWN, Health.DEGRADED)
        return ill and since.monotonic >= storm.began.monotonic - self._limit.within

    def gathered(self) -> tuple[str, ...]:
        """Those that fail together, as a storm; none where there is no storm."""
        if len(self.failing) + len(self.before) < self._limit.least:
            return ()
        newest = max(self.failing.values(), default=0.0)
        self.before = {name: at for name, at in self.before.items() if newest - at <= self._limit.within}
        began = self.before | self.failing
        moment = _most_at((self._served[name], at + self._limit.within) for name, at in began.items())
        names = tuple(
            name
            for name in sorted(began, key=lambda name: began[name])
            if self._served[name] <= moment <= began[name] + self._limit.within
        )
        roots = {_what(self._trackers[name]) for name in names if not self._is_explained(name)}
        most = self.most_since(began[names[0]])
        if len(names) <= most or len(roots) < self._limit.least:
            return ()
        self._too_many = most + 1
        return names

    def counted_since(self, began: float) -> list[str]:
        """Those that can tell whether something shared has failed then: not what people have in hand, nor what failed
        before.
        """
        return [name for name in self.names if name not in self._in_hand and not self._failed_before(name, began)]

    def most_since(self, began: float) -> int:
        """So many of them may fail, and it is no storm."""
        return self._most_of(len(self.counted_since(began)))

    def _most_of(self, count: int) -> int:
        return max(int(self._limit.share * count + 1e-9), self._limit.least - 1)

    def are_too_many(self, failing: int, began: float) -> bool:
        """For the storm that began then to be over."""
        most = self.most_since(began)
        return failing > (most if self._too_many is None else min(most, self._too_many - 1))

    def _failed_before(self, name: str, began: float) -> bool:
        """For whatever reason: of what is down anyway nobody sees what else befalls it."""
        since = self.failing.get(name, self.before.get(name))
        down = self._trackers[name].since if self._trackers[name].state.health is Health.DOWN else None
        if since is None and down is not None:
            since = down.monotonic
        return since is not None and began - since > self._limit.within

    def is_crowded(self, name: str) -> bool:
        """So many fail since then that also what has ended may be part of a storm: the first are started at once."""
        return name in self.failing and len(self._near(name)) >= self._limit.least

    def _near(self, name: str) -> set[str]:
        """What fails since about the same time, itself among it."""
        began = self._began(name)
        return {_what(self._trackers[other]) for other in self.failing if not self._is_apart(other, began)}

    def question(self, name: str, now: float) -> Question | None:
        """What must be looked at before it counts as failing alone; None when it does, or when that took too long."""
        if name not in self.failing or self._answered.get(name) == self._fails_of_itself_since(name):
            return None
        until = self._asked_at(name, now) + self._patience * (2 if self._has_company(name) else 1)
        looks = tuple(self._open_looks(name))
        return Question(looks, until, self._fails_of_itself_since(name)) if looks and now < until else None

    def ask(self, name: str, now: float) -> Question | None:
        """The same; the time that it may take runs from the first time on."""
        question = self.question(name, now)
        if question is not None:
            self._asked[name] = question.since, self._asked_at(name, now)
        elif name in self.failing:
            self._answered[name] = self._fails_of_itself_since(name)
            self._asked.pop(name, None)
        return question

    def _asked_at(self, name: str, now: float) -> float:
        """When it first asked about what it fails for now; now, if it has not."""
        since, asked_at = self._asked.get(name, (now, now))
        return asked_at if since == self._fails_of_itself_since(name) else now

    def _fails_of_itself_since(self, name: str) -> float:
        """What goes on to fail after what it needs has recovered may do so for another reason."""
        began = self.failing[name]
        recovered = (self._trackers[above].recovered_at for above in self._above[name])
        return max([began, *(at for at in recovered if at is not None)])

    def _began(self, name: str) -> tuple[float, float]:
        """Between when and when it has begun to fail, for the reason that it may have now."""
        seen = self._fails_of_itself_since(name)
        return (self._served[name] if seen == self.failing[name] else seen), seen

    def released(self) -> list[str]:
        """Those that had asked and know now that they fail alone; the latest failure asks for most."""
        alone = []
        for name in sorted(self._asked, key=lambda each: self.failing[each]):
            if next(self._open_looks(name), None) is not None:
                break
            self._answered[name] = self._fails_of_itself_since(name)
            alone.append(name)
        for name in alone:
            del self._asked[name]
        return alone

    def wants_a_witness(self, name: str, now: float, *, in_storm: bool) -> bool:
        """Whether another way to it is to be asked now; it counts as asked then."""
        is_asked = in_storm or bool(self._trackers[name].elsewhere)
        return name in self.failing and is_asked and self._elsewhere.ask(name, now)

    def hear_witness(self, name: str, detail: str) -> bool:
        """Whether it is of a failure that goes on."""
        if name not in self.failing:
            return False
        self._elsewhere.hear(name, detail)
        return True

    def settled_at(self, began: float, now: float) -> float | None:
        """Until when a storm that began then is not told, at the latest; None when what is learned soon is known."""
        if now < began + SETTLES_AFTER and len(self.failing) < len(self.names):
            return began + SETTLES_AFTER
        until = began + SETTLES_WITHIN
        return None if now >= until or all(self._is_settled(name) for name in self.failing) else until

    def _is_settled(self, name: str) -> bool:
        return self._trackers[name].unhealthy and self._elsewhere.is_settled(name)

    def _open_looks(self, name: str) -> Iterator[str]:
        tracker = self._trackers[name]
        if tracker.exited:
            yield from self._unseen_above(name)
            if not self.is_crowded(name):
                return
        began = self._began(name)
        unseen = self._unseen_since(began[1])
        if not unseen:
            return  # when hundreds fail together, nobody counts them for each of them
        counted = self.counted_since(began[1])
        good = sum(other != name and self._is_apart(other, began) for other in counted)
        missing = len(counted) - self._most_of(len(counted)) - good
        if missing > 0:
            asked = len(unseen) if self._has_company(name) else missing
            place = crc32(name.encode()) % len(unseen)
            yield from [*unseen[place:], *unseen[:place]][: min(asked, ASKED_AT_ONCE)]

    def _unseen_since(self, began: float) -> list[str]:
        """Those that can tell, and that nobody has looked at since then."""
        return [
            name
            for name in self.names
            if name not in self.failing
            and name not in self.before
            and not self._was_seen(name, began)
            and name not in self._in_hand
            and not self._failed_before(name, began)
        ]

    def _has_company(self, name: str) -> bool:
        """Another one fails since then: who has not been looked at is asked for at once, and there is time for it."""
        began = self._began(name)
        return any(other != name and not self._is_apart(other, began) for other in (*self.failing, *self.before))

    def _unseen_above(self, name: str) -> Iterator[str]:
        """What has ended may have gone down with what it needs, of which nobody has heard yet."""
        since = self._trackers[name].since
        for above in self._above[name]:
            last = self._trackers[above].last
            fails = above in self.failing or self._trackers[above].state.health not in (Health.UP, Health.DEGRADED)
            if since is not None and not fails and (last is None or last.began < since.monotonic):
                yield above

    def _is_apart(self, other: str, began: tuple[float, float]) -> bool:
        """It was seen since, and does not fail; or it fails since another time."""
        served, seen = began
        fails_since = self.failing.get(other, self.before.get(other))
        if fails_since is not None:
            within = self._limit.within
            return fails_since < served - within or seen < self._served[other] - within
        return self._was_seen(other, seen) and not _gives_no_answer(self._trackers[other])

    def _was_seen(self, other: str, began: float) -> bool:
        last = self._trackers[other].last
        return last is not None and last.began >= began

    def _is_explained(self, name: str) -> bool:
        """By what it needs. What runs and refuses is a failure of its own, whatever else fails."""
        tracker = self._trackers[name]
        runs = tracker.container is not None and tracker.container.state is RunState.RUNNING
        if runs and reason_of(tracker) in NO_WAY:
            return False
        return any(above in self.failing for above in self._above[name])


def _most_at(spans: Iterable[tuple[float, float]]) -> float:
    """A moment within as many of these as any, their ends included; the latest where there are several."""
    changes = sorted((at, order) for span in spans for order, at in enumerate(span))
    here = accumulate(-1 if is_end else 1 for _, is_end in changes)
    return max(zip(here, (at for at, _ in changes), strict=True))[1]


def _what(tracker: Tracker) -> str:
    """Two looks at one container are one thing."""
    return tracker.spec.container or f"no container of {tracker.spec.name}"


def jitter(name: str) -> float:
    """Seconds, always the same for a name."""
    return SPREAD * crc32(name.encode()) / 2**32


def _gives_no_answer(tracker: Tracker) -> bool:
    """As what people have stopped gives none: that says nothing of what is shared."""
    return tracker.last is not None and tracker.last.finding.reason in NO_ANSWER


def _fails_since(tracker: Tracker) -> float | None:
    """Monotonic seconds; None when it does not fail, as far as a storm is concerned."""
    state, last = tracker.state, tracker.last
    since = tracker.since.monotonic if tracker.since is not None else None
    if state.health is Health.STARTING:
        return None
    if state.health is Health.DOWN:
        return None if state.category is Category.BUSY else _first(tracker.failing_since, since)
    began = _first(tracker.failing_since, tracker.blind_since)
    if state.health is Health.UNKNOWN and state.reason in NO_ANSWER:
        return began
    if not tracker.suspect or last is None or last.finding.outcome is not Outcome.FAILED:
        return None
    reason = last.finding.reason
    fails = reason in NO_ANSWER or (reason is not None and reason.category in (Category.FAULT, Category.INTEGRITY))
    return began if fails else None


def _first(known: float | None, otherwise: float | None) -> float | None:
    return otherwise if known is None else known
