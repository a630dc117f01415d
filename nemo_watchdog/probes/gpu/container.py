"""Whether a container can still open the GPU that the host sees.

A reload of systemd takes the devices away from containers whose control group it manages: the host's NVML is well,
the container's says "Unknown Error" until its next start. Source: NVIDIA Container Toolkit, "Troubleshooting",
"Containers losing access to GPUs with error: Failed to initialize NVML: Unknown Error".
"""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic

from nemo_watchdog.model import Finding, Reason, failed
from nemo_watchdog.ports import Containers
from nemo_watchdog.probes.shared.beside import Beside

LOOK_EVERY = 30.0
"""Seconds between two commands in a container that is well: each one costs Docker a process."""
AFTER_NO_ANSWER = 300.0
"""Seconds until the next try after a command that gave no answer: it may hang in the driver, and others would join."""

LONGEST = 3.0
"""Seconds for the command: Docker makes a process for it first."""

_NO_DEVICE = 3
# Opening nvidiactl initialises nothing; whether the container has it and may open it is what a reload changes.
_SCRIPT = f"[ -e /dev/nvidiactl ] || exit {_NO_DEVICE}; : < /dev/nvidiactl"
COMMAND: Sequence[str] = ("sh", "-c", _SCRIPT)
_CANNOT_RUN = (126, 127)


class ContainerView:
    """Asks at most every `LOOK_EVERY` seconds while all is well, and at each look while it is not."""

    def __init__(self, containers: Containers, name: str) -> None:
        self._containers = containers
        self._name = name
        self._next = 0.0
        self._had_device = False

    async def look(self, beside: Beside) -> Finding | None:
        """None when the container has its GPU, or when nobody can tell."""
        if monotonic() < self._next:
            return None
        self._next = monotonic() + AFTER_NO_ANSWER
        code = await beside.ask(self._containers.execute(self._name, COMMAND), LONGEST)
        if code is None or code in _CANNOT_RUN:
            return None
        if code == 0:
            self._had_device = True
            self._next = monotonic() + LOOK_EVERY
            return None
        self._next = 0.0
        if code == _NO_DEVICE and not self._had_device:
            return failed(Reason.WRONG_TARGET, f"container {self._name} was given no GPU: it has no /dev/nvidiactl")
        return failed(
            Reason.GPU_UNAVAILABLE, f"container {self._name} cannot open the GPU that the host sees (/dev/nvidiactl)"
        )
