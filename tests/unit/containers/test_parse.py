"""Docker's JSON in our words."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from nemo_watchdog.containers.parse import parse_inspect, parse_log, parse_time, parse_usage
from nemo_watchdog.docker_signals import parse_signal
from nemo_watchdog.model import ContainerUsage, RunState
from tests.unit.containers.fake_docker import inspected


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-03-01T12:00:00.123456789Z", datetime(2026, 3, 1, 12, 0, 0, 123456, UTC)),
        ("2026-03-01T12:00:00.5Z", datetime(2026, 3, 1, 12, 0, 0, 500000, UTC)),
        ("2026-03-01T12:00:00Z", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-03-01T14:00:00.000000001+02:00", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", None),
        ("2026-03-01T12:00:00", None),
        ("", None),
        ("soon", None),
    ],
)
def test_times(text: str, at: datetime | None) -> None:
    """Nanoseconds are cut to microseconds, zones become UTC, and Go's zero time is no time."""
    assert parse_time(text) == at


@pytest.mark.parametrize("state", [s for s in RunState if s not in {RunState.MISSING, RunState.UNREACHABLE}])
def test_each_of_dockers_states_is_ours(state: RunState) -> None:
    """All seven states of Docker are known by their own names."""
    assert parse_inspect(inspected(Status=state.value)).state is state


@pytest.mark.parametrize("word", ["missing", "unreachable", "levitating", None])
def test_a_state_that_docker_does_not_have(word: str | None) -> None:
    """Words that are not Docker's are an error."""
    with pytest.raises(ValueError, match="not a container's inspect"):
        parse_inspect(inspected(Status=word))


@pytest.mark.parametrize(
    ("state", "field", "value"),
    [
        ({"Status": "exited", "ExitCode": 137, "OOMKilled": True}, "exit_code", 137),
        ({"Status": "exited", "ExitCode": 137, "OOMKilled": True}, "oom_killed", True),
        ({"Status": "restarting", "ExitCode": 1}, "exit_code", 1),
        ({"Status": "running", "ExitCode": 1}, "exit_code", None),
        ({"Health": {"Status": "unhealthy", "Log": [{"Output": "secret"}]}}, "health", "unhealthy"),
        ({"Health": {"Status": "none"}}, "health", None),
        ({"Health": None}, "health", None),
        ({"Status": "created", "StartedAt": "0001-01-01T00:00:00Z"}, "started_at", None),
        ({"Status": "exited", "Error": "no such file\nor directory"}, "detail", "no such file or directory"),
    ],
)
def test_fields_of_the_state(state: dict[str, Any], field: str, value: object) -> None:
    """Exit code, memory kill, health check, start and Docker's own error are read."""
    assert getattr(parse_inspect(inspected(**state)), field) == value


NETWORK = "e0936eb9fb332d6b246c554417d58a557d9b6d060e890866a5b43a2fae4c601d"
ON = {"NetworkID": NETWORK}


@pytest.mark.parametrize(
    ("mode", "networks", "off"),
    [
        ("app", {"app": ON}, ""),
        ("app", {"app": ON, "other": {}}, ""),
        ("app", {"app": {"NetworkID": ""}}, ""),
        ("app", {}, "app"),
        ("app", {"other": {"NetworkID": "1f54"}}, "app"),
        (NETWORK, {"app": ON}, ""),
        (NETWORK[:12], {"app": ON}, ""),
        (NETWORK[:12], {"other": {"NetworkID": "1f54"}}, NETWORK[:12]),
        ("default", {"bridge": ON}, ""),
        ("default", {}, "bridge"),
        ("bridge", {}, "bridge"),
        ("default", {"ingress": ON}, ""),
        ("bridge", {"overlay": ON}, ""),
        ("host", {"host": ON}, ""),
        ("none", {}, ""),
        ("container:" + NETWORK, {}, ""),
        ("", {}, ""),
        ("app", None, ""),
        ("app", {"other": None}, "app"),
        (None, {}, ""),
    ],
)
def test_the_network_that_somebody_took_it_off(mode: object, networks: object, off: str) -> None:
    """The one that it was made for, where it is not on it; what cannot be known is no touch."""
    told = inspected() | {"HostConfig": {"NetworkMode": mode}, "NetworkSettings": {"Networks": networks}}
    assert parse_inspect(told).off_network == off


@pytest.mark.parametrize("missing", ["HostConfig", "NetworkSettings"])
def test_an_inspect_that_tells_no_networks(missing: str) -> None:
    told = inspected() | {"HostConfig": {"NetworkMode": "app"}, "NetworkSettings": {"Networks": {}}, missing: None}
    assert parse_inspect(told).off_network == ""


@pytest.mark.parametrize(
    ("mode", "of"), [("container:" + NETWORK, NETWORK), ("container:", ""), ("bridge", ""), (None, ""), (7, "")]
)
def test_the_container_whose_network_it_uses(mode: object, of: str) -> None:
    assert parse_inspect(inspected() | {"HostConfig": {"NetworkMode": mode}}).network_of == of


def frame(stream: int, text: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(text).to_bytes(4, "big") + text


STAMP = b"2026-03-01T12:00:00.123456789Z "
AT = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "texts"),
    [
        (b"", []),
        (frame(1, STAMP + b"one\n") + frame(2, STAMP + b"two\n"), ["one", "two"]),
        (frame(1, STAMP + b"cut ") + frame(1, b"in two\n"), ["cut in two"]),
        (STAMP + b"from a terminal\r\n" + STAMP + b"again\r\n", ["from a terminal", "again"]),
        (frame(1, STAMP + b"\xff\n"), ["\ufffd"]),
        (frame(1, b"no time\n"), []),
        (frame(1, STAMP + b"whole\n") + frame(1, STAMP + b"the answer ends here")[:-5], ["whole", "the answer ends"]),
        (b"\x01\x00\x00\x00\x00", []),
    ],
    ids=["empty", "both-streams", "two-frames", "terminal", "bytes", "timeless", "truncated", "half-a-header"],
)
def test_lines_of_a_log(told: bytes, texts: list[str]) -> None:
    """Frames, a terminal's plain text, and whatever else comes: lines with a time, never an exception."""
    lines = parse_log(told)
    assert [line.text for line in lines] == texts
    assert all(line.at == AT for line in lines)


@pytest.mark.parametrize(
    "told",
    [frame(1, STAMP + b"x\n") * 100_000, frame(1, b"") * 500_000, b"\n" * 4_000_000, STAMP * 130_000],
    ids=["tiny", "nothing", "empty-lines", "one-line"],
)
def test_the_time_for_a_log_grows_with_its_length_and_no_faster(told: bytes) -> None:
    """Four MiB, which is the most that is read, in whatever pieces: as much CPU for each half as for the whole."""
    half = told[: len(told) // 2]
    whole, part = _cpu(lambda: parse_log(told)), _cpu(lambda: parse_log(half))
    assert whole < 4 * part + 0.05


def _cpu(work: Callable[[], object]) -> float:
    """CPU seconds of the best of three."""
    took = []
    for _ in range(3):
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    return min(took)


@pytest.mark.parametrize(
    ("details", "memory"),
    [
        ({"total_inactive_file": 300, "inactive_file": 100}, 700.0),
        ({"inactive_file": 100}, 900.0),
        ({"inactive_file": 5000}, 1000.0),
        ({}, 1000.0),
    ],
    ids=["cgroup-v1", "cgroup-v2", "more-than-used", "untold"],
)
def test_memory_as_the_command_line_shows_it(details: dict[str, int], memory: float) -> None:
    """Inactive file pages are not used memory."""
    usage = parse_usage(
        {
            "memory_stats": {"usage": 1000, "limit": 4000, "stats": details},
            "cpu_stats": {"cpu_usage": {"total_usage": 2_500_000_000}, "online_cpus": 4},
        }
    )
    assert usage == ContainerUsage(memory, 4000.0, 2.5, 4)


@pytest.mark.parametrize("stats", [None, [], {}, {"memory_stats": {}, "cpu_stats": {}}, {"memory_stats": 1}])
def test_what_is_no_usage(stats: object) -> None:
    """A stopped container has none, and a proxy may answer anything."""
    with pytest.raises(ValueError, match="no usage"):
        parse_usage(stats)


@pytest.mark.parametrize(
    ("host_config", "cpus"),
    [
        ({"NanoCpus": 1_500_000_000}, 1.5),
        ({"CpuQuota": 50_000, "CpuPeriod": 0}, 0.5),
        ({"CpuQuota": 50_000, "CpuPeriod": 25_000}, 2.0),
        ({"CpuQuota": -1}, None),
        ({}, None),
        ({"NanoCpus": "many"}, None),
        (None, None),
    ],
)
def test_cores_that_it_may_use(host_config: object, cpus: float | None) -> None:
    """`--cpus`, or quota by period; no limit is None."""
    state = {"Status": "running", "StartedAt": "2026-03-01T12:00:00Z"}
    assert parse_inspect({"Id": "x", "State": state, "HostConfig": host_config}).cpus == cpus


@pytest.mark.parametrize(
    ("host_config", "restarted"),
    [
        ({"RestartPolicy": {"Name": "unless-stopped", "MaximumRetryCount": 0}}, True),
        ({"RestartPolicy": {"Name": "no"}}, False),
        ({"RestartPolicy": {"Name": ""}}, False),
        ({"RestartPolicy": None}, True),
        (None, True),
    ],
)
def test_whether_docker_starts_it_again(host_config: object, restarted: bool) -> None:
    """Only a policy that says no is one."""
    state = {"Status": "running", "StartedAt": "2026-03-01T12:00:00Z"}
    assert parse_inspect({"Id": "x", "State": state, "HostConfig": host_config}).restarted_by_docker is restarted


NETWORKS = {"app": {"IPAddress": "172.18.0.2"}, "other": {"IPAddress": ""}}
HERE = {"HostIp": "127.0.0.1", "HostPort": "8000"}


@pytest.mark.parametrize(
    ("ports", "ways"),
    [
        ({"80/tcp": [HERE]}, [(("127.0.0.1", 8000), ("172.18.0.2", 80))]),
        (
            {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8000"}, {"HostIp": "::", "HostPort": "8000"}]},
            [(("127.0.0.1", 8000), ("172.18.0.2", 80))],
        ),
        ({"80/tcp": [{"HostIp": "", "HostPort": "8000"}]}, [(("127.0.0.1", 8000), ("172.18.0.2", 80))]),
        ({"80/tcp": [{"HostIp": "10.0.0.5", "HostPort": "8000"}]}, [(("10.0.0.5", 8000), ("172.18.0.2", 80))]),
        ({"53/udp": [HERE]}, []),
        ({"80/tcp": None}, []),
        ({"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]}, []),
        ({}, []),
        (None, []),
    ],
)
def test_the_ways_to_what_is_published(ports: object, ways: list[object]) -> None:
    """NetworkSettings of an inspect: TCP alone, and of all addresses of this machine the loopback one."""
    state = {"Status": "running", "StartedAt": "2026-03-01T12:00:00Z"}
    settings = {"Networks": NETWORKS, "Ports": ports}
    seen = parse_inspect({"Id": "x", "State": state, "NetworkSettings": settings})
    assert [(way.published, way.own) for way in seen.ways] == ways
    stopped = {"Id": "x", "State": {"Status": "exited"}, "NetworkSettings": settings}
    assert parse_inspect(stopped).ways == ()


@pytest.mark.parametrize("networks", [None, {}, {"host": {"IPAddress": ""}}, {"app": None}])
def test_what_has_no_address_of_its_own_has_no_other_way(networks: object) -> None:
    """On the host's network there is one way only."""
    state = {"Status": "running", "StartedAt": "2026-03-01T12:00:00Z"}
    settings = {"Networks": networks, "Ports": {"80/tcp": [HERE]}}
    assert parse_inspect({"Id": "x", "State": state, "NetworkSettings": settings}).ways == ()


@pytest.mark.parametrize(
    ("told", "number"),
    [
        ("SIGRTMIN+3", 37),
        ("rtmin+3", 37),
        ("RTMIN", 34),
        ("SIGRTMAX", 64),
        ("RTMAX-2", 62),
        ("RTMIN-3", None),
        ("RTMAX+2", None),
        ("RTMIN+", None),
        ("RT", None),
    ],
)
def test_a_real_time_signal_by_its_name(told: str, number: int | None) -> None:
    """What images of systemd are stopped by; the event of it has the number."""
    assert parse_signal(told) == number
