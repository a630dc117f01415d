"""One look at every dependency, as `check --probe` shows it: what the daemon would see, without the daemon."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from rich.table import Table
from rich.text import Text

from nemo_watchdog import app
from nemo_watchdog.cli.output import whole_table
from nemo_watchdog.durations import duration
from nemo_watchdog.errors import ContainersUnreachable
from nemo_watchdog.model import Finding, Outcome, Reason, RunState, failed
from nemo_watchdog.policy.discovered import Labels
from nemo_watchdog.policy.policy import Dependency, Policy
from nemo_watchdog.ports import Containers
from nemo_watchdog.runtime.clean import clean_finding
from nemo_watchdog.runtime.files import lack_behind, raise_limit
from nemo_watchdog.runtime.probe_loop import blind_without_files

COLOURS = {Outcome.OK: "green", Outcome.DEGRADED: "yellow", Outcome.FAILED: "red"}


@dataclass(frozen=True, slots=True)
class Look:
    """What one look saw. `took` is in seconds; `container` is its container's state, None where it names none."""

    probe: str
    finding: Finding
    took: float
    container: str | None = None

    @property
    def why(self) -> str:
        reason = self.finding.reason
        return "" if reason is None else f"{reason.category}: {reason}"

    @property
    def well(self) -> bool:
        """A dependency at which only the daemon can look is not ill."""
        seen_well = self.finding.outcome is Outcome.OK or self.finding.reason is Reason.NOT_LOOKED
        return seen_well and self.container in (None, RunState.RUNNING)

    def plain(self) -> dict[str, Any]:
        finding = self.finding
        return {
            "probe": self.probe,
            "outcome": finding.outcome,
            "category": finding.category,
            "reason": finding.reason,
            "detail": finding.detail,
            "seconds": round(self.took, 6),
            "container": self.container,
            "work": finding.work,
            "measurements": dict(finding.measurements),
        }


async def with_labels(policy: Policy, read: Callable[[Mapping[str, Labels]], Policy], docker: str | None) -> Policy:
    """With what the labels of containers say now, where it asks; raises `ContainersUnreachable`."""
    if not policy.asks_labels:
        return policy
    containers = app.docker(docker)
    try:
        return read(await containers.labels())
    finally:
        await containers.close()


async def look_at_all(policy: Policy, docker: str | None) -> dict[str, Look]:
    """One look at each dependency, all at the same time, each within its timeout; `docker` is the Engine's address."""
    raise_limit()
    specs = list(policy.dependencies.values())
    containers = app.docker(docker)
    try:
        looks = await asyncio.gather(*(_look(spec, containers) for spec in specs))
    finally:
        await containers.close()
    redact = policy.redactor.text
    cleaned = (replace(look, finding=clean_finding(look.finding, redact)) for look in looks)
    return {spec.name: look for spec, look in zip(specs, cleaned, strict=True)}


async def _look(spec: Dependency, containers: Containers) -> Look:
    state = asyncio.ensure_future(_container_state(spec, containers))
    began = monotonic()
    finding = await _finding(spec, containers)
    took = monotonic() - began
    return Look(spec.probe, finding, took, await state)


async def _finding(spec: Dependency, containers: Containers) -> Finding:
    probe = app.make_probe(spec, containers)
    try:
        async with asyncio.timeout(spec.timeout):
            return blind_without_files(await probe.look())
    except TimeoutError:
        return failed(Reason.TIMEOUT, f"no answer within {duration(spec.timeout)}")
    except Exception as error:  # noqa: BLE001 - a bug in one probe hides no other's finding
        lack = lack_behind(error)
        if lack:
            return failed(Reason.WATCHDOG_OVERLOADED, lack)
        return failed(Reason.PROBE_BUG, f"the probe raised {type(error).__name__}")
    finally:
        with suppress(Exception):  # what it found stands, whatever its end
            await probe.close()


async def _container_state(spec: Dependency, containers: Containers) -> str | None:
    if spec.container is None:
        return None
    try:
        return str((await containers.inspect(spec.container)).state)
    except ContainersUnreachable:
        return "unknown"


def table_of(looks: Mapping[str, Look]) -> Table:
    """A row for each dependency."""
    short = ("probe", "outcome", "took")
    table = whole_table("dependency", *short, "seen", unbroken=short)
    for name, look in looks.items():
        outcome = Text(look.finding.outcome, style=COLOURS[look.finding.outcome])
        table.add_row(name, look.probe, outcome, duration(look.took), _seen(look))
    return table


def _seen(look: Look) -> Text:
    """Why, in whose words, on which container, with which measurements: a line each.

    As Text, because what a probe says may hold brackets, which rich would take for markup.
    """
    lines = [Text(look.why, style="bold"), Text(look.finding.detail)]
    if look.container is not None:
        lines.append(Text(f"container {look.container}"))
    if look.finding.work:
        lines.append(Text(f"in progress: {look.finding.work}"))
    lines += [Text(f"{name} {_plain(value)}", style="dim") for name, value in sorted(look.finding.measurements.items())]
    return Text("\n").join(line for line in lines if line)


def _plain(value: float) -> str:
    """Six digits, and as many more as a large number has: nobody reads 1.82809e+06 at night."""
    return f"{value:.0f}" if abs(value) >= 1e6 else f"{value:.6g}"
