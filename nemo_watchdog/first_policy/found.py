"""The facts of one container: what Docker's inspect, or a Compose file, says that a policy can be guessed from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_PROJECT = "com.docker.compose.project"
_NUMBER = re.compile(r"[0-9]{1,5}", re.ASCII)
_ANYWHERE = frozenset({"", "0.0.0.0", "::"})
LOOPBACK = "127.0.0.1"

DEPENDS_ON = "com.docker.compose.depends_on"
COMPLETED = "service_completed_successfully"
"""What Compose calls the condition of who waits for a job."""

HOST_NETWORK = "host"
OF_ANOTHER = "container:"
"""What `NetworkMode` begins with where a container uses the network of another."""


@dataclass(frozen=True, slots=True)
class Published:
    """A TCP port inside the container, and where it is found on this machine."""

    inner: int
    host: str
    port: int

    @property
    def address(self) -> str:
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Found:
    """One container. Times are in seconds; ports are TCP ports.

    `command` has the entrypoint in it, `environment` the secrets: neither is for people. `published` are ports that
    stay the same over a restart, `picked` those inside whose outer port Docker picks anew at each start. `exists` is
    False for a service of a Compose file that has no container yet.
    """

    name: str
    id: str = ""
    image: str = ""
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    published: tuple[Published, ...] = ()
    picked: tuple[int, ...] = ()
    exposed: tuple[int, ...] = ()
    network_mode: str = ""
    networks: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The names by which it is found on each network, itself included."""
    state: str = "running"
    exit_code: int = 0
    restart_policy: str = "no"
    auto_remove: bool = False
    health_check: tuple[str, ...] = ()
    """As Docker has it: `CMD` or `CMD-SHELL`, and the words."""
    start_period: float = 0.0
    stop_timeout: float = 0.0
    has_gpu: bool = False
    depends_on: tuple[str, ...] = ()
    """Services of its Compose project that it needs up."""
    exists: bool = True
    is_job: bool = False
    """Others of its project wait until it has ended."""

    @property
    def runs(self) -> bool:
        return self.state == "running"

    @property
    def project(self) -> str:
        return self.labels.get(_PROJECT, "")

    @property
    def service(self) -> str:
        return self.labels.get(f"{_PROJECT.removesuffix('project')}service", "")

    @property
    def number(self) -> str:
        """Which of several containers of its service it is."""
        return self.labels.get(f"{_PROJECT.removesuffix('project')}container-number", "")

    @property
    def is_one_off(self) -> bool:
        return self.labels.get(f"{_PROJECT.removesuffix('project')}oneoff", "").lower() == "true"

    @property
    def inner_ports(self) -> tuple[int, ...]:
        """Every port that is known of it, inside."""
        known = (*(each.inner for each in self.published), *self.picked, *self.exposed)
        return tuple(sorted(dict.fromkeys(known)))

    def at(self, inner: int) -> Published | None:
        """Where a port of it is found on this machine, None where it is not, or not for long."""
        if self.network_mode == HOST_NETWORK:
            return Published(inner, LOOPBACK, inner)
        return next((each for each in self.published if each.inner == inner), None)

    @property
    def reachable(self) -> tuple[Published, ...]:
        """All ports that are found on this machine, the lowest inside first."""
        found = (self.at(inner) for inner in self.inner_ports)
        return tuple(each for each in found if each is not None)


def parse_found(inspected: Mapping[str, Any]) -> Found:
    """GET /containers/NAME/json of the Docker Engine API. What is not as documented is as good as not there."""
    config, host = _mapping(inspected.get("Config")), _mapping(inspected.get("HostConfig"))
    state, settings = _mapping(inspected.get("State")), _mapping(inspected.get("NetworkSettings"))
    name = str(inspected.get("Name") or "").removeprefix("/")
    labels = {str(key): str(value) for key, value in _mapping(config.get("Labels")).items()}
    published, picked = ports_of(host, settings)
    check = _mapping(config.get("Healthcheck"))
    return Found(
        name=name,
        id=str(inspected.get("Id") or ""),
        image=str(config.get("Image") or ""),
        command=(str(inspected.get("Path") or ""), *_words(inspected.get("Args"))),
        environment=environment_of(_words(config.get("Env"))),
        labels=labels,
        published=published,
        picked=picked,
        exposed=tuple(sorted(filter(None, map(tcp_port, _mapping(config.get("ExposedPorts")))))),
        network_mode=str(host.get("NetworkMode") or ""),
        networks=_networks(settings, name),
        state=str(state.get("Status") or ""),
        exit_code=_number(state.get("ExitCode")),
        restart_policy=str(_mapping(host.get("RestartPolicy")).get("Name") or "no"),
        auto_remove=host.get("AutoRemove") is True,
        health_check=tuple(_words(check.get("Test"))),
        start_period=_number(check.get("StartPeriod")) / 1e9,
        stop_timeout=float(_number(config.get("StopTimeout"))),
        has_gpu=_has_gpu(host),
        depends_on=tuple(depends_on_of(labels)),
    )


def ports_of(host: Mapping[str, Any], settings: Mapping[str, Any]) -> tuple[tuple[Published, ...], tuple[int, ...]]:
    """What is published for good (`PortBindings` with a port), and what only until the next start."""
    published, picked = [], set()
    for key, bindings in _mapping(host.get("PortBindings")).items():
        inner = tcp_port(key)
        if inner is None:
            continue
        fixed = [each for each in map(_binding, _list(bindings)) if each is not None]
        # Of both families, and of several addresses, one is enough: the loopback one where there is a choice.
        best = min(fixed, key=lambda each: (each[0] != LOOPBACK, ":" in each[0]), default=None)
        if best is not None:
            published.append(Published(inner, *best))
        else:
            picked.add(inner)
    known = {each.inner for each in published}
    for key, bindings in _mapping(settings.get("Ports")).items():
        inner = tcp_port(key)
        if bindings and inner is not None and inner not in known:
            picked.add(inner)
    return tuple(sorted(published, key=lambda each: each.inner)), tuple(sorted(picked))


def environment_of(words: Sequence[str]) -> Mapping[str, str]:
    """`NAME=value` words."""
    return {name: value for name, sign, value in (each.partition("=") for each in words) if sign}


def reached_at(host: str) -> str:
    """Where what is published on this address is found: what is on every one of them is on the loopback one."""
    return LOOPBACK if host in _ANYWHERE else host


def tcp_port(key: object) -> int | None:
    """`8000/tcp`; None for another protocol."""
    number, _, protocol = str(key).partition("/")
    if protocol not in {"", "tcp"} or not _NUMBER.fullmatch(number):
        return None
    return int(number) if 0 < int(number) < 65536 else None


def _binding(value: object) -> tuple[str, int] | None:
    each = _mapping(value)
    port = tcp_port(each.get("HostPort") or "")
    return None if port is None else (reached_at(str(each.get("HostIp") or "")), port)


def _networks(settings: Mapping[str, Any], name: str) -> Mapping[str, frozenset[str]]:
    return {
        str(network): frozenset({name, *_words(_mapping(each).get("Aliases"))})
        for network, each in _mapping(settings.get("Networks")).items()
    }


def _has_gpu(host: Mapping[str, Any]) -> bool:
    if host.get("Runtime") == "nvidia":
        return True
    for each in map(_mapping, _list(host.get("DeviceRequests"))):
        capabilities = {str(word) for group in _list(each.get("Capabilities")) for word in _list(group)}
        if each.get("Driver") == "nvidia" or "gpu" in capabilities:
            return True
    paths = (str(_mapping(each).get("PathOnHost") or "") for each in _list(host.get("Devices")))
    return any(path.startswith("/dev/nvidia") for path in paths)


def depends_on_of(labels: Mapping[str, str], *, jobs: bool = False) -> Iterator[str]:
    """Services that must be up, or those that must have ended well: Compose 2 has both in a label.

    It is like `db:service_healthy:true,migrate:service_completed_successfully:false`.
    """
    for each in labels.get(DEPENDS_ON, "").split(","):
        service, _, rest = each.strip().partition(":")
        if service and rest.startswith(COMPLETED) is jobs:
            yield service


def _mapping(value: object) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _words(value: object) -> list[str]:
    return [str(each) for each in _list(value)]


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
