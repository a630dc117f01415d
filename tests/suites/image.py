"""The images: `python -m tests.suites.image`. Both are built, run as the Compose file has it, and heal a container.

On a base of Debian's packages, without a registry; as root, some three minutes. Exit code 0 when all of it held: the
build, the sandbox, the heal through the proxy, a reload, a proxy that dies, a restart that forgets nothing, the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nemo_watchdog.demo import faults
from nemo_watchdog.demo.docker_cli import DockerError, command, docker
from nemo_watchdog.demo.platform import Platform
from nemo_watchdog.testing.servers import free_port
from tests.integration.scenarios.docker_socket import ENGINE
from tests.parts import need
from tests.suites.base_image import ROOT, base_image

COMPOSE = ROOT / "deploy" / "compose.yaml"
LABELS = {"nemo-watchdog.test": "1"}
WITHIN = 90.0
GROUP = 10001
BUDGET = 5
"""Of the platform's policy, within a quarter of an hour."""
# A test that is to end does not wait two minutes for Docker's first look.
QUICK = "healthcheck: {interval: 1s}"
SYS_RESOURCE = 1 << 24
"""Whoever has not this capability may not make the kernel spare a process (capabilities(7), proc(5))."""


class Stack:
    """Both containers as the Compose file has them, in a project of their own."""

    def __init__(self, folder: Path) -> None:
        self.project = f"nemotest{secrets.token_hex(4)}"
        self.config = folder / "config"
        self.port = free_port()
        self._override = folder / "override.yaml"
        self._override.write_text(f"services: {{watchdog: {{{', '.join(self._otherwise())}}}}}\n")
        self._environ = {
            "DOCKER_GID": str(Path(ENGINE).stat().st_gid),
            "NEMO_WATCHDOG_CONFIG": str(self.config),
            "NEMO_WATCHDOG_LISTEN": f"127.0.0.1:{self.port}",
            "NEMO_WATCHDOG_IMAGE": f"{self.project}-watchdog",
            "SOCKET_PROXY_IMAGE": f"{self.project}-socket-proxy",
        }

    @staticmethod
    def _otherwise() -> Iterator[str]:
        yield QUICK
        if not int(rights_of(os.getpid())["CapEff"], 16) & SYS_RESOURCE:
            print("here Docker cannot make the kernel spare the watchdog: without oom_score_adj")
            yield "oom_score_adj: 0"

    @property
    def images(self) -> tuple[str, str]:
        return self._environ["NEMO_WATCHDOG_IMAGE"], self._environ["SOCKET_PROXY_IMAGE"]

    async def build(self, base: str) -> None:
        watchdog, proxy = self.images
        ours = ("--build-arg", f"BASE={base}", "--quiet")
        await docker("build", *ours, "-t", watchdog, "-f", str(ROOT / "deploy" / "Dockerfile"), str(ROOT))
        await docker("build", *ours, "-t", proxy, str(ROOT / "deploy" / "socket-proxy"))

    async def compose(self, *words: str) -> str:
        files = ("-f", str(COMPOSE), "-f", str(self._override))
        environ = [f"{name}={value}" for name, value in self._environ.items()]
        return await command("env", *environ, need("docker-compose"), "-p", self.project, *files, *words)

    async def container(self, service: str) -> str:
        return await self.compose("ps", "-q", service)

    async def inspect(self, service: str) -> dict[str, Any]:
        (told,) = json.loads(await docker("inspect", await self.container(service)))
        answer: dict[str, Any] = told
        return answer

    async def cli(self, *words: str) -> str:
        return await self.compose("exec", "-T", "watchdog", "nemo-watchdog", *words)

    async def status(self) -> dict[str, Any]:
        """Empty while it does not answer."""
        try:
            answer: dict[str, Any] = json.loads(await self.cli("status", "--json"))
        except (DockerError, ValueError):
            return {}
        return answer

    async def log(self, service: str) -> str:
        """Of what runs now, and of its runs before."""
        return await command("sh", "-c", 'docker logs "$1" 2>&1', "sh", await self.container(service))

    def write_policy(self, text: str) -> None:
        """As an editor does: another file in the place of the one before."""
        self.write(self.config / "policy.yaml", text)

    def write(self, path: Path, text: str) -> None:
        """Below `config`, which only root and the watchdog's group may read."""
        for folder in (self.config, path.parent):
            folder.mkdir(exist_ok=True)
            os.chown(folder, 0, GROUP)
            folder.chmod(0o750)
        beside = path.with_suffix(".new")
        beside.write_text(text)
        os.chown(beside, 0, GROUP)
        beside.chmod(0o640)
        beside.replace(path)


async def until(holds: Callable[[], Awaitable[bool]], what: str) -> None:
    end = time.monotonic() + WITHIN
    while not await holds():
        if time.monotonic() > end:
            raise AssertionError(f"not within {WITHIN:g} s: {what}")
        await asyncio.sleep(0.2)


@contextmanager
def timed(what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - began:.1f} s", flush=True)


def rights_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


async def check_rights(stack: Stack) -> None:
    """Neither is root, has a capability, can get one, or can write anywhere but where it must."""
    for service, user in (("watchdog", "10001"), ("socket-proxy", "10002")):
        told = await stack.inspect(service)
        rights = rights_of(told["State"]["Pid"])
        assert rights["Uid"].split()[0] == user, rights
        assert {rights[name] for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}, rights
        assert rights["NoNewPrivs"] == "1"
        assert told["HostConfig"]["ReadonlyRootfs"]
        tried = "for at in / /etc /usr /opt /etc/nemo-watchdog; do touch $at/x 2>/dev/null && echo $at; done; true"
        assert await docker("exec", told["Id"], "sh", "-c", tried) == ""
        tools = "for tool in pip pip3 gcc cc make curl; do command -v $tool; done; true"
        assert await docker("exec", told["Id"], "sh", "-c", tools) == ""
    assert (await stack.inspect("socket-proxy"))["HostConfig"]["NetworkMode"] == "none"


async def heal(stack: Stack, platform: Platform) -> None:
    """One restart through the proxy, and nothing that it had to refuse."""

    async def resolved() -> bool:
        return "incident_resolved" in await stack.log("watchdog")

    before = (await platform.state("gateway"))["StartedAt"]
    await faults.switch(platform, "gateway", "500")
    await until(resolved, "the gateway is healed")
    assert (await platform.state("gateway"))["StartedAt"] != before
    assert "refused" not in await stack.log("socket-proxy"), await stack.log("socket-proxy")


async def health_is(stack: Stack, wanted: str) -> None:
    async def so() -> bool:
        return bool((await stack.inspect("watchdog"))["State"]["Health"]["Status"] == wanted)

    await until(so, f"Docker calls it {wanted}")


async def up(stack: Stack) -> None:
    async def so() -> bool:
        status = await stack.status()
        return bool(status) and not status["troubles"] and status["dependencies"]["gateway"]["health"] == "up"

    await until(so, "the gateway is up, and Docker is seen")


async def reload(stack: Stack, policy: str) -> None:
    """By itself when the file is replaced, and on SIGHUP."""

    async def told(count: int) -> bool:
        return (await stack.log("watchdog")).count('"policy reloaded"') >= count

    stack.write_policy(f"{policy}\n# changed\n")
    await until(lambda: told(1), "a changed policy is read")
    await docker("kill", "-s", "HUP", await stack.container("watchdog"))
    await until(lambda: told(2), "SIGHUP reloads it")


async def lose_the_proxy(stack: Stack) -> None:
    """Docker starts it again, and the watchdog sees again."""
    first = (await stack.inspect("socket-proxy"))["State"]["Pid"]
    os.kill(first, signal.SIGKILL)

    async def back() -> bool:
        return (await stack.inspect("socket-proxy"))["State"]["Pid"] not in {0, first}

    await until(back, "the proxy runs again")
    await up(stack)


async def forget_nothing(stack: Stack) -> None:
    """What it has spent, it has spent."""
    before = (await stack.status())["budgets"]["gateway"]["remaining"]
    await stack.compose("restart", "watchdog")
    await up(stack)
    assert (await stack.status())["budgets"]["gateway"]["remaining"] == before == BUDGET - 1


async def end(stack: Stack) -> None:
    await docker("stop", watchdog := await stack.container("watchdog"))
    assert await docker("inspect", "-f", "{{.State.ExitCode}}", watchdog) == "0"


async def play(folder: Path, base: str) -> None:
    stack = Stack(folder)
    try:
        with timed("both images"):
            await stack.build(base)
        for image in stack.images:
            print(f"{image}: {int(await docker('inspect', '-f', '{{.Size}}', image)) / 1e6:.0f} MB with its base")
        async with Platform(f"nemo-test-{secrets.token_hex(4)}", ("gateway",), labels=LABELS) as platform:
            await platform.ready()
            policy = platform.policy_text().replace("http://127.0.0.1:", "http://${credential:host}:")
            stack.write_policy(policy)
            stack.write(stack.config / "secrets" / "host", "127.0.0.1")
            with timed("up, and sees the gateway and Docker"):
                await stack.compose("up", "-d")
                await up(stack)
            await check_rights(stack)
            print(await stack.cli("check"))
            await health_is(stack, "healthy")
            with timed("a gateway that answers 500 is healed"):
                await heal(stack, platform)
            await reload(stack, policy)
            with timed("the proxy is killed, and all is seen again"):
                await lose_the_proxy(stack)
            await forget_nothing(stack)
            with timed("it stops"):
                await end(stack)
    except AssertionError:
        print((await stack.log("watchdog"))[-4000:], file=sys.stderr)
        raise
    finally:
        await stack.compose("down", "--volumes", "--timeout", "5")
        await remove_images(base)


async def remove_images(base: str) -> None:
    """All that were built on it: the first stage has no name."""
    root = await docker("inspect", "-f", "{{index .RootFS.Layers 0}}", base)
    for image in set((await docker("images", "-q", "--no-trunc", "--filter", f"since={base}")).split()):
        with contextlib.suppress(DockerError):  # another one, that is gone meanwhile
            if await docker("inspect", "-f", "{{index .RootFS.Layers 0}}", image) == root:
                await docker("rmi", "-f", image)


def main() -> int:
    if os.geteuid():
        print("this makes a root with debootstrap, which needs root", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        with timed("the base, with all that is fetched"):
            base = base_image(f"nemotest{secrets.token_hex(4)}-base")
            name = base.__enter__()
        try:
            asyncio.run(play(Path(folder), name))
        finally:
            base.__exit__(None, None, None)
    print("all of it held")
    return 0


if __name__ == "__main__":
    sys.exit(main())
