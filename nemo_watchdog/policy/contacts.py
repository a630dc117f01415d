"""What may stand at a contact: addresses, or who takes turns.

An address is an Apprise URL, or one key that names a service which is spoken to in its own language.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, RootModel, Tag, model_validator

from nemo_watchdog.policy.fields import ApprisePart, HttpUrl, Name, Section, WebhookUrl, check_absolute
from nemo_watchdog.policy.people import Address, Apprise, Contact, Opsgenie, PagerDuty, Rota, Slack, Webhook, secrets_in
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.policy.units import SecretText, wrong
from nemo_watchdog.policy.zones import UTC_NAME, ZoneText, parse_zone

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_WEEKLY_HELP = "expected a day and a time such as `monday 09:00`"
_DAILY_HELP = "expected a time such as `09:00`"


class PagerDutySection(Section):
    """Events API v2: one incident there from the first message to the last."""

    key: SecretText = Field(description="The integration key of the service.")
    url: HttpUrl = Field("https://events.pagerduty.com", description="Where the API is; EU: events.eu.pagerduty.com.")


class OpsgenieSection(Section):
    """Alert API: one alert there from the first message to the last."""

    key: SecretText = Field(description="The key of an API integration.")
    url: HttpUrl = Field("https://api.opsgenie.com", description="Where the API is; EU: api.eu.opsgenie.com.")


class SlackSection(Section):
    """A bot: one thread for an outage, whose first message says how it stands."""

    token: SecretText = Field(description="The bot's token, `xoxb-…`.")
    channel: Annotated[str, Field(min_length=1, max_length=80)] = Field(description="Its name or id.")
    url: HttpUrl = Field("https://slack.com", description="Where the API is.")
    rooms: bool = Field(default=False, description="Create a channel for each outage of SEV1 and SEV2.")
    invite: list[Annotated[str, Field(min_length=1, max_length=20)]] = Field(
        default_factory=list, description="Ids of users to invite into such a channel."
    )


class WebhookSection(Section):
    """POST of JSON, signed."""

    url: WebhookUrl = Field(description="Where it goes.")
    secret: SecretText = Field(Secret(""), description="What it is signed with (HMAC-SHA256).")


class ChannelSection(Section):
    """Exactly one service."""

    pagerduty: PagerDutySection | None = None
    opsgenie: OpsgenieSection | None = None
    slack: SlackSection | None = None
    webhook: WebhookSection | None = None

    @model_validator(mode="after")
    def _one(self) -> ChannelSection:
        if len(list(self.given())) != 1:
            raise wrong("expected one of `pagerduty`, `opsgenie`, `slack` and `webhook`")
        return self

    def given(self) -> Iterator[Section]:
        yield from (each for each in (self.pagerduty, self.opsgenie, self.slack, self.webhook) if each is not None)


def _kind(value: Any) -> str:
    return "channel" if isinstance(value, dict | ChannelSection) else "url"


def _listed(value: Any) -> Any:
    """One is a list of one."""
    return [value] if isinstance(value, str | dict) else value


Place = Annotated[
    Annotated[ApprisePart, Tag("url")] | Annotated[ChannelSection, Tag("channel")],
    Discriminator(_kind),
]
Places = Annotated[list[Place], BeforeValidator(_listed, json_schema_input_type=str | Place | list[Place])]


def _weekly(value: Any) -> Any:
    day, _, time = value.partition(" ") if isinstance(value, str) else ("", "", "")
    if day not in _DAYS or not _TIME.fullmatch(time):
        raise wrong(_WEEKLY_HELP)
    return value


def _daily(value: Any) -> Any:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise wrong(_DAILY_HELP)
    return value


class EntrySection(Section):
    """A contact with more than addresses."""

    addresses: Places = Field(default_factory=list, description="How it is reached.")
    rota: Annotated[list[Name], Field(min_length=1)] | None = Field(None, description="Contacts who take turns.")
    weekly: Annotated[str, BeforeValidator(_weekly)] | None = Field(None, description="When the next of them begins.")
    daily: Annotated[str, BeforeValidator(_daily)] | None = Field(None, description="Likewise, every day.")
    zone: ZoneText = Field(UTC_NAME, description="The time zone of that, such as Europe/Berlin.")
    calendar: Annotated[str, AfterValidator(check_absolute)] | None = Field(
        None, description="A file of iCalendar whose events name who has it; the rota stands in for other times."
    )
    fallback: Name | None = Field(None, description="The contact that is told when no address takes a message.")

    @model_validator(mode="after")
    def _makes_sense(self) -> EntrySection:
        if self.rota is None and (self.weekly or self.daily or self.calendar):
            raise wrong("without a `rota` nobody takes turns: name who does")
        if self.rota is not None and self.addresses:
            raise wrong("give `addresses` or a `rota`: who takes turns has addresses of their own")
        if self.rota is not None and (self.weekly is None) == (self.daily is None):
            raise wrong("say when the next of the rota begins: `weekly: monday 09:00` or `daily: 09:00`")
        return self


def _form(value: Any) -> str:
    return (
        "entry" if isinstance(value, EntrySection) or (isinstance(value, dict) and not _is_channel(value)) else "list"
    )


def _is_channel(value: dict[Any, Any]) -> bool:
    return bool(value) and value.keys() <= ChannelSection.model_fields.keys()


class ContactSection(
    RootModel[Annotated[Annotated[Places, Tag("list")] | Annotated[EntrySection, Tag("entry")], Discriminator(_form)]]
):
    """Addresses, or who takes turns; without an address its messages are only logged."""


def compile_contact(section: ContactSection) -> Contact:
    """The contact of an entry in which no problem was found."""
    root = section.root
    if not isinstance(root, EntrySection):
        return Contact(_addresses(root))
    return Contact(_addresses(root.addresses), _rota(root), root.fallback or "")


def named_in(section: ContactSection) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every other contact that it names, and where below the entry."""
    if isinstance(section.root, EntrySection):
        yield from ((("rota", index), name) for index, name in enumerate(section.root.rota or ()))
        if section.root.fallback is not None:
            yield ("fallback",), section.root.fallback


def takes_turns(section: ContactSection) -> bool:
    return isinstance(section.root, EntrySection) and section.root.rota is not None


def calendars_in(written: Any) -> Iterator[str]:
    """Of a policy as it is written, the files that its rotas name; none of what is no policy."""
    contacts = written.get("contacts") if isinstance(written, Mapping) else None
    for contact in contacts.values() if isinstance(contacts, Mapping) else ():
        calendar = contact.get("calendar") if isinstance(contact, Mapping) else None
        if isinstance(calendar, str):
            yield calendar


def _rota(section: EntrySection) -> Rota | None:
    if section.rota is None:
        return None
    day, _, time = section.weekly.partition(" ") if section.weekly else ("", "", section.daily or "")
    hour, minute = map(int, time.split(":"))
    weekday = _DAYS.index(day) if day else None
    return Rota(tuple(section.rota), weekday, hour * 60 + minute, parse_zone(section.zone), section.calendar or "")


_MAKE: dict[type[Section], Callable[[Any], Address]] = {
    PagerDutySection: lambda each: PagerDuty(each.key, each.url),
    OpsgenieSection: lambda each: Opsgenie(each.key, each.url),
    SlackSection: lambda each: Slack(each.token, each.channel, each.url, each.rooms, tuple(each.invite)),
    WebhookSection: lambda each: Webhook(each.url, each.secret),
}


def _addresses(places: list[Secret | ChannelSection]) -> tuple[Address, ...]:
    """Without those whose URL, key or token is empty: its variable is not set."""
    made: list[Address] = []
    for each in places:
        if isinstance(each, Secret):
            made.append(Apprise(each))
        else:
            made += [_MAKE[type(given)](given) for given in each.given()]
    return tuple(each for each in made if secrets_in(each)[0])
