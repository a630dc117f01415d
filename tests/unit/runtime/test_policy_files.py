"""The policy and the secret files that it names: what is rotated is seen, once, and not before it has settled."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from nemo_watchdog.runtime.policy_files import MOST_LEFT, NoAnswer, PolicyFiles, Reading
from tests.unit.probes.shared.test_trust import Put, renamed, swapped, written_in_place
from tests.unit.runtime.shell import until

SECRET, POLICY, TEMPLATE = "a secret file changed", "the policy file changed", "a template changed"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    return tmp_path / "secret"


@pytest.fixture
def files(tmp_path: Path, secret: Path) -> PolicyFiles:
    secret.write_bytes(b"old")
    policy = tmp_path / "policy.yaml"
    policy.write_text(f"# $${{file:/not/this}}\nurl: redis://:${{file:{secret}}}@h/0\nother: ${{file:/nowhere}}\n")
    return PolicyFiles(policy)


def changed(files: PolicyFiles) -> str:
    return files.changed(files.look())


@pytest.mark.parametrize("put", [renamed, written_in_place, swapped])
def test_a_rotated_secret_is_a_change_when_it_has_settled(files: PolicyFiles, secret: Path, put: Put) -> None:
    """However it is rotated, and as often as it is."""
    assert changed(files) == ""
    for _ in range(2):
        put(secret, b"new")
        assert [changed(files) for _ in range(4)] == ["", SECRET, "", ""]


def test_what_is_there_for_a_moment_only_is_no_change(files: PolicyFiles, secret: Path) -> None:
    """Missing or empty in the middle of its rotation: the value that we have goes on."""
    secret.unlink()
    assert changed(files) == ""
    secret.write_bytes(b"")
    assert changed(files) == ""
    secret.write_bytes(b"new")
    assert [changed(files) for _ in range(3)] == ["", SECRET, ""]


def test_a_secret_that_stays_away_is_told_and_its_return_is_a_change(files: PolicyFiles, secret: Path) -> None:
    """The reload says what is wrong, once."""
    secret.unlink()
    assert [changed(files) for _ in range(4)] == ["", SECRET, "", ""]
    secret.write_bytes(b"back")
    assert [changed(files) for _ in range(3)] == ["", SECRET, ""]


def test_a_template_beside_it_is_a_change_when_it_has_settled(files: PolicyFiles, tmp_path: Path) -> None:
    """One that comes, is written and goes; other files of that folder are none."""
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "notes.txt").write_text("x", encoding="utf-8")
    assert [changed(files) for _ in range(2)] == ["", ""]
    file = folder / "body.j2"
    for put in (lambda: file.write_text("{{ body }}"), lambda: renamed(file, b"{{ title }}"), file.unlink):
        put()
        assert [changed(files) for _ in range(4)] == ["", TEMPLATE, "", ""]


def test_a_folder_of_templates_that_cannot_be_read_is_told_when_it_is(files: PolicyFiles, tmp_path: Path) -> None:
    """Nothing is forgotten of what was seen before."""
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "body.j2").write_text("{{ body }}", encoding="utf-8")
    assert [changed(files) for _ in range(3)] == ["", TEMPLATE, ""]
    folder.rename(tmp_path / "elsewhere")
    folder.write_text("no folder", encoding="utf-8")
    assert [changed(files) for _ in range(3)] == ["", "", ""]


def test_a_policy_that_changes_is_a_change_when_it_has_settled_and_names_other_files(
    files: PolicyFiles, secret: Path, tmp_path: Path
) -> None:
    """Also when it is gone, of which nothing is forgotten."""
    other = tmp_path / "other"
    policy = tmp_path / "policy.yaml"
    renamed(policy, f"url: ${{file:{other}}}".encode())
    assert [changed(files) for _ in range(3)] == ["", POLICY, ""]
    secret.write_bytes(b"not of the policy any more")
    assert [changed(files) for _ in range(3)] == ["", "", ""]
    other.write_bytes(b"there now")
    assert [changed(files) for _ in range(3)] == ["", SECRET, ""]
    policy.unlink()
    assert [changed(files) for _ in range(3)] == ["", POLICY, ""]
    other.write_bytes(b"and changed")
    assert [changed(files) for _ in range(3)] == ["", SECRET, ""]


def test_a_policy_that_is_written_slowly_is_a_change_when_it_is_whole(files: PolicyFiles, tmp_path: Path) -> None:
    """Each beginning of it may be a valid policy that watches less."""
    with (tmp_path / "policy.yaml").open("wb", buffering=0) as file:
        for part in (b"dependencies:\n", b"  gateway: {probe: tcp}\n", b"  redis: {probe: redis}\n"):
            file.write(part)
            assert changed(files) == ""
    assert [changed(files) for _ in range(2)] == [POLICY, ""]


def test_what_is_taken_is_no_change(files: PolicyFiles, secret: Path) -> None:
    """On SIGHUP all of it is read at once."""
    secret.write_bytes(b"new")
    files.take(files.look())
    assert [changed(files) for _ in range(3)] == ["", "", ""]


@pytest.mark.parametrize("odd", ["pipe", "device without an end", "folder", "link to itself"])
def test_whatever_stands_in_its_place_for_a_moment_holds_up_nobody(
    files: PolicyFiles, secret: Path, tmp_path: Path, odd: str
) -> None:
    """It is a change, its secret files are not forgotten, and what comes after it is a change again."""
    policy = tmp_path / "policy.yaml"
    good = policy.read_bytes()
    policy.unlink()
    if odd == "pipe":
        os.mkfifo(policy)
    elif odd == "folder":
        policy.mkdir()
    else:
        policy.symlink_to(policy if odd == "link to itself" else "/dev/zero")
    assert [changed(files) for _ in range(3)] == ["", POLICY, ""]
    secret.write_bytes(b"new")
    assert [changed(files) for _ in range(3)] == ["", SECRET, ""]
    (policy.rmdir if odd == "folder" else policy.unlink)()
    policy.write_bytes(good)
    assert [changed(files) for _ in range(3)] == ["", POLICY, ""]


async def test_a_read_that_hangs_is_given_up_and_a_person_gets_a_fresh_one() -> None:
    """Of those there is an end too; what has returned counts no more."""
    reading, hang = Reading(), threading.Event()
    try:
        for count in range(MOST_LEFT + 1):
            with pytest.raises(NoAnswer):
                await reading.run(hang.wait, 0.01, afresh=count > 0)
            with pytest.raises(NoAnswer):
                await reading.run(lambda: True, 5.0)  # at once: one is there that hangs
            assert len(left()) == count + 1
        with pytest.raises(NoAnswer):
            await reading.run(lambda: True, 5.0, afresh=True)
        assert len(left()) == MOST_LEFT + 1
    finally:
        hang.set()
    await until(lambda: not left())
    assert await reading.run(lambda: "read", 5.0) == "read"


async def test_beside_a_read_that_hangs_a_person_is_heard() -> None:
    reading, hang = Reading(), threading.Event()
    try:
        with pytest.raises(NoAnswer):
            await reading.run(hang.wait, 0.01)
        assert await reading.run(lambda: "read", 5.0, afresh=True) == "read"
        assert await reading.run(lambda: "again", 5.0) == "again"
    finally:
        hang.set()


def left() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "nemo-watchdog-policy"]
