"""The composition root: the one place where concretes meet."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

import structlog
from aiohttp import web

from nemo_watchdog.archive import SqliteArchive, size_of
from nemo_watchdog.containers.docker import DockerContainers
from nemo_watchdog.containers.evidence import container_questions
from nemo_watchdog.containers.recreation import DockerRecreation
from nemo_watchdog.engine.engine import Engine
from nemo_watchdog.engine.explaining_past import OF_INCIDENTS
from nemo_watchdog.engine.letters import letter
from nemo_watchdog.engine.page_now import page_now
from nemo_watchdog.engine.replay import salvage
from nemo_watchdog.engine.swapping import oncall_of
from nemo_watchdog.errors import NemoWatchdogError
from nemo_watchdog.evidence import Asked
from nemo_watchdog.journal.about import About, read_about
from nemo_watchdog.journal.reader import JournalReader
from nemo_watchdog.journal.sqlite import SqliteJournal
from nemo_watchdog.metrics import FEW_BUCKETS, Metrics
from nemo_watchdog.model import Alert, Notification
from nemo_watchdog.notifiers import AlertmanagerClient, HttpHeartbeat, channel_for, send_to, unusable_addresses
from nemo_watchdog.notifiers.contacts import ContactNotifier, address_digest
from nemo_watchdog.notifiers.silences import Silences
from nemo_watchdog.oncall_calendar import read_calendar
from nemo_watchdog.one_thread import OneThread, StillBusy
from nemo_watchdog.plugins import installed
from nemo_watchdog.policy.discovered import Labels
from nemo_watchdog.policy.loader import load_policy
from nemo_watchdog.policy.policy import Dependency, Policy
from nemo_watchdog.ports import Action, ActionContext, Containers, Delivery, Heartbeats, Probe, ProbeContext
from nemo_watchdog.probes.host.evidence import machine_questions
from nemo_watchdog.redaction.redactor import Redactor
from nemo_watchdog.runtime import files
from nemo_watchdog.runtime import heartbeats as heard
from nemo_watchdog.runtime.address_memory import AddressMemory
from nemo_watchdog.runtime.alerting import Alerting
from nemo_watchdog.runtime.answer_links import AnswerLinks
from nemo_watchdog.runtime.archiving import Archiving
from nemo_watchdog.runtime.calendars import Calendars
from nemo_watchdog.runtime.clock import SystemClock, boot_id
from nemo_watchdog.runtime.contact_test import ContactTest
from nemo_watchdog.runtime.container_watch import ContainerWatch
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.runtime.deadman import Deadman
from nemo_watchdog.runtime.discovery import Discovery
from nemo_watchdog.runtime.evidence_sources import questions
from nemo_watchdog.runtime.executor import Executor
from nemo_watchdog.runtime.explanations import Explanations
from nemo_watchdog.runtime.keeping import Keeping
from nemo_watchdog.runtime.kept_images import KeptImages
from nemo_watchdog.runtime.outbox import Outbox
from nemo_watchdog.runtime.own_secrets import own_secret
from nemo_watchdog.runtime.policy_files import PolicyFiles
from nemo_watchdog.runtime.probe_loop import ProbeLoop
from nemo_watchdog.runtime.reloads import PolicySource
from nemo_watchdog.runtime.rendering import Rendering
from nemo_watchdog.runtime.silences_elsewhere import SilencesElsewhere
from nemo_watchdog.runtime.supervisor import Supervisor
from nemo_watchdog.sd_notify import SystemdNotify
from nemo_watchdog.state_dir import ANSWER_KEY_NAME, ARCHIVE_NAME, JOURNAL_NAME, LABELS_NAME, TOKEN_NAME, TOKENS_NAME
from nemo_watchdog.web.access import Access
from nemo_watchdog.web.app import runner as web_runner
from nemo_watchdog.web.door import Limits
from nemo_watchdog.web.hosts import is_name, own_names
from nemo_watchdog.web.past import Past

log = structlog.get_logger("nemo_watchdog")

SETTLED_AFTER = 20.0
"""Seconds after which the policy, the loops and their connections are there to stay.

The garbage collector need not walk them any more: at 5,000 dependencies that held up every look for some 250 ms.
"""


CLOSE_WITHIN = 5.0
"""Seconds for the journal's disk to let it be closed; it loses nothing that was committed when it is not."""

CLOSE_ARCHIVE_WITHIN = 2.0
"""Seconds. What was to be written had its time before."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The process's business. `listen` is HOST:PORT; `docker` an address such as unix:///run/docker.sock or None."""

    policy: Path
    state_dir: Path
    listen: str
    docker: str | None
    latency_buckets: tuple[float, ...] = FEW_BUCKETS
    allow_hosts: tuple[str, ...] = ()
    """Names besides this machine's own by which its HTTP side may be read."""
    reading_is_open: bool = True
    """Who brings no token may read."""

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.listen.rpartition(":")
        if not host or not port.isdecimal() or not port.isascii() or int(port) > 65535:
            raise NemoWatchdogError(f"--listen is {self.listen}: write HOST:PORT, such as 127.0.0.1:9877")
        return host.strip("[]"), int(port)

    @property
    def hosts(self) -> frozenset[str]:
        """All names by which its HTTP side may be read."""
        for name in self.allow_hosts:
            if not is_name(name):
                raise NemoWatchdogError(f"--allow-host is {name}: write the name alone, such as watchdog.example.com")
        return frozenset({*own_names(), self.address[0], *self.allow_hosts})


def make_probe(spec: Dependency, containers: Containers, heartbeats: Heartbeats | None = None) -> Probe:
    """The probe that the policy names, with its checked options."""
    context = ProbeContext(spec.name, spec.timeout, spec.interval, spec.container, containers, heartbeats)
    return installed().probes[spec.probe].make(spec.options, context)


def make_action(name: str, context: ActionContext) -> Action | None:
    """The action of that name; None where there is none."""
    kind = installed().actions.get(name)
    return None if kind is None else kind.make(context)


def read_policy(path: Path, environ: Mapping[str, str], labelled: Mapping[str, Labels] | None = None) -> Policy:
    """The policy in a file, with what the labels of these containers say where it asks for them."""
    return load_policy(path, installed(), environ=environ, labelled=labelled)


def _take_policy(path: Path, own: Sequence[str], discovery: Discovery | None = None) -> Policy:
    """For the daemon, whose `own` secrets are like those of the policy.

    Whom it will never reach is said now, and not in the outage.
    """
    policy = read_policy(path, os.environ, discovery.labelled if discovery is not None else None)
    policy = replace(policy, redactor=policy.redactor.knowing(own))
    for advice in unusable_addresses(policy.contacts):
        log.warning("a contact cannot be told", where=advice.path, problem=advice.message)
    return policy


def _nobody(_redactor: Callable[[], Redactor]) -> None:
    """Whose log has no secrets to hide."""


async def run(settings: Settings, redact_with: Callable[[Callable[[], Redactor]], None] = _nobody) -> None:
    """The daemon, until SIGTERM or SIGINT. Raises `NemoWatchdogError` when it cannot start.

    `redact_with` is told what knows the secrets of the policy in force, for the log.
    """
    (host, port), names = settings.address, settings.hosts
    files.raise_limit()
    clock = SystemClock()
    for warning in installed().warnings:
        log.warning("plugin not used", problem=warning)
    policy_files, policy = PolicyFiles(settings.policy), _take_policy(settings.policy, ())
    redact_with(lambda: policy.redactor)
    journal = _open_journal(settings.state_dir)
    try:
        token, key = _own_secrets(settings.state_dir)
        access = _access(settings, token, key, clock)
        policy = replace(policy, redactor=policy.redactor.knowing((token, key)))
        durable, nonsense = salvage(journal.replay(clock.now()))
        if nonsense:
            journal.distrust(nonsense)
        containers, recreation = docker(settings.docker), DockerRecreation(settings.docker)
        discovery = Discovery(containers, settings.state_dir / LABELS_NAME)
        take = partial(_take_policy, settings.policy, (token, key), discovery)
        if policy.asks_labels:
            await discovery.begin(policy.selects)
            policy = take()
        engine = Engine(policy, durable)
        redact_with(lambda: engine.policy.redactor)
        metrics = Metrics(settings.latency_buckets)
        core = Core(engine, journal, clock, metrics)
        archiving = _archiving(settings.state_dir / ARCHIVE_NAME, core, metrics)
        ask = _questions(engine, containers, lambda: supervisor.loops)
        keeping = Keeping(core, metrics, archiving, ask)
        heartbeats = heard.Heartbeats(core)
        watch = ContainerWatch(containers, core, metrics)
        watch.on_other_containers = discovery.poke
        rendering = _rendering(core, key)
        notifier = _notifier(core, AddressMemory(journal, core), rendering, token)
        sink, heartbeat = PolicyAlertmanagers(engine), HttpHeartbeat()
        supervisor = Supervisor(
            core,
            source=PolicySource(policy_files, take, discovery),
            probe=partial(make_probe, containers=containers, heartbeats=heartbeats),
            containers=watch,
            executor=Executor(
                partial(make_action, context=_of_actions(containers, recreation, core, settings)),
                core,
                watch,
                keeping.evidence.before,
                keeping.evidence.after,
            ),
            outbox=Outbox(journal, notifier, core, metrics),
            alerting=Alerting(sink, core, metrics),
            deadman=Deadman(heartbeat, core, metrics),
            metrics=metrics,
            service=SystemdNotify(os.environ),
            keeping=keeping,
            kept_images=KeptImages(core, recreation.keep),
            calendars=Calendars(core, read_calendar),
            silences=SilencesElsewhere(core, Silences().of),
        )
        past, explanations = _readers(settings.state_dir / JOURNAL_NAME, core, keeping)
        limits = Limits.of_this_process()
        told = (past, explanations, ContactTest(core, rendering, send_to, partial(_people_of, core)))
        runner = web_runner(core, supervisor, metrics, heartbeats, *told, access, token, names, limits)
        await runner.setup()
        try:
            await _serve(supervisor, runner, host, port)
        finally:
            for close in (
                runner.cleanup,
                notifier.close,
                sink.close,
                heartbeat.close,
                containers.close,
                recreation.close,
            ):
                await close()
            core.close()
            await archiving.close(CLOSE_ARCHIVE_WITHIN)
    finally:
        await _close(journal)


def _own_secrets(state_dir: Path) -> tuple[str, str]:
    """The token that may do everything, and the key that signs."""
    return own_secret(state_dir / TOKEN_NAME, "token"), own_secret(state_dir / ANSWER_KEY_NAME, "key")


def _access(settings: Settings, token: str, key: str, clock: SystemClock) -> Access:
    """Sessions are signed with the key of the links in messages, each for its own purpose."""
    file, open_ = settings.state_dir / TOKENS_NAME, settings.reading_is_open
    return Access.kept_in(file, token, key.encode(), lambda: clock.now().utc, reading_is_open=open_)


def _of_actions(containers: Containers, recreation: DockerRecreation, core: Core, settings: Settings) -> ActionContext:
    return ActionContext(
        containers,
        core.touched,
        core.redact,
        watches=core.watches,
        docker_host=settings.docker or "",
        recreation=recreation,
    )


def _rendering(core: Core, key: str) -> Rendering:
    links = AnswerLinks(key.encode(), lambda: core.clock.now().utc)
    return Rendering(core, links, socket.gethostname(), partial(_people_of, core))


def _notifier(core: Core, memory: AddressMemory, rendering: Rendering, token: str) -> ContactNotifier:
    """Tells people. What it knows addresses by cannot be guessed without the token."""
    engine, clock = core.engine, core.clock

    def as_one(waiting: Sequence[Notification]) -> Notification:
        now, zone = clock.now(), engine.policy.telling.zone
        return letter(waiting, now.utc, page_now(engine.volatile, engine.durable, waiting[-1], now.monotonic), zone)

    return ContactNotifier(
        lambda: engine.policy.contacts,
        memory=memory,
        clock=clock,
        letter=as_one,
        render=rendering.render,
        channel_for=channel_for,
        digest=partial(address_digest, key=token),
        people_of=partial(_people_of, core),
    )


def _people_of(core: Core, contact: str) -> Sequence[str]:
    """Who is reached by it now."""
    return oncall_of(core.engine.volatile, core.engine.durable).people_of(contact, core.clock.now().utc)


async def _serve(supervisor: Supervisor, runner: web.AppRunner, host: str, port: int) -> None:
    """Until somebody stops it."""
    await _listen(runner, host, port)
    _on_signals(supervisor)
    asyncio.get_running_loop().call_later(SETTLED_AFTER, gc.freeze)
    await supervisor.run()


def _questions(
    engine: Engine, containers: Containers, loops: Callable[[], Mapping[str, ProbeLoop]]
) -> Callable[[str], Asked]:
    """What is asked about a dependency when it may be destroyed."""
    of_container, of_machine = partial(container_questions, containers), machine_questions(())
    return lambda name: questions(name, engine, loops(), of_container, of_machine)


def _readers(journal: Path, core: Core, keeping: Keeping) -> tuple[Past, Explanations]:
    """Who answers about what was."""
    past = Past(JournalReader(journal), keeping.archiving.evidence_of, keeping.history.read)
    about = partial(_about, OneThread("nemo-watchdog-explain"), journal)
    return past, Explanations(core, about, keeping.archiving.gates, keeping.history.read)


async def _about(thread: OneThread, path: Path, name: str, until: datetime) -> About:
    """In a thread of its own: a disk that hangs holds up nothing else, and no second one is asked meanwhile."""
    return await thread.run(partial(read_about, path, name, until, OF_INCIDENTS))


class PolicyAlertmanagers:
    """Pushes to the Alertmanagers of the policy in force, so that a reload takes effect at the next push."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._client = AlertmanagerClient(engine.policy.alertmanager)
        self._targets = engine.policy.alertmanager

    async def push(self, alerts: Sequence[Alert]) -> Mapping[str, Delivery]:
        if self._targets != self._engine.policy.alertmanager:
            await self._client.close()
            self._targets = self._engine.policy.alertmanager
            self._client = AlertmanagerClient(self._targets)
        return await self._client.push(alerts)

    async def close(self) -> None:
        await self._client.close()


def _open_journal(state_dir: Path) -> SqliteJournal:
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise NemoWatchdogError(
            f"the state directory {state_dir} cannot be made ({error.strerror}): "
            "make it, or choose another with --state-dir"
        ) from error
    return SqliteJournal(state_dir / JOURNAL_NAME, boot_id())


def _archiving(path: Path, core: Core, metrics: Metrics) -> Archiving:
    """It is opened by the running daemon: what nothing is decided by stops no start."""
    return Archiving(partial(SqliteArchive, path), core, metrics, partial(size_of, path))


def docker(address: str | None) -> DockerContainers:
    """The way to the Engine at that address, or at Docker's own default. Raises `NemoWatchdogError` for a bad one."""
    try:
        return DockerContainers(address)
    except ValueError as error:
        raise NemoWatchdogError(str(error)) from error


async def _close(journal: SqliteJournal) -> None:
    try:
        async with asyncio.timeout(CLOSE_WITHIN):
            await OneThread("nemo-watchdog-close").run(journal.close)
    except (TimeoutError, StillBusy):
        log.error(
            "the journal was not closed: its disk does not answer, or there is no thread to ask it", after=CLOSE_WITHIN
        )


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise NemoWatchdogError(
            f"cannot listen on {host}:{port} ({error.strerror}): is another nemo-watchdog running? "
            "Choose another address with --listen"
        ) from error


def _on_signals(supervisor: Supervisor) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, supervisor.stop)
    loop.add_signal_handler(signal.SIGHUP, supervisor.reload)
