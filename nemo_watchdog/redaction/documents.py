"""Secrets in JSON-like data: behind a key that says so, in `NAME=value`, in the words of a command line.

`Config.Env` of `docker inspect` is a list of `NAME=value`: there a value is hidden whole, whatever is in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from nemo_watchdog.redaction.assigned import is_secret_value
from nemo_watchdog.redaction.mark import MARK, hidden
from nemo_watchdog.redaction.names import Says, says

DEEPEST = 64
_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*)=(.*)", re.DOTALL)
_OPTION = re.compile(r"--?([A-Za-z][A-Za-z0-9_.-]+)")
_PASTES = re.compile(r"(?:.*/)?(?:mysql|mariadb)[a-z-]*")
_PASTED = re.compile(r"-p.+", re.DOTALL)


def without_secrets(value: Any, text: Callable[[str], str], depth: int = 0) -> Any:
    """The same data, without its secrets; what is nested too deep to be looked at is left out."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, bytes | bytearray):
        return text(value.decode("utf-8", "replace"))
    if depth > DEEPEST:
        return MARK
    if isinstance(value, Mapping):
        return {_key(key, text): _behind(key, item, text, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return _listed(value, text, depth + 1)
    return value


def _key(key: Any, text: Callable[[str], str]) -> Any:
    return text(key) if isinstance(key, str) else key


def _behind(key: Any, value: Any, text: Callable[[str], str], depth: int) -> Any:
    said = says(key) if isinstance(key, str) else Says.NO
    if said is Says.NO:
        return without_secrets(value, text, depth)
    return _hidden(str(key), said, value, text, depth)


def _hidden(key: str, said: Says, value: Any, text: Callable[[str], str], depth: int) -> Any:
    if isinstance(value, bytes | bytearray):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        return MARK if is_secret_value(key, said, value) else text(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return MARK if said is Says.YES else value
    if depth <= DEEPEST and isinstance(value, list | tuple):
        return [_hidden(key, said, item, text, depth + 1) for item in value]
    return without_secrets(value, text, depth)


def _listed(values: list[Any] | tuple[Any, ...], text: Callable[[str], str], depth: int) -> list[Any]:
    told: list[Any] = []
    said, name = Says.NO, ""
    pastes = any(isinstance(each, str) and _PASTES.fullmatch(each) for each in values[:4])
    for value in values:
        if not isinstance(value, str):
            told.append(without_secrets(value, text, depth))
        elif said is not Says.NO and not value.startswith("-") and is_secret_value(name, said, value):
            told.append(MARK)
        elif pastes and _PASTED.fullmatch(value):
            told.append(f"-p{MARK}")
        else:
            told.append(_variable(value, text))
        option = _OPTION.fullmatch(value) if isinstance(value, str) else None
        name = option[1] if option else ""
        said = says(name) if option else Says.NO
    return told


def _variable(value: str, text: Callable[[str], str]) -> str:
    variable = _VARIABLE.fullmatch(value)
    if variable is not None and is_secret_value(variable[1], says(variable[1]), variable[2]):
        return f"{variable[1]}={MARK}"
    return text(value)


def secrets_in(inspection: Mapping[str, Any], text: Callable[[str], str]) -> frozenset[str]:
    """The secrets that `docker inspect` tells of a container's environment and command line, as the rules find them.

    For a redactor that reads what that container says. `text` is that of one.
    """
    config = inspection.get("Config")
    told = [config.get(key) for key in ("Env", "Cmd", "Entrypoint")] if isinstance(config, Mapping) else []
    found: set[str] = set()
    for words in (*told, inspection.get("Args")):
        if isinstance(words, list):
            strings = [word for word in words if isinstance(word, str)]
            shown = _listed(strings, text, 0)
            found.update(secret for word, seen in zip(strings, shown, strict=True) for secret in hidden(word, seen))
    return frozenset(found)
