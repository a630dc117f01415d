"""The status on a screen: what matters is in sight whatever its size, problems first, each said once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from rich.cells import cell_len

from nemo_watchdog.cli.page import Screen, page
from nemo_watchdog.cli.page_of_one import page_of_one
from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import Autonomy, Reason, RunState, failed
from nemo_watchdog.people_views import RotaView, SwapView
from nemo_watchdog.policy.policy import Dependency
from nemo_watchdog.views import StatusView, TroubleView
from tests.unit.engine.world import World, dependency, policy
from tests.unit.statuses import seen

SMALL, LARGE = Screen(80, 23, UTC), Screen(120, 39, UTC)
SOCKET = "cannot connect to the Docker socket /var/run/docker.sock: No such file or directory"
NAMES = ("postgres", "redis", "gateway", "gemma", "qwen", "gpu-0", "gpu-1", "disk", "alerts", "site", "mail", "users")


def platform() -> World:
    """Twelve, of which one needs two."""
    needs = {"gateway": ["postgres", "redis"]}
    return World(policy(*(dependency(name, needs=needs.get(name, [])) for name in NAMES)))


def shown(view: StatusView, screen: Screen = SMALL) -> list[str]:
    lines = [line.plain for line in page(view, screen)]
    assert max(map(cell_len, lines)) <= screen.columns
    assert screen.lines is None or len(lines) <= screen.lines
    return lines


def test_all_well_is_three_lines_and_the_names() -> None:
    """Nothing stands out, because nothing is wrong."""
    lines = shown(seen(platform()), LARGE)
    assert lines[0] == "12:00:36 UTC  12 dependencies: 12 up  autonomy act"
    assert lines[1].startswith("up        postgres, redis, gateway")
    assert lines[-1] == "actions left: total 10/10"


def test_where_nothing_is_watched_that_is_said() -> None:
    """With nothing to count."""
    lines = shown(seen(World(policy())))
    assert lines[0] == "12:00:00 UTC  0 dependencies  autonomy act"


def test_one_error_of_all_is_said_once() -> None:
    """Without Docker each dependency says the same; the names stand together, and the cause above them."""
    world = platform()
    for name in NAMES:
        world.see(name, RunState.UNREACHABLE, detail=SOCKET)
        world.look(name, failed(Reason.DOCKER_UNREACHABLE, SOCKET), times=4)
    trouble = TroubleView("Docker does not answer and nothing is restarted", SOCKET, "2026-01-05T11:59:00+00:00")
    lines = shown(replace(seen(world), troubles=(trouble,)))
    assert lines[1].startswith("Docker does not answer and nothing is restarted, since 11:59:00: cannot connect")
    assert len([line for line in lines if "docker_unreachable" in line]) == 1
    assert all(name in " ".join(lines) for name in NAMES)


def test_what_is_wrong_stands_before_what_is_well() -> None:
    """The incident, its members, what is decided, and then the rest."""
    world = platform()
    world.crash("postgres")
    world.fail("gateway", Reason.REFUSED)
    lines = shown(seen(world))
    assert lines[1].startswith("SEV2 Major degradation: postgres and 1 more since ")
    assert lines[3].startswith("down      postgres  exited: container exited with code 1 → wait (in_flight):")
    assert lines[5].startswith("down      gateway   refused: test: refused → wait (upstream): it needs postgres")
    assert lines[7].startswith("up        redis, ")


def test_what_is_down_stands_before_what_is_up_and_only_left_alone() -> None:
    """A small screen has no room for both."""
    world = platform()
    world.fail("gateway", Reason.REFUSED)
    view = seen(world)
    held = replace(view.dependencies["redis"], held="somebody stopped it")
    lines = shown(
        replace(view, dependencies={"redis": held, **{k: v for k, v in view.dependencies.items() if k != "redis"}})
    )
    places = [
        next(at for at, line in enumerate(lines) if line.startswith(begin)) for begin in ("down  ", "up        redis")
    ]
    assert places == sorted(places)


def test_a_wait_says_when_it_ends() -> None:
    """In the reader's own time."""
    world = platform()
    world.send(ev.PauseAsked("postgres", "deploying", "ops", 600.0))
    world.crash("postgres")
    view = seen(world)
    assert any("wait (pause) until 12:10:36" in line for line in shown(view, LARGE))
    berlin = shown(view, replace(LARGE, zone=ZoneInfo("Europe/Berlin")))
    assert berlin[0].startswith("13:00:36 CET")
    assert any("wait (pause) until 13:10:36" in line for line in berlin)


def test_what_waits_for_a_person_is_said_with_the_command() -> None:
    """Above all that fails: who is woken need not look for the message."""
    world = platform()
    world.send(ev.PolicyChanged(replace(world.engine.policy, dependencies=_asked_of(world))))
    world.crash("postgres")
    (line,) = [line for line in shown(seen(world), replace(LARGE, columns=300)) if "nemo-watchdog approve" in line]
    assert line.startswith("docker.restart of c-postgres, which ended at 2026-01-05 ")
    assert line.endswith("-postgres/postgres/p1` until 13:00:36")


def _asked_of(world: World) -> dict[str, Dependency]:
    specs = world.engine.policy.dependencies
    return {**specs, "postgres": replace(specs["postgres"], autonomy=Autonomy.SUGGEST)}


def test_who_has_a_rota_is_said() -> None:
    """Until when, and who comes next; on the day that it is, by the time alone."""
    rota = RotaView(("alice", "dave"), "calendar", "2026-01-05T18:00:00+00:00", ("bob",), ("alice", "bob"), "UTC")
    swap = SwapView("bob", "2026-01-06T18:00:00+00:00", "ill", "ada")
    swapped = replace(rota, people=("bob",), because="swap", swap=swap, until=None, then=())
    lines = shown(replace(seen(platform()), oncall={"on-call": rota, "lead": swapped}))
    assert lines[-3:-1] == ["on-call: alice, dave until 18:00:00, then bob", "lead: bob (a swap)"]


def test_another_day_is_said() -> None:
    view = seen(platform())
    trouble = TroubleView("contact on-call is not told", "refused", "2026-01-03T23:59:00+00:00")
    assert any("since Jan 03 23:59:00: refused" in line for line in shown(replace(view, troubles=(trouble,))))


@pytest.mark.parametrize("down", [3, 12, 40, 60])
def test_however_many_fail_the_worst_fit(down: int) -> None:
    """And a row is cut in its text, never in its reason or in what is decided."""
    names = [f"service-number-{number}" for number in range(60)]
    world = World(policy(*map(dependency, names)))
    for name in names[:down]:
        world.fail(name, Reason.REFUSED)
    lines = shown(seen(world))
    assert f"{down} down" in lines[0]
    assert sum(line.startswith("SEV") for line in lines) >= min(down, 6)
    rows = [line for line in lines if line.startswith("down")]
    assert any("refused" in row and "wait (concurrency)" in row for row in rows)
    assert any("refused" in row and "wait (in_flight)" in row for row in rows)


def test_all_the_alarms_at_once_leave_room_for_the_incident() -> None:
    """A policy with thirty mistakes hides no outage."""
    world = platform()
    world.crash("postgres")
    for name in NAMES[1:9]:
        world.send(ev.PauseAsked(name, "deploying", "ops", None))
    world.send(ev.JournalChanged("[Errno 28] No space left on device"))
    mistakes = [f"policy.yaml:{line}:1: dependencies.gateway: there is no such key" for line in range(30)]
    troubles = tuple(TroubleView(f"contact {n} is not told", "refused", "2026-01-05T11:59:00+00:00") for n in range(3))
    lines = shown(replace(seen(world, *mistakes), troubles=troubles))
    said = " ".join(line.strip() for line in lines)
    for words in ("SEV2", "policy.yaml:0:1", "and 27 more like that", "No space left", "contact 2", "exited"):
        assert words in said


def test_what_still_does_not_fit_is_counted() -> None:
    """On a screen that shows next to nothing the first lines are the ones that matter."""
    world = platform()
    world.crash("postgres")
    lines = shown(seen(world), Screen(60, 3, UTC))
    assert lines[1].startswith("SEV2")
    assert lines[2].startswith("… ")


def test_into_a_pipe_goes_all_of_it() -> None:
    """Nothing is cut where no screen ends."""
    names = [f"service-number-{number}" for number in range(60)]
    world = World(policy(*map(dependency, names)))
    for name in names:
        world.look(name, failed(Reason.REFUSED, f"nothing listens at {name}"), times=4)
    said = " ".join(line.strip() for line in shown(seen(world), Screen(80, None, UTC)))
    assert all(f"nothing listens at {name}" in said for name in names)
    assert "…" not in said


def test_one_dependency_is_told_whole_with_every_gate() -> None:
    """Who asks for one wants to know why nothing is done."""
    world = platform()
    world.crash("postgres")
    world.fail("gateway", Reason.REFUSED)
    world.send(ev.PauseAsked("*", "deploying", "ops", 600.0))
    lines = [line.plain for line in page_of_one(seen(world), "gateway", SMALL)]
    said = "\n".join(lines)
    assert max(map(cell_len, lines)) <= SMALL.columns
    for words in (
        "health       down since 12:00:39",
        "why          refused: test: refused (fault)",
        "container    c-gateway running",
        "needs        postgres, redis",
        "paused       everything until 12:10:39, by ops: deploying",
        "actions left 5 of 5 in 1h",
        "gate         pause: wait until 12:10:39",
        "gate         upstream: wait: it needs postgres",
    ):
        assert words in said
    assert "open gates   bug, stopping, in_flight" in said


@pytest.mark.parametrize("columns", [*range(1, 30), 80])
def test_a_terminal_of_any_width_gets_a_page(columns: int) -> None:
    """However little of it can be read."""
    world = platform()
    world.look("postgres", failed(Reason.REFUSED, "漢字 nothing listens there"), times=4)
    world.fail("gateway", Reason.REFUSED)
    for screen in (Screen(columns, 10, UTC), Screen(columns, None, UTC)):
        assert page(seen(world), screen)
        assert page_of_one(seen(world), "postgres", screen)


def test_a_long_name_cuts_off_nothing_that_is_decided() -> None:
    """It takes a second line."""
    name = "postgres-of-the-reporting-service-of-the-northern-region-1"
    world = World(policy(dependency(name), *(dependency(f"service-{number}") for number in range(40))))
    for number in range(40):
        world.look(f"service-{number}", failed(Reason.REFUSED, f"nothing listens at {number}"), times=4)
    world.fail(name, Reason.REFUSED)
    said = " ".join(line.strip() for line in shown(seen(world)))
    assert f"{name} refused → wait (concurrency)" in " ".join(said.split())


def test_what_the_last_reload_changed_stands_last() -> None:
    """And what goes on as it was ordered, until when."""
    world = platform()
    world.crash("postgres")
    world.finish()
    ladder = world.engine.durable.open()[0].ladders["postgres"]
    changed = tuple(f"dependencies.{name}.interval: 10s -> 5s" for name in NAMES)
    view = seen(world, changed=changed, carried_over={ladder.action_id})
    whole = " ".join(line.strip() for line in shown(view, replace(SMALL, lines=None)))
    assert "policy reloaded at Jan 01 00:00:00: dependencies.postgres.interval: 10s -> 5s; " in whole
    assert "dependencies.users.interval: 10s -> 5s" in whole
    assert whole.endswith("not yet for postgres: docker.restart is verified until 12:00:56 as it was ordered")
    small = shown(view, Screen(80, 12, UTC))
    assert small[-2].startswith("policy reloaded at Jan 01 00:00:00: dependencies.postgres.interval")
    assert small[-1].startswith("not yet for postgres: docker.restart is verified until 12:00:56")
