"""The digest of an address and of what is expected there: the same after every start, without any secret."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from enum import Enum

import pytest
from pydantic import BaseModel

from nemo_watchdog.plugins import installed
from nemo_watchdog.policy import digest
from nemo_watchdog.policy.loader import parse_policy
from nemo_watchdog.policy.policy import Dependency

HTTP = "probe: http, url: 'http://api/health', container: api"
POSTGRES = "probe: postgres, dsn: 'postgresql://app:one@db:5432/shop?sslmode=require'"
REDIS = "probe: redis, url: 'redis://:one@cache:6379/0'"


def compiled(keys: str) -> Dependency:
    text = f"version: 1\ndependencies: {{it: {{{keys}}}}}\n"
    return parse_policy(text, "policy.yaml", installed(), environ={}).dependencies["it"]


def of(keys: str) -> str:
    return compiled(keys).digest


def test_it_stays_the_same() -> None:
    """It is in the journals of people: another one takes the right to act away from every platform that is down."""
    assert of(HTTP) == "404fd57fd1628b85ac64e5b83db13083cd9d784204d7ef174fa3c3b6e2b770f9"


SCRIPT = f"""
from tests.unit.policy.test_digest import of
print(of({HTTP + ", expect: {status: [200, 204, 301, '4xx'], headers: {b: x, a: y}}"!r}))
"""


def test_it_is_the_same_in_another_process() -> None:
    """Where sets and hashes have another order."""
    told = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(told) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (HTTP, HTTP.replace("/health", "/ready")),
        (HTTP, HTTP.replace("http:", "https:")),
        (HTTP, HTTP.replace("//api", "//api:8000")),
        (HTTP, HTTP.replace("//api", "//www")),
        (HTTP, HTTP.replace("/health", "/health?deep=1")),
        (HTTP, HTTP.replace("container: api", "container: web")),
        (HTTP, f"{HTTP}, expect: {{status: 204}}"),
        (f"{HTTP}, expect: {{status: 200}}", f"{HTTP}, expect: {{status: 204}}"),
        (f"{HTTP}, expect: {{status: [200, 204]}}", f"{HTTP}, expect: {{status: [200, 301]}}"),
        (f"{HTTP}, expect: {{json: {{a: null}}}}", f"{HTTP}, expect: {{json: {{a: 1}}}}"),
        (HTTP, f"{HTTP}, redirects: 2"),
        (POSTGRES, POSTGRES.replace("/shop", "/other")),
        (POSTGRES, POSTGRES.replace("=require", "=prefer")),
        (POSTGRES, f"{POSTGRES}, role: primary"),
        (REDIS, REDIS.replace("6379/0", "6379/1")),
        (REDIS, REDIS.replace("redis:/", "rediss:/")),
        ("probe: tcp, address: 'a:1'", "probe: tcp, address: 'a:2'"),
        ("probe: docker, container: a", "probe: docker, container: b"),
    ],
)
def test_another_address_or_expectation_has_another_one(one: str, other: str) -> None:
    assert of(one) != of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (POSTGRES, POSTGRES.replace("app:one", "app:two")),
        (POSTGRES, POSTGRES.replace("app:one", "other:two")),
        (POSTGRES, POSTGRES.replace("app:one@", "").replace("?", "?user=a&password=b&")),
        (REDIS, REDIS.replace(":one@", ":two@")),
        (HTTP, HTTP.replace("//api", "//me:mine@api")),
        (f"{HTTP}, bearer: one", f"{HTTP}, bearer: two"),
        (HTTP.replace("/health", "/health?token=1"), HTTP.replace("/health", "/health?token=2")),
        (f"{HTTP}, headers: {{X-Key: one}}", f"{HTTP}, headers: {{X-Key: two}}"),
        (HTTP, f"{HTTP}, interval: 5s, timeout: 1s, down_after: 9, tags: [core], autonomy: suggest"),
    ],
)
def test_another_password_or_pace_has_the_same_one(one: str, other: str) -> None:
    assert of(one) == of(other)


@pytest.mark.parametrize("keys", [POSTGRES, REDIS, f"{HTTP}, bearer: one", f"{HTTP}, headers: {{X-Key: one}}"])
def test_no_secret_goes_into_it(keys: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even into what is hashed: a short password could be guessed from its hash."""
    hashed: list[str] = []
    text = digest._text

    def listening(value: object) -> str:
        hashed.append(text(value))
        return hashed[-1]

    monkeypatch.setattr(digest, "_text", listening)
    of(keys)
    assert hashed
    assert not [each for each in hashed if "one" in each]


class Role(Enum):
    PRIMARY = "primary"
    STANDBY = "standby"


@dataclass(frozen=True)
class Login:
    user: str
    role: Role


class OptionsOfAPlugin(BaseModel):
    role: Role | None = None
    login: Login | None = None
    words: list[str] = []


def test_words_of_a_choice_and_parts_of_a_value_are_in_it() -> None:
    """Options of a plugin may be built of either; a class in the place of a value counts by its name."""
    made = [
        OptionsOfAPlugin(role=Role.PRIMARY),
        OptionsOfAPlugin(role=Role.STANDBY),
        OptionsOfAPlugin(login=Login("a", Role.PRIMARY)),
        OptionsOfAPlugin(login=Login("b", Role.PRIMARY)),
        OptionsOfAPlugin(login=Login("b", Role.STANDBY)),
        OptionsOfAPlugin(words=["a", "b"]),
        OptionsOfAPlugin(words=["b", "a"]),
        OptionsOfAPlugin.model_construct({"login"}, login=Login),  # type: ignore[arg-type]
    ]
    digests = [digest.digest_of("x", None, options) for options in made]
    assert len(set(digests)) == len(made)


def test_what_nobody_knows_how_to_write_counts_by_its_type() -> None:
    """Options of a plugin may hold anything."""

    class Odd:
        pass

    class Other:
        pass

    odd, odd_again, other = (digest.digest_of("x", None, each()) for each in (Odd, Odd, Other))  # type: ignore[arg-type]
    assert odd == odd_again != other
