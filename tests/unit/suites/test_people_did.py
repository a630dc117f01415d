"""What people may have caused is told apart from what only the watchdog can have done."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.suites.people_did import ANY_NUMBER, causes
from tests.suites.restraint import CAUSED, intervened
from tests.suites.situations import Situation


@pytest.mark.parametrize(
    ("command", "caused"),
    [
        (("pause", "web"), {"pause": 1}),
        (("kill", "web"), {"kill 9": 1}),
        (("kill", "-s", "CONT", "web"), {"kill 18": 1}),
        (("rm", "-f", "web"), {"remove": 1, "kill 9": 1}),
        (("run", "-d", "image"), {"create": 1}),
        (("stop", "-t", "1", "web"), {"stop": 1, "kill 2": 1, "kill 9": 1, "kill 15": 1}),
        (("update", "--restart", "always", "web"), {"start": ANY_NUMBER}),
        (("update", "--restart", "no", "web"), {}),
        (("inspect", "web"), {}),
    ],
)
def test_a_command_causes_so_much(command: tuple[str, ...], caused: dict[str, int]) -> None:
    """In the words of the witness."""
    assert +causes([command]) == Counter(caused)


@pytest.mark.parametrize(
    "more",
    ["restart", "start", "stop", "kill 9", "pause", "unpause", "create", "recreate", "rollback", "rename", "remove"],
)
def test_whatever_people_did_not_do_is_an_intervention(more: str) -> None:
    """Once too often is enough, beside what they did; a restart of theirs that is missing is told as well."""
    situation = Situation("it", [], "web", "health:up", by_people=1, rightly={"create": 1})
    CAUSED["it"] = causes([("pause", "web")])
    theirs = Counter({"pause": 1, "restart": 1, "create": 1})
    assert intervened(situation, theirs) == ""
    assert more in intervened(situation, theirs + Counter({more: 1}))
    assert "1 by people" in intervened(situation, Counter())
