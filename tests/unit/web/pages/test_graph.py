"""Who needs whom as a drawing: above stands what others need, and it is made the same each time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemo_watchdog.model import Reason
from nemo_watchdog.views import StatusView
from nemo_watchdog.web.pages.graph import MOST, ROOM, Box, Graph, graph
from tests.unit.engine.world import World, dependency, policy
from tests.unit.statuses import seen

Plan = dict[str, Sequence[str | Sequence[str]]]
"""What each needs."""


def world_of(plan: Plan) -> World:
    return World(policy(*(dependency(name, needs=needs) for name, needs in plan.items())))


def boxes(drawn: Graph) -> dict[str, Box]:
    return {box.name: box for box in drawn.boxes}


PLATFORM: Plan = {
    "site": ["gateway"],
    "postgres": [],
    "gateway": ["postgres", "redis"],
    "redis": [],
    "mail": [],
}


def test_what_others_need_stands_above_them() -> None:
    """Whatever the order in the policy."""
    drawn = boxes(graph(seen(world_of(PLATFORM))))
    assert drawn["postgres"].y == drawn["redis"].y < drawn["gateway"].y < drawn["site"].y


def test_what_stands_alone_and_is_well_is_not_drawn() -> None:
    """It is in its row; what fails is wanted in the picture."""
    world = world_of(PLATFORM)
    assert "mail" not in boxes(graph(seen(world)))
    world.fail("mail", Reason.REFUSED)
    assert "mail" in boxes(graph(seen(world)))


def test_where_nothing_needs_anything_there_is_no_drawing() -> None:
    world = world_of({"a": [], "b": []})
    world.fail("a", Reason.REFUSED)
    assert graph(seen(world)) == Graph(0, 0, (), (), 0)
    assert graph(seen(World(policy()))) == Graph(0, 0, (), (), 0)


def test_the_root_is_marked_and_what_it_holds() -> None:
    """In words too."""
    world = world_of(PLATFORM)
    world.crash("postgres")
    world.fail("gateway", Reason.REFUSED)
    drawn = graph(seen(world))
    named = boxes(drawn)
    assert [name for name, box in named.items() if box.root] == ["postgres"]
    assert {name: box.held_by for name, box in named.items() if box.held_by} == {"gateway": "postgres"}
    assert named["postgres"].said == "postgres: down, the root of an incident"
    assert named["gateway"].said == "gateway: down, held by postgres"
    assert named["redis"].said == "redis: up"
    assert [(edge.above, edge.below) for edge in drawn.edges if edge.held] == [("postgres", "gateway")]


def test_a_line_goes_from_what_is_needed_down_to_what_needs_it() -> None:
    drawn = graph(seen(world_of({"postgres": [], "gateway": ["postgres"]})))
    upper, lower = boxes(drawn)["postgres"], boxes(drawn)["gateway"]
    (edge,) = drawn.edges
    points = [tuple(map(int, point.split(","))) for point in edge.points.split()]
    assert points[0] == (upper.x + upper.width // 2, upper.y + upper.height)
    assert points[-1] == (lower.x + lower.width // 2, lower.y)


def test_of_several_of_which_one_is_enough_the_lines_say_so() -> None:
    drawn = graph(seen(world_of({"a": [], "b": [], "c": [], "gateway": ["a", ["b", "c"]]})))
    assert {edge.above: edge.any for edge in drawn.edges} == {"a": False, "b": True, "c": True}


def test_children_stand_below_their_own_parents() -> None:
    """So that few lines cross."""
    plan: Plan = {"a": [], "b": [], "c": [], "of-c": ["c"], "of-b": ["b"], "of-a": ["a"]}
    drawn = boxes(graph(seen(world_of(plan))))
    assert [drawn[f"of-{name}"].x for name in "abc"] == [drawn[name].x for name in "abc"]


def test_a_long_name_is_cut_and_said_in_full() -> None:
    name = "the-gateway-that-everybody-needs"
    box = boxes(graph(seen(world_of({"a": [], name: ["a"]}))))[name]
    assert box.label == "the-gateway-t…"
    assert box.said == f"{name}: up"


def test_it_fits_a_phone_however_many_stand_beside_each_other() -> None:
    """More go on in a further row, as even as can be."""
    plan: Plan = {"root": []} | {f"child-{number:02}": ["root"] for number in range(10)}
    drawn = graph(seen(world_of(plan)))
    rows = [box.y for box in drawn.boxes if box.name != "root"]
    assert drawn.width <= ROOM
    assert max(map(rows.count, rows)) <= 4
    assert len(set(rows)) > 1


def _many(children: int) -> World:
    return world_of({"root": []} | {f"c{number:03}": ["root"] for number in range(children)})


def test_of_very_many_only_what_fails_is_drawn_with_its_neighbours() -> None:
    """And it is said how many are left out."""
    world = _many(100)
    world.fail("c042", Reason.REFUSED)
    drawn = graph(seen(world))
    assert set(boxes(drawn)) == {"root", "c042"}
    assert drawn.left_out == 99


def test_where_very_many_fail_the_roots_come_first() -> None:
    view = seen(_many(100))
    ill = {name: replace(each, health="down") for name, each in view.dependencies.items()}
    drawn = graph(replace(view, dependencies=ill))
    assert len(drawn.boxes) == MOST
    assert "root" in boxes(drawn)


@pytest.mark.parametrize("needs", [("b", "a"), ("a", "b")])
def test_a_circle_holds_up_nobody(needs: tuple[str, str]) -> None:
    """No policy has one; a daemon of another version might."""
    view = seen(world_of({"a": [], "b": []}))
    turned = {name: replace(each, needs=needs) for name, each in view.dependencies.items()}
    assert len(graph(replace(view, dependencies=turned)).boxes) == 2


def test_what_is_needed_and_not_watched_is_left_out() -> None:
    view = seen(world_of({"a": [], "b": ["a"]}))
    gone = {"a": view.dependencies["a"], "b": replace(view.dependencies["b"], needs=("a", "gone"))}
    assert set(boxes(graph(replace(view, dependencies=gone)))) == {"a", "b"}


NAMES = [f"n{number}" for number in range(12)]


@st.composite
def platforms(draw: st.DrawFn) -> Plan:
    """Each needs some of those before it."""
    return {
        name: draw(st.lists(st.sampled_from(NAMES[:place]), unique=True, max_size=4)) if place else []
        for place, name in enumerate(NAMES[: draw(st.integers(1, len(NAMES)))])
    }


@given(platforms())
def test_whatever_the_platform_boxes_lie_apart_and_within_and_lines_go_down(plan: Plan) -> None:
    view = _view(plan)
    drawn = graph(view)
    assert graph(view) == drawn
    for place, one in enumerate(drawn.boxes):
        assert one.x >= 0
        assert one.x + one.width <= drawn.width
        assert one.y >= 0
        assert one.y + one.height <= drawn.height
        for other in drawn.boxes[place + 1 :]:
            beside = one.x + one.width <= other.x or other.x + other.width <= one.x
            assert beside or one.y + one.height <= other.y or other.y + other.height <= one.y
    named = boxes(drawn)
    assert {(edge.above, edge.below) for edge in drawn.edges} == {
        (need, name) for name, needs in plan.items() for need in needs
    }
    assert all(named[edge.above].y < named[edge.below].y for edge in drawn.edges)


_SOME: StatusView = seen(World(policy(dependency("a"))))


def _view(plan: Plan) -> StatusView:
    """Without a world behind it, which takes its time."""
    one = _SOME.dependencies["a"]
    return replace(
        _SOME, dependencies={name: replace(one, needs=tuple(map(str, needs))) for name, needs in plan.items()}
    )
