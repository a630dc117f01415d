"""The engine as a conversation: what happened, what it did. The clock moves only when the test says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine import signals
from nemo_watchdog.model import (
    CONTAINER,
    ActionOutcome,
    Autonomy,
    Gate,
    Health,
    NotificationKind,
    Reason,
    RunState,
    Severity,
    Target,
    Verdict,
    failed,
)
from nemo_watchdog.policy.policy import Budget, EscalateStep, Limits, Threshold
from tests.unit.engine.world import RESTART, World, dependency, policy, remedy


@pytest.fixture
def one() -> World:
    return World(policy(dependency("gateway")))


@pytest.fixture
def two() -> World:
    return World(policy(dependency("postgres"), dependency("gateway", needs=["postgres"])))


def test_three_failures_in_a_row_restart_it_once_and_two_good_looks_resolve(one: World) -> None:
    """The main job."""
    one.fail("gateway", times=2)
    assert one.health("gateway") is Health.UP
    assert not one.started
    one.fail("gateway", times=1)
    assert [request.target.name for _, request in one.started] == ["c-gateway"]
    one.finish()
    one.succeed("gateway", times=2)
    assert one.of(r.IncidentResolved)
    assert not one.engine.durable.open()
    assert len(one.started) == 1
    kinds = [n.kind for n in one.notifications]
    assert kinds == [
        NotificationKind.OPENED,
        NotificationKind.ACTION_STARTED,
        NotificationKind.ACTION_FINISHED,
        NotificationKind.RESOLVED,
    ]


def test_a_success_breaks_the_row(one: World) -> None:
    """Two failures, a success and two failures are not three in a row."""
    one.fail("gateway", times=2)
    one.succeed("gateway", times=1)
    one.fail("gateway", times=2)
    assert one.health("gateway") is Health.UP


def test_n_of_m_counts_the_last_m_looks_only() -> None:
    """With 3 of 5, old failures are forgotten after a long row of successes."""
    world = World(policy(dependency("gateway", down_after=Threshold(3, 5))))
    world.fail("gateway", times=2)
    world.succeed("gateway", times=50)
    world.fail("gateway", times=1)
    assert world.health("gateway") is Health.UP
    world.succeed("gateway", times=1)
    world.fail("gateway", times=1)
    world.succeed("gateway", times=1)
    world.fail("gateway", times=1)
    assert world.health("gateway") is Health.DOWN


@pytest.mark.parametrize(
    "reason",
    [Reason.RECOVERING, Reason.LOADING, Reason.TOO_MANY_CONNECTIONS, Reason.DATA_CORRUPTED, Reason.PERSISTENCE_FAILED],
)
def test_busy_and_integrity_open_an_incident_and_restart_nothing(one: World, reason: Reason) -> None:
    """It is down for its users, so people are told; a restart does not help, so nothing is done."""
    one.fail("gateway", reason, times=30)
    assert one.health("gateway") is Health.DOWN
    assert one.engine.durable.open()
    assert not one.started
    decision = one.engine.decision("gateway", one.now)
    assert decision is not None
    assert decision.gate is Gate.CATEGORY


def test_blind_is_never_down(one: World) -> None:
    """A wrong password says nothing about the target: unknown, told, not acted on."""
    one.fail("gateway", Reason.AUTH_FAILED, times=30)
    assert one.health("gateway") is Health.UNKNOWN
    assert not one.engine.durable.open()
    one.fail("gateway", Reason.AUTH_FAILED, times=60)
    (incident,) = one.engine.durable.open()
    assert incident.category == "blind"
    assert not one.started


def test_one_gentle_look_among_faults_holds_the_restart(one: World) -> None:
    """LOADING after refused means that it is coming back: wait."""
    one.fail("gateway", Reason.REFUSED, times=2)
    one.fail("gateway", Reason.LOADING, times=1)
    assert one.health("gateway") is Health.DOWN
    assert not one.started
    one.fail("gateway", Reason.REFUSED, times=3)
    assert len(one.started) == 1


def test_slow_is_not_dead(one: World) -> None:
    """Degraded is an incident of its own severity, without a restart."""
    one.slow("gateway", times=10)
    (incident,) = one.engine.durable.open()
    assert incident.severity is Severity.SEV3
    assert not one.started


def test_a_crash_needs_no_confirmation(one: World) -> None:
    """Docker's word that the container exited is enough, in the same step."""
    one.crash("gateway")
    assert len(one.started) == 1


def test_what_a_person_stopped_is_left_alone(one: World) -> None:
    """An exit after a kill through the API is held, told once, and released when it runs again."""
    one.stopped_by_hand("gateway")
    assert not one.engine.durable.open()
    one.fail("gateway", Reason.REFUSED, times=10)
    assert not one.started
    assert [n.kind for n in one.notifications] == [NotificationKind.OPENED, NotificationKind.HELD]
    one.run("gateway")
    one.succeed("gateway")
    assert one.of(r.HoldReleased)
    one.crash("gateway")
    assert len(one.started) == 1


def test_a_restart_by_hand_opens_nothing(one: World) -> None:
    """kill, die, start within a second is somebody's work, not an incident."""
    one.stopped_by_hand("gateway")
    one.fail("gateway", Reason.REFUSED, times=1)
    one.run("gateway")
    one.succeed("gateway")
    assert not one.of(r.IncidentOpened)
    assert not one.started


def test_paused_through_docker_is_held_and_unpaused_is_looked_at_afresh(one: World) -> None:
    """Timeouts of a paused container are no evidence against the one that runs again."""
    one.see("gateway", RunState.PAUSED)
    one.fail("gateway", Reason.TIMEOUT, times=5)
    assert not one.started
    one.see("gateway", RunState.RUNNING)
    assert not one.started
    one.succeed("gateway")
    assert one.health("gateway") is Health.UP


def test_a_quiet_exit_that_nobody_saw_is_held() -> None:
    """While the watchdog was away, and Docker has forgotten it: a person's stop cannot be told from a crash."""
    world = World(policy(dependency("gateway")), running=False)
    world.see("gateway", RunState.EXITED, exit_code=0, whole_since=None)
    world.fail("gateway", Reason.REFUSED, times=5)
    assert not world.started


def test_a_crash_that_waits_for_its_backoff_survives_a_kill_of_the_daemon() -> None:
    """Docker remembers that nobody ordered it: it is acted on when the backoff ends."""
    world = World(policy(dependency("gateway", grace=0.0)))
    world.crash("gateway", 137)
    world.finish()
    world.crash("gateway", 137)
    assert len(world.started) == 1
    died = world.event("gateway", "die")
    world.kill_daemon()
    world.see("gateway", RunState.EXITED, past=[died], exit_code=137)
    assert not world.engine.durable.holds
    world.wait(30.0)
    assert len(world.started) == 2


def test_a_person_who_stops_what_we_could_not_heal_is_respected() -> None:
    """Neither an open incident, nor attempts of ours, nor a daemon that was away make it ours to start."""
    world = World(policy(dependency("gateway", grace=0.0)))
    world.fail("gateway")
    world.finish()
    world.fail("gateway", times=8)
    world.kill_daemon()
    world.pass_time(5.0)
    past = [world.event("gateway", "kill", 15), world.event("gateway", "die")]
    ordered = len(world.started)
    world.see("gateway", RunState.EXITED, past=past, exit_code=143)
    world.wait(600.0)
    assert "signal 15" in world.engine.durable.holds[Target(CONTAINER, "c-gateway")].what
    assert len(world.started) == ordered


def test_a_stop_while_our_restart_was_lost_with_the_daemon_is_a_persons() -> None:
    """Whether our order reached Docker nobody knows; what is in doubt is left to people."""
    world = World(policy(dependency("gateway", grace=0.0)))
    world.fail("gateway")
    world.pass_time(0.5)
    past = [world.event("gateway", "kill", 15), world.event("gateway", "die")]
    world.kill_daemon()
    world.see("gateway", RunState.EXITED, past=past, exit_code=143)
    world.wait(600.0)
    assert len(world.started) == 1
    assert world.engine.durable.holds


def test_our_own_restart_that_broke_off_halfway_is_not_a_person() -> None:
    """Docker stopped it for us and could not start it: the next attempt may."""
    world = World(policy(dependency("gateway", grace=0.0)))
    world.fail("gateway")
    world.pass_time(0.5)
    past = [world.event("gateway", "kill", 15), world.event("gateway", "die")]
    world.see("gateway", RunState.EXITED, past=past, exit_code=143)
    world.finish(ActionOutcome.FAILED)
    world.kill_daemon()
    world.see("gateway", RunState.EXITED, past=past, exit_code=143)
    assert not world.engine.durable.holds
    world.wait(30.0)
    assert len(world.started) == 2


@pytest.mark.parametrize("outcome", [ActionOutcome.REFUSED, ActionOutcome.TIMED_OUT, ActionOutcome.UNKNOWN])
def test_a_stop_during_an_order_that_may_not_have_reached_docker_is_a_persons(outcome: ActionOutcome) -> None:
    """A Docker that stalls: our order hung, a person stopped the container, and only then it went on."""
    world = World(policy(dependency("gateway", grace=0.0)))
    world.fail("gateway")
    world.pass_time(2.0)
    world.stopped_by_hand("gateway")
    assert not world.engine.durable.holds
    world.finish(outcome)
    world.wait(600.0)
    assert len(world.started) == 1
    assert "stopped the container" in world.engine.durable.holds[Target(CONTAINER, "c-gateway")].what


def test_what_a_person_stops_right_after_our_restart_is_theirs() -> None:
    """Our restart ended the run before; only somebody else can have ended the new one."""
    world = World(policy(dependency("gateway", grace=0.0)))
    world.fail("gateway")
    world.pass_time(0.2)
    world.run("gateway")
    world.pass_time(0.2)
    world.stopped_by_hand("gateway")
    world.finish(restarted=False)
    world.wait(600.0)
    assert len(world.started) == 1
    assert world.engine.durable.holds


def test_a_person_who_is_about_to_stop_it_goes_first(one: World) -> None:
    """A signal was sent and the container still runs: no restart comes between; later it may."""
    one.send(ev.ContainerActed(one.event("gateway", "kill", 15)))
    one.fail("gateway", times=5)
    assert not one.started
    (told,) = one.told(NotificationKind.HELD)
    assert "somebody is stopping" in told.body
    one.wait(signals.A_STOP_TAKES.total_seconds())
    one.fail("gateway")
    assert len(one.started) == 1


def test_what_cannot_be_seen_for_a_moment_only_is_told_to_nobody(one: World) -> None:
    """A minute of blindness is told; a Docker that is slow for half of one is not, and the next time counts anew."""
    for _ in range(3):
        one.fail("gateway", Reason.DOCKER_UNREACHABLE, times=40)
        one.succeed("gateway")
    assert one.health("gateway") is Health.UP
    assert not one.notifications


def test_the_images_own_stop_signal_is_a_stop() -> None:
    """Such as WINCH, which httpd is stopped by; for others it is harmless."""
    world = World(policy(dependency("httpd", grace=0.0), dependency("gateway", grace=0.0)))
    for name, stop_signal in (("httpd", 28), ("gateway", 15)):
        past = [world.event(name, "kill", 28), world.event(name, "die")]
        world.see(name, RunState.EXITED, past=past, exit_code=0, stop_signal=stop_signal)
    assert set(world.engine.durable.holds) == {Target(CONTAINER, "c-httpd")}
    assert [request.dependency for _, request in world.started] == ["gateway"]


def test_a_signal_that_was_long_ago_did_not_end_it(one: World) -> None:
    """A TERM that the program ignored is no reason to leave its crash alone the next day."""
    ignored = one.event("gateway", "kill", 15)
    one.send(ev.ContainerActed(ignored))
    one.pass_time(86400.0)
    died = one.event("gateway", "die")
    one.see("gateway", RunState.EXITED, past=[ignored, died], finished_at=one.utc, exit_code=1)
    assert len(one.started) == 1


def test_a_container_that_was_only_created_is_somebodys_work(one: World) -> None:
    """`docker compose up` creates first and starts then."""
    one.see("gateway", RunState.CREATED)
    one.fail("gateway", Reason.REFUSED, times=10)
    assert not one.started
    one.run("gateway")
    one.succeed("gateway")
    assert not one.engine.durable.holds


def test_two_names_for_one_container_are_restarted_once() -> None:
    """One action at a time, and one budget, are the container's: a second name or a new one doubles neither."""
    fix = remedy(budget=Budget(1, 600.0))
    world = World(
        policy(dependency("a", container="c-a", grace=0.0), dependency("b", container="c-a", grace=0.0), fix=fix),
        running=False,
        proven=True,
    )
    world.run("a", age=60.0)
    for _ in range(4):
        world.fail("a", times=1)
        world.fail("b", times=1)
    assert len(world.started) == 1
    world.finish()
    for _ in range(60):
        world.fail("a", times=1)
        world.fail("b", times=1)
    assert len(world.started) == 1
    world.send(ev.PolicyChanged(policy(dependency("renamed", container="c-a", grace=0.0), fix=fix)))
    world.run("a", age=60.0)
    world.succeed("renamed")
    world.fail("renamed", times=30)
    assert world.health("renamed") is Health.DOWN
    assert len(world.started) == 1


def test_an_oom_kill_that_nobody_saw_is_a_fault() -> None:
    """Nobody runs out of memory on purpose."""
    world = World(policy(dependency("gateway")), running=False)
    world.see("gateway", RunState.EXITED, exit_code=137, oom_killed=True)
    assert len(world.started) == 1


def test_while_docker_restarts_it_we_wait(one: World) -> None:
    """Docker's own restart policy is not fought."""
    one.see("gateway", RunState.RESTARTING)
    one.fail("gateway", Reason.REFUSED, times=10)
    assert not one.started


def test_docker_unreachable_holds_every_action(one: World) -> None:
    """Without Docker's eyes there is no acting."""
    one.see("gateway", RunState.UNREACHABLE, detail="no answer")
    one.fail("gateway", times=10)
    assert not one.started
    decision = one.engine.decision("gateway", one.now)
    assert decision is not None
    assert decision.gate is Gate.BLIND


def test_a_child_that_fails_with_its_parent_is_one_incident_and_is_not_restarted(two: World) -> None:
    """The gateway is confirmed first, and still the root is postgres."""
    two.fail("gateway", times=3)
    assert not two.of(r.IncidentOpened)
    assert "postgres" in two.soon
    two.fail("postgres", Reason.REFUSED, times=3)
    two.fail("gateway", times=10)
    assert len(two.of(r.IncidentOpened)) == 1
    (incident,) = two.engine.durable.open()
    assert incident.root == "postgres"
    assert set(incident.members) == {"postgres", "gateway"}
    assert [request.dependency for _, request in two.started] == ["postgres"]
    two.finish()
    two.succeed("postgres")
    two.succeed("gateway")
    assert not two.engine.durable.open()
    assert len(two.started) == 1


def test_a_child_that_stays_broken_after_its_parent_gets_its_own_restart(two: World) -> None:
    """After the grace that follows the parent's recovery."""
    two.crash("postgres")
    two.fail("gateway", times=3)
    two.finish()
    two.succeed("postgres")
    two.fail("gateway", times=5)
    assert len(two.started) == 1
    for _ in range(10):
        two.fail("gateway", times=1)
        two.succeed("postgres", times=1)
    assert [request.dependency for _, request in two.started] == ["postgres", "gateway"]


def test_a_child_fails_alone_when_its_parent_has_been_seen_well_since(two: World) -> None:
    """A fresh good look at the parent opens the gate."""
    two.fail("gateway", times=3)
    assert not two.started
    two.succeed("postgres", times=1)
    assert [request.dependency for _, request in two.started] == ["gateway"]


def test_a_root_found_late_takes_the_incident_over(two: World) -> None:
    """The gateway's incident becomes the database's when the database turns out to be down."""
    two.fail("gateway", times=3)
    two.succeed("postgres", times=1)
    two.finish()
    two.fail("postgres", times=3)
    (incident,) = two.engine.durable.open()
    assert incident.root == "postgres"
    assert len(two.of(r.IncidentOpened)) == 1


def test_a_cured_password_does_not_hide_the_parent(two: World) -> None:
    """A parent that cannot be seen holds its child: nobody knows whether a restart would help."""
    two.fail("postgres", Reason.AUTH_FAILED, times=3)
    two.fail("gateway", times=10)
    assert not two.started


def never_healthy(world: World, rounds: int) -> list[float]:
    """Every restart is carried out and helps nothing; the times of the attempts."""
    for _ in range(rounds):
        if world.pending:
            world.finish()
        world.fail("gateway", times=5)
        world.wait(20.0)
    return [at for at, _ in world.started]


def test_attempts_are_spaced_by_growing_backoff_and_end_in_one_escalation() -> None:
    """Three attempts, then a person, then nothing."""
    steps = (replace(RESTART, verify_within=2.0), EscalateStep("lead"))
    world = World(policy(dependency("gateway", grace=0.0), fix=remedy(*steps)))
    world.fail("gateway", times=3)
    for _ in range(200):
        if world.pending:
            world.finish()
        world.fail("gateway", times=1)
    times = [at for at, _ in world.started]
    assert len(times) == 3
    first, second = times[1] - times[0], times[2] - times[1]
    assert 4.0 <= first <= 8.0
    assert 8.0 <= second <= 14.0
    assert len(world.told(NotificationKind.ESCALATED)) == 1
    assert world.told(NotificationKind.ESCALATED)[0].contacts == ("lead",)


def test_the_budget_ends_it_and_nothing_more_happens() -> None:
    """Not even when the window has slid past the attempts."""
    world = World(policy(dependency("gateway", grace=0.0), fix=remedy(budget=Budget(2, 600.0))))
    world.fail("gateway", times=3)
    times = never_healthy(world, 200)
    assert len(times) == 2
    (told,) = world.told(NotificationKind.ESCALATED)
    assert "budget" in told.body


def test_kill_minus_nine_forgets_nothing() -> None:
    """Budget, backoff and incident go on; the action in flight is looked at, not repeated."""
    world = World(policy(dependency("gateway", grace=0.0), fix=remedy(budget=Budget(2, 3600.0))))
    world.fail("gateway", times=3)
    assert len(world.started) == 1
    world.kill_daemon()
    (ended,) = world.of(r.ActionEnded)
    assert isinstance(ended, r.ActionEnded)
    assert ended.outcome == ActionOutcome.UNKNOWN
    world.run("gateway")
    world.fail("gateway", times=3)
    assert len(world.started) == 1
    for _ in range(100):
        if world.pending:
            world.finish()
        world.fail("gateway", times=1)
        world.kill_daemon()
        world.see("gateway", RunState.RUNNING)
        world.fail("gateway", times=3)
    assert len(world.started) == 2
    assert len(world.of(r.IncidentOpened)) == 1
    assert len(world.told(NotificationKind.ESCALATED)) == 1


def test_a_jump_of_the_wall_clock_moves_no_backoff_and_refills_no_budget() -> None:
    """Only the monotonic clock counts."""
    world = World(policy(dependency("gateway", grace=0.0), fix=remedy(budget=Budget(1, 600.0))))
    world.fail("gateway", times=3)
    world.finish()
    world.utc += timedelta(days=2)
    world.fail("gateway", times=100)
    assert len(world.started) == 1


def test_a_recurrence_reopens_the_same_incident_with_its_backoff() -> None:
    """It came back is not it is fixed."""
    world = World(policy(dependency("gateway", grace=0.0)))
    world.crash("gateway")
    world.finish()
    world.succeed("gateway")
    world.crash("gateway")
    assert len(world.started) == 1
    assert len(world.of(r.IncidentOpened)) == 1
    assert len(world.of(r.IncidentReopened)) == 1
    world.wait(10.0)
    assert len(world.started) == 2


def test_paused_means_no_new_actions_until_resumed(one: World) -> None:
    """The kill switch outlives a restart of the daemon."""
    one.send(ev.PauseAsked("*", "deploying", "ops"))
    one.crash("gateway")
    assert not one.started
    one.kill_daemon()
    one.see("gateway", RunState.EXITED, exit_code=1)
    assert not one.started
    one.send(ev.ResumeAsked("*", "ops"))
    assert len(one.started) == 1


def test_a_pause_with_an_end_ends_by_itself(one: World) -> None:
    """The engine asks to be woken at the end of the pause."""
    one.send(ev.PauseAsked("gateway", "deploying", "ops", 60.0))
    one.crash("gateway")
    one.wait(59.0)
    assert not one.started
    one.wait(2.0)
    assert len(one.started) == 1


def test_one_action_at_a_time() -> None:
    """The second waits until the first has ended."""
    world = World(policy(dependency("a"), dependency("b"), limits=Limits(concurrent_actions=1)))
    world.crash("a")
    world.crash("b")
    assert [request.dependency for _, request in world.started] == ["a"]
    world.finish()
    assert [request.dependency for _, request in world.started] == ["a", "b"]


@pytest.mark.parametrize(("autonomy", "verdict"), [(Autonomy.OBSERVE, Verdict.REFUSE), (Autonomy.SUGGEST, Verdict.ASK)])
def test_autonomy_is_a_ceiling(autonomy: Autonomy, verdict: Verdict) -> None:
    """Observe refuses; suggest asks a person once."""
    world = World(policy(dependency("gateway", autonomy=autonomy)))
    world.crash("gateway")
    world.fail("gateway", times=10)
    assert not world.started
    decision = world.engine.decision("gateway", world.now)
    assert decision is not None
    assert decision.verdict is verdict
    assert len(world.told(NotificationKind.SUGGESTED)) == (1 if autonomy is Autonomy.SUGGEST else 0)


def test_without_a_journal_nothing_is_done(one: World) -> None:
    """An intent that cannot be written is not carried out."""
    one.send(ev.JournalChanged("disk full"))
    one.crash("gateway")
    assert not one.started
    one.send(ev.JournalChanged(""))
    assert len(one.started) == 1


def test_with_a_damaged_journal_nothing_is_done_and_on_call_is_told(one: World) -> None:
    """Once, with what to do; then once more, when a person has let it go on, by whom and why."""
    one.send(ev.JournalChanged("the journal x is damaged: record 3 is missing", damaged=True))
    one.crash("gateway")
    assert not one.started
    decision = one.engine.decision("gateway", one.now)
    assert decision is not None
    assert (decision.gate, decision.value) == (Gate.JOURNAL, "the journal x is damaged: record 3 is missing")
    (damaged,) = one.told(NotificationKind.JOURNAL)
    assert (damaged.contacts, damaged.severity, damaged.root) == (("on-call", "lead"), Severity.SEV1, "nemo-watchdog")
    assert damaged.body.startswith("The journal x is damaged: record 3 is missing.")
    one.send(ev.JournalAccepted("I have looked", "ops", "record 3 is missing"))
    assert not one.started
    one.send(ev.JournalChanged(""))
    assert len(one.started) == 1
    (accepted,) = one.told(NotificationKind.JOURNAL_ACCEPTED)
    assert "ops lets it go on from what can be read: I have looked." in accepted.body
    assert accepted.key != damaged.key
    assert accepted.thread == damaged.thread


def test_a_reload_keeps_the_incident_the_budget_and_the_backoff(one: World) -> None:
    """Only what the new policy says changes."""
    one.crash("gateway")
    one.finish(ActionOutcome.FAILED)
    one.send(ev.PolicyChanged(policy(dependency("gateway", interval=5.0), fix=remedy(budget=Budget(1, 3600.0)))))
    assert one.engine.durable.open()
    one.see("gateway", RunState.EXITED, exit_code=1)
    one.wait(30.0)
    assert len(one.started) == 1
    assert len(one.told(NotificationKind.ESCALATED)) == 1


def test_severity_rises_and_never_silently_falls() -> None:
    """One of two down is SEV2; both are SEV1; one again stays SEV1."""
    world = World(policy(dependency("a", remedy=None), dependency("b", needs=["a"], remedy=None)))
    world.fail("a")
    (incident,) = world.engine.durable.open()
    assert str(incident.severity) == "SEV2"
    world.fail("b")
    assert str(incident.severity) == "SEV1"
    assert len(world.told(NotificationKind.SEVERITY_CHANGED)) == 1
    world.succeed("b")
    assert str(incident.severity) == "SEV1"


def test_in_the_startup_grace_only_an_exit_counts() -> None:
    """Refused while starting is starting."""
    world = World(policy(dependency("gateway", grace=60.0)))
    world.run("gateway")
    world.fail("gateway", Reason.REFUSED, times=20)
    assert world.health("gateway") is Health.STARTING
    assert not world.started
    world.crash("gateway")
    assert len(world.started) == 1


def test_the_grace_ends(one: World) -> None:
    """What never answers within its grace is down."""
    one.run("gateway")
    one.fail("gateway", Reason.REFUSED, times=15)
    assert one.health("gateway") is Health.DOWN


def test_the_detail_of_a_failure_reaches_people(one: World) -> None:
    """What happened, what was done, what happens next."""
    one.look("gateway", failed(Reason.WRONG_STATUS, "HTTP 500 instead of 200"), times=3)
    opened = one.told(NotificationKind.OPENED)[0]
    assert "HTTP 500 instead of 200" in opened.body
    assert opened.title == "[SEV1] gateway is down"
