"""Each address that a policy can name is spoken to in its own language."""

from __future__ import annotations

from nemo_watchdog.actions.catalog import ACTIONS
from nemo_watchdog.channel import Channel
from nemo_watchdog.notifiers import channel_for
from nemo_watchdog.notifiers.apprise import AppriseChannel
from nemo_watchdog.notifiers.opsgenie import OpsgenieChannel
from nemo_watchdog.notifiers.pagerduty import PagerDutyChannel
from nemo_watchdog.notifiers.slack import SlackChannel
from nemo_watchdog.notifiers.webhook import WebhookChannel
from nemo_watchdog.policy.people import Contact
from tests.unit.policy.fakes import parse

POLICY = """
version: 1
dependencies:
  gw: {probe: http, url: "http://127.0.0.1/"}
contacts:
  on-call:
    - "${APPRISE:-}"
    - pagerduty: {key: "${PAGERDUTY:-}"}
    - opsgenie: {key: "${OPSGENIE:-}", url: https://api.eu.opsgenie.com}
    - slack: {token: "${SLACK:-}", channel: outages, rooms: true, invite: [U1]}
    - webhook: {url: "${WEBHOOK:-}", secret: "${WEBHOOK_SECRET:-}"}
"""
ENVIRONMENT = {
    "APPRISE": "json://127.0.0.1/x",
    "PAGERDUTY": "a-key",
    "OPSGENIE": "a-key",
    "SLACK": "a-token",
    "WEBHOOK": "https://hooks.example/x",
}


def contact(**environ: str) -> Contact:
    return parse(POLICY, ACTIONS, **environ).contacts["on-call"]


async def test_each_address_has_its_channel() -> None:
    """A webhook needs no secret."""
    channels: list[Channel] = [channel_for(each) for each in contact(**ENVIRONMENT).addresses]
    assert [type(each) for each in channels] == [
        AppriseChannel,
        PagerDutyChannel,
        OpsgenieChannel,
        SlackChannel,
        WebhookChannel,
    ]
    for each in channels:
        await each.close()


def test_an_address_whose_variable_is_not_set_is_left_out() -> None:
    """As an empty URL is: the others are told."""
    assert contact().addresses == ()
    assert len(contact(SLACK="a-token", WEBHOOK_SECRET="a-secret").addresses) == 1
