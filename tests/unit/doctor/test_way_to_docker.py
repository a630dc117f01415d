"""Why nobody answers where Docker should be: each cause with what to do."""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from nemo_watchdog.containers.permissions import NoWay
from nemo_watchdog.doctor.way_to_docker import bad_address, no_way
from tests.unit.doctor.parts import told


def told_of(
    number: int | None, host: str | None, environ: Mapping[str, str] | None = None, root: Path = Path("/nowhere")
) -> tuple[str, str]:
    error = NoWay("Docker did not tell whether version is let through within 3s", number, silent=number is None)
    ((check, grade, seen, remedy),) = told([no_way(error, host, environ or {}, root)])
    assert (check, grade) == ("docker", "bad")
    return seen, remedy


def make_socket(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as it:
        it.bind(str(path))
    return path


def test_there_is_no_socket() -> None:
    seen, remedy = told_of(errno.ENOENT, None)
    assert seen == "there is no socket /var/run/docker.sock"
    assert "is Docker installed and running? systemctl status docker" in remedy


def test_there_is_one_elsewhere(tmp_path: Path) -> None:
    """A rootless Docker's: of this user, or of another one."""
    own = make_socket(tmp_path / "own" / "docker.sock")
    other = make_socket(tmp_path / "run/user/1000/docker.sock")
    _, remedy = told_of(errno.ENOENT, "unix:///gone", {"XDG_RUNTIME_DIR": str(own.parent)}, tmp_path)
    assert remedy == f"there is one at {own}: DOCKER_HOST=unix://{own}"
    _, remedy = told_of(errno.ENOENT, "unix:///gone", {}, tmp_path)
    assert remedy == f"there is one at {other}: DOCKER_HOST=unix://{other}"


def test_its_group_may_use_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nemo_watchdog.doctor.way_to_docker.getpass.getuser", lambda: "ops")
    path = make_socket(tmp_path / "docker.sock")

    class Group:
        gr_name = "docker"

    monkeypatch.setattr("nemo_watchdog.doctor.way_to_docker.grp.getgrgid", lambda _: Group)
    monkeypatch.setattr(Path, "stat", lambda _: type("Stat", (), {"st_gid": 114}))
    seen, remedy = told_of(errno.EACCES, f"unix://{path}")
    assert seen == f"ops may not use {path}: permission denied"
    assert remedy.startswith("usermod -aG docker ops, then log in anew")


def test_root_alone_may_use_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "stat", lambda _: type("Stat", (), {"st_gid": 0}))
    _, remedy = told_of(errno.EACCES, "unix:///x")
    assert "chgrp docker /x && chmod g+rw /x" in remedy


def test_a_user_without_a_name_has_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError

    monkeypatch.setattr("nemo_watchdog.doctor.way_to_docker.getpass.getuser", nobody)
    seen, _ = told_of(errno.EACCES, "unix:///x")
    assert seen.startswith("the user ")


def test_nobody_listens(tmp_path: Path) -> None:
    path = make_socket(tmp_path / "docker.sock")
    seen, remedy = told_of(errno.ECONNREFUSED, f"unix://{path}")
    assert (seen, remedy) == (
        f"{path}: nobody listens at it",
        "start Docker: systemctl start docker (and docker.socket)",
    )
    file = tmp_path / "file"
    file.touch()
    assert told_of(errno.ECONNREFUSED, f"unix://{file}")[0] == f"{file}: it is no socket"


@pytest.mark.parametrize("host", ["unix:///x", "tcp://127.0.0.1:2375"])
def test_it_hangs(host: str) -> None:
    seen, remedy = told_of(None, host)
    assert seen.endswith("Docker did not tell whether version is let through within 3s")
    assert remedy.startswith("it takes callers and does not answer: systemctl status docker")


def test_another_error_of_the_socket() -> None:
    assert told_of(errno.EIO, "unix:///x")[1] == "systemctl status docker, journalctl -u docker"


def test_a_wrong_docker_host() -> None:
    """Without what says who asks."""
    seen, remedy = told_of(errno.ECONNREFUSED, "tcp://ops:hunter2@127.0.0.1:2375")
    assert seen == "tcp://127.0.0.1:2375: Connection refused"
    assert remedy == "is the proxy, or Docker, running there? Is DOCKER_HOST right?"
    error = NoWay("hunter2", None, unknown_host=True)
    ((_, _, seen, remedy),) = told([no_way(error, "tcp://ops:hunter2@dcoker:2375", {})])
    assert (seen, remedy) == ("the host of DOCKER_HOST=tcp://dcoker:2375 has no address", "correct DOCKER_HOST, or DNS")
    ((_, _, seen, _),) = told([no_way(NoWay("hunter2", None), "tcp://x:1", {})])
    assert seen == "tcp://x:1: no connection"


@pytest.mark.parametrize(
    ("host", "seen"),
    [("hunter2", "DOCKER_HOST is no address"), ("ssh://u:hunter2@h", "the address ssh://h is none of Docker's")],
)
def test_an_address_that_is_none(host: str, seen: str) -> None:
    finding = bad_address(host)
    assert finding.seen == seen
    assert finding.remedy.startswith("write it as unix:///path or tcp://host:port")
