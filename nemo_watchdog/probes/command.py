"""A check of the operator's own: a command whose exit code says how the target is. No shell; no check, no verdict.

Only an end that the check chose itself speaks about the target. A check that could not start, hung, was killed, or
whose shell could not run it has seen nothing: that is blind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from nemo_watchdog.lines import one_line
from nemo_watchdog.model import Finding, Reason, degraded, failed, ok
from nemo_watchdog.policy.program import Arguments, ExitCode, Folder
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.policy.units import SecretText, wrong_secret
from nemo_watchdog.ports import ProbeContext
from nemo_watchdog.probes.shared.deadline import patience_of
from nemo_watchdog.probes.shared.options import ProbeOptions
from nemo_watchdog.probes.shared.subprocess import Ended, NoResult, Runner

Verdict = Literal["ok", "degraded", "busy", "fault", "integrity", "blind"]

_FINDING: Mapping[Verdict, Callable[[str], Finding]] = MappingProxyType(
    {
        "ok": ok,
        "degraded": lambda detail: degraded(Reason.REPORTED_BUSY, detail),
        "busy": lambda detail: failed(Reason.REPORTED_BUSY, detail),
        "fault": lambda detail: failed(Reason.REPORTED_FAULT, detail),
        "integrity": lambda detail: failed(Reason.REPORTED_INTEGRITY, detail),
        "blind": lambda detail: failed(Reason.REPORTED_BLIND, detail),
    }
)
# POSIX, Shell Command Language, 2.8.2: not executable, not found, and 128 + the signal that ended it.
_CODES_OF_A_SHELL = frozenset({126, 127, *range(129, 129 + 64)})
_SHORTEST_SECRET = 6


def _variables(environment: Mapping[str, Secret]) -> Mapping[str, Secret]:
    for name, value in environment.items():
        if not name or "=" in name or "\0" in name or "\0" in value.reveal():
            raise wrong_secret("expected names of environment variables and their values, without NUL characters")
    return environment


class CommandOptions(ProbeOptions):
    runs_a_program: ClassVar[bool] = True

    command: Arguments
    """The program and its arguments, as a list: no shell looks at them."""
    environment: Annotated[Mapping[str, SecretText], AfterValidator(_variables)] = Field(default_factory=dict)
    """Environment variables of the command; beside them it gets the watchdog's PATH and nothing else."""
    working_directory: Folder = "/"
    """Where the command runs."""
    exit_codes: Mapping[ExitCode, Verdict] = Field(default_factory=dict)
    """Exit code to what it says: ok, degraded, busy, fault, integrity or blind. What is not listed: 0 is ok, 126, 127
    and 129 to 192 are a shell's own and blind, any other is a fault."""


class CommandProbe:
    def __init__(self, options: CommandOptions, context: ProbeContext) -> None:
        self._command = options.command
        self._environment = options.environment
        self._folder = options.working_directory
        self._verdicts = options.exit_codes
        self._patience = patience_of(context.timeout)
        self._runner = Runner()

    async def look(self) -> Finding:
        command = [argument.reveal() for argument in self._command]
        environment = {name: value.reveal() for name, value in self._environment.items()}
        try:
            ended = await self._runner.run(command, environment, self._folder, self._patience)
        except NoResult as error:
            return error.finding
        if ended.code < 0:
            return failed(Reason.REPORTED_BLIND, f"the command was killed by signal {-ended.code}")
        verdict = self._verdicts.get(ended.code, _usual(ended.code))
        said = self._first_line(ended)
        if verdict == "ok":
            return ok(said)
        return _FINDING[verdict](f"exit code {ended.code}: {said}" if said else f"exit code {ended.code}")

    async def close(self) -> None:
        await self._runner.close()

    def _first_line(self, ended: Ended) -> str:
        """What the check says, without the values of its environment: those are where its secrets belong."""
        for output in (ended.stdout, ended.stderr):
            text = output.decode(errors="replace")
            for value in self._environment.values():
                secret = value.reveal()
                if len(secret) >= _SHORTEST_SECRET:
                    text = text.replace(secret, "***")
            if line := one_line(text):
                return line
        return ""


def _usual(code: int) -> Verdict:
    if code in _CODES_OF_A_SHELL:
        return "blind"
    return "fault" if code else "ok"
