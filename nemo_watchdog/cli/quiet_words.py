"""A silence, or maintenance, in a line for people. Pure."""

from __future__ import annotations

from nemo_watchdog.people_views import QuietView


def scope_said(quiet: QuietView) -> str:
    """`gateway, redis`, `what has the tag core`; `everything` where it names neither."""
    named = [*quiet.dependencies, *(f"what has the tag {tag}" for tag in quiet.tags)]
    return ", ".join(named) or "everything"
