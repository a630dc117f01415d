"""What a policy changes, in the operator's own words: every difference has its line, and no secret is in any."""

from __future__ import annotations

from pathlib import Path

import pytest

from nemo_watchdog.errors import PolicyError
from nemo_watchdog.policy.difference import differences
from nemo_watchdog.policy.document import read_document
from nemo_watchdog.policy.loader import read_written
from tests.unit.policy.fakes import parse


def between(old: str, new: str, environ: dict[str, str] | None = None) -> list[str]:
    before, after = (read_document(text, environ) for text in (old, new))
    assert not before.issues
    assert not after.issues
    return list(differences(before.value, after.value))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("interval: 10s", "interval: 5s", "interval: 10s -> 5s"),
        ("up_after: 2", "up_after: 3", "up_after: 2 -> 3"),
        ("flapping: false", "flapping: true", "flapping: false -> true"),
        ("flapping: false", "flapping: {high: 30%}", "flapping: false -> a mapping"),
        ("container: a", "container: b", "container: a -> b"),
        ("container: a", "container:", "container: a -> nothing"),
        ("container: a", "container: ${NAME}", "container: a -> ${NAME}"),
        ("url: http://a:80/x", "url: http://a:81/x", "url: http://a:80/x -> http://a:81/x"),
        ("a: 1", "[a]", "the policy: a mapping -> a list"),
        ("a: 1", "a: 1\nb: 2s", "b: added: 2s"),
        ("a: 1\nb: 2s", "a: 1", "b: removed: 2s"),
        ("dependencies: {a: {probe: tcp}}", "dependencies: {a: {probe: tcp}, b: {}}", "dependencies.b: added"),
        ("needs: [a, b]", "needs: [b, c]", "needs: a removed, c added"),
        ("needs: [a, b]", "needs: [b, a]", "needs: another order: b, a"),
        ("needs: [a]", "needs: [{any: [a, b]}]", "needs[0]: a -> a mapping"),
        ("argv: [sh, -c]", "argv: [sh, -c, 'echo hello']", "argv[2]: added: a text of 10 characters"),
        ("title: An old one", "title: A new one", "title: a text of 10 characters -> a text of 9 characters"),
        ("title: An old one", "title: A two one", "title: a text of 10 characters -> a text of 9 characters"),
        ("title: One two", "title: Two one", "title: changed (a text of 7 characters)"),
    ],
)  # fmt: skip
def test_a_difference_has_its_line(old: str, new: str, said: str) -> None:
    assert between(old, new) == [said]
    assert between(old, old) == between(new, new) == []


def test_entries_that_have_names_are_told_by_them() -> None:
    """A rule that moves is one that moves, and a step that comes in between is one that is added."""
    rules = "classification: [{name: a, severity: SEV1}, {name: b, severity: SEV2}, {name: c, severity: SEV3}]"
    moved = "classification: [{name: c, severity: SEV3}, {name: a, severity: SEV2}, {name: b, severity: SEV2}]"
    assert between(rules, moved) == [
        "classification.a.severity: SEV1 -> SEV2",
        "classification: another order: c, a, b",
    ]
    steps = "remedies: {r: {steps: [{do: docker.restart, attempts: 2}, {do: escalate, to: on-call}]}}"
    more = (
        "remedies: {r: {steps: [{do: docker.start}, {do: docker.restart, attempts: 3}, {do: escalate, to: on-call}]}}"
    )
    assert between(steps, more) == [
        'remedies.r.steps["docker.restart"].attempts: 2 -> 3',
        'remedies.r.steps["docker.start"]: added',
    ]
    twice = "remedies: {r: {steps: [{do: docker.restart, attempts: 2}, {do: docker.restart, attempts: 9}]}}"
    assert between(steps, twice) == [
        "remedies.r.steps[1].do: escalate -> docker.restart",
        "remedies.r.steps[1].to: removed: on-call",
        "remedies.r.steps[1].attempts: added: 9",
    ]


SECRETS = """
contacts: {on-call: [slack://SECRET/%s], team: {to: SECRET%s}}
dependencies:
  redis: {url: 'redis://me:SECRET%s@h:6379/0?password=SECRET%s', password: SECRET%s, headers: {X: SECRET%s}}
  other: {url: 'redis://:SECRET%s@${HOST}/0', user: '${USER:-SECRET%s}', expect: 'it says "SECRET" %s'}
alertmanager: [{url: 'http://h', username: me, password: SECRET%s, bearer: SECRET%s}]
deadman: {url: 'https://h/SECRET%s', every: 1m}
"""


def test_no_secret_is_in_any_line() -> None:
    """However it is written: that it changed is said, and where."""
    said = between(SECRETS.replace("%s", "1"), SECRETS.replace("%s", "23"))
    assert said == [
        "contacts.on-call[0]: changed (***)",
        'contacts.team["***"]: changed (***)',
        "dependencies.redis.url: changed (redis://h:6379/0)",
        "dependencies.redis.password: changed (***)",
        "dependencies.redis.headers.X: changed (***)",
        "dependencies.other.url: changed (***)",
        "dependencies.other.user: changed (***)",
        "dependencies.other.expect: a text of 18 characters -> a text of 19 characters",
        "alertmanager[0].password: changed (***)",
        "alertmanager[0].bearer: changed (***)",
        "deadman.url: changed (***)",
    ]


def test_a_rotated_secret_is_a_change_of_what_stands_behind_it(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    text = f"dependencies: {{redis: {{url: 'redis://h', user: '${{file:{secret}}}'}}}}"
    secret.write_text("old")
    old = read_document(text, {})
    secret.write_text("new")
    new = read_document(text, {})
    assert differences(old.value, new.value) == (f"dependencies.redis.user: changed (${{file:{secret}}})",)


def test_files_are_compared_as_they_are_written(tmp_path: Path) -> None:
    """No secret needs to be there: a copy is compared on another machine."""
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text("url: ${HOST}\nsame: $$5\nprice: $$5\n")
    new.write_text("url: ${file:/nowhere/host}\nsame: $$5\nprice: $$15\n")
    assert differences(read_written(old), read_written(new)) == (
        "url: ${HOST} -> ${file:/nowhere/host}",
        "price: a text of 3 characters -> a text of 4 characters",
    )
    old.write_text("a: half ${HOST} and half\n")
    new.write_text("a: half ${HOST} and other\n")
    assert differences(read_written(old), read_written(new)) == ("a: changed (***)",)
    new.write_text("a: [")
    with pytest.raises(PolicyError, match=r"new\.yaml:1:.*this is not YAML"):
        read_written(new)


def test_a_loaded_policy_knows_what_its_file_says() -> None:
    """And never prints it."""
    text = "version: 1\ndependencies: {redis: {probe: redis, url: 'redis://:${PASSWORD}@h', interval: 10s}}\n"
    old, new = parse(text, PASSWORD="SECRET"), parse(text.replace("10s", "20s"), PASSWORD="SECRET")
    assert differences(old.document, new.document) == ("dependencies.redis.interval: 10s -> 20s",)
    assert "SECRET" not in repr(old)


def test_what_an_action_runs_and_where_it_posts_may_be_secret() -> None:
    """A path of an address may be its key, and an argument a password; all else of the step is shown."""
    text = (
        "remedies: {r: {steps: [{do: webhook, url: 'https://h.internal/KEY', timeout: Ns},"
        " {do: command, command: [mend, --password, KEY], directory: /KEY}]}}"
    )
    before, after = (text.replace("KEY", key).replace("N", n) for key, n in (("canarya", "1"), ("canaryb", "2")))
    assert between(before, after) == [
        "remedies.r.steps.webhook.url: changed (***)",
        "remedies.r.steps.webhook.timeout: 1s -> 2s",
        "remedies.r.steps.command.command[2]: changed (***)",
        "remedies.r.steps.command.directory: changed (a text of 8 characters)",
    ]
