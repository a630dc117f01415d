"""Talks to the running daemon over HTTP; what cannot be reached ends the command with exit code 3."""

from __future__ import annotations

import http.client
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from nemo_watchdog import __version__
from nemo_watchdog.cli.output import UNREACHABLE, USAGE, WRONG, CommandFailed
from nemo_watchdog.errors import in_one_line
from nemo_watchdog.regular_file import read_regular
from nemo_watchdog.state_dir import TOKEN_BYTES, TOKEN_NAME
from nemo_watchdog.views import ProblemView

TIMEOUT = 10.0
INCIDENTS = "/api/v1/incidents"
VARIABLE = "NEMO_WATCHDOG_TOKEN"

# Straight to the daemon: a proxy of the environment must see neither the question nor the token.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))

View = TypeVar("View")
"""A view as the daemon answers it: of `views` or `incident_views`."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[View]):
    """What the daemon said: as the command line understands it, and all of it as it came."""

    view: View
    document: Any


def path_of(incident: str) -> str:
    """Where the incident of that id is; whatever was typed stays one part of the path."""
    return f"{INCIDENTS}/{urllib.parse.quote(incident, safe='')}"


def get(listen: str, path: str, view: type[View], state_dir: Path | None = None) -> Answer[View]:
    """`state_dir` where even the question needs a token that may operate."""
    brought = _given() if state_dir is None else _brought(state_dir)
    return _read(listen, _called(listen, path, brought)[0], view)


def get_text(listen: str, path: str, content_type: str) -> str:
    """A text for people as it came, but for what a terminal would obey."""
    body, kind = _called(listen, path, _given())
    if kind != content_type:
        raise CommandFailed(f"what answers at {listen} is not a nemo-watchdog that writes {content_type}", UNREACHABLE)
    return "\n".join(map(in_one_line, body.decode(errors="replace").split("\n")))


def text(listen: str, path: str) -> str:
    """An answer that is no document, as it came: nothing of it is fit for a terminal yet."""
    return _called(listen, path, _given())[0].decode(errors="replace")


def post(
    listen: str, path: str, body: dict[str, Any], state_dir: Path, view: type[View], *, within: float = TIMEOUT
) -> Answer[View]:
    """A change; brings the token of the environment, or else the one that the daemon keeps in its state directory."""
    return _read(listen, _called(listen, path, _brought(state_dir), json.dumps(body).encode(), within)[0], view)


@dataclass(frozen=True, slots=True)
class _Brought:
    """A token, and where it came from; both empty for none."""

    token: str = ""
    where: str = ""


def _given() -> _Brought:
    """What the environment has: reading needs one only where the daemon was started so."""
    token = os.environ.get(VARIABLE, "").strip()
    if token and not (token.isascii() and token.isprintable()):
        raise CommandFailed(f"{VARIABLE} is no token: letters, digits, - and _ are what one is made of", USAGE)
    return _Brought(token, VARIABLE) if token else _Brought()


def _brought(state_dir: Path) -> _Brought:
    if (given := _given()).token:
        return given
    file = state_dir / TOKEN_NAME
    try:
        return _Brought(read_regular(file, TOKEN_BYTES).decode("ascii").strip(), str(file))
    except (OSError, UnicodeDecodeError) as error:
        message = (
            f"cannot read the daemon's token {file} ({error}): run as its user, or give its --state-dir, "
            f"or a token of your own in {VARIABLE}"
        )
        raise CommandFailed(message, UNREACHABLE) from None


def _called(
    listen: str, path: str, brought: _Brought, data: bytes | None = None, within: float = TIMEOUT
) -> tuple[bytes, str]:
    """The answer, and what it says that it is."""
    headers = {"Authorization": f"Bearer {brought.token}"} if brought.token else {}
    if data is not None:
        headers["Content-Type"] = "application/json"
    try:
        request = urllib.request.Request(f"http://{listen}{path}", data, headers)
        with _direct.open(request, timeout=within) as response:
            answer: bytes = response.read()
            kind: str = response.headers.get_content_type()
    except urllib.error.HTTPError as error:
        with error:
            said = _detail(error.read())
        raise CommandFailed(f"the daemon refused: {said}{_what_to_bring(error.code, brought)}", WRONG) from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        message = f"no daemon answers at {listen} ({reason}): is it running? Its address is given with --listen"
        raise CommandFailed(message, UNREACHABLE) from None
    return answer, kind


def _what_to_bring(status: int, brought: _Brought) -> str:
    """Behind a refusal, where it was about the token."""
    if status == HTTPStatus.UNAUTHORIZED and brought.token:
        return f". The token of {brought.where} is none of this daemon's, or was revoked"
    if status == HTTPStatus.UNAUTHORIZED:
        return f". Give one in {VARIABLE}: on the daemon's host, `nemo-watchdog token make NAME` makes it"
    return f". The token is that of {brought.where}" if status == HTTPStatus.FORBIDDEN else ""


def _read(listen: str, body: bytes, view: type[View]) -> Answer[View]:
    """Unknown fields are a newer daemon's and are let pass; what is missing or of another type is said by name."""
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise CommandFailed(f"what answers at {listen} is not a nemo-watchdog", UNREACHABLE)
    try:
        return Answer(TypeAdapter(view).validate_json(json.dumps(_shown(document)), strict=True), document)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:3])
        version = document.get("version", "of an unknown version")
        message = (
            f"the daemon at {listen} is {version}, this command is {__version__}, and it cannot read the answer "
            f"({problems}): use the command of the daemon's own version, or restart the daemon after an upgrade"
        )
        raise CommandFailed(message, UNREACHABLE) from None


def _detail(body: bytes) -> str:
    try:
        return in_one_line(TypeAdapter(ProblemView).validate_json(body).detail)
    except ValidationError:
        return in_one_line(body.decode(errors="replace")[:200])


def _shown(said: Any) -> Any:
    """All of it, fit for a terminal: what others wrote, such as a pause's reason, is no command to it."""
    if isinstance(said, str):
        return in_one_line(said)
    if isinstance(said, list):
        return [_shown(each) for each in said]
    if isinstance(said, dict):
        return {in_one_line(name): _shown(each) for name, each in said.items()}
    return said
