"""What each acting step of a remedy acts on, for each dependency that uses it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nemo_watchdog.model import CONTAINER, Target
from nemo_watchdog.policy.own_options import ask
from nemo_watchdog.policy.problems import Problems
from nemo_watchdog.policy.sections import DependencySection
from nemo_watchdog.policy.showing import name_or
from nemo_watchdog.policy.steps import Acting, ReadStep, step_keys
from nemo_watchdog.ports import Subject

Targets = Mapping[str, Target]
"""By the key of the step."""

LONGEST_NAME = 4096


def find_targets(
    dependencies: Mapping[str, DependencySection | None],
    steps: Mapping[str, Sequence[ReadStep | None]],
    problems: Problems,
) -> dict[str, Targets]:
    """The targets of each dependency; what is missing at one, or shared by two that must not, is a problem."""
    acting = {
        remedy: [(key, step) for key, step in zip(step_keys(each), each, strict=True) if isinstance(step, Acting)]
        for remedy, each in steps.items()
    }
    found: dict[str, Targets] = {}
    for name, section in dependencies.items():
        if section is not None and section.remedy is not None:
            found[name] = _targets(name, section, acting.get(section.remedy, ()), problems)
    _check_shared(dependencies, found, problems)
    return found


def _targets(name: str, section: DependencySection, steps: Sequence[tuple[str, Acting]], problems: Problems) -> Targets:
    targets = {}
    path, subject = ("dependencies", name, "remedy"), Subject(name, section.container_name)
    for key, step in steps:
        missing = [need for need in step.kind.needs if not getattr(section, need)]
        for need in missing:
            message = f"this remedy does {step.section.do}, and the dependency names no {need}: give its `{need}`"
            problems.at_value(path, message)
        if not missing:
            target = ask(lambda step=step: _target(step, subject), "action", path, problems)  # type: ignore[misc]
            if target is not None:
                targets[key] = target
    return targets


def _target(step: Acting, subject: Subject) -> Target:
    name = step.kind.target(step.options, subject)
    if not (isinstance(name, str) and name and name.isprintable() and len(name) <= LONGEST_NAME):
        raise ValueError
    return Target(step.kind.target_kind, name)


def _check_shared(
    dependencies: Mapping[str, DependencySection | None], found: Mapping[str, Targets], problems: Problems
) -> None:
    """Two remedies for one target would undo each other's work and share no budget."""
    first: dict[Target, tuple[str, str | None]] = {}
    for name, section in dependencies.items():
        if section is None or name not in found:
            continue
        own = {Target(CONTAINER, section.container_name)} if section.container_name else set[Target]()
        held = {*found[name].values(), *own}
        for target in sorted(held):
            other, remedy = first.setdefault(target, (name, section.remedy))
            if remedy != section.remedy:
                message = f"{name_or(other, 'another dependency')} has the same {target.kind} with another remedy: "
                problems.at_value(("dependencies", name, "remedy"), f"{message}give both the same, or only one of them")
