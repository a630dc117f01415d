"""What every command prints the same way. Results go to stdout, complaints to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from nemo_watchdog.errors import NemoWatchdogError

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

GOOD, WRONG, USAGE, UNREACHABLE = 0, 1, 2, 3


class CommandFailed(NemoWatchdogError):
    """A command that cannot do what it was asked; `code` is its exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def fail(message: str) -> None:
    print(message, file=sys.stderr)


def as_json(value: Any) -> None:
    print(json.dumps(value, indent=2, default=str))


def print_lines(lines: Iterable[Text]) -> None:
    """Lines that were made for this terminal's width."""
    from rich.console import Console

    console = Console()
    for line in lines:
        console.print(line, soft_wrap=True)


def whole_table(*headers: str, unbroken: Iterable[str] = ()) -> Table:
    """A table of which a narrow terminal cuts nothing off: what does not fit goes on in the next line.

    The columns `unbroken` keep their cells on one line.
    """
    from rich import box
    from rich.table import Column, Table

    columns = [Column(header, overflow="fold", no_wrap=header in unbroken) for header in headers]
    return Table(*columns, box=box.SIMPLE_HEAD)
