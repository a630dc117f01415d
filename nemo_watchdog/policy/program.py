"""What a policy says of a program that is run: its arguments, where it runs, and which exit codes there are."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from nemo_watchdog.policy.fields import check_absolute
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.policy.units import SecretText, Whole, number_within, wrong_secret


def _arguments(command: list[Secret]) -> list[Secret]:
    if not command or not command[0].reveal():
        raise wrong_secret(
            "expected a list of the command and its arguments, such as `[/usr/local/bin/check, --quick]`"
        )
    if any("\0" in argument.reveal() for argument in command):
        raise wrong_secret("an argument cannot hold a NUL character")
    return command


Arguments = Annotated[list[SecretText], AfterValidator(_arguments)]
"""The program and its arguments: no shell looks at them. Secret, because one may be a password."""

Folder = Annotated[str, AfterValidator(check_absolute)]

ExitCode = Annotated[Whole, AfterValidator(number_within(0, 255))]
