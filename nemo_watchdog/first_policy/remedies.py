"""What is done about what: the remedies of the shipped policy, with longer times for a container that asks for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from nemo_watchdog.durations import duration
from nemo_watchdog.first_policy.entry import Course, Entry
from nemo_watchdog.first_policy.kinds import Kind

LONGEST = 63
LONGEST_STOP = 3600.0
_SPARE = 60.0
"""Seconds that a verification has beyond the start-up grace."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A remedy as it is shipped; times in seconds."""

    about: str
    stop: float
    attempts: int
    backoff: str
    verify: float
    budget: str


SHAPES: Mapping[str, Shape] = MappingProxyType(
    {
        "restart-database": Shape(
            "A database that is killed has to recover, which takes longer than the stop: once, and with time to stop.",
            120.0,
            1,
            "",
            300.0,
            "1 per 1h",
        ),
        "restart-model-server": Shape(
            "It must have longer to become healthy than it takes to load, which is its startup_grace.",
            30.0,
            2,
            "{initial: 1m}",
            360.0,
            "2 per 1h",
        ),
        "restart-container": Shape(
            "Three times with growing gaps, and a person hears of it when that did not help.",
            10.0,
            3,
            "{initial: 5s, factor: 2, max: 5m, jitter: 0.2}",
            60.0,
            "5 per 1h",
        ),
    }
)

_OF = {
    Kind.POSTGRES: "restart-database",
    Kind.REDIS: "restart-database",
    Kind.DATA: "restart-database",
    Kind.LLM: "restart-model-server",
}


def course_of(kind: Kind, stop: float, grace: float, labelled: str = "") -> Course:
    """`stop` is what the container itself asks for, `grace` how long it may take to start.

    `labelled` is the remedy that its label names, which may be none that there is.
    """
    remedy = labelled or _OF.get(kind, "restart-container")
    shape = SHAPES.get(remedy, SHAPES["restart-container"])
    verify = shape.verify if grace < shape.verify else grace + _SPARE
    return Course(remedy, min(max(stop, shape.stop), LONGEST_STOP), verify)


@dataclass(frozen=True, slots=True)
class Remedy:
    """`whose` is the dependency that asks for other times than are shipped; empty where none does."""

    name: str
    shape: Shape
    stop: float
    verify: float
    whose: str = ""

    @property
    def why(self) -> str:
        if not self.whose:
            return ""
        return (
            f"the same, with the times of {self.whose}: {duration(self.stop)} to stop, {duration(self.verify)} to serve"
        )


def remedies_for(entries: Iterable[Entry]) -> tuple[tuple[Remedy, ...], Mapping[str, str]]:
    """What is needed, and its name for each dependency. A label may name what is none: the loader tells of it."""
    made: dict[Course, Remedy] = {}
    names: dict[str, str] = {}
    for entry in entries:
        course = entry.course
        if course is None or course.remedy not in SHAPES:
            continue
        if course not in made:
            made[course] = _remedy(course, entry.name, {each.name for each in made.values()})
        names[entry.name] = made[course].name
    order = list(SHAPES.values())
    return tuple(sorted(made.values(), key=lambda each: (order.index(each.shape), each.whose))), names


def _remedy(course: Course, dependency: str, taken: set[str]) -> Remedy:
    shape = SHAPES[course.remedy]
    if (course.stop, course.verify) == (shape.stop, shape.verify):
        return Remedy(course.remedy, shape, course.stop, course.verify)
    name = f"{course.remedy}-for-{dependency}"[:LONGEST]
    ends = (f"-{number}" for number in range(2, len(taken) + 3))
    free = name if name not in taken else next(each for end in ends if (each := name[:60] + end) not in taken)
    return Remedy(free, shape, course.stop, course.verify, dependency)
