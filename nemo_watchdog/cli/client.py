"""Talks to the running daemon over HTTP; what cannot be reached ends the command with exit code 3."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from nemo_watchdog import __version__
from nemo_watchdog.cli.output import UNREACHABLE, WRONG, CommandFailed
from nemo_watchdog.errors import in_one_line
from nemo_watchdog.regular_file import read_regular
from nemo_watchdog.state_dir import TOKEN_BYTES, TOKEN_NAME
from nemo_watchdog.views import ProblemView

TIMEOUT = 10.0
INCIDENTS = "/api/v1/incidents"
NO_HEADERS: Mapping[str, str] = MappingProxyType({})

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


def get(listen: str, path: str, view: type[View]) -> Answer[View]:
    return _read(listen, _call(listen, path), view)


def get_text(listen: str, path: str, content_type: str) -> str:
    """A text for people as it came, but for what a terminal would obey."""
    body, kind = _called(listen, path)
    if kind != content_type:
        raise CommandFailed(f"what answers at {listen} is not a nemo-watchdog that writes {content_type}", UNREACHABLE)
    return "\n".join(map(in_one_line, body.decode(errors="replace").split("\n")))


def text(listen: str, path: str) -> str:
    """An answer that is no document, as it came: nothing of it is fit for a terminal yet."""
    return _call(listen, path).decode(errors="replace")


def post(
    listen: str, path: str, body: dict[str, Any], state_dir: Path, view: type[View], *, within: float = TIMEOUT
) -> Answer[View]:
    """A change; brings the token that the daemon keeps in its state directory."""
    file = state_dir / TOKEN_NAME
    try:
        token = read_regular(file, TOKEN_BYTES).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        message = f"cannot read the daemon's token {file} ({error}): run as its user, or give its --state-dir"
        raise CommandFailed(message, UNREACHABLE) from None
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return _read(listen, _called(listen, path, json.dumps(body).encode(), headers, within)[0], view)


def _call(listen: str, path: str) -> bytes:
    return _called(listen, path)[0]


def _called(
    listen: str,
    path: str,
    data: bytes | None = None,
    headers: Mapping[str, str] = NO_HEADERS,
    within: float = TIMEOUT,
) -> tuple[bytes, str]:
    """The answer, and what it says that it is."""
    try:
        request = urllib.request.Request(f"http://{listen}{path}", data, dict(headers))
        with _direct.open(request, timeout=within) as response:
            answer: bytes = response.read()
            kind: str = response.headers.get_content_type()
    except urllib.error.HTTPError as error:
        with error:
            said = _detail(error.read())
        raise CommandFailed(f"the daemon refused: {said}", WRONG) from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        message = f"no daemon answers at {listen} ({reason}): is it running? Its address is given with --listen"
        raise CommandFailed(message, UNREACHABLE) from None
    return answer, kind


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
