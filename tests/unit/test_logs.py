"""The log: one JSON object a line for machines, colours for people, and nothing below the level."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from nemo_watchdog import logs
from nemo_watchdog.redaction.redactor import Redactor


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """It is configured for the whole process."""
    before, heard, warned = structlog.get_config(), list(logging.getLogger().handlers), warnings.showwarning
    yield
    structlog.configure(**before)
    logging.getLogger().handlers[:] = heard
    warnings.showwarning = warned


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


SECRET = "sent-by-somebody"


def complained(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    err = capsys.readouterr().err
    assert SECRET not in err
    return [json.loads(line) for line in err.splitlines()]


def test_what_libraries_say_is_told_without_what_they_repeat(capsys: pytest.CaptureFixture[str]) -> None:
    """Who, where and what kind of error; their texts may hold a request with its token."""
    logs.configure("info", "json")
    logs.hear_libraries()
    logs.hear_libraries()

    def parse() -> None:
        raise ValueError(SECRET)

    def read() -> None:
        try:
            parse()
        except ValueError as error:
            raise ConnectionError(SECRET) from error

    try:
        read()
    except ConnectionError:
        logging.getLogger("aiohttp.server").exception("Error handling request from %s", SECRET)
    logging.getLogger("asyncio").error(f"Task exception was never retrieved\nfuture: <Task {SECRET}>")  # noqa: G004
    logging.getLogger("other").warning(ValueError(SECRET))
    logging.getLogger("other").info("nothing that matters")
    first, second, third = complained(capsys)
    assert (first["event"], first["level"], first["library"]) == ("a library complained", "error", "aiohttp.server")
    assert first["said"] == "Error handling request from"
    assert first["error"].startswith("ConnectionError < test_logs.py:")
    assert "; from ValueError < test_logs.py:" in first["error"]
    assert first["place"].startswith("test_logs.py:")
    assert second["said"] == "Task exception was never retrieved"
    assert (third["said"], third["level"]) == ("", "warning")


def test_a_warning_and_a_callback_that_fails_are_lines_too(capsys: pytest.CaptureFixture[str]) -> None:
    """Python and asyncio would write them in a format of their own."""
    logs.configure("info", "json")
    logs.hear_libraries()

    def broken(said: str) -> None:
        raise RuntimeError(said)

    async def life() -> None:
        asyncio.get_running_loop().call_soon(broken, SECRET)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    warnings.showwarning(UserWarning(SECRET), UserWarning, "library.py", 7)
    asyncio.run(life())
    first, second = complained(capsys)
    assert (first["library"], first["place"], first["said"]) == ("python", "library.py:7", "UserWarning")
    assert (second["library"], second["said"].startswith("Exception in callback")) == ("asyncio", True)
    assert second["error"].startswith("RuntimeError < test_logs.py:")


def test_a_secret_is_in_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    """By rule from the first line on, and what is known as soon as somebody knows it; also in what libraries raise."""
    before = logs._without_secrets.redactor
    try:
        logs.configure("debug", "json")
        logs.redact_with(lambda: Redactor(["canary-known"]))
        try:
            int("token=canary-raised")
        except ValueError:
            structlog.get_logger().exception("canary-known", problem="redis://:canary-url@h", tried=["canary-known"])
    finally:
        logs.redact_with(before)
    (line,) = capsys.readouterr().err.splitlines()
    assert "canary" not in line
    assert json.loads(line)["problem"] == "redis://:[redacted]@h"
