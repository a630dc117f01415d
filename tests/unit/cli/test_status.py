"""`nemo-watchdog status`: how the platform is, for people and for programs."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from nemo_watchdog import __version__
from nemo_watchdog.cli import client
from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import Reason, Severity, failed
from nemo_watchdog.policy.cron import Cron
from nemo_watchdog.policy.policy import Limits, Storm
from nemo_watchdog.policy.windows import MaintenanceWindow
from tests.unit.cli.calling import Call, StandIn, status_of
from tests.unit.engine.world import World, dependency, policy

PAIR = ("redis-a", "redis-b")


@pytest.fixture
def world() -> World:
    return World(policy(dependency("postgres"), dependency("gateway", needs=["postgres"])))


def test_all_well_is_0(call: Call, daemon: StandIn, world: World) -> None:
    """Every dependency, and what may still be done."""
    daemon.body = status_of(world)
    result = call("status", "--listen", daemon.listen)
    assert (result.code, result.err) == (0, "")
    assert daemon.asked == [("GET", "/api/v1/status", None)]
    for word in ("postgres", "gateway", "2 up", "autonomy act", "total 10/10"):
        assert word in result.out


def test_an_open_incident_is_1_and_is_explained(call: Call, daemon: StandIn, world: World) -> None:
    """What is down, why, what was decided, and who else is affected."""
    world.crash("postgres")
    world.fail("gateway", Reason.REFUSED)
    daemon.body = status_of(world)
    result = call("status", "--listen", daemon.listen)
    assert result.code == 1
    assert "exited: container exited with code 1" in result.out
    assert "wait (upstream): it needs postgres" in result.out
    assert "SEV1 Complete outage: postgres and 1 more since " in result.out
    assert "1 action, rule outage; affected: postgres and gateway (2 of 2 core)\n" in result.out


def test_what_a_person_declared_is_1_and_stands_with_the_incidents(call: Call, daemon: StandIn, world: World) -> None:
    """Of the dependency that it names, too, and of no other."""
    world.send(ev.DeclareAsked("it is [red]slow\x1b[2J", Severity.SEV3, "gateway", "ada"))
    (incident,) = world.engine.durable.declared
    world.send(ev.AcknowledgeAsked(incident, "bob", 3600.0))
    daemon.body = status_of(world)
    result = call("status", "--utc", "--listen", daemon.listen)
    assert result.code == 1
    shown = "SEV3 Minor issue: it is [red]slow\\x1b[2J"
    rest = f"{incident}, reported of gateway by ada since 12:00:06 (0s); taken by bob until 13:00:06; told: on-call"
    assert f"{shown}\n  {rest}\n" in result.out
    result = call("status", "gateway", "--utc", "--listen", daemon.listen)
    assert result.code == 1
    assert f"declared     {shown}; {rest}\n" in result.out
    result = call("status", "postgres", "--listen", daemon.listen)
    assert (result.code, "declared" in result.out) == (0, False)


def test_who_has_taken_an_incident_is_said(call: Call, daemon: StandIn, world: World) -> None:
    """Until when, where that has an end."""
    world.crash("postgres")
    world.send(ev.AcknowledgeAsked(world.engine.durable.open()[0].incident, "bob"))
    daemon.body = status_of(world)
    assert "rule down; taken by bob; affected: " in call("status", "--listen", daemon.listen).out


def test_an_older_daemon_tells_nothing_of_what_people_say(call: Call, daemon: StandIn, world: World) -> None:
    """Its answer is read all the same."""
    world.crash("postgres")
    daemon.body = status_of(world)
    del daemon.body["declared"], daemon.body["incidents"][0]["acknowledged"]
    result = call("status", "--listen", daemon.listen)
    assert (result.code, result.err) == (1, "")
    assert "rule down; affected: " in result.out


def test_what_stands_in_for_each_other_is_counted(call: Call, daemon: StandIn) -> None:
    """As people say it, also where something waits for it."""
    world = World(policy(dependency("redis-a"), dependency("redis-b"), dependency("gateway", needs=[PAIR])))
    daemon.body = status_of(world)
    assert (
        "redundancy: redis-a or redis-b: 2 of 2 serve, at least 1 must" in call("status", "--listen", daemon.listen).out
    )
    for name in ("redis-a", "redis-b", "gateway"):
        world.fail(name, Reason.REFUSED)
    daemon.body = status_of(world)
    out = call("status", "--listen", daemon.listen).out
    assert "redundancy: redis-a or redis-b: 0 of 2 serve, at least 1 must" in out
    assert "it needs redis-a or redis-b" in out


def test_planned_maintenance_is_said_beside_the_health(call: Call, daemon: StandIn, world: World) -> None:
    """Of what, and until when."""
    window = MaintenanceWindow("backup", Cron("0 12 * * *"), 1800.0, frozenset({"postgres"}))
    world.send(ev.PolicyChanged(replace(world.engine.policy, maintenance=(window,))))
    world.crash("postgres")
    daemon.body = status_of(world)
    result = call("status", "--utc", "--listen", daemon.listen)
    assert result.code == 0
    assert "planned maintenance: backup until 12:30:00, of postgres\n" in result.out
    assert "down      postgres maintenance  exited" in result.out


def test_pauses_a_bad_reload_and_a_full_disk_are_said(call: Call, daemon: StandIn, world: World) -> None:
    """Whatever keeps the watchdog from acting as the policy says."""
    world.send(ev.PauseAsked("*", "deploying", "ops", 60.0))
    world.send(ev.JournalChanged("disk full"))
    daemon.body = status_of(world, "policy.yaml:3:5: there is no probe https")
    out = call("status", "--utc", "--listen", daemon.listen).out
    assert "paused: everything until 12:01:" in out
    assert "by ops: deploying" in out
    assert "policy not reloaded: policy.yaml:3:5: there is no probe https" in out
    daemon.body["policy"]["unused_labels"] = ["container web: label nemo-watchdog.url: missing"]
    out = call("status", "--utc", "--listen", daemon.listen).out
    assert "label not used: container web: label nemo-watchdog.url: missing" in out
    assert "nothing is done, for the journal cannot be trusted or written: disk full" in out


def test_a_storm_stands_above_everything(call: Call, daemon: StandIn) -> None:
    """Who is woken by it reads first that it is one."""
    names = ("postgres", "redis", "gateway")
    world = World(policy(*(dependency(name) for name in names), limits=Limits(storm=Storm())))
    for name in names:
        world.fail(name, Reason.REFUSED)
    daemon.body = status_of(world)
    lines = call("status", "--utc", "--listen", daemon.listen).out.splitlines()
    assert lines[1].startswith("storm: 3 of 3 fail together since 12:00:")
    told = call("status", "--json", "--listen", daemon.listen).out
    assert json.loads(told)["storm"]["failing"] == 3


def test_what_others_wrote_is_no_command_to_the_terminal(call: Call, daemon: StandIn, world: World) -> None:
    """Shown as it can be printed, also when an older daemon has let it in; for a program it is as it was."""
    world.send(ev.PauseAsked("*", "x\x1b[2J\x1b]0;owned\x07\x9b1m\r\n\u202egone", "a\x1b[31mb", None))
    daemon.body = status_of(world)
    out = call("status", "--listen", daemon.listen).out
    assert all(char.isprintable() or char == "\n" for char in out)
    assert "by a\\x1b[31mb: x\\x1b[2J" in out
    assert "\\u001b[2J" in call("status", "--json", "--listen", daemon.listen).out


def test_what_a_probe_says_is_no_markup(call: Call, daemon: StandIn, world: World) -> None:
    """Brackets are printed, not interpreted."""
    world.look("gateway", failed(Reason.WRONG_ANSWER, "it said [/end] and [bold]x"), times=3)
    world.succeed("postgres", times=1)
    daemon.body = status_of(world)
    assert "it said [/end] and [bold]x" in call("status", "--listen", daemon.listen).out


def test_what_flaps_says_so_beside_its_health(call: Call, daemon: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a narrow terminal as well, and for programs."""
    monkeypatch.setenv("COLUMNS", "80")
    world = World(policy(dependency("postgres", remedy=None), dependency("gateway", needs=["postgres"])))
    for _ in range(3):
        world.look("postgres", failed(Reason.REFUSED, "connection refused"), times=3)
        world.succeed("postgres")
    daemon.body = status_of(world)
    out = call("status", "--listen", daemon.listen).out
    assert len([line for line in out.splitlines() if "up        postgres flapping" in line]) == 1
    answer = json.loads(call("status", "--json", "--listen", daemon.listen).out)
    assert {name: each["flapping"] for name, each in answer["dependencies"].items()} == {
        "postgres": True,
        "gateway": False,
    }


def test_a_narrow_terminal_cuts_nothing_off(call: Call, daemon: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that only differ at their ends are told apart at 80 columns."""
    names = [f"postgres-of-the-reporting-service-{number}" for number in (1, 2)]
    world = World(policy(*map(dependency, names)))
    world.look(names[0], failed(Reason.GPU_APPLICATION_ERROR, "GRAPHICS_ENGINE_EXCEPTION"), times=3)
    daemon.body = status_of(world)
    monkeypatch.setenv("COLUMNS", "80")
    out = call("status", "--listen", daemon.listen).out
    assert max(map(len, out.splitlines())) <= 80
    assert "…" not in out
    assert "service-1" in out
    assert "service-2" in out


def test_json_is_the_daemon_s_own_answer(call: Call, daemon: StandIn, world: World) -> None:
    """With the same exit code."""
    world.crash("postgres")
    daemon.body = status_of(world)
    result = call("status", "--listen", daemon.listen, "--json")
    assert result.code == 1
    assert result.json() == daemon.body


def test_the_address_can_come_from_the_environment(
    call: Call, daemon: StandIn, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for the daemon."""
    monkeypatch.setenv("NEMO_WATCHDOG_LISTEN", daemon.listen)
    daemon.body = status_of(world)
    assert call("status").code == 0


def test_nobody_there_is_3(call: Call, nobody: str) -> None:
    """With the address, and what to do."""
    result = call("status", "--listen", nobody)
    assert (result.code, result.out) == (3, "")
    assert f"no daemon answers at {nobody}" in result.err
    assert "--listen" in result.err


@pytest.mark.parametrize("body", [b"<html>hello</html>", b"", b"\xff\xfe", [1, 2]])
def test_somebody_else_there_is_3(call: Call, daemon: StandIn, body: object) -> None:
    """Another program on that port is not a daemon, and not a traceback."""
    daemon.body = body
    result = call("status", "--listen", daemon.listen)
    assert (result.code, result.out) == (3, "")
    assert "Traceback" not in result.err


@pytest.mark.parametrize("listen", ["127.0.0.1:port", "no address", "127.0.0.1:99999", "[::1"])
def test_an_address_that_is_none_is_3(call: Call, listen: str) -> None:
    """Said, not raised."""
    result = call("status", "--listen", listen)
    assert result.code == 3
    assert f"no daemon answers at {listen}" in result.err


def test_a_daemon_that_refuses_is_1(call: Call, daemon: StandIn) -> None:
    """With its own words."""
    daemon.code = 500
    daemon.body = {"type": "about:blank", "title": "Internal Server Error", "status": 500, "detail": "broken"}
    result = call("status", "--listen", daemon.listen)
    assert (result.code, result.err) == (1, "the daemon refused: broken\n")


def test_a_refusal_of_an_older_daemon_is_said_as_it_came(call: Call, daemon: StandIn) -> None:
    """Those of 0.1.0 have another shape."""
    daemon.code, daemon.body = 500, {"error": "broken"}
    assert call("status", "--listen", daemon.listen).err == 'the daemon refused: {"error": "broken"}\n'


def test_what_a_newer_daemon_adds_does_not_matter(call: Call, daemon: StandIn, world: World) -> None:
    """A field or a word that this command does not know; `--json` prints it all the same."""
    daemon.body = status_of(world, weather="fine")
    daemon.body["dependencies"]["gateway"] |= {"health": "asleep", "mood": "good"}
    result = call("status", "--listen", daemon.listen)
    assert (result.code, result.err) == (0, "")
    assert "asleep" in result.out
    assert call("status", "--listen", daemon.listen, "--json").json() == daemon.body


def test_what_an_older_daemon_does_not_say_has_a_default(call: Call, daemon: StandIn, world: World) -> None:
    """0.1.0 explains nothing."""
    daemon.body = status_of(world)
    for each in daemon.body["dependencies"].values():
        del each["explain"]
    assert call("status", "--listen", daemon.listen).code == 0


@pytest.mark.parametrize("option", [(), ("--json",), ("--watch",)])
def test_an_answer_of_another_version_is_3_and_names_both(
    call: Call, daemon: StandIn, world: World, option: tuple[str, ...]
) -> None:
    """A field that is missing and one of another type are said by name, not raised."""
    daemon.body = status_of(world, version="9.0.0")
    del daemon.body["dependencies"]["gateway"]["health"]
    daemon.body["budgets"]["total"]["remaining"] = "ten"
    result = call("status", "--listen", daemon.listen, *option)
    assert (result.code, result.out) == (3, "")
    assert f"is 9.0.0, this command is {__version__}" in result.err
    assert "dependencies.gateway.health: Field required" in result.err
    assert "budgets.total.remaining: Input should be a valid integer" in result.err


def test_no_proxy_hears_of_it(
    call: Call, daemon: StandIn, world: World, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon is asked directly, whatever the environment says about the Internet."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://{nobody}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    daemon.body = status_of(world)
    assert call("status", "--listen", daemon.listen).code == 0


def test_a_daemon_that_does_not_answer_in_time_is_3(
    call: Call, nobody_answers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command ends."""
    monkeypatch.setattr(client, "TIMEOUT", 0.05)
    assert call("status", "--listen", nobody_answers).code == 3


def test_watching_outlives_a_daemon_that_is_started_anew(
    call: Call, daemon: StandIn, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was seen last stays in sight, with a word that it is old; then it goes on."""
    good = status_of(world)
    answers = iter([b"<html>502</html>", good | {"autonomy": "observe"}])
    daemon.body = good

    def sleep(_seconds: float) -> None:
        try:
            daemon.body = next(answers)
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr("nemo_watchdog.cli.status.time.sleep", sleep)
    result = call("status", "--watch", "--listen", daemon.listen)
    assert (result.code, result.err) == (0, "")
    assert len(daemon.asked) == 3
    assert "autonomy observe" in result.out


def test_one_dependency_is_shown_in_full(call: Call, daemon: StandIn, world: World) -> None:
    """For programs as well; what there is not is said with what there is."""
    world.crash("postgres")
    daemon.body = status_of(world)
    result = call("status", "gateway", "--listen", daemon.listen)
    assert result.code == 0
    assert call("status", "postgres", "--listen", daemon.listen).code == 1
    assert "container    c-gateway running" in result.out
    assert call("status", "gateway", "--json", "--listen", daemon.listen).json()["container"] == "c-gateway"
    missing = call("status", "gatway", "--listen", daemon.listen)
    assert (missing.code, missing.out) == (2, "")
    assert missing.err == "there is no dependency gatway: there are postgres, gateway\n"


def test_one_answer_cannot_be_many(call: Call, daemon: StandIn) -> None:
    """Said before anything is asked."""
    result = call("status", "--json", "--watch", "--listen", daemon.listen)
    assert result.code == 2
    assert "--watch is many" in result.err
    assert not daemon.asked
