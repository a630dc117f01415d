"""A step with `also`: what is restarted after its container, when that is held, and whose doing it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import (
    ActionOutcome,
    ActionResult,
    Autonomy,
    Gate,
    NotificationKind,
    Reason,
    RunState,
    Target,
    failed,
)
from nemo_watchdog.policy.policy import Budget, EscalateStep, Limits, Policy
from tests.unit.engine.world import RESTART, World, dependency, policy, remedy

Also = Literal["dependents"] | tuple[str, ...]
SHARED = ("sidecar", "exporter")
"""They use the network of `web`, and `exporter` needs `sidecar`."""


def plan(also: Also = "dependents", *, limits: Limits | None = None, **of_sidecar: object) -> Policy:
    step = replace(RESTART, also=also)
    return policy(
        dependency("exporter", grace=0.0, needs=["sidecar"]),
        dependency("sidecar", **{"grace": 0.0, **of_sidecar}),  # type: ignore[arg-type]
        dependency("web", grace=0.0),
        dependency("apart", grace=0.0),
        fix=remedy(step, EscalateStep("lead"), budget=Budget(2, 3600.0)),
        limits=limits,
    )


def world(plan: Policy) -> World:
    made = World(plan)
    for name in SHARED:
        runs(made, name)
        made.succeed(name)
    return made


def runs(world: World, name: str, state: RunState = RunState.RUNNING) -> None:
    """As before, and in the network of `web`."""
    world.see(name, state, network_of="id-c-web")


def fails(world: World) -> None:
    """`web` does, and the others are looked at before anything is done."""
    world.fail("web")
    for name in ("sidecar", "exporter", "apart"):
        last = world.engine.trackers[name].last
        if last is not None:
            world.look(name, last.finding, every=0.01)


def along(world: World) -> list[str]:
    """The containers of the one action that was ordered, after its own."""
    (request,) = world.pending
    assert request.target == Target("container", "c-web")
    return [each.container for each in request.along]


def held(world: World) -> tuple[Gate, str]:
    assert not world.pending
    decision = world.engine.decision("web", world.now)
    assert decision is not None
    return decision.gate, decision.value


def test_what_uses_its_network_is_restarted_after_it() -> None:
    """Each after what it needs, as it was judged; one action, one attempt and one use of the budget."""
    it = world(plan())
    fails(it)
    assert along(it) == ["c-sidecar", "c-exporter"]
    (request,) = it.pending
    assert [each.run.network_of for each in request.along] == ["id-c-web", "id-c-web"]
    assert request.timeout == RESTART.timeout * 3
    (intended,) = it.of(r.ActionIntended)
    assert isinstance(intended, r.ActionIntended)
    assert (intended.target, intended.along) == ("c-web", ["c-sidecar", "c-exporter"])
    assert it.engine.durable.acting() == 1
    assert [spend.target.name for spend in it.engine.durable.spends] == ["c-web"]
    (told,) = it.told(NotificationKind.ACTION_STARTED)
    assert "Doing docker.restart on c-web, and then on c-sidecar and c-exporter, attempt 1." in told.body


def test_what_the_policy_lists_is_restarted_in_its_order() -> None:
    """Each container once, and never its own; what is not there any more is no hindrance."""
    it = world(plan(("exporter", "web", "apart", "exporter", "gone")))
    fails(it)
    assert along(it) == ["c-exporter", "c-apart"]


def test_a_policy_that_takes_nobody_along_restarts_it_alone() -> None:
    it = world(plan(()))
    fails(it)
    assert along(it) == []


@pytest.mark.parametrize("state", [RunState.PAUSED, RunState.CREATED, RunState.MISSING])
def test_what_does_not_run_stays_as_it_is(state: RunState) -> None:
    it = world(plan())
    runs(it, "sidecar", state)
    fails(it)
    assert along(it) == ["c-exporter"]


def test_what_a_person_has_stopped_is_not_started() -> None:
    it = world(plan())
    it.stopped_by_hand("sidecar")
    fails(it)
    assert along(it) == ["c-exporter"]


def test_what_is_of_another_container_now_is_not_taken_along() -> None:
    """Its parent was made anew: a restart would not connect it."""
    it = world(plan())
    it.see("sidecar", RunState.RUNNING, network_of="id-of-another")
    fails(it)
    assert along(it) == ["c-exporter"]


def paused(it: World) -> None:
    it.send(ev.PauseAsked("sidecar", "restoring", "ops", None))


def is_being_stopped(it: World) -> None:
    it.send(ev.ContainerActed(it.event("sidecar", "kill", 15)))


def at_risk(it: World) -> None:
    it.fail("sidecar", Reason.RECOVERING)


def out_of_sight(it: World) -> None:
    it.see("sidecar", RunState.UNREACHABLE)


@pytest.mark.parametrize(
    ("happens", "gate", "said"),
    [
        (paused, Gate.PAUSE, "ops paused sidecar (restarted after web): restoring"),
        (is_being_stopped, Gate.HUMAN_HOLD, "sidecar, restarted after web: somebody is stopping the container"),
        (at_risk, Gate.CATEGORY, "sidecar, restarted after web, is busy"),
        (out_of_sight, Gate.BLIND, "cannot see the container of sidecar, restarted after web"),
    ],
)
def test_what_holds_one_of_them_holds_the_action(happens: Callable[[World], None], gate: Gate, said: str) -> None:
    """Nothing is restarted by halves; and what holds it is named with whose it is."""
    it = world(plan())
    happens(it)
    fails(it)
    found = held(it)
    assert found[0] is gate
    assert found[1].startswith(said)


@pytest.mark.parametrize(("autonomy", "said"), [(Autonomy.OBSERVE, "observe"), (Autonomy.SUGGEST, "a person to do it")])
def test_what_the_policy_wants_of_one_of_them_counts(autonomy: Autonomy, said: str) -> None:
    it = world(plan(autonomy=autonomy))
    fails(it)
    gate, value = held(it)
    assert (gate, "sidecar, restarted after web" in value, said in value) == (Gate.AUTONOMY, True, True)


def test_a_suggestion_names_all_of_them() -> None:
    it = world(plan(autonomy=Autonomy.SUGGEST))
    fails(it)
    (proposed,) = it.of(r.Proposed)
    assert isinstance(proposed, r.Proposed)
    assert ", and then of c-sidecar and c-exporter; it may take 3m30s" in proposed.what


def test_an_action_on_one_of_them_comes_first() -> None:
    """And is looked at."""
    it = world(plan(limits=Limits(concurrent_actions=5)))
    it.fail("sidecar")
    it.succeed("web", times=1)
    fails(it)
    (request,) = it.pending
    assert request.dependency == "sidecar"
    decision = it.engine.decision("web", it.now)
    assert decision is not None
    assert (decision.gate, decision.value) == (Gate.IN_FLIGHT, "an action on c-sidecar is under way")
    it.starts["c-sidecar"] = it.utc
    runs(it, "sidecar")
    it.finish(restarted=False)
    it.fail("web", times=1)
    assert held(it) == (Gate.VERIFICATION, "what was done to sidecar, restarted after web, is looked at first")


def test_nothing_else_is_done_to_them_meanwhile() -> None:
    it = world(plan(limits=Limits(concurrent_actions=5)))
    fails(it)
    assert along(it) == ["c-sidecar", "c-exporter"]
    it.look("exporter", failed(Reason.REFUSED, "no"), times=3)
    it.succeed("sidecar", times=1)
    decision = it.engine.decision("exporter", it.now)
    assert decision is not None
    assert (decision.gate, decision.value) == (Gate.IN_FLIGHT, "an action on c-exporter is under way")


def test_enough_of_a_group_must_serve_without_it() -> None:
    """`sidecar` serves, and is restarted along only where another one does its work."""
    it = world(plan(limits=Limits(min_healthy={"pool": 1}), tags=frozenset({"pool"})))
    fails(it)
    gate, value = held(it)
    assert gate is Gate.REDUNDANCY
    assert value == "sidecar, restarted after web: 1 of what has the tag pool must serve, and 0 others do"


def signals(world: World, names: Sequence[str]) -> None:
    for name in names:
        world.send(ev.ContainerActed(world.event(name, "kill", 15)))
        world.send(ev.ContainerActed(world.event(name, "die")))


def test_what_our_own_order_does_to_them_is_nobody_elses() -> None:
    it = world(plan())
    fails(it)
    signals(it, ["web", *SHARED])
    for name in SHARED:
        it.starts[it.container(name)] = it.utc
        runs(it, name)
    it.finish()
    it.succeed("web", times=3)
    assert not it.of(r.HoldPlaced)
    assert it.of(r.IncidentResolved)


@pytest.mark.parametrize("left", [frozenset({"c-sidecar"}), frozenset[str]()])
def test_what_was_left_alone_was_stopped_by_somebody_else(left: frozenset[str]) -> None:
    """Nothing was ordered for it: the signal that was heard meanwhile is a person's."""
    it = world(plan())
    fails(it)
    request = it.pending.pop()
    it.run("web")
    it.send(ev.ContainerActed(it.event("sidecar", "kill", 15)))
    it.send(ev.ActionFinished(request, ActionResult(ActionOutcome.SUCCEEDED, left=left)))
    holds = [record.target for record in it.of(r.HoldPlaced) if isinstance(record, r.HoldPlaced)]
    assert holds == sorted(left)


def test_a_daemon_that_was_killed_remembers_all_of_them() -> None:
    """Nobody knows what was done to any: each is held until that is clear, and the budget is spent once."""
    it = world(plan())
    fails(it)
    it.kill_daemon()
    acts = it.engine.durable.acts
    assert {target.name: act.unclear_until is not None for target, act in acts.items()} == {
        "c-web": True,
        "c-sidecar": True,
        "c-exporter": True,
    }
    assert len(it.engine.durable.spends) == 1


def test_what_was_refused_leaves_nothing() -> None:
    it = world(plan())
    fails(it)
    it.finish(ActionOutcome.REFUSED)
    assert not it.engine.durable.acts
    assert not it.engine.durable.spends
