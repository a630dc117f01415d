"""What a look has found stands, whatever it asks beside: of every probe that may ask the container engine."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

import nemo_watchdog.probes
from nemo_watchdog.model import Finding, Outcome, Reason
from nemo_watchdog.ports import Containers, Probe, ProbeContext
from nemo_watchdog.probes import PROBES
from nemo_watchdog.probes.shared.beside import LONGEST, Beside
from tests.unit.probes.making import QUESTIONS, Deaf
from tests.unit.probes.servers import Server, stall

TIMEOUT = 1.0

WHAT_THEY_ARE_FOR = {"docker.py": {"ping", "inspect"}, "log.py": {"log", "ping"}, "probe.py": {"inspection"}}
"""Questions to the container engine that are the look itself: its failure is what the look finds. The last is a GPU's,
for evidence, and no look waits for it.
"""


def asked(tree: ast.AST, *, beside: bool = False) -> Iterator[tuple[str, bool]]:
    """Each question to the container engine in a module, and whether it is asked beside the look."""
    for node in ast.iter_child_nodes(tree):
        inside = beside
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in QUESTIONS and ast.unparse(node.func.value).endswith("containers"):
                yield node.func.attr, beside
            inside = beside or ast.unparse(node.func) == "beside.ask"
        yield from asked(node, beside=inside)


def test_whatever_is_not_the_look_itself_is_asked_beside_it() -> None:
    """The next probe that asks Docker for one thing more cannot forget that the question needs a bound of its own."""
    folder = Path(nemo_watchdog.probes.__path__[0])
    found = {
        (path.name, question, beside)
        for path in folder.rglob("*.py")
        for question, beside in asked(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert {name for name, _, _ in found} >= {"docker.py", "log.py", "recovery.py", "container.py", "probe.py"}
    assert {(name, question) for name, question, beside in found if not beside} == {
        (name, question) for name, questions in WHAT_THEY_ARE_FOR.items() for question in questions
    }


def make(kind: str, containers: Containers, **options: Any) -> Probe:
    checked = PROBES[kind].options.model_validate(options)
    return PROBES[kind].make(checked, ProbeContext("it", TIMEOUT, 10.0, "it", containers))


async def look(probe: Probe) -> Finding:
    """As the runtime looks: past the timeout there is no finding."""
    try:
        async with asyncio.timeout(TIMEOUT):
            return await probe.look()
    finally:
        await probe.close()


async def recovering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    first = await reader.read(1024)
    fields = b"SFATAL\0C57P03\0Mthe database system is in recovery mode\0\0"
    writer.write(b"N" if len(first) == 8 else b"E" + (len(fields) + 4).to_bytes(4) + fields)
    await stall(reader, writer)


async def test_a_recovering_postgres_is_recovering_however_long_docker_reads_its_log() -> None:
    """How far the redo is can wait for another look: without it the look is not late."""
    containers = Deaf()
    async with Server(recovering).running() as server:
        dsn = f"postgresql://u:p@127.0.0.1:{server.port}/d?sslmode=disable"
        finding = await look(make("postgres", containers, dsn=dsn))
    assert finding.reason is Reason.RECOVERING
    assert containers.waiting == ["log"]


@pytest.mark.parametrize("answered", [("inspect",), ("inspect", "history"), ("inspect", "usage")])
async def test_a_container_that_runs_runs_whatever_docker_does_not_tell(answered: tuple[str, ...]) -> None:
    """Its past and its usage are asked beside its state."""
    containers = Deaf(*answered)
    finding = await look(make("docker", containers, max_memory="90%"))
    assert finding.outcome is Outcome.OK
    assert set(containers.waiting) == {"history", "usage"} - set(answered)


async def test_each_question_leaves_time_for_the_next() -> None:
    """One that is late takes a second at most, and half of what is left at most."""
    for timeout, longest in ((2.0, LONGEST), (60.0, 0.1)):
        began, beside = monotonic(), Beside(timeout)
        assert await beside.ask(asyncio.Event().wait(), longest) is None
        assert monotonic() - began < timeout
        assert await beside.ask(asyncio.sleep(0, "an answer")) == "an answer"
