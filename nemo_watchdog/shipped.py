"""The files that come with the program for others to use: a policy, the unit, what other programs read."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

IN_THE_WHEEL = "nemo_watchdog/shipped_files"
CONSTRAINTS = "constraints.txt"
"""The exact versions of everything that it was tested with, for pip."""

_IN_THE_WHEEL = Path(__file__).with_name("shipped_files")
_IN_A_CLONE = Path(__file__).parents[1]


class Example(StrEnum):
    """What can be printed. All but `MAN`, which the commands themselves make, are files."""

    POLICY = "policy"
    SCHEMA = "schema"
    SITUATIONS = "situations"
    UNIT = "unit"
    POLKIT = "polkit"
    ALERTS = "alerts"
    PROMETHEUS = "prometheus"
    ALERTMANAGER = "alertmanager"
    COMPOSE = "compose"
    SOCKET_PROXY = "socket-proxy"
    MAN = "man"


PLACES: Mapping[Example, str] = MappingProxyType(
    {
        Example.POLICY: "config/policy.yaml",
        Example.SCHEMA: "config/policy.schema.json",
        Example.SITUATIONS: "config/situations.yaml",
        Example.UNIT: "systemd/nemo-watchdog.service",
        Example.POLKIT: "systemd/nemo-watchdog.rules",
        Example.ALERTS: "config/prometheus/alerts.yml",
        Example.PROMETHEUS: "config/prometheus/prometheus.yml",
        Example.ALERTMANAGER: "config/alertmanager.yml",
        Example.COMPOSE: "deploy/compose.yaml",
        Example.SOCKET_PROXY: "deploy/socket-proxy/haproxy.cfg",
    }
)
"""Where each file stands, in a clone and below the wheel's folder."""


def text_of(example: Example) -> str:
    """Raises `OSError` where the installation is not whole."""
    return _read(PLACES[example])


def constraints() -> str:
    """Raises `OSError` where the installation is not whole."""
    return _read(CONSTRAINTS)


def _read(place: str) -> str:
    root = _IN_THE_WHEEL if _IN_THE_WHEEL.is_dir() else _IN_A_CLONE
    return (root / place).read_text(encoding="utf-8")
