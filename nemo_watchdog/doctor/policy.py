"""The policy: can it be read, is it valid, is it wise, and may the service read all that it needs?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nemo_watchdog import app
from nemo_watchdog.actions.lacking import lacking
from nemo_watchdog.doctor.checkup import Finding, bad, good, skipped, warning
from nemo_watchdog.errors import NemoWatchdogError, PolicyError
from nemo_watchdog.notifiers import unusable_addresses
from nemo_watchdog.plugins import installed
from nemo_watchdog.policy.lint import Advice, lint
from nemo_watchdog.policy.policy import Policy

CHECK, PLUGINS, PERMISSIONS = "policy", "plugins", "permissions"


@dataclass(frozen=True, slots=True)
class Read:
    """`policy` is None where it is not usable."""

    policy: Policy | None
    findings: tuple[Finding, ...]


def read(path: Path, environ: Mapping[str, str]) -> Read:
    """Blocks where the disk does."""
    plugins = [
        warning(PLUGINS, each, "mend or remove that package: what it offers is not used") for each in _warnings()
    ]
    try:
        policy = app.read_policy(path, environ)
    except PolicyError as error:
        return Read(None, (_unusable(path, error), *plugins))
    advice = [*lint(policy, installed()), *unusable_addresses(policy.contacts), *lacking(policy, installed().actions)]
    count = len(advice)
    many = len(policy.dependencies)
    seen = f"{path} is valid: {many} {'dependencies' if many != 1 else 'dependency'}"
    if count:
        pieces = f"{count} piece{'s' if count != 1 else ''} of advice"
        return Read(policy, (warning(CHECK, f"{seen}, {pieces}", f"nemo-watchdog check {path} tells them"), *plugins))
    return Read(policy, (good(CHECK, seen), *plugins))


def _warnings() -> Iterable[str]:
    return installed().warnings


def _unusable(path: Path, error: PolicyError) -> Finding:
    more = len(error.problems) - 1
    seen = f"{error.problems[0]}{f' (and {more} more)' if more else ''}"
    if path.exists():
        return bad(CHECK, seen, f"nemo-watchdog check {path} tells every problem; the daemon keeps the policy before")
    return bad(CHECK, seen, "name another file, or --as-service for the one that the unit names")


def look_at_permissions(unreadable: Callable[[], Iterable[Advice]] | None) -> Iterator[Finding]:
    """`unreadable` gives what the service's user cannot read; None where nobody asks as the service."""
    if unreadable is None:
        yield skipped(
            PERMISSIONS, "what the service's user may read is not asked", "sudo nemo-watchdog doctor --as-service"
        )
        return
    try:
        advice = list(unreadable())
    except PolicyError:
        yield skipped(PERMISSIONS, "the policy cannot be read, not even by root")
        return
    except NemoWatchdogError as error:
        yield bad(PERMISSIONS, str(error), "make that user or group, or change it: systemctl edit nemo-watchdog")
        return
    for each in advice:
        seen, _, remedy = each.message.partition(": ")
        yield bad(PERMISSIONS, f"{each.path}: {seen}", remedy)
    if not advice:
        yield good(PERMISSIONS, "the service's user may read the policy, its files, and use Docker's socket")
