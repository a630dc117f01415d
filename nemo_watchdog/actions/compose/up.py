"""`docker compose up` of one service: to what its file says, or to more of it; never to less, and nothing else with it.

Compose removes what is more than it is told to have. So it is told a number that is never below what is there.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, Field

from nemo_watchdog.actions.compose import program
from nemo_watchdog.actions.compose.program import CannotRun, Written
from nemo_watchdog.actions.compose.service import Replicas, hands_on, replicas_of
from nemo_watchdog.actions.options import ActionOptions
from nemo_watchdog.durations import duration
from nemo_watchdog.errors import ContainersUnreachable, in_one_line
from nemo_watchdog.model import ActionOutcome, ActionRequest, ActionResult, Category, Reason
from nemo_watchdog.policy.fields import one_or_many
from nemo_watchdog.policy.units import Whole, number_within, wrong
from nemo_watchdog.ports import ActionContext, ActionKind, Subject

OLDEST = (1, 29)
NEVER_PULLS = (2, 5)
"""From this version on it can be told to pull nothing."""
MOST_FILES = 10
MOST_REPLICAS = 100

_ASKED_WITHIN = 10.0
"""Seconds for Compose's version where a person waits for it."""
_PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]{0,127}", re.ASCII)
_SERVICE = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,127}", re.ASCII)
_BUSY = frozenset(reason.value for reason in Reason if reason.category is Category.BUSY)


def _files(files: list[str]) -> list[str]:
    if not 1 <= len(files) <= MOST_FILES:
        raise wrong(f"expected the path of a Compose file, or a list of up to {MOST_FILES}")
    if not all(path.startswith("/") and path.isprintable() for path in files):
        raise wrong("expected an absolute path, such as `/srv/shop/compose.yaml`")
    return files


def _project(name: str) -> str:
    if _PROJECT.fullmatch(name) is None:
        raise wrong("expected the name of a Compose project: small letters, digits, `-` and `_`")
    return name


def _service(name: str) -> str:
    if _SERVICE.fullmatch(name) is None:
        raise wrong("expected the name of a service: letters, digits, `-`, `_` and `.`")
    return name


class UpOptions(ActionOptions):
    """Bring one service of a Compose project to what its file says, or to more replicas; never to fewer."""

    file: Annotated[list[str], one_or_many(str), AfterValidator(_files)]
    """The Compose file, or several that are merged in their order."""
    project: Annotated[str, AfterValidator(_project)]
    """The project's name, as the label `com.docker.compose.project` of its containers has it."""
    service: Annotated[str, AfterValidator(_service)]
    """The service; no other one is touched."""
    scale: Annotated[Whole, AfterValidator(number_within(1, MOST_REPLICAS))] | None = Field(
        None, json_schema_extra={"minimum": 1, "maximum": MOST_REPLICAS}
    )
    """At least so many of its containers shall run; left out: as many as the file says."""
    recreate: Literal["never", "if_changed"] = "if_changed"
    """Whether containers that the file would make otherwise by now are replaced; what is busy never is."""


class _Refused(Exception):
    """Nothing is ordered, for the reason that its text gives."""


@dataclass(frozen=True, slots=True)
class _Compose:
    """The program, and its version."""

    path: str
    version: tuple[int, int]

    def of(self, options: UpOptions, *words: str) -> list[str]:
        files = [word for path in options.file for word in ("--file", path)]
        return [self.path, "--ansi", "never", "--project-name", options.project, *files, *words]


class ComposeUp:
    """Satisfies `ports.Action`; named `compose.up` in a policy."""

    def __init__(self, context: ActionContext) -> None:
        self._context = context

    async def run(self, request: ActionRequest) -> ActionResult:
        written, limit = Written(), duration(request.timeout)
        before: Replicas | None = None
        code: int | None = None
        try:
            async with asyncio.timeout(request.timeout):
                command, before = await self._judged(request, written)
                code = await self._program(command, written)
                return await self._result(request, code, written, before)
        except TimeoutError:
            if code is not None:
                return _ended(code, written)
            if before is not None:
                late = f"Compose did not finish within {limit} and was killed; Docker may still do what it has ordered"
                return ActionResult(ActionOutcome.TIMED_OUT, late, written.output)
            return ActionResult(ActionOutcome.REFUSED, f"nobody told within {limit} how the service is")
        except (_Refused, CannotRun, ContainersUnreachable) as why:
            return ActionResult(ActionOutcome.REFUSED, in_one_line(str(why)))

    async def _judged(self, request: ActionRequest, written: Written) -> tuple[list[str], Replicas]:
        """The order, and what was there when it was judged. Raises `_Refused`, `CannotRun`, `ContainersUnreachable`."""
        options: UpOptions = request.options
        compose = await self._compose(written)
        said = await self._said_by_the_file(compose, options, written)
        found = await replicas_of(self._context.containers, options.project, options.service)
        other = sorted({made for made in found.made_by.values() if _major(made) not in ("", str(compose.version[0]))})
        is_busy = request.reason in _BUSY
        recreates = options.recreate == "if_changed" and not is_busy
        if other and recreates:
            mine = ".".join(map(str, compose.version))
            say = f"Compose {other[0]} has made its containers, and {mine} would replace each of them"
            raise _Refused(f"{say}: use that version, or `recreate: never`")
        wanted = said if options.scale is None else options.scale
        if found.running >= wanted and (options.scale is not None or not recreates):
            raise _Refused(f"already {found.running} of {wanted} run: there is nothing to start")
        if theirs := await hands_on(self._context, found):
            raise _Refused(theirs)
        pull = ("--pull", "never") if compose.version >= NEVER_PULLS else ()
        keep = () if recreates else ("--no-recreate",)
        scale = ("--scale", f"{options.service}={max(wanted, len(found.status))}")
        up = ("up", "--detach", "--no-deps", "--no-build", *pull, *keep, *scale, options.service)
        written.out = written.err = ""
        return compose.of(options, *up), found

    async def _compose(self, written: Written) -> _Compose:
        path = await asyncio.to_thread(program.find)
        if path is None:
            raise _Refused(_MISSING)
        code = await self._program([path, "version", "--short"], written)
        version = program.version_in(written.out)
        if code or version is None:
            raise _Refused(f"Compose does not tell its version: {written.words}")
        if version < OLDEST:
            raise _Refused(_too_old(written.out))
        return _Compose(path, version)

    async def _said_by_the_file(self, compose: _Compose, options: UpOptions, written: Written) -> int:
        """How many the file wants. Its text may hold secrets: of a good one nothing is kept."""
        if await self._program(compose.of(options, "config"), written):
            raise _Refused(f"the Compose file cannot be used: {written.words}")
        text, written.out = written.out, ""
        said = await asyncio.to_thread(_wanted, text, options.service)
        if said is None:
            raise _Refused(f"the Compose file has no service {options.service}")
        return said

    async def _result(self, request: ActionRequest, code: int, written: Written, before: Replicas) -> ActionResult:
        options: UpOptions = request.options
        if code:
            return _ended(code, written)
        try:
            now = await replicas_of(self._context.containers, options.project, options.service)
        except ContainersUnreachable:
            return _ended(code, written)
        return _ended(code, written, f"; {now.running} run, {before.running} did before")

    async def _program(self, command: list[str], written: Written) -> int:
        return await program.run(command, self._context.docker_host, written)


def _ended(code: int, written: Written, more: str = "") -> ActionResult:
    if code < 0:
        killed = f"Compose was killed by signal {-code}; what it had ordered may be done"
        return ActionResult(ActionOutcome.UNKNOWN, killed, written.output)
    if code:
        said = written.words or "no word of why"
        return ActionResult(ActionOutcome.FAILED, f"Compose ended with {code}: {said}", written.output)
    return ActionResult(ActionOutcome.SUCCEEDED, f"Compose brought the service up{more}", written.output)


def _wanted(text: str, service: str) -> int | None:
    """How many of the service the resolved file wants, as Compose reads it; None when it has no such service."""
    try:
        found = yaml.safe_load(text)["services"].get(service)
    except (yaml.YAMLError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise _Refused(f"Compose gave no usable file: {type(error).__name__}") from None
    if not isinstance(found, Mapping):
        return None
    said: Any = found.get("scale")
    deploy = found.get("deploy")
    if isinstance(deploy, Mapping) and deploy.get("mode", "replicated") == "replicated":
        said = deploy.get("replicas", said)
    return said if isinstance(said, int) else 1


def _major(version: str) -> str:
    return version.lstrip("v").partition(".")[0]


_MISSING = "Compose is not installed here: install the Debian package docker-compose, or Docker's Compose plugin"


def _too_old(told: str) -> str:
    oldest = ".".join(map(str, OLDEST))
    return f"Compose is {in_one_line(told.strip())} here, and must be {oldest} or newer"


def lacks(options: UpOptions) -> str:
    """It runs Compose for its version."""
    path = program.find()
    if path is None:
        return _MISSING
    try:
        told = subprocess.run(  # noqa: S603 - found where programs are, without a shell
            [path, "version", "--short"],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            env=dict(program.environment("")),
            timeout=_ASKED_WITHIN,
            check=False,
        ).stdout.decode(errors="replace")
    except (OSError, subprocess.TimeoutExpired):
        told = ""
    version = program.version_in(told)
    if version is None:
        return f"{path} does not tell its version: is it Compose?"
    if version < OLDEST:
        return _too_old(told)
    unread = [path for path in options.file if not (Path(path).is_file() and os.access(path, os.R_OK))]
    return f"the Compose file {unread[0]} is not there, or may not be read" if unread else ""


def the_service(options: UpOptions, _subject: Subject) -> str:
    return f"{options.project}/{options.service}"


KIND = ActionKind(
    options=UpOptions,
    make=ComposeUp,
    target_kind="service",
    target=the_service,
    reaches_container=True,
    helps=frozenset({Category.FAULT, Category.BUSY}),
    lacks=lacks,
)
