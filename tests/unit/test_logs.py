"""The log: one JSON object a line for machines, colours for people, and nothing below the level."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest
import structlog

from nemo_watchdog import logs


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """It is configured for the whole process."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def test_json_is_one_object_a_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """With level, event and an ISO time in UTC; stdout stays free for results."""
    logs.configure("info", "json")
    structlog.get_logger().warning("docker unreachable", error="no\nanswer")
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    body = json.loads(line)
    assert (body["event"], body["level"], body["error"]) == ("docker unreachable", "warning", "no\nanswer")
    assert body["timestamp"].endswith("Z")


@pytest.mark.parametrize(("level", "heard"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_what_lies_below_the_level_is_not_written(level: str, heard: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Each of the levels that the command line offers."""
    logs.configure(level, "json")
    log = structlog.get_logger()
    for name in logs.LEVELS:
        getattr(log, name)("something")
    assert len(capsys.readouterr().err.splitlines()) == heard


def test_an_exception_is_part_of_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A traceback must not break the format."""
    logs.configure("info", "json")
    try:
        json.loads("{")
    except ValueError:
        structlog.get_logger().exception("a bug")
    (line,) = capsys.readouterr().err.splitlines()
    assert "JSONDecodeError" in json.loads(line)["exception"]


@pytest.mark.parametrize(
    ("terminal", "no_color", "coloured"), [(True, "", True), (True, "1", False), (False, "", False)]
)
def test_colours_are_for_a_terminal(
    terminal: bool, no_color: str, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A console log in a file is read with a pager, and NO_COLOR is obeyed."""

    class Stream(io.StringIO):
        def isatty(self) -> bool:
            return terminal

    monkeypatch.setattr("sys.stderr", stream := Stream())
    monkeypatch.setenv("NO_COLOR", no_color)
    logs.configure("info", "console")
    structlog.get_logger().info("watching", dependencies=3)
    assert ("\x1b[" in stream.getvalue()) is coloured


def test_console_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """The event can be read without a parser."""
    logs.configure("info", "console")
    structlog.get_logger().info("watching", dependencies=3)
    err = capsys.readouterr().err
    assert "watching" in err
    assert not err.startswith("{")
