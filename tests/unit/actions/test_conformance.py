"""What every action owes to the runtime, by the checks that authors of plugins use too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from dbus_fast import Message, Variant

from nemo_watchdog.actions.catalog import ACTIONS
from nemo_watchdog.testing.action_conformance import action_conforms
from nemo_watchdog.testing.servers import Server, free_port, say, stall
from tests.unit.actions.compose_stand_in import put_in_place
from tests.unit.actions.systemd.fake_systemd import Client, FakeSystemd, is_in

KINDS = dict(ACTIONS)
"""Loaded before an event loop runs, as a policy is."""

SECRET = "hunter2-very-secret"


@dataclass(frozen=True, slots=True)
class Held:
    """Options with which an action succeeds, fails and hangs. `GOOD`, `STALLS` and `NOBODY` are servers."""

    works: Mapping[str, Any]
    fails: Sequence[Mapping[str, Any]] = ()
    hangs: Sequence[Mapping[str, Any]] = ()


def order(to: str) -> dict[str, Any]:
    return {"url": f"{to}/{SECRET}", "secret": SECRET}


SHOP = {"file": "/srv/shop/compose.yaml", "project": "shop"}
HELD = {
    "command": Held(
        works={"command": ["true", SECRET]},
        fails=[{"command": ["false", SECRET]}, {"command": ["/no/such/program"]}],
        hangs=[{"command": ["sh", "-c", "trap '' TERM; sleep 300 & sleep 300"]}],
    ),
    "compose.up": Held(works={**SHOP, "service": "web"}, fails=[{**SHOP, "service": "nobody"}]),
    "docker.kill": Held(works={"signal": "HUP"}),
    "docker.recreate": Held(works={"stop_timeout": "2s"}),
    "docker.restart": Held(works={"stop_timeout": "2s"}),
    "docker.rollback": Held(works={"stop_timeout": "2s", "proven_for": "1m"}),
    "docker.start": Held(works={}),
    "docker.unpause": Held(works={"after": "1m"}),
    "systemd.reload": Held(works={"unit": "app"}, fails=[{"unit": "failed"}], hangs=[{"unit": "hangs"}]),
    "systemd.restart": Held(
        works={"unit": "app"}, fails=[{"unit": "masked"}, {"unit": "gone"}], hangs=[{"unit": "hangs"}]
    ),
    "systemd.start": Held(
        works={"unit": "stopped", "when_stopped": "start"}, fails=[{"unit": "app"}], hangs=[{"unit": "hangs"}]
    ),
    "webhook": Held(
        works=order("GOOD"), fails=[order("NOBODY"), order("http://169.254.169.254")], hangs=[order("STALLS")]
    ),
}


@pytest.fixture(autouse=True)
def _compose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_in_place(tmp_path, monkeypatch)


@pytest.fixture(autouse=True)
def _units(systemd: FakeSystemd) -> None:
    """What runs, failed, was stopped and must not run, and one of which systemd says nothing."""
    systemd.add("failed.service", **is_in("failed", "failed"))
    systemd.add("stopped.service", **is_in("inactive", "dead"))
    systemd.add("masked.service", LoadState=Variant("s", "masked"))

    async def load(client: Client, message: Message) -> None:
        if message.body != ["hangs.service"]:
            client.reply(message, *systemd.told(message))

    systemd.answers["LoadUnit"] = load


@pytest.mark.parametrize("name", ACTIONS)
async def test_an_action_conforms(name: str) -> None:
    """Strict options, a sound kind, every failure a result, in time, and only on what was judged."""
    held = HELD[name]
    async with AsyncExitStack() as stack:
        good = await stack.enter_async_context(Server(say(b"HTTP/1.1 204 No Content\r\n\r\n")).running())
        stalls = await stack.enter_async_context(Server(stall).running())
        at = {"GOOD": good.port, "STALLS": stalls.port, "NOBODY": free_port()}

        def filled(options: Mapping[str, Any]) -> dict[str, Any]:
            text = {key: value for key, value in options.items() if isinstance(value, str)}
            for word, port in at.items():
                text = {key: value.replace(word, f"http://127.0.0.1:{port}") for key, value in text.items()}
            return {**options, **text}

        await action_conforms(
            name,
            KINDS[name],
            works=filled(held.works),
            fails=[filled(each) for each in held.fails],
            hangs=[filled(each) for each in held.hangs],
            secrets=[SECRET],
        )
