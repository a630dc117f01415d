"""The published checks find what they look for: a probe for each mistake, planted."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from nemo_watchdog.errors import EvidenceError
from nemo_watchdog.evidence import Questions
from nemo_watchdog.model import Finding, Reason, failed, ok
from nemo_watchdog.plugins import Kind
from nemo_watchdog.ports import Probe, ProbeContext
from nemo_watchdog.probes.shared.options import ProbeOptions
from nemo_watchdog.testing import conformance
from nemo_watchdog.testing.conformance import NetworkProbe, Nonconforming
from nemo_watchdog.testing.servers import Server, drop, stall

SECRET = "hunter2"


class Options(ProbeOptions):
    port: int = 0
    well: bool = True


class Good:
    """Connects, asks, waits for a word, and says what it saw."""

    def __init__(self, options: Options, context: ProbeContext) -> None:
        self.options = options

    async def look(self) -> Finding:
        if not self.options.port:
            await asyncio.sleep(0)
            return ok() if self.options.well else failed(Reason.WRONG_ANSWER, "not well")
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.options.port)
        except OSError:
            return failed(Reason.REFUSED, "nothing listens")
        try:
            writer.write(b"?")
            return ok() if await reader.read(1) == b"!" else failed(Reason.WRONG_ANSWER, "not the word")
        except OSError:
            return failed(Reason.CONNECTION_LOST, "no word")
        finally:
            writer.transport.abort()

    async def close(self) -> None:
        """Nothing outlives a look."""


class Raises(Good):
    async def look(self) -> Finding:
        raise KeyError("x")


class SaysNothing(Good):
    async def look(self) -> Finding:
        return None  # type: ignore[return-value]


class TellsSecret(Good):
    async def look(self) -> Finding:
        return failed(Reason.REFUSED, f"no answer for {SECRET}")


class TwoLines(Good):
    async def look(self) -> Finding:
        return failed(Reason.REFUSED, "first\nsecond")


class AlwaysWell(Good):
    async def look(self) -> Finding:
        return ok()


class Leaks(Good):
    left: ClassVar[list[int]] = []

    async def look(self) -> Finding:
        self.left.append(os.open("/dev/null", os.O_RDONLY))
        return await super().look()


class SwallowsCancellation(Good):
    async def look(self) -> Finding:
        try:
            return await super().look()
        except asyncio.CancelledError:
            return failed(Reason.TIMEOUT, "gave up")


class KeepsConnection(Good):
    async def look(self) -> Finding:
        try:
            reader, self.writer = await asyncio.open_connection("127.0.0.1", self.options.port)
        except OSError:
            return failed(Reason.REFUSED, "nothing listens")
        await reader.read(1)
        return ok()

    async def close(self) -> None:
        self.writer.transport.abort()


class ClosesOnce(Good):
    closed = False

    async def close(self) -> None:
        if self.closed:
            raise RuntimeError("closed already")
        self.closed = True


class Prints(Good):
    def __repr__(self) -> str:
        return f"Prints({SECRET})"


class Tells(Good):
    """Asks for evidence as it looks."""

    async def told(self) -> str:
        return str(await self.look())

    def evidence(self) -> Questions:
        return {"word.txt": self.told}


class TellsWhyNot(Tells):
    async def told(self) -> str:
        raise EvidenceError("nobody knows")


class TellsNoText(Tells):
    async def told(self) -> str:
        return b"word"  # type: ignore[return-value]


class TellsSecretText(Tells):
    async def told(self) -> str:
        return f"it is {SECRET}"


class TellsSecretReason(Tells):
    async def told(self) -> str:
        raise EvidenceError(f"not for {SECRET}")


class TellsReasonInLines(Tells):
    async def told(self) -> str:
        raise EvidenceError("first\nsecond")


class TellsToAnyFile(Tells):
    def evidence(self) -> Questions:
        return {"../word": self.told}


class TellsAndRaises(Tells):
    async def told(self) -> str:
        raise KeyError("x")


class TellsAndLeaks(Tells, Leaks):
    """The look leaves a file open, and so does the question."""

    async def look(self) -> Finding:
        return await Good.look(self)

    async def told(self) -> str:
        return str(await Leaks.look(self))


class TellsAndSwallows(Tells, SwallowsCancellation):
    async def look(self) -> Finding:
        return await Good.look(self)

    async def told(self) -> str:
        return str(await SwallowsCancellation.look(self))


class TellsAndKeepsConnection(Tells, KeepsConnection):
    """Until it is closed."""


class Loose(BaseModel):
    port: int = 0
    well: bool = True


class Thawed(ProbeOptions, frozen=False):
    """These can change."""


def kind(probe: type[Good]) -> Kind:
    return Kind(Options, probe)


def network(probe: type[Good]) -> NetworkProbe:
    return NetworkProbe(kind(probe), lambda port: {"port": port}, secrets=(SECRET,))


async def conforms(probe: type[Good], failing: Mapping[str, Any]) -> None:
    await conformance.probe_conforms(kind(probe), well={}, failing=[failing], secrets=[SECRET])


async def test_a_good_probe_passes_everything() -> None:
    """As a probe of anything, and as one of the network."""
    for probe in (Good, Tells, TellsWhyNot):
        await conforms(probe, {"well": False})
        await conformance.network_probe_conforms(network(probe))


@pytest.mark.parametrize(
    ("probe", "said"),
    [
        (SaysNothing, "must give a Finding, not None"),
        (TellsSecret, r"a secret shows: .*\*\*\*"),
        (TwoLines, "one line"),
        (AlwaysWell, "a target that is not well gave"),
        (Leaks, "left open: /dev/null"),
        (SwallowsCancellation, "swallows that"),
        (Prints, r"Prints\(\*\*\*\)"),
        (TellsNoText, r"word\.txt must be text, not b'word'"),
        (TellsSecretText, r"a secret shows: it is \*\*\*"),
        (TellsSecretReason, r"a secret shows: not for \*\*\*"),
        (TellsReasonInLines, r"why there is no word\.txt is one line"),
        (TellsToAnyFile, r"letters, digits, .* not '\.\./word'"),
        (TellsAndLeaks, "left open: /dev/null"),
        (TellsAndSwallows, r"word\.txt that is cancelled swallows that"),
    ],
)
async def test_a_mistake_of_any_probe_is_found(probe: type[Good], said: str) -> None:
    """With words that say what to do, and without the secret."""
    try:
        with pytest.raises(Nonconforming, match=said) as caught:
            await conforms(probe, {"well": False})
    finally:
        while Leaks.left:
            os.close(Leaks.left.pop())
    assert SECRET not in str(caught.value)


async def test_an_exception_comes_out_as_it_is() -> None:
    """The author sees where it was raised."""
    with pytest.raises(KeyError):
        await conforms(Raises, {"well": False})
    with pytest.raises(KeyError):
        await conforms(TellsAndRaises, {"well": False})
    with pytest.raises(KeyError):
        await conformance.misbehaviour_is_a_finding(network(Raises), drop)


async def test_a_probe_that_cannot_be_closed_twice_is_found() -> None:
    """The runtime may close it again."""
    with pytest.raises(RuntimeError):
        await conformance.closes_at_any_time(kind(ClosesOnce), {})


async def test_a_connection_that_outlives_its_look_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both after the caller's deadline and after a cancellation."""

    async def soon(self: Server, count: int) -> None:
        for _ in range(50):
            await asyncio.sleep(0.001)
            if self.open == count:
                return
        raise TimeoutError

    monkeypatch.setattr(Server, "wait_open", soon)
    with pytest.raises(Nonconforming, match="1 connections of an ended look are still open"):
        await conformance.keeps_the_callers_deadline(network(KeepsConnection))
    with pytest.raises(Nonconforming, match="1 connections of an ended look are still open"):
        await conformance.cancels_cleanly(network(KeepsConnection))
    with pytest.raises(Nonconforming, match="1 connections of an ended look are still open"):
        await conformance.misbehaviour_ends_evidence(network(TellsAndKeepsConnection), stall)


async def test_a_swallowed_deadline_and_a_swallowed_cancellation_are_found() -> None:
    """Of a probe of the network, against a server that is silent."""
    with pytest.raises(Nonconforming, match="deadline was swallowed"):
        await conformance.keeps_the_callers_deadline(network(SwallowsCancellation))
    with pytest.raises(Nonconforming, match="must raise CancelledError"):
        await conformance.cancels_cleanly(network(SwallowsCancellation))


async def test_a_refused_port_that_is_well_is_found() -> None:
    """Nothing listens there."""
    with pytest.raises(Nonconforming, match="a port on which nothing listens gave"):
        await conformance.refusal_is_a_finding(network(AlwaysWell))


async def test_a_probe_without_a_deadline_of_its_own_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where that is asked for."""
    monkeypatch.setattr(conformance, "PATIENCE", 0.5)
    with pytest.raises(TimeoutError):
        await conformance.keeps_its_own_deadline(network(Good))


@pytest.mark.parametrize(("options", "said"), [(Loose, "unknown keys"), (Thawed, "can change")])
def test_options_that_are_not_strict_are_found(options: type[BaseModel], said: str) -> None:
    """An unknown key that is taken hides a typing mistake."""
    with pytest.raises(Nonconforming, match=said):
        conformance.options_are_strict(Kind(options, _never))


def _never(options: object, context: ProbeContext) -> Probe:
    raise AssertionError("options are judged without a probe")
