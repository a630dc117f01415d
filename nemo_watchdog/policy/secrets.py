"""Values from outside the policy file: `${NAME}`, `${NAME:-default}`, `${file:/path}` and `${credential:NAME}`.

They are put into text that YAML has already parsed, so that no value can inject YAML, and what comes in is not looked
at again: a `${...}` inside a value stays as it is. `$$` is a literal `$`; a `$` before anything else is itself.
Messages name the variable or the file, never the value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from nemo_watchdog.regular_file import NotRegular, TooLarge, read_regular

MAX_FILE_BYTES = 64 * 1024

_TOKEN = re.compile(r"\$\$|\$\{(?P<inside>[^}]*)(?P<end>\}?)")
_VARIABLE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<default>:-.*)?", re.DOTALL | re.ASCII)
_CREDENTIAL = re.compile(r"(?!\.\.?$)[A-Za-z0-9._-]{1,255}", re.ASCII)
_WRITE = "write `${NAME}`, `${NAME:-default}`, `${file:/path}`, `${credential:NAME}`, or `$$` for a dollar sign"


CREDENTIALS = "CREDENTIALS_DIRECTORY"
"""Where systemd puts what `LoadCredential=` of a unit names (systemd.exec(5))."""


class ExpansionError(Exception):
    """A value that cannot be had; the message holds no secret."""


@dataclass(frozen=True, slots=True)
class Expanded:
    """`outside` tells that some of the text came from an expansion, so that it must not be shown."""

    text: str
    outside: bool


class FromOutside(str):
    """Text that came from an expansion; `written` is what the policy has in its place."""

    __slots__ = ("written",)

    written: str

    def __new__(cls, text: str, written: str) -> Self:
        made = super().__new__(cls, text)
        made.written = written
        return made


def expand(text: str, environ: Mapping[str, str]) -> Expanded:
    """The text with every expansion in place; raises `ExpansionError`."""
    if "$" not in text:
        return Expanded(text, outside=False)
    parts: list[str] = []
    outside = False
    end = 0
    for match in _TOKEN.finditer(text):
        parts.append(text[end : match.start()])
        end = match.end()
        if match[0] == "$$":
            parts.append("$")
        elif not match["end"]:
            raise ExpansionError(f"a `${{` without its `}}`: {_WRITE}")
        else:
            parts.append(_value(match["inside"], environ))
            outside = True
    parts.append(text[end:])
    return Expanded("".join(parts), outside)


def as_written(text: str) -> Expanded:
    """The text with every expansion as it stands there, known for what it is."""
    return Expanded(text, outside=any(match[0] != "$$" for match in _TOKEN.finditer(text)))


def files_in(text: str) -> frozenset[str]:
    """The paths of all `${file:…}` in a policy's text, also of those in its comments."""
    return frozenset(
        match["inside"].removeprefix("file:")
        for match in _TOKEN.finditer(text)
        if match["end"] and match["inside"].startswith("file:")
    )


def _value(inside: str, environ: Mapping[str, str]) -> str:
    if inside.startswith("file:"):
        return _file(inside.removeprefix("file:"))
    if inside.startswith("credential:"):
        return _credential(inside.removeprefix("credential:"), environ)
    match = _VARIABLE.fullmatch(inside)
    if match is None:
        raise ExpansionError(f"an expansion that cannot be read: {_WRITE}")
    name, default = match["name"], match["default"]
    value = environ.get(name)
    if default is not None:
        return value or default.removeprefix(":-")
    if value is None:
        raise ExpansionError(
            f"the environment has no variable `{name}`: set it, or give a default, `${{{name}:-default}}`"
        )
    return value


def _credential(name: str, environ: Mapping[str, str]) -> str:
    if not _CREDENTIAL.fullmatch(name):
        raise ExpansionError("the name in `${credential:NAME}` has letters, digits, `.`, `_` and `-`, and no path")
    folder, load = environ.get(CREDENTIALS, ""), f"`LoadCredential={name}:/path`"
    if not folder:
        raise ExpansionError(f"systemd gave this process no credential: the unit must have {load}")
    if not (Path(folder) / name).exists():
        raise ExpansionError(f"systemd gave this process no credential `{name}`: the unit must have {load}")
    return _file(f"{folder}/{name}")


def _file(name: str) -> str:
    """The file's text without its last line break."""
    path = Path(name)
    if not path.is_absolute():
        raise ExpansionError("the path in `${file:/path}` must be absolute")
    try:
        raw = read_regular(path, MAX_FILE_BYTES)
    except NotRegular:
        raise ExpansionError(f"`{name}` is not a regular file") from None
    except TooLarge:
        raise ExpansionError(f"the file `{name}` is larger than {MAX_FILE_BYTES // 1024} KiB") from None
    except OSError as error:
        raise ExpansionError(f"cannot read the file `{name}`: {error.strerror or type(error).__name__}") from None
    except ValueError:  # a NUL in the path
        raise ExpansionError("the path in `${file:/path}` is not a path") from None
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ExpansionError(f"the file `{name}` is not UTF-8 text") from None
    return text.removesuffix("\n").removesuffix("\r")
