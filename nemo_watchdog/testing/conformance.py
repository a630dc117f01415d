"""What every probe owes to the runtime, as checks that an author calls in the tests of a probe.

`probe_conforms` is for any probe, `network_probe_conforms` for one that connects to a port; both are made of the
checks beside them, which can be called one by one. A check raises `Nonconforming`, which is an AssertionError.
Linux only: what a probe has open is counted in /proc/self/fd. What an action owes: `action_conformance`.
"""

from __future__ import annotations

import asyncio
import gc
import re
import warnings
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Final

from nemo_watchdog.durations import duration
from nemo_watchdog.errors import EvidenceError
from nemo_watchdog.evidence import Questions
from nemo_watchdog.model import Finding, Outcome
from nemo_watchdog.ports import ActionKind, EvidenceSource, Probe, ProbeContext, ProbeKind
from nemo_watchdog.testing.servers import (
    Handler,
    Server,
    drip,
    drop,
    drop_after_request,
    flood,
    free_port,
    garble,
    stall,
)

LONG: Final = 60.0
"""Seconds that no check waits for: the timeout of a probe whose own deadline must not be what ends a look."""

PATIENCE: Final = 10.0
"""Seconds within which every look that is not meant to hang must end."""

MISBEHAVIOURS: Final[tuple[Handler, ...]] = (drop, drop_after_request, garble, flood)


SILENCES: Final[tuple[Handler, ...]] = (stall, drip)
"""Servers against which what has no deadline of its own never ends."""

_CUT = 0.5
"""Seconds after which questions for evidence are cancelled, as the runtime does in the end."""
_PART = re.compile(r"[A-Za-z0-9._-]+")


class Nonconforming(AssertionError):
    """The probe or the action does not do what the runtime relies on."""


@dataclass(frozen=True, slots=True)
class NetworkProbe:
    """A probe of something that listens. `options` are what a policy would give for a port of 127.0.0.1.

    Give `secrets` in these options wherever one may stand (a password, a token, a header): none may be shown.
    `asks` is False for a probe that sends nothing and waits for no answer.
    """

    kind: ProbeKind
    options: Callable[[int], Mapping[str, Any]]
    secrets: tuple[str, ...] = ()
    asks: bool = True


def make(kind: ProbeKind, options: Mapping[str, Any], timeout: float = 2.0) -> Probe:
    """The probe as the program makes it: options from a mapping, then the probe. `timeout` in seconds, of one look."""
    checked = kind.options.model_validate(dict(options))
    return kind.make(checked, ProbeContext(dependency="it", timeout=timeout, interval=10.0))


@asynccontextmanager
async def probing(kind: ProbeKind, options: Mapping[str, Any], timeout: float = 2.0) -> AsyncIterator[Probe]:  # noqa: ASYNC109 - handed on
    """The probe, closed at the end."""
    probe = make(kind, options, timeout)
    try:
        yield probe
    finally:
        await probe.close()


# -- everything at once


async def probe_conforms(
    kind: ProbeKind,
    *,
    well: Mapping[str, Any],
    failing: Iterable[Mapping[str, Any]],
    secrets: Iterable[str] = (),
) -> None:
    """Any probe: `well` are options for a target that is well, each of `failing` for one that is not."""
    hidden = tuple(secrets)
    options_are_strict(kind)
    await secrets_do_not_print(kind, well, hidden)
    await closes_at_any_time(kind, well)
    finding = await look_is_a_finding(kind, well, hidden)
    if finding.outcome is not Outcome.OK:
        raise Nonconforming(f"a target that is well gave {finding}")
    await cancels_wherever_it_is(kind, well)
    await evidence_is_text(kind, well, hidden)
    for options in failing:
        finding = await look_is_a_finding(kind, options, hidden)
        if finding.outcome is Outcome.OK:
            raise Nonconforming(f"a target that is not well gave {finding}")
        await cancels_wherever_it_is(kind, options)
        await evidence_is_text(kind, options, hidden)


async def network_probe_conforms(it: NetworkProbe) -> None:
    """A probe of the network, against real servers that misbehave."""
    options_are_strict(it.kind)
    await secrets_do_not_print(it.kind, it.options(5432), it.secrets)
    await closes_at_any_time(it.kind, it.options(5432))
    await refusal_is_a_finding(it)
    for handler in MISBEHAVIOURS:
        await misbehaviour_is_a_finding(it, handler)
    if it.asks:
        await keeps_the_callers_deadline(it)
        await cancels_cleanly(it)
    for handler in (*MISBEHAVIOURS, *SILENCES):
        await misbehaviour_ends_evidence(it, handler)


# -- one by one: any probe


def options_are_strict(kind: ProbeKind | ActionKind) -> None:
    """Unknown keys are mistakes, and options never change; there is something that makes the probe or the action."""
    base = "ActionOptions" if isinstance(kind, ActionKind) else "ProbeOptions"
    if kind.options.model_config.get("extra") != "forbid":
        raise Nonconforming(f'the options take unknown keys: derive them from {base}, or set extra="forbid"')
    if kind.options.model_config.get("frozen") is not True:
        raise Nonconforming(f"the options can change: derive them from {base}, or set frozen=True")
    if not callable(kind.make):
        raise Nonconforming("nothing makes it")


async def secrets_do_not_print(kind: ProbeKind, options: Mapping[str, Any], secrets: Iterable[str]) -> None:
    """Neither the options nor the probe shows a secret when printed."""
    checked = kind.options.model_validate(dict(options))
    async with probing(kind, options) as probe:
        for text in (repr(checked), str(checked), checked.model_dump_json(fallback=repr), repr(probe), str(probe)):
            hides(text, secrets)


async def closes_at_any_time(kind: ProbeKind, options: Mapping[str, Any]) -> None:
    """A probe may be closed before its first look and twice."""
    probe = make(kind, options)
    await probe.close()
    await probe.close()


async def look_is_a_finding(kind: ProbeKind, options: Mapping[str, Any], secrets: Iterable[str] = ()) -> Finding:
    """Two looks give findings, never an exception, show no secret, and leave nothing open once the probe is closed.

    Returns the second finding. An exception of the look comes out as it is.
    """
    async with probing(kind, options):  # what the first of its kind opens for good, such as a thread, is no leak
        pass
    async with probing(kind, options) as probe, asyncio.timeout(PATIENCE):
        await probe.look()
    with nothing_stays_open():
        async with probing(kind, options) as probe, asyncio.timeout(PATIENCE):
            findings = [await probe.look(), await probe.look()]
        await asyncio.sleep(0)
    for finding in findings:
        _is_finding(finding, secrets)
    return findings[-1]


async def cancels_wherever_it_is(kind: ProbeKind, options: Mapping[str, Any], steps: int = 20) -> None:
    """A look that is cancelled at its first await, its second, and so on raises CancelledError and leaves nothing open.

    So does each question for evidence. What ends before the cancellation reaches it may end as it likes.
    """
    for asked in ("a look", *_questions(make(kind, options))):
        for step in range(steps):
            with nothing_stays_open():
                async with probing(kind, options, LONG) as probe:
                    task = asyncio.ensure_future(_questions(probe)[asked]() if asked != "a look" else probe.look())
                    for _ in range(step):
                        await asyncio.sleep(0)
                    over = task.done()
                    await _cancelled(asked, task)
                await asyncio.sleep(0)
            if over:
                break


async def evidence_is_text(
    kind: ProbeKind, options: Mapping[str, Any], secrets: Iterable[str] = ()
) -> Mapping[str, str]:
    """All questions for evidence, asked at once: each gives text or raises `EvidenceError`, on one line.

    Neither shows a secret, and nothing stays open after them. One that has no answer for long is cancelled. Returns the
    texts, none for a probe without `evidence`. Another exception comes out as it is.
    """
    async with probing(kind, options, LONG) as probe:
        await _evidence(probe, secrets, PATIENCE)  # what the first of its kind opens for good is no leak
        with nothing_stays_open():
            texts = await _evidence(probe, secrets, PATIENCE)
            await asyncio.sleep(0)
    return texts


# -- one by one: probes of the network


async def refusal_is_a_finding(it: NetworkProbe) -> Finding:
    """A port on which nothing listens is a finding that is not ok, and no exception."""
    finding = await look_is_a_finding(it.kind, it.options(free_port()), it.secrets)
    if finding.outcome is Outcome.OK:
        raise Nonconforming(f"a port on which nothing listens gave {finding}")
    return finding


async def keeps_the_callers_deadline(it: NetworkProbe) -> None:
    """A look at a server that accepts and says nothing ends with the caller's deadline, and leaves no connection."""
    async with Server(stall).running() as server, probing(it.kind, it.options(server.port), LONG) as probe:
        began = monotonic()
        try:
            async with asyncio.timeout(0.3):
                finding = await probe.look()
        except TimeoutError:
            pass
        else:
            raise Nonconforming(f"the caller's deadline was swallowed, and a silent server gave {finding}")
        if (took := monotonic() - began) > 1.0:
            raise Nonconforming(f"a deadline of 0.3s ended the look after {duration(took)}")
        await server.wait_accepted(1)
        await _all_closed(server)


async def keeps_its_own_deadline(it: NetworkProbe) -> Finding:
    """Without the caller's deadline a look at a silent server still ends near the timeout that the probe was given.

    No duty, for the runtime bounds every look; for probes whose deadline makes a better finding than that.
    """
    async with Server(stall).running() as server, probing(it.kind, it.options(server.port), 0.4) as probe:
        async with asyncio.timeout(PATIENCE):
            finding = await probe.look()
    return _is_finding(finding, it.secrets)


async def cancels_cleanly(it: NetworkProbe) -> None:
    """Cancelling a look raises CancelledError through it and closes its connection, before the probe is closed."""
    async with Server(stall).running() as server, probing(it.kind, it.options(server.port), LONG) as probe:
        task = asyncio.ensure_future(probe.look())
        await server.wait_accepted(1)
        task.cancel()
        await asyncio.wait({task}, timeout=PATIENCE)
        if not task.cancelled():
            raise Nonconforming(f"a look that is cancelled must raise CancelledError: {task}")
        await _all_closed(server)


async def misbehaviour_is_a_finding(it: NetworkProbe, handler: Handler) -> list[Finding]:
    """A server that drops, garbles or floods gives a finding, never an exception, a warning or a secret."""
    async with Server(handler).running() as server:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            async with probing(it.kind, it.options(server.port)) as probe:
                async with asyncio.timeout(PATIENCE):
                    findings = [await probe.look(), await probe.look()]
            await _all_closed(server)
            gc.collect()
    return [_is_finding(finding, it.secrets) for finding in findings]


async def misbehaviour_ends_evidence(it: NetworkProbe, handler: Handler) -> Mapping[str, str]:
    """A server that drops, garbles, floods, drips or is silent: each question is answered, raises, or is cancelled.

    No connection outlives them, no secret shows. Returns the texts.
    """
    async with Server(handler).running() as server:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            async with probing(it.kind, it.options(server.port), LONG) as probe:
                texts = await _evidence(probe, it.secrets, _CUT)
                await _all_closed(server)
                gc.collect()
    return texts


# -- what they are made of


def _questions(probe: Probe) -> Questions:
    """None, of a probe that has no evidence."""
    questions = probe.evidence() if isinstance(probe, EvidenceSource) else {}
    for name in questions:
        if not _PART.fullmatch(name):
            raise Nonconforming(f"the name of a part is letters, digits, `.`, `_` and `-`, not {name!r}")
    return questions


async def _evidence(probe: Probe, secrets: Iterable[str], within: float) -> Mapping[str, str]:
    asked = {name: asyncio.ensure_future(question()) for name, question in _questions(probe).items()}
    if asked:
        await asyncio.wait(asked.values(), timeout=within)
    for name, task in asked.items():
        await _cancelled(name, task)
    return {
        name: text
        for name, task in asked.items()
        if not task.cancelled() and (text := _text_of(name, task, secrets)) is not None
    }


def _text_of(name: str, task: asyncio.Future[str], secrets: Iterable[str]) -> str | None:
    """None when it said why there is none."""
    if (error := task.exception()) is None:
        text: object = task.result()
        if not isinstance(text, str):
            raise Nonconforming(f"{name} must be text, not {text!r}")
        hides(text, secrets)
        return text
    if not isinstance(error, EvidenceError):
        raise error
    if "\n" in str(error):
        raise Nonconforming(f"why there is no {name} is one line: {error}")
    hides(str(error), secrets)
    return None


async def _cancelled(what: str, task: asyncio.Future[Any]) -> None:
    """Cancelled unless it is over; it must be so soon."""
    over = task.done()
    task.cancel()
    await asyncio.wait({task}, timeout=PATIENCE)
    if not task.done():
        raise Nonconforming(f"{what} that is cancelled goes on for more than {duration(PATIENCE)}")
    if not over and not task.cancelled():
        raise Nonconforming(f"{what} that is cancelled swallows that: {task}")


def _is_finding(finding: object, secrets: Iterable[str]) -> Finding:
    if not isinstance(finding, Finding):
        raise Nonconforming(f"a look must give a Finding, not {finding!r}")
    for what, line in (("detail", finding.detail), ("work", finding.work)):
        if "\n" in line:
            raise Nonconforming(f"the {what} of a finding is one line: {line!r}")
    hides(repr(finding), secrets)
    return finding


def hides(text: str, secrets: Iterable[str]) -> None:
    for secret in secrets:
        if secret in text:
            raise Nonconforming(f"a secret shows: {text.replace(secret, '***')}")


async def _all_closed(server: Server) -> None:
    try:
        await server.wait_open(0)
    except TimeoutError:
        raise Nonconforming(f"{server.open} connections of an ended look are still open") from None


class nothing_stays_open:  # noqa: N801 - it is used like a function
    """Fails when this process has more files and sockets open at the end than at the beginning."""

    def __enter__(self) -> None:
        self._before = _open_files()

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None and (left := _open_files() - self._before):
            raise Nonconforming(f"left open: {', '.join(sorted(name for _, name in left))}")


def _open_files() -> set[tuple[str, str]]:
    found = set()
    for each in Path("/proc/self/fd").iterdir():
        try:
            found.add((each.name, str(each.readlink())))
        except FileNotFoundError:  # the one that lists them
            continue
    return found
