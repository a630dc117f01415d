"""Alertmanager's silences: only those that the policy honours, and none of one that does not answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import pytest
from structlog.testing import capture_logs

from nemo_watchdog.policy.policy import Alertmanager
from nemo_watchdog.runtime import silences_elsewhere as module
from nemo_watchdog.runtime.silences_elsewhere import Silence, SilencesElsewhere
from tests.unit.engine.world import dependency, policy
from tests.unit.runtime.shell import Shell, running, until

HONOURED, OTHER = Alertmanager("http://127.0.0.1:9093", silences=True), Alertmanager("http://127.0.0.1:9094")


@dataclass(frozen=True)
class Silenced:
    lasts: bool = True
    by: str = "alice"
    reason: str = "moving racks"

    def mutes(self, labels: Mapping[str, str]) -> bool:
        return labels["dependency"] == "gateway"

    def holds(self, at: datetime) -> bool:
        return self.lasts


@dataclass
class Desk:
    shell: Shell
    answers: list[Sequence[Silence] | Exception] = field(default_factory=list)
    """One after the other; the last one again and again."""
    asked: list[str] = field(default_factory=list)

    @property
    def silences(self) -> SilencesElsewhere:
        return SilencesElsewhere(self.shell.core, self.ask)

    async def ask(self, targets: Sequence[Alertmanager], within: float) -> Mapping[str, Sequence[Silence] | Exception]:
        self.asked += [each.url for each in targets]
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return {each.url: answer for each in targets}

    @property
    def heard(self) -> int:
        return len(self.shell.core.engine.volatile.silences_elsewhere)

    @property
    def troubles(self) -> list[str]:
        return [f"{each.what}: {each.why}" for each in self.shell.core.troubles.views()]


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk(Shell(replace(policy(dependency("gateway")), alertmanager=(HONOURED, OTHER))))
    yield made
    made.shell.core.close()


async def test_only_those_that_the_policy_honours_are_asked(desk: Desk) -> None:
    desk.answers = [[Silenced()]]
    await desk.silences.look()
    assert (desk.asked, desk.heard) == ([HONOURED.url], 1)


async def test_what_holds_no_more_is_none(desk: Desk) -> None:
    """Clocks differ: what Alertmanager still has may be over here."""
    desk.answers = [[Silenced(lasts=False)]]
    await desk.silences.look()
    assert desk.heard == 0


async def test_one_that_does_not_answer_silences_nothing(desk: Desk) -> None:
    """It is told once, and over when it answers."""
    desk.answers = [[Silenced()], TimeoutError("no answer within 3s"), TimeoutError("no answer within 3s"), []]
    silences = desk.silences
    await silences.look()
    with capture_logs() as lines:
        await silences.look()
        await silences.look()
    assert desk.heard == 0
    assert [line["event"] for line in lines] == ["alertmanager's silences are not known"]
    what = f"what is silenced in Alertmanager {HONOURED.url} is told all the same"
    assert desk.troubles == [f"{what}: no answer within 3s"]
    await silences.look()
    assert desk.troubles == []


async def test_it_is_asked_again_and_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ASK_EVERY", 0.01)
    desk.answers = [[], [], [Silenced()]]
    async with running(desk.silences.run()):
        await until(lambda: desk.heard == 1)
