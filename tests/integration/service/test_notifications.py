"""Apprise contacts are told each message once: the outbox is on disk, and outlives daemon and receiver."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

from nemo_watchdog.demo.faults import switch
from nemo_watchdog.demo.platform import Platform
from tests.integration.conftest import StartPlatform
from tests.integration.daemon import Daemon
from tests.integration.service.parts import Receiver, Service, tcp_policy

TOLD = """
severities:
  SEV1: {{title: Outage, respond_within: 15m, notify: [on-call]}}
  SEV2: {{title: Major,  respond_within: 30m, notify: [on-call]}}
  SEV3: {{title: Minor,  respond_within: 4h,  notify: [on-call]}}
  SEV4: {{title: Low,    respond_within: 24h, notify: [on-call]}}
classification: [{{name: all, severity: SEV2}}]
notifications: {{group_wait: 0s, heal_quietly: 0s, settle: 0s}}
contacts: {{on-call: ["json://127.0.0.1:{port}"]}}
"""


def told(receiver: Receiver) -> str:
    """The part of a policy by which every incident is told to the receiver, at once."""
    return TOLD.format(port=receiver.port)


def gateway_policy(platform: Platform, receiver: Receiver, up_after: int = 2) -> str:
    return f"""
version: 1
defaults: {{interval: 500ms, confirm_interval: 200ms, timeout: 1s, down_after: 2, up_after: {up_after}}}
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
{told(receiver)}"""


WHOLE_STORY = Counter(
    {
        "[SEV2] gateway is down": 1,
        "[SEV2] gateway is up again": 1,
    }
)


async def delivered(daemon: Daemon, times: int) -> None:
    """Returns once so many messages to on-call have been taken since the daemon's start and none is left to deliver."""

    async def look() -> bool:
        lines = (await daemon.metrics()).splitlines()
        taken = f'nemo_watchdog_notifications_total{{contact="on-call",outcome="delivered"}} {float(times)}'
        return taken in lines and "nemo_watchdog_outbox_pending 0.0" in lines

    await daemon.until(look, 15.0, f"{times} messages not delivered")


async def test_what_is_healed_in_time_pages_nobody(start_platform: StartPlatform, tmp_path: Path) -> None:
    """One message when it is over, of a real container that was healed."""
    platform = await start_platform("gateway")
    async with Receiver() as receiver:
        quietly = gateway_policy(platform, receiver).replace("heal_quietly: 0s", "heal_quietly: 1m")
        async with Daemon(quietly, tmp_path) as daemon:
            await daemon.wait_for_health("gateway", "up")
            await switch(platform, "gateway", "500")
            await daemon.event("incident_resolved", within=20.0)
            await delivered(daemon, 1)
        (healed,) = receiver.messages
        assert healed["title"].startswith("gateway was down for ")
        assert f"docker.restart of {platform.name('gateway')} once" in healed["message"]


async def test_a_restart_is_told_from_its_cause_to_its_success(start_platform: StartPlatform, tmp_path: Path) -> None:
    """Opened and resolved: each once, in this order, of a real container that was healed."""
    platform = await start_platform("gateway")
    async with Receiver() as receiver, Daemon(gateway_policy(platform, receiver), tmp_path) as daemon:
        await daemon.wait_for_health("gateway", "up")
        await switch(platform, "gateway", "500")
        await daemon.event("incident_resolved", within=20.0)
        await delivered(daemon, 2)
        assert receiver.titles == list(WHOLE_STORY)
        assert "wrong_status" in receiver.messages[0]["message"]
        assert "1 action taken" in receiver.messages[1]["message"]


async def test_a_kill_while_the_restart_is_verified_repeats_nothing(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    """The daemon is killed between the restart and its success: nothing is told twice, one restart."""
    platform = await start_platform("gateway")
    async with Receiver() as receiver, Daemon(gateway_policy(platform, receiver, up_after=15), tmp_path) as daemon:
        await daemon.wait_for_health("gateway", "up")
        await switch(platform, "gateway", "500")
        await daemon.event("action_ended", within=20.0)
        await platform.ready("gateway")
        await switch(platform, "gateway", "500")  # so that it is not healed before all is delivered
        await delivered(daemon, 1)
        began = (await platform.state("gateway"))["StartedAt"]
        await switch(platform, "gateway", "ok")
        await daemon.restart(kill=True)
        await daemon.event("incident_resolved", within=20.0)
        await delivered(daemon, 1)
        assert Counter(receiver.titles) == WHOLE_STORY
        assert (await platform.state("gateway"))["StartedAt"] == began
        assert [line["event"] for line in daemon.events].count("action_intended") == 1


async def test_what_could_not_be_told_is_told_after_a_kill(tmp_path: Path) -> None:
    """Receiver down, incident opened, daemon killed: the next run tells it, once, when the receiver is back."""
    async with Service() as service, Receiver() as receiver:
        async with Daemon(tcp_policy(service.port, told(receiver)), tmp_path) as daemon:
            await daemon.wait_for_health("service", "up")
            await receiver.stop()
            await service.stop()
            await daemon.event("notification not delivered", contact="on-call", outcome="retry")
            await daemon.kill9()
            await receiver.start()
            await service.start()
            await daemon.start()
            await daemon.event("incident_resolved")
            await receiver.title("service is up again", within=20.0)
            await delivered(daemon, 2)
        assert receiver.titles[-1] == "[SEV2] service is up again"
        assert sum(message["message"].count("service is down: refused") for message in receiver.messages) == 1


async def test_a_receiver_that_is_away_for_a_while_misses_nothing(tmp_path: Path) -> None:
    """An incident comes and goes while nobody listens; then its story arrives once, in one message that ends well."""
    async with Service() as service, Receiver() as receiver:
        async with Daemon(tcp_policy(service.port, told(receiver)), tmp_path) as daemon:
            await daemon.wait_for_health("service", "up")
            await receiver.stop()
            await service.stop()
            await daemon.event("incident_opened")
            await service.start()
            await daemon.event("incident_resolved")
            await daemon.event("notification not delivered", contact="on-call", outcome="retry")
            assert (await daemon.status())["dependencies"]["service"]["health"] == "up"
            await receiver.start()
            await receiver.title("service is up again", within=20.0)
            await delivered(daemon, 2)
        assert receiver.titles == ["[SEV2] service is up again"]
        (story,) = (message["message"].splitlines() for message in receiver.messages)
        assert story[0] == "Not delivered until now:"
        assert "UTC: service is down: refused" in story[1]
        assert "service up again after " in story[2]


async def test_who_can_never_be_told_is_said_at_the_start_and_at_each_reload(tmp_path: Path) -> None:
    """And not first in the outage; without the address, which may be a token."""
    wrong = TOLD.format(port=1).replace("json://127.0.0.1:1", "jsn://127.0.0.1/hunter2")
    async with Service() as service, Daemon(tcp_policy(service.port, wrong), tmp_path) as daemon:
        await daemon.event("a contact cannot be told", where="contacts.on-call")
        seen = len(daemon.events)
        daemon.signal(signal.SIGHUP)
        await daemon.event("a contact cannot be told", where="contacts.on-call", after=seen)
        assert "hunter2" not in str(daemon.events)


async def test_a_kill_in_the_middle_of_a_delivery_loses_nothing(tmp_path: Path) -> None:
    """A message that was sent and never answered is sent again by the daemon's next run."""
    async with Service() as service, Receiver(mute=True) as receiver:
        async with Daemon(tcp_policy(service.port, told(receiver)), tmp_path) as daemon:
            await daemon.wait_for_health("service", "up")
            await service.stop()
            await receiver.was_asked(1)
            await daemon.kill9()
            receiver.mute = False
            await daemon.start()
            await receiver.title("service is down")
            await delivered(daemon, 1)
        assert receiver.titles == ["[SEV2] service is down"]


async def test_a_receiver_that_never_answers_delays_no_watching(tmp_path: Path) -> None:
    """While a message waits for its answer, the daemon sees the service come back, and stops at once when told to."""
    async with Service() as service, Receiver(mute=True) as receiver:
        async with Daemon(tcp_policy(service.port, told(receiver)), tmp_path) as daemon:
            await daemon.wait_for_health("service", "up")
            await service.stop()
            await receiver.was_asked(1)
            await service.start()
            await daemon.event("incident_resolved", within=2.0)
            assert await daemon.terminate(within=2.0) == 0
