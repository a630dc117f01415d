"""What Docker answers in place of what it was asked for, as findings. An answer is not silence; all of it is blind."""

from __future__ import annotations

from nemo_watchdog.errors import QuestionRefused
from nemo_watchdog.model import Finding, Reason, failed

_REASON_OF = {
    401: Reason.PERMISSION_DENIED,
    403: Reason.PERMISSION_DENIED,  # also what a socket proxy says to what its list does not allow
    404: Reason.CONTAINER_MISSING,
    409: Reason.WRONG_TARGET,
}
_UNREADABLE_LOG = "does not support reading"
"""Of the log drivers `none`, `syslog` and others, with 501 or 500 (moby, daemon/logger: ErrReadLogsNotSupported)."""


def refusal(error: QuestionRefused) -> Finding:
    """The finding, with Docker's own words in it."""
    if _UNREADABLE_LOG in error.words:
        what = "start the container with a log driver that Docker can read, such as `local`, or use another probe"
        return failed(Reason.WRONG_TARGET, f"Docker keeps no log of it that can be read: {what} ({error.words})")
    reason = _REASON_OF.get(error.status, Reason.REPORTED_BLIND)
    return failed(reason, f"Docker answered {error.status}: {error.words}")
