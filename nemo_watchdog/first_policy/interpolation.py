"""`${VAR}` and `.env` as Compose reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_PLAIN = re.compile(rf"\$({_NAME})", re.ASCII)
_BRACED = re.compile(rf"({_NAME})(?:(:?[-+?])(.*))?", re.ASCII | re.DOTALL)
_DEEPEST = 10
_LINE = re.compile(rf"\s*(?:export\s+)?({_NAME})\s*=\s*(.*)", re.ASCII)


def interpolated(value: Any, environ: Mapping[str, str]) -> Any:
    """The same with every variable in its texts put in; keys stay as they are. One that is not set is empty."""
    if isinstance(value, str):
        return put_in(value, environ)
    if isinstance(value, list):
        return [interpolated(each, environ) for each in value]
    if isinstance(value, dict):
        return {key: interpolated(each, environ) for key, each in value.items()}
    return value


def put_in(text: str, environ: Mapping[str, str], depth: int = 0) -> str:
    """`$VAR`, `${VAR}`, `${VAR:-x}`, `${VAR-x}`, `${VAR:+x}`, `${VAR+x}`, `${VAR:?x}`, and `$$` for a dollar sign."""
    parts, at = [], 0
    while (dollar := text.find("$", at)) >= 0:
        parts.append(text[at:dollar])
        if text.startswith("$$", dollar):
            parts.append("$")
            at = dollar + 2
        elif text.startswith("${", dollar) and (end := _end(text, dollar + 2)) is not None:
            parts.append(_braced(text[dollar + 2 : end], environ, depth))
            at = end + 1
        elif match := _PLAIN.match(text, dollar):
            parts.append(environ.get(match[1], ""))
            at = match.end()
        else:
            parts.append("$")
            at = dollar + 1
    return "".join((*parts, text[at:]))


def read_env(text: str) -> dict[str, str]:
    """The lines of an env file. In single quotes all stands for itself; without quotes a ` #` begins a comment."""
    variables: dict[str, str] = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match is None or line.lstrip().startswith("#"):
            continue
        value = match[2].strip()
        quote = value[:1]
        if quote in {"'", '"'} and (end := value.find(quote, 1)) > 0:
            value = value[1:end]
        else:
            value = re.split(r"\s#", value, maxsplit=1)[0].strip()
        variables[match[1]] = value if quote == "'" else put_in(value, variables)
    return variables


def _end(text: str, at: int) -> int | None:
    """Where the brace that is open at `at` is closed; None where it is not."""
    depth = 1
    while at < len(text):
        if text.startswith("${", at):
            depth += 1
            at += 1
        elif text[at] == "}":
            depth -= 1
            if not depth:
                return at
        at += 1
    return None


def _braced(inside: str, environ: Mapping[str, str], depth: int) -> str:
    match = _BRACED.fullmatch(inside)
    if match is None or depth > _DEEPEST:
        return ""
    value = environ.get(match[1])
    sign, other = match[2] or "", match[3] or ""
    there = bool(value) if sign.startswith(":") else value is not None
    if sign.endswith("+"):
        return put_in(other, environ, depth + 1) if there else ""
    if there or not sign.endswith("-"):
        return value or ""
    return put_in(other, environ, depth + 1)
