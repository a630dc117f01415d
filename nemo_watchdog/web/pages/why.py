"""Why the watchdog acts or does not, of one dependency: the gates that are shut, with their values. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nemo_watchdog.view_words import Clock
from nemo_watchdog.views import GateView


@dataclass(frozen=True, slots=True)
class GateLine:
    gate: str
    said: str


@dataclass(frozen=True, slots=True)
class Why:
    """`shut` in their order; `opened` are the names of the others."""

    name: str
    shut: tuple[GateLine, ...]
    opened: tuple[str, ...]


def why(name: str, gates: Iterable[GateView], clock: Clock) -> Why:
    shut, opened = [], []
    for gate in gates:
        if gate.verdict == "open":
            opened.append(gate.gate)
        else:
            until = f" until {clock.at(gate.until)}" if gate.until else ""
            shut.append(GateLine(gate.gate, ": ".join(part for part in (f"{gate.verdict}{until}", gate.value) if part)))
    return Why(name, tuple(shut), tuple(opened))
