"""What is valid but unwise: a policy with advice works, yet part of it does not do what its author seems to want."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nemo_watchdog.durations import duration
from nemo_watchdog.model import Category, Health, Reason, Severity
from nemo_watchdog.policy.policy import (
    CORE_TAG,
    ActionStep,
    Backoff,
    Condition,
    Dependency,
    EscalateStep,
    Policy,
    Remedy,
    TagQuantifier,
)

ANY_BLINDNESS: frozenset[str] = frozenset()
ENGINE_GONE = frozenset({Reason.DOCKER_UNREACHABLE.value})


@dataclass(frozen=True, slots=True)
class Advice:
    """`path` is like `remedies.restart-container.steps[0]`."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


def lint(policy: Policy) -> list[Advice]:
    """Advice on a valid policy, section by section."""
    return [
        *_looks(policy),
        *_rules(policy),
        *(advice for remedy in policy.remedies.values() for advice in _remedy(policy, remedy)),
        *_storm(policy),
        *_untold(policy),
        *_contacts(policy),
    ]


def _looks(policy: Policy) -> Iterator[Advice]:
    for name, dependency in policy.dependencies.items():
        path = f"dependencies.{name}"
        interval, timeout = duration(dependency.interval), duration(dependency.timeout)
        if dependency.timeout >= dependency.interval:
            message = f"a look may take {timeout} and the next is due after {interval}: make the timeout the shorter"
            yield Advice(f"{path}.timeout", message)
        if dependency.confirm_interval > dependency.interval:
            confirm = duration(dependency.confirm_interval)
            message = f"looks come slower while a change is confirmed ({confirm}) than while all is well ({interval})"
            yield Advice(f"{path}.confirm_interval", message)


def _storm(policy: Policy) -> Iterator[Advice]:
    storm = policy.limits.storm
    if storm is None or storm.of is None:
        return
    carry = sum(storm.of in dependency.tags for dependency in policy.dependencies.values())
    if carry < storm.least:
        message = f"there is never a storm: `least` is {storm.least}, and {carry} carry the tag `{storm.of}`"
        yield Advice("limits.storm", message)


def _rules(policy: Policy) -> Iterator[Advice]:
    rules = policy.classification
    for index, rule in enumerate(rules):
        if _never_holds(rule.when):
            message = f"rule `{rule.name}` never holds: none of its reasons has its category"
            yield Advice(f"classification[{index}].when", message)
            continue
        for earlier in rules[:index]:
            if _covers(earlier.when, rule.when):
                why = "always holds" if earlier.when == Condition() else "holds whenever this one does"
                message = f"rule `{rule.name}` is never reached: `{earlier.name}` stands before it and {why}"
                yield Advice(f"classification[{index}]", message)
                break
    if not any(rule.when == Condition() for rule in rules):
        message = "no rule always holds: what none matches counts as SEV4; end with a rule without `when`"
        yield Advice("classification", message)
    yield from _untold_blindness(policy)


def _untold_blindness(policy: Policy) -> Iterator[Advice]:
    """An unwatched database is worth a message, and so is an Engine without which nothing can be healed."""
    if not any(severity.notify for severity in policy.severities.values()):
        return
    watched = policy.dependencies.values()
    core = [each.name for each in watched if CORE_TAG in each.tags and _is_untold(policy, each, ANY_BLINDNESS)]
    engines = [each.name for each in watched if each.probe == "docker" and _is_untold(policy, each, ENGINE_GONE)]
    for names, rule in (
        (core, "{name: core-unseen, when: {category: blind, tags: [core]}, severity: SEV3}"),
        (engines, "{name: actions-held, when: {reason: docker_unreachable}, severity: SEV3}"),
    ):
        if names:
            unseen = ", ".join(f"`{name}`" for name in names)
            message = f"nobody is told when the watchdog cannot see {unseen}: put `{rule}` before what takes it now"
            yield Advice("classification", message)


def _is_untold(policy: Policy, dependency: Dependency, reasons: frozenset[str]) -> bool:
    rule = next((rule for rule in policy.classification if _may_take_blind(rule.when, dependency, reasons)), None)
    severity = policy.severities.get(rule.severity if rule else Severity.SEV4)
    return not (rule and rule.notify) and not (severity and severity.notify)


def _may_take_blind(when: Condition, dependency: Dependency, reasons: frozenset[str]) -> bool:
    """Whether a rule may be the one for this dependency when it cannot be seen for one of these reasons."""
    return (
        when.down is None
        and (not when.reason or bool(when.reason & reasons))
        and (not when.health or Health.UNKNOWN in when.health)
        and (not when.category or Category.BLIND in when.category)
        and (not when.dependencies or dependency.name in when.dependencies)
        and when.tags <= dependency.tags
    )


def _never_holds(when: Condition) -> bool:
    return bool(when.reason and when.category) and not any(_category(name) in when.category for name in when.reason)


def _category(reason: str) -> Category:
    return Reason(reason).category  # type: ignore[call-arg]  # a lookup, which mypy takes for a construction


def _covers(wide: Condition, narrow: Condition) -> bool:
    """Whether `wide` holds in every case in which `narrow` does."""
    categories = narrow.category or frozenset(_category(name) for name in narrow.reason)
    return (
        _within(narrow.health, wide.health)
        and _within(categories, wide.category)
        and _within(narrow.reason, wide.reason)
        and _within(narrow.dependencies, wide.dependencies)
        and wide.tags <= narrow.tags
        and _implied(narrow.down, wide.down)
    )


def _within(narrow: Iterable[str], wide: Iterable[str]) -> bool:
    """No choice given is every choice."""
    narrow, wide = frozenset(narrow), frozenset(wide)
    return not wide or (bool(narrow) and narrow <= wide)


def _implied(narrow: TagQuantifier | None, wide: TagQuantifier | None) -> bool:
    """All down means any down as well."""
    if wide is None or narrow == wide:
        return True
    return narrow is not None and narrow.tag == wide.tag and wide.quantifier == "any"


def _remedy(policy: Policy, remedy: Remedy) -> Iterator[Advice]:
    path = f"remedies.{remedy.name}"
    users = [dependency for dependency in policy.dependencies.values() if dependency.remedy == remedy.name]
    if not users:
        yield Advice(path, "no dependency uses this remedy")
    actions = [(index, step) for index, step in enumerate(remedy.steps) if isinstance(step, ActionStep)]
    last = next((index for index, step in enumerate(remedy.steps) if isinstance(step, EscalateStep)), len(remedy.steps))
    for index in range(last + 1, len(remedy.steps)):
        yield Advice(f"{path}.steps[{index}]", f"this step is never reached: steps[{last}] hands over to a person")
    attempts = sum(step.attempts for _, step in actions)
    for budget, whose in ((remedy.budget, "its budget"), (policy.limits.budget, "the budget of all remedies")):
        if attempts > budget.count:
            yield Advice(f"{path}.steps", f"the steps have {attempts} attempts, and {whose} allows {budget}")
            break
    for index, step in actions:
        waits = _waits(step.backoff, step.attempts)
        if waits > remedy.budget.window:
            message = (
                f"between its {step.attempts} attempts it waits {duration(waits)} in all, longer than the "
                f"budget's {duration(remedy.budget.window)}: the budget refills and never ends it"
            )
            yield Advice(f"{path}.steps[{index}].backoff", message)
        for user in users:
            if step.verify_within < user.startup_grace:
                message = (
                    f"`{user.name}` may take {duration(user.startup_grace)} to start (`startup_grace`), and the "
                    f"attempt counts as failed after {duration(step.verify_within)}: give it longer"
                )
                yield Advice(f"{path}.steps[{index}].verify_within", message)


def _waits(backoff: Backoff, attempts: int) -> float:
    """Seconds between the first attempt and the last, without jitter."""
    return sum(min(backoff.max, backoff.initial * backoff.factor**number) for number in range(attempts - 1))


def _untold(policy: Policy) -> Iterator[Advice]:
    """Who is told when a remedy gives up wants to hear of the outage before."""
    if _notified(policy) or policy.alertmanager or not _named_by_steps(policy):
        return
    message = "nobody is told of an incident before its remedy gives up: give SEV1 and SEV2 a `notify`"
    yield Advice("severities", message)


def _notified(policy: Policy) -> set[str]:
    of_severities = {name for severity in policy.severities.values() for name in severity.notify}
    return of_severities | {name for rule in policy.classification for name in rule.notify}


def _named_by_steps(policy: Policy) -> set[str]:
    steps = [step for remedy in policy.remedies.values() for step in remedy.steps]
    return {step.to for step in steps if isinstance(step, EscalateStep)}


def _contacts(policy: Policy) -> Iterator[Advice]:
    told = _notified(policy) | _named_by_steps(policy)
    for name, addresses in policy.contacts.items():
        if name not in told:
            yield Advice(f"contacts.{name}", "nobody tells this contact anything: no `notify` and no `to` names it")
        elif not addresses:
            yield Advice(f"contacts.{name}", "this contact has no address: what it should be told is only logged")
