"""A model server's own metrics for people to read: what tells of its queue and its tokens comes first."""

from __future__ import annotations

import re

from nemo_watchdog.errors import in_one_line
from nemo_watchdog.probes.http.evidence import how_it_ended, timings, without_secrets
from nemo_watchdog.probes.http.lenient import Request
from nemo_watchdog.probes.http.raw_answer import End, hear
from nemo_watchdog.probes.shared.deadline import FOR_EVIDENCE

MOST_LINES = 400

_MOST_READ = 512 * 1024
"""Bytes: every line of it is looked at, and that time is the event loop's."""
_LONGEST_LINE = 400
_MATTERS = re.compile(
    r"running|waiting|queue|deferred|processing|cache|token|preempt|swapped|batch|slots|decode|success|fail|abort"
)
_DETAIL = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*(_bucket|_created)[{ ]")
"""Parts of histograms: there are many, and their sum and count are lines of their own."""


async def metrics_text(request: Request, within: float = FOR_EVIDENCE) -> str:
    """The page, as far as it came within so many seconds."""
    heard = await hear(request, _MOST_READ, within)
    status = "no answer" if heard.status is None else f"status {heard.status}"
    lines = without_secrets(heard.body.decode("utf-8", "replace"), request).splitlines()
    if heard.end is not End.WHOLE and lines:
        lines.pop()  # it may be half a number
    told = [line for line in lines if line and not line.startswith("#") and not _DETAIL.match(line)]
    told.sort(key=lambda line: not _MATTERS.search(line.partition(" ")[0].partition("{")[0]))
    shown = [in_one_line(line)[:_LONGEST_LINE] for line in told[:MOST_LINES]]
    if len(told) > MOST_LINES:
        shown.append(f"… {len(told) - MOST_LINES} more lines are left out")
    elif heard.end is End.ENOUGH:
        shown.append("… the rest of the page was not read")
    return "\n".join([f"{status}: {timings(heard)}", *shown, *filter(None, [how_it_ended(heard)])])
