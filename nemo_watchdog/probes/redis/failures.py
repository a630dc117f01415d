"""What an error of Redis means: its reply's own first word decides, never redis-py's class alone.

redis-py makes a wrong password, LOADING and a full client table all kinds of ConnectionError.
"""

from __future__ import annotations

from redis import exceptions

from nemo_watchdog.model import Finding, Reason, failed
from nemo_watchdog.probes.shared.network import os_failure

LOADING = "it loads its data from disk"

_REASON_OF = {
    "LOADING": (Reason.LOADING, LOADING),
    "MISCONF": (Reason.PERSISTENCE_FAILED, "it refuses writes because it could not save its data"),
    "OOM": (Reason.MEMORY_FULL, "it refuses writes because maxmemory is reached"),
    "READONLY": (Reason.READ_ONLY, "it is a read-only replica"),
    "MASTERDOWN": (Reason.UPSTREAM_UNAVAILABLE, "its link to the master is down"),
    "CLUSTERDOWN": (Reason.UPSTREAM_UNAVAILABLE, "its cluster is down"),
    "NOREPLICAS": (Reason.UPSTREAM_UNAVAILABLE, "it has too few good replicas to accept writes"),
    "BUSY": (Reason.OVERLOADED, "a script or function keeps it busy"),
    "NOAUTH": (Reason.AUTH_FAILED, "it wants a password"),
    "WRONGPASS": (Reason.AUTH_FAILED, "the user name or password is wrong"),
    "NOPERM": (Reason.PERMISSION_DENIED, "the user may not run PING and INFO, or the write that is asked for"),
    "DENIED": (Reason.AUTH_FAILED, "protected mode lets only local clients in"),
    "MOVED": (Reason.WRONG_TARGET, "another node of the cluster has the key"),
}


def redis_failure(error: exceptions.RedisError) -> Finding:
    """The finding for an error reply or for a connection that failed."""
    word = getattr(error, "status_code", None) or str(error).split(" ", 1)[0]
    if word in _REASON_OF:
        reason, text = _REASON_OF[word]
        return failed(reason, f"{text} ({word})")
    text = str(error)
    if "max number of clients" in text:
        return failed(Reason.TOO_MANY_CONNECTIONS, "all of its client connections are in use")
    if isinstance(error, exceptions.AuthenticationError | exceptions.AuthenticationWrongNumberOfArgsError):
        return failed(Reason.AUTH_FAILED, "it does not accept the credentials")
    if isinstance(error, exceptions.TimeoutError):
        return failed(Reason.TIMEOUT, "no answer in time")
    if isinstance(error, exceptions.InvalidResponse):
        return failed(Reason.PROTOCOL_ERROR, "its answer is not the Redis protocol")
    if isinstance(error, exceptions.ConnectionError):
        # redis-py wraps what the kernel said; the original is the error's cause or context.
        inner = error.__cause__ or error.__context__
        if isinstance(inner, OSError):
            return os_failure(inner)
        return failed(Reason.CONNECTION_LOST, "the connection was lost")
    if isinstance(error, exceptions.ResponseError) and "DB index" in text:
        return failed(Reason.WRONG_TARGET, "it has no database of that number")
    return failed(Reason.WRONG_ANSWER, "it answers with an error that this probe does not know")
