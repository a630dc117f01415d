"""What the daemon answers: every key on the wire, and what an older or a newer reader makes of it."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from nemo_watchdog import incident_views, views
from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import ActionOutcome, Reason, Severity
from nemo_watchdog.policy.people import Contact, Rota
from nemo_watchdog.views import StatusView, as_json
from tests.unit.engine.world import NOON, World, dependency, policy
from tests.unit.statuses import on_the_wire, seen

WHOLE_STATUS = Path(__file__).with_name("status.json")


@pytest.fixture
def world() -> World:
    """Something of everything: an incident with a member and a failed action, a pause, a hold, a swap, what is said."""
    watched = World(
        policy(
            dependency("postgres"),
            dependency("gateway", needs=["postgres"]),
            dependency("redis"),
            dependency("cache", remedy=None),
        )
    )
    watched.crash("postgres")
    watched.fail("gateway", Reason.REFUSED)
    watched.finish(ActionOutcome.FAILED)
    watched.send(ev.PauseAsked("redis", "deploying", "ops", 60.0))
    watched.stopped_by_hand("redis")
    rota = Rota(("alice", "bob"), 0, 9 * 60, UTC)
    watched.send(
        ev.PolicyChanged(
            dataclasses.replace(watched.engine.policy, contacts={"on-call": Contact(rota=rota), "bob": Contact()})
        )
    )
    watched.send(ev.SwapAsked("on-call", "bob", NOON + timedelta(hours=8), "ill", "ada"))
    watched.send(ev.DeclareAsked("the payment provider answers 500", Severity.SEV2, "", "ada"))
    (incident,) = watched.engine.durable.open()
    for each in (incident.incident, *watched.engine.durable.declared):
        watched.send(ev.AcknowledgeAsked(each, "bob", 3600.0))
    watched.pass_time(2.0)
    return watched


def test_the_whole_status_is_as_it_was(world: World) -> None:
    """Programs read these keys. A change of this document is a change for them: say so in the changelog."""
    expected = json.loads(WHOLE_STATUS.read_text(encoding="utf-8"))
    view = dataclasses.replace(seen(world, "policy.yaml:3:5: there is no probe https"), version="0.1.0")
    assert on_the_wire(view) == expected


def test_what_leaves_can_be_read_as_the_same(world: World) -> None:
    """The daemon and the command line mean the same by every field, and agree on its type."""
    view = seen(world)
    assert TypeAdapter(StatusView).validate_json(as_json(view), strict=True) == view


def test_a_name_of_strange_bytes_leaves_as_json(world: World) -> None:
    """A path need not be UTF-8, and the problem of a reload names one."""
    assert json.loads(as_json(seen(world, "\udcff.yaml:1:1: no")))["policy"]["problems"] == ["\udcff.yaml:1:1: no"]


VIEWS = [each for module in (views, incident_views) for each in vars(module).values() if dataclasses.is_dataclass(each)]


@pytest.mark.parametrize("view", VIEWS)
def test_every_answer_is_frozen(view: type) -> None:
    """Nobody changes what was said."""
    assert view.__dataclass_params__.frozen  # type: ignore[attr-defined]
