"""What is valid but unwise: a policy with advice works, yet part of it does not do what its author seems to want."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nemo_watchdog.durations import duration
from nemo_watchdog.model import Autonomy
from nemo_watchdog.policy.lint_groups import groups_advice
from nemo_watchdog.policy.lint_measures import lint_measures
from nemo_watchdog.policy.lint_rotas import rotas_advice
from nemo_watchdog.policy.lint_rules import category_of, lint_rules
from nemo_watchdog.policy.people import Contact
from nemo_watchdog.policy.policy import ActionStep, Backoff, Dependency, EscalateStep, Policy, Remedy
from nemo_watchdog.policy.problems import either
from nemo_watchdog.policy.windows import never_ends
from nemo_watchdog.ports import Catalog


@dataclass(frozen=True, slots=True)
class Advice:
    """`path` is like `remedies.restart-container.steps[0]`."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


def lint(policy: Policy, catalog: Catalog | None = None) -> list[Advice]:
    """Advice on a valid policy, section by section; with the catalog also about measurements that no probe makes."""
    return [
        *_looks(policy),
        *(Advice(path, message) for path, message in groups_advice(policy)),
        *(Advice(path, message) for path, message in lint_rules(policy)),
        *(Advice(path, message) for path, message in (lint_measures(policy, catalog) if catalog is not None else ())),
        *(advice for remedy in policy.remedies.values() for advice in _remedy(policy, remedy)),
        *_windows(policy),
        *_storm(policy),
        *_retention(policy),
        *_untold(policy),
        *_contacts(policy),
        *(Advice(path, message) for path, message in rotas_advice(policy.contacts)),
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


def _retention(policy: Policy) -> Iterator[Advice]:
    kept = policy.retention
    if kept.evidence > kept.records:
        message = f"evidence outlives the incident that it is of: `records` is {duration(kept.records)}"
        yield Advice("retention.evidence", message)


def _storm(policy: Policy) -> Iterator[Advice]:
    storm = policy.limits.storm
    if storm is None or storm.of is None:
        return
    carry = sum(storm.of in dependency.tags for dependency in policy.dependencies.values())
    if carry < storm.least:
        message = f"there is never a storm: `least` is {storm.least}, and {carry} carry the tag `{storm.of}`"
        yield Advice("limits.storm", message)


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
        yield from _acting(policy, remedy, step, f"{path}.steps[{index}]", users)


def _acting(policy: Policy, remedy: Remedy, step: ActionStep, path: str, users: list[Dependency]) -> Iterator[Advice]:
    if why := _never_for(remedy, step) or _never_helped(remedy, step):
        yield Advice(f"{path}.when", f"this step is never taken: {why}")
    if name := _observed_only(policy, step):
        message = f"this step is never done: it restarts {name} along, whose `autonomy` is `observe`"
        yield Advice(f"{path}.also", message)
    waits = _waits(step.backoff, step.attempts)
    if waits > remedy.budget.window:
        message = (
            f"between its {step.attempts} attempts it waits {duration(waits)} in all, longer than the "
            f"budget's {duration(remedy.budget.window)}: the budget refills and never ends it"
        )
        yield Advice(f"{path}.backoff", message)
    for user in users:
        if step.verify_within < user.startup_grace:
            message = (
                f"`{user.name}` may take {duration(user.startup_grace)} to start (`startup_grace`), and the "
                f"attempt counts as failed after {duration(step.verify_within)}: give it longer"
            )
            yield Advice(f"{path}.verify_within", message)


def _never_for(remedy: Remedy, step: ActionStep) -> str:
    """Why the remedy comes to nothing that the step is for; empty where it does."""
    reasons, kinds = step.when.reason, step.when.category
    if remedy.when.reason and reasons and not reasons & remedy.when.reason:
        return "its remedy is for none of these reasons"
    of_reasons = {category_of(reason) for reason in reasons}
    if reasons and kinds and not of_reasons & kinds:
        return "none of these reasons is of that category"
    if (reasons or kinds) and not (of_reasons or kinds) & remedy.when.category:
        return f"its remedy is for what is {either(sorted(remedy.when.category))} only"
    return ""


def _observed_only(policy: Policy, step: ActionStep) -> str:
    """One of those that its `also` lists; empty where the policy lets the watchdog act on all of them."""
    names = () if isinstance(step.also, str) else step.also
    if policy.autonomy is Autonomy.OBSERVE:
        return ""
    return next((name for name in names if policy.dependencies[name].autonomy is Autonomy.OBSERVE), "")


def _never_helped(remedy: Remedy, step: ActionStep) -> str:
    """Why what it asks of its own past can never come true; empty where it can."""
    helped = step.when.helped
    if helped is None or helped.holds(0):
        return ""
    alike = [each for each in remedy.steps if isinstance(each, ActionStep) and each.digest == step.digest]
    if any(each.action == step.action and (each.when.helped is None or each.when.helped.holds(0)) for each in alike):
        return ""
    return f"it must have helped {helped.written} times before, and nothing else in this remedy does the same"


def _waits(backoff: Backoff, attempts: int) -> float:
    """Seconds between the first attempt and the last, without jitter."""
    return sum(min(backoff.max, backoff.initial * backoff.factor**number) for number in range(attempts - 1))


def _windows(policy: Policy) -> Iterator[Advice]:
    for index, window in enumerate(policy.maintenance):
        if never_ends(window):
            message = (
                f"`{window.name}` never ends: it begins anew before its {duration(window.duration)} are over; "
                "what it is of is never healed, and nobody is told"
            )
            yield Advice(f"maintenance[{index}]", message)
        if window.public is not None and not _concerns_users(policy, window.dependencies):
            message = (
                f"users are told of `{window.name}`, and nothing that is published needs what it is of: "
                "give a dependency `public: {name: ...}`, or leave `public` out here"
            )
            yield Advice(f"maintenance[{index}].public", message)


def _concerns_users(policy: Policy, names: frozenset[str]) -> bool:
    """Whether something that is published is one of these, or needs one of them, directly or not."""
    wanted = [name for name, spec in policy.dependencies.items() if spec.public is not None]
    seen = set(wanted)
    for name in wanted:
        spec = policy.dependencies[name]
        near = {each for need in (spec.needs, *spec.needs_any) for each in need} - seen
        seen |= near
        wanted += near
    return not seen.isdisjoint(names)


def _untold(policy: Policy) -> Iterator[Advice]:
    """What nobody hears of helps nobody; who is told when a remedy gives up wants to hear of the outage before."""
    if _notified(policy) or policy.alertmanager:
        return
    if _named_by_steps(policy):
        message = "nobody is told of an incident before its remedy gives up: give SEV1 and SEV2 a `notify`"
        yield Advice("severities", message)
    elif not policy.contacts:
        message = (
            "nobody is told of any incident: name a contact with an address under `contacts` and give SEV1 and SEV2 "
            "a `notify` under `severities`, or name an `alertmanager`"
        )
        yield Advice("contacts", message)


def _notified(policy: Policy) -> set[str]:
    of_severities = {name for severity in policy.severities.values() for name in severity.notify}
    of_severities |= {each.to for severity in policy.severities.values() for each in severity.escalate}
    return of_severities | {name for rule in policy.classification for name in rule.notify}


def _named_by_steps(policy: Policy) -> set[str]:
    steps = [step for remedy in policy.remedies.values() for step in remedy.steps]
    return {step.to for step in steps if isinstance(step, EscalateStep)}


def _turns(contact: Contact) -> tuple[str, ...]:
    return contact.rota.people if contact.rota is not None else ()


def _contacts(policy: Policy) -> Iterator[Advice]:
    told = _notified(policy) | _named_by_steps(policy)
    in_turns = {person for each in policy.contacts.values() for person in _turns(each)}
    told |= in_turns | {each.fallback for each in policy.contacts.values()}
    for name, contact in policy.contacts.items():
        if name not in told:
            yield Advice(f"contacts.{name}", "nobody tells this contact anything: no `notify` and no `to` names it")
        elif not contact.addresses and contact.rota is None and name not in in_turns:
            yield Advice(f"contacts.{name}", "this contact has no address: what it should be told is only logged")
