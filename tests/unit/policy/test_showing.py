"""What a message may repeat of a policy, and how what it may not is named."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from nemo_watchdog.policy.contacts import (
    ChannelSection,
    EntrySection,
    OpsgenieSection,
    PagerDutySection,
    SlackSection,
    WebhookSection,
)
from nemo_watchdog.policy.document import Path
from nemo_watchdog.policy.showing import _OF_A_CONTACT, format_path, is_meant_as, is_name, is_quantity, kind_of


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        *(
            (text, True)
            for text in (
                "10",
                "-1",
                "0.97",
                "5 mins",
                "1h30m",
                "1:30",
                "130%",
                "512MiB",
                "3 of 5",
                "0 per 1h",
                "123456789.123456789 days",
            )
        ),
        *(
            (text, False)
            for text in ("", "5x", "1a2b3c", "12345678901", "10 apples", "5m@h", "1 2 3 4 5", "9" * 25, "٣")
        ),
    ],
)
def test_a_quantity(text: str, is_one: bool) -> None:
    assert is_quantity(text) is is_one


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("redis-1.eu", True),
        ("A_b", True),
        ("", False),
        ("-x", False),
        ("a b", False),
        ("a:b", False),
        ("a" * 64, False),
    ],
)
def test_a_name(text: str, is_one: bool) -> None:
    assert is_name(text) is is_one


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("HAED", True),
        ("sev1", True),
        ("oom-killed", True),
        ("x9y8z7", False),
        ("a=b", False),
        ("a" * 24, True),
        ("a" * 25, False),
    ],
)
def test_a_word_that_was_meant_as_one_of_a_few(text: str, is_one: bool) -> None:
    assert is_meant_as(text, ["HEAD", "SEV1", "oom_killed"]) is is_one


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "nothing"),
        ({}, "a mapping"),
        ([], "a list"),
        (True, "`true`"),
        (3.5, "a number"),
        ("", "an empty text"),
        ("x", "a text of 1 character"),
        ("svc:password", "a text of 12 characters"),
    ],
)
def test_what_is_not_shown_is_said_by_its_kind(value: Any, said: str) -> None:
    assert kind_of(value) == said


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ((), ""),
        (("remedies", "x", "steps", 0, "attempts"), "remedies.x.steps[0].attempts"),
        (("dependencies", "my api"), 'dependencies["my api"]'),
        (("dependencies", "Bearer x1y2z3"), 'dependencies["***"]'),
        (("dependencies", "api.eu", "url"), 'dependencies["api.eu"].url'),
        (("dependencies", "x://u:p@h"), 'dependencies["***"]'),
        (("dependencies", "a", "headers", "X-Key"), "dependencies.a.headers.X-Key"),
        (("dependencies", "a", "headers", "Bearer x"), 'dependencies.a.headers["***"]'),
        (("contacts", "on call"), 'contacts["***"]'),
        (("contacts", "a", 0, "word"), 'contacts.a[0]["***"]'),
        (("contacts", "a", "word"), 'contacts.a["***"]'),
        (("contacts", "a", 0, "pagerduty", "key"), "contacts.a[0].pagerduty.key"),
        (("contacts", "a", 0, "pagerduty", "keyring"), 'contacts.a[0].pagerduty["***"]'),
        (("dependencies", "a", "headers", "x.y"), 'dependencies.a.headers["***"]'),
        (("classification", 0, "when", "measure", "x.y"), 'classification[0].when.measure["x.y"]'),
        (("root:*:1",), '["***"]'),
    ],
)
def test_the_keys_of_a_path(path: Path, shown: str) -> None:
    assert format_path(path) == shown


def test_the_keys_of_a_contact_are_those_that_it_may_have() -> None:
    sections: list[type[BaseModel]] = [
        EntrySection,
        ChannelSection,
        PagerDutySection,
        OpsgenieSection,
        SlackSection,
        WebhookSection,
    ]
    assert {key for each in sections for key in each.model_fields} == _OF_A_CONTACT
