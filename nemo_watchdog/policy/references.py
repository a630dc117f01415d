"""What one part of a policy says of another must be true: every name that is used exists and makes sense there.

A part that has a mistake of its own counts by its name, so that one mistake is not told twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from nemo_watchdog.model import Category, Severity
from nemo_watchdog.policy.contacts import ContactSection, named_in, takes_turns
from nemo_watchdog.policy.document import Path
from nemo_watchdog.policy.maintenance import MaintenanceSection
from nemo_watchdog.policy.needs import AnySection, placed
from nemo_watchdog.policy.problems import Problems, did_you_mean, either
from nemo_watchdog.policy.sections import (
    DependencySection,
    EscalateSection,
    LimitsSection,
    RemedySection,
    RuleSection,
    SeveritySection,
)
from nemo_watchdog.policy.selectors import Selected
from nemo_watchdog.policy.showing import name_or, names_among
from nemo_watchdog.policy.step_when import StepWhenSection
from nemo_watchdog.policy.steps import Acting, ReadStep, actions_of, helped
from nemo_watchdog.policy.targets import Targets
from nemo_watchdog.policy.when import WhenSection, is_measurement, split_measure

_MOST_CIRCLES = 20


@dataclass(frozen=True, slots=True)
class Parts:
    """The entries of a policy by name, None where an entry itself is wrong."""

    dependencies: Mapping[str, DependencySection | None]
    severities: Mapping[Severity, SeveritySection | None]
    classification: tuple[RuleSection | None, ...] | None
    """None when the policy has none; an empty one is a choice."""
    remedies: Mapping[str, RemedySection | None]
    steps: Mapping[str, tuple[ReadStep | None, ...]]
    """Of each remedy, also of one with another mistake."""
    targets: Mapping[str, Targets]
    """Of each dependency with a remedy."""
    contacts: Mapping[str, ContactSection | None]
    maintenance: tuple[MaintenanceSection | None, ...] = ()
    limits: LimitsSection | None = None
    discovers: bool = False
    """Whether labels bring more dependencies, with tags that nobody knows yet."""
    selected: Mapping[str, Selected] = field(default_factory=dict)
    """Of each dependency with a `container`, which one that is."""


def check_references(parts: Parts, problems: Problems) -> None:
    _References(parts, problems).check()


class _References:
    def __init__(self, parts: Parts, problems: Problems) -> None:
        self._parts = parts
        self._problems = problems
        carried = [
            (("dependencies", name, "tags", index), tag)
            for name, section in parts.dependencies.items()
            for index, tag in enumerate(section.tags if section else ())
        ]
        self._tags = {tag for _, tag in carried}
        self._tags_to_show = sorted({tag for path, tag in carried if problems.may_show(path, tag)})
        self._tags_known = not parts.discovers and None not in parts.dependencies.values()

    def check(self) -> None:
        for name, dependency in self._parts.dependencies.items():
            if dependency is not None:
                self._dependency(("dependencies", name), dependency)
        self._components()
        self._circles()
        self._limits()
        for severity, section in self._parts.severities.items():
            if section is not None:
                self._severity(("severities", severity.value), section)
        self._contacts()
        for index, rule in enumerate(self._parts.classification or ()):
            if rule is not None:
                path: Path = ("classification", index)
                self._names((*path, "notify"), rule.notify, "contact", self._parts.contacts)
                self._when((*path, "when"), rule.when)
        for name, steps in self._parts.steps.items():
            self._steps(("remedies", name, "steps"), steps)
            remedy = self._parts.remedies[name]
            if remedy is not None:
                self._when(("remedies", name, "when"), remedy.when)
                self._helps(("remedies", name, "when"), remedy.when, steps)
        self._windows()

    def _contacts(self) -> None:
        for name, contact in self._parts.contacts.items():
            for place, other in named_in(contact) if contact is not None else ():
                self._contact(("contacts", name, *place), name, other)

    def _contact(self, path: Path, whose: str, name: str) -> None:
        if name == whose:
            self._problems.at_value(path, "it cannot stand in for itself: name another contact")
            return
        self._name(path, name, "contact", self._parts.contacts)
        other = self._parts.contacts.get(name)
        if path[2] == "rota" and other is not None and takes_turns(other):
            self._problems.at_value(path, "it is a rota, too: name the people who take turns")

    def _severity(self, path: Path, section: SeveritySection) -> None:
        self._names((*path, "notify"), section.notify, "contact", self._parts.contacts)
        for index, each in enumerate(section.escalate):
            place = (*path, "escalate", index)
            if isinstance(each, str):
                self._name(place, each, "contact", self._parts.contacts)
            else:
                self._name((*place, "to"), each.to, "contact", self._parts.contacts)

    def _limits(self) -> None:
        limits = self._parts.limits
        if limits is None or not self._tags_known:
            return
        for tag in limits.min_healthy:
            self._tag(("limits", "min_healthy", tag), tag)
        if limits.storm is not None and limits.storm.of is not None:
            self._tag(("limits", "storm", "of"), limits.storm.of)

    def _name(self, path: Path, name: str, what: str, known: Iterable[str]) -> None:
        names = list(known)
        if name not in names:
            hint = did_you_mean(name, names_among(names), otherwise="" if names else ": the policy has none")
            self._problems.at_value(path, f"there is no {what} {self._problems.name(path, name)}{hint}")

    def _names(self, path: Path, names: Iterable[str], what: str, known: Iterable[str]) -> None:
        for index, name in enumerate(names):
            self._name((*path, index), name, what, known)

    def _dependency(self, path: Path, section: DependencySection) -> None:
        for place, name in placed(section.needs):
            self._name((*path, "needs", *place), name, "dependency", self._parts.dependencies)
        for index, need in enumerate(section.needs):
            if isinstance(need, AnySection):
                self._each_once((*path, "needs", index, "any"), need.any)
        for index, sign in enumerate(section.busy_while):
            self._sign((*path, "busy_while", index, "dependency"), path[-1], sign.dependency)
        if section.remedy is not None:
            self._name((*path, "remedy"), section.remedy, "remedy", self._parts.remedies)

    def _components(self) -> None:
        """What is one component to users has one description."""
        described: dict[str, str] = {}
        for name, section in self._parts.dependencies.items():
            public = section.public if section else None
            if public is None or public.description is None:
                continue
            if described.setdefault(public.name, public.description) != public.description:
                message = "another dependency describes the component of this name in other words: keep one of the two"
                self._problems.at_value(("dependencies", name, "public", "description"), message)

    def _each_once(self, path: Path, names: list[str]) -> None:
        """One that is named twice would stand in for itself."""
        for index, name in enumerate(names):
            if name in names[:index]:
                shown = self._problems.name((*path, index), name)
                self._problems.at_value((*path, index), f"{shown} is in this group already: leave it out here")

    def _sign(self, path: Path, whose: str | int, name: str | None) -> None:
        if name == whose:
            self._problems.at_value(path, "it looks good itself only while no restart is due: name what is at work")
        elif name is not None:
            self._name(path, name, "dependency", self._parts.dependencies)

    def _circles(self) -> None:
        """Circles of `needs`, each told once, at the need that closes it."""
        order = list(self._parts.dependencies)
        graph = {
            name: [need for _, need in placed(section.needs if section else ()) if need in self._parts.dependencies]
            for name, section in self._parts.dependencies.items()
        }
        for _ in range(_MOST_CIRCLES):
            circle = _circle(graph)
            if not circle:
                return
            first = min(range(len(circle)), key=lambda index: order.index(circle[index]))
            circle = [*circle[first:], *circle[:first]]
            shown = " → ".join(name_or(name, "another") for name in [*circle, circle[0]])
            section = self._parts.dependencies[circle[-1]]
            places = placed(section.needs if section else ())
            place = next((place for place, need in places if need == circle[0]), ())
            message = f"`needs` goes in a circle, {shown}: one of these must not need the next"
            self._problems.at_value(("dependencies", circle[-1], "needs", *place), message)
            graph[circle[-1]] = [need for need in graph[circle[-1]] if need != circle[0]]

    def _when(self, path: Path, when: WhenSection) -> None:
        self._names((*path, "dependencies"), when.dependencies, "dependency", self._parts.dependencies)
        for key in when.measure:
            self._measure((*path, "measure", key), key)
        for below, condition in when.within():
            self._when((*path, *below), condition)
        if self._tags_known:
            self._tags_of(path, when)

    def _measure(self, path: Path, key: str) -> None:
        """A dependency that gives one value, a measurement of it, or a measurement of the one that is classified."""
        first, second = split_measure(key)
        if second:
            self._name(path, first, "dependency", self._parts.dependencies)
        if first in self._parts.dependencies and not second:
            section = self._parts.dependencies[first]
            if section is not None and section.probe != "prometheus":
                shown = self._problems.name(path, first)
                message = f"{shown} has more than one value: name a measurement of it, `NAME.MEASUREMENT`"
                self._problems.at_key(path, message)
        elif not is_measurement(second or first):
            message = "expected a measurement such as `redis_clients_used_ratio`, or the name of a dependency"
            self._problems.at_key(path, message)

    def _tags_of(self, path: Path, when: WhenSection) -> None:
        for index, wanted in enumerate(when.tags):
            self._tag((*path, "tags", index), wanted)
        if when.down is not None:
            for quantifier, tag in (("all", when.down.all), ("any", when.down.any)):
                if tag is not None:
                    self._tag((*path, "down", quantifier), tag)
        if when.affected is not None and when.affected.of is not None:
            self._tag((*path, "affected", "of"), when.affected.of)

    def _windows(self) -> None:
        for index, window in enumerate(self._parts.maintenance):
            if window is not None:
                self._window(("maintenance", index), window)

    def _window(self, path: Path, window: MaintenanceSection) -> None:
        self._names((*path, "dependencies"), window.dependencies, "dependency", self._parts.dependencies)
        for index, wanted in enumerate(window.tags if self._tags_known else ()):
            self._tag((*path, "tags", index), wanted)

    def _tag(self, path: Path, tag: str) -> None:
        if tag not in self._tags:
            hint = did_you_mean(tag, self._tags_to_show)
            self._problems.at_value(path, f"no dependency has the tag {self._problems.name(path, tag)}{hint}")

    def _steps(self, path: Path, steps: tuple[ReadStep | None, ...]) -> None:
        for index, step in enumerate(steps):
            if isinstance(step, EscalateSection):
                self._name((*path, index, "to"), step.to, "contact", self._parts.contacts)
            elif step is not None:
                self._helps((*path, index, "when"), step.section.when, (step,))
                self._also((*path, index, "also"), step)

    def _also(self, path: Path, step: Acting) -> None:
        """What is restarted along with another one's container has one itself."""
        also = step.section.also
        if also and not step.kind.takes_along:
            can = "only a step that does docker.restart takes others along"
            self._problems.at_key(path, f"{step.section.do} leaves the containers of others alone: {can}")
        elif not isinstance(also, str):
            self._names(path, also, "dependency", self._parts.dependencies)
            for index, name in enumerate(also):
                section = self._parts.dependencies.get(name)
                if section is not None and section.container is None:
                    shown = self._problems.name((*path, index), name)
                    self._problems.at_value((*path, index), f"{shown} has no `container` that could be restarted")

    def _helps(self, path: Path, when: WhenSection | StepWhenSection, steps: tuple[ReadStep | None, ...]) -> None:
        """An action is done only where it can help: a remedy or a step that is for anything else would never act."""
        for index, category in enumerate(when.category):
            self._help((*path, "category", index), "category", category.value, category, steps)
        for index, reason in enumerate(when.reason):
            self._help((*path, "reason", index), "reason", reason.value, reason.category, steps)

    def _help(self, path: Path, key: str, value: str, category: Category, steps: tuple[ReadStep | None, ...]) -> None:
        if category in helped(steps):
            return
        useless = next((step.section.do for step in actions_of(steps) if category not in step.kind.helps), None)
        what = f"{useless} does not help" if useless else "there is nothing to tell"
        shown, can = self._problems.name(path, value), either(sorted(helped(steps)))
        self._problems.at_value(path, f"{what} when the {key} is {shown}: only {can} may be remedied")


def _circle(graph: Mapping[str, Iterable[str]]) -> list[str]:
    """One circle, each name followed by one that it needs; empty when there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        names: list[str] = error.args[1][1:]
        return names[::-1]
    return []
