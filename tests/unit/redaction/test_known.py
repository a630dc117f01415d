"""A secret that is known survives nowhere, and whatever is redacted is redacted once."""

from __future__ import annotations

import base64
import json
import random
import string
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemo_watchdog.redaction.keylike import looks_random
from nemo_watchdog.redaction.known import is_plain
from nemo_watchdog.redaction.mark import MARK
from nemo_watchdog.redaction.redactor import _RULES, Redactor
from nemo_watchdog.redaction.shapes import SHAPES

WORDS = [
    "password", "token=", "api_key: ", '"secret": "', "--password ", "Authorization: Bearer ", "Cookie: ", "://u:",
    "@h/",
    "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "mysql -p", "curl -u a:", "requirepass ", "PASSWORD '",
    '\\"', "'", '"', " ", "\n", ",", ";", "}", "=", ":", "&", "…", MARK, "[redacted", "eyJhbGciOiJIUzI1NiJ9.e30.",
    "AKIAIOSFODNN7EXAMPLE", "é", "\ud800", "\0", "sk-", "basic ",
]  # fmt: skip
texts = st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=12)), max_size=12).map("".join)
secrets = st.text(st.characters(exclude_characters="[]", exclude_categories=["Cs"]), min_size=6, max_size=40).filter(
    lambda text: not is_plain(text)
)


@given(secrets, texts, texts)
def test_a_known_secret_survives_in_no_surroundings(secret: str, before: str, after: str) -> None:
    """As it is, in addresses, in JSON and in base64."""
    redactor = Redactor([secret])
    assert secret not in redactor.text(before + secret + after)
    for form in (quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]):
        assert form not in redactor.text(f"{before}{form}{after}")


@given(st.text(string.ascii_letters + string.digits + "!$%", min_size=12, max_size=40), st.binary(max_size=7))
def test_base64_of_it_is_known_wherever_it_begins(secret: str, before: bytes) -> None:
    """`user:password` of HTTP's basic authentication has it in one of three ways."""
    coded = base64.b64encode(before + secret.encode() + b"!").decode()
    shown = Redactor([secret]).text(f"said {coded}.")
    assert secret not in shown.encode().decode()
    rest = shown.removeprefix("said ").removesuffix(".").split(MARK)
    assert is_plain(secret) or len("".join(rest)) <= 4 * (len(before) + 2)


@given(texts, secrets)
def test_redacting_again_changes_nothing(text: str, secret: str) -> None:
    """Neither by the same redactor nor, of what it took out, by one that knows less."""
    redactor = Redactor([secret])
    once = redactor.text(text + secret)
    assert redactor.text(once) == once


@given(texts)
def test_what_is_not_suspicious_is_changed_by_no_rule(text: str) -> None:
    """The search that goes first overlooks nothing."""
    redactor = Redactor()
    if not redactor._may_hold_one(text):
        for _, rule in _RULES:
            assert rule(text) == text


@pytest.mark.parametrize(
    "value",
    ["", "a", "true", "postgres", "localhost", "Gateway", "8080", "2026", "10.0.0.1:5432", "30s", "redacted", "      "],
)
def test_a_plain_word_is_not_replaced_wherever_it_stands(value: str) -> None:
    """A database is called `postgres`, and its password may be too: that is hidden where it is called one."""
    text = f"{value} at {value}:{value}, is {value}"
    assert Redactor([value]).text(text) == text
    assert (
        not value
        or value == "true"
        or Redactor([value]).text(f"POSTGRES_PASSWORD={value}x") != f"POSTGRES_PASSWORD={value}x"
    )


def test_a_name_that_readers_need_is_kept() -> None:
    """A container whose name came from the environment is not hidden, though that value is known."""
    assert Redactor(["gateway-blue-2"], keep=["gateway-blue-2"]).text("gateway-blue-2 ended") == "gateway-blue-2 ended"


def test_one_that_was_cut_off_is_known_by_its_beginning() -> None:
    """A finding's one line ends with `…` where it was cut."""
    assert Redactor(["hunter2-canary"]).text("it says hunter2-ca…") == f"it says {MARK}…"
    assert Redactor(["hunter2-canary"]).text("it says hunt…") == "it says hunt…"
    assert Redactor().text("it got ghp_Ab12cd…") == f"it got {MARK}…"


def test_each_line_of_one_with_several_is_known() -> None:
    """A log is read line by line."""
    assert Redactor(["first-line-1\nsecond-line-2\nx"]).text("> second-line-2 <") == f"> {MARK} <"


def test_thousands_of_them_are_known() -> None:
    """A policy with as many dependencies has as many passwords, and a look is not to wait for them."""
    many = [f"canary-{number:05}" for number in range(5000)]
    redactor = Redactor(many)
    assert redactor.text("canary-00007 and canary-04999, canary-0") == f"{MARK} and {MARK}, canary-0"
    began = time.thread_time()
    for _ in range(100):
        redactor.text("no answer within 3s")
    assert (time.thread_time() - began) / 100 < 50e-6


def test_one_learns_more() -> None:
    """And stays the same where that is nothing new."""
    redactor = Redactor(["hunter2-canary"])
    assert redactor.knowing(["hunter2-canary", "true"]) is redactor
    assert redactor.knowing(["another-1"]).text("another-1 hunter2-canary another") == f"{MARK} {MARK} another"


def test_a_short_text_with_nothing_in_it_costs_next_to_nothing() -> None:
    """A look takes some 100 µs: this takes a tenth of it at most."""
    redactor = Redactor([f"canary-{number}" for number in range(20)])
    text = "answered 503 instead of 200 in 0.2s: the service at 10.0.0.3 says upstream not ready"

    def cost() -> float:
        began = time.thread_time()
        for _ in range(1000):
            redactor.text(text)
        return (time.thread_time() - began) / 1000

    assert min(cost() for _ in range(10)) < 10e-6


UNITS = [
    "a", "token=a ", "token ", "sk-", "a=b ", "x_key=Ab1 ", "://a:", "://a:b@", "@", 'password="', 'password=\\"a',
    "aB3+",
    "--password ", "-----BEGIN PRIVATE KEY-----", "eyJabcdefghij.", "password=a,", "password=" + "}" * 100,
    "password\n",
    "password '", "basic abcd ", "mysql -p", "curl -u a:b ", "redis-cli x -a ", "AKIA", "://" + "a" * 250,
    "password" + " " * 8, MARK, " ".join(shape.sign for shape in SHAPES), "a,;)]} password=", "x" * 79 + "=",
]  # fmt: skip


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit[:20].replace("\n", " "))
def test_no_text_takes_long(unit: str) -> None:
    """256 KiB of the worst: less than 100 ms of CPU."""
    redactor = Redactor(["hunter2-canary", "p@ss/w:rd!x"])
    text = ("token password " + unit * (2**18 // len(unit) + 1))[: 2**18]

    def cost() -> float:
        began = time.thread_time()
        redactor.text(text)
        return time.thread_time() - began

    assert any(cost() < 0.1 for _ in range(10))


def test_most_random_keys_are_found() -> None:
    """By their look alone: 9 of 10 at least, of 40 characters."""
    luck = random.Random(1)  # noqa: S311 - the same on every day
    keys = ["".join(luck.choices(string.ascii_letters + string.digits + "-_", k=40)) for _ in range(1000)]
    assert sum(looks_random(key) for key in keys) >= 950
