"""Who needs whom: by Compose's depends_on, an environment, a network that is another's. Never a circle."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from nemo_watchdog.first_policy.found import OF_ANOTHER, Found

_HOST_KEY = re.compile(r"(^|_)(HOST|HOSTNAME|SERVER|ADDR|ADDRESS|UPSTREAM)S?$", re.IGNORECASE)
_LEAST_PORT = 1000
"""A smaller number after a name is a port only where the other has it: `postgres:16` is an image."""


@dataclass(frozen=True, slots=True)
class Need:
    """`containers` stand in for each other: one of them is enough."""

    containers: tuple[str, ...]
    why: str


def needs_of(found: Found, others: Sequence[Found]) -> tuple[Need, ...]:
    """Each once, with the first reason. `others` are all that are watched."""
    needs: dict[tuple[str, ...], Need] = {}
    for need in (*_depends_on(found, others), *_network(found, others), *_environment(found, others)):
        needs.setdefault(need.containers, need)
    alone = {need.containers[0] for need in needs.values() if len(need.containers) == 1}
    return tuple(need for need in needs.values() if len(need.containers) == 1 or not alone & set(need.containers))


def without_circles(
    wanted: Mapping[str, Sequence[Need]], fixed: Mapping[str, Iterable[str]]
) -> tuple[dict[str, list[Need]], list[tuple[str, Need]]]:
    """What can stay of them, and what was dropped. `fixed` is what labels say: that stays."""
    graph = {name: set(others) for name, others in fixed.items()}
    kept: dict[str, list[Need]] = {name: [] for name in wanted}
    dropped = []
    for name, needs in wanted.items():
        for need in needs:
            if any(other == name or _leads(graph, other, name) for other in need.containers):
                dropped.append((name, need))
            else:
                kept[name].append(need)
                graph.setdefault(name, set()).update(need.containers)
    return kept, dropped


def _leads(graph: Mapping[str, set[str]], start: str, end: str) -> bool:
    seen, open_ = set(), [start]
    while open_:
        name = open_.pop()
        if name == end:
            return True
        if name not in seen:
            seen.add(name)
            open_.extend(graph.get(name, ()))
    return False


def _depends_on(found: Found, others: Sequence[Found]) -> Iterator[Need]:
    for service in found.depends_on:
        of_it = [each.name for each in others if each.project == found.project and each.service == service]
        if of_it and found.name not in of_it:
            yield Need(tuple(sorted(of_it)), f"Compose says that it depends on {service}")


def _network(found: Found, others: Sequence[Found]) -> Iterator[Need]:
    if found.network_mode.startswith(OF_ANOTHER):
        owner = found.network_mode.removeprefix(OF_ANOTHER)
        for each in others:
            if owner in {each.name, each.id} and each.name != found.name:
                yield Need((each.name,), f"it uses the network of {each.name}")


def _environment(found: Found, others: Sequence[Found]) -> Iterator[Need]:
    called = _called(found, others)
    for variable, value in found.environment.items():
        for alias, owners in called.items():
            ports = {port for each in owners for port in each.inner_ports}
            if (named := _named(variable, value, alias, ports)) is not None:
                containers = tuple(sorted({each.name for each in owners}))
                yield Need(containers, f"its environment names {named} ({variable})")


def _called(found: Found, others: Sequence[Found]) -> dict[str, list[Found]]:
    """Who answers to which name on the networks that both are on."""
    called: dict[str, list[Found]] = {}
    own = {name for names in found.networks.values() for name in names}
    for each in others:
        if each.name == found.name:
            continue
        for network in found.networks.keys() & each.networks.keys():
            for alias in each.networks[network]:
                if alias and alias not in own and each not in called.setdefault(alias, []):
                    called[alias].append(each)
    return called


def _named(variable: str, value: str, alias: str, ports: set[int]) -> str | None:
    """`host:port`, `//host` or `@host`, or all of the value where the variable is for a host; a user's name is none."""
    if alias not in value:
        return None
    if value == alias and _HOST_KEY.search(variable):
        return alias
    pattern = (
        rf"(?P<before>//|@)?(?<![\w.-]){re.escape(alias)}(?![\w.-])(?::(?P<port>[0-9]{{1,5}})(?!\w))?(?![^/\s,;]*@)"
    )
    for match in re.finditer(pattern, value):
        port = int(match["port"] or 0)
        if match["before"] or port >= _LEAST_PORT or port in ports:
            return f"{alias}:{port}" if port in ports else alias
    return None
