"""The manual page, in roff, from the commands themselves: it has the words of `--help` and cannot differ from them.

Sources: man-pages(7) for the sections and their order, groff_man(7), groff_char(7).
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, cast

import typer

from nemo_watchdog import __version__
from nemo_watchdog.installing.layout import Layout
from nemo_watchdog.shipped import PLACES

EXIT_CODES: Mapping[int, str] = {
    0: "Good.",
    1: "Something is wrong with what was asked about, or it could not be done. Each command says what.",
    2: "A usage or policy error: nothing was done.",
    3: "The daemon cannot be reached.",
}
SIGNALS: Mapping[str, str] = {
    "SIGTERM, SIGINT": "The daemon ends. An action under way is not waited for: its intent is in the journal.",
    "SIGHUP": "The daemon reads its policy again, and the secret files that it names. A bad one changes nothing.",
}
MORE_ENVIRONMENT: Mapping[str, str] = {
    "NEMO_WATCHDOG_TOKEN": "The token that commands bring to the daemon, instead of that of its state directory.",
    "CREDENTIALS_DIRECTORY": "Where the files of ${credential:NAME} in the policy are. systemd sets it.",
    "NOTIFY_SOCKET, WATCHDOG_USEC": "systemd's: whom to tell that it is ready, and alive.",
}
SEE_ALSO = "docker(1), systemctl(1), journalctl(1), systemd.exec(5)"

BREAK = "|\\:"
"""Where a list of choices goes on in the next line."""

_SPECIAL = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti"}


def manual(context: typer.Context) -> str:
    """Of the whole program, whichever command is running."""
    root = cast("typer.Context", context.find_root())
    return "\n".join([*_head(root), *_commands(root), *_environment(root), *_end()]) + "\n"


def roff(text: str) -> str:
    """As it is to be read, on one line."""
    plain = "".join(_SPECIAL.get(each, each if each.isascii() else f"\\[u{ord(each):04X}]") for each in text)
    line = " ".join(plain.split())
    return f"\\&{line}" if line.startswith((".", "\\(aq")) else line


def _head(root: typer.Context) -> Iterator[str]:
    name, command = "nemo-watchdog", root.command
    yield f'.TH {roff(name.upper())} 1 "" "{name} {__version__}" "User Commands"'
    yield from (".nh", ".ad l")  # the name of a variable is not broken over two lines
    yield from _section("Name")
    yield f"{roff(name)} \\- first responder of a Docker platform"
    yield from _section("Synopsis")
    yield f".B {roff(name)}"
    yield r"[\fIoptions\fR] \fIcommand\fR [\fIarguments\fR]"
    yield from _section("Description")
    yield from _paragraphs(command.help)
    yield from _paragraphs(
        f"All that operators tune is in one file, the policy. `{name} example policy` prints one to begin with, and "
        f"`{name} check` says what is wrong with yours."
    )
    yield from _section("Options")
    yield from _parameters(root)


def _commands(root: typer.Context) -> Iterator[str]:
    yield from _section("Commands")
    for context in _leaves(root):
        called = context.command_path.removeprefix(root.command_path).strip()
        yield f".SS {roff(called)}"
        yield f"\\fBnemo\\-watchdog {roff(called)}\\fR {roff(' '.join(context.command.collect_usage_pieces(context)))}"
        yield ".PP"
        yield from _paragraphs(context.command.help)
        yield from _parameters(context)


def _environment(root: typer.Context) -> Iterator[str]:
    yield from _section("Environment")
    given: dict[str, str] = {}
    for context in _leaves(root):
        for parameter in context.command.get_params(context):
            for variable in _variables(parameter):
                options = getattr(parameter, "opts", [])
                if options and options[0].startswith("-"):
                    given.setdefault(variable, f"As {options[0]} of `{context.info_name}`.")
    yield from _list({**dict(sorted(given.items())), **MORE_ENVIRONMENT})


def _end() -> Iterator[str]:
    layout = Layout()
    yield from _section("Files")
    yield from _list(
        {
            str(layout.policy): "The policy of the service.",
            str(layout.environment): "NAME=value lines for ${NAME} in the policy, which systemd reads as root.",
            str(layout.states[0]): "What the daemon remembers, and its own token, and a hash of each that it made.",
            str(layout.unit): "The systemd unit.",
            str(
                layout.share
            ): f"What comes with it: {', '.join(place.rpartition('/')[2] for place in PLACES.values())}.",
        }
    )
    yield from _section("Exit status")
    yield from _list({str(code): words for code, words in EXIT_CODES.items()})
    yield from _section("Signals")
    yield from _list(SIGNALS)
    yield from _section("See also")
    yield roff(SEE_ALSO)


def _leaves(context: typer.Context) -> Iterator[typer.Context]:
    """The commands that do something, each in the context that its name stands in."""
    commands: Mapping[str, Any] = getattr(context.command, "commands", {})
    for name, command in commands.items():
        if not command.hidden:
            below = typer.Context(command, info_name=name, parent=context)
            if getattr(command, "invoke_without_command", True):
                yield below
            yield from _leaves(below)


def _parameters(context: typer.Context) -> Iterator[str]:
    for parameter in context.command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and parameter.name != "help":
            yield ".TP"
            yield f".B {roff(record[0]).replace('|', BREAK)}"
            yield roff(record[1]) or "\\&"


def _variables(parameter: Any) -> list[str]:
    named = parameter.envvar or []
    return [named] if isinstance(named, str) else list(named)


def _section(title: str) -> Iterator[str]:
    yield f".SH {title.upper()}"


def _paragraphs(text: str | None) -> Iterator[str]:
    for paragraph in textwrap.dedent(text or "").split("\n\n"):
        yield roff(paragraph)
        yield ".PP"


def _list(words: Mapping[str, str]) -> Iterator[str]:
    for term, meaning in words.items():
        yield ".TP"
        yield f".B {roff(term)}"
        yield roff(meaning)
