"""The conditions of the policy language: what may stand at `when:`, and what becomes of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, WithJsonSchema, model_validator

from nemo_watchdog.model import Category, Health, Reason
from nemo_watchdog.policy.condition import QUERY_VALUE, Affected, Bound, Condition, Measure, TagQuantifier, Times
from nemo_watchdog.policy.fields import DAY, Names, Section, one_or_many
from nemo_watchdog.policy.times import TIMES_PATTERN, parse_span
from nemo_watchdog.policy.units import (
    EXPANSION,
    Duration,
    Ratio,
    Whole,
    duration_within,
    number_within,
    wrong,
)
from nemo_watchdog.policy.zones import UTC_NAME, ZoneText, parse_zone

MOST_NESTED = 5

_BOUND = re.compile(r"(>=|<=|>|<|=) ?(-?[0-9]{1,15}(?:\.[0-9]{1,9})?)(%?)", re.ASCII)
_BOUND_HELP = "expected a comparison in quotes, such as `> 100`, `<= 0.5` or `>= 90%`"
_MEASUREMENT = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)


def parse_bound(value: object) -> Bound:
    """`> 100`; a percentage is a hundredth, so `>= 90%` is `>= 0.9`."""
    match = _BOUND.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise wrong(_BOUND_HELP)
    number = float(match[2]) / (100 if match[3] else 1)
    return Bound(match[1], number, f"{match[1]} {match[2]}{match[3]}")


def split_measure(key: str) -> tuple[str, str]:
    """(dependency, measurement) of `redis.redis_clients_used_ratio`; one of them alone comes as the first."""
    first, _, second = key.partition(".")
    return first, second


def _check_span(text: str) -> str:
    parse_span(text)
    return text


def _check_share(share: float) -> float:
    if not share:
        raise wrong("expected more than 0%")
    return share


BoundText = Annotated[
    Bound,
    PlainValidator(parse_bound),
    WithJsonSchema({"type": "string", "pattern": rf"^(>=|<=|>|<|=) ?-?[0-9]+(\.[0-9]+)?%?$|{EXPANSION}"}),
]
SpanText = Annotated[str, BeforeValidator(_check_span), Field(json_schema_extra={"pattern": rf"^{TIMES_PATTERN}$"})]
Count = Annotated[Whole, AfterValidator(number_within(1, 1000)), Field(json_schema_extra={"minimum": 1})]


class DownSection(Section):
    """Exactly one of the two."""

    all: str | None = Field(None, description="Holds when every dependency with this tag is down.")
    any: str | None = Field(None, description="Holds when at least one dependency with this tag is down.")

    @model_validator(mode="after")
    def _one(self) -> DownSection:
        if (self.all is None) == (self.any is None):
            raise wrong("expected one of `{all: TAG}` and `{any: TAG}`")
        return self


class AffectedSection(Section):
    """Down, or in need of something that is down: `share` or `count`."""

    share: Annotated[Ratio, AfterValidator(_check_share)] | None = Field(None, description="At least this part.")
    count: Count | None = Field(None, description="At least so many.")
    of: str | None = Field(None, description="Of the dependencies with this tag; left out, of all.")

    @model_validator(mode="after")
    def _one(self) -> AffectedSection:
        if (self.share is None) == (self.count is None):
            raise wrong("expected one of `share` and `count`, such as `{share: 50%, of: core}`")
        return self


class WhenSection(Section):
    """Every part that is given must hold; nothing given always holds."""

    health: Annotated[list[Health], one_or_many(Health)] = Field(default_factory=list)
    category: Annotated[list[Category], one_or_many(Category)] = Field(default_factory=list)
    reason: Annotated[list[Reason], one_or_many(Reason)] = Field(default_factory=list)
    tags: Names = Field(default_factory=list, description="It carries every one of these tags.")
    dependencies: Names = Field(default_factory=list, description="It is one of these.")
    down: DownSection | None = Field(None, description="Looks at all dependencies with a tag.")
    affected: AffectedSection | None = Field(None, description="How many are down, or need what is down.")
    lasting: Annotated[Duration, AfterValidator(duration_within(1.0, 30 * DAY))] | None = Field(
        None, description="Its trouble has lasted so long."
    )
    flapping: bool | None = Field(None, description="Whether it goes down and comes back again and again.")
    time: Annotated[list[SpanText], one_or_many(str)] = Field(
        default_factory=list, description="It is one of these times, such as `mon-fri 09:00-18:00`."
    )
    zone: ZoneText | None = Field(None, description="The time zone of `time`, such as `Europe/Berlin`; left out, UTC.")
    measure: dict[str, BoundText] = Field(
        default_factory=dict, description='What looks have measured, such as `{users: "> 100"}`.'
    )
    any: list[WhenSection] = Field(default_factory=list, description="At least one of these conditions holds.")
    all: list[WhenSection] = Field(default_factory=list, description="Every one of these conditions holds.")
    not_: WhenSection | None = Field(None, alias="not", description="This condition is known not to hold.")

    @model_validator(mode="after")
    def _sound(self) -> WhenSection:
        if self.zone is not None and not self.time:
            raise wrong("a `zone` says nothing without a `time`")
        if self.not_ is not None and self.not_ == WhenSection():
            raise wrong("`not` needs a condition: an empty one always holds")
        if _depth(self) > MOST_NESTED:
            raise wrong(f"conditions within conditions: at most {MOST_NESTED} deep")
        return self

    def within(self) -> Iterator[tuple[tuple[str | int, ...], WhenSection]]:
        """The conditions that stand in this one, each with its path."""
        yield from ((("any", index), below) for index, below in enumerate(self.any))
        yield from ((("all", index), below) for index, below in enumerate(self.all))
        if self.not_ is not None:
            yield ("not",), self.not_


def _depth(when: WhenSection) -> int:
    return 1 + max((_depth(below) for _, below in when.within()), default=0)


def condition_of(when: WhenSection, probes: Mapping[str, Any]) -> Condition:
    """What the engine reads. `probes` names the dependencies, which a measurement may be of."""
    return Condition(
        health=frozenset(when.health),
        category=frozenset(when.category),
        reason=frozenset(reason.value for reason in when.reason),
        tags=frozenset(when.tags),
        dependencies=frozenset(when.dependencies),
        down=_quantifier(when.down),
        affected=_affected(when.affected),
        lasting=when.lasting,
        flapping=when.flapping,
        time=_times(when),
        measure=tuple(_measure(key, bound, probes) for key, bound in when.measure.items()),
        any=tuple(condition_of(below, probes) for below in when.any),
        all=tuple(condition_of(below, probes) for below in when.all),
        not_=condition_of(when.not_, probes) if when.not_ is not None else None,
    )


def _times(when: WhenSection) -> Times | None:
    if not when.time:
        return None
    zone = when.zone or UTC_NAME
    return Times(tuple(map(parse_span, when.time)), parse_zone(zone), f"{' or '.join(when.time)} {zone}")


def _quantifier(down: DownSection | None) -> TagQuantifier | None:
    if down is None:
        return None
    return TagQuantifier("all", down.all) if down.all is not None else TagQuantifier("any", down.any or "")


def _affected(affected: AffectedSection | None) -> Affected | None:
    return None if affected is None else Affected(affected.share, affected.count, affected.of)


def _measure(key: str, bound: Bound, probes: Mapping[str, Any]) -> Measure:
    first, second = split_measure(key)
    if second:
        return Measure(first, second, bound, key)
    return Measure(first, QUERY_VALUE, bound, key) if first in probes else Measure(None, first, bound, key)


def is_measurement(word: str) -> bool:
    """Whether a measurement could have this name."""
    return _MEASUREMENT.fullmatch(word) is not None
