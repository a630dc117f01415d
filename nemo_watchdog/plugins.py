"""The catalog of this process: our own probes and actions, and those of other people's packages.

A package offers them by the entry-point groups `nemo_watchdog.probes` and `nemo_watchdog.actions`. Its code never
takes the daemon down: what it raises is a problem of a policy, a finding or a result.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import Distribution, distributions
from typing import Any, TypeGuard

from pydantic import BaseModel

from nemo_watchdog.actions.catalog import ACTIONS
from nemo_watchdog.model import ActionOutcome, ActionRequest, ActionResult, Category, Finding, Reason, failed
from nemo_watchdog.offers import Group, Kinds, Offer, Unfit, discover, offers_of
from nemo_watchdog.policy.fields import check_name
from nemo_watchdog.policy.loader import DEPENDENCY_KEYS
from nemo_watchdog.policy.sections import ESCALATE
from nemo_watchdog.policy.steps import STEP_KEYS
from nemo_watchdog.policy.units import wrong
from nemo_watchdog.ports import Action, ActionContext, ActionKind, Catalog, Probe, ProbeContext, ProbeKind
from nemo_watchdog.probes import PROBES

_ACTION_NAME = re.compile(r"(?!.{64})[a-z0-9][a-z0-9_-]*(\.[a-z0-9][a-z0-9_-]*)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Kind:
    """A `ProbeKind` for authors of plugins: the object that their entry point names."""

    options: type[BaseModel]
    make: Callable[[Any, ProbeContext], Probe]
    measures: frozenset[str] | None = None
    """The measurements that a policy may ask for, by name; None when nobody says."""


def adopt_probe(found: object, offer: Offer[ProbeKind]) -> ProbeKind:
    """What its author's code raises becomes a probe that says so at every look."""
    options, make = getattr(found, "options", None), getattr(found, "make", None)
    if not _is_model(options) or not callable(make):
        raise Unfit(
            f"which is none: `{offer.where}` needs `options`, a pydantic model, and `make`, which makes the probe"
        )
    if taken := sorted(set(options.model_fields) & set(DEPENDENCY_KEYS)):
        raise Unfit(f"whose option `{taken[0]}` has the name of a key that every dependency has")

    def make_safely(options: Any, context: ProbeContext) -> Probe:
        try:
            made: Probe = make(options, context)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - other people's code must not end the watching
            return _UnmadeProbe(f"the plugin {offer.distribution} raised {type(error).__name__} when it made the probe")
        return made

    return Kind(options, make_safely, _names(getattr(found, "measures", None)))


def _names(measures: object) -> frozenset[str] | None:
    """What is no set of names says nothing."""
    named = isinstance(measures, frozenset | set | tuple | list) and all(isinstance(each, str) for each in measures)
    return frozenset(measures) if named else None  # type: ignore[call-overload]


def adopt_action(found: object, offer: Offer[ActionKind]) -> ActionKind:
    """What its author's code raises becomes an action that is refused."""
    if not isinstance(found, ActionKind):
        raise Unfit(f"which is none: `{offer.where}` must be an `ActionKind`")
    if mistake := mistake_of(found):
        raise Unfit(mistake)

    def make_safely(context: ActionContext) -> Action:
        try:
            return found.make(context)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - other people's code must not end the watching
            return _UnmadeAction(
                f"the plugin {offer.distribution} raised {type(error).__name__} when it made the action"
            )

    return replace(found, make=make_safely)


def mistake_of(kind: ActionKind) -> str:
    """What no policy and no engine could work with; empty for a kind that is sound."""
    if not _is_model(kind.options):
        return "whose `options` are no pydantic model"
    if taken := sorted(set(kind.options.model_fields) & set(STEP_KEYS)):
        return f"whose option `{taken[0]}` has the name of a key that every step has"
    asked = (kind.make, kind.target, kind.may_take, kind.footprint, kind.unpauses_after, kind.proves_after)
    if not all(map(callable, asked)):
        return "whose `make`, `target`, `may_take`, `footprint`, `unpauses_after` and `proves_after` must be functions"
    if not (isinstance(kind.target_kind, str) and _ACTION_NAME.fullmatch(kind.target_kind)):
        return "whose `target_kind` must be one word, such as `file`"
    if unknown := [need for need in kind.needs if need not in DEPENDENCY_KEYS]:
        return f"which needs `{unknown[0]}`, and no dependency has such a key"
    if not kind.helps or not kind.helps <= set(Category) - {Category.BLIND}:
        return "whose `helps` must be categories, without `blind`: what cannot be seen cannot be mended"
    return ""


def _is_model(options: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(options, type) and issubclass(options, BaseModel)


class _UnmadeProbe:
    """Stands where a plugin could not make its probe."""

    def __init__(self, detail: str) -> None:
        self._finding = failed(Reason.PROBE_BUG, detail)

    async def look(self) -> Finding:
        return self._finding

    async def close(self) -> None:
        """Nothing was opened."""


class _UnmadeAction:
    """Stands where a plugin could not make its action."""

    def __init__(self, detail: str) -> None:
        self._result = ActionResult(ActionOutcome.REFUSED, detail)

    async def run(self, request: ActionRequest) -> ActionResult:  # noqa: ARG002 - as the port has it
        return self._result


def check_action_name(name: str) -> str:
    """A name as a policy writes it after `do:`; the part before the dot says what it acts with."""
    if name == ESCALATE or not _ACTION_NAME.fullmatch(name):
        raise wrong(
            "a name is 1 to 63 of a-z, 0-9, `-` and `_`, with dots between, such as `touch.file`, and not `escalate`"
        )
    return name


PROBE_GROUP: Group[ProbeKind] = Group("nemo_watchdog.probes", "probe", PROBES, check_name, adopt_probe)
ACTION_GROUP: Group[ActionKind] = Group("nemo_watchdog.actions", "action", ACTIONS, check_action_name, adopt_action)


@dataclass(frozen=True)
class Installed(Catalog):
    """What is installed. `warnings` are offers that cannot be had, whatever the policy says."""

    probes: Kinds[ProbeKind]
    actions: Kinds[ActionKind]
    warnings: tuple[str, ...]

    def usable(self) -> tuple[Catalog, list[str]]:
        """Everything that can be had, and what is wrong with the rest. Imports the plugins."""
        probes, of_probes = self.probes.usable()
        actions, of_actions = self.actions.usable()
        return Catalog(probes, actions), of_probes + of_actions


def catalog_of(found: Iterable[Distribution]) -> Installed:
    """Our own, and what these distributions offer."""
    entries, warnings = discover(found, (PROBE_GROUP.name, ACTION_GROUP.name))
    probes = Kinds(PROBE_GROUP, offers_of(PROBE_GROUP, entries))
    actions = Kinds(ACTION_GROUP, offers_of(ACTION_GROUP, entries))
    return Installed(probes, actions, (*warnings, *probes.warnings, *actions.warnings))


@cache
def installed() -> Installed:
    """The catalog of this process, read once: what is installed later is seen after a restart."""
    return catalog_of(distributions())
