"""Names that hang hold up nothing but themselves."""

from __future__ import annotations

import asyncio
import gc
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from nemo_watchdog import names as module
from nemo_watchdog.model import Alert, Reason
from nemo_watchdog.names import Names
from nemo_watchdog.notifiers import AlertmanagerClient, HttpHeartbeat, readiness
from nemo_watchdog.notifiers.silences import CannotBeRead, Silences
from nemo_watchdog.notifiers.webhook import WebhookChannel
from nemo_watchdog.policy.people import Webhook
from nemo_watchdog.policy.policy import Alertmanager
from nemo_watchdog.policy.secret_value import Secret
from tests.unit.notifiers.services.letters import OPENED
from tests.unit.probes.making import probing

FIRING = Alert("i-1", {"alertname": "it"}, {})


class NameServer:
    """Says that `….gone.example` does not exist, and nothing of `….hung.example` until it is let go."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.threads: set[str] = set()
        self.let_go = threading.Event()
        self._system = socket.getaddrinfo

    def getaddrinfo(self, host: str, *args: Any, **more: Any) -> Any:
        self.asked.append(host)
        self.threads.add(threading.current_thread().name)
        if host.endswith(".hung.example"):
            self.let_go.wait()
            host = "127.0.0.1"
        if host.endswith(".gone.example"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self._system(host, *args, **more)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    made = NameServer()
    monkeypatch.setattr(socket, "getaddrinfo", made.getaddrinfo)
    yield made
    made.let_go.set()


async def a_webhook(host: str) -> str:
    channel = WebhookChannel(Webhook(Secret(f"http://{host}/x"), Secret("")), deadline=0.2)
    details = {(await channel.send(OPENED, "")).delivery.detail for _ in range(3)}
    await channel.close()
    return details.pop() if len(details) == 1 else str(details)


async def the_deadman(host: str) -> str:
    heartbeat = HttpHeartbeat()
    details = {(await heartbeat.beat(Secret(f"http://{host}/x"), 0.2)).detail for _ in range(3)}
    await heartbeat.close()
    return details.pop() if len(details) == 1 else str(details)


async def alerts(host: str) -> str:
    client = AlertmanagerClient([Alertmanager(f"http://{host}:9093")], timeout=0.2)
    details = {delivery.detail for _ in range(3) for delivery in (await client.push([FIRING])).values()}
    await client.close()
    return details.pop() if len(details) == 1 else str(details)


async def whether_it_is_ready(host: str) -> str:
    (answer,) = (await readiness([Alertmanager(f"http://{host}:9093")], 0.2)).values()
    return answer.said


async def silences(host: str) -> str:
    asked = Silences()
    for _ in range(3):
        (answer,) = (await asked.of([Alertmanager(f"http://{host}:9093")], 0.2)).values()
    assert isinstance(answer, CannotBeRead)
    return str(answer)


ASKERS = [a_webhook, the_deadman, alerts, whether_it_is_ready, silences]


@pytest.mark.parametrize("ask", ASKERS)
async def test_who_tells_people_looks_its_name_up_in_one_thread_of_its_own(
    ask: Callable[[str], Awaitable[str]], server: NameServer
) -> None:
    """However often it tries again: never in the threads of the event loop, that the looks need."""
    assert "within 200ms" in await ask("a.hung.example")
    assert (server.asked, server.threads) == (["a.hung.example"], {"nemo-watchdog-name"})


@pytest.mark.parametrize("ask", ASKERS)
async def test_who_tells_people_says_that_its_name_does_not_exist(
    ask: Callable[[str], Awaitable[str]], server: NameServer
) -> None:
    assert "Name or service not known" in await ask("a.gone.example")
    assert server.threads == {"nemo-watchdog-name"}


HUNG = "a.hung.example:1"
LOOKS: dict[str, dict[str, Any]] = {
    "http": {"url": f"http://{HUNG}/"},
    "llm": {"url": f"http://{HUNG}/"},
    "postgres": {"dsn": f"postgresql://it@{HUNG}/it"},
    "prometheus": {"url": f"http://{HUNG}/", "query": "up", "min": 1},
    "redis": {"url": f"redis://{HUNG}/0"},
    "tcp": {"address": HUNG},
}


@pytest.mark.parametrize("kind", LOOKS)
async def test_a_look_whose_own_name_hangs_takes_no_thread_of_the_others(kind: str, server: NameServer) -> None:
    async with probing(kind, LOOKS[kind]) as probe:
        for _ in range(2):
            looking = asyncio.create_task(probe.look())
            await asyncio.wait({looking}, timeout=0.2)
            looking.cancel()
            await asyncio.wait({looking})
    assert (server.asked, server.threads) == (["a.hung.example"], {"nemo-watchdog-name"})


@pytest.mark.parametrize("kind", LOOKS)
async def test_a_look_at_a_name_whose_server_has_been_silent_is_blind(
    kind: str, server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    async with probing(kind, LOOKS[kind]) as probe:
        finding = await probe.look()
    assert finding.reason is Reason.NAME_UNRESOLVED


async def test_names_that_hang_hold_up_no_other(server: NameServer) -> None:
    """However many: more than any pool has threads."""
    names = Names()
    hanging = [asyncio.create_task(names.resolve(f"{number}.hung.example", 80)) for number in range(40)]
    while len(server.asked) < len(hanging):
        await asyncio.sleep(0)
    found = await names.resolve("localhost", 80, socket.AF_INET)
    assert [(each["host"], each["port"], each["family"]) for each in found] == [("127.0.0.1", 80, socket.AF_INET)]
    server.let_go.set()
    assert {each[0]["host"] for each in await asyncio.gather(*hanging)} == {"127.0.0.1"}


async def test_who_asks_meanwhile_waits_for_the_same_look_up(server: NameServer) -> None:
    """Also when whoever began it waits no more."""
    names = Names()
    first, second = (asyncio.create_task(names.resolve("a.hung.example", 80)) for _ in range(2))
    while not server.asked:
        await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait({first})
    third = asyncio.create_task(names.resolve("a.hung.example", 80))
    await asyncio.sleep(0)
    server.let_go.set()
    assert [each["host"] for each in await second] == [each["host"] for each in await third] == ["127.0.0.1"]
    assert server.asked == ["a.hung.example"]
    await names.resolve("a.hung.example", 80)
    assert server.asked == ["a.hung.example"] * 2


async def test_a_name_server_that_is_silent_for_long_is_said_to_be(
    server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once to whoever asks later, as long as it is."""
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    names = Names()
    for _ in range(2):
        with pytest.raises(socket.gaierror, match="its name server does not answer"):
            await names.resolve("a.hung.example", 80)
    assert server.asked == ["a.hung.example"]


async def test_a_failure_that_nobody_waits_for_is_no_error(
    server: NameServer, caplog: pytest.LogCaptureFixture
) -> None:
    names = Names()
    asking = asyncio.create_task(names.resolve("a.gone.example", 80))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait({asking})
    with pytest.raises(socket.gaierror):
        await names.resolve("b.gone.example", 80)
    gc.collect()
    assert caplog.records == []


async def test_without_a_thread_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    with pytest.raises(socket.gaierror, match="the system gave no thread"):
        await Names().resolve("localhost", 80)


HANGING = """
import asyncio, socket, sys, threading, uvloop
from nemo_watchdog.notifiers.webhook import WebhookChannel
from nemo_watchdog.policy.people import Webhook
from nemo_watchdog.policy.secret_value import Secret
from tests.unit.notifiers.services.letters import OPENED

socket.getaddrinfo = lambda *_, **__: threading.Event().wait()

async def main():
    channel = WebhookChannel(Webhook(Secret("http://hung.example/x"), Secret("")), deadline=0.1)
    print((await channel.send(OPENED, "")).delivery.detail)
    await channel.close()

(uvloop.run if sys.argv[1] == "uvloop" else asyncio.run)(main())
print("ended")
"""


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_the_process_ends_beside_a_name_that_hangs(loop: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HANGING, loop],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    assert done.stdout.split("\n") == ["not accepted within 100ms", "ended", ""]
