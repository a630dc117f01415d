"""What a reload knows a target by: a secret that is rotated in its file leaves it the same, an edit does not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nemo_watchdog.plugins import installed
from nemo_watchdog.policy.loader import parse_policy
from nemo_watchdog.policy.policy import Dependency, is_same_target


def read(entry: str) -> Dependency:
    text = f"version: 1\ndependencies:\n  it: {{{entry}}}\n"
    return parse_policy(text, "policy.yaml", installed(), environ=os.environ).dependencies["it"]


@pytest.mark.parametrize(
    ("entry", "before", "after", "same"),
    [
        ("probe: redis, url: 'redis://:${file:FILE}@a/0'", "old", "new", True),
        ("probe: postgres, dsn: 'postgresql://u:${file:FILE}@a/db'", "old", "new", True),
        ("probe: http, url: 'http://a/', bearer: '${file:FILE}'", "old", "new", True),
        ("probe: http, url: 'http://a/', basic: {user: u, password: '${file:FILE}'}", "old", "new", True),
        ("probe: http, url: 'http://a/', headers: {X-Key: '${file:FILE}'}", "old", "new", True),
        ("probe: http, url: 'http://a/health?api_key=${file:FILE}'", "old", "new", True),
        ("probe: command, command: [/bin/true, '${file:FILE}']", "old", "new", True),
        ("probe: redis, url: '${file:FILE}'", "redis://:old@a/0", "redis://:new@a/0", True),
        ("probe: redis, url: '${file:FILE}'", "redis://:old@a/0", "redis://:old@b/0", False),
        ("probe: http, url: 'http://${file:FILE}/'", "a", "b", False),
        ("probe: http, url: '${file:FILE}'", "http://a/?path=x&token=old", "http://a/?path=x&token=new", True),
        ("probe: http, url: '${file:FILE}'", "http://a/?path=x&token=old", "http://a/?path=y&token=old", False),
        ("probe: http, url: '${file:FILE}'", "http://a/", "http://a/?token=new", True),
        ("probe: tcp, address: '${file:FILE}'", "a:1", "a:2", False),
    ],
)
def test_a_secret_that_is_rotated_leaves_the_target_the_same(
    tmp_path: Path, entry: str, before: str, after: str, same: bool
) -> None:
    """What of an address says where it leads is part of the target, though it came from a file."""
    file = tmp_path / "secret"
    entry = entry.replace("FILE", str(file))
    file.write_text(before)
    old = read(entry)
    file.write_text(after)
    new = read(entry)
    assert old != new
    assert is_same_target(old, new) is same


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("probe: http, url: 'http://a/'", "probe: http, url: 'http://b/'"),
        ("probe: http, url: 'http://a/'", "probe: http, url: 'http://a/', headers: {Host: b}"),
        ("probe: http, url: 'http://a/', headers: {Host: a}", "probe: http, url: 'http://a/', headers: {Host: b}"),
        ("probe: command, command: [/bin/true]", "probe: command, command: [/bin/false]"),
        ("probe: tcp, address: 'a:1'", "probe: tcp, address: 'a:1', send: x, expect: x"),
        ("probe: redis, url: 'redis://a/0'", "probe: redis, url: 'redis://a/0', role: primary"),
    ],
)
def test_an_edit_makes_it_another_target(old: str, new: str) -> None:
    """Also of what the policy never shows."""
    assert not is_same_target(read(old), read(new))
    assert is_same_target(read(old), read(old))
