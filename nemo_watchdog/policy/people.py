"""Who is told, where they are reached, in which order, and when: as the policy has it.

The defaults of the policy language are the defaults of these classes; nothing else repeats their numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, tzinfo

from nemo_watchdog.policy.secret_value import Secret


@dataclass(frozen=True, slots=True)
class Apprise:
    """An address for Apprise, such as `mailto://…`."""

    url: Secret


@dataclass(frozen=True, slots=True)
class PagerDuty:
    """The integration key of a service (Events API v2), and where that API is."""

    key: Secret
    url: str


@dataclass(frozen=True, slots=True)
class Opsgenie:
    """The key of an API integration, and where the API is."""

    key: Secret
    url: str


@dataclass(frozen=True, slots=True)
class Slack:
    """A bot's token, and the channel that it writes to. `rooms`: each outage gets a channel of its own."""

    token: Secret
    channel: str
    url: str
    rooms: bool = False
    invite: tuple[str, ...] = ()
    """Slack's ids of users whom the bot invites into such a channel."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """Any program that takes JSON by POST; each is signed with the secret, where there is one."""

    url: Secret
    secret: Secret


Address = Apprise | PagerDuty | Opsgenie | Slack | Webhook
"""One way to reach a contact."""


def secrets_in(address: Address) -> tuple[Secret, ...]:
    return tuple(value for each in fields(address) if isinstance(value := getattr(address, each.name), Secret))


@dataclass(frozen=True, slots=True)
class Rota:
    """Contacts who take turns. `weekday` (Monday is 0) and `minute` of the day in `zone` are when the next begins.

    Without a weekday it is every day. With a `calendar`, a file of iCalendar, whoever its event of that time names is
    first; `people` stand in for times without one.
    """

    people: tuple[str, ...]
    weekday: int | None
    minute: int
    zone: tzinfo
    calendar: str = ""


@dataclass(frozen=True, slots=True)
class Contact:
    """`addresses` of its own, or a `rota` of others; `fallback` is told when no address takes a message."""

    addresses: tuple[Address, ...] = ()
    rota: Rota | None = None
    fallback: str = ""

    @property
    def keeps_incidents(self) -> bool:
        """An address of it is a service that must know how an incident stands, and no mere way to a person."""
        return any(not isinstance(each, Apprise) for each in self.addresses)


def apprise_urls(contacts: Mapping[str, Contact]) -> dict[str, tuple[Secret, ...]]:
    """Of each contact what Apprise delivers to."""
    return {
        name: tuple(each.url for each in contact.addresses if isinstance(each, Apprise))
        for name, contact in contacts.items()
    }


@dataclass(frozen=True, slots=True)
class NextInLine:
    """The contact `to` is told when nobody has answered for `after` seconds more."""

    to: str
    after: float


@dataclass(frozen=True, slots=True)
class Telling:
    """How people are told. Seconds."""

    group_wait: float = 10.0
    """What begins so soon after one another is told as one message."""
    heal_quietly: float = 60.0
    """What the watchdog itself heals so soon pages nobody: it is told when it is over, as no page."""
    settle: float = 120.0
    """What has come back again is told to be over when it has held for so long."""
    actions: bool = False
    """Whether it is told that the first action of an incident begins."""
    zone: tzinfo = UTC
    """Of the times in messages."""
    link: str = ""
    """Where people reach this daemon: base of the links in messages; empty: there are none."""
