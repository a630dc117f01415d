"""Docker's JSON in our words: pure functions. Of an inspect no more is read than is needed."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from nemo_watchdog.docker_signals import parse_signal
from nemo_watchdog.model import ContainerEvent, ContainerStatus, ContainerUsage, LogLine, RunState, Way

_NANOSECONDS = re.compile(r"(\.\d{6})\d+")
_STATES = {state.value: state for state in RunState if state not in {RunState.MISSING, RunState.UNREACHABLE}}

ENDED = frozenset({RunState.EXITED, RunState.DEAD, RunState.RESTARTING})


def parse_time(text: str) -> datetime | None:
    """RFC 3339 with up to nine decimals to aware UTC; None for Go's zero time (0001-01-01) and for what is no time."""
    try:
        at = datetime.fromisoformat(_NANOSECONDS.sub(r"\1", text))
    except ValueError:
        return None
    if at.year <= 1 or at.tzinfo is None:
        return None
    return at.astimezone(UTC)


def unix_seconds(at: datetime) -> str:
    """A time as `since` and `until` take it."""
    return f"{at.timestamp():.6f}"


def parse_inspect(inspected: Mapping[str, Any]) -> ContainerStatus:
    """GET /containers/NAME/json of the Docker Engine API (ContainerInspect). Raises ValueError for another answer."""
    state = inspected.get("State")
    if not isinstance(state, Mapping) or state.get("Status") not in _STATES or not isinstance(inspected.get("Id"), str):
        raise ValueError("Docker's answer is not a container's inspect")
    run = _STATES[state["Status"]]
    exit_code = state.get("ExitCode")
    health = state.get("Health")
    word = health.get("Status") if isinstance(health, Mapping) else None
    config = inspected.get("Config")
    restarts = inspected.get("RestartCount")
    stop_signal = parse_signal(config.get("StopSignal")) if isinstance(config, Mapping) else None
    return ContainerStatus(
        state=run,
        container_id=inspected["Id"],
        started_at=parse_time(str(state.get("StartedAt") or "")),
        finished_at=parse_time(str(state.get("FinishedAt") or "")) if run in ENDED else None,
        # A container that has not ended has the exit code 0 or that of its last run.
        exit_code=exit_code if run in ENDED else None,
        oom_killed=state.get("OOMKilled") is True,
        restarts=restarts if isinstance(restarts, int) else 0,
        restarted_by_docker=_restarted(inspected.get("HostConfig")),
        cpus=_cpus(inspected.get("HostConfig")),
        off_network=_off_network(inspected.get("HostConfig"), inspected.get("NetworkSettings")),
        network_of=_network_of(inspected.get("HostConfig")),
        ways=_ways(inspected.get("NetworkSettings")) if run is RunState.RUNNING else (),
        stop_signal=stop_signal or signal.SIGTERM,
        health=word if word in {"healthy", "unhealthy", "starting"} else None,
        image=str(inspected.get("Image") or ""),
        image_name=str(config.get("Image") or "") if isinstance(config, Mapping) else "",
        detail=" ".join(str(state.get("Error") or "").split()),
    )


def _ways(settings: object) -> tuple[Way, ...]:
    """`Ports` with `Networks`; what is published on every address of this machine is there on the loopback one."""
    if not isinstance(settings, Mapping):
        return ()
    networks, ports = settings.get("Networks"), settings.get("Ports")
    named = networks.values() if isinstance(networks, Mapping) else ()
    addresses = [each["IPAddress"] for each in named if isinstance(each, Mapping) and each.get("IPAddress")]
    ways = []
    for inner, outer in ports.items() if isinstance(ports, Mapping) and addresses else ():
        number, _, protocol = str(inner).partition("/")
        for each in outer or () if protocol == "tcp" and number.isdecimal() else ():
            host, port = str(each.get("HostIp") or "0.0.0.0"), str(each.get("HostPort"))
            if port.isdecimal() and ":" not in host:  # of both families one is enough
                here = "127.0.0.1" if host == "0.0.0.0" else host
                ways.append(Way((here, int(port)), (str(addresses[0]), int(number))))
    return tuple(ways)


def _restarted(host_config: object) -> bool:
    policy = host_config.get("RestartPolicy") if isinstance(host_config, Mapping) else None
    return not isinstance(policy, Mapping) or policy.get("Name") not in {"", "no"}


def _cpus(host_config: object) -> float | None:
    """`--cpus` (NanoCpus), or `--cpu-quota` by `--cpu-period`."""
    if not isinstance(host_config, Mapping):
        return None
    nano, quota, period = (host_config.get(key) or 0 for key in ("NanoCpus", "CpuQuota", "CpuPeriod"))
    if not all(isinstance(number, int) for number in (nano, quota, period)):
        return None
    if nano > 0:
        return nano / 1e9
    return quota / (period or 100_000) if quota > 0 else None


def _network_of(host_config: object) -> str:
    """Docker writes down the id that the name had when this one was created (Engine 20.10)."""
    mode = str(host_config.get("NetworkMode") or "") if isinstance(host_config, Mapping) else ""
    return mode.removeprefix("container:") if mode.startswith("container:") else ""


def _off_network(host_config: object, settings: object) -> str:
    """The network that `NetworkMode` names, by name or id, where it is not among `Networks`; "" where all is well.

    `Networks` of one that does not run are those that it will be on. One that was made for no network by name
    (`default`, which newer Engines show as `bridge`) may have been put on others by what made it, such as Swarm: it is
    well on any. (Engine 20.10: a `network disconnect` takes it out of them, and no start or restart puts it back.)
    """
    if not isinstance(host_config, Mapping) or not isinstance(settings, Mapping):
        return ""
    mode, networks = host_config.get("NetworkMode"), settings.get("Networks")
    if not isinstance(mode, str) or not isinstance(networks, Mapping):
        return ""
    if mode in {"", "host", "none"} or mode.startswith("container:"):
        return ""
    if mode in {"default", "bridge"}:
        return "" if networks else "bridge"
    ids = (each.get("NetworkID") for each in networks.values() if isinstance(each, Mapping))
    return "" if mode in networks or any(str(each).startswith(mode) for each in ids) else mode


def parse_usage(stats: object) -> ContainerUsage:
    """GET /containers/NAME/stats?one-shot=true. Raises ValueError for another answer, such as that of a stopped one.

    Memory as the CLI shows it: without `total_inactive_file` (cgroup v1) or `inactive_file` (v2), where that is less.
    """
    try:
        memory, cpu = stats["memory_stats"], stats["cpu_stats"]  # type: ignore[index]
        used, details = memory["usage"], memory.get("stats", {})
        inactive = details.get("total_inactive_file", details.get("inactive_file", 0))
        disk = (stats.get("blkio_stats") or {}).get("io_service_bytes_recursive") or ()  # type: ignore[attr-defined]
        networks = (stats.get("networks") or {}).values()  # type: ignore[attr-defined]
        return ContainerUsage(
            memory=float(used - inactive if inactive < used else used),
            memory_limit=float(memory["limit"]),
            cpu=cpu["cpu_usage"]["total_usage"] / 1e9,
            online_cpus=int(cpu.get("online_cpus") or 1),
            disk=sum(entry["value"] for entry in disk if str(entry["op"]).lower() in {"read", "write"}),
            sent=sum(network["tx_bytes"] for network in networks),
            sent_packets=sum(network["tx_packets"] for network in networks),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("no usage of a running container") from error


def parse_waiting(top: object) -> frozenset[int]:
    """Of GET /containers/NAME/top?ps_args=-eo pid,stat those in state D. Raises ValueError for another answer."""
    try:
        return frozenset(int(pid) for pid, state in top["Processes"] if state.startswith("D"))  # type: ignore[index]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("no processes of a running container") from error


def parse_titles(top: object) -> tuple[str, ...]:
    """Of GET /containers/NAME/top?ps_args=-eo pid,args the command lines. Raises ValueError for another answer."""
    try:
        return tuple(title.strip() for _, title in top["Processes"])  # type: ignore[index]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("no processes of a running container") from error


def parse_labels(containers: object, *, never_started: bool = False) -> dict[str, dict[str, str]]:
    """Of GET /containers/json?all=1 the labels of those once started, or all. Raises ValueError for another answer."""
    labels = {}
    try:
        for container in containers:  # type: ignore[attr-defined]
            own = own_name(container)
            if own and (never_started or container["State"] != "created"):
                labels[own] = {str(key): str(value) for key, value in (container["Labels"] or {}).items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("no list of containers") from error
    return labels


def own_name(listed: Any) -> str:
    """Of one of GET /containers/json, which has its own name, `/web`, and one more for each link to it, `/it/web`."""
    return next((str(name)[1:] for name in listed["Names"] or () if str(name).count("/") == 1), "")


def parse_log(told: bytes) -> list[LogLine]:
    """GET /containers/NAME/logs?timestamps=1: frames with a header of eight bytes, or plain text from a terminal.

    (Docker Engine API, ContainerAttach: stream format.) What is no line with a time is left out. The time that it
    takes grows with the text and no faster: who is watched decides how much it writes, and in how small pieces.
    """
    lines = []
    for raw in _without_frames(told).split(b"\n"):
        stamp, _, written = raw.partition(b" ")
        if stamp and (at := parse_time(stamp.decode("ascii", "replace"))) is not None:
            lines.append(LogLine(at, written.removesuffix(b"\r").decode("utf-8", "replace")))
    return lines


def _without_frames(told: bytes) -> bytes:
    text, at = bytearray(), 0
    while at < len(told):
        if told[at] not in {0, 1, 2} or told[at + 1 : at + 4] != b"\0\0\0":
            text += told[at:]
            break
        begins = at + 8
        at = begins + int.from_bytes(told[at + 4 : begins], "big")
        text += told[begins:at]
    return bytes(text)


def parse_event(line: bytes) -> ContainerEvent | None:
    """One line of GET /events; None for an event that is not a container's. Raises ValueError for what is no event."""
    event = json.loads(line)
    if not isinstance(event, dict):
        raise ValueError("Docker's event is not an object")  # noqa: TRY004 - one error for all that is no event
    if event.get("Type") != "container":
        return None
    action = event.get("Action")
    actor = event.get("Actor")
    attributes = actor.get("Attributes") if isinstance(actor, dict) else None
    name = attributes.get("name") if isinstance(attributes, dict) else None
    if not isinstance(action, str) or not isinstance(name, str) or not isinstance(attributes, dict):
        raise ValueError("Docker's container event has no action or no name")  # noqa: TRY004 - as above
    nanoseconds = event.get("timeNano")
    return ContainerEvent(
        container=name,
        action=action,
        signal=parse_signal(attributes.get("signal")) if action == "kill" else None,
        at=datetime.fromtimestamp(nanoseconds / 1e9, UTC) if isinstance(nanoseconds, int) else None,
        container_id=str(actor.get("ID") or "") if isinstance(actor, dict) else "",
    )
