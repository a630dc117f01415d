"""A situation as somebody supposes it, in YAML: how each dependency is, and which rule they expect to match.

```yaml
- name: the users notice
  time: 2026-11-26 14:00                # in UTC, or with its offset; left out, Monday 2026-01-05 12:00
  dependencies:
    gateway: {health: down, reason: refused, lasting: 10m}
    redis: down                         # a health alone
    users: {measurements: {prometheus_query_value: 250}}
  expect: many-users                    # of the incident; or {incident: many-users, dependencies: {redis: core-down}}
```

What is not named is up. A reason that is left out is a plain one of the health.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from nemo_watchdog.errors import PolicyError
from nemo_watchdog.model import Health, Reason
from nemo_watchdog.policy.document import Path as Where
from nemo_watchdog.policy.document import read_document
from nemo_watchdog.policy.fields import DAY, Name, Section
from nemo_watchdog.policy.files import read_text
from nemo_watchdog.policy.policy import Policy
from nemo_watchdog.policy.problems import Problems, did_you_mean
from nemo_watchdog.policy.units import Duration, duration_within, wrong

PLAIN_REASON: Mapping[Health, Reason | None] = MappingProxyType(
    {
        Health.UP: None,
        Health.DOWN: Reason.REFUSED,
        Health.DEGRADED: Reason.SLOW,
        Health.STARTING: Reason.STARTING,
        Health.UNKNOWN: Reason.REPORTED_BLIND,
    }
)
"""Of a dependency whose reason nobody gives."""

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
"""When a situation is that does not say."""

MOST_SITUATIONS = 1000


def _read_time(value: object) -> datetime:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None:
        raise wrong("expected a time such as `2026-11-26 14:00` (UTC) or `2026-11-26T14:00+01:00`")
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def _a_number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong("expected a number")
    return value


def _health_alone(value: object) -> object:
    return {"health": value} if isinstance(value, str) else value


def _of_the_incident(value: object) -> object:
    return {"incident": value} if isinstance(value, str) else value


class SupposedSection(Section):
    """One dependency."""

    health: Health | None = None
    """Left out: down where there is a reason, else up."""
    reason: Reason | None = None
    lasting: Annotated[Duration, AfterValidator(duration_within(0.0, 30 * DAY))] = 0.0
    flapping: bool = False
    measurements: dict[str, Annotated[float, BeforeValidator(_a_number)]] = Field(default_factory=dict)


class ExpectSection(Section):
    incident: Name | None = None
    dependencies: dict[str, Name] = Field(default_factory=dict)


class SituationSection(Section):
    name: str = ""
    time: Annotated[datetime, BeforeValidator(_read_time), WithJsonSchema({"type": "string"})] = NOON
    dependencies: dict[str, Annotated[SupposedSection, BeforeValidator(_health_alone)]]
    expect: Annotated[ExpectSection, BeforeValidator(_of_the_incident)] | None = None


@dataclass(frozen=True, slots=True)
class Supposed:
    """How one dependency is; `lasting` in seconds."""

    health: Health
    reason: Reason | None = None
    lasting: float = 0.0
    measurements: Mapping[str, float] = field(default_factory=dict)
    flapping: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    name: str
    at: datetime
    dependencies: Mapping[str, Supposed]
    expected_incident: str | None
    expected: Mapping[str, str]
    """The rule of each dependency of which somebody expects one."""


def load_situations(path: Path, policy: Policy) -> list[Situation]:
    """The situations in a file, for this policy; raises `PolicyError` with every problem and its place."""
    return parse_situations(read_text(path), str(path), policy)


def parse_situations(text: str, file: str, policy: Policy) -> list[Situation]:
    """One situation, or a list of them."""
    document = read_document(text, {})
    problems, value = Problems(file, document), document.value
    found: list[Situation | None] = []
    if isinstance(value, list) and len(value) > MOST_SITUATIONS:
        problems.at_value((), f"more than {MOST_SITUATIONS} situations: make files of them")
    elif isinstance(value, list):
        found = [_situation(each, (index,), policy, problems) for index, each in enumerate(value)]
    elif value is not None:
        found = [_situation(value, (), policy, problems)]
    good = [each for each in found if each is not None]
    if not good and not problems.found():
        problems.at_value((), "no situation in it: begin with `dependencies:`, or each of a list with `- name:`")
    if problems.found():
        raise PolicyError(problems.found())
    return good


def _situation(value: Any, path: Where, policy: Policy, problems: Problems) -> Situation | None:
    section = problems.check(SituationSection, value, path)
    if section is None:
        return None
    expect = section.expect or ExpectSection()
    for key, names in (("dependencies", section.dependencies), ("expect", expect.dependencies)):
        for name in names:
            where = (*path, key, name) if key == "dependencies" else (*path, "expect", "dependencies", name)
            if name not in policy.dependencies:
                hint = did_you_mean(name, policy.dependencies)
                problems.at_key(where, f"the policy has no dependency {problems.name(where, name)}{hint}")
    rules = {rule.name for rule in policy.classification} | {UNCLASSIFIED_NAME}
    wanted = [((*path, "expect", "dependencies", name), rule) for name, rule in expect.dependencies.items()]
    wanted += [((*path, "expect", "incident"), expect.incident)] if expect.incident else []
    for where, rule in wanted:
        if rule not in rules:
            problems.at_value(where, f"the policy has no rule {problems.name(where, rule)}{did_you_mean(rule, rules)}")
    return Situation(
        section.name,
        section.time,
        {name: _supposed(each) for name, each in section.dependencies.items()},
        expect.incident,
        expect.dependencies,
    )


UNCLASSIFIED_NAME = "unclassified"
"""What no rule matches is called so."""


def _supposed(section: SupposedSection) -> Supposed:
    health = section.health or (Health.UP if section.reason is None else Health.DOWN)
    reason = section.reason or PLAIN_REASON[health]
    reason = None if health is Health.UP else reason
    return Supposed(health, reason, section.lasting, section.measurements, section.flapping)
