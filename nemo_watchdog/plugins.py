"""The catalog: what a policy may write after `probe:`, our own probes and those of other people's packages.

A package offers a probe by the entry point group `nemo_watchdog.probes`. Finding it costs a look at the metadata of
what is installed; its code is imported when a policy names the probe, and not before. What is wrong with a plugin is
told with the name of its distribution, and is a mistake of the policy only where the policy uses it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticCustomError

from nemo_watchdog.errors import PluginError
from nemo_watchdog.model import Finding, Reason, failed
from nemo_watchdog.policy.sections import DependencySection, check_name
from nemo_watchdog.ports import Probe, ProbeContext, ProbeKind
from nemo_watchdog.probes import PROBES

GROUP = "nemo_watchdog.probes"

_LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Kind:
    """A `ProbeKind` for authors of plugins: the object that their entry point names."""

    options: type[BaseModel]
    make: Callable[[Any, ProbeContext], Probe]


class Catalog(Mapping[str, ProbeKind]):
    """Probes by name. Asking for a name imports nothing; asking the entry for its options or its probe does.

    `warnings` are offers that cannot be had, whatever the policy says.
    """

    def __init__(self, own: Mapping[str, ProbeKind], offers: Iterable[Offer], warnings: Iterable[str] = ()) -> None:
        found: dict[str, ProbeKind] = dict(own)
        told = list(warnings)
        for offer in offers:
            rival = found.get(offer.name)
            if offer.name in own:
                told.append(f"{offer}: a probe of this program has that name, and is the one that is used")
            elif wrong := _wrong_name(offer.name):
                told.append(f"{offer}: {wrong}")
            elif isinstance(rival, Offer | Contested):
                found[offer.name] = contested = Contested(rival, offer)
                told.append(contested.trouble)
            else:
                found[offer.name] = offer
        self.warnings = tuple(told)
        self._found = found

    def __getitem__(self, name: str) -> ProbeKind:
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def usable(self) -> tuple[dict[str, ProbeKind], list[str]]:
        """Every probe that can be had, and what is wrong with the others. Imports the plugins."""
        good: dict[str, ProbeKind] = {}
        wrong = []
        for name, kind in self._found.items():
            try:
                _ = kind.options
            except PluginError as error:
                wrong.append(str(error))
            else:
                good[name] = kind
        return good, wrong


class Offer:
    """A `ProbeKind` that imports a plugin when somebody asks for it; raises `PluginError` when it cannot be used."""

    def __init__(self, entry: EntryPoint, distribution: str) -> None:
        self.name = entry.name
        self._entry = entry
        self._distribution = distribution

    def __str__(self) -> str:
        return f"the plugin {self._distribution} offers the probe `{self.name}`"

    @property
    def options(self) -> type[BaseModel]:
        return self._kind.options

    @property
    def make(self) -> Callable[[Any, ProbeContext], Probe]:
        """Makes the probe; what its author's code raises becomes a probe that says so at every look."""
        kind = self._kind

        def make(options: Any, context: ProbeContext) -> Probe:
            try:
                return kind.make(options, context)
            except Exception as error:  # noqa: BLE001 - other people's code must not end the watching
                return _Unmade(f"the plugin {self._distribution} raised {type(error).__name__} when it made the probe")

        return make

    @cached_property
    def _kind(self) -> ProbeKind:
        try:
            kind = self._entry.load()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - other people's code must not end the watching
            text = " ".join(str(error).split())[:_LONGEST_TEXT]
            raise PluginError(f"{self}, which cannot be loaded: {type(error).__name__}: {text}") from None
        options, make = getattr(kind, "options", None), getattr(kind, "make", None)
        if not (isinstance(options, type) and issubclass(options, BaseModel) and callable(make)):
            message = f"`{self._entry.value}` needs `options`, a pydantic model, and `make`, which makes the probe"
            raise PluginError(f"{self}, which is none: {message}")
        if taken := sorted(set(options.model_fields) & set(DependencySection.model_fields)):
            raise PluginError(f"{self}, whose option `{taken[0]}` has the name of a key that every dependency has")
        return Kind(options, make)


class Contested:
    """A name that several plugins offer: nobody knows which of them a policy means."""

    def __init__(self, *rivals: Offer | Contested) -> None:
        self.trouble = "; ".join(str(rival) for rival in rivals) + ": only one of them may be installed"
        self._first = " and ".join(str(rival) for rival in rivals)

    def __str__(self) -> str:
        return self._first

    @property
    def options(self) -> type[BaseModel]:
        raise PluginError(self.trouble)

    @property
    def make(self) -> Callable[[Any, ProbeContext], Probe]:
        raise PluginError(self.trouble)


class _Unmade:
    """Stands where a plugin could not make its probe."""

    def __init__(self, detail: str) -> None:
        self._finding = failed(Reason.PROBE_BUG, detail)

    async def look(self) -> Finding:
        return self._finding

    async def close(self) -> None:
        """Nothing was opened."""


@cache
def installed() -> Catalog:
    """The catalog of this process, read once: what is installed later is seen after a restart."""
    return Catalog(PROBES, *discover(distributions()))


def discover(found: Iterable[Distribution]) -> tuple[list[Offer], list[str]]:
    """The offers of these distributions, and a warning for each whose metadata cannot be read."""
    offers, warnings = [], []
    seen: set[str] = set()
    for distribution in found:
        try:
            entries = list(distribution.entry_points.select(group=GROUP))
            name = distribution.name if entries else ""
        except Exception as error:  # noqa: BLE001 - a broken file of a stranger must not end the watching
            where = getattr(distribution, "_path", "somewhere")  # its name may be what cannot be read
            warnings.append(f"the metadata of the distribution at {where} cannot be read: {type(error).__name__}")
            continue
        if entries and name not in seen:  # the first on the path hides the others, as for imports
            seen.add(name)
            offers += [Offer(entry, name) for entry in entries]
    return offers, warnings


def _wrong_name(name: str) -> str:
    try:
        check_name(name)
    except PydanticCustomError as error:
        return error.message()
    return ""
