"""One situation each: a platform of its own, a real daemon, something that happens, and what the daemon must see.

Docker's own events are the witness of what was ordered: what the daemon says about itself is not believed.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from aiohttp import ClientError
from rich.console import Console
from rich.table import Table

from nemo_watchdog.demo.docker_cli import DockerError
from nemo_watchdog.demo.parts import Gemma, Part
from nemo_watchdog.demo.platform import LABEL, Platform, PlatformError
from tests.integration.daemon import Daemon, DaemonError
from tests.integration.first_policy.part_of_docker import acting, init, only
from tests.integration.scenarios.docker_socket import DockerSocket
from tests.nvml_stub.build import build_stub
from tests.suites import data
from tests.suites.composed import ComposedPlatform
from tests.suites.witness import Witness

AT_ONCE = 3
"""Situations that run side by side."""


@dataclass(slots=True)
class Stage:
    """What a situation has to play with. `daemon` runs when `happens` is called.

    `patience` is how many times longer than with the demo's policy what is waited for may take.
    """

    platform: Platform
    daemon: Daemon
    way: DockerSocket
    stack: AsyncExitStack
    witness: Witness
    patience: float = 1.0
    before: Mapping[str, Any] = field(default_factory=dict)
    """Docker's inspect of the container that it is about, right before it happens."""


Happens = Callable[[Stage], Awaitable[None]]
Prepares = Callable[[Platform, AsyncExitStack], Awaitable[None]]
Rewrites = Callable[[str, Platform], str]
PATIENCE_WITH_INIT = 5.0
"""What `init` writes gives a frozen database two minutes to stop."""


async def nothing(*_: object) -> None:
    """It is so from the start."""


def as_it_is(text: str, _: Platform) -> str:
    """The situation needs no keys of its own."""
    return text


@dataclass(frozen=True, slots=True)
class Situation:
    """`sees` is a reason, `gate:NAME` or `health:NAME`, of the dependency `of`. `by_people` counts their restarts."""

    name: str
    parts: Sequence[str | Part]
    of: str
    sees: str
    happens: Happens = nothing
    prepares: Prepares = nothing
    rewrites: Rewrites = as_it_is
    starts_up: bool = True
    """All dependencies are up before it happens."""
    environ: Callable[[Path, Platform], Mapping[str, str]] = lambda *_: {}
    """More of the daemon's environment; the path is a folder of the situation's own."""
    by_people: int = 0
    people_order: Mapping[str, int] = field(default_factory=dict)
    """What else they do through Docker, as `witness` calls it: for where all of it is counted."""
    rightly: Mapping[str, int] = field(default_factory=dict)
    """What the watchdog may order at most, where something is right and something more would be wrong."""
    cured_by: str = "docker.restart"
    or_sees: Sequence[str] = ()
    """Other reasons for which it may act, where the moment of the look decides."""
    acts_within: float = 60.0
    """Seconds, from when it was seen."""
    made: type[Platform] = Platform
    afterwards: Happens = nothing
    """What must hold at the end, and only here."""
    keeps_data: bool = True
    """What was committed before it outlives it; not where the disk itself is gone or damaged on purpose."""


@dataclass(frozen=True, slots=True)
class Outcome:
    situation: Situation
    orders: Counter[str]
    seconds: float
    problem: str = ""
    evidence: str = ""
    """The last log lines, and the last status when what must be seen was not."""


class GemmaWithGpu(Gemma):
    """Its "GPU" is a device that every machine has; what matters is that Docker gave it and can give it again."""

    def options(self, others: Mapping[str, Part]) -> list[str]:
        return [*super().options(others), "--device", "/dev/null:/dev/nvidiactl", "-v", data.VOLUME]


def nvml(**answers: object) -> Callable[[Path, Platform], Mapping[str, str]]:
    """A host whose NVML sees a GPU that is well but for these answers of the stand-in (tests/nvml_stub)."""

    def environ(folder: Path, _: Platform) -> Mapping[str, str]:
        control = folder / "nvml"
        control.write_text("".join(f"{name}={answer}\n" for name, answer in answers.items()))
        return {"LD_LIBRARY_PATH": str(build_stub(folder / "stub")), "NVML_STUB_CONTROL": str(control)}

    return environ


def instead(part: str, probe: str) -> Rewrites:
    """Another probe for a part: what stands between its `probe:` and its `container:` is replaced."""

    def rewrite(text: str, platform: Platform) -> str:
        before, _, rest = text.partition(f"  {part}:\n")
        _, _, after = rest.partition("    container:")
        return f"{before}  {part}:\n    {probe.format(port=platform.port(part))}\n    container:{after}"

    return rewrite


class By(Enum):
    """Who has written the policy, and who made the platform of which it is."""

    DEMO = "the demo"
    INIT = "init"
    INIT_OF_COMPOSE = "init, of a Compose project"

    def name_of(self, part: str, platform: Platform) -> str:
        """What `init` finds is called as its container is, or as Compose's service."""
        return platform.name(part) if self is By.INIT else part


async def written_by_init(platform: Platform, folder: Path) -> str:
    """What `nemo-watchdog init` writes of the platform, with the one edit that lets it act."""
    options = ("--compose", str(platform.file)) if isinstance(platform, ComposedPlatform) else ()
    async with only({LABEL: platform.prefix}, folder) as host:
        code, text, told = await init(host, *options)
    if code:
        raise DaemonError(f"init ended with {code}: {told}")
    return acting(text)


def matches(sees: str, dependency: dict[str, Any]) -> bool:
    """Whether a dependency of the status is as `sees` says."""
    kind, colon, value = sees.partition(":")
    if not colon:
        return bool(dependency["reason"] == sees)
    if kind == "health":
        return bool(dependency["health"] == value)
    return bool((dependency["decision"] or {}).get(kind) == value)


def logged(sees: str, name: str, lines: Sequence[dict[str, Any]]) -> bool:
    """Whether its health changed for that reason: in the status the next look may put another in its place at once."""
    wanted = {"event": "health_changed", "dependency": name, "reason": sees}
    return any(wanted.items() <= line.items() for line in lines)


async def shown(platform: Platform, part: str) -> Mapping[str, Any]:
    """Docker's inspect of a part's container; nothing where there is none."""
    try:
        return dict(json.loads(await platform.docker("inspect", platform.name(part)))[0])
    except (DockerError, PlatformError):
        return {}


async def play(
    situation: Situation, after: Callable[[Stage, Situation], Awaitable[None]], *, by: By = By.DEMO
) -> Outcome:
    """Plays it; `after` is what must hold once `sees` was seen, with the policy that `by` has written."""
    began = time.monotonic()
    prefix = f"nemo-suite-{secrets.token_hex(4)}"
    orders, problem, evidence = Counter[str](), "", ""
    make = ComposedPlatform if by is By.INIT_OF_COMPOSE else situation.made
    made = make(prefix, situation.parts, labels={"nemo-watchdog-test.made": "1"})
    try:
        with tempfile.TemporaryDirectory() as folder:
            if isinstance(made, ComposedPlatform):
                made.file = Path(folder, "docker-compose.yml")
            async with made as platform:
                await platform.ready()
                await data.commit(platform)
                orders, evidence = await _play_on(platform, situation, after, by)
                if situation.keeps_data:
                    await data.compare(platform)
    except (DaemonError, PlatformError, DockerError, data.LostData, OSError, ValueError, ClientError) as error:
        said, _, evidence = str(error).partition("\n")
        problem = f"{type(error).__name__}: {said}"[:200]
    return Outcome(situation, orders, time.monotonic() - began, problem, evidence)


async def _play_on(
    platform: Platform, situation: Situation, after: Callable[[Stage, Situation], Awaitable[None]], by: By
) -> tuple[Counter[str], str]:
    """What was ordered of its containers, and the daemon's last lines. Daemon and clients are gone after it."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        await situation.prepares(platform, stack)
        witness = await stack.enter_async_context(Witness(f"{LABEL}={platform.prefix}"))
        way = await stack.enter_async_context(DockerSocket(folder / "docker.sock"))
        text = platform.policy_text() if by is By.DEMO else await written_by_init(platform, folder)
        text = situation.rewrites(text, platform)
        names = {part: by.name_of(part, platform) for part in platform.parts}
        name = names.get(situation.of, situation.of)
        environ = await asyncio.to_thread(situation.environ, folder, platform)
        daemon = await stack.enter_async_context(Daemon(text, folder, environ={"DOCKER_HOST": way.url, **environ}))
        stage = Stage(platform, daemon, way, stack, witness, 1.0 if by is By.DEMO else PATIENCE_WITH_INIT)
        if situation.starts_up:
            await daemon.wait_until(
                lambda s: all(
                    each["health"] == "up"
                    for key, each in s["dependencies"].items()
                    if by is By.DEMO or key in names.values()
                ),
                within=60.0,
            )
        before = len(daemon.events)
        stage.before = await shown(platform, situation.of)
        await situation.happens(stage)
        await daemon.wait_until(
            lambda s: any(
                matches(sees, s["dependencies"][name]) or logged(sees, name, daemon.events[before:])
                for sees in (situation.sees, *situation.or_sees)
            ),
            within=60.0 * stage.patience,
        )
        await after(stage, situation)
        return await witness.orders(), daemon.last_lines()


def in_words(orders: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(orders.items()) if count)


def choose(situations: Sequence[Situation], names: Sequence[str]) -> Sequence[Situation]:
    """Those of these names, all when there is no name; ends the process when one is unknown."""
    known = {situation.name: situation for situation in situations}
    if unknown := [name for name in names if name not in known]:
        raise SystemExit(f"no situation named {unknown[0]!r}; there are:\n" + "\n".join(known))
    return [known[name] for name in names] or situations


async def play_all(
    situations: Sequence[Situation],
    after: Callable[[Stage, Situation], Awaitable[None]],
    wrong: Callable[[Situation, Counter[str]], str],
    title: str,
    *,
    by: By = By.DEMO,
) -> bool:
    """Plays all, prints the table, and tells whether every one went as it must; `wrong`: what was ordered amiss."""
    turn = asyncio.Semaphore(AT_ONCE)
    console = Console(width=120)

    async def one(situation: Situation) -> Outcome:
        async with turn:
            outcome = await play(situation, after, by=by)
        problem = outcome.problem or wrong(situation, outcome.orders)
        console.print(f"{'FAIL' if problem else 'ok  '} {situation.name} ({outcome.seconds:.0f}s) {problem}")
        if outcome.evidence and problem:
            console.print(outcome.evidence, markup=False, highlight=False, soft_wrap=True)
        return outcome

    outcomes = await asyncio.gather(*(one(situation) for situation in situations))
    table = Table("situation", "must be seen", "ordered", "", title=title)
    failed = 0
    for outcome in outcomes:
        problem = outcome.problem or wrong(outcome.situation, outcome.orders)
        failed += bool(problem)
        sees = f"{outcome.situation.of}: {outcome.situation.sees}"
        table.add_row(outcome.situation.name, sees, in_words(outcome.orders), problem)
    console.print(table)
    console.print(f"{len(outcomes)} situations, {failed} not as they must be")
    return failed == 0
