"""What the pages cost, whoever looks at them: those who look, and the watch.

A real daemon with 1,000 dependencies, tagged, published, needing each other, of which 20 fail and then 600: the first
byte of each page right after a change, beside /healthz; how late looks begin while fifty pages are open and something
changes several times a second, beside the same without pages; how long a browser takes to show a fault; what each page
weighs, of 10, 100 and 1,000 dependencies; and how soon it can be read on a slow connection. Needs Chromium. Fails when
a limit is not kept.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from cost.browser import first_paints, watching, weights
from cost.processes import Daemon, Server, cpu_seconds, daemon, readers, server, wait_until

FEW, MANY = 20, 600
"""Of a thousand, that fail."""

TARGETS, TAGS, ROOTS = 1000, 10, 100
INTERVAL = "10s"
FAULTS = 10
SOON = {"interval": "1s"}
"""Of the dependencies whose fault a browser is to show: how long it takes to be found is not measured."""

CALM = "target-0999"
"""What fails in neither, and is paused and let go again: a change that every page is to show."""

PAGES = ("/", "/status", "/tags/group-3", f"/dependencies/{CALM}", "/dependencies/target-0003", "/incidents")
MADE_EVERY = 15.5
"""Seconds from one round to the next: the status page is made at most every 15 s."""

FIRST_BYTE, LATER, SEEN, HEAVIEST, READABLE = 0.1, 0.05, 1.0, 150_000, 1.0
"""Limits: seconds, seconds, seconds, bytes, seconds."""

OPEN, CHANGES, WINDOW, WINDOWS = 50, 4.0, 30.0, 2
"""Pages; changes a second; seconds with them and seconds without, and how many times each."""

LATENESS = "nemo_watchdog_probe_lateness_seconds"


def dependencies(targets: int, port: int) -> dict[str, dict[str, Any]]:
    """A tenth are needed by all the others, two by each."""
    roots, made = min(ROOTS, max(1, targets // 10)), dict[str, dict[str, Any]]()
    for n in range(targets):
        needs = sorted({f"target-{(n + more) % roots:04}" for more in (0, 37)}) if n >= roots else []
        soon = SOON if FEW <= n < FEW + FAULTS else {}
        made[f"target-{n:04}"] = {
            "probe": "http",
            "url": f"http://127.0.0.1:{port}/target/{n:04}",
            "tags": [f"group-{n % TAGS}"],
            "needs": needs,
            "public": {"name": f"Part {n:04} of the platform", "description": "Answers what it is asked"},
            **soon,
        }
    return made


@contextmanager
def watched(targets: int, failing: int) -> Iterator[tuple[Server, Daemon]]:
    """A daemon with so many dependencies, of which so many are down."""
    with server() as target, tempfile.TemporaryDirectory() as folder:
        more = {"dependencies": dependencies(targets, target.port)}
        with daemon(Path(folder), target.port, targets, interval=INTERVAL, more=more) as made:
            wait_until("every dependency is up", lambda: set(made.health()) == {"up"}, within=120.0)
            fail(target, made, failing)
            yield target, made


def fail(target: Server, watchdog: Daemon, failing: int) -> None:
    target.fail(failing)
    wait_until(f"{failing} are down", lambda: watchdog.health().count("down") == failing, within=120.0)
    time.sleep(15.0)  # what so many have in common is told, and the last 24 hours are read


def load() -> str:
    return f"load {os.getloadavg()[0]:.1f}"


def held(what: str, good: bool) -> bool:  # noqa: FBT001
    print(f"  {what}: {'holds' if good else 'FAILS'}", flush=True)
    return good


# -- the first byte --------------------------------------------------------------------------------------------------


def first_bytes(watchdog: Daemon, rounds: int) -> bool:
    """Each right after a change that it has to show."""
    took: dict[str, list[float]] = {path: [] for path in ("/healthz", *PAGES)}
    for path in PAGES:
        watchdog.first_byte(path)  # what is read once, and templates
    changes, stale = count(), 0
    for _ in range(rounds):
        ends = time.monotonic() + MADE_EVERY
        for path, all_of_it in took.items():
            reason = f"change {next(changes)}"
            watchdog.order("pause", scope=CALM, reason=reason, by="the benchmark")
            seconds, body = watchdog.first_byte(path)
            all_of_it.append(seconds)
            stale += path in ("/", f"/dependencies/{CALM}") and reason.encode() not in body
            watchdog.order("resume", scope=CALM, by="the benchmark")
            time.sleep(0.3)
        time.sleep(max(0.0, ends - time.monotonic()))
    for path, each in took.items():
        print(f"  {path:<28} median {median(each) * 1e3:6.1f} ms, worst {max(each) * 1e3:6.1f} ms", flush=True)
    medians = max(median(took[path]) for path in PAGES)
    at_most = f"median of each at most {FIRST_BYTE * 1e3:.0f} ms"
    return held(at_most, medians <= FIRST_BYTE) & held(f"{stale} showed what was before", stale == 0)


# -- the watch -------------------------------------------------------------------------------------------------------


@contextmanager
def changing(watchdog: Daemon) -> Iterator[None]:
    """Something, several times a second."""
    over = threading.Event()

    def change() -> None:
        while not over.wait(1 / CHANGES):
            watchdog.order("pause", scope=CALM, reason="a change", by="the benchmark")
            if over.wait(1 / CHANGES):
                return
            watchdog.order("resume", scope=CALM, by="the benchmark")

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def lateness(watchdog: Daemon) -> list[float]:
    """In seconds, of each look of that time that began late."""
    known, late, ends = watchdog.each(LATENESS), list[float](), time.monotonic() + WINDOW
    while time.monotonic() < ends:
        time.sleep(min(9.5, max(0.1, ends - time.monotonic())))
        now = watchdog.each(LATENESS)
        late += [value for series, value in now.items() if known.get(series) != value]
        known = now
    return sorted(late)


def while_read(watchdog: Daemon) -> bool:
    """How late looks begin without pages that are open and with them, one after the other."""
    late: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(WINDOWS):
        for read in (False, True):
            with changing(watchdog), readers(watchdog.port, OPEN) if read else nullcontext():
                time.sleep(3.0)
                cpu, began = cpu_seconds(watchdog.pid), time.monotonic()
                late[read] += lateness(watchdog)
                share = (cpu_seconds(watchdog.pid) - cpu) / (time.monotonic() - began)
            print(f"  {f'{OPEN} pages' if read else 'no page':<9} CPU {share:.0%}, {load()}", flush=True)
    figures = {}
    for read, each in late.items():
        each.sort()
        figures[read] = each[int(len(each) * 0.99)], each[-1]
        middle, (most, worst) = each[len(each) // 2], figures[read]
        said = f"median {middle * 1e3:.1f} ms, 99th {most * 1e3:.1f} ms, longest {worst * 1e3:.1f} ms"
        print(f"  {len(each)} looks {f'with {OPEN} pages' if read else 'without pages'} late by {said}", flush=True)
    later = [with_pages - without for without, with_pages in zip(figures[False], figures[True], strict=True)]
    said = f"later by {later[0] * 1e3:.1f} ms (99th), {later[1] * 1e3:.1f} ms (longest), at most {LATER * 1e3:.0f} ms"
    return held(said, max(later) <= LATER)


# -- what a browser shows --------------------------------------------------------------------------------------------


def faults_seen(target: Server, watchdog: Daemon) -> bool:
    """From the log's line of an incident until the page that somebody looks at has it."""

    async def look() -> list[float]:
        took = []
        async with watching(watchdog.url) as page:
            for n in range(FEW, FEW + FAULTS):
                name = f"target-{n:04}"
                await asyncio.to_thread(target.fail, n + 1)
                opened = await asyncio.to_thread(_opened, watchdog, name)
                places = (f"incident-{opened['incident']}", f"of-{name}")
                for _ in range(100):
                    seen = await page.seen()
                    if all(place in seen for place in places):
                        break
                    await asyncio.sleep(0.1)
                took.append(max(seen.get(place, float("inf")) for place in places) - _logged_at(opened))
        return took

    took = asyncio.run(look())
    print(f"  shown after {', '.join(f'{each * 1e3:.0f}' for each in took)} ms; {load()}", flush=True)
    return held(f"at most {SEEN * 1e3:.0f} ms", max(took) <= SEEN)


def _opened(watchdog: Daemon, name: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = []

    def is_there() -> bool:
        found[:] = [line for line in watchdog.logged("incident_opened") if line.get("root") == name]
        return bool(found)

    wait_until(f"the incident of {name} is open", is_there)
    return found[0]


def _logged_at(line: dict[str, Any]) -> float:
    """Unix seconds."""
    return datetime.fromisoformat(line["timestamp"]).timestamp()


def weigh(watchdog: Daemon, targets: int, failing: int) -> bool:
    opened = json.loads(watchdog.get("/api/v1/status"))["incidents"]
    largest = max(opened, key=lambda each: len(each["members"]))["id"]
    paths = [path for path in PAGES if not path.startswith("/dependencies/")]
    paths += ["/dependencies/target-0000", "/sign-in", "/do/declare", f"/incidents/{largest}"]
    found = weights(watchdog.url, paths)
    said = ", ".join(f"{path} {size / 1e3:.0f} KB" for path, (size, _) in found.items())
    print(f"  {targets} dependencies, {failing} of them down: {said}", flush=True)
    return held(f"at most {HEAVIEST / 1e3:.0f} KB each", max(size for size, _ in found.values()) <= HEAVIEST)


def readable(watchdog: Daemon, times: int) -> bool:
    found = first_paints(watchdog.url, ("/", "/status"), times)
    for path, took in found.items():
        print(
            f"  {path:<8} first paint {median(took) * 1e3:.0f} ms, worst {max(took) * 1e3:.0f} ms; {load()}", flush=True
        )
    return held(f"median at most {READABLE * 1e3:.0f} ms", max(map(median, found.values())) <= READABLE)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20, metavar="N", help="times that each page is asked for; 20")
    rounds = parser.parse_args().rounds
    good = []
    for targets in (10, 100):
        with watched(targets, targets // 5) as (_, watchdog):
            print(f"weight with all that is loaded; {load()}", flush=True)
            good.append(weigh(watchdog, targets, targets // 5))
    with watched(TARGETS, FEW) as (target, watchdog):
        for failing in (FEW, MANY):
            if failing != FEW:
                fail(target, watchdog, failing)
            print(f"\n{TARGETS} dependencies, {failing} of them down: first byte, {rounds} times; {load()}", flush=True)
            good.append(first_bytes(watchdog, rounds))
            print(f"how late looks begin, while something changes {CHANGES:g} times a second; {load()}", flush=True)
            good.append(while_read(watchdog))
            print("weight with all that is loaded", flush=True)
            good.append(weigh(watchdog, TARGETS, failing))
            print(
                "readable on a slow connection: 150 ms, 1.6 Mbit/s, a processor that is four times slower", flush=True
            )
            good.append(readable(watchdog, 5))
            if failing == FEW:
                print("a fault in the page, from its line in the log", flush=True)
                good.append(faults_seen(target, watchdog))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
