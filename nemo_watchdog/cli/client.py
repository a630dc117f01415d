"""Talks to the running daemon over HTTP; what cannot be reached ends the command with exit code 3."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import typer

from nemo_watchdog.app import TOKEN_NAME
from nemo_watchdog.cli.output import UNREACHABLE, WRONG, fail

TIMEOUT = 10.0
NO_HEADERS: Mapping[str, str] = MappingProxyType({})

# Straight to the daemon: a proxy of the environment must see neither the question nor the token.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def get(listen: str, path: str) -> dict[str, Any]:
    return _call(listen, path)


def post(listen: str, path: str, body: dict[str, Any], state_dir: Path) -> dict[str, Any]:
    """A change; brings the token that the daemon keeps in its state directory."""
    file = state_dir / TOKEN_NAME
    try:
        token = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        fail(f"cannot read the daemon's token {file} ({error}): run as its user, or give its --state-dir")
        raise typer.Exit(UNREACHABLE) from None
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return _call(listen, path, json.dumps(body).encode(), headers)


def _call(listen: str, path: str, data: bytes | None = None, headers: Mapping[str, str] = NO_HEADERS) -> dict[str, Any]:
    try:
        request = urllib.request.Request(f"http://{listen}{path}", data, dict(headers))
        with _direct.open(request, timeout=TIMEOUT) as response:
            answer = json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            fail(f"the daemon refused: {_said(error.read())}")
        raise typer.Exit(WRONG) from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        fail(f"no daemon answers at {listen} ({reason}): is it running? Its address is given with --listen")
        raise typer.Exit(UNREACHABLE) from None
    if not isinstance(answer, dict):
        fail(f"what answers at {listen} is not a nemo-watchdog")
        raise typer.Exit(UNREACHABLE)
    return answer


def _said(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace")[:200]
