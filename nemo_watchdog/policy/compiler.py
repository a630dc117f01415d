"""Checked parts become the `Policy` that the engine reads: defaults filled in, everything in base units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from nemo_watchdog.model import Autonomy, Category, Health, OnCleanExit, Reason, Severity
from nemo_watchdog.policy.alertmanagers import AlertmanagerSection, alertmanagers_of
from nemo_watchdog.policy.condition import Condition, StepCondition
from nemo_watchdog.policy.contacts import compile_contact
from nemo_watchdog.policy.deadman import DeadmanSection, deadman_of
from nemo_watchdog.policy.digest import digest_of
from nemo_watchdog.policy.fields import DAY, HOUR, MINUTE
from nemo_watchdog.policy.maintenance import compile_window
from nemo_watchdog.policy.needs import groups, plain
from nemo_watchdog.policy.policy import (
    CORE_TAG,
    ActionStep,
    Backoff,
    Dependency,
    EscalateStep,
    Limits,
    Policy,
    Remedy,
    Rule,
    SeveritySpec,
    Step,
)
from nemo_watchdog.policy.public import public_of
from nemo_watchdog.policy.references import Parts
from nemo_watchdog.policy.retention import RetentionSection, retention_of
from nemo_watchdog.policy.sections import (
    DependencySection,
    EscalateSection,
    LimitsSection,
    ProbeDefaults,
    RemedySection,
)
from nemo_watchdog.policy.selectors import Selected
from nemo_watchdog.policy.step_when import step_condition_of
from nemo_watchdog.policy.steps import Acting, actions_of, meant, step_keys
from nemo_watchdog.policy.storm import storm_of
from nemo_watchdog.policy.suggestions import SuggestionsSection, suggestions_of
from nemo_watchdog.policy.telling import NotificationsSection, line_of, telling_of
from nemo_watchdog.policy.when import condition_of

RUNBOOK_SEVERITIES: Mapping[Severity, SeveritySpec] = MappingProxyType(
    {
        Severity.SEV1: SeveritySpec("Complete outage", 15 * MINUTE),
        Severity.SEV2: SeveritySpec("Major degradation", 30 * MINUTE),
        Severity.SEV3: SeveritySpec("Minor issue", 4 * HOUR),
        Severity.SEV4: SeveritySpec("Low impact", DAY),
    }
)
"""A policy without `severities` has the response times of the incident runbook, and nobody to tell."""

PLAIN_RULES: tuple[Rule, ...] = (
    Rule("cannot-be-reached", Severity.SEV1, Condition(reason=frozenset({Reason.UNREACHABLE_FROM_HERE.value}))),
    Rule(
        "data-at-risk",
        Severity.SEV1,
        Condition(category=frozenset({Category.INTEGRITY})),
        title="Data or hardware at risk",
    ),
    Rule("down", Severity.SEV2, Condition(health=frozenset({Health.DOWN}))),
    Rule("core-unseen", Severity.SEV3, Condition(category=frozenset({Category.BLIND}), tags=frozenset({CORE_TAG}))),
    Rule("actions-held", Severity.SEV3, Condition(reason=frozenset({Reason.DOCKER_UNREACHABLE.value}))),
    Rule("degraded", Severity.SEV3, Condition(health=frozenset({Health.DEGRADED}))),
    Rule("anything-else", Severity.SEV4),
)
"""A policy without `classification` has these."""

DATA_PROBES = frozenset({"postgres", "redis"})
DATA_OVERLOAD_GRACE = 15 * MINUTE
DATA_TAG = "data"
"""What a dependency that keeps data is known by."""

_LADDER = (Autonomy.OBSERVE, Autonomy.SUGGEST, Autonomy.ACT)


def compile_policy(
    parts: Parts,
    options: Mapping[str, Any],
    *,
    autonomy: Autonomy,
    defaults: ProbeDefaults | None,
    limits: LimitsSection | None,
    alertmanager: AlertmanagerSection | None,
    deadman: DeadmanSection | None = None,
    notifications: NotificationsSection | None = None,
    retention: RetentionSection | None = None,
    suggestions: SuggestionsSection | None = None,
) -> Policy:
    """The policy of parts in which no problem was found."""
    defaults, limits = defaults or ProbeDefaults(), limits or LimitsSection()
    severities = {
        severity: SeveritySpec(
            section.title,
            section.respond_within,
            tuple(dict.fromkeys(section.notify)),
            line_of(section.escalate, section.respond_within),
            section.remind_every,
        )
        for severity, section in sorted(parts.severities.items())
        if section
    }
    rules = tuple(
        Rule(
            rule.name,
            rule.severity,
            condition_of(rule.when, parts.dependencies),
            tuple(dict.fromkeys(rule.notify)),
            rule.title or "",
        )
        for rule in parts.classification or ()
        if rule
    )
    dependencies = {
        name: _dependency(name, section, options[name], autonomy, defaults, parts)
        for name, section in parts.dependencies.items()
        if section
    }
    return Policy(
        dependencies=MappingProxyType(dependencies),
        severities=MappingProxyType(severities or dict(RUNBOOK_SEVERITIES)),
        classification=PLAIN_RULES if parts.classification is None else rules,
        remedies=MappingProxyType({name: _remedy(name, item, parts) for name, item in parts.remedies.items() if item}),
        limits=Limits(
            limits.budget,
            limits.concurrent_actions,
            MappingProxyType(limits.min_healthy),
            storm_of(limits.storm),
            limits.evidence_within,
        ),
        autonomy=autonomy,
        selects=frozenset[str]().union(*(each.keys for each in parts.selected.values())),
        contacts=MappingProxyType({name: compile_contact(item) for name, item in parts.contacts.items() if item}),
        alertmanager=alertmanagers_of(alertmanager),
        deadman=deadman_of(deadman),
        maintenance=tuple(compile_window(each, dependencies) for each in parts.maintenance if each),
        retention=retention_of(retention),
        suggestions=suggestions_of(suggestions),
        telling=telling_of(notifications),
    )


def _dependency(
    name: str,
    section: DependencySection,
    options: Any,
    ceiling: Autonomy,
    defaults: ProbeDefaults,
    parts: Parts,
) -> Dependency:
    selected = parts.selected.get(name, Selected(""))
    return Dependency(
        name=name,
        probe=section.probe,
        options=options,
        container=section.container_name,
        selector=selected.words,
        unselected=selected.why,
        needs=plain(section.needs),
        needs_any=groups(section.needs),
        tags=frozenset(section.tags),
        remedy=section.remedy,
        autonomy=min(ceiling, section.autonomy, key=_LADDER.index),
        interval=defaults.interval if section.interval is None else section.interval,
        confirm_interval=defaults.confirm_interval if section.confirm_interval is None else section.confirm_interval,
        timeout=defaults.timeout if section.timeout is None else section.timeout,
        down_after=section.down_after or defaults.down_after,
        up_after=section.up_after or defaults.up_after,
        startup_grace=defaults.startup_grace if section.startup_grace is None else section.startup_grace,
        learn_startup=defaults.learn_startup if section.learn_startup is None else section.learn_startup,
        busy_for=defaults.busy_for if section.busy_for is None else section.busy_for,
        busy_while=tuple(dict.fromkeys(each.sign for each in section.busy_while)),
        work_for=defaults.work_for if section.work_for is None else section.work_for,
        overload_grace=_overload_grace(section),
        when_unsure=section.when_unsure or defaults.when_unsure,
        flapping=(section.flapping or defaults.flapping).marks(),
        on_clean_exit=section.on_clean_exit or (OnCleanExit.HOLD if keeps_data(section) else OnCleanExit.START),
        public=public_of(section.public),
        digest=digest_of(section.probe, selected.words or section.container_name, options),
        targets=MappingProxyType(dict(parts.targets.get(name, {}))),
        keeps_data=keeps_data(section),
    )


def _overload_grace(section: DependencySection) -> float:
    if section.overload_grace is not None:
        return section.overload_grace
    return DATA_OVERLOAD_GRACE if keeps_data(section) else Dependency("", "", None).overload_grace


def keeps_data(section: DependencySection) -> bool:
    """Whether a start at the wrong moment can cost what it keeps."""
    return section.probe in DATA_PROBES or DATA_TAG in section.tags


def _remedy(name: str, section: RemedySection, parts: Parts) -> Remedy:
    """Its steps know what they are for where that differs: the ladder goes past those that are for something else."""
    steps = parts.steps[name]
    given = frozenset(section.when.category) or frozenset(reason.category for reason in section.when.reason)
    for_each = {id(step): meant(step, given) for step in actions_of(steps)}
    category = given or frozenset[Category]().union(*for_each.values()) or frozenset({Category.FAULT})
    alike = len(set(for_each.values())) < 2
    made: list[Step] = []
    for step, key in zip(steps, step_keys(steps), strict=True):
        if isinstance(step, EscalateSection):
            made.append(EscalateStep(step.to, key))
        elif step is not None:
            only = step_condition_of(step.section.when)
            only = only if alike else replace(only, category=for_each[id(step)])
            made.append(
                replace(_acting(step, key, for_each[id(step)], only), skip_after_useless=section.skip_after_useless)
            )
    when = replace(condition_of(section.when, parts.dependencies), category=category)
    return Remedy(name, tuple(made), section.budget, when)


def _acting(step: Acting, key: str, helps: frozenset[Category], when: StepCondition) -> ActionStep:
    section, kind = step.section, step.kind
    backoff = section.backoff
    return ActionStep(
        action=section.do,
        key=key,
        target_kind=kind.target_kind,
        helps=helps,
        options=step.options,
        attempts=section.attempts,
        backoff=Backoff(backoff.initial, backoff.factor, backoff.max, backoff.jitter),
        verify_within=section.verify_within,
        timeout=step.timeout,
        may_take=step.may_take,
        when=when,
        states=frozenset(kind.states),
        destroys=kind.destroys,
        digest=digest_of(section.do, None, step.options),
        footprint=step.footprint,
        unpauses_after=step.unpauses_after,
        proves_after=step.proves_after,
        reaches_container=kind.reaches_container,
        settles=kind.settles,
        also=section.also if isinstance(section.also, str) else tuple(dict.fromkeys(section.also)),
    )
