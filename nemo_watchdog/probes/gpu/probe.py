"""NVIDIA GPUs as NVML sees them, through a child process, and as a container sees them.

A restart of a container repairs no GPU: a device that wants a reset or is lost is for a person. Two things are faults
of the container on top: an Xid error of its own process whose cure is its restart, and a GPU that only it has lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator

from nemo_watchdog.errors import ContainersUnreachable
from nemo_watchdog.evidence import Questions
from nemo_watchdog.model import ContainerStatus, Finding, Reason, failed, ok
from nemo_watchdog.policy.units import Duration, Ratio, Whole, duration_within, number_within
from nemo_watchdog.ports import ProbeContext
from nemo_watchdog.probes.gpu.container import ContainerView
from nemo_watchdog.probes.gpu.evidence import containers_in, gpus_text
from nemo_watchdog.probes.gpu.judge import Limits, code_failure, measured, troubles, worst_of, xid_trouble
from nemo_watchdog.probes.gpu.nvml import ChildEnded, ChildStuck, NvmlClient
from nemo_watchdog.probes.gpu.xid_table import XidAction, action_of
from nemo_watchdog.probes.shared.beside import Beside
from nemo_watchdog.probes.shared.deadline import FOR_EVIDENCE, patience_of
from nemo_watchdog.probes.shared.options import ProbeOptions

_FOR_NAMES = 0.3
"""Seconds for the names of containers, of what there is for evidence."""
_MOST_NAMES = 8


class GpuOptions(ProbeOptions):
    need_container: ClassVar[frozenset[str]] = frozenset({"container_view"})

    device: Annotated[Whole, AfterValidator(number_within(0, 255))] | None = None
    """NVML's index; all devices when it is not given."""
    max_memory: Ratio | None = None
    """Degraded when more than this part of a device's memory is used."""
    max_temperature: Annotated[Whole, AfterValidator(number_within(1, 150))] | None = None
    """Degraded when a device is hotter than this, in °C; hotter than its own slowdown threshold it always is."""
    min_pcie_width: Annotated[Whole, AfterValidator(number_within(1, 32))] | None = None
    """Degraded when a device's link has fewer PCIe lanes than this."""
    xid_within: Annotated[Duration, AfterValidator(duration_within(1, 3600))] = 600.0
    """An Xid error counts for so many seconds, or until the container that it struck has started anew."""
    container_view: bool = False
    """Also runs a command in the dependency's container that opens the GPU's device file, every 30 seconds."""
    stuck_after: Annotated[Duration, AfterValidator(duration_within(0.1, 45.0))] = 30.0
    """The child process is killed when the driver has not answered it for so many seconds."""


class GpuProbe:
    def __init__(self, options: GpuOptions, context: ProbeContext) -> None:
        self._options = options
        self._limits = Limits(options.max_memory, options.max_temperature, options.min_pcie_width)
        self._timeout = context.timeout
        self._patience = patience_of(context.timeout)
        self._client = NvmlClient()
        self._seen = False
        self._container, self._containers = context.container, context.containers
        self._view = (
            ContainerView(context.containers, context.container)
            if options.container_view and context.containers is not None and context.container is not None
            else None
        )

    async def look(self) -> Finding:
        beside = Beside(self._timeout)
        answer = await self._ask(self._patience)
        return answer if isinstance(answer, Finding) else await self._judge(answer, beside)

    def evidence(self) -> Questions:
        """See `ports.EvidenceSource`: all GPUs of the machine, whichever this one looks at."""
        return {"gpus.txt": self._gpus_text}

    async def close(self) -> None:
        await self._client.close()

    async def _ask(self, patience: float, *, for_more: bool = False) -> Mapping[str, Any] | Finding:
        """The child's answer; a finding where NVML as a whole gives none."""
        try:
            answer = await self._client.child().ask(patience, self._options.stuck_after, for_more=for_more)
        except ChildStuck as error:
            return failed(Reason.DRIVER_STUCK, f"the NVIDIA driver hangs: {error}")
        except ChildEnded as error:
            return failed(Reason.NVML_UNAVAILABLE, f"the process that reads NVML ended: {error}")
        except OSError as error:
            return failed(Reason.WATCHDOG_OVERLOADED, f"the process that reads NVML did not start: {error.strerror}")
        return code_failure("NVML", answer["error"]) if "error" in answer else answer

    async def _gpus_text(self) -> str:
        answer = await self._ask(FOR_EVIDENCE - _FOR_NAMES, for_more=True)
        if isinstance(answer, Finding):
            return answer.detail
        ids = containers_in(answer)[:_MOST_NAMES]
        names = await asyncio.gather(*map(self._name_of, ids))
        return gpus_text(answer, {each: name for each, name in zip(ids, names, strict=True) if name}, monotonic())

    async def _name_of(self, container_id: str) -> str:
        """Empty where Docker does not tell."""
        if self._containers is None:
            return ""
        try:
            async with asyncio.timeout(_FOR_NAMES):
                return str((await self._containers.inspection(container_id)).get("Name") or "").removeprefix("/")
        except (TimeoutError, ContainersUnreachable):
            return ""

    async def _judge(self, answer: Mapping[str, Any], beside: Beside) -> Finding:
        wanted = self._options.device
        devices = [device for device in answer["devices"] if wanted is None or device["index"] == wanted]
        if not devices:
            which = "no GPU" if wanted is None else f"no GPU {wanted}"
            if self._seen:
                return failed(Reason.GPU_LOST, f"the driver has {which} any more")
            return failed(Reason.WRONG_TARGET, f"the driver has {which}")
        self._seen = True
        now = monotonic()
        xids = [
            xid
            for xid in answer["xids"]
            if (wanted is None or xid["gpu"] == wanted) and now - xid["at"] <= self._options.xid_within
        ]
        status = await self._status(beside) if xids else None
        measurements = measured(devices)
        found = [finding for device in devices for finding in troubles(device, self._limits)]
        found += self._xid_troubles(xids, now, status)
        if self._view is not None and (lost := await self._view.look(beside)) is not None:
            found.append(lost)
        if not found:
            return ok(f"{len(devices)} GPU{'s' if len(devices) > 1 else ''}", measurements)
        return worst_of(found, measurements)

    async def _status(self, beside: Beside) -> ContainerStatus | None:
        """The dependency's container, None for none or when Docker does not tell."""
        if self._container is None or self._containers is None:
            return None
        return await beside.ask(self._containers.inspect(self._container))

    def _xid_troubles(
        self, xids: Sequence[Mapping[str, Any]], now: float, status: ContainerStatus | None
    ) -> Iterator[Finding]:
        for xid in xids:
            age = max(now - xid["at"], 0.0)
            ours = status is not None and xid["container"] == status.container_id
            of_application = action_of(xid["code"]) is XidAction.RESTART_APPLICATION
            if of_application and status is not None and xid["container"] and (not ours or _newer(status, age)):
                continue  # it struck another container, or a process that is gone
            if (trouble := xid_trouble(xid, age, curable=ours)) is not None:
                yield trouble


def _newer(status: ContainerStatus, age: float) -> bool:
    """Whether the container's run began less than `age` seconds ago."""
    return status.started_at is not None and status.started_at > datetime.now(UTC) - timedelta(seconds=age)
