"""One seed: the platform, its people, the daemon's lives, and what is known of all that for the rules to be checked."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

from nemo_watchdog.errors import JournalError
from nemo_watchdog.journal.sqlite import SqliteJournal
from nemo_watchdog.model import Moment, Notification, NotificationKind
from nemo_watchdog.policy.policy import ActionStep, Policy
from nemo_watchdog.ports import Delivery
from nemo_watchdog.stores import Journal
from tests.simulation import plan
from tests.simulation.docker import Box, Engine, Port
from tests.simulation.platform import Platform, boxes
from tests.simulation.rules import Rule, When
from tests.simulation.shell import Life, Mailbox, disk_of
from tests.simulation.store import Rows, Watched
from tests.simulation.virtual_time import BEGINS, VirtualClock, VirtualLoop

TICK = 120.0
"""Seconds from one look at the rules that time can break to the next."""

REMEMBERED = 60
"""Lines of what happened that a failure shows."""

STOPS_WITHIN = 60.0
"""Seconds for a daemon to end that was told to."""

PEOPLE_COME_AFTER = 7200.0
"""Seconds in which nobody else has mended what is broken."""


SHOWN = ("verdict", "gate", "value", "health", "reason", "outcome", "what")
"""Of a record, in a line for people."""

COUNTED = {
    "incident_opened": "incidents",
    "incident_reopened": "incidents reopened",
    "escalated": "escalations",
    "busy_too_long": "busy for too long",
    "attempt_failed": "attempts that failed",
}
"""Records that the summary counts."""


@dataclass(slots=True)
class Intent:
    """An action that the journal has taken."""

    action_id: str
    dependency: str
    container: str
    at: float
    policies: tuple[Policy, ...]
    """Those that were in force just before."""
    life: int
    ordered_at: float | None = None
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """What a contact took."""

    at: float
    contact: str
    notification: Notification
    life: int


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that was broken: how, when, and what had happened."""

    seed: int
    rule: str
    at: str
    how: str
    lately: tuple[str, ...]

    def __str__(self) -> str:
        lines = "\n".join(f"    {line}" for line in self.lately)
        return f"seed {self.seed} at {self.at}: {self.rule} is broken: {self.how}\n{lines}"


@dataclass(frozen=True, slots=True)
class Report:
    """What came of one seed. `checks` counts how often each rule was asked and had something to say."""

    seed: int
    broken: Broken | None
    counts: Mapping[str, int]
    checks: Mapping[str, int]
    digest: str
    """The same where the same happened in the same order."""


@dataclass(slots=True)
class Pause:
    since: float
    until: float


@dataclass
class World:
    """Everything of one simulation."""

    seed: int
    hours: float
    rules: Sequence[Rule]
    file: Path | None = None
    """Where the journal is; in memory without one."""
    says: Callable[[str], None] | None = None
    """Gets every line of what happens."""

    def __post_init__(self) -> None:
        self.luck = Random(f"{self.seed}/luck")
        self.loop = VirtualLoop()
        self.clock = VirtualClock(self.loop)
        self.engine = Engine(self.loop, self.clock, boxes(), self.luck)
        self.variant = "as it was"
        self.platform = Platform(self.engine, plan.policy(self.variant))
        self.engine.on_event = lambda box, event: self.note(f"docker: {box.name} {event.action} {event.signal or ''}")
        self.engine.on_change = self._platform_changed
        self.life: Life | None = None
        self.before: Life | None = None
        """The one that was killed or told to stop last."""
        self.lives = 0
        self.disk_full = False
        self.disk_slow = 0.0
        self.disk_trouble_at = -1e9
        self.mail = ""
        """Why no message is taken; empty while they are."""
        self.mail_trouble_at = -1e9
        self.rows = Rows(self.clock)
        self.intents: dict[str, Intent] = {}
        self.orders: list[Intent] = []
        self.messages: list[Message] = []
        self.queued = 0
        self.policies: deque[tuple[float, Policy]] = deque([(BEGINS, plan.policy(self.variant))], maxlen=8)
        self.pauses: dict[str, Pause] = {}
        self.escalated: dict[str, float] = {}
        """When a person was told last of each dependency that it is theirs."""
        self.owed: dict[str, float] = {}
        """Since when each is owed a cure, without a break; for the rules."""
        self.killed_at: list[float] = []
        self.forgot_at = -1e9
        """When a daemon was killed that could not write down what it knew."""
        self.kill_when: str = ""
        """What the next kill waits for."""
        self.broken: Broken | None = None
        self.counts: Counter[str] = Counter()
        self.checks: Counter[str] = Counter({rule.name: 0 for rule in self.rules})
        self._over: asyncio.Future[None] = self.loop.create_future()
        self._lately: deque[str] = deque(maxlen=REMEMBERED)
        self._digest = sha256()

    # -- what is asked

    @property
    def now(self) -> float:
        return self.loop.time()

    @property
    def policy(self) -> Policy:
        return self.policies[-1][1]

    @property
    def is_watched(self) -> bool:
        return self.life is not None and not self.life.task.done()

    def policies_lately(self, within: float = 15.0) -> tuple[Policy, ...]:
        """Those in force in the last seconds."""
        changed = [at for at, _ in self.policies]
        until = [*changed[1:], self.now]
        return tuple(policy for end, (_, policy) in zip(until, self.policies, strict=True) if end >= self.now - within)

    def is_paused(self, dependency: str, at: float) -> bool:
        """By an operator of the watchdog, it or another of its container."""
        container = self.platform.specs[dependency].container
        scopes = {"*", dependency}
        if container:
            scopes |= {name for name, spec in self.platform.specs.items() if spec.container == container}
        return any(scope in scopes and pause.since < at < pause.until for scope, pause in self.pauses.items())

    def is_told(self, dependency: str) -> bool:
        """That it is a person's, since it was seen well last; of one that shares its container counts as well."""
        container = self.platform.specs[dependency].container
        names = [name for name, spec in self.platform.specs.items() if container and spec.container == container]
        since = self.platform.troubled_since.get(dependency, self.now)
        return any(self.escalated.get(name, -1.0) >= since for name in (dependency, *names))

    def orders_of(self, container: str | None, since: float) -> list[Intent]:
        """Those on one container, or on all; by the time of the intent, which is what a budget counts."""
        return [each for each in self.orders if each.at > since and container in (None, each.container)]

    def verify_within(self, intent: Intent) -> float:
        """Seconds for which an attempt is looked at before it is judged."""
        spec = intent.policies[-1].dependencies[intent.dependency]
        steps = intent.policies[-1].remedies[spec.remedy or ""].steps
        return min(step.verify_within for step in steps if isinstance(step, ActionStep))

    # -- what happens to what the daemon needs

    def disk_is(self, *, full: bool | None = None, slow: float | None = None) -> None:
        """The journal's: full or not, and so many seconds slow."""
        self.disk_full = self.disk_full if full is None else full
        self.disk_slow = self.disk_slow if slow is None else slow
        self.disk_trouble_at = self.now
        self.note(f"disk: {'full' if self.disk_full else 'has room'}, {self.disk_slow} s")

    def mail_is(self, why: str) -> None:
        """Down, or not."""
        self.mail, self.mail_trouble_at = why, self.now
        self.note(f"mail: {why or 'works'}")

    def resumed(self, scope: str) -> None:
        """Somebody has said so: nobody is held to the pause any more."""
        self.pauses.pop(scope, None)

    # -- what is written down

    def note(self, what: str) -> None:
        line = f"{self.clock.now().utc:%d. %H:%M:%S.%f} {what}"
        self._lately.append(line)
        if self.says is not None:
            self.says(line)
        self._digest.update(line.encode())

    def check(self, when: When, subject: Any = None) -> None:
        """Every rule of that kind."""
        for rule in self.rules:
            if rule.when is when and self.broken is None:
                answer = self._answer(rule, subject)
                if answer is not None:
                    self.checks[rule.name] += 1
                if answer:
                    self.fail(rule.name, answer)

    def _answer(self, rule: Rule, subject: Any) -> str | None:
        try:
            return rule.holds(self, subject)
        except Exception as error:  # noqa: BLE001 - the daemon that is asked about would take it for its own
            return f"it cannot be asked: {error!r}"

    def fail(self, rule: str, how: str) -> None:
        if self.broken is None:
            at = f"{self.clock.now().utc:%d. %H:%M:%S}"
            self.broken = Broken(self.seed, rule, at, how, tuple(self._lately))
            self._is_over()

    # -- the daemon

    def start_daemon(self) -> None:
        if self.life is not None or self.broken is not None:
            return
        if self.before is not None and self.before.tasks:
            self.fail(
                "nothing_is_left_behind", f"of a killed daemon there is still {sorted(map(str, self.before.tasks))}"
            )
            return
        self.lives += 1
        self.counts["starts of the daemon"] += 1
        self.note(f"daemon: starts ({self.lives})")
        latency = lambda: self.luck.choice((0.01, 0.2, 1.0))  # noqa: E731 - a name for an argument
        port = Port(self.engine, self._ordered, self.luck)
        disk = disk_of(self.loop, self.luck, lambda: self.disk_slow)
        self.life = life = Life(
            self.loop,
            self.clock,
            policy=self.policy,
            load=self._load,
            journal=Watched(self._journal(), lambda: self.disk_full, self._written),
            disk=disk,
            port=port,
            mailbox=Mailbox(self._take, latency),
            platform=self.platform,
        )
        life.task.add_done_callback(lambda task: self._ended(life, task))
        disk.after_each = lambda: self.comes("disk")
        self._note_ends_that_are_known()

    def _note_ends_that_are_known(self) -> None:
        """Of what ended unheard, Docker may remember enough."""
        for box in self.engine.boxes.values():
            if box.ended is not None and (box.gone_with_engine or not box.end_is_known):
                box.end_is_known = self.engine.remembers(box)

    def _journal(self) -> Journal:
        return self.rows if self.file is None else SqliteJournal(self.file, "a-boot", clock=self.clock)

    def _ended(self, life: Life, task: asyncio.Task[None]) -> None:
        if self.life is life and not task.cancelled() and (error := task.exception()) is not None:
            self.fail("the_daemon_lives", f"it died of {error!r}")

    def kill_daemon(self, back_in: float) -> None:
        """`kill -9`, and systemd starts it again."""
        if self.life is None:
            return
        self.note("daemon: killed")
        self.counts["kills of the daemon"] += 1
        self.killed_at.append(self.now)
        if self.disk_full or self.disk_slow:
            self.forgot_at = self.now
        life, self.life = self.life, None
        self.before = life
        life.kill()
        if self.engine.stream is not None:
            self.engine.stream.lose()
            self.engine.stream = None
        self.loop.call_later(back_in, self.start_daemon)

    def stop_daemon(self, back_in: float | None) -> None:
        """SIGTERM; the next one starts so many seconds after it has ended."""
        if self.life is None:
            return
        self.note("daemon: told to stop")
        life, self.life = self.life, None
        self.before = life
        life.stop()
        self.engine.stream = None
        until = self.now + STOPS_WITHIN

        def look() -> None:
            if life.tasks and self.now < until:
                self.loop.call_later(0.5, look)
                return
            if not life.task.done():
                self.fail("a_stop_ends", "it has not ended a minute after it was told to stop")
                return
            if life.tasks:
                self.fail("nothing_is_left_behind", f"after a stop there is still {sorted(map(str, life.tasks))}")
            if (error := life.task.exception()) is not None:
                self.fail("a_stop_ends", f"it ended with {error!r}")
            life.journal.close()
            self.note("daemon: stopped")
            if back_in is not None:
                self.loop.call_later(back_in, self.start_daemon)

        self.loop.call_later(0.1, look)

    def comes(self, moment: str) -> None:
        """A moment that a kill may wait for."""
        if self.kill_when == moment:
            self.kill_when = ""
            self.loop.call_soon(self.kill_daemon, 5.0)

    def reload(self, variant: str) -> None:
        """A policy of that name, or a broken one."""
        if self.life is None:
            return
        self.counts["reloads"] += 1
        self.variant = variant
        self.note(f"policy: {variant or 'broken'}")
        self.life.supervisor.reload()

    def _load(self) -> Policy:
        if not self.variant:
            self.variant = "as it was"
            return plan.broken()
        policy = plan.policy(self.variant)
        self.policies.append((self.now, policy))
        self.platform.specs = dict(policy.dependencies)
        return policy

    # -- what the daemon does

    def _ordered(self, box: Box) -> None:
        open_intents = [each for each in self.intents.values() if each.container == box.name and not each.refused]
        intent = open_intents[-1] if open_intents and open_intents[-1].ordered_at is None else None
        self.counts["actions"] += 1
        self.note(f"ORDER: restart {box.name} for {intent.dependency if intent else 'nobody'}")
        if intent is not None:
            intent.ordered_at = self.now
            self.orders.append(intent)
        self.check(When.ORDER, (box, intent))
        for name in self.platform.looking_at(box):
            self.owed.pop(name, None)
        self.comes("order")

    def _written(self, records: Sequence[Mapping[str, Any]], notifications: Sequence[Notification], at: Moment) -> None:
        for record in records:
            self._record(record, at)
        self.queued += sum(len(each.contacts) for each in notifications)

    def _record(self, record: Mapping[str, Any], at: Moment) -> None:
        kind, name = record["type"], str(record.get("dependency") or record.get("root") or record.get("scope") or "")
        more = [
            str(record[key])
            for key in ("verdict", "gate", "value", "health", "reason", "outcome", "what")
            if record.get(key)
        ]
        self.note(f"record: {kind} {name} {' '.join(more)}")
        if kind in COUNTED:
            self.counts[COUNTED[kind]] += 1
        if kind == "action_intended":
            intent = Intent(
                record["action_id"], name, record["container"], self.now, self.policies_lately(), self.lives
            )
            self.intents[intent.action_id] = intent
            self.check(When.INTENT, intent)
            self.comes("intent")
        elif kind == "action_ended" and record["outcome"] == "refused" and record["action_id"] in self.intents:
            self.intents[record["action_id"]].refused = True
        elif kind in ("escalated", "busy_too_long"):
            self.escalated[name] = self.now
        elif kind == "paused":
            lasts = record["duration"]
            until = at.monotonic + (1e9 if lasts is None else lasts)
            known = self.pauses.get(name)
            longer = max(until, known.until) if known is not None else until
            self.pauses[name] = Pause(at.monotonic, longer)
        elif kind == "resumed":
            self.pauses.pop(name, None)

    def _take(self, notification: Notification, contact: str) -> Delivery:
        if self.mail:
            return Delivery(delivered=False, retryable=True, detail=self.mail)
        message = Message(self.now, contact, notification, self.lives)
        self.note(f"told {contact}: {notification.title}")
        self.counts["messages"] += 1
        if notification.kind is NotificationKind.HELD:
            self.counts["told that it is held"] += 1
        self.check(When.MESSAGE, message)
        self.messages.append(message)
        self.comes("message")
        return Delivery(delivered=True)

    # -- time

    def _platform_changed(self) -> None:
        self.platform.changed()
        for box in self.engine.boxes.values():
            if self.platform.boots(box):
                self.loop.call_at(box.began + box.boots + 0.001, self.platform.changed)

    def _tick(self) -> None:
        if self.broken is not None:
            return
        if self.disk_full or self.disk_slow:
            self.disk_trouble_at = self.now
        if self.mail:
            self.mail_trouble_at = self.now
        self.platform.remember_trouble()
        self._people_look()
        self.check(When.TICK)
        self.loop.call_later(TICK, self._tick)

    def _people_look(self) -> None:
        for name, since in list(self.platform.bad_since.items()):
            box = self.platform.box(name)
            if box is not None and self.now - since > PEOPLE_COME_AFTER:
                self.mend(box)

    def mend(self, box: Box) -> None:
        """Somebody does what it takes, where nobody else has hands on it."""
        if box.person or box.ordered:
            return
        if box.ailment is not None:
            self.note(f"people: mend {box.name}")
            box.recover(self.now)
            self.platform.changed()
        if box.state.value in ("exited", "created"):
            self.note(f"people: start {box.name}")
            self.engine.start(box)

    def run(self, script: Callable[[World], None]) -> Report:
        """Lets the time pass."""
        self.loop.set_exception_handler(self._escaped)
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_until_complete(self._live(script))
        finally:
            asyncio.set_event_loop(None)
            self.loop.close()
        self.counts["messages queued"] = self.queued
        return Report(self.seed, self.broken, self.counts, self.checks, self._digest.hexdigest())

    def _escaped(self, loop: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, JournalError) and "never retrieved" in context.get("message", ""):
            return  # the daemon was killed between the answer of the disk and the hearing of it
        self.fail("nothing_escapes", f"{context.get('message')}: {context.get('exception')!r}")

    async def _live(self, script: Callable[[World], None]) -> None:
        self.start_daemon()
        script(self)
        self.loop.call_later(TICK, self._tick)
        end = self.loop.call_later(self.hours * 3600.0, self._end)
        await self._over
        end.cancel()
        lives, self.life = (self.life, self.before), None
        for life in lives:
            if life is not None and not life.task.done():
                life.kill()
        await asyncio.sleep(1.0)

    def _end(self) -> None:
        self.check(When.END)
        self.stop_daemon(None)
        self.loop.call_later(STOPS_WITHIN + 1.0, self._is_over)

    def _is_over(self) -> None:
        if not self._over.done():
            self._over.set_result(None)
