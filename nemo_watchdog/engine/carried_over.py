"""What a changed policy leaves as it was: what is under way ends, and is verified, as it was ordered. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterator

from nemo_watchdog.engine.attempts import Ladder
from nemo_watchdog.engine.pacing import step_that_acted
from nemo_watchdog.engine.phases import Phase
from nemo_watchdog.engine.state import Durable
from nemo_watchdog.policy.policy import Policy

_UNDER_WAY = (Phase.ACTING, Phase.VERIFYING)


def carried_over(durable: Durable, before: Policy, after: Policy) -> frozenset[str]:
    """The ids of the actions under way whose step the policy has otherwise now, or not any more."""
    return frozenset(
        ladder.action_id
        for name, ladder in _under_way(durable)
        if step_that_acted(before, ladder) != step_that_acted(after, ladder)
    )


def still_under_way(durable: Durable, actions: Container[str]) -> Iterator[tuple[str, Ladder]]:
    """Of these actions: for whom, and its ladder."""
    return ((name, ladder) for name, ladder in _under_way(durable) if ladder.action_id in actions)


def _under_way(durable: Durable) -> Iterator[tuple[str, Ladder]]:
    for incident in durable.open():
        for name, ladder in incident.ladders.items():
            if ladder.actor == name and ladder.phase in _UNDER_WAY:
                yield name, ladder
