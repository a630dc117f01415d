"""A container whose first process is a real systemd, with the shipped unit file and this interpreter in it.

The image is an almost empty root; `/usr` is the host's, read-only. What the daemon runs from (interpreter, packages,
this package) is mounted read-only at the same paths, and Docker's own socket is there, for the group `docker`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shlex
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import nemo_watchdog
from nemo_watchdog.demo.docker_cli import docker
from nemo_watchdog.demo.images import USR_MOUNTS, ensure_image
from tests.integration.conftest import TEST_LABEL
from tests.parts import absent, need

UNIT = "nemo-watchdog"
UNIT_FILE = Path(__file__).parents[3] / "systemd" / f"{UNIT}.service"
SOCKET = Path(os.environ.get("DOCKER_HOST", "").removeprefix("unix://") or "/var/run/docker.sock")
CGROUP = Path("/sys/fs/cgroup/systemd")
STATE = "/var/lib/nemo-watchdog"
POLICY = "/etc/nemo-watchdog/policy.yaml"

# Only what a container without the package at its usual place needs, and a quick test; the rest is as shipped.
DROP_IN = """\
[Service]
ExecStart=
ExecStart={python} -m nemo_watchdog run
# A virtual environment below /tmp or /home would be hidden by PrivateTmp or ProtectHome.
BindReadOnlyPaths={paths}
WatchdogSec=3
"""

# CAP_SYS_ADMIN is for systemd's mounts; the unit itself keeps no capability.
RUN_OPTIONS = (
    *("--cap-add", "SYS_ADMIN", "--cgroupns=private", "--security-opt", "seccomp=unconfined"),
    *("-e", "container=docker", "--tmpfs", "/run", "--tmpfs", "/tmp", "--tmpfs", "/run/lock"),
    *("-v", f"{CGROUP}:{CGROUP}"),
)
# dbus-daemon and the rest of the host's services stay out; the unit is started by the tests.
# systemd 256 and later goes on with cgroups of version 1 only where that word is on its command line.
BOOT = """\
set -e
echo "docker:x:$1:" >> /etc/group
mkdir -p /etc/nemo-watchdog
exec /usr/lib/systemd/systemd "--unit=${2:-basic.target}" SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1
"""


class Box:
    """The container's systemd. Calls block; they raise AssertionError with what the command printed.

    All commands go through one `docker exec`: each is three events, of which Docker remembers 256 for everybody.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._since: tuple[str, ...] = ()
        self._end = secrets.token_hex(8)
        self._shell = subprocess.Popen(
            ["docker", "exec", "-i", name, "sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def close(self) -> None:
        self._shell.kill()
        self._shell.communicate()

    def run(self, *command: str, stdin: str = "", status: int | None = 0) -> str:
        """What the command printed on stdout; `status` is the exit status that it must have, None for any."""
        output, ended = self._run(f"{shlex.join(command)} 2>/run/complaints", stdin)
        if status is not None and ended != status:
            complaints, _ = self._run("cat /run/complaints")
            raise AssertionError(f"{command} ended with {ended}\n{output}{complaints}\n{self.log()}")
        return output.strip()

    def systemctl(self, verb: str, *options: str) -> None:
        self.run("systemctl", verb, *options, UNIT)

    def show(self, name: str) -> str:
        """One property of the unit, such as `ActiveState`."""
        return self.run("systemctl", "show", "-P", name, UNIT)

    def cli(self, *arguments: str, status: int | None = 0) -> str:
        """`nemo-watchdog ARGUMENTS…`, by root inside the container."""
        return self.run(sys.executable, "-m", "nemo_watchdog", *arguments, status=status)

    def status(self) -> dict[str, Any]:
        """What the daemon says of the platform; empty while it does not answer."""
        answer: dict[str, Any] = json.loads(self.cli("status", "--json", status=None) or "{}")
        return answer

    def process_status(self) -> dict[str, str]:
        """/proc/PID/status of the daemon (proc(5))."""
        lines = self.run("cat", f"/proc/{self.show('MainPID')}/status").splitlines()
        return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}

    def write_policy(self, text: str) -> None:
        """At once, as an editor does."""
        self.run("sh", "-c", f"cat > {POLICY}.new && mv {POLICY}.new {POLICY}", stdin=text)

    def fresh(self, policy: str) -> None:
        """Running, with this policy and nothing from before in its state directory."""
        self.systemctl("stop")
        self.run("sh", "-c", f"rm -rf {STATE}/*")
        self.systemctl("reset-failed")
        cursor = self.run("journalctl", "-n", "0", "--show-cursor").rpartition("cursor: ")[2]
        self._since = ("--after-cursor", cursor)
        self.write_policy(policy)
        self.systemctl("start")

    def log(self) -> str:
        """What the unit, and systemd about it, wrote to the journal since it was `fresh`."""
        output, _ = self._run(f"{shlex.join(('journalctl', '-u', UNIT, '-o', 'cat', *self._since))} 2>&1")
        return output

    def until(self, holds: Callable[[], bool], within: float = 60.0) -> None:
        """Returns once it holds; AssertionError with the unit's log after `within` seconds."""
        end = time.monotonic() + within
        while not holds():
            assert time.monotonic() < end, (
                f"not within {within:g} s\n{self.run('systemctl', 'status', UNIT, status=None)}"
            )
            time.sleep(0.1)

    def _run(self, command: str, stdin: str = "") -> tuple[str, int]:
        """What it printed, and its exit status; the line behind that ends in a word that nothing else prints."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.write(
            f"printf %s {shlex.quote(stdin)} | {command}; ended=$?; echo; echo $ended {self._end}\n"
        )
        self._shell.stdin.flush()
        lines: list[str] = []
        for line in self._shell.stdout:
            if line.endswith(f" {self._end}\n"):
                return "".join(lines).removesuffix("\n"), int(line.split()[0])
            lines.append(line)
        raise AssertionError(f"the shell in the box ended: {''.join(lines)}")


def systemd_box(folder: Path, network: str) -> contextlib.AbstractContextManager[Box]:
    """With the shipped unit, which runs this interpreter. `folder` gets the drop-in file."""
    paths = daemon_paths()
    (folder / "test.conf").write_text(DROP_IN.format(python=sys.executable, paths=" ".join(map(str, paths))), "utf-8")
    folder.chmod(0o755)
    mounts = {path: path for path in paths} | {
        UNIT_FILE: Path("/etc/systemd/system") / UNIT_FILE.name,
        folder: Path("/run/systemd/system") / f"{UNIT_FILE.name}.d",
    }
    return box_with(mounts, network)


@contextlib.contextmanager
def box_with(mounts: Mapping[Path, Path], network: str, image: str | None = None) -> Iterator[Box]:
    """On that Docker network, with these read-only besides Docker's socket; gone after the block, its image too.

    An `image` that is given has a `/usr` of its own, and stays.
    """
    need("systemctl")
    if not CGROUP.is_dir() or not SOCKET.is_socket():
        absent(f"needs systemd's cgroup of version 1 at {CGROUP} and Docker's socket at {SOCKET}")
    mounts = {**mounts, SOCKET: Path("/var/run/docker.sock")}
    name = f"nemo-test-systemd-{secrets.token_hex(4)}"
    usr = () if image else USR_MOUNTS
    made = image or asyncio.run(ensure_image(f"{name}:1"))
    try:
        asyncio.run(
            docker(
                *("run", "-d", "--pull", "never", "--name", name, "--network", network, *usr, *RUN_OPTIONS),
                *(option for label in TEST_LABEL.items() for option in ("--label", "=".join(label))),
                *(option for source, at in mounts.items() for option in ("-v", f"{source}:{at}:ro")),
                *(made, "sh", "-c", BOOT, "sh", str(SOCKET.stat().st_gid)),
            )
        )
        with contextlib.closing(Box(name)) as box:
            box.until(lambda: box.run("systemctl", "is-active", "basic.target", status=None) == "active", within=30.0)
            yield box
    finally:
        subprocess.run(["docker", "rm", "-f", "-v", name], capture_output=True, check=False, timeout=60)
        if image is None:
            subprocess.run(["docker", "rmi", made], capture_output=True, check=False, timeout=60)


def daemon_paths() -> list[Path]:
    """The folders that this interpreter and the package run from, without those that lie in another or in /usr."""
    wanted = {
        Path(sys.prefix),
        Path(sys.base_prefix),
        *(Path(sysconfig.get_path(key)) for key in ("stdlib", "platstdlib", "purelib", "platlib")),
        Path(nemo_watchdog.__file__).resolve().parent,
    }
    outer = {*wanted, Path("/usr")}
    return sorted(path for path in wanted if path != Path("/usr") and outer.isdisjoint(path.parents))
