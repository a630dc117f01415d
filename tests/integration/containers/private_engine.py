"""A dockerd of the test's own, which it may stop and start: no other container on the machine notices."""

from __future__ import annotations

import asyncio
import shutil
import signal
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from nemo_watchdog.demo.docker_cli import DockerError, docker
from nemo_watchdog.demo.images import IMAGE, root_archive
from tests.parts import need

READY_WITHIN = 60.0
ENDS_WITHIN = 30.0
LOOK_EVERY = 0.1


class PrivateEngine:
    """`async with PrivateEngine() as engine:` has `IMAGE`, and ends with its containers.

    It runs in a network namespace of its own. There it has no network for containers unless it is `bridged`: then what
    it publishes is published in that namespace, by Docker's proxy.
    """

    def __init__(self, *, bridged: bool = False) -> None:
        self._network = () if bridged else ("--bridge", "none")
        # Short: the path of a unix socket has 107 bytes at most.
        self._folder = Path(tempfile.mkdtemp(prefix="nemo-dockerd-"))
        self.url = f"unix://{self._folder}/docker.sock"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def namespace(self) -> str:
        """The file of its network namespace."""
        assert self._process is not None, "the engine does not run"
        return f"/proc/{self._process.pid}/ns/net"

    async def docker(self, *arguments: str, stdin: bytes | None = None) -> str:
        return await docker("--host", self.url, *arguments, stdin=stdin)

    async def start(self) -> None:
        folder = self._folder
        with (folder / "log").open("ab") as log:
            # Its own network namespace: dockerd with `--bridge none` deletes docker0, the running engine's bridge.
            self._process = await asyncio.create_subprocess_exec(
                *(need("unshare"), "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", need("dockerd")),
                *("--host", self.url, "--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")),
                *("--pidfile", str(folder / "pid"), *self._network, "--iptables=false", "--ip6tables=false"),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        async with asyncio.timeout(READY_WITHIN):
            while not await self._answers():
                if self._process.returncode is not None:
                    raise AssertionError(f"dockerd ended: {self._last_words()}")
                await asyncio.sleep(LOOK_EVERY)

    async def stop(self, way: signal.Signals = signal.SIGTERM) -> None:
        """An orderly end, as `systemctl stop docker` does it: the containers end first. Or another signal."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.send_signal(way)
            async with asyncio.timeout(ENDS_WITHIN):
                await process.wait()
                while self._containerd_is_there():
                    await asyncio.sleep(LOOK_EVERY)

    def _containerd_is_there(self) -> bool:
        """Dead with a dockerd that is killed, it is listed until it is reaped, and a new dockerd waits for it."""
        try:
            pid = int((self._folder / "exec" / "containerd" / "containerd.pid").read_text())
        except (OSError, ValueError):
            return False
        return Path(f"/proc/{pid}").exists()

    async def __aenter__(self) -> Self:
        try:
            await self.start()
            await self.docker("import", "-", IMAGE, stdin=root_archive())
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _answers(self) -> bool:
        try:
            await self.docker("version")
        except DockerError:
            return False
        return True

    def _last_words(self) -> str:
        return (self._folder / "log").read_text(errors="replace")[-2000:]
