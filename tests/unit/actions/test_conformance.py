"""What every action owes to the runtime, by the checks that authors of plugins use too."""

from __future__ import annotations

from typing import Any

import pytest
from dbus_fast import Message, Variant

from nemo_watchdog.actions.catalog import ACTIONS
from nemo_watchdog.testing.action_conformance import action_conforms
from tests.unit.actions.systemd.fake_systemd import Client, FakeSystemd, is_in

WORKS: dict[str, dict[str, Any]] = {
    "docker.restart": {"stop_timeout": "2s"},
    "systemd.restart": {"unit": "app"},
    "systemd.start": {"unit": "stopped", "when_stopped": "start"},
    "systemd.reload": {"unit": "app"},
}
FAILS: dict[str, list[dict[str, Any]]] = {
    "systemd.restart": [{"unit": "masked"}, {"unit": "gone"}],
    "systemd.start": [{"unit": "app"}],
    "systemd.reload": [{"unit": "failed"}],
}
HANGS: dict[str, list[dict[str, Any]]] = {
    "systemd.restart": [{"unit": "hangs"}],
    "systemd.start": [{"unit": "hangs"}],
    "systemd.reload": [{"unit": "hangs"}],
}


@pytest.fixture(autouse=True)
def machine(systemd: FakeSystemd) -> None:
    """Its units: what runs, failed, was stopped and must not run, and one of which systemd says nothing."""
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
    await action_conforms(name, ACTIONS[name], works=WORKS[name], fails=FAILS.get(name, ()), hangs=HANGS.get(name, ()))
