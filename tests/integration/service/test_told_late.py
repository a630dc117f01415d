"""Addresses that refuse, hang or answer 500: nothing is lost, nothing comes twice, and nobody waits for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from nemo_watchdog.demo.faults import switch
from nemo_watchdog.demo.platform import Platform
from tests.integration.conftest import StartPlatform
from tests.integration.daemon import Daemon
from tests.integration.service.parts import Receiver, Service

INTERVAL = 0.2
"""Seconds between two looks."""

PEOPLE = """
notifications: {{group_wait: 0s, heal_quietly: 0s, actions: true}}
severities:
  SEV1: {{title: Outage, respond_within: 15m, notify: [on-call]}}
  SEV2: {{title: Major,  respond_within: 30m, notify: [on-call]}}
  SEV3: {{title: Minor,  respond_within: 4h,  notify: [on-call]}}
  SEV4: {{title: Low,    respond_within: 24h, notify: [on-call]}}
classification: [{{name: all, severity: SEV2}}]
contacts: {contacts}
"""


def policy(services: dict[str, Service], contacts: str) -> str:
    lines = [f'  {name}: {{probe: tcp, address: "127.0.0.1:{each.port}"}}' for name, each in services.items()]
    return "\n".join(
        (
            "version: 1",
            "defaults: {interval: 200ms, confirm_interval: 100ms, timeout: 1s, down_after: 2, up_after: 2}",
            "dependencies:",
            *lines,
            PEOPLE.format(contacts=contacts),
        )
    )


def gateway_policy(platform: Platform, contacts: str) -> str:
    return f"""
version: 1
defaults: {{interval: 500ms, confirm_interval: 200ms, timeout: 1s, down_after: 2, up_after: 2}}
dependencies:
  gateway:
    probe: http
    url: http://127.0.0.1:{platform.port("gateway")}/health
    container: {platform.name("gateway")}
    startup_grace: 1s
    remedy: restart
remedies:
  restart:
    when: {{category: fault}}
    steps: [{{do: docker.restart, stop_timeout: 1s, attempts: 2, verify_within: 30s}}]
    budget: 3 per 1h
""" + PEOPLE.format(contacts=contacts)


def url(receiver: Receiver) -> str:
    return f"json://127.0.0.1:{receiver.port}"


async def latest_looks(daemon: Daemon) -> Sequence[float]:
    """How late the last late look of each dependency began, in seconds."""
    lines = (await daemon.metrics()).splitlines()
    return [float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("nemo_watchdog_probe_lateness_seconds{")]


async def test_dead_addresses_beside_a_good_one_three_outages_and_three_restarts(tmp_path: Path) -> None:
    """The good one hears each fact once and at its time; the others hear all of it once, in order, when they answer."""
    good, broken, hung = Receiver(), Receiver(status=500), Receiver(mute=True)
    names = ("one", "two", "three")
    late = list[float]()
    async with Service() as one, Service() as two, Service() as three, good, broken, hung:
        services = dict(zip(names, (one, two, three), strict=True))
        contacts = f'{{on-call: ["{url(good)}", "{url(broken)}", "{url(hung)}"]}}'
        async with Daemon(policy(services, contacts), tmp_path) as daemon:
            for name in names:
                await daemon.wait_for_health(name, "up")
            for name, service in services.items():
                seen = len(daemon.events)
                await service.stop()
                await good.title(f"{name} is down")
                late += await latest_looks(daemon)
                if kill := name == "two":  # at once, it may come before the good one's answer, which nobody knows then
                    incident = (await daemon.event("incident_opened", after=seen))["incident"]
                    await daemon.event("notification not delivered", within=30.0, incident=incident)
                await daemon.restart(kill=kill)
                await daemon.wait_for_health(name, "down")
                if name == names[-1]:
                    assert (broken.messages, hung.messages) == ([], [])
                    broken.status, hung.mute = 200, False
                await service.start()
                await good.title(f"{name} is up again")
                late += await latest_looks(daemon)
            for receiver in (broken, hung):
                await receiver.title("three is up again", within=60.0)
    assert good.titles == [f"[SEV2] {name} is {how}" for name in names for how in ("down", "up again")]
    assert not any("delivered late" in message["message"] for message in good.messages)
    for receiver in (broken, hung):
        assert receiver.titles == [f"[SEV2] {name} is up again" for name in names]
        for name, message in zip(names, receiver.messages, strict=True):
            story, began, *_ = message["message"].splitlines()
            assert story == "Not delivered until now:"
            assert f" UTC: {name} is down: refused" in began
    assert late
    assert max(late) < INTERVAL


async def test_who_answers_500_is_stood_in_for(tmp_path: Path) -> None:
    """After three tries, once; and the other hears the end, although the contact answers again by then."""
    on_call, lead = Receiver(status=500), Receiver()
    contacts = f'{{on-call: {{addresses: "{url(on_call)}", fallback: lead}}, lead: "{url(lead)}"}}'
    async with Service() as service, on_call, lead:
        async with Daemon(policy({"service": service}, contacts), tmp_path) as daemon:
            await daemon.wait_for_health("service", "up")
            await service.stop()
            await lead.title("service is down", within=40.0)
            assert on_call.asked == 3
            await daemon.event("another contact is told instead", contact="on-call", fallback="lead")
            on_call.status = 200
            await service.start()
            await lead.title("service is up again", within=40.0)
    assert lead.titles == [
        "[SEV2] on-call could not be reached: service is down",
        "[SEV2] service is up again",
    ]
    assert on_call.titles == ["[SEV2] service is up again"]


async def test_a_restart_keeps_its_time_while_a_contact_hangs(start_platform: StartPlatform, tmp_path: Path) -> None:
    """From the opening to the order, and to the next looks: what is measured is what it is without contacts."""
    platform = await start_platform("gateway")
    async with Receiver(mute=True) as receiver:
        text = gateway_policy(platform, f'{{on-call: "{url(receiver)}"}}')
        async with Daemon(text, tmp_path) as daemon:
            await daemon.wait_for_health("gateway", "up")
            await switch(platform, "gateway", "500")
            await receiver.was_asked(1)
            ordered = await daemon.event("action_intended", within=20.0)
            opened = await daemon.event("incident_opened")
            await daemon.event("incident_resolved", within=30.0)
            late = await latest_looks(daemon)
    assert (at(ordered) - at(opened)).total_seconds() < 5.0
    assert max(late, default=0.0) < 0.5


def at(line: dict[str, str]) -> datetime:
    return datetime.fromisoformat(line["timestamp"])
