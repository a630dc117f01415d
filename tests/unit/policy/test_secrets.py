"""What comes from outside gets in, and never out."""

from __future__ import annotations

import os
import re
import traceback
from pathlib import Path

import pytest
import structlog

from nemo_watchdog.errors import PolicyError
from nemo_watchdog.policy.people import Apprise, Contact
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.policy.secrets import MAX_FILE_BYTES, ExpansionError, expand, files_in
from tests.unit.policy.fakes import HttpOptions, RedisOptions, parse

ENVIRON = {"NAME": "value", "EMPTY": "", "TRICKY": "${NAME} $$ }"}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("plain", "plain"),
        ("${NAME}", "value"),
        ("a${NAME}b${NAME}", "avaluebvalue"),
        ("${MISSING:-default}", "default"),
        ("${MISSING:-}", ""),
        ("${EMPTY:-default}", "default"),
        ("${EMPTY}", ""),
        ("${NAME:-default}", "value"),
        ("${MISSING:-a:-b $5}", "a:-b $5"),
        ("$$", "$"),
        ("$${NAME}", "${NAME}"),
        ("$$${NAME}", "$value"),
        ("$NAME costs 5$", "$NAME costs 5$"),
        ("${TRICKY}", "${NAME} $$ }"),
    ],
)
def test_expansion(text: str, expanded: str) -> None:
    """Variables and defaults are put in once, and `$$` is a dollar sign."""
    assert expand(text, ENVIRON).text == expanded


@pytest.mark.parametrize(
    ("text", "outside"),
    [("plain", False), ("$$", False), ("a $$ b", False), ("${NAME}", True), ("$$${MISSING:-x}", True)],
)
def test_only_what_an_expansion_gives_is_from_outside(text: str, outside: bool) -> None:
    """The rest stands in the file, and a message may show what of it is harmless."""
    assert expand(text, ENVIRON).outside is outside


def test_the_files_that_a_policy_names_are_known_before_it_is_read() -> None:
    """Also those in a comment; a change of any is a reload."""
    text = "a: ${file:/run/a}\n# ${file:/run/b}\nc: '${NAME} $${file:/run/c} ${file:/run/d'\n"
    assert files_in(text) == {"/run/a", "/run/b"}


def test_a_credential_is_what_systemd_put_there(tmp_path: Path) -> None:
    """In the folder that it names to the process; without its last line break."""
    (tmp_path / "on-call").write_text("slack://T/B/C\n", encoding="utf-8")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    expanded = expand("${credential:on-call}", environ)
    assert (expanded.text, expanded.outside) == ("slack://T/B/C", True)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("${credential:missing}", "no credential `missing`: the unit must have `LoadCredential=missing:/path`"),
        ("${credential:../x}", "and no path"),
        ("${credential:..}", "and no path"),
        ("${credential:}", "and no path"),
    ],
)
def test_a_credential_that_is_not_there_says_what_the_unit_must_have(tmp_path: Path, text: str, why: str) -> None:
    """And no path leads out of the folder."""
    with pytest.raises(ExpansionError, match=re.escape(why)):
        expand(text, {"CREDENTIALS_DIRECTORY": str(tmp_path)})


def test_without_systemd_there_is_no_credential() -> None:
    with pytest.raises(ExpansionError, match="gave this process no credential: the unit must have"):
        expand("${credential:on-call}", {})


@pytest.mark.parametrize("text", ["${MISSING}", "${}", "${NAME", "${1NAME}", "${NAME-default}", "${file:relative}"])
def test_an_expansion_that_fails(text: str) -> None:
    """An unset variable or an unreadable expansion is an error, not an empty value."""
    with pytest.raises(ExpansionError):
        expand(text, ENVIRON)


def test_a_secret_file(tmp_path: Path) -> None:
    """The file's text comes in without its last line break, and is not expanded again."""
    file = tmp_path / "secret"
    file.write_text("pa${NAME}ss\nword\n")
    assert expand(f"<${{file:{file}}}>", {}).text == "<pa${NAME}ss\nword>"


def test_a_file_that_is_no_secret(tmp_path: Path) -> None:
    """A missing file, a folder, a pipe, a huge file and bytes that are no text are errors that name the file."""
    (tmp_path / "huge").write_bytes(b"x" * (MAX_FILE_BYTES + 1))
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    os.mkfifo(tmp_path / "pipe")
    for name in ("missing", "huge", "binary", "pipe", "."):
        with pytest.raises(ExpansionError, match=str(tmp_path)):
            expand(f"${{file:{tmp_path / name}}}", {})
    with pytest.raises(ExpansionError, match="is larger than 64 KiB"):
        expand(f"${{file:{tmp_path / 'huge'}}}", {})
    with pytest.raises(ExpansionError, match="not a path"):
        expand("${file:/a\0b}", {})


def test_a_value_cannot_inject_yaml() -> None:
    """A value with YAML in it stays one value."""
    value = "redis://h/\n    remedy: restart\n    tags: [core]"
    dependency = parse(
        "version: 1\ndependencies:\n  redis:\n    probe: redis\n    url: ${URL}\n", URL=value
    ).dependencies["redis"]
    assert dependency.options.url == Secret(value)
    assert dependency.remedy is None


def test_an_expansion_needs_no_quotes_in_brackets() -> None:
    """`[${URL:-}]` is a list of one, as it looks, though YAML by itself would stop at the brace."""
    text = "version: 1\ndependencies: {host: {probe: host}}\ncontacts: {a: [${URL:-json://x/a,b}, ${NONE:-}]}\n"
    assert parse(text).contacts["a"] == Contact((Apprise(Secret("json://x/a,b")),))


def test_numbers_and_words_may_come_from_the_environment() -> None:
    """What an expansion gives is text, and every kind of value can be read from it."""
    policy = parse(
        "version: 1\nautonomy: ${A}\ndefaults: {up_after: ${N}, down_after: ${N}}\n"
        "dependencies: {r: {probe: redis, url: x, write: ${B}}}\n",
        A="suggest",
        N="4",
        B="true",
    )
    dependency = policy.dependencies["r"]
    assert (policy.autonomy, dependency.up_after, dependency.down_after.window) == ("suggest", 4, 4)
    assert dependency.options.write is True


SECRET = "hunter2horse"
LEAKY = {
    "the value of an option": "version: 1\ndependencies: {p: {probe: postgres, dsn: ${S}}}\n",
    "a part of the value": "version: 1\ndependencies: {p: {probe: postgres, dsn: 'x://u:${S}@h/db'}}\n",
    "a model as a whole": "version: 1\ndependencies: {p: {probe: postgres, dsn: 'postgresql://standby:${S}@h/'}}\n",
    "a password in the file": "version: 1\ndependencies: {p: {probe: postgres, dsn: 'mysql://u:hunter2horse@h/db'}}\n",
    "a duration": "version: 1\ndependencies: {p: {probe: host, timeout: ${S}}}\n",
    "a name": "version: 1\ndependencies: {p: {probe: host, needs: ['${S}'], remedy: '${S}', container: '/${S}'}}\n",
    "a probe": "version: 1\ndependencies: {p: {probe: '${S}'}}\n",
    "a tag": "version: 1\ndependencies: {p: {probe: host}}\n"
    "classification: [{name: a, severity: SEV1, when: {tags: ['${S}']}}]\n",
    "a tag of another": "version: 1\ndependencies: {p: {probe: host, tags: ['${S}']}}\n"
    "classification: [{name: a, severity: SEV1, when: {tags: hunter2hors}}]\n",
    "a contact to notify": "version: 1\nclassification: [{name: a, severity: SEV1, notify: '${S}'}]\n",
    "an enum": "version: 1\nautonomy: ${S}\ndependencies: {p: {probe: host}}\n",
    "an action": "version: 1\nremedies: {r: {steps: [{do: '${S}'}], budget: '${S}'}}\n",
    "a contact": "version: 1\ncontacts: {a: ['${S}', 'hunter2horse', {hunter2horse: 1}]}\n",
    "a contact one level too high": "version: 1\ncontacts:\n  slack://hunter2horse/b/c: []\n",
    "an alertmanager": "version: 1\nalertmanager: ['http://u:${S}@h', 'http://u:hunter2horse@h', '${S}']\n",
    "an alertmanager's credentials": (
        "version: 1\nalertmanager:\n"
        "  - {url: 'http://h', username: hunter2horse, password: hunter2horse, bearer: '${S}'}\n"
        "  - {url: 'http://h', bearer: hunter2horse, ca: hunter2horse, 'hunter2horse=': 1}\n"
    ),
    "a dead man's switch": "version: 1\ndeadman: {url: hunter2horse, every: hunter2horse, 'hunter2horse=': 1}\n",
    "a dead man's switch without keys": "version: 1\ndeadman: 'https://h/${S}/hunter2horse'\n",
    **{
        f"in the file: {option}": f"version: 1\ndependencies: {{p: {{probe: http, url: 'http://h/', {option}}}}}\n"
        for option in (
            "headers: 'Authorization: Bearer hunter2horse'",
            "headers: {'Authorization: Bearer hunter2horse': }",
            "headers: {'hunter2horse=': 1}",
            "headers: ['Authorization: Bearer hunter2horse']",
            "headers: {X-Key: 31415926}",
            "headers: {'X Key': hunter2horse}",
            "basic: 'svc:hunter2horse'",
            "basic: hunter2horse",
            "basic: {user: x, 'pass=hunter2horse': y}",
            "bearer: [hunter2horse]",
            "expect: hunter2horse",
            "method: hunter2horse",
            "timeout: hunter2horse",
            "container: 'x/hunter2horse'",
            "'http://u:hunter2horse@h/': url",
            "needs: ['hunter2horse=']",
            "bearer: !hunter2horse!x",
        )
    },
    "an environment": "version: 1\ndependencies: {p: {probe: command, command: [x], "
    "environment: {'T=hunter2horse': }}}\n",
    "an address": "version: 1\ndependencies: {p: {probe: tcp, address: 'u:hunter2horse@h:1'}}\n",
    "a contact's address for its name": "version: 1\ncontacts: {'json://u:hunter2horse@h/': [x]}\n"
    "remedies: {r: {steps: [{do: escalate, to: leed}], budget: 1 per 1h}}\n",
    "a file that is no policy": "root:$y$hunter2horse:20228:0:99999:7:::\ndaemon:*:20228:0:99999:7:::\n",
    "a file of one secret": "hunter2horse\n",
    "a file of one pair": "hunter2horse/x: {y: 1}\nversion: 1\n",
    "names in a circle": "version: 1\ndependencies: {'x://hunter2horse': {probe: host, needs: ['x://hunter2horse']}}\n",
    "a password as a number": "version: 1\ndependencies: {p: {probe: redis, url: x, password: 31415926}}\n",
    "a variable inside a default": "version: 1\nautonomy: ${NONE:-hunter2horse}\ndependencies: {p: {probe: host}}\n",
}


@pytest.mark.parametrize("text", LEAKY.values(), ids=LEAKY.keys())
def test_no_error_repeats_a_secret(text: str) -> None:
    """Neither the message nor the traceback of a bad policy has a value from outside, a password or an address."""
    with pytest.raises(PolicyError) as caught:
        parse(text, S=SECRET)
    error = caught.value
    shown = "".join([str(error), repr(error), repr(error.problems), *traceback.format_exception(error)])
    assert SECRET not in shown
    assert "31415926" not in shown
    assert error.__context__ is None


def test_no_repr_repeats_a_secret() -> None:
    """A policy can be printed and logged: addresses and secret options hide themselves."""
    policy = parse(
        "version: 1\n"
        "dependencies:\n"
        "  api: {probe: http, url: '${S}'}\n"
        "  redis: {probe: redis, url: 'redis://:hunter2horse@h', password: '${S}'}\n"
        "contacts: {a: 'slack://${S}'}\n",
        S="hunter2horse",
    )
    rendered = structlog.processors.JSONRenderer(default=repr)(None, "info", {"policy": policy})
    assert "hunter2horse" not in f"{policy!r} {policy} {rendered!r}"
    api, redis = policy.dependencies["api"].options, policy.dependencies["redis"].options
    assert isinstance(api, HttpOptions)
    assert isinstance(redis, RedisOptions)
    assert (api.url.reveal(), redis.password.reveal()) == ("hunter2horse", "hunter2horse")
