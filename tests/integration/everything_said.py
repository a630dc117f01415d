"""All that a daemon keeps and says, for tests that look for what must not be in it; pages are found by their routes."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import sqlite3
import sys
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from nemo_watchdog.runtime.answer_links import AnswerLinks
from nemo_watchdog.state_dir import ANSWER_KEY_NAME, TOKEN_NAME
from tests.integration.daemon import Daemon

SQLITE = b"SQLite format 3\0"
OWN = (TOKEN_NAME, ANSWER_KEY_NAME)
"""The daemon's own secrets."""
OF_INCIDENTS = ("take", "note", "resolve")
OF_DEPENDENCIES = ("pause", "resume", "silence", "maintain", "act", "retry", "declare")
"""Words of orders, by what they are about."""
PARAMETER = re.compile(r"\{(\w+)(?::[^}]*)?\}")


async def all_of(daemon: Daemon) -> dict[str, bytes]:
    """What each file of the state directory holds, what each page answers, what the commands show and the log says."""
    told = dict(await asyncio.to_thread(lambda: list(kept(daemon.state_dir))))
    async with signed_in(daemon) as session:
        for path in await paths(daemon):
            told[f"GET {path}"] = await body(session, daemon.url + path)
    here = ("--listen", f"127.0.0.1:{daemon.port}")
    names = (await daemon.status())["dependencies"]
    ids = [each["incident"]["id"] for each in await of_incidents(daemon)]
    for command in (
        ("status", "--all"),
        ("status", "--json"),
        ("incidents",),
        *(("explain", name) for name in names),
        *((what, incident) for what in ("incident", "report") for incident in ids),
    ):
        told[" ".join(command)] = await shown(*command, *here)
    told["log"] = "\n".join(map(json.dumps, daemon.events)).encode()
    return told


def kept(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Each file as it is but our own secrets, and every value of a database; compressed ones also as they were."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in OWN):
        data = path.read_bytes()
        yield str(path), data
        if data.startswith(SQLITE):
            yield from ((f"{path}: {place}", value) for place, value in rows(path))


def rows(path: Path) -> Iterator[tuple[str, bytes]]:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        database.text_factory = bytes
        tables = [name.decode() for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for number, row in enumerate(database.execute(f'SELECT * FROM "{table}"')):  # noqa: S608 - its own names
                for value in row:
                    data = value if isinstance(value, bytes) else str(value).encode()
                    yield f"{table}, row {number}", data + unpacked(data)
    database.close()


def unpacked(data: bytes) -> bytes:
    try:
        return zlib.decompress(data)
    except zlib.error:
        return b""


async def routes(daemon: Daemon) -> list[str]:
    """Of everything that is answered to a GET, by its own document."""
    told = json.loads(await daemon.get("/api/v1/openapi.json"))
    return sorted(path for path, methods in told["paths"].items() if "get" in methods)


async def paths(daemon: Daemon) -> list[str]:
    """Each route with everything that its parameters can be."""
    dependencies = (await daemon.status())["dependencies"]
    names = list(dependencies)
    incidents = await of_incidents(daemon)
    ids = [each["incident"]["id"] for each in incidents]
    taken = list(itertools.chain.from_iterable(each.get("evidence", ()) for each in incidents))
    values: Mapping[str, list[str]] = {
        **dict.fromkeys(("name", "dependency"), names),
        **dict.fromkeys(("id", "incident"), ids),
        "order": [
            *(f"{order}?incident={each}" for order in OF_INCIDENTS for each in ids),
            *(f"{order}?scope={each}&dependency={each}" for order in OF_DEPENDENCIES for each in names),
        ],
        "tag": sorted({tag for each in dependencies.values() for tag in each["tags"]}) or ["other"],
        "token": [signed(daemon).token(each, "oncall", "1") for each in ids],
        "number": sorted({str(each["number"]) for each in taken}),
        "part": sorted({part["name"] for each in taken for part in each["parts"]}),
    }
    found = []
    for route in await routes(daemon):
        wanted = PARAMETER.findall(route)
        if unknown := set(wanted) - values.keys():
            pytest.fail(f"{route}: say here what {unknown} can be, so that this page is looked at, too")
        for chosen in itertools.product(*(values[name] for name in wanted)):
            path = route
            for name, value in zip(wanted, chosen, strict=True):
                path = re.sub(rf"\{{{name}(?::[^}}]*)?\}}", value, path)
            found.append(path)
    return found


def signed(daemon: Daemon) -> AnswerLinks:
    """Links as the daemon's messages have them."""
    key = (daemon.state_dir / ANSWER_KEY_NAME).read_text(encoding="ascii").strip()
    return AnswerLinks(key.encode(), lambda: datetime.now(UTC))


async def of_incidents(daemon: Daemon) -> list[dict[str, Any]]:
    """The details of each."""
    told = json.loads(await daemon.get("/api/v1/incidents"))
    return [json.loads(await daemon.get(f"/api/v1/incidents/{each['id']}")) for each in told["incidents"]]


@asynccontextmanager
async def signed_in(daemon: Daemon) -> AsyncIterator[aiohttp.ClientSession]:
    """As a browser: the pages of orders are shown to nobody else."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with session.post(f"{daemon.url}/sign-in", data={"token": daemon.token}) as answer:
            assert "Sign out" in await answer.text()
        yield session


async def body(session: aiohttp.ClientSession, url: str) -> bytes:
    """Whatever its status is: an error says something, too. Of an answer without an end, how it begins."""
    async with session.get(url) as answer:
        if answer.content_type == "text/event-stream":
            return await answer.content.readuntil(b"data: ") + await answer.content.readline()
        return await answer.read()


async def shown(*command: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "nemo_watchdog", *command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    return out
