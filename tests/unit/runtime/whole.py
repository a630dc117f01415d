"""A whole runtime in a test, with fakes at its seams: the supervisor's folder, probes, action, notifier, systemd."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from nemo_watchdog.errors import PolicyError
from nemo_watchdog.evidence import Asked, Questions
from nemo_watchdog.model import Health, ok
from nemo_watchdog.notifiers.silences import Silences
from nemo_watchdog.policy.policy import Dependency, Policy
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.ports import Delivery, Probe
from nemo_watchdog.runtime.alerting import Alerting
from nemo_watchdog.runtime.archiving import Archiving
from nemo_watchdog.runtime.calendars import Calendars
from nemo_watchdog.runtime.clock import SystemClock
from nemo_watchdog.runtime.deadman import Deadman
from nemo_watchdog.runtime.discovery import Discovery
from nemo_watchdog.runtime.executor import Executor
from nemo_watchdog.runtime.keeping import Keeping
from nemo_watchdog.runtime.kept_images import KeptImages
from nemo_watchdog.runtime.outbox import Outbox
from nemo_watchdog.runtime.policy_files import PolicyFiles
from nemo_watchdog.runtime.reloads import PolicySource
from nemo_watchdog.runtime.silences_elsewhere import SilencesElsewhere
from nemo_watchdog.runtime.supervisor import Supervisor
from nemo_watchdog.testing import MemoryArchive, RecordingAction, RecordingNotifier, ScriptedProbe
from tests.unit.engine.world import dependency, policy
from tests.unit.runtime.shell import Shell, until
from tests.unit.runtime.test_alerting import Sink


class Service:
    """Hears what systemd would."""

    def __init__(self, interval: float | None = None) -> None:
        self.heard: list[str] = []
        self.texts: list[str] = []
        self._interval = interval

    def ready(self, status: str = "") -> None:
        self.heard.append("ready")
        self.texts.append(status)

    def reloading(self) -> None:
        self.heard.append("reloading")

    def status(self, text: str) -> None:
        self.texts.append(text)

    def watchdog(self) -> None:
        self.heard.append("watchdog")

    def stopping(self) -> None:
        self.heard.append("stopping")

    def watchdog_interval(self) -> float | None:
        return self._interval


class Heart:
    """Keeps every heartbeat; `delivery` is its answer."""

    def __init__(self) -> None:
        self.beats: list[tuple[Secret, float]] = []
        self.delivery = Delivery(delivered=True)

    async def beat(self, url: Secret, within: float) -> Delivery:
        self.beats.append((url, within))
        return self.delivery


def quick(name: str, **more: object) -> Dependency:
    base = dependency(name, grace=0.0, interval=0.02, confirm_interval=0.005, timeout=60.0)
    return replace(base, **more)  # type: ignore[arg-type]


class Daemon:
    """A whole runtime with fakes at its seams. `probes` are made by the test or look well."""

    def __init__(self, folder: Path, *dependencies: Dependency, watchdog: float | None = None) -> None:
        self.policy = policy(*(dependencies or (quick("gateway"),)))
        self.shell = Shell(self.policy, clock=SystemClock())
        for spec in self.policy.dependencies.values():
            self.shell.containers.runs(spec.container or "")
        self.file = folder / "policy.yaml"
        self.file.write_text("first", encoding="utf-8")
        self.next: Policy | PolicyError = self.policy
        self.probes: dict[str, ScriptedProbe] = {}
        self.action = RecordingAction()
        self.notifier = RecordingNotifier()
        self.service = Service(watchdog)
        self.heartbeat = Heart()
        self.labels = Discovery(self.shell.containers, folder / "labels.json")
        core, metrics = self.shell.core, self.shell.metrics
        self.questions: Questions = {}
        self.tagged: dict[str, str] = {}
        """Of containers, the image that is kept."""
        self.archive = MemoryArchive()
        archiving = Archiving(lambda: self.archive, core, metrics)
        self.keeping = Keeping(core, metrics, archiving, lambda _: Asked(self.questions))
        self.supervisor = Supervisor(
            core,
            source=PolicySource(
                PolicyFiles(self.file),
                lambda: self.load(),  # noqa: PLW0108 - a test may put another in its place
                self.labels,
            ),
            probe=self._probe,
            containers=self.shell.watch,
            executor=Executor(
                {"docker.restart": self.action}.get, core, self.shell.watch, self.keeping.evidence.before
            ),
            outbox=Outbox(self.shell.memory, self.notifier, core, metrics),
            alerting=Alerting(Sink(), core, metrics),
            deadman=Deadman(self.heartbeat, core, metrics),
            metrics=metrics,
            service=self.service,
            keeping=self.keeping,
            kept_images=KeptImages(core, self._tag),
            calendars=Calendars(core, lambda *_: ()),
            silences=SilencesElsewhere(core, Silences().of),
        )
        self.task: asyncio.Task[None] | None = None

    async def _tag(self, image: str, container: str) -> None:
        """Docker takes every tag."""
        self.tagged[container] = image

    def load(self) -> Policy:
        """What stands in the file: `next`."""
        if isinstance(self.next, PolicyError):
            raise self.next
        return self.next

    def _probe(self, spec: Dependency) -> Probe:
        return self.probes.setdefault(spec.name, ScriptedProbe(ok()))

    async def start(self) -> None:
        self.task = asyncio.create_task(self.supervisor.run())
        await until(lambda: "ready" in self.service.heard or (self.task is not None and self.task.done()))

    async def stop(self) -> None:
        self.supervisor.stop()
        if self.task is not None:
            await asyncio.wait_for(self.task, 20.0)

    def health(self, name: str) -> Health:
        return self.shell.core.engine.trackers[name].state.health
