"""Silences and maintenance as views for the API and the command line. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from nemo_watchdog.engine.engine import Engine
from nemo_watchdog.engine.quiet import Maintenance, Quiet
from nemo_watchdog.engine.quieting import in_force
from nemo_watchdog.model import Moment
from nemo_watchdog.people_views import QuietView


def silences(engine: Engine, now: Moment) -> tuple[QuietView, ...]:
    """Those that hold, the first to end first."""
    holding = [each for each in engine.durable.quiet.silences.values() if each.holds(now.monotonic)]
    return _sorted(quiet_view(engine, each, now) for each in holding)


def maintenance(engine: Engine, now: Moment) -> tuple[QuietView, ...]:
    """Those that hold, windows of the policy that are open among them."""
    return _sorted(quiet_view(engine, each, now) for each in in_force(engine.durable.quiet.maintenance.values()))


def quiet_view(engine: Engine, quiet: Quiet, now: Moment) -> QuietView:
    work = quiet if isinstance(quiet, Maintenance) else None
    window, public = (work.window, work.public) if work is not None else ("", None)
    planned = [each for each in engine.policy.maintenance if window and each.name == window]
    if window:
        ends = [each.end(now.utc) for each in planned]
        until = next((end for end in ends if end is not None), now.utc)
        public = next((each.public for each in planned), None)
    else:
        until = now.utc + timedelta(seconds=quiet.end - now.monotonic)
    return QuietView(
        id=quiet.identity,
        dependencies=quiet.scope.dependencies,
        tags=quiet.scope.tags,
        since=quiet.began.utc.isoformat(),
        until=until.isoformat(),
        reason=quiet.reason,
        by=quiet.by,
        window=window,
        public=public,
    )


def _sorted(views: Iterable[QuietView]) -> tuple[QuietView, ...]:
    return tuple(sorted(views, key=lambda each: (each.until, each.id)))
