"""The manual page has every command with every option, in the words of `--help`, and is safe to typeset."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import typer
from typer.main import get_command

from nemo_watchdog.cli import app
from nemo_watchdog.cli.manual import BREAK, manual, roff
from tests.unit.cli.calling import Call

REQUESTS = (".TH ", ".SH ", ".SS ", ".TP", ".PP", ".B ", ".nh", ".ad l")


@pytest.fixture
def root() -> typer.Context:
    return typer.Context(get_command(app), info_name="nemo-watchdog")


def words_of_help(context: typer.Context) -> Iterator[str]:
    """What `--help` says of each command and option, of all that there are."""
    command = context.command
    if command.help and context.parent is not None and not hasattr(command, "commands"):
        yield command.help.partition("\n\n")[0]
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and parameter.name != "help":
            yield from filter(None, record)
    for name, below in getattr(command, "commands", {}).items():
        yield from words_of_help(typer.Context(below, info_name=name, parent=context))


def test_it_says_what_help_says(root: typer.Context) -> None:
    page, words = manual(root).replace(BREAK, "|"), list(words_of_help(root))
    assert len(words) > 80
    assert [each for each in words if roff(each) not in page] == []


def test_every_command_has_its_part(root: typer.Context) -> None:
    page = manual(root)
    for name in (
        "run",
        "check",
        "policy diff",
        "journal verify",
        "journal accept",
        "oncall",
        "oncall swap",
        "token make",
        "example",
        "uninstall",
    ):
        assert f"\n.SS {name}\n\\fBnemo\\-watchdog {name}\\fR " in page
    sections = [line.removeprefix(".SH ") for line in page.splitlines() if line.startswith(".SH ")]
    assert sections == [
        *("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "COMMANDS"),
        *("ENVIRONMENT", "FILES", "EXIT STATUS", "SIGNALS", "SEE ALSO"),
    ]


def test_every_variable_is_there_once(root: typer.Context) -> None:
    environment = manual(root).partition(".SH ENVIRONMENT")[2].partition(".SH FILES")[0]
    for name in (
        "NEMO_WATCHDOG_POLICY",
        "NEMO_WATCHDOG_TOKEN",
        "NEMO_WATCHDOG_READING",
        "NEMO_WATCHDOG_ALLOW_HOST",
        "DOCKER_HOST",
        "CREDENTIALS_DIRECTORY",
    ):
        assert environment.count(f".B {name}\n") == 1


def test_no_word_is_taken_for_a_request(root: typer.Context) -> None:
    """A line that begins with a dot is one of ours."""
    for line in manual(root).splitlines():
        assert line
        assert line.isascii()
        assert not line.startswith("'")
        assert not line.startswith(".") or line.startswith(REQUESTS)


@pytest.mark.parametrize(
    ("text", "typeset"),
    [
        (".so /etc/passwd", "\\&.so /etc/passwd"),
        ("'tis\n  so", "\\&\\(aqtis so"),
        ("--all \\ `x` 5\N{MULTIPLICATION SIGN}", "\\-\\-all \\e \\(gax\\(ga 5\\[u00D7]"),
        ("", ""),
    ],
)
def test_what_roff_would_read_otherwise_is_written_so_that_it_does_not(text: str, typeset: str) -> None:
    assert roff(text) == typeset


def test_it_is_printed_the_same_whatever_the_environment_says(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """A default is the program's, and no secret of whoever prints it."""
    before = call("example", "man")
    monkeypatch.setenv("DOCKER_HOST", "tcp://secret:1")
    monkeypatch.setenv("NEMO_WATCHDOG_POLICY", "/elsewhere")
    monkeypatch.setenv("COLUMNS", "20")
    assert call("example", "man") == before
    assert (before.code, before.err) == (0, "")
