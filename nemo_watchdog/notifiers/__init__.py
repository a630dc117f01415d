"""Tells people. A notifier answers "delivered", or "failed, and worth retrying or not"; the outbox retries."""

from nemo_watchdog.notifiers.alertmanager import AlertmanagerClient, readiness
from nemo_watchdog.notifiers.apprise import unusable_addresses
from nemo_watchdog.notifiers.channels import channel_for, send_to
from nemo_watchdog.notifiers.deadman import HttpHeartbeat
from nemo_watchdog.notifiers.log import LogNotifier

__all__ = [
    "AlertmanagerClient",
    "HttpHeartbeat",
    "LogNotifier",
    "channel_for",
    "readiness",
    "send_to",
    "unusable_addresses",
]
