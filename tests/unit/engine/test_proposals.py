"""Where a person must allow it, he is asked once, what he approves is done once, and only while it is the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.explaining import explain_now
from nemo_watchdog.engine.proposals import Proposal
from nemo_watchdog.engine.proposing import APPROVAL_HOLDS, what_became_of, why_not_approved
from nemo_watchdog.model import (
    ActionOutcome,
    Autonomy,
    ContainerStatus,
    Gate,
    NotificationKind,
    Reason,
    RunState,
    Verdict,
)
from nemo_watchdog.policy.policy import Backoff, Budget, Policy, Suggestions
from tests.unit.engine.world import RESTART, World, dependency, policy, remedy

STEP = replace(RESTART, attempts=3, backoff=Backoff(5.0, 2.0, 300.0, 0.0))


def plan(*, budget: Budget | None = None) -> Policy:
    asked = dependency("shop", grace=0.0, autonomy=Autonomy.SUGGEST)
    fix = remedy(STEP, budget=budget or Budget(9, 3600.0))
    return replace(policy(asked, fix=fix), suggestions=Suggestions(600.0, 900.0))


def down(start: Policy | None = None) -> World:
    """It fails, and a person was asked."""
    world = World(start or plan())
    world.fail("shop")
    assert opened(world).identity.endswith("-shop/shop/p1")
    return world


def opened(world: World, name: str = "shop") -> Proposal:
    one = world.engine.durable.proposals.open_of(name)
    assert one is not None
    return one


def known(world: World, number: int) -> Proposal:
    """The one of that number of the only dependency."""
    of = world.engine.durable.proposals.known
    return next(one for identity, one in of.items() if identity.endswith(f"/p{number}"))


def approve(world: World, number: int = 1, by: str = "ada") -> None:
    world.send(ev.ApproveAsked(known(world, number).identity, by))


def why_not(world: World, number: int = 1) -> str:
    engine = world.engine
    return why_not_approved(engine.volatile, engine.durable, known(world, number), world.monotonic)


def became(world: World, number: int = 1) -> str:
    proposals = world.engine.durable.proposals
    return what_became_of(known(world, number), world.engine.volatile, newer=proposals.open_of("shop"))


def overs(world: World) -> list[tuple[str, str]]:
    """Number and word of each that is over."""
    return [(each.proposal[-2:], each.why) for each in world.of(r.ProposalOver) if isinstance(each, r.ProposalOver)]


def test_a_person_is_asked_once_and_nothing_is_done() -> None:
    """With what would be done, of which run, by when; however long it stays down before that."""
    world = down()
    world.fail("shop", times=30)
    (record,) = world.of(r.Proposed)
    assert isinstance(record, r.Proposed)
    assert record.what == "docker.restart of c-shop, which runs since 2026-01-05 11:00:00 UTC; it may take 1m10s"
    assert (record.step_key, record.target, record.reason) == ("docker.restart", "c-shop", "wrong_status")
    assert (record.container_id, record.run) == ("id-c-shop", "2026-01-05T11:00:00+00:00")
    assert not world.started
    assert len(world.told(NotificationKind.SUGGESTED)) == 1


def test_what_is_approved_is_done_once() -> None:
    """By whom is on record, the end of the proposal before the intent; and he does not stand before it and wait."""
    world = down()
    approve(world)
    approve(world, by="bob")
    ((_, request),) = world.started
    assert request.by == ""
    names = [type(record).__name__ for _, record in world.records]
    order = [names.index(name) for name in ("ProposalApproved", "ProposalOver", "ActionIntended")]
    assert order == sorted(order)
    (intended,) = world.of(r.ActionIntended)
    assert isinstance(intended, r.ActionIntended)
    assert intended.by == "ada"
    assert overs(world) == [("p1", "done")]
    assert len(world.of(r.ProposalApproved)) == 1
    said = f"ada approved it at 2026-01-05 12:00:06 UTC, and it was done at {world.utc:%Y-%m-%d %H:%M:%S} UTC"
    assert became(world).endswith(said)


def test_what_was_approved_and_did_not_help_is_asked_for_anew() -> None:
    """Each attempt is a person's, after the backoff, and he is told of each."""
    world = down()
    approve(world)
    world.finish(restarted=False)
    world.fail("shop", times=60)
    assert len(world.started) == 1
    assert opened(world).identity.endswith("/p2")
    assert len(world.told(NotificationKind.SUGGESTED)) == 2
    approve(world, 2)
    assert len(world.started) == 2


def test_what_was_approved_and_refused_is_asked_for_anew() -> None:
    """Somebody was there: nothing was ordered, and nothing is tried again by itself."""
    world = down()
    approve(world)
    world.finish(ActionOutcome.REFUSED)
    world.fail("shop", times=60)
    assert len(world.started) == 1
    assert opened(world).identity.endswith("/p2")


def test_a_look_comes_before_what_was_approved() -> None:
    """It may have recovered since a person was asked: then it is not needed, and not done."""
    world = down()
    world.stays_as_it_is = False
    world.pass_time(120.0)
    approve(world)
    assert not world.started
    assert "shop" in world.soon
    assert "ada approved it at 2026-01-05 12:02:06 UTC: it is looked at first, and then done" in became(world)
    world.succeed("shop", times=3)
    assert not world.started
    assert overs(world) == [("p1", "unneeded")]
    assert "its trouble is over since 2026-01-05 12:02:08 UTC: it is up again" in why_not(world)


def test_a_look_that_fails_again_has_it_done() -> None:
    world = down()
    world.stays_as_it_is = False
    world.pass_time(120.0)
    approve(world)
    world.fail("shop", times=1)
    assert len(world.started) == 1


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("id-another", "c-shop is another container now"),
        ("id-c-shop", "c-shop was started anew at 2026-01-05 12:00:06 UTC"),
    ],
)
def test_of_another_run_nothing_is_approved(number: str, said: str) -> None:
    """A person judged the one that was there; what is there now may be another thing, and is asked for by itself."""
    world = down()
    world.starts["c-shop"] = world.utc
    world.send(ev.ContainerSeen("c-shop", ContainerStatus(RunState.RUNNING, number, world.utc)))
    assert said in why_not(world)
    approve(world)
    assert not world.started
    world.fail("shop", times=5)
    approve(world)
    assert not world.started
    assert overs(world) == [("p1", "changed")]
    assert opened(world).identity.endswith("/p2")
    assert why_not(world).endswith(f"; {opened(world).identity} is open now")
    assert len(world.told(NotificationKind.SUGGESTED)) == 1


def test_another_next_step_is_another_question() -> None:
    """A reload has put something else in its place."""
    world = down()
    other = replace(STEP, key="hard", action="docker.restart")
    world.send(ev.PolicyChanged(policy(dependency("shop", grace=0.0, autonomy=Autonomy.SUGGEST), fix=remedy(other))))
    assert overs(world) == [("p1", "changed")]
    assert "docker.restart of c-shop is not the next step of its remedy any more" in why_not(world)
    assert opened(world).step_key == "hard"


def test_one_that_nobody_answers_expires() -> None:
    """It is proposed anew, for a judgement of now; the page is not told again, and who approves the old one learns."""
    world = down()
    world.wait(700.0)
    world.fail("shop", times=1)
    assert overs(world) == [("p1", "expired")]
    assert "it expired at 2026-01-05 12:10:06 UTC: nobody had answered" in why_not(world)
    assert opened(world).identity in why_not(world)
    approve(world)
    assert not world.started
    assert len(world.told(NotificationKind.SUGGESTED)) == 1
    approve(world, 2)
    assert len(world.started) == 1


def test_it_cannot_be_approved_at_the_moment_at_which_it_ends() -> None:
    """Though nothing has written that down yet."""
    world = down()
    world.pass_time(601.0)
    assert why_not(world).endswith("is over: nobody had answered")


@pytest.mark.parametrize(
    ("hold", "said"),
    [
        (
            lambda world: world.send(ev.PauseAsked("shop", "a deploy", "bob", 60.0)),
            "the gate pause holds it back: bob paused shop: a deploy, until 2026-01-05 12:01:06 UTC",
        ),
        (
            lambda world: world.send(ev.JournalChanged("the disk is full")),
            "the gate journal holds it back: the journal cannot be written: the disk is full",
        ),
        (
            lambda world: world.fail("shop", Reason.READ_ONLY),
            "the gate category holds it back: integrity: acting does not help",
        ),
    ],
)
def test_every_gate_but_autonomy_holds_as_before(hold: object, said: str) -> None:
    """Who approves is told which, and with its value; nothing is approved then."""
    world = down()
    hold(world)  # type: ignore[operator]
    assert said in why_not(world)
    approve(world)
    assert not world.started
    assert not world.of(r.ProposalApproved)


def test_a_spent_budget_refuses_an_approval() -> None:
    """Nothing ends by it, and nobody is told to look: a person is looking."""
    world = down(plan(budget=Budget(1, 3600.0)))
    approve(world)
    world.finish(restarted=False)
    world.fail("shop", times=60)
    assert "the gate budget holds it back: the budget of shop is spent (1 per 1h)" in why_not(world, 2)
    approve(world, 2)
    assert len(world.started) == 1
    assert not world.of(r.Escalated)


def test_what_was_approved_and_cannot_be_done_in_time_is_over() -> None:
    """It says which gate held it back, and is never done later, unasked."""
    world = down()
    world.stays_as_it_is = False
    world.pass_time(60.0)
    approve(world)
    world.send(ev.PauseAsked("shop", "a deploy", "bob"))
    world.wait(APPROVAL_HOLDS + 1.0)
    assert overs(world)[:1] == [("p1", "expired")]
    assert "ada had it done, and it could not be within 5m, held back by the gate pause" in became(world)
    world.send(ev.ResumeAsked("shop", "bob"))
    world.fail("shop", times=5)
    assert not world.started


def reject(world: World, number: int = 1, holds: float = 900.0) -> None:
    world.send(ev.RejectAsked(known(world, number).identity, "it drains by itself", holds, "ada"))


def test_what_is_rejected_is_not_proposed_for_a_while() -> None:
    """`explain` says by whom and why; then it is proposed anew, and told."""
    world = down()
    reject(world)
    assert "ada rejected it at 2026-01-05 12:00:06 UTC: it drains by itself" in why_not(world)
    approve(world)
    world.fail("shop", times=100)
    assert not world.started
    assert len(world.of(r.Proposed)) == 1
    decision = world.engine.decision("shop", world.now)
    assert decision is not None
    assert (decision.verdict, decision.gate) == (Verdict.WAIT, Gate.AUTONOMY)
    said = " ".join(explain_now(world.engine, "shop", world.now).said)
    assert "ada rejected it: it drains by itself" in said
    assert "The next action can come at 2026-01-05 12:15:06 UTC, when the rejection ends." in said
    world.wait(900.0)
    world.fail("shop", times=1)
    assert opened(world).identity.endswith("/p2")
    assert len(world.told(NotificationKind.SUGGESTED)) == 2


def test_a_rejection_is_of_one_reason() -> None:
    """What fails otherwise than a person judged is another question."""
    world = down()
    reject(world)
    world.fail("shop", Reason.REFUSED, times=3)
    assert opened(world).identity.endswith("/p2")


def test_an_approval_can_be_taken_back_before_it_is_done() -> None:
    world = down()
    world.stays_as_it_is = False
    world.pass_time(60.0)
    approve(world)
    reject(world)
    world.fail("shop", times=5)
    assert not world.started


def test_explain_names_what_waits_for_an_answer() -> None:
    """With its id: who is woken need not look for the message."""
    world = down()
    said = " ".join(explain_now(world.engine, "shop", world.now).said)
    assert "waits for an answer until 2026-01-05 12:10:06 UTC" in said
    assert f"`nemo-watchdog approve {opened(world).identity}` has it done once." in said


def test_what_the_policy_no_longer_names_is_not_needed() -> None:
    world = down()
    world.send(ev.PolicyChanged(policy(dependency("other"))))
    assert overs(world) == [("p1", "unneeded")]
    assert "the policy does not name it any more" in why_not(world)


def test_what_the_policy_lets_the_watchdog_do_meanwhile_is_done_once() -> None:
    """`autonomy: act` was given while a person was asked."""
    world = down()
    world.send(ev.PolicyChanged(policy(dependency("shop", grace=0.0), fix=remedy(STEP))))
    assert len(world.started) == 1
    assert overs(world) == [("p1", "done")]
    assert "the watchdog did it by itself" in why_not(world)
    (intended,) = world.of(r.ActionIntended)
    assert isinstance(intended, r.ActionIntended)
    assert intended.by == ""


def test_nobody_approves_what_the_policy_only_observes() -> None:
    """Also where it is another one of the same container that is only observed."""
    world = down()
    beside = dependency("page", container="c-shop", remedy=None, autonomy=Autonomy.OBSERVE)
    shop = dependency("shop", grace=0.0, autonomy=Autonomy.SUGGEST)
    world.send(ev.PolicyChanged(policy(shop, beside, fix=remedy(STEP))))
    world.fail("page")
    world.fail("shop", times=3)
    held = "the gate autonomy holds it back: the policy lets the watchdog only observe page, in the same container"
    assert held in why_not(world)


def test_a_killed_daemon_does_what_was_approved_once() -> None:
    """Killed between the approval and the intent: it looks first, and does it; killed after that, it does not again."""
    world = down()
    world.stays_as_it_is = False
    world.pass_time(60.0)
    approve(world)
    assert not world.started
    world.kill_daemon()
    world.see("shop", RunState.RUNNING)
    world.fail("shop", times=5)
    assert len(world.started) == 1
    world.kill_daemon()
    world.see("shop", RunState.RUNNING)
    world.fail("shop", times=100)
    assert len(world.started) == 1
    assert overs(world) == [("p1", "done")]
    assert "ada approved it" in became(world)


def test_a_daemon_that_was_away_for_long_says_what_became_of_an_approval() -> None:
    """Nothing is done that a person wanted five minutes ago."""
    world = down()
    world.stays_as_it_is = False
    world.pass_time(60.0)
    approve(world)
    world.kill_daemon()
    world.pass_time(APPROVAL_HOLDS)
    world.see("shop", RunState.RUNNING)
    world.fail("shop", times=5)
    assert not world.started
    assert overs(world) == [("p1", "expired")]


def test_a_killed_daemon_does_not_do_it_to_another_run() -> None:
    """It was started anew while nobody looked."""
    world = down()
    world.stays_as_it_is = False
    world.pass_time(60.0)
    approve(world)
    world.kill_daemon()
    world.run("shop")
    world.fail("shop", times=5)
    assert not world.started
    assert overs(world) == [("p1", "changed")]


def test_what_an_older_version_suggested_can_be_approved() -> None:
    """People were told of it then, and are not told again."""
    world = World(plan())
    world.send(ev.PauseAsked("shop", "not yet", "ops"))
    world.fail("shop")
    (incident,) = world.engine.durable.open()
    world.records.append((world.now, r.Suggested(incident.incident, "shop", "docker.restart")))
    world.kill_daemon()
    world.see("shop", RunState.RUNNING)
    world.send(ev.ResumeAsked("shop", "ops"))
    world.fail("shop", times=5)
    assert not world.told(NotificationKind.SUGGESTED)
    approve(world)
    assert len(world.started) == 1


def test_what_is_over_is_forgotten_after_a_day() -> None:
    """And what comes later in the same incident has another number."""
    world = down()
    reject(world)
    world.pass_time(timedelta(days=2).total_seconds())
    world.send(ev.Tick())
    assert [each[-2:] for each in world.engine.durable.proposals.known] == ["p2"]
