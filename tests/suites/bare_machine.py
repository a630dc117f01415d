"""A bare Debian: `python -m tests.suites.bare_machine`. By the README alone, each command as it is written there.

The root is debootstrap's and has a systemd of its own, no Docker but the socket, and a folder in place of pip's index.
From a clone to a service that has healed a container; then to the next version, to one that does not start, and away.
As root, some two minutes; `--release trixie` is the next Debian. Exit code 0 when all of it held.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from nemo_watchdog import __version__
from nemo_watchdog.demo.faults import switch
from nemo_watchdog.demo.platform import Platform
from tests.integration.conftest import make_platform
from tests.integration.service.systemd_box import Box, box_with
from tests.integration.service.test_install import (
    BROKEN,
    COMMAND,
    NEXT,
    ROOT,
    build,
    copy_clone,
    fetch,
    running,
    status,
)
from tests.suites.base_image import RELEASE, base_image

MACHINE = ("dbus", "git", "make", "procps", "systemd", "systemd-sysv")
"""Debian's packages beside those for Python: what a server has, and `make`."""


def commands() -> list[str]:
    """The first block of the README that begins with `make install`, without its remarks."""
    block = re.search(r"```console\n(# make install.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert block is not None, "the README does not say how to install it"
    return [re.split(r"\s{2,}#", line.removeprefix("# "))[0] for line in block[1].splitlines()]


@contextmanager
def timed(what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - began:.1f} s", flush=True)


def type_in(box: Box, command: str) -> str:
    """As a person does, in the clone; an editor is what says that it may act."""
    if command.startswith("editor "):
        command = f"sed -i 's/^autonomy: suggest/autonomy: act/' {command.removeprefix('editor ')}"
    print(f"# {command}", flush=True)
    said = box.run("sh", "-c", f"cd /clone && {command} 2>&1")
    print(said, flush=True)
    return said


def walk(box: Box, platform: Platform, runner: asyncio.Runner) -> None:
    for command in commands():
        type_in(box, command)
    assert box.run(COMMAND, "--version") == f"nemo-watchdog {__version__}"
    gateway = next(name for name in status(box)["dependencies"] if "gateway" in name)
    box.until(lambda: status(box)["dependencies"][gateway]["health"] == "up")
    before = runner.run(platform.state("gateway"))["StartedAt"]
    with timed("healed"):
        runner.run(switch(platform, "gateway", "500"))
        box.until(lambda: "incident_resolved" in box.log(), within=120.0)
    assert runner.run(platform.state("gateway"))["StartedAt"] != before

    type_in(box, 'nemo-watchdog pause --reason "an upgrade"')
    type_in(box, f"nemo-watchdog upgrade /wheels/nemo_watchdog-{NEXT}-py3-none-any.whl")
    assert running(box) == (NEXT, "an upgrade")
    said = box.run(COMMAND, "upgrade", f"/wheels/nemo_watchdog-{BROKEN}-py3-none-any.whl", status=1)
    assert "the service does not start: back to the version before" in said
    assert running(box) == (NEXT, "an upgrade")
    type_in(box, "nemo-watchdog uninstall --purge")
    assert box.show("LoadState") == "not-found"
    for place in ("/opt/nemo-watchdog", COMMAND, "/etc/nemo-watchdog", "/var/lib/nemo-watchdog"):
        box.run("test", "-e", place, status=1)


@contextmanager
def platform_of(runner: asyncio.Runner) -> Iterator[Platform]:
    platform = make_platform("redis", "gateway")
    runner.run(platform.__aenter__())
    try:
        runner.run(platform.ready())
        yield platform
    finally:
        runner.run(platform.__aexit__(None, None, None))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--release", default=RELEASE, help=f"of Debian ({RELEASE})")
    release = parser.parse_args().release
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nemo-machine-", dir="/var/tmp")))
        clone, wheels = folder / "clone", folder / "wheels"
        with timed("a base image and three versions"):
            image = stack.enter_context(base_image(f"nemo-test-machine-{secrets.token_hex(4)}", MACHINE, release))
            copy_clone(clone)
            fetch(clone, wheels)
            for version in (NEXT, BROKEN):
                build(clone, version, folder / version, wheels)
            folder.chmod(0o755)
        runner = stack.enter_context(asyncio.Runner())
        platform = stack.enter_context(platform_of(runner))
        mounts = {clone: Path("/clone"), wheels: Path("/wheels")}
        box = stack.enter_context(box_with(mounts, "host", image))
        with timed("the walk"):
            walk(box, platform, runner)
    print("from a bare machine to a healed container, to other versions, and away: all of it held")
    return 0


if __name__ == "__main__":
    sys.exit(main())
