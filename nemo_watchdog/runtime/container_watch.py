"""Keeps the engine's idea of each container true: the event stream tells at once, inspects make sure."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import structlog

from nemo_watchdog.engine import last_words, signals
from nemo_watchdog.engine.events import ContainerActed, ContainerSeen
from nemo_watchdog.engine.states import NOT_RUNNING
from nemo_watchdog.errors import ContainersUnreachable, QuestionRefused
from nemo_watchdog.metrics import Metrics
from nemo_watchdog.model import ContainerEvent, ContainerStatus, ContainerUsage, LogLine, Past, RunState
from nemo_watchdog.ports import Containers
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.troubles import Trouble

log = structlog.get_logger("nemo_watchdog")

RECONCILE_EVERY = 10.0
"""Seconds. The stream can lose events, and a Docker that hangs sends none."""

EVENT_LAG = 1.0
"""Seconds that Docker's events may come after the state that an inspect shows."""

SIGNAL_LAG = timedelta(seconds=1)
"""A signal is sent before its event is made: what it ends at once has ended before it."""

ASK_AGAIN_AFTER = 0.05
"""Seconds between two questions for an event that is not there yet."""

HEARD = 32
"""Events of one container that are remembered here, because Docker forgets those of a long stop."""

LAST_WORDS = 50
"""Lines of a container that has ended by itself which are asked for, once."""

LAST_WORDS_WITHIN = 2.0
"""Seconds that this question may take; from a log file of any length it takes milliseconds."""

ORDERS = frozenset({"kill", "stop"})
"""An Engine that goes down gives them itself."""

COMINGS_AND_GOINGS = frozenset({"start", "destroy", "rename", "reconnected"})
"""What makes another container of one that is there. A container that was only created is none yet."""

CHANGES = frozenset({"die", "start", "stop", "restart", "pause", "unpause", "oom", "destroy", "rename", "create"})


class ContainerWatch:
    """Two loops over the containers that the policy names."""

    def __init__(self, containers: Containers, core: Core, metrics: Metrics) -> None:
        self._containers = containers
        self._core = core
        self._metrics = metrics
        self._heard: defaultdict[str, deque[ContainerEvent]] = defaultdict(lambda: deque(maxlen=HEARD))
        self._heard_since: datetime | None = None
        """Docker's time since which the stream has told every event; None before it was opened first."""
        self._lost_at: datetime | None = None
        """When the stream was surely open for the last time, while it is not."""
        self._followed: set[str] = set()
        """The containers whose events were kept when the stream was opened."""
        self._known_since: dict[str, datetime] = {}
        """Since when no event of a container is missing, in what was told at its first sight and heard since."""
        self._before: dict[str, tuple[ContainerEvent, ...]] = {}
        """What Docker remembered of a container then."""
        self._gone_since: datetime | None = None
        """Docker's time since which the Engine, which goes down, takes no callers."""
        self._away: tuple[datetime, datetime] | None = None
        """When an Engine had gone that is back: its last absence."""
        self._asked: dict[str, ContainerStatus] = {}
        """The run of each container whose history was asked for, while it was seen ever since."""
        self._ids: dict[str, str] = {}
        """What bore each name when it was seen last: it stays itself when it is renamed."""
        self._unheard: set[str] = set()
        """Those that have ended and whose last words Docker has not told."""
        self._one_at_a_time: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        """So that an older look never overwrites a newer one."""
        self.on_other_containers: Callable[[], None] = _ignore
        """Called when any container, watched or not, comes or goes."""
        metrics.docker_reachable.set(1)  # until an inspect finds otherwise: a policy without containers asks nothing

    async def follow(self) -> None:
        """The event stream, for ever."""
        async for event in self._containers.events():
            if event.action in COMINGS_AND_GOINGS:
                self.on_other_containers()
            if event.action == "engine_restarted":
                self._gone_since = self._gone_since or event.at
                log.warning("docker engine restarted: what it ended is started again as the policy allows")
                continue
            if event.action == "lost":
                self._lost_at = event.at or datetime.min.replace(tzinfo=UTC)
                self._core.tell(ContainerActed(event))
                await self.reconcile()
                continue
            if event.action == "reconnected":
                self._go_on_since(event.at)
                await self.reconcile()
                self._core.tell(ContainerActed(event))
                continue
            for name in self._watched():
                if event.container == name or (event.container_id and event.container_id == self._ids.get(name)):
                    await self._hear(name, replace(event, container=name))

    async def _hear(self, container: str, event: ContainerEvent) -> None:
        if event in self._heard[container]:
            return
        self._keep(event)
        if event.action in ORDERS and self._gone_since is None and not await self._containers.takes_callers():
            self._gone_since = event.at and event.at - SIGNAL_LAG
        if self._gone_since is None:
            self._core.tell(ContainerActed(event))
        if event.action in CHANGES:
            await self.look(container)

    def _go_on_since(self, at: datetime | None) -> None:
        """After a gap of which nobody knows what was in it, what Docker remembers of each run is asked for anew."""
        if at != self._heard_since:
            for kept in (self._heard, self._asked, self._before, self._known_since):
                kept.clear()
            self._followed = self._watched()
            if self._gone_since is not None and at is not None:
                self._away = (self._gone_since, at)
        self._heard_since, self._lost_at, self._gone_since = at, None, None

    def _keep(self, event: ContainerEvent) -> None:
        """What is pushed out by it is not known any more."""
        heard, known = self._heard[event.container], self._known_since.get(event.container)
        heard.append(event)
        if len(heard) == HEARD and known is not None and heard[0].at is not None:
            self._known_since[event.container] = max(known, heard[0].at)

    async def usage(self, container: str) -> ContainerUsage:
        """See `ports.Containers.usage`; what leaves a network that it shares may be another's, and is not counted."""
        used = await self._containers.usage(container)
        return replace(used, sent=0, sent_packets=0) if self._shares_network(container) else used

    def _shares_network(self, container: str) -> bool:
        """With another one that is watched."""
        trackers = self._core.engine.trackers.values()
        own = next((each.container for each in trackers if each.spec.container == container), None)
        if own is None:
            return False
        used = {each.container.network_of for each in trackers if each.container is not None}
        return own.network_of != "" or container in used or (own.container_id != "" and own.container_id in used)

    async def uninterruptible(self, container: str) -> frozenset[int]:
        """See `ports.Containers.uninterruptible`."""
        return await self._containers.uninterruptible(container)

    async def titles(self, container: str) -> Sequence[str]:
        """See `ports.Containers.titles`."""
        return await self._containers.titles(container)

    async def reconcile_forever(self) -> None:
        while True:
            await self.reconcile()
            await asyncio.sleep(RECONCILE_EVERY)

    async def reconcile(self) -> None:
        """Inspects every container and tells what is new."""
        await asyncio.gather(*(self._look(container, news_only=True) for container in self._watched()))

    async def look(self, container: str) -> None:
        """Inspects one container and tells what is there."""
        await self._look(container, news_only=False)

    async def _look(self, container: str, *, news_only: bool) -> None:
        async with self._one_at_a_time[container]:
            status, past = await self._see(container)
            if not news_only or past is not None or self._is_news(container, status) or container in self._unheard:
                words = await self._last_words(container, status, past)
                self._core.tell(ContainerSeen(container, status, past, words))

    async def _see(self, container: str) -> tuple[ContainerStatus, Past | None]:
        past = None
        try:
            if self._gone_since is not None:
                await self._is_it_back()
            status = await self._containers.inspect(container)
            self._remember(container, status)
            if status.state in NOT_RUNNING and self._is_news(container, status):
                past = await self._past_of_ended(container, status)
            elif status.state is RunState.RUNNING and self._is_new_run(container, status):
                past = await self._past_of_new(container, status)
                self._asked[container] = status
        except ContainersUnreachable as error:
            self._asked.pop(container, None)  # what is heard meanwhile is of nothing that is seen
            if self._core.troubles.found(Trouble.DOCKER, str(error)):
                log.warning("docker unreachable: every action is held", error=str(error))
            self._metrics.docker_reachable.set(0)
            return ContainerStatus(RunState.UNREACHABLE, detail=str(error)), None
        if self._core.troubles.over(Trouble.DOCKER):
            log.info("docker reachable again")
        self._metrics.docker_reachable.set(1)
        return status, past

    def _remember(self, container: str, status: ContainerStatus) -> None:
        if status.container_id:
            if self._ids.setdefault(container, status.container_id) != status.container_id:
                # Another one: of what was done to it under another name nothing was heard.
                self._followed.discard(container)
                for kept in (self._known_since, self._before):
                    kept.pop(container, None)
            self._ids[container] = status.container_id
        if status.state is not RunState.RUNNING:  # paused, or called something else: it may go on in the same run
            self._asked.pop(container, None)

    async def _past_of_ended(self, container: str, status: ContainerStatus) -> Past:
        """Also how far Docker's memory goes, where that decides; the end itself may come a little late."""
        waited = 0.0
        while True:
            past = await self._past(container, status)
            if signals.is_told(status, past) or waited >= EVENT_LAG:
                break
            await asyncio.sleep(ASK_AGAIN_AFTER)
            waited += ASK_AGAIN_AFTER
        if signals.surely_sent(status, past) or signals.is_whole(status, past):
            return past
        return replace(past, whole_since=await self._whole_since(container))

    async def _past_of_new(self, container: str, status: ContainerStatus) -> Past:
        """At the first sight of a run. With a stream that stays open, what is whole then is whole for ever."""
        past = await self._past(container, status)
        whole, heard = await self._whole_since(container), self._heard_since
        if self._lost_at is None and heard is not None:
            if container in self._followed and (whole is None or heard < whole):
                whole = heard
            if whole is not None and container not in self._known_since:
                self._known_since[container], self._before[container] = whole, past.events
        return replace(past, whole_since=whole)

    async def _whole_since(self, container: str) -> datetime | None:
        """As far back as what is known here, with what Docker remembers now, has no gap."""
        remembered, known, lost = (
            await self._containers.remembers_since(),
            self._known_since.get(container),
            self._lost_at,
        )
        if known is None or (lost is not None and (remembered is None or remembered > lost)):
            return remembered
        return known if remembered is None else min(known, remembered)

    async def _last_words(
        self, container: str, status: ContainerStatus, past: Past | None
    ) -> tuple[LogLine, ...] | None:
        """What it wrote last, if that may explain its end; none where Docker has no log, and None when it is silent."""
        owed = container in self._unheard or self._is_news(container, status)
        self._unheard.discard(container)
        stopped = past is not None and signals.surely_sent(status, past)
        if not last_words.tells_its_end(status) or not owed or stopped:
            return ()
        try:
            async with asyncio.timeout(LAST_WORDS_WITHIN):
                return tuple(await self._containers.last_words(container, LAST_WORDS))
        except QuestionRefused as error:
            log.info("last words not heard", container=container, why=str(error))
            return ()
        except (TimeoutError, ContainersUnreachable) as error:
            why = str(error) or "Docker was too slow"
            log.warning("last words not heard: asked again", container=container, why=why)
            self._unheard.add(container)
            return None

    async def _past(self, container: str, status: ContainerStatus) -> Past:
        """What was heard here and what Docker remembers, of this run and of those before it."""
        remembered = await self._containers.history(container, status.container_id)
        kept = (*self._before.get(container, ()), *self._heard[container])
        events = dict.fromkeys((*(e for e in kept if e.container_id in {"", status.container_id}), *remembered))
        known = self._known_since.get(container) if self._lost_at is None else None
        return Past(tuple(sorted(events, key=_when)), known, self._away)

    async def _is_it_back(self) -> None:
        """It was only slow: what was heard meanwhile is told by its memory. Raises `ContainersUnreachable`."""
        if not await self._containers.takes_callers():
            raise ContainersUnreachable("the Docker Engine is going down")
        self._gone_since = None
        self._asked.clear()

    def _watched(self) -> set[str]:
        return {spec.container for spec in self._core.engine.policy.dependencies.values() if spec.container}

    def _is_news(self, container: str, status: ContainerStatus) -> bool:
        trackers = self._core.engine.trackers.values()
        return any(tracker.container != status for tracker in trackers if tracker.spec.container == container)

    def _is_new_run(self, container: str, status: ContainerStatus) -> bool:
        asked = self._asked.get(container)
        return asked is None or asked.run != status.run


def _when(event: ContainerEvent) -> datetime:
    return event.at or datetime.min.replace(tzinfo=UTC)


def _ignore() -> None:
    """Nobody asks."""
