"""The configuration of a container as the order to make another one like it. Pure: from an inspect to a body.

An inspect tells what was asked for (`Config`, `HostConfig`), mixed with what Docker made of it: the default host name,
the short id among the aliases, the names of anonymous volumes. Only the first is asked for again, but for the volumes:
what is in them goes on. (Docker Engine API 1.41, ContainerInspect and ContainerCreate.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nemo_watchdog.actions.docker.own_config import own_of
from nemo_watchdog.errors import NotOrdered

SHORT_ID = 12
"""Characters of an id that Docker gives as host name and as alias."""

SWARM = "com.docker.swarm."
BY_DOCKER = frozenset({"default", "bridge"})
"""The network that has no aliases and no fixed addresses."""

_ASKED_OF_ENDPOINT = ("IPAMConfig", "Links", "DriverOpts", "MacAddress", "GwPriority")
_OF_ANOTHERS_NETWORK = ("Hostname", "Domainname", "MacAddress", "ExposedPorts")
"""Those of the container whose network it uses, as Docker shows them; asked for, they are a mistake."""


@dataclass(frozen=True, slots=True)
class Blueprint:
    """The body of `POST /containers/create`, and the networks, by name, that the container is put on after that."""

    body: Mapping[str, Any]
    networks: Mapping[str, Mapping[str, Any]]


def why_not(shown: Mapping[str, Any]) -> str:
    """Why nobody may make this container anew; "" where that can be done."""
    host = shown.get("HostConfig") or {}
    if host.get("AutoRemove"):
        return "Docker removes the container as soon as it stops (--rm): there would be no way back"
    labels = (shown.get("Config") or {}).get("Labels") or {}
    if any(str(label).startswith(SWARM) for label in labels):
        return "the container is one of Swarm's, which makes it anew by itself: `docker service update --force` does"
    return ""


def parent_of(shown: Mapping[str, Any]) -> str:
    """The id of the container whose network it uses; "" when it has its own."""
    mode = str((shown.get("HostConfig") or {}).get("NetworkMode") or "")
    return mode.removeprefix("container:") if mode.startswith("container:") else ""


def same_again(
    shown: Mapping[str, Any], image: str, parent: str = "", *, of_image: Mapping[str, Any] | None = None
) -> Blueprint:
    """Another one like it, from that image. `parent` is the id of the container whose network it is to use.

    For another image than it has, `of_image` is the configuration of the one that it has: that does not go along.
    """
    try:
        return _same_again(shown, image, parent, of_image)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise NotOrdered("Docker's inspect of the container is not as it is known to be") from error


def _same_again(shown: Mapping[str, Any], image: str, parent: str, of_image: Mapping[str, Any] | None) -> Blueprint:
    config, host = dict(shown["Config"]), dict(shown["HostConfig"])
    if of_image is not None:
        config = own_of(config, of_image)
    config["Image"] = image
    is_its_own = of_image is None or "Entrypoint" in config
    if is_its_own and not config.get("Entrypoint"):
        config["Entrypoint"] = [""]  # "none", where nothing would be "that of the image"
    if config.get("Hostname") == shown["Id"][:SHORT_ID] or host.get("UTSMode") == "host":
        config.pop("Hostname", None)
    mounts: list[Mapping[str, Any]] = list(shown.get("Mounts") or ())
    host["Binds"] = _binds(host, mounts)
    host["Mounts"] = [_named(each, mounts) for each in host.get("Mounts") or ()] or None
    host["Links"] = [_link(str(each)) for each in host.get("Links") or ()] or None
    mode = str(host.get("NetworkMode") or "")
    if mode.startswith("container:"):
        host["NetworkMode"] = f"container:{parent}"
        for key in _OF_ANOTHERS_NETWORK:
            config.pop(key, None)
    first, others = _networks(shown, mode)
    return Blueprint({**config, "HostConfig": host, "NetworkingConfig": {"EndpointsConfig": first}}, others)


def _binds(host: Mapping[str, Any], mounts: Iterable[Mapping[str, Any]]) -> list[str]:
    """Those that were asked for, and the anonymous volumes, by the names that Docker gave them."""
    binds, asked = [], {str(each["Target"]) for each in host.get("Mounts") or ()}
    for bind in map(str, host.get("Binds") or ()):
        if ":" in bind:  # otherwise it asks for an anonymous volume
            binds.append(bind)
            asked.add(bind.split(":")[1].rstrip("/") or "/")
    anonymous = (each for each in mounts if each["Type"] == "volume" and each["Destination"] not in asked)
    return [*binds, *(f"{each['Name']}:{each['Destination']}{'' if each['RW'] else ':ro'}" for each in anonymous)]


def _named(mount: Mapping[str, Any], mounts: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    if mount["Type"] != "volume" or mount.get("Source"):
        return mount
    name = next(each["Name"] for each in mounts if each["Destination"] == mount["Target"])
    return {**mount, "Source": name}


def _link(shown: str) -> str:
    """`/db:/web/store` to `db:store`."""
    target, _, alias = shown.partition(":")
    return f"{target.lstrip('/')}:{alias.rpartition('/')[2]}"


def _networks(shown: Mapping[str, Any], mode: str) -> tuple[dict[str, Any], dict[str, Mapping[str, Any]]]:
    """What it is made on, which Docker takes one of, and what it is put on after that."""
    if mode in {"host", "none"} or mode.startswith("container:"):
        return {}, {}
    first: dict[str, Any] = {}
    others: dict[str, Mapping[str, Any]] = {}
    for name, endpoint in ((shown.get("NetworkSettings") or {}).get("Networks") or {}).items():
        is_first = name == mode or (mode not in BY_DOCKER and str(endpoint.get("NetworkID") or "").startswith(mode))
        if name == "bridge" and mode in BY_DOCKER:
            continue  # it is there without being asked for
        (first if is_first and not first else others)[mode if is_first and not first else name] = _endpoint(
            endpoint, shown["Id"]
        )
    return first, others


def _endpoint(shown: Mapping[str, Any], container_id: str) -> dict[str, Any]:
    asked = {key: shown[key] for key in _ASKED_OF_ENDPOINT if shown.get(key) not in (None, "")}
    if aliases := [each for each in shown.get("Aliases") or () if each != container_id[:SHORT_ID]]:
        asked["Aliases"] = aliases
    return asked
