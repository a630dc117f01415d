"""Measurements that conditions ask for and that no probe of theirs makes: such a rule would never match."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from nemo_watchdog.policy.condition import Condition, Measure
from nemo_watchdog.policy.policy import Policy
from nemo_watchdog.ports import Catalog, ProbeKind


def lint_measures(policy: Policy, catalog: Catalog) -> Iterator[tuple[str, str]]:
    """Path and message of each; silent about a probe that does not say what it measures."""
    whens = [(f"classification[{index}].when", rule.when) for index, rule in enumerate(policy.classification)]
    whens += [(f"remedies.{name}.when", remedy.when) for name, remedy in policy.remedies.items()]
    for path, when in whens:
        for part in when.nested():
            for measure in part.measure:
                probes = _asked(measure, when, policy)
                said = [_measures_of(catalog.probes[probe]) for probe in sorted(probes)]
                known = [names for names in said if names is not None]
                if len(known) < len(said) or any(measure.name in names for names in known):
                    continue
                yield path, _message(measure, probes, frozenset[str]().union(*known))


def _measures_of(kind: ProbeKind) -> frozenset[str] | None:
    """What a kind may say of itself, and need not."""
    measures: frozenset[str] | None = getattr(kind, "measures", None)
    return measures


def _asked(measure: Measure, when: Condition, policy: Policy) -> set[str]:
    """The probes of the dependencies that it may be a measurement of."""
    if measure.dependency is not None:
        return {policy.dependencies[measure.dependency].probe}
    named = when.dependencies or policy.dependencies
    return {policy.dependencies[name].probe for name in named}


def _message(measure: Measure, probes: set[str], known: frozenset[str]) -> str:
    close = difflib.get_close_matches(measure.name, sorted(known), n=1)
    whose = f"the probe {next(iter(probes))} does not" if len(probes) == 1 else "no probe of the policy does"
    hint = f": did you mean `{close[0]}`?" if close else ""
    return f"nothing measures `{measure.name}`, so that is never known: {whose}{hint}"
