"""The reasons in words: what each one means to an operator. `docs/probes.md` holds the table that this module makes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from nemo_watchdog.model import CATEGORY_OF, Category, Reason

WHY: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.REFUSED: "Nothing listens: the process is gone or never came up.",
        Reason.TIMEOUT: "No answer within the look's timeout: it hangs, and no other sign says that it is only busy.",
        Reason.CONNECTION_LOST: "It took the connection and dropped it before an answer.",
        Reason.WRONG_STATUS: "It answers, with a status that the policy does not expect.",
        Reason.WRONG_ANSWER: "It answers, with a content that the policy does not expect.",
        Reason.PROTOCOL_ERROR: "What it sends is not the protocol that it should speak.",
        Reason.EXITED: "Docker says that the container is not running.",
        Reason.OOM_KILLED: "The kernel killed it for memory; a new start gets its memory back.",
        Reason.UNHEALTHY: "The image's own HEALTHCHECK calls it unhealthy.",
        Reason.PAUSED: "The container is paused: it serves nothing, and the human hold decides who wakes it.",
        Reason.STALLED: "It has work and makes no progress.",
        Reason.NOT_RUNNING: "The process or the unit that should run does not.",
        Reason.SILENT: "Its heartbeat has not come for longer than its period.",
        Reason.GPU_UNAVAILABLE: "The container has lost a GPU that the host still sees; a new start gives it back.",
        Reason.GPU_APPLICATION_ERROR: "An Xid error whose cure is a restart of the application.",
        Reason.REPORTED_FAULT: "The check that the policy names calls it broken.",
        Reason.STARTING: "It says that it is starting up; a restart makes it start over.",
        Reason.LOADING: "It reads its data or its model; a restart makes it read again.",
        Reason.RECOVERING: "It redoes its log after a crash; killed now, it begins at the same place again.",
        Reason.SHUTTING_DOWN: "Somebody stops it, or it restarts by itself: look again.",
        Reason.OVERLOADED: "It is alive with too much to do; after a restart the queue is longer.",
        Reason.TOO_MANY_CONNECTIONS: "All of its connections are in use: its clients are the place to look.",
        Reason.UPSTREAM_UNAVAILABLE: "What it depends on is not there; restarting the child helps nobody.",
        Reason.RESTARTING: "Docker's own restart policy is at work.",
        Reason.SLOW: "It answers well, but later than the policy accepts.",
        Reason.MEMORY_HIGH: "It works, with less memory left than the policy accepts.",
        Reason.TEMPERATURE_HIGH: "It works, hotter than the policy accepts.",
        Reason.CPU_HIGH: "It works, with more CPU in use than the policy accepts.",
        Reason.PRESSURE_HIGH: "Tasks wait for CPU, memory or disk for longer than the policy accepts.",
        Reason.FILES_HIGH: "It works, with more file descriptors in use than the policy accepts.",
        Reason.GPU_THROTTLED: "The GPU slows itself down, for heat or power.",
        Reason.LONG_TRANSACTION: "A transaction stays open for too long: its client is the place to look.",
        Reason.DEADLOCKS: "Transactions block each other: the application is the place to look.",
        Reason.REPLICATION_LAG: "The copy is further behind than the policy accepts.",
        Reason.RESTART_LOOP: "Docker starts it again and again: a further restart is one more of the same.",
        Reason.CERTIFICATE_EXPIRING: "Its certificate ends soon: somebody must renew it.",
        Reason.REPORTED_BUSY: "The check that the policy names says that it needs time.",
        Reason.DISK_FULL: "There is too little disk left: a restart frees none and may not come back.",
        Reason.READ_ONLY: "It takes no writes where it should: a failover or a damaged disk.",
        Reason.IO_ERROR: "Files cannot be read or written: the disk may be dying.",
        Reason.DATA_CORRUPTED: "It found its own data damaged: a restart can make it worse.",
        Reason.PERSISTENCE_FAILED: "What it has in memory is not on disk: a restart loses it.",
        Reason.MEMORY_FULL: "Its data limit is reached and writes fail: somebody must decide what goes.",
        Reason.ECC_ERROR: "The GPU's memory had errors that it could not correct.",
        Reason.GPU_LOST: "The GPU is gone from the bus: only a reboot may bring it back.",
        Reason.GPU_RESET_REQUIRED: "The driver wants the GPU reset or the host rebooted.",
        Reason.WRAPAROUND_NEAR: "Transaction ids run out: without a VACUUM it will stop taking writes.",
        Reason.GPU_ERROR: "An error of the GPU or its link that no restart of a container cures.",
        Reason.CERTIFICATE_EXPIRED: "Its certificate has ended: no restart renews it.",
        Reason.REPORTED_INTEGRITY: "The check that the policy names says that data or hardware is at risk.",
        Reason.NOT_LOOKED: "There has been no look yet.",
        Reason.AUTH_FAILED: "The watchdog's credentials are not accepted: its policy is wrong.",
        Reason.WRONG_TARGET: "What is there is not what the policy describes: another server, database, role or path.",
        Reason.NAME_UNRESOLVED: "DNS has no answer for the name.",
        Reason.NETWORK_UNREACHABLE: "There is no way from the watchdog to the target.",
        Reason.PERMISSION_DENIED: "The watchdog may not look.",
        Reason.DOCKER_UNREACHABLE: "The Docker Engine does not answer; containers may be well.",
        Reason.CONTAINER_MISSING: "Docker has no container of that name.",
        Reason.NVML_UNAVAILABLE: "NVIDIA's library or driver is not there or does not start.",
        Reason.DRIVER_MISMATCH: "The driver was upgraded under us: blind until the host reboots.",
        Reason.DRIVER_STUCK: "The driver does not return: nobody knows how the GPU is.",
        Reason.CLOCK_JUMPED: "The clock jumped or the machine slept during the look.",
        Reason.CLOCK_UNSYNCHRONISED: "Nothing keeps the clock right: times and certificates cannot be trusted.",
        Reason.REPORTED_BLIND: "The check that the policy names could not look.",
        Reason.WATCHDOG_OVERLOADED: "The watchdog itself lacks time, files or memory.",
        Reason.PROBE_BUG: "The probe failed in a way that nobody foresaw.",
    }
)

REPORTED: Mapping[str, Reason] = MappingProxyType(
    {
        "fault": Reason.REPORTED_FAULT,
        "busy": Reason.REPORTED_BUSY,
        "integrity": Reason.REPORTED_INTEGRITY,
    }
)
"""The reason for what a check of the operator's own reports, by the category that the policy gives it."""


def reasons_table() -> str:
    """A Markdown table of every reason, its category and what it means, category by category."""
    rows = [
        f"| `{reason}` | {category} | {WHY[reason]} |"
        for category in Category
        for reason, its in CATEGORY_OF.items()
        if its is category
    ]
    return "\n".join(["| reason | category | what it means |", "| --- | --- | --- |", *rows]) + "\n"
