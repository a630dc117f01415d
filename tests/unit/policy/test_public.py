"""`public` of a dependency: what it may say, and what of several with one name."""

from __future__ import annotations

import pytest

from nemo_watchdog.errors import PolicyError
from nemo_watchdog.policy.policy import Public
from tests.unit.policy.fakes import parse


def policy(**public: str) -> str:
    """With a dependency for each, and what stands at its `public`."""
    entries = [f"  {name}: {{probe: host, public: {{{given}}}}}" for name, given in public.items()]
    return "\n".join(["version: 1", "dependencies:", *entries])


def problem(text: str) -> str:
    with pytest.raises(PolicyError) as caught:
        parse(text)
    (one,) = caught.value.problems
    return str(one)


def test_what_is_published_arrives() -> None:
    """Spaces around it are nobody's; what says nothing is not published."""
    known = parse(policy(a='name: " Chat ", description: Talk to a model', b="name: Chat"))
    assert known.dependencies["a"].public == Public("Chat", "Talk to a model")
    assert known.dependencies["b"].public == Public("Chat")
    bare = parse("version: 1\ndependencies: {a: {probe: host}}")
    assert bare.dependencies["a"].public is None


def test_one_component_has_one_description() -> None:
    """The same words at two are the same; other words are a mistake at the second."""
    assert parse(policy(a="name: Chat, description: x", b="name: Chat, description: x", c="name: F, description: y"))
    said = problem(policy(a="name: Chat, description: x", b="name: Files", c="name: Chat, description: y"))
    assert "dependencies.c.public.description: another dependency describes the component of this name" in said


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("description: x", "public.name: missing"),
        ('name: ""', "public.name: "),
        ('name: "  "', "public.name: expected words for users"),
        ('name: "Chat\\u001b[2J"', "public.name: expected words for users, one line without control characters"),
        ('name: Chat, description: "a\\nb"', "public.description: expected words for users"),
        (f"name: {'x' * 81}", "public.name: "),
        (f"name: Chat, description: {'x' * 301}", "public.description: "),
        ("name: Chat, titel: x", "public.titel: unknown key"),
    ],
)
def test_what_cannot_be_published_is_told(given: str, words: str) -> None:
    assert words in problem(policy(a=given))


def window(public: str) -> str:
    return (
        policy(a="name: Chat")
        + f"""
maintenance: [{{name: upgrade, cron: "0 3 * * *", duration: 1h, public: {public}}}]"""
    )


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("true", ""),
        ('"true"', ""),
        ("false", None),
        ('"false"', None),
        ('" Chat may be slow "', "Chat may be slow"),
        (f"{'x' * 300}", "x" * 300),
    ],
)
def test_work_is_announced_or_not(given: str, told: str | None) -> None:
    """With words or without; also where an expansion says `true`."""
    assert parse(window(given)).maintenance[0].public == told


def test_work_is_not_announced_where_nobody_says_so() -> None:
    assert parse(window("false").replace(", public: false", "")).maintenance[0].public is None


@pytest.mark.parametrize("given", ["3", "[a]", "{a: b}", "null", '""', '"a\\nb"', "x" * 301])
def test_what_is_no_announcement_is_told(given: str) -> None:
    assert "maintenance[0].public: expected " in problem(window(given))
