"""Why a look did not end well: one table, in which a reason has its category and what it means to an operator.

`docs/probes.md` holds the table that this module makes. Standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Self


class Category(StrEnum):
    """What kind of failure a reason is. Safety rules work with categories only."""

    FAULT = "fault"
    """Broken; a restart may help."""
    BUSY = "busy"
    """Alive and needs time; a restart would make it start over."""
    INTEGRITY = "integrity"
    """Data or hardware at risk; a person must look."""
    BLIND = "blind"
    """The watchdog cannot see; it says nothing about the target."""


class Reason(StrEnum):
    """Why a look did not end well: a closed vocabulary, each with one category. Safety rules work with that alone."""

    category: Category
    meaning: str

    def __new__(cls, value: str, category: Category, meaning: str) -> Self:
        member = str.__new__(cls, value)
        member._value_, member.category, member.meaning = value, category, meaning
        return member

    # fault
    REFUSED = "refused", Category.FAULT, "Nothing listens: the process is gone or never came up."
    TIMEOUT = (
        "timeout",
        Category.FAULT,
        "No answer within the look's timeout: it hangs, and no other sign says that it is only busy.",
    )
    CONNECTION_LOST = "connection_lost", Category.FAULT, "It took the connection and dropped it before an answer."
    WRONG_STATUS = "wrong_status", Category.FAULT, "It answers, with a status that the policy does not expect."
    WRONG_ANSWER = "wrong_answer", Category.FAULT, "It answers, with a content that the policy does not expect."
    PROTOCOL_ERROR = "protocol_error", Category.FAULT, "What it sends is not the protocol that it should speak."
    EXITED = "exited", Category.FAULT, "Docker says that the container is not running."
    STOPPED_ITSELF = "stopped_itself", Category.FAULT, "It has ended by itself in good order, with exit code 0."
    OOM_KILLED = "oom_killed", Category.FAULT, "The kernel killed it for memory; a new start gets its memory back."
    UNHEALTHY = "unhealthy", Category.FAULT, "The image's own HEALTHCHECK calls it unhealthy."
    PAUSED = (
        "paused",
        Category.FAULT,
        "The container is paused: it serves nothing, and the human hold decides who wakes it.",
    )
    STALLED = "stalled", Category.FAULT, "It has work and makes no progress."
    NOT_RUNNING = "not_running", Category.FAULT, "The process or the unit that should run does not."
    SILENT = "silent", Category.FAULT, "Its heartbeat has not come for longer than its period."
    GPU_UNAVAILABLE = (
        "gpu_unavailable",
        Category.FAULT,
        "The container has lost a GPU that the host still sees; a new start gives it back.",
    )
    GPU_APPLICATION_ERROR = (
        "gpu_application_error",
        Category.FAULT,
        "An Xid error whose cure is a restart of the application.",
    )
    REPORTED_FAULT = "reported_fault", Category.FAULT, "The check that the policy names calls it broken."
    # busy
    STARTING = "starting", Category.BUSY, "It says that it is starting up; a restart makes it start over."
    LOADING = "loading", Category.BUSY, "It reads its data or its model; a restart makes it read again."
    RECOVERING = (
        "recovering",
        Category.BUSY,
        "It redoes its log after a crash; killed now, it begins at the same place again.",
    )
    SHUTTING_DOWN = "shutting_down", Category.BUSY, "Somebody stops it, or it restarts by itself: look again."
    OVERLOADED = "overloaded", Category.BUSY, "It is alive with too much to do; after a restart the queue is longer."
    TOO_MANY_CONNECTIONS = (
        "too_many_connections",
        Category.BUSY,
        "All of its connections are in use: its clients are the place to look.",
    )
    LOGINS_BLOCKED = (
        "logins_blocked",
        Category.BUSY,
        "It greets new clients, and their logins hang (a lock, a password server, its disk): a person must look why.",
    )
    CLIENTS_PAUSED = (
        "clients_paused",
        Category.BUSY,
        "It lives and holds back what its clients ask, as it was told to (CLIENT PAUSE): that ends by itself.",
    )
    UPSTREAM_UNAVAILABLE = (
        "upstream_unavailable",
        Category.BUSY,
        "What it depends on is not there; restarting the child helps nobody.",
    )
    RESTARTING = "restarting", Category.BUSY, "Docker's own restart policy is at work."
    SLOW = "slow", Category.BUSY, "It answers well, but later than the policy accepts."
    MEMORY_HIGH = "memory_high", Category.BUSY, "It works, with less memory left than the policy accepts."
    TEMPERATURE_HIGH = "temperature_high", Category.BUSY, "It works, hotter than the policy accepts."
    CPU_HIGH = "cpu_high", Category.BUSY, "It works, with more CPU in use than the policy accepts."
    PRESSURE_HIGH = (
        "pressure_high",
        Category.BUSY,
        "Tasks wait for CPU, memory or disk for longer than the policy accepts.",
    )
    FILES_HIGH = "files_high", Category.BUSY, "It works, with more file descriptors in use than the policy accepts."
    GPU_THROTTLED = "gpu_throttled", Category.BUSY, "The GPU slows itself down, for heat or power."
    LONG_TRANSACTION = (
        "long_transaction",
        Category.BUSY,
        "A transaction stays open for too long: its client is the place to look.",
    )
    DEADLOCKS = "deadlocks", Category.BUSY, "Transactions block each other: the application is the place to look."
    REPLICATION_LAG = "replication_lag", Category.BUSY, "The copy is further behind than the policy accepts."
    RESTART_LOOP = (
        "restart_loop",
        Category.BUSY,
        "Docker starts it again and again: a further restart is one more of the same.",
    )
    CERTIFICATE_EXPIRING = "certificate_expiring", Category.BUSY, "Its certificate ends soon: somebody must renew it."
    REPORTED_BUSY = "reported_busy", Category.BUSY, "The check that the policy names says that it needs time."
    # integrity
    DISK_FULL = (
        "disk_full",
        Category.INTEGRITY,
        "There is too little disk left: a restart frees none and may not come back.",
    )
    READ_ONLY = "read_only", Category.INTEGRITY, "It takes no writes where it should: a failover or a damaged disk."
    IO_ERROR = "io_error", Category.INTEGRITY, "Files cannot be read or written: the disk may be dying."
    DATA_CORRUPTED = "data_corrupted", Category.INTEGRITY, "It found its own data damaged: a restart can make it worse."
    DATA_UNUSABLE = (
        "data_unusable",
        Category.INTEGRITY,
        "It cannot use its data: not their owner, rights, version or place. A restart changes none of it.",
    )
    PERSISTENCE_FAILED = (
        "persistence_failed",
        Category.INTEGRITY,
        "What it has in memory is not on disk: a restart loses it.",
    )
    MEMORY_FULL = (
        "memory_full",
        Category.INTEGRITY,
        "Its data limit is reached and writes fail: somebody must decide what goes.",
    )
    ECC_ERROR = "ecc_error", Category.INTEGRITY, "The GPU's memory had errors that it could not correct."
    GPU_LOST = "gpu_lost", Category.INTEGRITY, "The GPU is gone from the bus: only a reboot may bring it back."
    GPU_RESET_REQUIRED = (
        "gpu_reset_required",
        Category.INTEGRITY,
        "The driver wants the GPU reset or the host rebooted.",
    )
    WRAPAROUND_NEAR = (
        "wraparound_near",
        Category.INTEGRITY,
        "Transaction ids run out: without a VACUUM it will stop taking writes.",
    )
    GPU_ERROR = "gpu_error", Category.INTEGRITY, "An error of the GPU or its link that no restart of a container cures."
    CERTIFICATE_EXPIRED = "certificate_expired", Category.INTEGRITY, "Its certificate has ended: no restart renews it."
    REPORTED_INTEGRITY = (
        "reported_integrity",
        Category.INTEGRITY,
        "The check that the policy names says that data or hardware is at risk.",
    )
    # blind
    NOT_LOOKED = "not_looked", Category.BLIND, "There has been no look yet."
    AUTH_FAILED = "auth_failed", Category.BLIND, "The watchdog's credentials are not accepted: its policy is wrong."
    WRONG_TARGET = (
        "wrong_target",
        Category.BLIND,
        "What is there is not what the policy describes (another server, database, role, path), or was never up so.",
    )
    NAME_UNRESOLVED = "name_unresolved", Category.BLIND, "DNS has no answer for the name."
    NETWORK_UNREACHABLE = "network_unreachable", Category.BLIND, "There is no way from the watchdog to the target."
    UNREACHABLE_FROM_HERE = (
        "unreachable_from_here",
        Category.BLIND,
        "Much fails together, and it takes connections at its own address: the way from here to it is broken, not it.",
    )
    PERMISSION_DENIED = "permission_denied", Category.BLIND, "The watchdog may not look."
    DOCKER_UNREACHABLE = (
        "docker_unreachable",
        Category.BLIND,
        "The Docker Engine does not answer; containers may be well.",
    )
    CONTAINER_MISSING = "container_missing", Category.BLIND, "Docker has no container of that name."
    NVML_UNAVAILABLE = "nvml_unavailable", Category.BLIND, "NVIDIA's library or driver is not there or does not start."
    DRIVER_MISMATCH = (
        "driver_mismatch",
        Category.BLIND,
        "The driver was upgraded under us: blind until the host reboots.",
    )
    DRIVER_STUCK = "driver_stuck", Category.BLIND, "The driver does not return: nobody knows how the GPU is."
    CLOCK_JUMPED = "clock_jumped", Category.BLIND, "The clock jumped or the machine slept during the look."
    CLOCK_UNSYNCHRONISED = (
        "clock_unsynchronised",
        Category.BLIND,
        "Nothing keeps the clock right: times and certificates cannot be trusted.",
    )
    REPORTED_BLIND = "reported_blind", Category.BLIND, "The check that the policy names could not look."
    WATCHDOG_OVERLOADED = "watchdog_overloaded", Category.BLIND, "The watchdog itself lacks time, files or memory."
    PROBE_BUG = "probe_bug", Category.BLIND, "The probe failed in a way that nobody foresaw."


_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0

BUSY_FOR: Mapping[Reason, float] = MappingProxyType(
    {
        Reason.STARTING: 10 * _MINUTE,
        Reason.LOADING: 15 * _MINUTE,
        Reason.RECOVERING: _HOUR,
        Reason.SHUTTING_DOWN: 10 * _MINUTE,
        Reason.OVERLOADED: 15 * _MINUTE,
        Reason.TOO_MANY_CONNECTIONS: 15 * _MINUTE,
        Reason.LOGINS_BLOCKED: 15 * _MINUTE,
        Reason.CLIENTS_PAUSED: 15 * _MINUTE,
        Reason.UPSTREAM_UNAVAILABLE: 15 * _MINUTE,
        Reason.RESTARTING: 5 * _MINUTE,
        Reason.RESTART_LOOP: 5 * _MINUTE,
        Reason.REPORTED_BUSY: 15 * _MINUTE,
        Reason.TEMPERATURE_HIGH: 15 * _MINUTE,
        Reason.SLOW: _HOUR,
        Reason.MEMORY_HIGH: _HOUR,
        Reason.CPU_HIGH: _HOUR,
        Reason.PRESSURE_HIGH: _HOUR,
        Reason.FILES_HIGH: _HOUR,
        Reason.GPU_THROTTLED: _HOUR,
        Reason.LONG_TRANSACTION: _HOUR,
        Reason.DEADLOCKS: _HOUR,
        Reason.REPLICATION_LAG: _HOUR,
        Reason.CERTIFICATE_EXPIRING: _DAY,
    }
)
"""Seconds for which each kind of busy may last before a person must look, unless the policy's `busy_for` says so."""


def busy_table() -> str:
    """A Markdown table of how long each kind of busy may last."""
    units = (("d", _DAY), ("h", _HOUR), ("m", _MINUTE))
    rows = []
    for reason, longest in BUSY_FOR.items():
        unit, seconds = next(each for each in units if longest % each[1] == 0)
        rows.append(f"| `{reason}` | {longest / seconds:g}{unit} |")
    return "\n".join(["| reason | `busy_for` |", "| --- | --- |", *rows]) + "\n"


def reasons_table() -> str:
    """A Markdown table of every reason, its category and what it means, category by category."""
    rows = [
        f"| `{reason}` | {category} | {reason.meaning} |"
        for category in Category
        for reason in Reason
        if reason.category is category
    ]
    return "\n".join(["| reason | category | what it means |", "| --- | --- | --- |", *rows]) + "\n"
