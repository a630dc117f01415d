"""Text becomes a `Policy`, or a `PolicyError` with every problem at once. Nothing in between gets out.

Each entry is checked by itself, so that a mistake in one hides no mistake in another. A dependency and a step are read
in two phases: the keys that all of them share, then the rest by the options model of the probe or the action.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic_core import PydanticCustomError

from nemo_watchdog.errors import PolicyError, PolicyProblem
from nemo_watchdog.model import Severity
from nemo_watchdog.policy.alertmanagers import AlertmanagerSection
from nemo_watchdog.policy.compiler import compile_policy
from nemo_watchdog.policy.contacts import ContactSection
from nemo_watchdog.policy.deadman import DeadmanSection
from nemo_watchdog.policy.discovered import Discovered, Labels, blamed, discover
from nemo_watchdog.policy.document import START, Document, read_document
from nemo_watchdog.policy.document import Path as Where
from nemo_watchdog.policy.fields import check_name
from nemo_watchdog.policy.files import read_text
from nemo_watchdog.policy.known_secrets import redactor_of
from nemo_watchdog.policy.maintenance import MaintenanceSection
from nemo_watchdog.policy.own_options import ask, find, missing, own, shared
from nemo_watchdog.policy.policy import Policy
from nemo_watchdog.policy.problems import Problems, did_you_mean
from nemo_watchdog.policy.references import Parts, check_references
from nemo_watchdog.policy.retention import RetentionSection
from nemo_watchdog.policy.sections import (
    DependencySection,
    LimitsSection,
    Model,
    ProbeDefaults,
    RemedySection,
    RuleSection,
    SeveritySection,
    TopSection,
)
from nemo_watchdog.policy.selectors import Selected, select
from nemo_watchdog.policy.steps import read_steps
from nemo_watchdog.policy.suggestions import SuggestionsSection
from nemo_watchdog.policy.targets import find_targets
from nemo_watchdog.policy.telling import NotificationsSection
from nemo_watchdog.policy.templates import read_templates
from nemo_watchdog.ports import Catalog, ProbeKind

Named = TypeVar("Named", RuleSection, MaintenanceSection)

DEPENDENCY_KEYS = tuple(DependencySection.model_fields)
"""The keys that every dependency may have: no option of a probe has the name of one."""


def load_policy(
    path: Path, catalog: Catalog, *, environ: Mapping[str, str], labelled: Mapping[str, Labels] | None = None
) -> Policy:
    """The policy in a file; raises `PolicyError`, also when the file cannot be read. Reads the disk: it may block.

    `labelled` are the containers that `discover: labels` finds, with their labels.
    """
    file = str(path)
    policy = parse_policy(read_text(path), file, catalog, environ=environ, labelled=labelled)
    return replace(policy, templates=read_templates(path, policy.contacts))


def parse_policy(
    text: str,
    file: str,
    catalog: Catalog,
    *,
    environ: Mapping[str, str],
    labelled: Mapping[str, Labels] | None = None,
) -> Policy:
    """The policy in this text; `file` is the name that its problems carry. Raises `PolicyError`."""
    document = read_document(text, environ)
    problems = Problems(file, document)
    policy = None if document.value is None else _Reader(document, problems, catalog, labelled).read()
    if policy is None or document.issues:
        raise PolicyError(problems.found())
    if policy.discovers and labelled:
        policy = _with_labels(policy, document, catalog, labelled)
    return replace(policy, redactor=redactor_of(policy))


def _with_labels(alone: Policy, document: Document, catalog: Catalog, labelled: Mapping[str, Labels]) -> Policy:
    """With what the labels add; a container whose labels cannot be used is left out, and the others are not."""
    taken = {spec.container for spec in alone.dependencies.values()}
    found = discover(document.value, labelled, catalog, taken)
    for _ in labelled:  # each round leaves one out, or is the last
        read = _read_with(found.entries, document, catalog, labelled)
        if isinstance(read, Policy):
            containers = {name: str(entry["container"]) for name, entry in found.entries.items()}
            return replace(read, discovered=containers, unused_labels=found.problems)
        found = found.without(blamed(found, read) or _each_alone(found, document, catalog, labelled))
    return replace(alone, unused_labels=found.problems)


def _read_with(
    entries: Mapping[str, Mapping[str, Any]], document: Document, catalog: Catalog, labelled: Mapping[str, Labels]
) -> Policy | list[PolicyProblem]:
    """The policy of the document and these dependencies, or what is wrong with that."""
    merged = _merged(document, entries)
    problems = Problems("", merged)
    return _Reader(merged, problems, catalog, labelled).read() or problems.found()


def _each_alone(
    found: Discovered, document: Document, catalog: Catalog, labelled: Mapping[str, Labels]
) -> dict[str, str]:
    """Those that make the file wrong elsewhere, such as by a name that a rule takes for a measurement."""
    wrong = {}
    for name, entry in found.entries.items():
        read = _read_with({name: entry}, document, catalog, labelled)
        if not isinstance(read, Policy):
            wrong[name] = f"container {entry['container']}: as {name} it makes the policy wrong: {read[0].message}"
    return wrong


def read_written(path: Path) -> Any:
    """What a policy file says, as plain values with expansions as they are written; nothing is checked beyond YAML.

    Raises `PolicyError`, also when the file cannot be read.
    """
    document = read_document(read_text(path), None)
    if document.issues:
        raise PolicyError(Problems(str(path), document).found())
    return document.value


def _merged(document: Document, entries: Mapping[str, Mapping[str, Any]]) -> Document:
    """The document with these dependencies as well: they stand nowhere in the file, and their keys are known."""
    dependencies = {**(document.value["dependencies"] or {}), **entries}
    below = (path for name, entry in entries.items() for path in _paths(entry, ("dependencies", name)))
    return replace(
        document,
        value={**document.value, "dependencies": dependencies},
        keys={**document.keys, **dict.fromkeys(below, START)},
    )


def _paths(value: Any, path: Where) -> Iterator[Where]:
    """Of a value and of all that is in it."""
    yield path
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _paths(item, (*path, key))


class _Reader:
    def __init__(
        self, document: Document, problems: Problems, catalog: Catalog, labelled: Mapping[str, Labels] | None
    ) -> None:
        self._document = document
        self._problems = problems
        self._catalog = catalog
        self._labelled = labelled
        self._selected: dict[str, Selected] = {}
        self._raw: dict[str, Any] = {}

    def read(self) -> Policy | None:
        """The policy, or None when there are problems."""
        if not isinstance(self._document.value, dict):
            self._problems.at_value((), "a policy is a mapping that begins with `version: 1`")
            return None
        self._raw = self._document.value
        top = self._problems.check(TopSection, self._raw, ())
        defaults = self._optional(ProbeDefaults, "defaults")
        limits = self._optional(LimitsSection, "limits")
        dependencies = {name: self._dependency(name, value) for name, value in self._entries("dependencies")}
        options = {name: self._options(name, value) for name, value in self._entries("dependencies")}
        discovers = top is not None and top.discover is not None
        if not dependencies and not discovers and "dependencies" in self._raw:
            self._problems.at_key(("dependencies",), "nothing to watch: name at least one dependency")
        remedies = self._entries("remedies")
        steps = {
            name: read_steps(value, ("remedies", name), self._catalog.actions, self._problems)
            for name, value in remedies
        }
        parts = Parts(
            dependencies=dependencies,
            severities=self._severities(),
            classification=self._rules(),
            remedies=self._models(RemedySection, "remedies"),
            steps=steps,
            targets=find_targets(dependencies, steps, self._problems),
            contacts=self._models(ContactSection, "contacts"),
            maintenance=tuple(self._named(MaintenanceSection, "maintenance", "window", "people know it by that")),
            limits=limits,
            discovers=discovers,
            selected=self._selected,
        )
        check_references(parts, self._problems)
        alertmanager = self._optional(AlertmanagerSection, "alertmanager")
        deadman = self._optional(DeadmanSection, "deadman")
        notifications = self._optional(NotificationsSection, "notifications")
        retention = self._optional(RetentionSection, "retention")
        suggestions = self._optional(SuggestionsSection, "suggestions")
        if top is None or self._problems.found():
            return None
        compiled = compile_policy(
            parts,
            options,
            autonomy=top.autonomy,
            defaults=defaults,
            limits=limits,
            alertmanager=alertmanager,
            deadman=deadman,
            notifications=notifications,
            retention=retention,
            suggestions=suggestions,
        )
        return replace(compiled, discovers=discovers, document=self._raw)

    def _optional(self, model: type[Model], key: str) -> Model | None:
        value = self._raw.get(key)
        return None if value is None else self._problems.check(model, value, (key,))

    def _entries(self, key: str) -> list[tuple[str, Any]]:
        """The entries of a section that maps names; a section with nothing in it is as good as none."""
        value = self._raw.get(key)
        if isinstance(value, dict):
            return list(value.items())
        if value is not None:
            self._problems.at_value((key,), "expected a mapping of names to entries")
        return []

    def _models(self, model: type[Model], key: str) -> dict[str, Model | None]:
        result = {}
        for name, value in self._entries(key):
            self._check_name((key, name), name)
            result[name] = self._problems.check(model, value, (key, name))
        return result

    def _check_name(self, path: Where, name: str) -> None:
        try:
            check_name(name)
        except PydanticCustomError as error:
            self._problems.at_key(path, error.message())

    def _dependency(self, name: str, value: Any) -> DependencySection | None:
        path = ("dependencies", name)
        self._check_name(path, name)
        if not isinstance(value, dict):
            return self._problems.check(DependencySection, value, path)
        common = shared(value, DEPENDENCY_KEYS)
        rest = own(value, DEPENDENCY_KEYS)
        if "probe" not in value:
            common["probe"] = ""  # what is missing is told here
            if meant := difflib.get_close_matches("probe", rest, n=1):
                self._problems.at_key((*path, meant[0]), "unknown key: did you mean `probe`?")
            else:
                self._problems.at_value((*path, "probe"), missing("what looks at it", self._catalog.probes))
        section = self._problems.check(DependencySection, common, path)
        if section is None or section.container is None:
            return section
        selected = self._selected[name] = select(section.container, self._labelled)
        return section.model_copy(update={"container": selected.container})

    def _options(self, name: str, value: Any) -> Any:
        """The probe's own options, checked by its model; None when there is none to check them."""
        if not isinstance(value, dict):
            return None
        path = ("dependencies", name)
        place = (*path, "probe")
        kind = find(self._catalog.probes, "probe", value.get("probe"), place, self._problems)
        if kind is None:
            return None
        return ask(lambda: self._checked_by(kind, value, path), "probe", place, self._problems)

    def _checked_by(self, kind: ProbeKind, value: Mapping[str, Any], path: Where) -> Any:
        model = kind.options
        if getattr(model, "needs_container", False) and value.get("container") is None:
            message = f"the probe {value['probe']} looks at a container: give the dependency's `container`"
            self._problems.at_value((*path, "probe"), message)
        for option in getattr(model, "need_container", ()):
            if value.get(option) and value.get("container") is None:
                message = "it looks into a container: give the dependency's `container`"
                self._problems.at_value((*path, option), message)
        return self._problems.check(model, own(value, DEPENDENCY_KEYS), path, also_known=DEPENDENCY_KEYS)

    def _severities(self) -> dict[Severity, SeveritySection | None]:
        entries = self._entries("severities")
        given = {}
        for name, value in entries:
            if name not in list(Severity):
                hint = did_you_mean(name, [severity.value for severity in Severity])
                self._problems.at_key(("severities", name), f"there is no such severity{hint}")
                continue
            given[Severity(name)] = self._problems.check(SeveritySection, value, ("severities", name))
        missing = [f"`{severity}`" for severity in Severity if severity not in given]
        if missing and self._raw.get("severities") is not None:
            message = f"without {', '.join(missing)}: give all four, or leave `severities` out"
            self._problems.at_key(("severities",), message)
        return given

    def _rules(self) -> tuple[RuleSection | None, ...] | None:
        if self._raw.get("classification") is None:
            return None
        return tuple(self._named(RuleSection, "classification", "rule", "people know the rule by it"))

    def _named(self, model: type[Named], key: str, what: str, why: str) -> Iterator[Named | None]:
        """The entries of a section that is a list, each with a name of its own."""
        value = self._raw.get(key)
        if value is not None and not isinstance(value, list):
            self._problems.at_value((key,), f"expected a list of {what}s: begin each with `- name:`")
            return
        names: set[str] = set()
        for index, item in enumerate(value or ()):
            entry = self._problems.check(model, item, (key, index))
            if entry and entry.name in names:
                self._problems.at_value((key, index, "name"), f"another {what} has this name already: {why}")
            if entry:
                names.add(entry.name)
            yield entry
