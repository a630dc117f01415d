"""The policy and the secret files that it names: what is rotated is seen, once, and not before it has settled."""

from __future__ import annotations

from pathlib import Path

import pytest

from nemo_watchdog.runtime.policy_files import PolicyFiles
from tests.unit.probes.shared.test_trust import Put, renamed, swapped, written_in_place

SECRET, POLICY = "a secret file changed", "the policy file changed"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    return tmp_path / "secret"


@pytest.fixture
def files(tmp_path: Path, secret: Path) -> PolicyFiles:
    secret.write_bytes(b"old")
    policy = tmp_path / "policy.yaml"
    policy.write_text(f"# $${{file:/not/this}}\nurl: redis://:${{file:{secret}}}@h/0\nother: ${{file:/nowhere}}\n")
    return PolicyFiles(policy)


@pytest.mark.parametrize("put", [renamed, written_in_place, swapped])
def test_a_rotated_secret_is_a_change_when_it_has_settled(files: PolicyFiles, secret: Path, put: Put) -> None:
    """However it is rotated, and as often as it is."""
    assert files.changed() == ""
    for _ in range(2):
        put(secret, b"new")
        assert [files.changed() for _ in range(4)] == ["", SECRET, "", ""]


def test_what_is_there_for_a_moment_only_is_no_change(files: PolicyFiles, secret: Path) -> None:
    """Missing or empty in the middle of its rotation: the value that we have goes on."""
    secret.unlink()
    assert files.changed() == ""
    secret.write_bytes(b"")
    assert files.changed() == ""
    secret.write_bytes(b"new")
    assert [files.changed() for _ in range(3)] == ["", SECRET, ""]


def test_a_secret_that_stays_away_is_told_and_its_return_is_a_change(files: PolicyFiles, secret: Path) -> None:
    """The reload says what is wrong, once."""
    secret.unlink()
    assert [files.changed() for _ in range(4)] == ["", SECRET, "", ""]
    secret.write_bytes(b"back")
    assert [files.changed() for _ in range(3)] == ["", SECRET, ""]


def test_a_policy_that_changes_is_a_change_at_once_and_names_other_files(
    files: PolicyFiles, secret: Path, tmp_path: Path
) -> None:
    """Also when it is gone, of which nothing is forgotten."""
    other = tmp_path / "other"
    policy = tmp_path / "policy.yaml"
    renamed(policy, f"url: ${{file:{other}}}".encode())
    assert [files.changed() for _ in range(2)] == [POLICY, ""]
    secret.write_bytes(b"not of the policy any more")
    assert [files.changed() for _ in range(3)] == ["", "", ""]
    other.write_bytes(b"there now")
    assert [files.changed() for _ in range(3)] == ["", SECRET, ""]
    policy.unlink()
    assert [files.changed() for _ in range(2)] == [POLICY, ""]
    other.write_bytes(b"and changed")
    assert [files.changed() for _ in range(3)] == ["", SECRET, ""]


def test_what_is_taken_is_no_change(files: PolicyFiles, secret: Path) -> None:
    """On SIGHUP all of it is read at once."""
    secret.write_bytes(b"new")
    files.take()
    assert [files.changed() for _ in range(3)] == ["", "", ""]
