"""Who needs whom, laid out as numbers for a drawing: what others need stands above them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from nemo_watchdog.view_words import place_of
from nemo_watchdog.views import StatusView

MOST = 60
"""Boxes: of more dependencies only what is not well is drawn, and what stands next to it."""

HEIGHT, GAP, MARGIN = 36, 12, 6
BETWEEN_ROWS, BETWEEN_LAYERS, ABOVE_ALL = 22, 44, 20
LETTER, BESIDE_LABEL = 7, 34
NARROW, WIDE = 84, 132
"""A box is as wide as its longest label needs, within these."""

ROOM = 400
"""How wide a row of boxes may be: more would not be read on a phone."""

STRAIGHT = 8
"""How far a line goes down before it turns."""

Needs = Mapping[str, Sequence[str]]
"""Of each name, what stands above it."""


@dataclass(frozen=True, slots=True)
class Box:
    """`label` is the name as it fits. `root` of an open incident; `held_by` names that root for what fails with it.

    `said` is all of it in words: `gateway: down, held by postgres`.
    """

    name: str
    label: str
    health: str
    root: bool
    held_by: str
    x: int
    y: int
    width: int
    height: int
    said: str


@dataclass(frozen=True, slots=True)
class Edge:
    """From what is needed down to what needs it. `any`: one of several is enough. `held`: both are of one incident."""

    above: str
    below: str
    points: str
    """Of a polyline."""
    any: bool
    held: bool


@dataclass(frozen=True, slots=True)
class Graph:
    """In a box of `width` by `height`; no boxes where nothing needs anything. `left_out`: so many more
    have lines and are not drawn.
    """

    width: int
    height: int
    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    left_out: int


def graph(view: StatusView) -> Graph:
    whole = {
        name: [need for need in dict.fromkeys(each.needs) if need in view.dependencies and need != name]
        for name, each in view.dependencies.items()
    }
    connected = set(whole) & {one for name, needs in whole.items() if needs for one in (name, *needs)}
    if not connected:
        return Graph(0, 0, (), (), 0)
    drawable = [name for name in whole if name in connected or _is_ill(view, name)]
    names = drawable if len(drawable) <= MOST else _what_matters(view, whole, drawable)
    drawn = set(names)
    needs = {name: [need for need in whole[name] if need in drawn] for name in names}
    boxes, width, height = _placed(view, _untangled(_layers(needs), needs))
    left_out = sum(1 for name in drawable if name not in drawn)
    return Graph(width, height, tuple(boxes.values()), tuple(_edges(view, needs, boxes)), left_out)


# -- what is drawn --------------------------------------------------------------------------------------------------


def _is_ill(view: StatusView, name: str) -> bool:
    return view.dependencies[name].health != "up"


def _what_matters(view: StatusView, needs: Needs, names: Sequence[str]) -> list[str]:
    """The roots of incidents, what is not well, the worst first, and then what stands next to any of these."""
    roots = [each.root for each in view.incidents if each.root in needs]
    ill = sorted(
        (name for name in names if _is_ill(view, name)), key=lambda name: place_of(view.dependencies[name].health)
    )
    first = dict.fromkeys([*roots, *ill])
    beside = [name for name in names if any(need in first for need in needs[name])]
    above = [need for name in first for need in needs[name]]
    kept = set(list(dict.fromkeys([*first, *above, *beside]))[:MOST])
    return [name for name in names if name in kept]


# -- where it stands -------------------------------------------------------------------------------------------------


def _layers(needs: Needs) -> list[list[str]]:
    """Each one layer below the lowest that it needs. Of a circle, which no policy has, one need counts for nothing."""
    layer = dict[str, int]()
    for begin in needs:
        way, entered = [begin], set[str]()
        while way:
            name = way[-1]
            entered.add(name)
            following = next((need for need in needs[name] if need not in layer and need not in entered), None)
            if following is not None:
                way.append(following)
                continue
            way.pop()
            layer.setdefault(name, max((layer[need] + 1 for need in needs[name] if need in layer), default=0))
    layers: list[list[str]] = [[] for _ in range(max(layer.values()) + 1)]
    for name in needs:
        layers[layer[name]].append(name)
    return layers


def _untangled(layers: list[list[str]], needs: Needs) -> list[list[str]]:
    """Each below the middle of what it needs, and then each above the middle of what needs it."""
    needed_by: dict[str, list[str]] = {name: [] for name in needs}
    for name, above in needs.items():
        for need in above:
            needed_by[need].append(name)
    down = _swept(layers, needs)
    return _swept(down[::-1], needed_by)[::-1]


def _swept(layers: Iterable[list[str]], beside: Needs) -> list[list[str]]:
    places, swept = dict[str, float](), list[list[str]]()
    for layer in layers:
        own = {name: _place(at, len(layer)) for at, name in enumerate(layer)}
        middle = {name: _middle([places[each] for each in beside[name] if each in places], own[name]) for name in layer}
        ordered = sorted(layer, key=middle.__getitem__)
        places |= {name: _place(at, len(ordered)) for at, name in enumerate(ordered)}
        swept.append(ordered)
    return swept


def _place(at: int, of: int) -> float:
    """From 0 at the left to 1 at the right."""
    return (at + 0.5) / of


def _middle(places: Collection[float], otherwise: float) -> float:
    return sum(places) / len(places) if places else otherwise


def _placed(view: StatusView, layers: Sequence[Sequence[str]]) -> tuple[dict[str, Box], int, int]:
    """The boxes, and how wide and high all of it is."""
    longest = max(len(name) for layer in layers for name in layer)
    box = min(max(BESIDE_LABEL + LETTER * longest, NARROW), WIDE)
    most = max(1, (ROOM - 2 * MARGIN + GAP) // (box + GAP))
    columns = min(most, max(len(layer) for layer in layers))
    width = columns * (box + GAP) - GAP + 2 * MARGIN
    held_by = _held_by(view)
    roots, boxes, y = {each.root for each in view.incidents}, dict[str, Box](), ABOVE_ALL
    for layer in layers:
        for row in _rows(layer, columns):
            x = (width - (len(row) * (box + GAP) - GAP)) // 2
            for name in row:
                boxes[name] = _box(view, name, roots, held_by, (x, y, box))
                x += box + GAP
            y += HEIGHT + BETWEEN_ROWS
        y += BETWEEN_LAYERS - BETWEEN_ROWS
    return boxes, width, y - BETWEEN_LAYERS + MARGIN


def _rows(layer: Sequence[str], columns: int) -> Iterator[Sequence[str]]:
    """As even as can be."""
    many = -(-len(layer) // columns)
    size = -(-len(layer) // many)
    for begin in range(0, len(layer), size):
        yield layer[begin : begin + size]


def _held_by(view: StatusView) -> dict[str, str]:
    """The root with which each member fails."""
    return {name: each.root for each in view.incidents for name in each.members if name != each.root}


def _box(
    view: StatusView, name: str, roots: Collection[str], held_by: Mapping[str, str], place: tuple[int, int, int]
) -> Box:
    health, (x, y, width) = view.dependencies[name].health, place
    fits = (width - BESIDE_LABEL) // LETTER
    label = name if len(name) <= fits else f"{name[: fits - 1]}…"
    held = held_by.get(name, "")
    marked = ", the root of an incident" if name in roots else f", held by {held}" if held else ""
    return Box(name, label, health, name in roots, held, x, y, width, HEIGHT, f"{name}: {health}{marked}")


def _edges(view: StatusView, needs: Needs, boxes: Mapping[str, Box]) -> Iterator[Edge]:
    for name, above in needs.items():
        one_of_several = {each for group in view.dependencies[name].needs_any for each in group}
        for need in above:
            upper, lower = boxes[need], boxes[name]
            held = lower.held_by != "" and lower.held_by in (need, upper.held_by)
            yield Edge(need, name, _points(upper, lower), need in one_of_several, held)


def _points(upper: Box, lower: Box) -> str:
    begin, end = upper.x + upper.width // 2, lower.x + lower.width // 2
    out, into = upper.y + upper.height, lower.y
    return f"{begin},{out} {begin},{out + STRAIGHT} {end},{into - STRAIGHT} {end},{into}"
