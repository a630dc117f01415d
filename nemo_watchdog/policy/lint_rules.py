"""Which rules of a classification can never decide, and whom none of them tells. It errs on the side of silence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from nemo_watchdog.model import Category, Health, Reason, Severity
from nemo_watchdog.policy.condition import Affected, Bound, Condition, TagQuantifier
from nemo_watchdog.policy.policy import CORE_TAG, Dependency, Policy

ANY_BLINDNESS: frozenset[str] = frozenset()
ENGINE_GONE = frozenset({Reason.DOCKER_UNREACHABLE.value})
WEIGHED = frozenset({Health.DOWN, Health.DEGRADED, Health.UNKNOWN})
"""In any other health a dependency is in no trouble, and no rule is asked."""

Said = tuple[str, str]
"""Path and message."""


def lint_rules(policy: Policy) -> Iterator[Said]:
    rules = policy.classification
    for index, rule in enumerate(rules):
        if why := why_never(rule.when, policy):
            yield f"classification[{index}].when", f"rule `{rule.name}` never holds: {why}"
            continue
        for earlier in rules[:index]:
            if covers(earlier.when, rule.when):
                why = "always holds" if earlier.when == Condition() else "holds whenever this one does"
                message = f"rule `{rule.name}` is never reached: `{earlier.name}` stands before it and {why}"
                yield f"classification[{index}]", message
                break
    if not any(rule.when == Condition() for rule in rules):
        message = "no rule always holds: what none matches counts as SEV4; end with a rule without `when`"
        yield "classification", message
    yield from _untold_blindness(policy)


def _untold_blindness(policy: Policy) -> Iterator[Said]:
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
            yield "classification", message


def _is_untold(policy: Policy, dependency: Dependency, reasons: frozenset[str]) -> bool:
    """A rule with a part of which nobody knows beforehand is taken to be the one where it tells somebody."""
    for rule in policy.classification:
        if not _may_take_blind(rule.when, dependency, reasons):
            continue
        told = bool(rule.notify) or _tells(policy, rule.severity)
        if told or not _UNFORESEEN & set(rule.when.given):
            return not told
    return not _tells(policy, Severity.SEV4)


def _tells(policy: Policy, severity: Severity) -> bool:
    spec = policy.severities.get(severity)
    return spec is not None and bool(spec.notify)


_UNFORESEEN = frozenset({"affected", "lasting", "flapping", "time", "measure", "any", "all", "not_"})


def _may_take_blind(when: Condition, dependency: Dependency, reasons: frozenset[str]) -> bool:
    """Whether a rule may be the one for this dependency when it cannot be seen for one of these reasons."""
    return (
        when.down is None
        and (not when.reason or bool(when.reason & reasons))
        and (not when.health or Health.UNKNOWN in when.health)
        and (not when.category or Category.BLIND in when.category)
        and (not when.dependencies or dependency.name in when.dependencies)
        and when.tags <= dependency.tags
        and all(_may_take_blind(each, dependency, reasons) for each in when.all)
        and (not when.any or any(_may_take_blind(each, dependency, reasons) for each in when.any))
    )


def why_never(when: Condition, policy: Policy) -> str:
    """Why nothing that is classified can match; empty where something may, as far as can be said beforehand."""
    when = _with_what_follows(when)
    if when.reason and when.category and not any(category_of(name) in when.category for name in when.reason):
        return "none of its reasons has its category"
    if when.health and not when.health & WEIGHED:
        return "what is in trouble is down, degraded or unknown"
    if when.down is not None and when.health and Health.DOWN not in when.health:
        return "what `down` is about is down itself"
    named = [each for each in policy.dependencies.values() if not when.dependencies or each.name in when.dependencies]
    carried = frozenset[str]().union(*(each.tags for each in policy.dependencies.values()))
    if when.tags <= carried and not any(when.tags <= each.tags for each in named):
        return "no dependency that it is about carries all of its tags"
    if when.affected is not None and when.affected.count is not None:
        carrying = [each for each in policy.dependencies.values() if when.affected.of in (None, *each.tags)]
        if when.affected.count > len(carrying):
            return f"there are only {len(carrying)} of what `affected` counts"
    inner = [why for each in when.all if (why := why_never(each, policy))]
    alternatives = [why_never(each, policy) for each in when.any]
    if inner or (alternatives and all(alternatives)):
        return (inner or alternatives)[0]
    return ""


def category_of(reason: str) -> Category:
    return Reason(reason).category  # type: ignore[call-arg]  # a lookup, which mypy takes for a construction


def _with_what_follows(when: Condition) -> Condition:
    """In a rule, `down` and `affected` are about dependencies with their tag, and `down` about one that is down."""
    tags = {tag for tag in (when.down and when.down.tag, when.affected and when.affected.of) if tag}
    health = when.health or (frozenset({Health.DOWN}) if when.down is not None else when.health)
    return replace(when, tags=when.tags | tags, health=health)


UNDERSTOOD = frozenset(
    {
        "health",
        "category",
        "reason",
        "tags",
        "dependencies",
        "down",
        "affected",
        "lasting",
        "flapping",
        "time",
        "measure",
    }
    | {"any", "all", "not_"}
)
"""The parts of a condition that `covers` knows; a new one must be added to it."""


def covers(wide: Condition, narrow: Condition) -> bool:
    """Whether `wide` surely holds in every case in which `narrow` does."""
    narrow = _with_what_follows(narrow)
    if any(covers(wide, each) for each in narrow.all):
        return True
    if narrow.any and all(covers(wide, each) for each in narrow.any):
        return True
    categories = narrow.category or frozenset(category_of(name) for name in narrow.reason)
    return (
        _within(narrow.health, wide.health)
        and _within(categories, wide.category)
        and _within(narrow.reason, wide.reason)
        and _within(narrow.dependencies, wide.dependencies)
        and wide.tags <= narrow.tags
        and _implied(narrow, wide.down)
        and _affects(narrow.affected, wide.affected)
        and (wide.lasting is None or (narrow.lasting or 0.0) >= wide.lasting)
        and wide.flapping in (None, narrow.flapping)
        and wide.time in (None, narrow.time)
        and _measures(narrow, wide)
        and all(covers(each, narrow) for each in wide.all)
        and (not wide.any or set(wide.any) == set(narrow.any) or any(covers(each, narrow) for each in wide.any))
        and wide.not_ in (None, narrow.not_)
    )


def _within(narrow: Iterable[str], wide: Iterable[str]) -> bool:
    """No choice given is every choice."""
    narrow, wide = frozenset(narrow), frozenset(wide)
    return not wide or (bool(narrow) and narrow <= wide)


def _implied(narrow: Condition, wide: TagQuantifier | None) -> bool:
    """All down means any down as well, and so does one that carries the tag and is down."""
    if wide is None or narrow.down == wide:
        return True
    return wide.quantifier == "any" and wide.tag in narrow.tags and narrow.health == {Health.DOWN}


def _affects(narrow: Affected | None, wide: Affected | None) -> bool:
    if wide is None or narrow == wide:
        return True
    if narrow is None or narrow.of != wide.of:
        return False
    if narrow.share is not None and wide.share is not None:
        return narrow.share >= wide.share
    return narrow.count is not None and wide.count is not None and narrow.count >= wide.count


def _measures(narrow: Condition, wide: Condition) -> bool:
    known = {(each.dependency, each.name): each.bound for each in narrow.measure}
    return all(_is_tighter(known.get((each.dependency, each.name)), each.bound) for each in wide.measure)


def _is_tighter(narrow: Bound | None, wide: Bound) -> bool:
    """Of the same comparison only, and an exact value that lies within the bound."""
    if narrow is None:
        return False
    if narrow.comparison == "=" and wide.holds(narrow.value):
        return True
    if narrow.comparison != wide.comparison:
        return False
    return narrow.value >= wide.value if wide.comparison in (">", ">=") else narrow.value <= wide.value
