"""Why nobody answers where Docker should, and what to do: the socket, its rights, another one, a wrong DOCKER_HOST."""

from __future__ import annotations

import errno
import getpass
import grp
import os
from collections.abc import Mapping
from pathlib import Path

from nemo_watchdog.containers.connection import DEFAULT_HOST
from nemo_watchdog.containers.permissions import NoWay
from nemo_watchdog.doctor.checkup import Finding, bad
from nemo_watchdog.policy.secret_value import Secret

CHECK = "docker"

_HANGS = (
    "it takes callers and does not answer: systemctl status docker, journalctl -u docker; a restart of Docker may help"
)


def no_way(error: NoWay, host: str | None, environ: Mapping[str, str], root: Path = Path("/")) -> Finding:
    """`root` is where other sockets are looked for."""
    address = host or DEFAULT_HOST
    if address.startswith("unix://"):
        return _of_socket(error, Path(address.removeprefix("unix://")), environ, root)
    where = Secret(address).where
    if error.unknown_host:
        return bad(CHECK, f"the host of DOCKER_HOST={where} has no address", "correct DOCKER_HOST, or DNS")
    if error.silent:
        return bad(CHECK, f"{where}: {error}", _HANGS)
    why = os.strerror(error.number) if error.number else "no connection"
    return bad(CHECK, f"{where}: {why}", "is the proxy, or Docker, running there? Is DOCKER_HOST right?")


def bad_address(host: str) -> Finding:
    """One that no client can use; what is no address may be anything, a secret too."""
    where = Secret(host).where
    return bad(
        CHECK,
        f"the address {where} is none of Docker's" if where else "DOCKER_HOST is no address",
        "write it as unix:///path or tcp://host:port, or leave it out for Docker's own",
    )


def _of_socket(error: NoWay, path: Path, environ: Mapping[str, str], root: Path) -> Finding:
    if error.number in {errno.ENOENT, errno.ENOTDIR}:
        others = [each for each in _others(environ, root) if each != path]
        if others:
            hint = f"there is one at {others[0]}: DOCKER_HOST=unix://{others[0]}"
        else:
            hint = "is Docker installed and running? systemctl status docker; in a container: is the socket mounted?"
        return bad(CHECK, f"there is no socket {path}", hint)
    if error.number in {errno.EACCES, errno.EPERM}:
        return bad(CHECK, f"{_user()} may not use {path}: permission denied", _right_to(path))
    if error.number == errno.ECONNREFUSED:
        what = "nobody listens at it" if path.is_socket() else "it is no socket"
        return bad(CHECK, f"{path}: {what}", "start Docker: systemctl start docker (and docker.socket)")
    remedy = _HANGS if error.silent else "systemctl status docker, journalctl -u docker"
    return bad(CHECK, f"{path}: {error}", remedy)


def _others(environ: Mapping[str, str], root: Path) -> list[Path]:
    """Sockets at the places where Docker, rootless Docker and Podman put theirs."""
    own = environ.get("XDG_RUNTIME_DIR")
    places = [Path(own) / "docker.sock"] if own else []
    places += [root / "run/docker.sock", *sorted(root.glob("run/user/*/docker.sock")), root / "run/podman/podman.sock"]
    return [each for each in places if _is_socket(each)]


def _is_socket(path: Path) -> bool:
    try:
        return path.is_socket()
    except OSError:
        return False


def _right_to(path: Path) -> str:
    try:
        gid = path.stat().st_gid
        group = grp.getgrgid(gid).gr_name if gid else ""
    except (OSError, KeyError):
        group = ""
    if not group:
        return f"its rights are root's alone: sudo, or give it a group: chgrp docker {path} && chmod g+rw {path}"
    return f"usermod -aG {group} {_user()}, then log in anew (as good as root on this host); the unit has Group={group}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no name for this number
        return f"the user {os.geteuid()}"
