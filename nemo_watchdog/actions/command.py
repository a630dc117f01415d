"""Runs a program of the operator's own: an argument list and no shell, in a session that ends with it.

Its exit code is the outcome, by the policy; what it did is for the looks to tell. Of the whole call's time the last
`stop_within` is for its end: it is asked to stop, and then its whole group is killed. So it is when the action is
cancelled.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

from pydantic import AfterValidator, Field

from nemo_watchdog.actions.options import ActionOptions, TargetName, named_target
from nemo_watchdog.actions.written import LONGEST_TAKEN, telling, written
from nemo_watchdog.durations import duration
from nemo_watchdog.model import ActionOutcome, ActionRequest, ActionResult, Category
from nemo_watchdog.policy.program import Arguments, ExitCode, Folder
from nemo_watchdog.policy.units import Duration, duration_within
from nemo_watchdog.ports import ActionContext, ActionKind
from nemo_watchdog.programs import DIES_WITHIN, Bounds, Child, NotStarted, start

LONGEST_STOP = 5.0
"""Seconds. The daemon waits for it at its own end."""

MOST_OUTPUT = 16 << 20
"""Bytes that it may write in all; one that writes more is killed."""

ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
)
"""What every command gets, beside what it is for: nothing of the daemon's own."""

_BOUNDS = Bounds(MOST_OUTPUT, LONGEST_TAKEN, last=True, together=True)


class CommandOptions(ActionOptions):
    """Run a program of your own on this machine; its exit code says how it went."""

    command: Arguments
    """The program and its arguments, as a list: no shell looks at them."""
    directory: Folder = "/"
    """Where it runs."""
    outcomes: Mapping[ExitCode, ActionOutcome] = Field(default_factory=dict)
    """Exit code to outcome. What is not listed: 0 is `succeeded`, any other `failed`."""
    stop_within: Annotated[Duration, AfterValidator(duration_within(0.0, LONGEST_STOP))] = 2.0
    """How long it may take to end after SIGTERM before its whole group is killed; it is a part of `timeout`."""
    target: TargetName | None = None
    """What it acts on, by a name that people read; the dependency's own unless given."""


class Command:
    """Satisfies `ports.Action`; named `command` in a policy."""

    def __init__(self, context: ActionContext) -> None:
        self._context = context

    async def run(self, request: ActionRequest) -> ActionResult:
        options: CommandOptions = request.options
        stop = min(options.stop_within, request.timeout / 2)
        patience = request.timeout - stop
        try:
            command = [argument.reveal() for argument in options.command]
            child = start(command, environment_for(request), options.directory, _BOUNDS)
        except NotStarted as error:
            return ActionResult(ActionOutcome.REFUSED, f"nothing was started: {error}")
        late = True
        try:
            late = not await child.ends(patience)
        finally:
            if late:
                await _stop(child, stop)
        outcome, what = _judged(child, f"did not end within {duration(patience)}" if late else "", options)
        said = await written(bytes(child.outputs[0].kept), self._context.redact)
        return ActionResult(outcome, telling(what, said.last), said.output)


def environment_for(request: ActionRequest) -> dict[str, str]:
    """All that the program knows of why it runs."""
    return {
        **ENVIRONMENT,
        "NEMO_WATCHDOG_ACTION_ID": request.action_id,
        "NEMO_WATCHDOG_INCIDENT": request.incident,
        "NEMO_WATCHDOG_DEPENDENCY": request.dependency,
        "NEMO_WATCHDOG_TARGET": request.target.name,
        "NEMO_WATCHDOG_SEVERITY": request.severity,
        "NEMO_WATCHDOG_REASON": request.reason,
    }


async def _stop(child: Child, within: float) -> None:
    """Asks it to end, and then ends it: also when this is cancelled."""
    try:
        child.terminate()
        await child.ends(within)
    finally:
        child.kill()
        await child.ends(DIES_WITHIN)


def _judged(child: Child, late: str, options: CommandOptions) -> tuple[ActionOutcome, str]:
    """`late` says how long it was waited for; empty: it came to an end before."""
    if child.flooded:
        return ActionOutcome.FAILED, f"wrote more than {MOST_OUTPUT} bytes and was killed"
    if not child.gone.done():
        return ActionOutcome.TIMED_OUT, f"{late}, was killed and still runs"
    code = child.gone.result()
    if late:
        killed = code == -signal.SIGKILL
        return ActionOutcome.TIMED_OUT, f"{late} and was {'killed' if killed else 'stopped'}"
    if code is None:
        return ActionOutcome.UNKNOWN, "how it ended was not to be learnt"
    if code < 0:
        return ActionOutcome.FAILED, f"killed by signal {-code}"
    usual = ActionOutcome.FAILED if code else ActionOutcome.SUCCEEDED
    return options.outcomes.get(code, usual), f"exit code {code}"


def stop_within(options: CommandOptions) -> float:
    return options.stop_within


def lacks(options: CommandOptions) -> str:
    """Its name is not repeated: it stands at the step, and may be a secret that stands in the wrong place."""
    if not os.access(f"{options.directory}/.", os.X_OK):
        return "its `directory` is not there, or may not be entered: make it, or name another"
    program = options.command[0].reveal()
    where = str(Path(options.directory, program)) if "/" in program else program
    if shutil.which(where, path=ENVIRONMENT["PATH"]) is None:
        looked = "" if "/" in program else f" in {ENVIRONMENT['PATH']}"
        return f"its program is not there{looked}, or may not be executed: install it, or mend `command`"
    return ""


KIND = ActionKind(
    options=CommandOptions,
    make=Command,
    target_kind="command",
    target=named_target,
    helps=frozenset({Category.FAULT, Category.BUSY}),
    may_take=stop_within,
    lacks=lacks,
)
