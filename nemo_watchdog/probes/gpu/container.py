"""Whether a container can still open the GPU that the host sees.

A reload of systemd takes the devices away from containers whose control group it manages: the host's NVML is well,
the container's says "Unknown Error" until its next start. Source: NVIDIA Container Toolkit, "Troubleshooting",
"Containers losing access to GPUs with error: Failed to initialize NVML: Unknown Error".
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from time import monotonic

from nemo_watchdog.model import Finding, Reason, failed
from nemo_watchdog.ports import Containers
from nemo_watchdog.probes.shared.beside import Beside

LOOK_EVERY = 30.0
"""Seconds between two commands in a container that is well: each one costs Docker a process."""
FIRST_PAUSE, LONGEST_PAUSE = 10.0, 300.0
"""Seconds until the next command after one that told nothing, doubled with each: Docker may have been busy, or the
command hangs in the driver, and others would join it."""

LONGEST = 3.0
"""Seconds for the command: Docker makes a process for it first."""

_NO_DEVICE = 3
# Opening nvidiactl initialises nothing; whether the container has it and may open it is what a reload changes.
_SCRIPT = f"[ -e /dev/nvidiactl ] || exit {_NO_DEVICE}; : < /dev/nvidiactl"
COMMAND: Sequence[str] = ("sh", "-c", _SCRIPT)
_CANNOT_RUN = (126, 127)
"""No shell there; or the runtime was unable to start it, which may pass."""


class ContainerView:
    """Asks at most every `LOOK_EVERY` seconds while all is well, and at each look while it is not."""

    def __init__(self, containers: Containers, name: str) -> None:
        self._containers = containers
        self._name = name
        self._next = 0.0
        self._pause = FIRST_PAUSE
        self._had_device = False
        self._lost = False

    async def look(self, beside: Beside) -> Finding | None:
        """None when the container has its GPU, or when nobody has ever told.

        Once it is lost only an answer tells that it is back: until then nothing is known.
        """
        if monotonic() < self._next:
            return self._unknown()
        self._next = monotonic() + self._pause
        answer = await beside.ask(_told(self._containers.execute(self._name, COMMAND)), LONGEST)
        if answer is None or answer[0] in _CANNOT_RUN:
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
            return self._unknown()
        self._pause = FIRST_PAUSE
        return self._judged(answer[0])

    def _judged(self, code: int | None) -> Finding | None:
        self._next, self._lost = 0.0, False
        if code is None:
            return None  # it does not run, which others tell
        if code == 0:
            self._had_device = True
            self._next = monotonic() + LOOK_EVERY
            return None
        if code == _NO_DEVICE and not self._had_device:
            return failed(Reason.WRONG_TARGET, f"container {self._name} was given no GPU: it has no /dev/nvidiactl")
        self._lost = True
        return failed(
            Reason.GPU_UNAVAILABLE, f"container {self._name} cannot open the GPU that the host sees (/dev/nvidiactl)"
        )

    def _unknown(self) -> Finding | None:
        if not self._lost:
            return None
        return failed(
            Reason.DOCKER_UNREACHABLE,
            f"container {self._name} had lost its GPU, and a command in it tells nothing now",
        )


async def _told(code: Awaitable[int | None]) -> tuple[int | None]:
    """None in it is an answer, too: nothing can be run there."""
    return (await code,)
