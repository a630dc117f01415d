"""Processes of this host, by name, command line or PID file, or a systemd unit's state. What is hidden is blind."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, model_validator

from nemo_watchdog.durations import duration
from nemo_watchdog.model import Finding, Reason, degraded, failed, ok
from nemo_watchdog.one_thread import OneThread, StillBusy
from nemo_watchdog.policy.fields import check_absolute
from nemo_watchdog.policy.unit_names import check_unit_name
from nemo_watchdog.policy.units import Whole, number_within, wrong
from nemo_watchdog.ports import ProbeContext
from nemo_watchdog.probes.process import systemd_unit
from nemo_watchdog.probes.process.processes import Counted, NotSeen, Wanted, count, from_pid_file
from nemo_watchdog.probes.shared.deadline import patience_of
from nemo_watchdog.probes.shared.options import ProbeOptions
from nemo_watchdog.probes.shared.subprocess import NoResult, Runner


def _pieces(pattern: str) -> tuple[str, ...]:
    return tuple(piece for piece in pattern.split("*") if piece)


def _pattern(pattern: str) -> str:
    if not _pieces(pattern):
        raise wrong("expected a part of a command line; `*` stands for anything")
    return pattern


def _name(name: str) -> str:
    if not name or "/" in name:
        raise wrong("expected a program's name without its folder, such as `nginx`")
    return name


Count = Annotated[Whole, AfterValidator(number_within(1, 1_000_000))]


class ProcessOptions(ProbeOptions):
    name: Annotated[str, AfterValidator(_name)] | None = None
    """The program's name, exactly."""
    pattern: Annotated[str, AfterValidator(_pattern)] | None = None
    """A part of the command line, its arguments joined by blanks; `*` stands for anything."""
    pid_file: Annotated[str, AfterValidator(check_absolute)] | None = None
    """A file that begins with the number of the process; `name` and `pattern` must then fit that process."""
    min_count: Count = 1
    """So many processes must run."""
    max_count: Count | None = None
    """Degraded when more than this many run."""
    unit: Annotated[str, AfterValidator(check_unit_name)] | None = None
    """A systemd unit, instead of processes: `nginx.service`."""

    @model_validator(mode="after")
    def _one_way_to_find_it(self) -> ProcessOptions:
        by_process = {"name", "pattern", "pid_file", "min_count", "max_count"} & self.model_fields_set
        if self.unit is not None and by_process:
            raise wrong("expected `unit` alone, or processes by `name`, `pattern` or `pid_file`")
        if self.unit is None and self.name is None and self.pattern is None and self.pid_file is None:
            raise wrong("expected one of `name`, `pattern`, `pid_file` and `unit`")
        if self.pid_file is not None and {"min_count", "max_count"} & self.model_fields_set:
            raise wrong("a PID file names one process: leave out `min_count` and `max_count`")
        if self.max_count is not None and self.max_count < self.min_count:
            raise wrong("expected `max_count` to be at least `min_count`")
        return self


class ProcessProbe:
    def __init__(self, options: ProcessOptions, context: ProbeContext) -> None:
        self._unit = options.unit
        self._file = None if options.pid_file is None else Path(options.pid_file)
        self._wanted = Wanted(options.name, _pieces(options.pattern or ""))
        self._min, self._max = options.min_count, options.max_count
        self._patience = patience_of(context.timeout)
        self._runner = Runner()
        self._thread = OneThread("nemo-watchdog-process")
        self._file_seen = False

    async def look(self) -> Finding:
        if self._unit is not None:
            return await self._look_at_unit(self._unit)
        try:
            async with asyncio.timeout(self._patience):
                counted = await self._thread.run(self._count)
        except NotSeen as error:
            return error.finding
        except StillBusy:
            return failed(Reason.REPORTED_BLIND, "/proc has not answered since an earlier look")
        except TimeoutError:
            return failed(Reason.REPORTED_BLIND, f"/proc did not answer within {duration(self._patience)}")
        self._file_seen = True
        return self._judge(counted)

    async def close(self) -> None:
        await self._runner.close()

    async def _look_at_unit(self, unit: str) -> Finding:
        try:
            ended = await self._runner.run(systemd_unit.command(unit), {"LC_ALL": "C"}, "/", self._patience)
        except NoResult as error:
            return error.finding
        if ended.code < 0:
            return failed(Reason.REPORTED_BLIND, f"systemctl was killed by signal {-ended.code}")
        return systemd_unit.judge(unit, ended)

    def _count(self) -> Counted:
        """In the thread."""
        if self._file is None:
            return count(self._wanted)
        return from_pid_file(self._file, self._wanted, seen=self._file_seen)

    def _judge(self, counted: Counted) -> Finding:
        measured = {
            "process_running": float(counted.running),
            "process_zombies": float(counted.zombies),
            "process_uninterruptible": float(counted.uninterruptible),
        }
        detail = _text(counted)
        if counted.hidden and counted.running < self._min:
            detail = f"{detail} that the watchdog can see: /proc hides those of others from it"
            return failed(Reason.PERMISSION_DENIED, detail, measured)
        if not counted.running:
            return failed(Reason.NOT_RUNNING, detail, measured)
        if counted.running < self._min:
            return degraded(Reason.NOT_RUNNING, f"{detail}, expected at least {self._min}", measured)
        if self._max is not None and counted.running > self._max:
            return degraded(Reason.OVERLOADED, f"{detail}, expected at most {self._max}", measured)
        return ok(detail, measured)


def _text(counted: Counted) -> str:
    notes = [
        f"{number} {what}"
        for number, what in (
            (counted.zombies, "zombie (ended, and its parent does not look after it)"),
            (counted.uninterruptible, "in an uninterruptible wait (state D)"),
            (counted.stopped, "stopped by a signal or a debugger"),
        )
        if number
    ]
    running = "no such process runs" if not counted.running else f"{counted.running} running"
    return "; ".join([running, *notes])
