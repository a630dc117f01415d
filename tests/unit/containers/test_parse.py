"""Docker's JSON in our words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from nemo_watchdog.containers.parse import parse_inspect, parse_time
from nemo_watchdog.model import RunState
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
