"""What may stand at `alertmanager`: addresses, each with what it takes to be let in there."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, RootModel, Tag, model_validator
from pydantic_core import PydanticCustomError

from nemo_watchdog.policy.fields import HttpUrl, Section, check_absolute
from nemo_watchdog.policy.policy import Alertmanager
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.policy.units import SECRET_ERROR, SecretText, wrong


def _no_colon(username: str) -> str:
    if ":" in username:
        raise wrong("expected a user name without `:`, which is where its password begins")
    return username


def _one_line(secret: Secret) -> Secret:
    if not secret.reveal().isprintable() or not secret:
        raise PydanticCustomError(SECRET_ERROR, "expected one line of text")
    return secret


_Credential = Annotated[SecretText, AfterValidator(_one_line)]


class AlertmanagerEntry(Section):
    """An Alertmanager that wants to know who comes, or that this machine does not trust by itself."""

    url: HttpUrl = Field(description="Its base URL.")
    username: Annotated[str, Field(min_length=1), AfterValidator(_no_colon)] | None = Field(
        None, description="For basic authentication."
    )
    password: _Credential | None = Field(None, description="Of that user.")
    bearer: _Credential | None = Field(None, description="A token, instead of a user and a password.")
    ca: Annotated[str, AfterValidator(check_absolute)] | None = Field(
        None, description="PEM file of the authorities to trust instead of the system's."
    )
    silences: bool = Field(default=False, description="What is silenced there is not told to people here either.")

    @model_validator(mode="after")
    def _makes_sense(self) -> AlertmanagerEntry:
        if (self.username is None) != (self.password is None):
            raise wrong("give `username` and `password` together")
        if self.bearer is not None and self.username is not None:
            raise wrong("give a `bearer` token, or a `username` and a `password`: a request carries one of them")
        if self.ca is not None and not self.url.startswith("https:"):
            raise wrong("`ca` is for `https://`: this `url` has no certificate to be checked")
        return self


def _kind(value: Any) -> str:
    return "entry" if isinstance(value, dict | AlertmanagerEntry) else "url"


def _listed(value: Any) -> Any:
    """One is a list of one."""
    return [value] if isinstance(value, str | dict) else value


_Item = Annotated[Annotated[HttpUrl, Tag("url")] | Annotated[AlertmanagerEntry, Tag("entry")], Discriminator(_kind)]
_Items = Annotated[list[_Item], BeforeValidator(_listed, json_schema_input_type=_Item | list[_Item])]


class AlertmanagerSection(RootModel[_Items]):
    """Alertmanagers, each told everything: a base URL, or one with what it takes to be let in."""

    @model_validator(mode="after")
    def _each_once(self) -> AlertmanagerSection:
        given = set(alertmanagers_of(self))
        if len(given) != len({each.url for each in given}):
            raise wrong("the same URL stands here twice with different keys: keep one of the two")
        return self


def alertmanagers_of(section: AlertmanagerSection | None) -> tuple[Alertmanager, ...]:
    """Each once, in the order of the policy."""
    return tuple(dict.fromkeys(map(_one, section.root))) if section else ()


def _one(item: str | AlertmanagerEntry) -> Alertmanager:
    if isinstance(item, str):
        return Alertmanager(item)
    nothing = Secret("")
    return Alertmanager(
        item.url,
        item.username or "",
        item.password or nothing,
        item.bearer or nothing,
        item.ca or "",
        item.silences,
    )
