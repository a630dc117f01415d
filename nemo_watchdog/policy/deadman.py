"""What may stand at `deadman`: who calls people when the watchdog falls silent, and how often it hears from us."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from nemo_watchdog.policy.fields import HOUR, Section, is_http
from nemo_watchdog.policy.policy import Deadman
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.policy.units import SECRET_ERROR, Duration, SecretText, duration_within

SHORTEST = 10.0
_DEADMAN = Deadman(Secret(""))


def _http_url(secret: Secret) -> Secret:
    if not is_http(secret.reveal()):
        raise PydanticCustomError(SECRET_ERROR, "expected an address such as `https://hc-ping.com/...`")
    return secret


class DeadmanSection(Section):
    """The watchdog's own heartbeat, which stops when it is stuck or blind."""

    url: Annotated[SecretText, AfterValidator(_http_url)] = Field(description="What is asked by GET.")
    every: Annotated[Duration, AfterValidator(duration_within(SHORTEST, HOUR))] = Field(
        _DEADMAN.every, description="Between two of them."
    )


def deadman_of(section: DeadmanSection | None) -> Deadman | None:
    return None if section is None else Deadman(section.url, section.every)
