"""Dependencies in rows and sections: problems first, and few lines where many are well."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import ActionOutcome, Reason
from nemo_watchdog.views import MaintenanceView, StatusView
from nemo_watchdog.web.pages.rows import FEW, OTHER, SHORT, Row, arranged, row_of, section, section_names
from tests.unit.engine.world import World, dependency, policy
from tests.unit.statuses import seen
from tests.unit.web.pages.parts import clock_of, day


def tagged(**tags: list[str]) -> World:
    return World(policy(*(dependency(name, tags=frozenset(each)) for name, each in tags.items())))


def row(view: StatusView, name: str) -> Row:
    return row_of(view, name, None, clock_of(view))


def test_a_row_says_what_is_wrong_in_words() -> None:
    """The reason, what it means, the probe's own words, and what is decided until when."""
    world = World(policy(dependency("gateway")))
    world.crash("gateway")
    world.finish(ActionOutcome.FAILED)
    one = row(seen(world), "gateway")
    assert (one.health, one.reason, one.detail) == ("down", "exited", "container exited with code 1")
    assert one.meaning == "Docker says that the container is not running."
    assert one.decided.startswith("wait (backoff) until 12:00:0")
    assert one.until is not None
    assert one.decided.endswith(one.until.said)
    assert (one.budget, one.container, one.well) == ("4 of 5 in 1h", "c-gateway", False)
    assert one.incident.endswith("-gateway")


def test_a_row_of_what_is_well_says_only_since_when() -> None:
    world = World(policy(dependency("gateway")))
    world.pass_time(3600.0)
    one = row(seen(world), "gateway")
    assert (one.reason, one.meaning, one.detail, one.decided, one.held, one.maintenance) == ("",) * 6
    assert (one.lasted, one.latency, one.well) == ("1h", "10ms", True)
    assert one.since is not None
    assert one.since.said == "12:00:02"


def test_what_people_ordered_is_in_the_row() -> None:
    """Its own pause, and that of everything."""
    world = World(policy(dependency("gateway"), dependency("redis")))
    world.send(ev.PauseAsked("gateway", "deploying", "ops", 600.0))
    world.send(ev.PauseAsked("*", "the network is changed", "ada"))
    view = seen(world)
    assert row(view, "gateway").paused == (
        "paused: gateway until 12:10:06, by ops: deploying",
        "paused: everything, by ada: the network is changed",
    )
    assert row(view, "redis").paused == ("paused: everything, by ada: the network is changed",)
    planned = MaintenanceView("backup", "2026-01-05T13:00:00+00:00")
    gateway = replace(view.dependencies["gateway"], maintenance=planned, held="somebody stopped it", flapping=True)
    one = row(replace(view, dependencies={"gateway": gateway}), "gateway")
    assert one.maintenance == "planned maintenance: backup until 13:00:00"
    assert (one.held, one.flapping, one.well) == ("somebody stopped it", True, False)


def test_a_reason_of_a_newer_version_has_no_meaning_here() -> None:
    view = seen(World(policy(dependency("gateway"))))
    newer = replace(view.dependencies["gateway"], reason="melted")
    one = row(replace(view, dependencies={"gateway": newer}), "gateway")
    assert (one.reason, one.meaning) == ("melted", "")


def test_bars_are_there_as_soon_as_somebody_has_read_them() -> None:
    """Each by itself only where that is asked for."""
    view = seen(World(policy(dependency("gateway"))))
    assert (row(view, "gateway").bars, row(view, "gateway").sparkline) == (None, None)
    brief = row_of(view, "gateway", day(), clock_of(view)).bars
    full = row_of(view, "gateway", day(), clock_of(view), titled=True).bars
    assert brief is not None
    assert full is not None
    assert (len(brief.bars), len(full.bars)) == (0, 48)


def test_each_dependency_is_in_the_section_of_its_first_tag() -> None:
    """And what has none in one of its own, which comes last."""
    view = seen(tagged(a=["gpu", "core"], b=[], c=["web"], d=["core"]))
    assert [(each.name, each.full) for each in arranged(view)] == [
        ("core", ("a", "d")),
        ("web", ("c",)),
        (OTHER, ("b",)),
    ]


def test_problems_come_first_in_sections_and_of_sections() -> None:
    world = tagged(a=["core"], b=["web"], c=["web"], d=[], e=["web"])
    world.fail("c", Reason.REFUSED)
    world.slow("b")
    assert [(each.name, each.full) for each in arranged(seen(world))] == [
        ("web", ("c", "b", "e")),
        ("core", ("a",)),
        (OTHER, ("d",)),
    ]


@pytest.mark.parametrize(("many", "brief"), [(SHORT, False), (SHORT + 1, True)])
def test_of_a_long_section_what_is_well_is_only_named(many: int, brief: bool) -> None:
    names = [f"d{number:02}" for number in range(many)]
    world = tagged(**{name: ["core"] for name in names})
    world.fail("d03", Reason.REFUSED)
    view = seen(world)
    (at,) = arranged(view)
    shown = section(view, at, {}, clock_of(view))
    assert (shown.well, shown.of, shown.brief) == (many - 1, many, brief)
    assert [each.name for each in shown.rows][:1] == ["d03"]
    assert len(shown.rows) == (1 if brief else many)
    assert shown.named == (tuple(name for name in names if name != "d03") if brief else ())


def test_a_page_of_very_many_has_only_so_many_rows() -> None:
    """Of short sections, too; what fails beyond that is named."""
    view = seen(World(policy(dependency("a"))))
    one = replace(view.dependencies["a"], health="down")
    many = {f"d{number:03}": replace(one, tags=(f"t{number % 20:02}",)) for number in range(200)}
    sections = arranged(replace(view, dependencies=many))
    assert sum(len(each.full) for each in sections) == FEW
    assert sum(len(each.full) + len(each.more) for each in sections) == 200
    assert all(each.brief for each in sections)


def test_all_of_one_section_can_be_asked_for() -> None:
    world = tagged(a=["core"], b=["core"], c=["web"], d=[])
    world.fail("b", Reason.REFUSED)
    view = seen(world)
    assert section_names(view, "core") == ("b", "a")
    assert section_names(view, OTHER) == ("d",)
    assert section_names(view, "nobody-has-it") == ()
