"""Redis's INFO as numbers. It does no IO. Source: Redis documentation, "INFO"."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

_LAG = re.compile(r"\blag=(\d+)")
_MEASURED = {
    "used_memory": "redis_memory_used_bytes",
    "connected_clients": "redis_connected_clients",
    "blocked_clients": "redis_blocked_clients",
    "rejected_connections": "redis_rejected_connections",
    "evicted_keys": "redis_evicted_keys",
    "rdb_changes_since_last_save": "redis_changes_since_last_save",
    "connected_slaves": "redis_connected_replicas",
}


def parse_info(text: str) -> Mapping[str, str]:
    """INFO's `key:value` lines."""
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line and not line.startswith("#"))


def number(info: Mapping[str, str], key: str) -> float:
    """0 where there is none."""
    try:
        value = float(info.get(key, ""))
    except ValueError:
        return 0.0
    return value if math.isfinite(value) and value >= 0 else 0.0


def measure(info: Mapping[str, str]) -> Mapping[str, float]:
    """What INFO tells in base units; while Redis loads, that is little."""
    measured = {name: number(info, key) for key, name in _MEASURED.items() if key in info}
    if most := number(info, "maxmemory"):
        # As Redis itself compares it: without the buffers that it does not count (src/evict.c).
        counted = number(info, "used_memory") - number(info, "mem_not_counted_for_evict")
        measured["redis_memory_used_ratio"] = counted / most
    if (most := number(info, "maxclients")) and "connected_clients" in info:
        measured["redis_clients_used_ratio"] = number(info, "connected_clients") / most
    if "loading_loaded_perc" in info:
        measured["redis_loading_ratio"] = number(info, "loading_loaded_perc") / 100
    if (lag := _lag(info)) is not None:
        measured["redis_replication_lag_seconds"] = lag
    return measured


def work_in(info: Mapping[str, str]) -> str:
    """What its forks write, in one line for people; while it loads, nothing is lost by a start."""
    if info.get("loading") == "1" or info.get("async_loading") == "1":
        return ""
    said = ["rewriting the append-only file"] if info.get("aof_rewrite_in_progress") == "1" else []
    if info.get("rdb_bgsave_in_progress") == "1":
        said.append("saving a snapshot")
    done, total = number(info, "current_save_keys_processed"), number(info, "current_save_keys_total")
    return f"{', '.join(said)}{f' ({done:.0f} of {total:.0f} keys)' if total else ''}" if said else ""


def _lag(info: Mapping[str, str]) -> float | None:
    """Seconds since a replica and its master last heard of each other: of itself, or the worst of its replicas."""
    if info.get("role") == "slave":
        down = info.get("master_link_status") == "down"
        key = "master_link_down_since_seconds" if down else "master_last_io_seconds_ago"
        return number(info, key) if key in info else None
    told = [_LAG.search(value) for key, value in info.items() if re.fullmatch(r"slave\d+", key)]
    return max((float(each[1]) for each in told if each is not None), default=None)
