"""What may stand at a key, whatever the key: names, durations, numbers, addresses; and what every section is."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.policy.units import Duration, SecretText, Whole, duration_within, number_within, wrong, wrong_secret

MINUTE = 60.0
HOUR = 3600.0
DAY = 86400.0

NAME_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,62}$"
_NAME = re.compile(NAME_PATTERN[1:-1])
_CONTAINER = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}")
_CONTAINER_ID = re.compile(r"[0-9a-f]{64}")


def check_name(name: str) -> str:
    """A name as dependencies, tags, remedies, rules and contacts have it: fit for a metric's label and a URL."""
    if not _NAME.fullmatch(name):
        raise wrong("a name is 1 to 63 of a-z, 0-9, `-` and `_`, and begins with a letter or digit")
    return name


def _check_container(name: str) -> str:
    if not _CONTAINER.fullmatch(name):
        raise wrong("expected the name of a container, as `docker ps` shows it")
    if _CONTAINER_ID.fullmatch(name):
        raise wrong(
            "expected the name of a container, not its id: it would be a second target beside "
            "its name, and its successor has another"
        )
    return name


def check_absolute(path: str) -> str:
    if not path.startswith("/") or "\0" in path:
        raise wrong("expected an absolute path")
    return path


def is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
        host = (parts.hostname or "").encode("idna")
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host)


def _check_http_url(url: str) -> str:
    good = is_http(url)
    credentials = good and "@" in urlsplit(url).netloc
    if not good or credentials:
        more = ": a user and a password have keys of their own" if credentials else ""
        raise wrong_secret(f"expected a URL such as `http://127.0.0.1:9093`{more}")
    return url


def _check_address(address: Secret) -> Secret:
    if address and "://" not in address.reveal():
        raise wrong_secret("expected an Apprise URL such as `mailto://...` or `slack://...`")
    return address


def _check_webhook(address: Secret) -> Secret:
    if address and not is_http(address.reveal()):
        raise wrong_secret("expected a URL such as `https://hooks.example.com/...`")
    return address


def _listed(value: Any) -> Any:
    """One is a list of one."""
    return [value] if isinstance(value, str) else value


def one_or_many(kind: Any) -> Any:
    return BeforeValidator(_listed, json_schema_input_type=kind | list[kind])


def _range(smallest: int, largest: int) -> Any:
    # the bounds stand in the JSON Schema as well, where a `Field(ge=...)` after a validator of ours would be lost
    extra: dict[str, Any] = {"minimum": smallest, "maximum": largest}
    return (AfterValidator(number_within(smallest, largest)), Field(json_schema_extra=extra))


def _number(value: Any) -> float:
    """A number, also as the text that an expansion gives."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value, re.ASCII):
        return float(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise wrong("expected a number")


def limited(smallest: float, largest: float) -> Callable[[Any], float]:
    within = number_within(smallest, largest)
    return lambda value: within(_number(value))


Name = Annotated[str, AfterValidator(check_name), Field(json_schema_extra={"pattern": NAME_PATTERN})]
ContainerName = Annotated[str, AfterValidator(_check_container)]
Attempts = Annotated[Whole, *_range(1, 100)]
Timeout = Annotated[Duration, AfterValidator(duration_within(0.001, 5 * MINUTE))]
Grace = Annotated[Duration, AfterValidator(duration_within(0.0, DAY))]
Patience = Annotated[Duration, AfterValidator(duration_within(1.0, 30 * DAY))]
Window = Annotated[Duration, AfterValidator(duration_within(1.0, DAY))]
Names = Annotated[list[Name], one_or_many(Name)]
HttpUrl = Annotated[str, AfterValidator(_check_http_url)]
ApprisePart = Annotated[SecretText, AfterValidator(_check_address)]
WebhookUrl = Annotated[SecretText, AfterValidator(_check_webhook)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)
