"""The systemd unit: is it installed, enabled and running, and is it the one that comes with this version?"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from nemo_watchdog.doctor.checkup import Finding, Findings, bad, good, skipped, warning
from nemo_watchdog.engine.listing import listed
from nemo_watchdog.errors import in_one_line
from nemo_watchdog.one_thread import OneThread
from nemo_watchdog.regular_file import read_regular
from nemo_watchdog.shipped import Example, text_of

CHECK = "unit"
NAME = "nemo-watchdog"
WITHIN = 8.0

_ASKED = (
    *("LoadState", "UnitFileState", "ActiveState", "SubState", "Result", "NRestarts", "NeedDaemonReload"),
    *("FragmentPath", "DropInPaths", "WatchdogUSec", "LimitNOFILE"),
)
_LOG = f"journalctl -u {NAME} -n 30 says why"
_LARGEST = 1024 * 1024
_NO_WATCHDOG = ("", "0", "infinity")

Directives = Mapping[tuple[str, str], list[str]]


async def look_at_unit(runs: Path = Path("/run/systemd/system"), systemctl: str = "systemctl") -> Findings:
    """`runs` is there where systemd does (sd_booted(3))."""
    if not runs.is_dir():  # noqa: ASYNC240 - of a file system in memory
        yield skipped(CHECK, "systemd does not run here")
        return
    told = await _show(systemctl)
    if told is None:
        yield bad(CHECK, "systemctl does not tell about it", f"systemctl status {NAME}")
        return
    state = told.get("LoadState", "")
    if state == "masked":
        yield bad(CHECK, "it is masked, and never starts", f"systemctl unmask {NAME}")
    elif state != "loaded":
        seen = "it is not installed" if state == "not-found" else f"systemd cannot load it ({in_one_line(state)})"
        yield warning(CHECK, seen, "nemo-watchdog install, or run the daemon by other means that start it again")
    else:
        troubles = [*_running(told), *await OneThread("nemo-watchdog-unit").run(lambda: list(_as_shipped(told)))]
        for finding in troubles:
            yield finding
        if not troubles:
            yield good(CHECK, f"enabled, active, as it comes with this version{_drop_ins(told)}")


async def _show(systemctl: str) -> Mapping[str, str] | None:
    """None where systemd does not answer."""
    try:
        process = await asyncio.create_subprocess_exec(
            *(systemctl, "show", NAME, f"--property={','.join(_ASKED)}"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return None
    try:
        async with asyncio.timeout(WITHIN):
            said, _ = await process.communicate()
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    pairs = (line.partition("=") for line in said.decode("utf-8", "replace").splitlines())
    return {key: value for key, _, value in pairs} if process.returncode == 0 else None


def _running(told: Mapping[str, str]) -> Iterator[Finding]:
    active, result = told.get("ActiveState", ""), in_one_line(told.get("Result", ""))
    if active == "failed":
        yield bad(CHECK, f"it has failed ({result}) and does not run", f"{_LOG}; then systemctl restart {NAME}")
    elif active == "activating":
        again = f", for the {told['NRestarts']}th time" if told.get("NRestarts", "0") != "0" else ""
        yield bad(CHECK, f"it does not get to run ({result}), and systemd starts it again{again}", _LOG)
    elif active not in {"active", "reloading"}:
        yield bad(CHECK, f"it does not run ({in_one_line(active)})", f"systemctl start {NAME}")
    if told.get("UnitFileState") not in {"enabled", "enabled-runtime", "static", "alias"}:
        yield warning(CHECK, "it does not start with the machine (not enabled)", f"systemctl enable {NAME}")
    if told.get("NeedDaemonReload") == "yes":
        remedy = f"systemctl daemon-reload && systemctl restart {NAME}"
        yield warning(CHECK, "its file has changed since systemd read it", remedy)


def _as_shipped(told: Mapping[str, str]) -> Iterator[Finding]:
    try:
        shipped = directives(text_of(Example.UNIT))
    except OSError:
        yield warning(CHECK, "the file of this version is not in this installation", "install the program anew")
        return
    try:
        here = directives(read_regular(Path(told.get("FragmentPath", "")), _LARGEST).decode("utf-8", "replace"))
    except (OSError, ValueError):
        yield skipped(CHECK, "its file cannot be read", "run it with sudo")
    else:
        differing = sorted({key for _, key in {*here, *shipped} if _differ(here, shipped, key)})
        if differing:
            remedy = f"own changes belong in systemctl edit {NAME}; then nemo-watchdog install writes the file anew"
            yield warning(CHECK, f"its file is not that of this version: {listed(differing)} differ", remedy)
    limit, wanted = told.get("LimitNOFILE", ""), int(shipped["[Service]", "LimitNOFILE"][-1])
    if limit.isdecimal() and int(limit) < wanted:
        remedy = f"LimitNOFILE={wanted} (systemctl edit {NAME})"
        yield warning(CHECK, f"it may open {limit} files: with many dependencies its looks go blind", remedy)
    if told.get("WatchdogUSec", "") in _NO_WATCHDOG:
        remedy = f"WatchdogSec={shipped['[Service]', 'WatchdogSec'][-1]} (systemctl edit {NAME})"
        yield warning(CHECK, "a daemon that is stuck is not started again: WatchdogSec is off", remedy)


def directives(text: str) -> Directives:
    """By section and key, the values in their order; comments, blanks and continued lines do not matter."""
    found: dict[tuple[str, str], list[str]] = {}
    section = ""
    for line in re.sub(r"\\\n", " ", text).splitlines():
        stripped = line.strip()
        if stripped.startswith("["):
            section = stripped
        elif "=" in stripped and not stripped.startswith(("#", ";")):
            key, _, value = stripped.partition("=")
            found.setdefault((section, key.strip()), []).append(" ".join(value.split()))
    return found


def _differ(here: Directives, shipped: Directives, key: str) -> bool:
    places = {place for place in (*here, *shipped) if place[1] == key}
    return any(here.get(place) != shipped.get(place) for place in places)


def _drop_ins(told: Mapping[str, str]) -> str:
    count = len(told.get("DropInPaths", "").split())
    return f", with {count} drop-in{'s' if count != 1 else ''}" if count else ""
