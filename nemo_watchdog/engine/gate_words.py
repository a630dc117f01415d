"""What each gate and each verdict means, said to a person who was just woken. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from nemo_watchdog.model import Category, Gate, Health, Verdict

MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        Gate.NONE: "Nothing speaks against it.",
        Gate.BUG: (
            "The watchdog has found a mistake of its own, and does nothing to anything until the service is started "
            "again. Report what its log says."
        ),
        Gate.STOPPING: "The daemon is being stopped and begins nothing more: the one that starts next decides anew.",
        Gate.IN_FLIGHT: "One action is being carried out, and what comes of it is waited for.",
        Gate.REMEDY: (
            "There is nothing here that the watchdog may still try: a person must look. A remedy that has ended begins "
            "anew with `nemo-watchdog retry`, or when it has served again."
        ),
        Gate.JOURNAL: (
            "What is done must be written down first, or it would be done again without end: nothing is done until the "
            "journal can be trusted and written."
        ),
        Gate.PAUSE: "A person has ordered it: no action begins until that ends, or `nemo-watchdog resume`.",
        Gate.HUMAN_HOLD: "Somebody has hands on the container, or may have: what people do is not undone.",
        Gate.BLIND: "What cannot be seen or judged is not restarted: it may be working.",
        Gate.VERIFICATION: "Something was done to it, and it is being watched whether that has helped.",
        Gate.STORM: (
            "Much fails at once, or may: then what is shared is broken, and restarts of what runs would only add to it."
        ),
        Gate.UPSTREAM: "The trouble is above it: a restart here helps nobody before what it needs serves.",
        Gate.GRACE: "It may still be starting, and a restart would make it begin again.",
        Gate.CATEGORY: (
            "Only what is down, and broken in a way that the action mends, is acted on: not what is busy, has data at "
            "risk, or serves badly."
        ),
        Gate.EVIDENCE: "What was seen is from before the last action or the last start: it must be seen again first.",
        Gate.CONDITION: "Its remedy has a `when` in the policy, and that does not hold as things are.",
        Gate.MAINTENANCE: "People have planned to work on it now: nothing is done before the window ends.",
        Gate.FLAPPING: (
            "It goes down and comes back again and again, which restarts do not cure: one is let through now and then."
        ),
        Gate.REDUNDANCY: "It stands beside others that stand in for it, and never too many of them go at once.",
        Gate.LADDER_END: "All that its remedy has was tried, or it asks for a person, who is told: no more is tried.",
        Gate.BACKOFF: "After each attempt there is a gap before the next, each longer than the one before.",
        Gate.WORK: "Something is in progress there that a restart would lose.",
        Gate.AUTONOMY: "The policy leaves this to a person.",
        Gate.BUDGET: "Only so many actions are allowed in that time: what has not helped so often will not help.",
        Gate.CONCURRENCY: "Only so many actions run at once: its turn comes when another one has ended.",
        Gate.LAST_LOOK: "Right before anything is done it is looked at once more.",
    }
)

ENDS: Mapping[str, str] = MappingProxyType(
    {
        Gate.PAUSE: "the pause",
        Gate.HUMAN_HOLD: "the hold",
        Gate.MAINTENANCE: "the maintenance window",
        Gate.STORM: "the wait for the others",
        Gate.GRACE: "the start-up grace",
        Gate.REDUNDANCY: "the verification of the one beside it",
        Gate.VERIFICATION: "the verification",
        Gate.BACKOFF: "the backoff",
        Gate.FLAPPING: "the window of the flapping",
        Gate.BUDGET: "the wait for the budget",
        Gate.AUTONOMY: "the rejection",
    }
)
"""What it is that ends at a gate's `until`. That of `work` is when a person is told, and opens nothing."""

OPENED_BY_A_LOOK = frozenset({Gate.LAST_LOOK, Gate.EVIDENCE})
"""They are asked for when it is their turn, and take moments."""

NOW: Mapping[str, str] = MappingProxyType(
    {
        Verdict.ACT: "It is being acted on",
        Verdict.WAIT: "Nothing is done for now",
        Verdict.REFUSE: "Nothing is done",
        Verdict.ASK: "It is not done, but asked for",
        Verdict.ESCALATE: "A person is told, and nothing more is tried",
    }
)
THEN: Mapping[str, str] = MappingProxyType(
    {
        Verdict.ACT: "It was to be acted on",
        Verdict.WAIT: "Nothing was done for the time being",
        Verdict.REFUSE: "Nothing was done",
        Verdict.ASK: "It was not done, but asked for",
        Verdict.ESCALATE: "A person was told, and nothing more was tried",
    }
)

CATEGORIES: Mapping[str, str] = MappingProxyType(
    {
        Category.FAULT: "a fault: it is broken, and a restart may help",
        Category.BUSY: "busy: it needs time, and a restart would make it start over",
        Category.INTEGRITY: "integrity: data or hardware may be at risk, and a person must look",
        Category.BLIND: "blind: the watchdog cannot see how it is",
    }
)


def decided(leads: Mapping[str, str], verdict: str, gate: str, value: str) -> tuple[str, str]:
    """What is done or not, by which gate and for what; and what that means. Words that are newer are said as they are.

    `leads` is `NOW` or `THEN`.
    """
    what = leads.get(verdict, f"It is decided: {verdict}")
    return sentence(f"{what}, by the gate {gate}: {value}"), MEANINGS.get(gate, "")


def sentence(text: str) -> str:
    """With its full stop."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def told(at: datetime) -> str:
    """`2026-11-27 03:20:10 UTC`: whoever shows it to a person may say it in another zone."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def seen_as(health: str, since: datetime | None, category: str | None, reason: str | None, detail: str) -> str:
    """`down since …: refused (connection refused). That is a fault: …`; `up since …`."""
    how = health if since is None else f"{health} since {told(since)}"
    if not reason:
        return how
    why = f"{how}: {reason} ({detail})" if detail else f"{how}: {reason}"
    meant = CATEGORIES.get(category or "") if health in (Health.DOWN, Health.UNKNOWN) else None
    return f"{why}. That is {meant}" if meant else why


def counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
