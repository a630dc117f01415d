"""The running daemon, as its status tells: what it cannot do, what it cannot see, and what holds it back."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from nemo_watchdog import __version__
from nemo_watchdog.doctor.checkup import Finding, bad, good, warning
from nemo_watchdog.engine.listing import listed
from nemo_watchdog.errors import NemoWatchdogError, in_one_line
from nemo_watchdog.model import Autonomy, Category
from nemo_watchdog.views import EVERYTHING, StatusView

CHECK = "daemon"

_MORE = "nemo-watchdog status"


def look_at_daemon(ask: Callable[[], StatusView]) -> Iterator[Finding]:
    """`ask` blocks, and raises `NemoWatchdogError` for a daemon that does not answer."""
    try:
        status = ask()
    except NemoWatchdogError as error:
        remedy = "start it (systemctl start nemo-watchdog), or give its address with --url"
        yield bad(CHECK, in_one_line(str(error)).partition(": is it running?")[0], remedy)
        return
    findings = [*_troubles(status), *_held_back(status), *_blind(status)]
    yield from findings
    up = sum(each.health == "up" for each in status.dependencies.values())
    yield good(
        CHECK,
        f"{status.version} answers: {up} of {len(status.dependencies)} up, {len(status.incidents)} open incidents",
    )


def _troubles(status: StatusView) -> Iterator[Finding]:
    if status.version != __version__:
        seen = f"it is {status.version}, and this program {__version__}"
        yield warning(CHECK, seen, "restart it: systemctl restart nemo-watchdog")
    if problems := status.policy.problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        seen = f"the changed policy is not in force: {problems[0]}{more}"
        yield bad(CHECK, seen, "mend the file: nemo-watchdog check; it is read again by itself")
    if status.journal != "ok":
        seen = f"nothing is done, for its journal cannot be written: {status.journal}"
        yield bad(CHECK, seen, "see state directory and journal in this table")
    for trouble in status.troubles:
        yield bad(CHECK, f"{trouble.what}: {trouble.why}", f"see the rest of this table; {_MORE} follows it")


def _held_back(status: StatusView) -> Iterator[Finding]:
    """What people ordered and forgot."""
    if status.autonomy != Autonomy.ACT:
        remedy = "set `autonomy: act` in the policy when it may"
        yield warning(CHECK, f"autonomy is {status.autonomy}: it restarts nothing", remedy)
    if pause := status.pauses.get(EVERYTHING):
        until = f"until {pause.until}" if pause.until else "until somebody resumes it"
        yield warning(CHECK, f"{pause.by} paused everything {until}: {pause.reason}", "nemo-watchdog resume")
    if others := sorted(scope for scope in status.pauses if scope != EVERYTHING):
        yield warning(CHECK, f"paused: {listed(others)}", f"nemo-watchdog resume {others[0]}")


def _blind(status: StatusView) -> Iterator[Finding]:
    blind: dict[str, list[str]] = {}
    for name, each in status.dependencies.items():
        if each.category == Category.BLIND and each.reason not in {None, "not_looked"}:
            blind.setdefault(str(each.reason), []).append(name)
    for reason, names in blind.items():
        seen = f"it cannot see {listed(names)} ({reason}), and restarts nothing for that"
        yield bad(CHECK, seen, f"{_MORE} {names[0]} says why")
