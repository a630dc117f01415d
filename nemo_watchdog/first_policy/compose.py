"""A Compose file as the containers that it would make: what it alone tells, without Compose and without Docker."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from pydantic_core import PydanticCustomError

from nemo_watchdog.errors import NemoWatchdogError
from nemo_watchdog.first_policy.found import COMPLETED, Found, Published, environment_of, reached_at, tcp_port
from nemo_watchdog.first_policy.interpolation import interpolated, read_env
from nemo_watchdog.policy.units import parse_duration
from nemo_watchdog.regular_file import read_regular

LARGEST = 1 << 20


class ComposeError(NemoWatchdogError):
    """A Compose file that cannot be read; the message says why, and nothing of its values."""


@dataclass(frozen=True, slots=True)
class ComposeFile:
    """`services` are what it would make, by the service's name. `warnings` say what is not read of it."""

    path: Path
    project: str
    services: Mapping[str, Found]
    warnings: tuple[str, ...] = ()


class _Loader(yaml.SafeLoader):
    """Words and numbers as YAML 1.2 has them: `22:22` is a port, `on` is a word. Compose's own tags are let through."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own way


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?[0-9]+\.[0-9]+", "-+0123456789"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), list(_first))


def _untagged(loader: _Loader, suffix: str, node: yaml.Node) -> Any:
    """`!override` is what stands there, `!reset` is nothing."""
    if suffix == "reset":
        return None
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_object(yaml.ScalarNode("tag:yaml.org,2002:str", node.value))


_Loader.add_multi_constructor("!", _untagged)


def read_compose(path: Path, environ: Mapping[str, str]) -> ComposeFile:
    """Raises `ComposeError`. `environ` wins over the `.env` beside the file."""
    try:
        told = yaml.load(_text(path), _Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ComposeError(f"{path}{line}: this is not YAML: {error.problem or 'it cannot be read'}") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ComposeError(f"{path}: this is not YAML") from None
    if not isinstance(told, dict) or not isinstance(told.get("services"), dict):
        raise ComposeError(f"{path} is no Compose file: it has no `services`")
    folder = path.absolute().parent
    variables = {**_env_file(folder / ".env"), **environ}
    whole = interpolated(told, variables)
    project = _project(whole, variables, folder)
    services = {
        str(name): _service(str(name), service, project, folder)
        for name, service in whole["services"].items()
        if isinstance(service, dict) and not service.get("profiles")
    }
    jobs = {job for service in whole["services"].values() for job in _jobs(_mapping(service))}
    services = {name: replace(each, is_job=name in jobs) for name, each in services.items()}
    return ComposeFile(path, project, services, tuple(_warnings(path, whole)))


def _warnings(path: Path, whole: Mapping[str, Any]) -> Iterator[str]:
    if whole.get("include"):
        yield f"{path}: `include` is not followed: the services of those files are missing"
    for name, service in whole["services"].items():
        if isinstance(service, dict) and service.get("extends"):
            yield f"{path}: `extends` of {name} is not followed: what it takes over is not known"
        if isinstance(service, dict) and service.get("profiles"):
            yield f"{path}: {name} is left out while it does not run: it belongs to a profile"


def _text(path: Path) -> str:
    try:
        return read_regular(path, LARGEST).decode("utf-8")
    except OSError as error:
        raise ComposeError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError:
        raise ComposeError(f"{path} cannot be read: it is no text in UTF-8") from None


def _env_file(path: Path) -> dict[str, str]:
    try:
        return read_env(_text(path))
    except ComposeError:
        return {}


def _project(whole: Mapping[str, Any], variables: Mapping[str, str], folder: Path) -> str:
    name = variables.get("COMPOSE_PROJECT_NAME") or whole.get("name") or folder.name
    return re.sub(r"[^a-z0-9_-]", "", str(name).lower()).lstrip("_-")


def _service(name: str, service: Mapping[str, Any], project: str, folder: Path) -> Found:
    published, picked = _ports(service)
    check = _mapping(service.get("healthcheck"))
    test = check.get("test")
    if isinstance(test, str):
        test = ["CMD-SHELL", test]
    container = str(service.get("container_name") or f"{project}-{name}-1")
    labels = _pairs(service.get("labels"))
    ours = {"com.docker.compose.project": project, "com.docker.compose.service": name}
    return Found(
        name=container,
        image=str(service.get("image") or ""),
        command=(*_words(service.get("entrypoint")), *_words(service.get("command"))),
        environment={**_of_files(service.get("env_file"), folder), **_pairs(service.get("environment"))},
        labels={**labels, **ours},
        published=published,
        picked=picked,
        exposed=tuple(port for each in _list(service.get("expose")) if (port := tcp_port(each)) is not None),
        network_mode=str(service.get("network_mode") or ""),
        networks=_networks(service, name, container),
        state="created",
        restart_policy=str(service.get("restart") or "no"),
        health_check=() if check.get("disable") is True else tuple(map(str, _list(test))),
        start_period=_seconds(check.get("start_period")),
        stop_timeout=_seconds(service.get("stop_grace_period")),
        has_gpu=_has_gpu(service),
        depends_on=tuple(_depends_on(service)),
        exists=False,
    )


def _depends_on(service: Mapping[str, Any]) -> Iterator[str]:
    """A list, or a mapping with conditions; what must only have ended well is no need."""
    told = service.get("depends_on")
    if isinstance(told, dict):
        yield from (str(name) for name, each in told.items() if _mapping(each).get("condition") != COMPLETED)
    else:
        yield from map(str, _list(told))
    for link in _list(service.get("links")):
        yield str(link).partition(":")[0]


def _jobs(service: Mapping[str, Any]) -> Iterator[str]:
    """What it waits for until that has ended."""
    told = _mapping(service.get("depends_on"))
    yield from (str(name) for name, each in told.items() if _mapping(each).get("condition") == COMPLETED)


def _ports(service: Mapping[str, Any]) -> tuple[tuple[Published, ...], tuple[int, ...]]:
    published, picked = [], []
    for each in _list(service.get("ports")):
        for host, outer, inner in _port(each):
            if outer is None:
                picked.append(inner)
            else:
                published.append(Published(inner, reached_at(host), outer))
    return tuple(published), tuple(picked)


def _port(told: object) -> Iterator[tuple[str, int | None, int]]:
    """`8000`, `80:8000`, `127.0.0.1:80:8000/tcp`, `8000-8002:8000-8002`, or a mapping."""
    if isinstance(told, dict):
        host, outer, inner = (
            str(told.get("host_ip") or ""),
            str(told.get("published") or ""),
            str(told.get("target") or ""),
        )
        protocol = str(told.get("protocol") or "")
    else:
        spec, _, protocol = str(told).partition("/")
        *before, inner = spec.rsplit(":", 2)
        outer = before[-1] if before else ""
        host = before[0].strip("[]") if len(before) == 2 else ""
    inners, outers = _range(inner), _range(outer)
    if protocol in {"", "tcp"}:
        for index, port in enumerate(inners):
            yield host, outers[index] if len(outers) == len(inners) else None, port


def _range(text: str) -> list[int]:
    first, _, last = text.partition("-")
    begin, end = tcp_port(first), tcp_port(last or first)
    return list(range(begin, end + 1)) if begin is not None and end is not None and end - begin < 100 else []


def _networks(service: Mapping[str, Any], name: str, container: str) -> Mapping[str, frozenset[str]]:
    told = service.get("networks")
    if service.get("network_mode"):
        return {}
    if isinstance(told, dict):
        aliases = {str(network): _list(_mapping(each).get("aliases")) for network, each in told.items()}
    else:
        aliases = {str(network): [] for network in _list(told) or ["default"]}
    return {network: frozenset({name, container, *map(str, each)}) for network, each in aliases.items()}


def _has_gpu(service: Mapping[str, Any]) -> bool:
    if service.get("runtime") == "nvidia" or service.get("gpus"):
        return True
    reserved = _mapping(_mapping(_mapping(service.get("deploy")).get("resources")).get("reservations"))
    devices = map(_mapping, _list(reserved.get("devices")))
    return any(each.get("driver") == "nvidia" or "gpu" in _list(each.get("capabilities")) for each in devices)


def _of_files(told: object, folder: Path) -> dict[str, str]:
    variables: dict[str, str] = {}
    for each in [told] if isinstance(told, str | dict) else _list(told):
        named = each.get("path") if isinstance(each, dict) else each
        if isinstance(named, str):
            variables |= _env_file(folder / named)
    return variables


def _pairs(told: object) -> dict[str, str]:
    """A mapping, or a list of `NAME=value`. What has no value here is not known."""
    if isinstance(told, dict):
        return {str(key): _shown(value) for key, value in told.items() if value is not None}
    return dict(environment_of([str(each) for each in _list(told)]))


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _words(told: object) -> tuple[str, ...]:
    if isinstance(told, str):
        try:
            return tuple(shlex.split(told))
        except ValueError:
            return tuple(told.split())
    return tuple(map(str, _list(told)))


def _seconds(told: object) -> float:
    try:
        return parse_duration(told if isinstance(told, str) else 0)
    except PydanticCustomError:
        return 0.0


def _mapping(value: object) -> Mapping[Any, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
