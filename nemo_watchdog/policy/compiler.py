"""Checked parts become the `Policy` that the engine reads: defaults filled in, everything in base units."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from nemo_watchdog.model import CONTAINER, Autonomy, Category, Health, Severity, Target
from nemo_watchdog.policy.policy import (
    ActionStep,
    Backoff,
    Condition,
    Dependency,
    EscalateStep,
    Limits,
    Policy,
    Remedy,
    Rule,
    SeveritySpec,
    Step,
    TagQuantifier,
)
from nemo_watchdog.policy.references import Parts
from nemo_watchdog.policy.sections import (
    DAY,
    HOUR,
    MINUTE,
    AlertmanagerSection,
    DependencySection,
    DownSection,
    EscalateSection,
    LimitsSection,
    Pace,
    RemedySection,
    RestartSection,
    WhenSection,
)

START_ALLOWANCE = 60.0
"""Seconds that an action may take beyond its stop timeout, for the start, unless the policy says otherwise."""

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
    Rule("data-at-risk", Severity.SEV1, Condition(category=frozenset({Category.INTEGRITY}))),
    Rule("down", Severity.SEV2, Condition(health=frozenset({Health.DOWN}))),
    Rule("degraded", Severity.SEV3, Condition(health=frozenset({Health.DEGRADED}))),
    Rule("anything-else", Severity.SEV4),
)
"""A policy without `classification` has these."""

_LADDER = (Autonomy.OBSERVE, Autonomy.SUGGEST, Autonomy.ACT)


def compile_policy(
    parts: Parts,
    options: Mapping[str, Any],
    *,
    autonomy: Autonomy,
    pace: Pace | None,
    limits: LimitsSection | None,
    alertmanager: AlertmanagerSection | None,
) -> Policy:
    """The policy of parts in which no problem was found."""
    severities = {
        severity: SeveritySpec(section.title, section.respond_within, tuple(dict.fromkeys(section.notify)))
        for severity, section in sorted(parts.severities.items())
        if section
    }
    rules = tuple(
        Rule(rule.name, rule.severity, _condition(rule.when), tuple(dict.fromkeys(rule.notify)))
        for rule in parts.classification or ()
        if rule
    )
    return Policy(
        dependencies=MappingProxyType(
            {
                name: _dependency(
                    name,
                    section,
                    options[name],
                    autonomy,
                    pace or Pace(),
                    _targets(section, parts.remedies.get(section.remedy or "")),
                )
                for name, section in parts.dependencies.items()
                if section
            }
        ),
        severities=MappingProxyType(severities or dict(RUNBOOK_SEVERITIES)),
        classification=PLAIN_RULES if parts.classification is None else rules,
        remedies=MappingProxyType({name: _remedy(name, item) for name, item in parts.remedies.items() if item}),
        limits=Limits(limits.budget, limits.concurrent_actions) if limits else Limits(),
        autonomy=autonomy,
        contacts=MappingProxyType(
            {name: tuple(url for url in item.root if url) for name, item in parts.contacts.items() if item}
        ),
        alertmanager=tuple(alertmanager.root) if alertmanager else (),
    )


def _dependency(
    name: str,
    section: DependencySection,
    options: Any,
    ceiling: Autonomy,
    pace: Pace,
    targets: Mapping[str, Target],
) -> Dependency:
    return Dependency(
        name=name,
        probe=section.probe,
        options=options,
        container=section.container,
        needs=tuple(dict.fromkeys(section.needs)),
        tags=frozenset(section.tags),
        remedy=section.remedy,
        autonomy=min(ceiling, section.autonomy, key=_LADDER.index),
        interval=pace.interval if section.interval is None else section.interval,
        confirm_interval=pace.confirm_interval if section.confirm_interval is None else section.confirm_interval,
        timeout=pace.timeout if section.timeout is None else section.timeout,
        down_after=section.down_after or pace.down_after,
        up_after=section.up_after or pace.up_after,
        startup_grace=pace.startup_grace if section.startup_grace is None else section.startup_grace,
        targets=MappingProxyType(targets),
    )


def _remedy(name: str, section: RemedySection) -> Remedy:
    when = section.when if section.when.category else section.when.model_copy(update={"category": [Category.FAULT]})
    keys = step_keys(section.steps)
    steps = tuple(_step(step, key) for step, key in zip(section.steps, keys, strict=True))
    return Remedy(name, steps, section.budget, _condition(when))


def step_keys(steps: Iterable[RestartSection | EscalateSection]) -> list[str]:
    """What each step is known by over reloads: what it does, and which of those it is (`docker.restart#2`)."""
    seen: Counter[str] = Counter()
    keys = []
    for step in steps:
        name = f"escalate {step.to}" if isinstance(step, EscalateSection) else step.do
        seen[name] += 1
        keys.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return keys


def _targets(section: DependencySection, remedy: RemedySection | None) -> dict[str, Target]:
    if remedy is None or section.container is None:
        return {}
    return {
        key: Target(CONTAINER, section.container)
        for step, key in zip(remedy.steps, step_keys(remedy.steps), strict=True)
        if not isinstance(step, EscalateSection)
    }


def _step(section: RestartSection | EscalateSection, key: str) -> Step:
    if isinstance(section, EscalateSection):
        return EscalateStep(section.to, key)
    backoff = section.backoff
    return ActionStep(
        action=section.do,
        key=key,
        options=section,
        attempts=section.attempts,
        backoff=Backoff(backoff.initial, backoff.factor, backoff.max, backoff.jitter),
        verify_within=section.verify_within,
        timeout=section.stop_timeout + START_ALLOWANCE if section.timeout is None else section.timeout,
    )


def _condition(when: WhenSection) -> Condition:
    return Condition(
        health=frozenset(when.health),
        category=frozenset(when.category),
        reason=frozenset(reason.value for reason in when.reason),
        tags=frozenset(when.tags),
        dependencies=frozenset(when.dependencies),
        down=_quantifier(when.down),
    )


def _quantifier(down: DownSection | None) -> TagQuantifier | None:
    if down is None:
        return None
    return TagQuantifier("all", down.all) if down.all is not None else TagQuantifier("any", down.any or "")
