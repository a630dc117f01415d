"""What one part of a policy says of another must be true: every name that is used exists and makes sense there.

A part that has a mistake of its own counts by its name, so that one mistake is not told twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from nemo_watchdog.model import Category, Severity
from nemo_watchdog.policy.document import Path
from nemo_watchdog.policy.problems import Problems, did_you_mean, either
from nemo_watchdog.policy.sections import (
    ContactSection,
    DependencySection,
    EscalateSection,
    RemedySection,
    RuleSection,
    SeveritySection,
)
from nemo_watchdog.policy.showing import name_or, names_among
from nemo_watchdog.policy.steps import ReadStep, actions_of, helped
from nemo_watchdog.policy.targets import Targets
from nemo_watchdog.policy.when import WhenSection

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
    storm_of: str | None = None
    """The tag at `limits.storm.of`."""


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
        self._tags_known = None not in parts.dependencies.values()

    def check(self) -> None:
        for name, dependency in self._parts.dependencies.items():
            if dependency is not None:
                self._dependency(("dependencies", name), dependency)
        self._circles()
        if self._parts.storm_of is not None and self._tags_known:
            self._tag(("limits", "storm", "of"), self._parts.storm_of)
        for severity, section in self._parts.severities.items():
            if section is not None:
                self._names(("severities", severity.value, "notify"), section.notify, "contact", self._parts.contacts)
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

    def _name(self, path: Path, name: str, what: str, known: Iterable[str]) -> None:
        names = list(known)
        if name not in names:
            hint = did_you_mean(name, names_among(names), otherwise="" if names else ": the policy has none")
            self._problems.at_value(path, f"there is no {what} {self._problems.name(path, name)}{hint}")

    def _names(self, path: Path, names: Iterable[str], what: str, known: Iterable[str]) -> None:
        for index, name in enumerate(names):
            self._name((*path, index), name, what, known)

    def _dependency(self, path: Path, section: DependencySection) -> None:
        self._names((*path, "needs"), section.needs, "dependency", self._parts.dependencies)
        if section.remedy is not None:
            self._name((*path, "remedy"), section.remedy, "remedy", self._parts.remedies)

    def _circles(self) -> None:
        """Circles of `needs`, each told once, at the need that closes it."""
        order = list(self._parts.dependencies)
        graph = {
            name: [need for need in (section.needs if section else ()) if need in self._parts.dependencies]
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
            place = section.needs.index(circle[0]) if section else 0
            message = f"`needs` goes in a circle, {shown}: one of these must not need the next"
            self._problems.at_value(("dependencies", circle[-1], "needs", place), message)
            graph[circle[-1]] = [need for need in graph[circle[-1]] if need != circle[0]]

    def _when(self, path: Path, when: WhenSection) -> None:
        self._names((*path, "dependencies"), when.dependencies, "dependency", self._parts.dependencies)
        if not self._tags_known:
            return
        for index, wanted in enumerate(when.tags):
            self._tag((*path, "tags", index), wanted)
        if when.down is not None:
            for quantifier, tag in (("all", when.down.all), ("any", when.down.any)):
                if tag is not None:
                    self._tag((*path, "down", quantifier), tag)

    def _tag(self, path: Path, tag: str) -> None:
        if tag not in self._tags:
            hint = did_you_mean(tag, self._tags_to_show)
            self._problems.at_value(path, f"no dependency has the tag {self._problems.name(path, tag)}{hint}")

    def _steps(self, path: Path, steps: tuple[ReadStep | None, ...]) -> None:
        for index, step in enumerate(steps):
            if isinstance(step, EscalateSection):
                self._name((*path, index, "to"), step.to, "contact", self._parts.contacts)
        if not helped(steps):
            message = "no failure is one that all of these actions help with: make a remedy of each"
            self._problems.at_value(path, message)

    def _helps(self, path: Path, when: WhenSection, steps: tuple[ReadStep | None, ...]) -> None:
        """An action is done only where it can help, so a remedy that is for anything else would never act."""
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
