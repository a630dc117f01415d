"""How the daemon speaks: one JSON object a line for machines, colours for a terminal."""

from __future__ import annotations

import logging
import os
import re
import sys
import warnings
from collections.abc import Callable
from typing import TextIO

import structlog

from nemo_watchdog.errors import outline
from nemo_watchdog.redaction.redactor import Redactor

LEVELS = ("debug", "info", "warning", "error")

_PLAIN = re.compile(r"[A-Za-z0-9 ,._-]*")
"""Where a library's text stops being its own: what it repeats comes behind a colon, a quote or a bracket."""


def configure(level: str, style: str) -> None:
    """Sets up structlog for the process. `style` is `json` or `console`; lines go to stderr.

    Colours are for a terminal: not for a file, and not where NO_COLOR is set (https://no-color.org).
    """
    colors = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if style == "json" else structlog.dev.ConsoleRenderer(colors=colors)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _without_secrets,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


class _WithoutSecrets:
    """The last thing that is done to a line: all values of it, whoever has put them there."""

    def __init__(self) -> None:
        rules = Redactor()
        self.redactor: Callable[[], Redactor] = lambda: rules

    def __call__(self, _: object, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
        document = self.redactor().document
        return {key: document(value) for key, value in line.items()}


_without_secrets = _WithoutSecrets()


def redact_with(redactor: Callable[[], Redactor]) -> None:
    """From now on each line is without what that one knows; before, it goes by rules alone."""
    _without_secrets.redactor = redactor


def hear_libraries() -> None:
    """From now on what libraries, asyncio and Python's warnings say is a line of ours, in the same format."""
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, _Libraries)]:
        root.removeHandler(handler)
    root.addHandler(_Libraries(logging.WARNING))
    warnings.showwarning = _warned


class _Libraries(logging.Handler):
    """Who said it, where, and the plain beginning of its text; no argument and no error's words.

    aiohttp repeats request lines and headers in the errors that it logs, asyncio the arguments of a callback: whatever
    was sent to us could stand in the log, tokens too.
    """

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        found = _PLAIN.match(record.msg) if isinstance(record.msg, str) else None
        _complain(
            "error" if record.levelno >= logging.ERROR else "warning",
            library=record.name,
            place=f"{record.filename}:{record.lineno}",
            said=found[0].strip() if found else "",
            error=outline(error) if error is not None else "",
        )


def _warned(
    message: Warning | str,  # noqa: ARG001 - as above
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001 - the arguments of warnings.showwarning
    line: str | None = None,  # noqa: ARG001
) -> None:
    _complain("warning", library="python", place=f"{filename}:{lineno}", said=category.__name__, error="")


def _complain(level: str, **fields: str) -> None:
    getattr(structlog.get_logger("nemo_watchdog"), level)("a library complained", **fields)
