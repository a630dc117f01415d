"""Containers as Docker's inspect tells of them, and the policy that is written of some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nemo_watchdog.first_policy.found import Found, parse_found
from nemo_watchdog.first_policy.look import Seen
from nemo_watchdog.first_policy.plan import Plan, plan, sort_out
from nemo_watchdog.first_policy.proving import prove
from nemo_watchdog.first_policy.text import policy_text
from nemo_watchdog.plugins import installed
from nemo_watchdog.policy.document import read_document
from nemo_watchdog.policy.policy import Dependency, Policy


def inspected(name: str, **more: Any) -> dict[str, Any]:
    """One that runs. `ports` are `{"8000/tcp": ("127.0.0.1", "8000")}`; the other words are as in `docker run`."""
    ports = more.get("ports", {})
    bindings = {inner: [{"HostIp": host, "HostPort": port}] for inner, (host, port) in ports.items()}
    return {
        "Id": more.get("id", f"{abs(hash(name)):064x}"[:64]),
        "Name": f"/{name}",
        "Path": (more.get("command") or ["run-it"])[0],
        "Args": list((more.get("command") or ["run-it"])[1:]),
        "State": {"Status": more.get("state", "running"), "ExitCode": more.get("exit_code", 0)},
        "Config": {
            "Image": more.get("image", "acme/api:1"),
            "Env": [f"{key}={value}" for key, value in more.get("environment", {}).items()],
            "Labels": dict(more.get("labels", {})),
            "ExposedPorts": {f"{port}/tcp": {} for port in more.get("exposed", ())},
            "Healthcheck": more.get("health_check"),
            "StopTimeout": more.get("stop_timeout"),
        },
        "HostConfig": {
            "PortBindings": bindings,
            "NetworkMode": more.get("network_mode", "app"),
            "RestartPolicy": {"Name": more.get("restart", "unless-stopped")},
            "AutoRemove": more.get("rm", False),
            "DeviceRequests": more.get("device_requests"),
        },
        "NetworkSettings": {
            "Ports": more.get("now", bindings),
            "Networks": {
                network: {"Aliases": list(aliases)} for network, aliases in more.get("networks", {"app": []}).items()
            },
        },
    }


def found(name: str, **more: Any) -> Found:
    return parse_found(inspected(name, **more))


def planned(*containers: Found, seen: Mapping[str, Seen] | None = None, host_has_gpu: bool = False) -> Plan:
    watched, left_out = sort_out(containers)
    return plan(watched, left_out, seen or {}, host_has_gpu=host_has_gpu)


def proven(made: Plan, **environ: str) -> Policy:
    """The policy that the real loader reads; it must take it."""
    read = prove(policy_text(made), made, installed(), environ)
    assert isinstance(read, Policy), read
    return read


def policy_of(*containers: Found, seen: Mapping[str, Seen] | None = None, host_has_gpu: bool = False) -> Policy:
    return proven(planned(*containers, seen=seen, host_has_gpu=host_has_gpu))


def only(*containers: Found, seen: Mapping[str, Seen] | None = None) -> tuple[Dependency, Mapping[str, Any], str]:
    """Of one container: its dependency, what is written of it, and the whole text."""
    made = planned(*containers, seen=seen)
    policy = proven(made)
    (entry,) = made.entries
    text = policy_text(made)
    return policy.dependencies[entry.name], read_document(text, None).value["dependencies"][entry.name], text


def problems_of(*containers: Found, **environ: str) -> Sequence[str]:
    """What is said of labels that cannot be used."""
    made = planned(*containers)
    if made.problems:
        return made.problems
    read = prove(policy_text(made), made, installed(), environ)
    assert not isinstance(read, Policy)
    return read
