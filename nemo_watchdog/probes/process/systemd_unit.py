"""What systemd says of a unit, from the output of `systemctl show`. It does no IO.

Source: systemd's org.freedesktop.systemd1(5): LoadState, ActiveState, SubState, and NRestarts and Result of services.
"""

from __future__ import annotations

from collections.abc import Mapping

from nemo_watchdog.lines import one_line
from nemo_watchdog.model import Finding, Reason, failed, ok
from nemo_watchdog.probes.shared.subprocess import Ended

PROPERTIES = ("LoadState", "ActiveState", "SubState", "Result", "NRestarts")


def command(unit: str) -> list[str]:
    return ["systemctl", "show", "--no-pager", f"--property={','.join(PROPERTIES)}", "--", unit]


def judge(unit: str, ended: Ended) -> Finding:
    """The finding for how `systemctl` ended."""
    lines = ended.stdout.decode(errors="replace").splitlines()
    shown = {key: one_line(value, 40) for key, equals, value in (line.partition("=") for line in lines) if equals}
    if ended.code or not shown.get("ActiveState"):
        said = one_line(ended.stderr.decode(errors="replace")) or f"systemctl ended with {ended.code}"
        return failed(Reason.REPORTED_BLIND, f"systemd does not tell: {said}")
    restarts = shown.get("NRestarts", "")
    measured = {"process_unit_restarts": float(restarts)} if restarts.isascii() and restarts.isdigit() else {}
    return _judge_state(unit, shown, measured)


def _judge_state(unit: str, shown: Mapping[str, str], measured: Mapping[str, float]) -> Finding:
    active, state = shown["ActiveState"], f"{unit} is {shown['ActiveState']} ({shown.get('SubState', '')})"
    if active == "active":
        return ok(state, measured)
    loaded = shown.get("LoadState")
    if loaded != "loaded":
        # Also masked: a person has decided that it must not run.
        return failed(Reason.WRONG_TARGET, f"systemd has {unit} as {loaded}", measured)
    if shown.get("SubState", "").startswith("auto-restart"):
        return failed(
            Reason.RESTARTING, f"{state}: systemd restarts it, {int(sum(measured.values()))} so far", measured
        )
    if active in ("activating", "reloading", "refreshing"):
        return failed(Reason.STARTING, state, measured)
    if active in ("deactivating", "maintenance"):
        return failed(Reason.SHUTTING_DOWN, state, measured)
    if active in ("failed", "inactive"):
        result = shown.get("Result", "")
        why = f", result {result}" if result not in ("", "success") else ""
        return failed(Reason.NOT_RUNNING, f"{state}{why}", measured)
    return failed(Reason.REPORTED_BLIND, f"{state}: a state that the watchdog does not know", measured)
