"""`nemo-watchdog policy diff`: what would this change?"""

from __future__ import annotations

from pathlib import Path

from tests.unit.cli.calling import Call

OLD = "version: 1\ndependencies: {redis: {probe: redis, url: 'redis://:SECRET@redis', interval: 10s}}\n"
NEW = OLD.replace("10s", "5s").replace("SECRET", "${PASSWORD}")


def test_two_files_that_differ(call: Call, tmp_path: Path) -> None:
    """Each difference on a line of its own, and no secret; exit code 1, as diff(1) has it."""
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(OLD)
    new.write_text(NEW)
    lines = ["dependencies.redis.url: redis://redis -> ***", "dependencies.redis.interval: 10s -> 5s"]
    result = call("policy", "diff", old, new)
    assert (result.code, result.out.splitlines(), result.err) == (1, lines, "")
    assert call("policy", "diff", old, new, "--json").json() == {"changed": lines}


def test_two_files_that_say_the_same(call: Call, tmp_path: Path) -> None:
    """Comments, quotes and the order of keys say nothing."""
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(OLD)
    new.write_text(
        "# The same.\ndependencies: {redis: {interval: '10s', url: redis://:SECRET@redis, probe: redis}}\nversion: 1\n"
    )
    result = call("policy", "diff", old, new)
    assert (result.code, result.out) == (0, "Both say the same.\n")


def test_what_cannot_be_read(call: Call, tmp_path: Path) -> None:
    old = tmp_path / "old.yaml"
    old.write_text(OLD)
    result = call("policy", "diff", old, tmp_path / "nowhere.yaml")
    assert (result.code, result.out) == (2, "")
    assert "nowhere.yaml:1:1: there is no such file" in result.err
