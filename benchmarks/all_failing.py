"""The worst day: 1,000 HTTP dependencies fail at once and stay down. The watchdog must go on watching.

The second part has 300, a contact and a log: they must be one incident, three messages and 400 lines.

Watches the event loop from outside (how long /healthz takes, asked twenty times a second) and from inside
(`nemo_watchdog_event_loop_lag_seconds`) while they are well, in the ten seconds after they fail, and while they stay
down. Fails when the loop stalls for longer than a look's timeout, or when looks are left out once all are down.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from cost.processes import Daemon, Server, cpu_seconds, daemon, server, wait_until, written_bytes

TARGETS = 1000
LONGEST_STALL = 3.0
"""Seconds: the default timeout of a look. A loop that stalls longer takes its own lateness for a target's."""
STORM, MOST_MESSAGES, MOST_LINES = 300, 3, 400
WINDOW = 11.0
"""Seconds after which what many have in common has its line in the log (`runtime.record_log.WINDOW`)."""
LATEST = 0.1
"""Seconds that a look may begin late in a storm of so many."""
FEWEST_LOOKS = 0.95
"""Of the looks that the policy asks for, once every dependency is down."""


def watch(watchdog: Daemon, target: Server, what: str, seconds: float) -> tuple[float, float]:
    """Prints one line of figures; the longest stall in seconds and the looks per second."""
    answered, cpu, written = target.answered(), cpu_seconds(watchdog.pid), written_bytes(watchdog.pid)
    began = time.monotonic()
    delays = []
    while time.monotonic() - began < seconds:
        delays.append(watchdog.delay())
        time.sleep(0.05)
    took = time.monotonic() - began
    rate = (target.answered() - answered) / took
    share = (cpu_seconds(watchdog.pid) - cpu) / took
    written = written_bytes(watchdog.pid) - written
    lag = watchdog.metric("nemo_watchdog_event_loop_lag_seconds")
    delays.sort()
    print(
        f"{what:<24}{rate:>8.0f}{share:>7.0%}{delays[len(delays) // 2] * 1e3:>9.1f} ms"
        f"{delays[int(len(delays) * 0.99)] * 1e3:>9.1f} ms{delays[-1] * 1e3:>9.1f} ms{lag * 1e3:>9.1f} ms"
        f"{written / 1e6:>9.1f} MB",
        flush=True,
    )
    return delays[-1], rate


def worst_day(*, shared: bool) -> bool:
    """All well, all failing, all well again; whether the promises hold."""
    print(f"\n{TARGETS} dependencies {'that all need one of them' if shared else 'that need nothing'}")
    with (
        server() as target,
        tempfile.TemporaryDirectory() as folder,
        daemon(Path(folder), target.port, TARGETS, shared=shared) as watchdog,
    ):
        wait_until("every dependency is up", lambda: set(watchdog.health()) == {"up"})
        wait_until("what the start had to write is on disk", watchdog.journal_is_quiet)
        print(f"{'':<24}{'looks/s':>8}{'CPU':>7}{'median':>12}{'99th':>12}{'longest':>12}{'lag':>12}{'written':>12}")
        watch(watchdog, target, "all up", 10.0)
        target.answered("500")
        storm, _ = watch(watchdog, target, "all failing, first 10 s", 10.0)
        wait_until("every dependency is down", lambda: set(watchdog.health()) == {"down"})
        down, rate = watch(watchdog, target, "all down", 10.0)
        target.answered("200")
        relief, _ = watch(watchdog, target, "all well, first 10 s", 10.0)
        wait_until("every dependency is up again", lambda: set(watchdog.health()) == {"up"})
    stall = max(storm, down, relief)
    held = stall <= LONGEST_STALL and rate >= FEWEST_LOOKS * TARGETS
    print(f"longest stall {stall:.2f}s of {LONGEST_STALL:g}s, {rate:.0f} looks/s: {'holds' if held else 'FAILS'}")
    return held


def latest_look(watchdog: Daemon, seconds: float) -> float:
    """How late in seconds the latest look of that time began, as far as it was seen twice a second."""
    late, ends = 0.0, time.monotonic() + seconds
    while time.monotonic() < ends:
        time.sleep(0.5)
        late = max(late, watchdog.worst("nemo_watchdog_probe_lateness_seconds"))
    return late


def told_as_one() -> bool:
    """What people read of a storm of many, and how late looks begin in it; whether the promises hold."""
    print(f"\n{STORM} dependencies that need nothing, and one contact")
    severities = {f"SEV{n}": {"title": "x", "respond_within": "1h", "notify": ["on-call"]} for n in range(1, 5)}
    more = {"severities": severities, "contacts": {"on-call": []}}
    with (
        server() as target,
        tempfile.TemporaryDirectory() as folder,
        daemon(Path(folder), target.port, STORM, more=more) as watchdog,
    ):
        wait_until("every dependency is up", lambda: set(watchdog.health()) == {"up"})
        calm = latest_look(watchdog, WINDOW)
        lines, late = watchdog.log_lines(), 0.0
        for answer, health in (("500", "down"), ("200", "up")):
            target.answered(answer)
            late = max(late, latest_look(watchdog, 15.0))
            wait_until(f"every dependency is {health}", lambda health=health: set(watchdog.health()) == {health})
        time.sleep(WINDOW)
        lines = watchdog.log_lines() - lines
        incidents = watchdog.metric("nemo_watchdog_incidents_total")
        messages = watchdog.metric("nemo_watchdog_notifications_total")
    counted = f"{incidents:g} incidents, {messages:g} messages, {lines} lines of the log"
    print(f"{counted}; latest look {late * 1e3:.0f} ms late, and {calm * 1e3:.0f} ms while all was well")
    held = incidents == 1 and messages <= MOST_MESSAGES and lines <= MOST_LINES and late <= LATEST
    print("holds" if held else "FAILS")
    return held


def main() -> int:
    held = [*(worst_day(shared=shared) for shared in (False, True)), told_as_one()]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
