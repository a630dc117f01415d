"""Which channel an address of the policy is spoken to by."""

from __future__ import annotations

from typing import assert_never

from nemo_watchdog.channel import DEADLINE, Channel, Letter, Sent
from nemo_watchdog.notifiers.apprise import AppriseChannel
from nemo_watchdog.notifiers.opsgenie import OpsgenieChannel
from nemo_watchdog.notifiers.pagerduty import PagerDutyChannel
from nemo_watchdog.notifiers.slack import SlackChannel
from nemo_watchdog.notifiers.webhook import WebhookChannel
from nemo_watchdog.policy.people import Address, Apprise, Opsgenie, PagerDuty, Slack, Webhook


def channel_for(address: Address, deadline: float = DEADLINE) -> Channel:
    """A new one: who asks keeps it, so that what the service has asked for is heeded, and closes it."""
    match address:
        case Apprise(url):
            return AppriseChannel(url, deadline)
        case PagerDuty():
            return PagerDutyChannel(address, deadline)
        case Opsgenie():
            return OpsgenieChannel(address, deadline)
        case Slack():
            return SlackChannel(address, deadline)
        case Webhook():
            return WebhookChannel(address, deadline)
        case _:
            assert_never(address)


async def send_to(address: Address, letter: Letter, memo: str, deadline: float = DEADLINE) -> Sent:
    """One letter, on a channel of its own."""
    channel = channel_for(address, deadline)
    try:
        return await channel.send(letter, memo)
    finally:
        await channel.close()
