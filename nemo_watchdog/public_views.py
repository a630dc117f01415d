"""What users are told of the platform, as `views`, which says how to read it: nothing of the inside is in it.

No name of a dependency or a container, no reason, rule, severity or person: components as the policy calls them for
users, how they work in a closed word, and what a person wrote for users to read.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PublicDayView:
    """One day in UTC: in how much of the time that was seen it worked (0 to 1); None where nothing was seen."""

    day: str
    uptime: float | None


@dataclass(frozen=True, slots=True)
class PublicComponentView:
    """`state` is `operational`, `degraded`, `outage`, `maintenance`, or `unknown` while nobody can tell."""

    name: str
    description: str
    state: str
    uptime: float | None
    """Of all `days`."""
    days: tuple[PublicDayView, ...]
    """The last 90, the oldest first, today last."""


@dataclass(frozen=True, slots=True)
class PublicUpdateView:
    """What a person wrote for users."""

    at: str
    text: str


@dataclass(frozen=True, slots=True)
class PublicIncidentView:
    """`id` tells it apart, and nothing of it. `state` is the worst that users saw: `degraded` or `outage`."""

    id: str
    components: tuple[str, ...]
    """Those concerned; none where a person wrote of something that no component stands for."""
    state: str
    began: str
    ended: str | None
    updates: tuple[PublicUpdateView, ...]
    """The newest first."""


@dataclass(frozen=True, slots=True)
class PublicMaintenanceView:
    """Work that users are told of before it begins, or while it goes on. `id` tells it apart, and nothing of it."""

    id: str
    components: tuple[str, ...]
    """Those that it may make worse."""
    text: str
    """What users are told of it; may be empty."""
    begins: str
    ends: str


@dataclass(frozen=True, slots=True)
class PublicView:
    """`GET /api/v1/public` and `/status.json`."""

    published: bool
    """False where the policy publishes nothing: then there is nothing else in it."""
    at: str
    state: str
    """Of the platform: the worst of its components."""
    components: tuple[PublicComponentView, ...] = ()
    incidents: tuple[PublicIncidentView, ...] = ()
    """The open ones, the newest first."""
    history: tuple[PublicIncidentView, ...] = ()
    """Those that ended in the last 90 days, the newest first."""
    complete: bool = True
    """False while what was is still read, or cannot be: incidents, updates, history and days may lack something."""
    maintenance: tuple[PublicMaintenanceView, ...] = ()
    """What goes on and what is announced for the next 7 days, the first to begin first."""
