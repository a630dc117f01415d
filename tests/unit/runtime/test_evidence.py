"""Evidence: taken before what destroys it, within a bound, and never in the way of anything."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.errors import ContainersUnreachable
from nemo_watchdog.evidence import Asked, Evidence, Missing, Questions
from nemo_watchdog.model import Autonomy
from nemo_watchdog.policy.policy import Limits
from nemo_watchdog.runtime import evidence as module
from nemo_watchdog.runtime.evidence import EvidenceTaker
from nemo_watchdog.runtime.executor import Executor
from nemo_watchdog.testing import RecordingAction
from nemo_watchdog.testing.memory_archive import MemoryArchive
from tests.unit.engine.world import dependency, policy
from tests.unit.runtime.shell import Shell, running, settled, until

LONG = 30.0
"""Seconds: longer than any of the bounds that are meant, and half of those that are not."""


def answer(text: str) -> Callable[[], Awaitable[str]]:
    async def ask() -> str:
        return text

    return ask


async def hang() -> str:
    await asyncio.get_running_loop().create_future()
    return ""


class Taking:
    """A shell whose evidence is taken: what is kept, as an archive has it, and what is asked."""

    def __init__(self, shell: Shell, **questions: Callable[[], Awaitable[str]]) -> None:
        self.shell = shell
        self.archive = MemoryArchive()
        self.asked: list[str] = []
        self.questions: Questions = questions or {"log": answer("Traceback")}
        self.beside: Questions = {}
        self.taker = EvidenceTaker(shell.core, shell.metrics, self._ask, self._keep)

    def _ask(self, dependency: str) -> Asked:
        self.asked.append(dependency)
        return Asked(self.questions, self.beside)

    async def _keep(self, evidence: Evidence) -> None:
        self.archive.keep_evidence(evidence)

    @property
    def kept(self) -> list[Evidence]:
        return self.archive.evidence

    def count(self, outcome: str) -> float | None:
        return self.shell.metric("evidence_total", outcome=outcome)


async def test_it_is_taken_before_the_first_action_and_not_before_the_second() -> None:
    """One set for a trouble: with the second action nothing is left to be destroyed that was not there before."""
    shell = Shell()
    taking = Taking(shell)
    action = RecordingAction()
    executor = Executor({"docker.restart": action}.get, shell.core, shell.watch, taking.taker.before)
    async with running(shell.core.write_forever(), taking.taker.run()):
        await shell.up()
        shell.fail()
        await until(lambda: shell.started)
        await executor.run(shell.started[0])
        (kept,) = await until(lambda: taking.kept)
        assert (kept.occasion, kept.dependency, kept.incident) == (
            "before docker.restart",
            "gateway",
            shell.started[0].incident,
        )
        assert [(part.name, part.text) for part in kept.parts] == [("gateway.log", "Traceback")]
        assert not await taking.taker.before(shell.started[0])
        await settled()
        assert len(taking.kept) == 1
        assert taking.count("whole") == 1.0
    shell.core.close()


async def test_it_is_asked_for_before_the_action_begins() -> None:
    """While a question is out, nothing has been ordered."""
    shell = Shell()
    given: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def ask() -> str:
        return await given

    taking = Taking(shell, log=ask)
    action = RecordingAction()
    executor = Executor({"docker.restart": action}.get, shell.core, shell.watch, taking.taker.before)
    async with running(shell.core.write_forever()):
        await shell.up()
        shell.fail()
        await until(lambda: shell.started)
        acting = asyncio.create_task(executor.run(shell.started[0]))
        await until(lambda: taking.asked)
        await settled()
        assert action.requests == []
        given.set_result("")
        await acting
        assert len(action.requests) == 1
    shell.core.close()


async def test_no_action_waits_for_what_it_does_not_destroy() -> None:
    """It is asked for at the same time, told together with the rest, and at the daemon's end waited for."""
    shell = Shell()
    given: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def ask() -> str:
        return await given

    taking = Taking(shell)
    taking.beside = {"largest.txt": ask}
    action = RecordingAction()
    executor = Executor({"docker.restart": action}.get, shell.core, shell.watch, taking.taker.before)
    async with running(shell.core.write_forever()):
        await shell.up()
        shell.fail()
        await until(lambda: shell.started)
        await executor.run(shell.started[0])
        assert len(action.requests) == 1
        ending = asyncio.create_task(taking.taker.finish(5.0))
        await settled()
        (kept,) = taking.kept
        assert kept.missing == (Missing("gateway.largest.txt", "had not answered when the action began"),)
        given.set_result("gateway: 2 GiB")
        await ending
        (kept,) = taking.kept
        assert [part.name for part in kept.parts] == ["gateway.log", "gateway.largest.txt"]
        assert (kept.occasion, kept.missing) == ("before docker.restart", ())
    shell.core.close()


async def test_an_action_that_is_called_off_takes_nothing_more() -> None:
    shell = Shell()
    taking = Taking(shell, log=hang)
    executor = Executor({"docker.restart": RecordingAction()}.get, shell.core, shell.watch, taking.taker.before)
    async with running(shell.core.write_forever()):
        await shell.up()
        shell.fail()
        await until(lambda: shell.started)
        acting = asyncio.create_task(executor.run(shell.started[0]))
        await until(lambda: taking.asked)
        acting.cancel()
        await asyncio.gather(acting, return_exceptions=True)
        await asyncio.wait_for(taking.taker.finish(60.0), 5.0)
        assert taking.kept == []
    shell.core.close()


@pytest.mark.parametrize("within", [0.2, 0.4])
async def test_what_hangs_holds_it_up_no_longer_than_the_bound(within: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The policy's bound, whatever does not answer; what came is kept, and what did not is named."""
    monkeypatch.setattr(module, "ANSWER_WITHIN", 60.0)
    shell = Shell(policy(dependency("gateway", grace=0.0), limits=Limits(evidence_within=within)))

    async def deaf() -> str:
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                if released:
                    raise

    released: list[bool] = []
    taking = Taking(shell, log=answer("here"), activity=hang, deaf=deaf)
    async with running(shell.core.write_forever(), taking.taker.run()):
        await shell.up()
        shell.fail()
        await until(lambda: shell.started)
        began = time.monotonic()
        assert await taking.taker.before(shell.started[0])
        assert within <= time.monotonic() - began < LONG
        (kept,) = await until(lambda: taking.kept)
        assert [part.name for part in kept.parts] == ["gateway.log"]
        assert {each.name for each in kept.missing} == {"gateway.activity", "gateway.deaf"}
        assert all("no answer within" in each.why for each in kept.missing)
        assert taking.count("partial") == 1.0
    released.append(True)
    for task in list(taking.taker._left_behind):
        task.cancel()
    await until(lambda: not taking.taker._left_behind)
    shell.core.close()


async def test_one_question_has_less_than_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hanging database delays its own restart by the deadline of one question, and not by the whole bound."""
    monkeypatch.setattr(module, "ANSWER_WITHIN", 0.05)
    shell = Shell(policy(dependency("gateway", grace=0.0), limits=Limits(evidence_within=30.0)))
    taking = Taking(shell, activity=hang)
    async with running(shell.core.write_forever(), taking.taker.run()):
        await shell.up()
        shell.fail()
        await until(lambda: shell.started)
        await asyncio.wait_for(taking.taker.before(shell.started[0]), 5.0)
        (kept,) = await until(lambda: taking.kept)
        assert kept.missing[0].why == "no answer within 50ms"
    shell.core.close()


async def test_a_question_that_raises_is_missing_and_its_words_are_not_kept() -> None:
    """Those of a library may hold a secret; our own say what a person can do."""
    shell = Shell()

    async def bug() -> str:
        raise RuntimeError("password=hunter2")

    async def away() -> str:
        raise ContainersUnreachable("Docker does not answer")

    async def nothing() -> str:
        return None  # type: ignore[return-value]  # what a plugin may do

    taking = Taking(shell, bug=bug, log=away, none=nothing)
    async with running(shell.core.write_forever(), taking.taker.run()):
        await shell.up()
        shell.fail()
        await until(lambda: shell.started)
        await taking.taker.before(shell.started[0])
        (kept,) = await until(lambda: taking.kept)
    assert {each.name: each.why for each in kept.missing} == {
        "gateway.bug": "the question raised RuntimeError",
        "gateway.log": "Docker does not answer",
        "gateway.none": "the question raised TypeError",
    }
    shell.core.close()


async def test_an_incident_that_gets_no_action_gets_evidence_at_its_opening() -> None:
    """What it looked like is known also where the policy only observes."""
    shell = Shell(policy(dependency("gateway", grace=0.0, autonomy=Autonomy.OBSERVE)))
    taking = Taking(shell)
    async with running(shell.core.write_forever(), taking.taker.run()):
        await shell.up()
        shell.fail()
        (kept,) = await until(lambda: taking.kept)
        assert kept.occasion == "opening"
    shell.core.close()


async def test_what_is_acted_on_at_its_opening_gets_it_once() -> None:
    """Before the action, and not beside it as well."""
    shell = Shell()
    taking = Taking(shell)
    async with running(shell.core.write_forever(), taking.taker.run()):
        await shell.up()
        shell.fail()
        await until(lambda: shell.started)
        await settled()
        assert taking.asked == []
    shell.core.close()


async def test_what_destroys_nothing_waits_for_no_evidence() -> None:
    """It begins at once, and the opening's evidence is taken beside it; what destroys comes after its own."""
    shell = Shell()
    taking = Taking(shell)
    async with running(shell.core.write_forever(), taking.taker.run()):
        await shell.up()
        shell.fail()
        await until(lambda: shell.started)
        harmless = replace(shell.started[0], destroys=False)
        assert not await taking.taker.before(harmless)
        assert taking.asked == []
        again = r.IncidentReopened(harmless.incident, "gateway", None, "")
        taking.taker.after_step(ev.Effects(records=[again], actions=[harmless]), shell.clock.now())
        await until(lambda: [each.occasion for each in taking.kept] == ["opening"])
        assert await taking.taker.before(shell.started[0])
    shell.core.close()


async def test_a_recurrence_is_a_new_trouble() -> None:
    """It gets its own: what is there now is not what was there an hour ago."""
    shell = Shell()
    taking = Taking(shell)
    async with running(shell.core.write_forever(), taking.taker.run()):
        await shell.up()
        shell.fail()
        await until(lambda: shell.started)
        await taking.taker.before(shell.started[0])
        taking.taker.after_step(
            ev.Effects(records=[r.IncidentReopened(shell.started[0].incident, "gateway", None, "")]),
            shell.clock.now(),
        )
        await until(lambda: len(taking.kept) == 2)
        assert await taking.taker.before(shell.started[0])
    shell.core.close()


async def test_a_person_does_not_wait() -> None:
    """The action that somebody asked for begins at once, and evidence is taken beside it."""
    shell = Shell(policy(dependency("gateway", grace=0.0)))
    taking = Taking(shell, log=hang)
    await shell.up()
    taking.taker.after_step(
        ev.Effects(records=[r.LadderRearmed("i1", "gateway", "mended", "ada", anew=True)]), shell.clock.now()
    )
    async with running(shell.core.write_forever()):
        shell.fail()
        await until(lambda: shell.started)
        assert not await asyncio.wait_for(taking.taker.before(shell.started[0]), 1.0)
        assert taking.asked == []
        async with running(taking.taker.run()):
            await until(lambda: taking.asked)
    shell.core.close()


async def test_a_person_who_acts_by_hand_does_not_wait() -> None:
    """The order itself says that he stands before it; evidence is taken beside it."""
    shell = Shell(policy(dependency("gateway", grace=0.0)))
    taking = Taking(shell, log=hang)
    async with running(shell.core.write_forever()):
        await shell.up()
        shell.fail()
        await until(lambda: shell.started)
        by_hand = replace(shell.started[0], by="ada")
        assert not await asyncio.wait_for(taking.taker.before(by_hand), 1.0)
        async with running(taking.taker.run()):
            await until(lambda: taking.asked)
    shell.core.close()


async def test_nothing_is_taken_where_the_policy_says_so() -> None:
    """`evidence_within: 0s`."""
    shell = Shell(policy(dependency("gateway", grace=0.0), limits=Limits(evidence_within=0.0)))
    taking = Taking(shell)
    async with running(shell.core.write_forever(), taking.taker.run()):
        await shell.up()
        shell.fail()
        await until(lambda: shell.started)
        await taking.taker.before(shell.started[0])
        await settled()
        assert (taking.asked, taking.kept) == ([], [])
    shell.core.close()


async def test_what_the_disk_does_not_take_is_kept_for_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The action has long begun; so much is held in memory, and the oldest goes first, and is counted."""
    monkeypatch.setattr(module, "KEEP_AGAIN_AFTER", 0.01)
    monkeypatch.setattr(module, "KEPT_FOR_LATER", 2)
    shell = Shell()
    taking = Taking(shell)
    taking.archive.trouble = "the disk is full"
    async with running(shell.core.write_forever(), taking.taker.run()):
        await shell.up()
        shell.fail()
        await until(lambda: shell.started)
        for number in range(3):
            await taking.taker.before(replace(shell.started[0], incident=f"i{number}"))
        await until(lambda: taking.count("lost") == 1.0)
        taking.archive.trouble = ""
        await until(lambda: len(taking.kept) == 2)
        assert [each.incident for each in taking.kept] == ["i1", "i2"]
    shell.core.close()


async def test_it_is_kept_before_the_action_begins() -> None:
    """A daemon that is killed in the middle of a restart has lost nothing of what the restart destroys."""
    shell = Shell()
    taking = Taking(shell)
    taking.beside = {"largest.txt": hang}
    async with running(shell.core.write_forever()):
        await shell.up()
        shell.fail()
        await until(lambda: shell.started)
        await taking.taker.before(shell.started[0])
        (kept,) = taking.kept
        assert [part.name for part in kept.parts] == ["gateway.log"]
    shell.core.close()


@pytest.mark.parametrize(("within", "one_within"), [(60.0, 0.2), (0.2, 60.0)])
async def test_a_disk_that_hangs_holds_it_up_no_longer_than_the_bound(
    within: float, one_within: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The policy's, or that of one question; what it does not take in that time waits in memory for it."""
    monkeypatch.setattr(module, "ANSWER_WITHIN", one_within)
    shell = Shell(policy(dependency("gateway", grace=0.0), limits=Limits(evidence_within=within)))
    taking = Taking(shell)
    keep, hanging = taking.taker._keep, asyncio.Event()

    async def slow(evidence: Evidence) -> None:
        await hanging.wait()
        await keep(evidence)

    taking.taker._keep = slow
    async with running(shell.core.write_forever(), taking.taker.run()):
        await shell.up()
        shell.fail()
        await until(lambda: shell.started)
        began = time.monotonic()
        assert await taking.taker.before(shell.started[0])
        assert 0.2 <= time.monotonic() - began < LONG
        assert taking.kept == []
        hanging.set()
        await until(lambda: taking.kept)
    shell.core.close()


async def test_what_an_action_wrote_is_kept_at_the_end() -> None:
    """A daemon that is stopped right after a restart loses nothing of what it saw."""
    shell = Shell()
    taking = Taking(shell)
    async with running(shell.core.write_forever()):
        await shell.up()
        shell.fail()
        (request,) = await until(lambda: shell.started)
        taking.taker.after(request, "one\ntwo\n")
        assert taking.kept == []
        await taking.taker.finish(1.0)
        assert len(taking.kept) == 1
    shell.core.close()


async def test_too_many_openings_are_not_a_flood(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond so many nothing is asked, and it is counted."""
    monkeypatch.setattr(module, "OPENINGS_WAIT", 2)
    shell = Shell()
    taking = Taking(shell)
    opened = [
        r.IncidentOpened(f"i{number}", "gateway", "SEV2", "rule", "down", "fault", "refused", "") for number in range(4)
    ]
    taking.taker.after_step(ev.Effects(records=list(opened)), shell.clock.now())
    async with running(taking.taker.run()):
        await until(lambda: len(taking.kept) == 2)
    assert taking.count("skipped") == 2.0


async def test_what_answers_again_meanwhile_is_not_restarted() -> None:
    """Taking evidence takes time; what was judged may have mended itself in it."""
    shell = Shell()
    given: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def ask() -> str:
        return await given

    taking = Taking(shell, log=ask)
    action = RecordingAction()
    executor = Executor({"docker.restart": action}.get, shell.core, shell.watch, taking.taker.before)
    async with running(shell.core.write_forever()):
        await shell.up()
        shell.fail()
        await until(lambda: shell.started)
        acting = asyncio.create_task(executor.run(shell.started[0]))
        await until(lambda: taking.asked)
        shell.observe()
        given.set_result("")
        await acting
        await shell.core.written()
    assert action.requests == []
    (ended,) = [body for _, body in shell.memory.replay(shell.clock.now()) if body["type"] == "action_ended"]
    assert (ended["outcome"], "answers again" in ended["detail"]) == ("refused", True)
    shell.core.close()


async def test_a_bug_in_what_is_asked_keeps_no_action_from_its_turn() -> None:
    """It is counted, and its place is in the log, without its words."""
    shell = Shell()
    taking = Taking(shell)
    action = RecordingAction()
    executor = Executor({"docker.restart": action}.get, shell.core, shell.watch, taking.taker.before)

    def bug(_: str) -> Asked:
        raise RuntimeError("password=hunter2")

    taking.taker._ask = bug
    with capture_logs() as lines:
        async with running(shell.core.write_forever(), taking.taker.run()):
            await shell.up()
            shell.fail()
            await until(lambda: shell.started)
            await executor.run(shell.started[0])
    assert len(action.requests) == 1
    assert taking.count("lost") == 1.0
    (line,) = [line for line in lines if line["event"] == "evidence not taken: a bug"]
    assert "RuntimeError" in line["error"]
    assert "hunter2" not in str(lines)
    shell.core.close()


async def test_a_bug_in_what_keeps_it_ends_nothing() -> None:
    """The action comes, and what comes after it is kept."""
    shell = Shell()
    taking = Taking(shell)
    keep = taking.taker._keep

    async def bug(evidence: Evidence) -> None:
        if evidence.incident != "i2":
            raise RuntimeError
        await keep(evidence)

    taking.taker._keep = bug
    async with running(shell.core.write_forever(), taking.taker.run()):
        await shell.up()
        shell.fail()
        await until(lambda: shell.started)
        assert await taking.taker.before(shell.started[0])
        await taking.taker.before(replace(shell.started[0], incident="i2"))
        (kept,) = await until(lambda: taking.kept)
        await until(lambda: taking.count("lost") == 1.0)
        assert kept.incident == "i2"
    shell.core.close()


@pytest.mark.parametrize(("within", "count"), [(5.0, 1), (0.0, 0)])
async def test_what_an_action_wrote_is_evidence(within: float, count: int) -> None:
    """With what was taken before it, by a name of its own; a policy that takes no evidence keeps none of it."""
    shell = Shell(policy(dependency("gateway", grace=0.0), limits=Limits(evidence_within=within)))
    taking = Taking(shell)
    async with running(shell.core.write_forever(), taking.taker.run()):
        await shell.up()
        shell.fail()
        (request,) = await until(lambda: shell.started)
        taking.taker.after(request, "one\ntwo\n")
        await until(lambda: len(taking.kept) == count)
        await settled()
    kept = [(each.incident, each.occasion, part.name, part.text) for each in taking.kept for part in each.parts]
    assert kept == [(request.incident, "output of docker.restart", "gateway.output.txt", "one\ntwo\n")] * count
    shell.core.close()
