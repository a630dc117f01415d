"""Two dependencies with one container: one ladder, one verification and one backoff, in one incident or in two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.replay import rebuild
from nemo_watchdog.engine.seen import NO_WORSE_AFTER_A_RESTART
from nemo_watchdog.model import (
    ActionOutcome,
    Autonomy,
    Finding,
    Gate,
    Moment,
    NotificationKind,
    Reason,
    RunState,
    Target,
    degraded,
    failed,
)
from nemo_watchdog.policy.policy import Backoff, Budget, EscalateStep, Limits, Policy
from tests.unit.engine.world import NOON, RESTART, World, dependency, policy, remedy

STEP = replace(RESTART, attempts=3, backoff=Backoff(10.0, 2.0, 300.0, 0.0), verify_within=20.0)


def plan(needs: Sequence[str] = ()) -> Policy:
    """`page` and `socket` are two looks at one container."""
    return policy(
        dependency("page", container="c-web", grace=0.0),
        dependency("socket", container="c-web", grace=0.0, needs=needs),
        fix=remedy(STEP, EscalateStep("lead"), budget=Budget(20, 36000.0)),
    )


@pytest.fixture(params=[(), ("page",)], ids=["two incidents", "one incident"])
def web(request: pytest.FixtureRequest) -> World:
    return World(plan(request.param))


@pytest.fixture
def apart() -> World:
    return World(plan())


def both_fail(world: World, seconds: int) -> None:
    """Both looks fail, whatever is restarted."""
    for _ in range(seconds):
        while world.pending:
            world.finish()
        world.fail("page", Reason.WRONG_STATUS, times=1)
        world.fail("socket", Reason.REFUSED, times=1)


def page_fails_alone(world: World, times: int = 3) -> None:
    """The other is looked at before anything is done, and is well."""
    world.fail("page", times=times)
    assert not world.pending
    world.succeed("socket", times=1)


def test_what_never_helps_is_tried_as_often_as_for_one(web: World) -> None:
    """Three attempts, each verified and followed by its backoff; then a person, once."""
    both_fail(web, 300)
    times = [at for at, _ in web.started]
    assert len(times) == 3
    gaps = [after - before for before, after in pairwise(times)]
    assert gaps[0] >= 30.0
    assert gaps[1] >= 40.0
    assert len(web.of(r.AttemptFailed)) == 3
    (told,) = web.told(NotificationKind.ESCALATED)
    assert "3 attempts did not help" in told.body


def test_one_restart_heals_both(web: World) -> None:
    """It helped both, and counts as no failed attempt for either."""
    web.fail("page", times=3)
    web.fail("socket", times=3)
    both_fail(web, 1)
    web.succeed("page", times=3)
    web.succeed("socket", times=3)
    web.succeed("page", times=1)
    assert not web.engine.durable.open()
    assert len(web.started) == 1
    assert not web.of(r.AttemptFailed)


def test_the_other_waits_and_says_for_whom(apart: World) -> None:
    """What is verified is one and the same restart."""
    page_fails_alone(apart)
    apart.finish()
    apart.fail("socket", Reason.REFUSED, times=4)
    held = apart.engine.decision("socket", apart.now)
    assert held is not None
    assert (held.gate, held.value) == (Gate.VERIFICATION, "verifying docker.restart on c-web, done for page")
    (opened,) = [told for told in apart.told(NotificationKind.OPENED) if "socket" in told.title]
    assert "done for page" in opened.body


def test_a_restart_that_helped_one_alone_is_judged_by_the_other(apart: World) -> None:
    """After the whole verification; the one that serves is not said to be mended before, nor blamed after."""
    page_fails_alone(apart)
    apart.finish()
    apart.fail("socket", Reason.REFUSED, times=4)
    for _ in range(10):
        apart.succeed("page", times=1)
        apart.fail("socket", Reason.REFUSED, times=1)
    (failed,) = apart.of(r.AttemptFailed)
    assert isinstance(failed, r.AttemptFailed)
    assert failed.dependency == "socket"
    apart.succeed("page", times=1)
    assert [record.root for record in apart.of(r.IncidentResolved) if isinstance(record, r.IncidentResolved)] == [
        "page"
    ]
    while len(apart.started) == 1:
        apart.succeed("page", times=1)
        apart.fail("socket", Reason.REFUSED, times=1)
    assert apart.started[1][1].dependency == "socket"
    assert len({request.action_id for _, request in apart.started}) == 2
    apart.finish()
    apart.succeed("page", times=2)
    apart.succeed("socket", times=2)
    assert not apart.engine.durable.open()


def test_the_end_of_one_incident_judges_no_attempt_for_the_other(apart: World) -> None:
    """The one that serves is at its end by the clock, before the other is looked at again: that has not been helped."""
    page_fails_alone(apart)
    apart.finish()
    apart.fail("socket", Reason.REFUSED, times=4)
    for _ in range(4):
        apart.succeed("page", times=1)
        apart.fail("socket", Reason.REFUSED, times=1)
    apart.wait(9.0)
    assert [record.root for record in apart.of(r.IncidentResolved)] == ["page"]  # type: ignore[attr-defined]
    apart.fail("socket", Reason.REFUSED, times=1)
    assert [record.dependency for record in apart.of(r.AttemptFailed)] == ["socket"]  # type: ignore[attr-defined]
    assert len(apart.started) == 1


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside another incident"])
def test_an_attempt_is_judged_although_the_incident_that_it_was_for_has_ended(*, beside: bool) -> None:
    """It helped the one and not the other, at which nobody had looked when its verification was over."""
    base = plan()
    third = policy(dependency("third", grace=0.0), fix=base.remedies["restart"]).dependencies
    world = World(replace(base, dependencies={**third, **base.dependencies}))
    if beside:
        world.crash("third")
        world.finish(ActionOutcome.FAILED)
    page_fails_alone(world)
    world.finish()
    world.fail("socket", Reason.REFUSED, times=4)
    world.succeed("page")
    world.pass_time(STEP.verify_within)
    world.succeed("page", times=1)
    assert [record.root for record in world.of(r.IncidentResolved) if isinstance(record, r.IncidentResolved)] == [
        "page"
    ]
    world.fail("socket", Reason.REFUSED, times=1)
    assert [record.dependency for record in world.of(r.AttemptFailed) if isinstance(record, r.AttemptFailed)] == [
        "socket"
    ]


def test_the_backoff_of_one_holds_the_other(apart: World) -> None:
    """The verdict was on the container."""
    page_fails_alone(apart)
    apart.fail("socket", Reason.REFUSED, times=3)
    apart.finish(ActionOutcome.FAILED)
    apart.fail("socket", Reason.REFUSED, times=3)
    apart.fail("page", times=1)
    held = apart.engine.decision("socket", apart.now)
    assert held is not None
    assert held.gate is Gate.BACKOFF
    assert len(apart.started) == 1


def test_one_that_cannot_be_seen_judges_no_attempt(apart: World) -> None:
    """A wrong password on one look does not make the restarts that help the other fail."""
    apart.fail("socket", Reason.AUTH_FAILED, times=5)
    for _ in range(5):
        apart.fail("page", times=3)
        while not apart.pending:
            apart.fail("socket", Reason.AUTH_FAILED, times=1)
            apart.fail("page", times=1)
        apart.finish()
        apart.succeed("page", times=30)
    assert len(apart.started) == 5
    assert not apart.of(r.AttemptFailed)
    assert not apart.of(r.Escalated)


def test_our_own_restart_is_no_failure_of_the_other(apart: World) -> None:
    """While the container is down because we restart it, nobody is told that it exited."""
    page_fails_alone(apart)
    apart.see("page", RunState.EXITED, exit_code=143)
    assert len(apart.of(r.IncidentOpened)) == 1
    apart.finish()
    apart.succeed("page")
    apart.succeed("socket")
    assert len(apart.of(r.IncidentOpened)) == 1
    assert not apart.engine.durable.open()


@pytest.mark.parametrize("reason", [Reason.PERSISTENCE_FAILED, Reason.LOADING, Reason.RECOVERING])
def test_what_one_look_knows_holds_the_other(apart: World, reason: Reason) -> None:
    """Data at risk, or work that a restart would begin anew: Docker's health check does not see it."""
    apart.fail("socket", reason, times=3)
    for _ in range(100):
        apart.fail("page", times=1)
        apart.fail("socket", reason, times=1)
    held = apart.engine.decision("page", apart.now)
    assert held is not None
    assert held.gate is Gate.CATEGORY
    assert held.value.startswith(f"socket, in the same container, is {reason.category}")
    assert not apart.started


def test_one_look_alone_makes_the_other_careful(apart: World) -> None:
    """Before it is confirmed; a fault there speaks for the restart, and what is well does not matter."""
    apart.fail("page", times=3)
    apart.fail("socket", Reason.PERSISTENCE_FAILED, times=1)
    assert not apart.started
    apart.succeed("socket", times=1)
    apart.fail("page", times=1)
    assert len(apart.started) == 1


def test_the_other_is_looked_at_at_once(apart: World) -> None:
    """Nobody waits for its interval."""
    apart.soon.clear()
    apart.fail("page", times=3)
    assert "socket" in apart.soon
    assert not apart.started


def test_what_docker_says_of_the_container_waits_for_no_look(apart: World) -> None:
    """It has ended for both, whatever either said before."""
    apart.fail("page", Reason.LOADING, times=1)
    apart.fail("socket", Reason.LOADING, times=1)
    apart.crash("page")
    assert len(apart.started) == 1


def test_a_fault_of_what_was_busy_counts_when_it_is_confirmed(apart: World) -> None:
    """One look that does not say any more that it loads takes back nothing."""
    apart.fail("socket", Reason.LOADING)
    apart.fail("page")
    apart.fail("socket", Reason.TIMEOUT, times=1)
    apart.fail("page", times=1)
    held = apart.engine.decision("page", apart.now)
    assert held is not None
    assert held.value.startswith("socket, in the same container, is busy")
    assert not apart.started
    apart.fail("socket", Reason.TIMEOUT, times=2)
    assert len(apart.started) == 1


@pytest.mark.parametrize(
    "finding",
    [degraded(Reason.SLOW, "took 900 ms"), *(failed(each, "test") for each in sorted(NO_WORSE_AFTER_A_RESTART))],
    ids=lambda finding: str(finding.reason),
)
def test_what_a_restart_makes_no_worse_holds_no_other(apart: World, finding: Finding) -> None:
    """It serves slowly, or its certificate has ended: the other one hangs all the same."""
    apart.look("socket", finding, times=3)
    assert not apart.started
    for _ in range(3):
        apart.look("socket", finding)
        apart.fail("page", Reason.TIMEOUT, times=1)
    apart.look("socket", finding)
    assert [request.dependency for _, request in apart.started] == ["page"]


@pytest.mark.parametrize("scope", ["socket", "*"])
def test_a_pause_of_one_holds_what_would_be_done_to_its_container(apart: World, scope: str) -> None:
    """And only that: another container is another matter."""
    apart.send(ev.PauseAsked(scope, "migrating", "ops"))
    for _ in range(20):
        apart.fail("page", times=1)
        apart.fail("socket", times=1)
    assert not apart.started
    held = apart.engine.decision("page", apart.now)
    assert held is not None
    assert held.gate is Gate.PAUSE
    apart.send(ev.ResumeAsked(scope, "ops"))
    assert len(apart.started) == 1


def test_a_pause_is_of_the_container_whatever_the_policy_calls_it(apart: World) -> None:
    """Renamed while somebody restores its data: the pause has the old name, and the container is the same."""
    apart.send(ev.PauseAsked("socket", "restoring a dump", "ops"))
    base = plan()
    renamed = replace(base.dependencies["page"], name="site")
    apart.send(ev.PolicyChanged(replace(base, dependencies={"site": renamed})))
    apart.kill_daemon()
    apart.run("site", age=600.0)
    for _ in range(20):
        apart.fail("site", times=1)
    held = apart.engine.decision("site", apart.now)
    assert held is not None
    assert (held.gate, held.value) == (
        Gate.PAUSE,
        "ops paused socket (the same container, c-web): restoring a dump",
    )
    assert not apart.started


def test_each_pause_is_of_the_container_that_its_name_had_then(apart: World) -> None:
    """Moved while somebody restores its data, and paused again where it is now: the old container is left alone."""
    apart.send(ev.PauseAsked("socket", "restoring a dump", "ops"))
    base = plan()
    moved = replace(base.dependencies["socket"], container="c-new")
    apart.send(ev.PolicyChanged(replace(base, dependencies={**base.dependencies, "socket": moved})))
    apart.send(ev.PauseAsked("socket", "it is not ready", "dev"))
    apart.fail("page", times=20)
    assert not apart.started


def test_the_backoff_of_one_outlives_its_incident(apart: World) -> None:
    """What was restarted a moment ago, for the other, waits for it."""
    page_fails_alone(apart)
    apart.finish()
    for name in ("page", "socket", "page"):
        apart.succeed(name)
    assert not apart.engine.durable.open()
    apart.fail("socket", times=3)
    apart.succeed("page", times=1)
    held = apart.engine.decision("socket", apart.now)
    assert held is not None
    assert held.gate is Gate.BACKOFF


@pytest.mark.parametrize("ceiling", [Autonomy.OBSERVE, Autonomy.SUGGEST])
def test_what_may_not_be_done_for_one_is_not_done_to_its_container(ceiling: Autonomy) -> None:
    """The lower ceiling is the container's."""
    base = plan()
    low = replace(base.dependencies["socket"], autonomy=ceiling)
    world = World(replace(base, dependencies={**base.dependencies, "socket": low}))
    both_fail(world, 20)
    assert not world.started
    held = world.engine.decision("page", world.now)
    assert held is not None
    assert held.gate is Gate.AUTONOMY


def test_a_killed_daemon_knows_what_is_shared(web: World) -> None:
    """At any moment, both have the same ladder, and no attempt is granted anew."""
    for _ in range(60):
        both_fail(web, 5)
        web.kill_daemon()
        web.see("page", RunState.RUNNING)
        both_fail(web, 4)
        ladders = [ladder for incident in web.engine.durable.open() for ladder in incident.ladders.values()]
        assert len({id(ladder) for ladder in ladders}) == 1
    assert len(web.started) == 3
    assert len({told.key for told in web.told(NotificationKind.ESCALATED)}) == 1


def test_what_was_refused_for_one_is_there_for_the_other(apart: World) -> None:
    """Nothing was ordered: the first attempt is still the first."""
    apart.fail("page", times=3)
    apart.fail("socket", Reason.REFUSED, times=3)
    apart.finish(ActionOutcome.REFUSED)
    both_fail(apart, 20)
    intents = [record.attempt for record in apart.of(r.ActionIntended) if isinstance(record, r.ActionIntended)]
    assert intents[:2] == [1, 1]


def test_a_new_name_for_the_same_container_takes_the_ladder_over(apart: World) -> None:
    """Renaming what fails grants no attempt."""
    both_fail(apart, 300)
    renamed = policy(
        dependency("renamed", container="c-web", grace=0.0),
        fix=remedy(STEP, EscalateStep("lead"), budget=Budget(20, 36000.0)),
    )
    apart.send(ev.PolicyChanged(renamed))
    apart.run("renamed", age=60.0)
    apart.fail("renamed", times=60)
    assert len(apart.started) == 3


def test_a_journal_in_which_two_acted_on_one_target_is_read() -> None:
    """0.1.0 let each act while the other's action was being verified; what was tried counts for both from now on."""

    def opened(name: str) -> r.Record:
        return r.IncidentOpened(f"i-{name}", name, "SEV2", "down", "down", "fault", "refused", "")

    def intended(name: str, n: int) -> r.Record:
        where, what = f"i-{name}", f"i-{name}/{name}/{n}"
        return r.ActionIntended(where, what, name, "restart", 0, n, "docker.restart", "c-web", 20.0)

    def ended(name: str, n: int) -> r.Record:
        where, what = f"i-{name}", f"i-{name}/{name}/{n}"
        return r.ActionEnded(where, what, name, "docker.restart", "succeeded", "", 5.0, 20.0, to_verify=True)

    story = [
        *(r.HealthChanged(name, "up", None, None, "") for name in ("page", "socket")),
        *(opened("page"), opened("socket"), intended("page", 1), ended("page", 1)),
        *(intended("socket", 1), ended("socket", 1)),
        r.AttemptFailed("i-page", "page", "i-page/page/1", "still refused"),
        *(intended("page", 2), ended("page", 2)),
        r.AttemptFailed("i-page", "page", "i-page/page/2", "still refused"),
        r.AttemptFailed("i-socket", "socket", "i-socket/socket/1", "still refused"),
    ]
    world = World(plan(), running=False)
    world.records = [(Moment(900.0 + n, NOON), record) for n, record in enumerate(story)]
    assert len(rebuild([(at, record.body()) for at, record in world.records]).open()) == 2
    world.kill_daemon()
    world.run("page", age=60.0)
    both_fail(world, 60)
    assert not world.started  # the three attempts on the container are spent
    assert len(world.told(NotificationKind.ESCALATED)) == 1


def test_a_file_that_two_share_makes_no_ladder_of_two_containers() -> None:
    """Each restarts its own container; only the last step is on the same target, and there one waits for the other."""
    once = replace(STEP, attempts=1, backoff=Backoff(1.0, 1.0, 1.0, 0.0))
    touch = replace(once, action="touch.file", key="touch.file", target_kind="file")
    base = policy(
        dependency("a", grace=0.0),
        dependency("b", grace=0.0),
        fix=remedy(once, touch, EscalateStep("lead"), budget=Budget(20, 36000.0)),
        limits=Limits(Budget(20, 36000.0), 5),
    )
    flag = Target("file", "/flag")
    targets = {name: {**spec.targets, "touch.file": flag} for name, spec in base.dependencies.items()}
    world = World(
        replace(
            base, dependencies={name: replace(spec, targets=targets[name]) for name, spec in base.dependencies.items()}
        )
    )
    for _ in range(120):
        while world.pending:
            world.finish(restarted=world.pending[0].target != flag)
        world.fail("a", times=1)
        world.fail("b", times=1)
    assert sorted(str(request.target) for _, request in world.started) == ["c-a", "c-b", "file /flag", "file /flag"]
    touched = [at for at, request in world.started if request.target == flag]
    assert touched[1] - touched[0] >= once.verify_within
    assert not world.of(r.LadderShared)
    assert len(world.told(NotificationKind.ESCALATED)) == 2
