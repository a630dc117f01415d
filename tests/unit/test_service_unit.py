"""What a unit gives its service, as systemd.exec(5) and systemd.unit(5) say it."""

from __future__ import annotations

import grp
import os
from pathlib import Path

import pytest

from nemo_watchdog.service_unit import ServiceUnit, UnitError, read_unit

UNIT = """
[Unit]
Description=it
[Service]
# Environment=COMMENT=1
Environment=NEMO_WATCHDOG_POLICY=%E/nemo-watchdog/policy.yaml
Environment="SPACED=a b" PLAIN=c \\
    NEXT=100%%
EnvironmentFile=-{folder}/environment
EnvironmentFile=-{folder}/missing
LoadCredential=on-call:{folder}/on-call
LoadCredential=of-the-system
DynamicUser=yes
Group=docker
SupplementaryGroups=root
"""
ENVIRONMENT = """
# a comment
ONCALL_URL=slack://a/b/c?d="e f"
QUOTED="with \\"quotes\\" and spaces"
  SINGLE = 'x y'
NOT_A_LINE
EMPTY=
OPEN="no end
"""


def unit(folder: Path, text: str = UNIT) -> ServiceUnit:
    (folder / "environment").write_text(ENVIRONMENT, encoding="utf-8")
    (folder / "nemo-watchdog.service").write_text(text.replace("{folder}", str(folder)), encoding="utf-8")
    return read_unit(folders=(str(folder),))


def test_variables_come_from_the_unit_and_its_file(tmp_path: Path) -> None:
    """Quotes, continued lines and specifiers as systemd has them; what may be missing may be missing."""
    assert unit(tmp_path).environ == {
        "NEMO_WATCHDOG_POLICY": "/etc/nemo-watchdog/policy.yaml",
        "SPACED": "a b",
        "PLAIN": "c",
        "NEXT": "100%",
        "ONCALL_URL": 'slack://a/b/c?d="e f"',
        "QUOTED": 'with "quotes" and spaces',
        "SINGLE": "x y",
        "EMPTY": "",
        "OPEN": '"no end',
    }


def test_who_it_runs_as_and_what_it_is_handed(tmp_path: Path) -> None:
    it = unit(tmp_path)
    assert it.credentials == {"on-call": tmp_path / "on-call"}
    assert (it.user, it.dynamic, it.private_tmp) == ("", True, True)
    assert (it.group, it.groups) == ("docker", ("root",))


def test_drop_ins_are_read_after_it_and_may_empty_a_list(tmp_path: Path) -> None:
    """In the order of their names; the first folder's stands for those of the same name in the others."""
    other = tmp_path / "other"
    for folder, name, text in (
        (tmp_path, "20.conf", "[Service]\nEnvironment=B=2\n"),
        (tmp_path, "10.conf", "[Service]\nEnvironment=\nEnvironmentFile=\nEnvironment=A=1\n"),
        (other, "20.conf", "[Service]\nEnvironment=B=9\n"),
    ):
        (folder / "nemo-watchdog.service.d").mkdir(parents=True, exist_ok=True)
        (folder / "nemo-watchdog.service.d" / name).write_text(text, encoding="utf-8")
    unit(tmp_path)
    assert read_unit(folders=(str(tmp_path), str(other))).environ == {"A": "1", "B": "2"}


def test_a_unit_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnitError, match=f"there is no unit nemo-watchdog.service in {tmp_path}: install it first"):
        read_unit(folders=(str(tmp_path),))


def test_a_file_that_must_be_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnitError, match=f"cannot read {tmp_path}/gone: No such file"):
        unit(tmp_path, f"[Service]\nEnvironmentFile={tmp_path}/gone\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can ask for another user: run it as root")
def test_whose_files_it_may_read(tmp_path: Path) -> None:
    """The kernel says it: modes, groups and the folders above count; its /tmp is its own."""
    folder = Path("/var/lib") / f"nemo-watchdog-test-{os.getpid()}"
    folder.mkdir(mode=0o755)
    try:
        modes = {"open": 0o644, "closed": 0o600, "group": 0o640}
        for name, mode in modes.items():
            (folder / name).write_text("x", encoding="utf-8")
            (folder / name).chmod(mode)
        it = unit(tmp_path)
        assert [name for name in modes if it.may_read(str(folder / name))] == ["open", "group"]
        folder.chmod(0o700)
        assert not it.may_read(str(folder / "open"))
        root = unit(tmp_path, "[Service]\n")
        assert root.may_read(str(folder / "closed"))
        assert not root.may_read(str(folder / "missing"))
        assert not it.may_read("/tmp/anything")
    finally:
        for name in modes:
            (folder / name).unlink()
        folder.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can ask for another user: run it as root")
def test_which_sockets_it_may_use(tmp_path: Path) -> None:
    """To connect is to write: its own group may, as Docker's socket has it."""
    folder = Path("/var/lib") / f"nemo-watchdog-test-{os.getpid()}"
    folder.mkdir(mode=0o755)
    socket = folder / "docker.sock"
    try:
        socket.touch()
        os.chown(socket, 0, grp.getgrnam("daemon").gr_gid)
        mine = unit(tmp_path, "[Service]\nDynamicUser=yes\nGroup=daemon\n")
        other = unit(tmp_path, "[Service]\nDynamicUser=yes\n")
        for mode, uses in ((0o660, True), (0o640, False)):
            socket.chmod(mode)
            assert (mine.may_use(str(socket)), other.may_use(str(socket))) == (uses, False)
        assert mine.may_read(str(socket))
    finally:
        socket.unlink()
        folder.rmdir()


def test_a_group_that_is_none_is_said(tmp_path: Path) -> None:
    """Where it runs as another user, which wants it; and so is a user."""
    it = unit(tmp_path, "[Service]\nDynamicUser=yes\nSupplementaryGroups=no-such-group\n")
    with pytest.raises(UnitError, match="wants the group no-such-group, and there is none on this machine"):
        it.may_read("/etc/passwd")
    it = unit(tmp_path, "[Service]\nDynamicUser=yes\nGroup=no-such-group\n")
    with pytest.raises(UnitError, match="wants the group no-such-group, and there is none on this machine"):
        it.may_read("/etc/passwd")
    it = unit(tmp_path, "[Service]\nUser=no-such-user\n")
    with pytest.raises(UnitError, match="wants the user no-such-user, and there is none on this machine"):
        it.may_read("/etc/passwd")
