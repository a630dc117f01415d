"""A job that calls us: its heartbeat, and its silence. Nothing is asked of anybody; the daemon's own page is called.

Heartbeats that came while the daemon was down are lost, and that is our own blindness and no silence of the job's:
one that was due before we listened again makes us blind until a whole period has been listened to.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator

from nemo_watchdog.durations import duration
from nemo_watchdog.model import Finding, Reason, failed, ok
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.policy.units import Duration, SecretText, duration_within, wrong_secret
from nemo_watchdog.ports import Heartbeats, ProbeContext
from nemo_watchdog.probes.shared.options import ProbeOptions
from nemo_watchdog.probes.shared.reported import REPORTED

_TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,200}")


def _fits_into_an_address(token: Secret) -> Secret:
    if not _TOKEN.fullmatch(token.reveal()):
        raise wrong_secret("expected 16 to 200 letters, digits, `-`, `.`, `_` or `~`, as `openssl rand -hex 16` makes")
    return token


class PushOptions(ProbeOptions):
    token: Annotated[SecretText, AfterValidator(_fits_into_an_address)]
    """What the caller must bring; of letters and digits, so that it fits into an address."""
    period: Annotated[Duration, AfterValidator(duration_within(1.0, 31 * 86400.0))]
    """The longest time from one heartbeat to the next when all is well."""
    grace: Annotated[Duration, AfterValidator(duration_within(0.0, 7 * 86400.0))] = 60.0
    """How much later than that it may come: a job's own running time wanders."""
    category: Literal["fault", "busy", "integrity"] = "busy"
    """What it means when the job itself says that it failed; only a `fault` may be restarted."""


class PushProbe:
    def __init__(self, options: PushOptions, context: ProbeContext) -> None:
        self._options = options
        self._name = context.dependency
        self._heartbeats: Heartbeats | None = context.heartbeats
        self._since = self._heartbeats.now() if self._heartbeats else 0.0

    async def look(self) -> Finding:
        if self._heartbeats is None:
            return failed(Reason.NOT_LOOKED, "only the running daemon hears heartbeats")
        now, last, options = self._heartbeats.now(), self._heartbeats.last(self._name), self._options
        if last is None:
            return self._never_heard(now - self._since)
        age = now - last.at
        measured = {"push_heartbeat_age_seconds": age}
        if age > options.period + options.grace:
            return self._overdue(now - self._heartbeats.listening_since, age, measured)
        if not last.well:
            said = f": {last.said}" if last.said else ""
            return failed(REPORTED[options.category], f"the job says that it failed{said}", measured)
        return ok(f"the last heartbeat came {duration(age)} ago", measured)

    async def close(self) -> None:
        """Nothing was opened."""

    def _never_heard(self, waited: float) -> Finding:
        allowed = self._options.period + self._options.grace
        if waited > allowed:
            return failed(Reason.SILENT, f"no heartbeat has ever come, in {duration(waited)}")
        return ok(f"no heartbeat yet; the first may take another {duration(allowed - waited)}")

    def _overdue(self, listened: float, age: float, measured: dict[str, float]) -> Finding:
        allowed = self._options.period + self._options.grace
        was_due_before_we_listened = age - self._options.period > listened
        if was_due_before_we_listened and listened <= allowed:
            return failed(
                Reason.REPORTED_BLIND,
                f"no heartbeat for {duration(age)}, but the watchdog itself listens only since {duration(listened)} ago"
                f": the next may take another {duration(allowed - listened)}",
                measured,
            )
        return failed(Reason.SILENT, f"no heartbeat for {duration(age)}, more than {duration(allowed)}", measured)
