"""Who takes turns: what is refused, and what is valid but unwise."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nemo_watchdog.errors import PolicyError
from nemo_watchdog.policy.contacts import calendars_in
from nemo_watchdog.policy.lint import lint
from tests.unit.policy.fakes import CATALOG, parse

BASE = """
version: 1
dependencies:
  redis: {probe: redis, url: x}
contacts:
  alice: json://127.0.0.1/
  bob: json://127.0.0.1/
  mute: []
  on-call: %s
classification:
  - {name: last, severity: SEV4, notify: [on-call]}
"""
WEEKLY = "weekly: monday 09:00"


def advice(entry: str) -> Iterator[str]:
    told = lint(parse(BASE % entry), CATALOG)
    return (str(each) for each in told if "on-call" in each.path or "mute" in each.message)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (
            f"{{rota: [alice], {WEEKLY}}}",
            "contacts.on-call.rota: `alice` has every turn: name a second, or `alice` instead of it",
        ),
        (f"{{rota: [bob, bob], {WEEKLY}}}", "contacts.on-call.rota: `bob` has every turn"),
        (
            f"{{rota: [alice, mute], {WEEKLY}}}",
            "contacts.on-call.rota[1]: `mute` has no address: in that turn nobody is called",
        ),
    ],
)
def test_a_rota_that_does_not_do_what_it_seems_to(entry: str, said: str) -> None:
    assert any(each.startswith(said) for each in advice(entry))


def test_who_has_no_address_is_said_once() -> None:
    """Where the turn is, however many turns there are."""
    assert len([each for each in advice(f"{{rota: [mute, alice, mute], {WEEKLY}}}") if "no address" in each]) == 1


def test_a_good_rota_is_no_advice() -> None:
    assert [each for each in advice(f"{{rota: [alice, bob], {WEEKLY}}}") if "on-call" in each] == []


def test_a_rota_of_a_rota_is_refused() -> None:
    """Whose turn it is would be the turn of many."""
    text = (BASE % f"{{rota: [alice, bob], {WEEKLY}}}").replace("mute: []", f"mute: {{rota: [on-call, bob], {WEEKLY}}}")
    with pytest.raises(PolicyError) as caught:
        parse(text)
    (problem,) = caught.value.problems
    assert problem.path.startswith("contacts.mute")
    assert problem.message == "it is a rota, too: name the people who take turns"


def test_the_calendars_of_a_policy_as_it_is_written() -> None:
    """Of whatever else stands there, none."""
    written = {"contacts": {"a": {"calendar": "/x"}, "b": ["json://"], "c": {"calendar": 5}, "d": None}}
    assert list(calendars_in(written)) == ["/x"]
    nothing: list[object] = [None, [], {"contacts": []}, {}]
    assert not any(file for each in nothing for file in calendars_in(each))
