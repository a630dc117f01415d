"""Contacts and Alertmanagers: what cannot be told, and what a test message comes to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from nemo_watchdog.doctor.checkup import Finding
from nemo_watchdog.doctor.contacts import Asker, look_at_alertmanagers, look_at_contacts, look_at_deadman, where
from nemo_watchdog.policy.people import Apprise, Contact
from nemo_watchdog.policy.policy import Alertmanager, Deadman
from nemo_watchdog.policy.secret_value import Secret
from tests.unit.doctor.parts import all_of, told
from tests.unit.engine.world import dependency, policy

ASKER = Asker("ops", "host-1", datetime(2026, 3, 1, 12, tzinfo=UTC))

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # by a plugin of Apprise


@dataclass
class Server:
    """Answers with `status`; `said` is what an Alertmanager's status says."""

    url: str = ""
    status: int = 200
    said: Any = field(default_factory=lambda: {"versionInfo": {"version": "0.25.0"}})
    got: list[Any] = field(default_factory=list)
    lets_in: bool = True

    async def post(self, request: web.Request) -> web.Response:
        self.got.append(await request.json())
        return web.Response(status=self.status, text="no thanks")

    async def beat(self, request: web.Request) -> web.Response:
        self.got.append(request.path)
        return web.Response(status=self.status)

    async def get(self, _: web.Request) -> web.Response:
        text = self.said if isinstance(self.said, str) else json.dumps(self.said)
        good = 200 if self.lets_in else 401
        return web.Response(status=404 if self.said is None else good, text=text)


@asynccontextmanager
async def serving(**options: Any) -> AsyncIterator[Server]:
    it = Server(**options)
    app = web.Application()
    app.router.add_post("/{path:.*}", it.post)
    app.router.add_get("/api/v2/status", it.get)
    app.router.add_get("/beat", it.beat)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    it.url = f"http://ops:hunter2@127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield it
    finally:
        await runner.cleanup()


async def contacts(asker: Asker | None = None, **addresses: str) -> list[Finding]:
    named = {
        name.replace("_", "-"): Contact((Apprise(Secret(each)),) if each else ()) for name, each in addresses.items()
    }
    return await all_of(look_at_contacts(replace(policy(dependency("redis")), contacts=named), asker))


async def test_without_contacts_nobody_is_told() -> None:
    assert told(await contacts()) == [
        ("contacts", "warning", "the policy names none: nobody is told anything", "add `contacts` to the policy")
    ]


async def test_an_alertmanager_alone_is_enough() -> None:
    plan = replace(policy(dependency("redis")), contacts={}, alertmanager=(Alertmanager("http://127.0.0.1:9093"),))
    assert [each.grade for each in await all_of(look_at_contacts(plan, None))] == ["skipped"]


async def test_addresses_are_looked_at_and_nothing_is_sent() -> None:
    async with serving() as server:
        found = told(
            await contacts(
                team=f"json://{server.url.removeprefix('http://')}/x", on_call="slakc://hunter2/x", night="", boss=""
            )
        )
        assert server.got == []
    assert found == [
        (
            "contact on-call",
            "bad",
            "address 1 of 1 is not one that Apprise knows (did you mean `slack://`?): what is sent to it never arrives",
            "correct contacts.on-call in the policy: it is an Apprise URL",
        ),
        (
            "contacts",
            "warning",
            "no address for night and boss: what they are told stands in the log only",
            "an Apprise URL in contacts.night of the policy, or in the variable that it names",
        ),
        ("contacts", "good", "team: usable addresses (--send sends each a test message)", ""),
    ]


async def test_a_test_message_says_who_asked_for_it() -> None:
    async with serving() as server:
        found = await contacts(ASKER, team=f"json://{server.url.removeprefix('http://')}/x", night="")
    assert [each.grade for each in found] == ["warning", "good"]
    assert found[1].check == "contact team"
    (message,) = server.got
    assert message["title"] == "Nemo Watchdog test: nothing is wrong"
    assert message["message"] == (
        "Nemo Watchdog test: nothing is wrong. ops on host-1 asked for it with `nemo-watchdog doctor --send`."
    )


async def test_a_message_that_nobody_takes_is_bad_and_shows_no_secret() -> None:
    async with serving(status=500) as server:
        (found,) = told(await contacts(ASKER, team=f"json://{server.url.removeprefix('http://')}/hunter2"))
    assert found[:3] == (
        "contact team",
        "bad",
        "did not take the test message: address 1 of 1: it did not accept the message",
    )
    assert found[3].startswith("is the address right and the service up?")


async def test_an_alertmanager_answers_and_hears_of_nothing() -> None:
    async with serving() as server:
        found = told(await all_of(look_at_alertmanagers([Alertmanager(server.url)], None)))
    assert found == [("alertmanager", "good", f"{where(server.url)}: Alertmanager 0.25.0 answers", "")]
    assert server.got == []
    assert "hunter2" not in where(server.url)


async def test_a_test_alert_is_over_as_it_begins() -> None:
    async with serving() as server:
        found = told(await all_of(look_at_alertmanagers([Alertmanager(server.url)], ASKER)))
    assert found[0][1:3] == ("good", f"{where(server.url)}: Alertmanager 0.25.0 answers, took the test alert")
    (((alert,),),) = [server.got]
    assert alert["labels"] == {"alertname": "NemoWatchdogTest", "severity": "none", "host": "host-1"}
    assert alert["startsAt"] == alert["endsAt"] == "2026-03-01T12:00:00.000Z"
    assert alert["annotations"]["description"].startswith("ops on host-1 asked for it")


async def test_an_alert_that_it_does_not_take_is_bad() -> None:
    async with serving(status=400) as server:
        (found,) = told(await all_of(look_at_alertmanagers([Alertmanager(server.url)], ASKER)))
    assert found[1:] == (
        "bad",
        f"{where(server.url)} did not take the test alert: HTTP 400 no thanks",
        "it answers and takes no alert: its log says why",
    )


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ("<html>", "what answers /api/v2/status is no Alertmanager"),
        ({"other": 1}, "what answers /api/v2/status is no Alertmanager"),
        (None, "HTTP 404 for /api/v2/status"),
    ],
)
async def test_what_is_no_alertmanager_is_bad(said: Any, seen: str) -> None:
    async with serving(said=said) as server:
        (found,) = told(await all_of(look_at_alertmanagers([Alertmanager(server.url)], ASKER)))
        assert server.got == []
    assert found[1:] == (
        "bad",
        f"{where(server.url)}: {seen}",
        "is it running, and is `alertmanager` in the policy its base address?",
    )


async def test_one_that_is_not_there_has_its_own_error(unused_tcp_port: int) -> None:
    address = f"http://ops:hunter2@127.0.0.1:{unused_tcp_port}"
    found = told(
        await all_of(look_at_alertmanagers([*map(Alertmanager, (address, "ftp://x", "http://[hunter2"))], None))
    )
    assert [each[2] for each in found] == [
        f"http://127.0.0.1:{unused_tcp_port}: Connection refused",
        "ftp://x: the address is not an HTTP URL",
        "http://[hunter2: the address is not an HTTP URL",
    ]


async def test_without_alertmanagers_there_is_nothing_to_ask() -> None:
    assert told(await all_of(look_at_alertmanagers([], None))) == [
        ("alertmanager", "skipped", "the policy names none", "")
    ]


async def deadman(url: str, asker: Asker | None) -> tuple[str, str, str, str]:
    (found,) = told(await all_of(look_at_deadman(Deadman(Secret(url)), asker)))
    return found


async def test_a_dead_mans_switch_hears_nothing_unless_somebody_asks_for_it() -> None:
    async with serving() as server:
        assert await deadman(f"{server.url}/beat", None) == (
            "deadman",
            "good",
            "hears from the daemon every 1m (--send lets it hear once)",
            "",
        )
        assert server.got == []
        assert await deadman(f"{server.url}/beat", ASKER) == (
            "deadman",
            "good",
            "took a heartbeat, as from the daemon",
            "",
        )
        assert server.got == ["/beat"]


async def test_a_dead_mans_switch_that_takes_nothing_is_bad() -> None:
    async with serving(status=404) as server:
        found = await deadman(f"{server.url}/beat", ASKER)
    assert found == (
        "deadman",
        "bad",
        "did not take a heartbeat: HTTP 404",
        "is `deadman.url` of the policy the address that its service gives, and is the way there open?",
    )


async def test_without_one_nobody_is_called_for_the_watchdog() -> None:
    assert told(await all_of(look_at_deadman(None, ASKER))) == [
        ("deadman", "skipped", "the policy names none: nobody is called when the watchdog itself is gone", "")
    ]


async def test_an_alertmanager_that_lets_nobody_in_is_told_apart() -> None:
    async with serving() as server:
        server.lets_in = False
        (found,) = told(await all_of(look_at_alertmanagers([Alertmanager(server.url)], None)))
    assert found[2:] == (
        f"{where(server.url)}: HTTP 401 for /api/v2/status",
        "who may ask it? Give `username` and `password`, or `bearer`, beside its `url` in the policy",
    )
