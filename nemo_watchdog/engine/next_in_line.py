"""Who is told next while nobody answers, and when. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import dropwhile

from nemo_watchdog.engine.pages import Page
from nemo_watchdog.engine.reported import Acknowledgement, Declared
from nemo_watchdog.engine.state import Incident
from nemo_watchdog.policy.people import NextInLine
from nemo_watchdog.policy.policy import SeveritySpec


def line_of(spec: SeveritySpec) -> list[NextInLine]:
    """Without those at its head who are told at the opening: next is who comes after them."""
    return list(dropwhile(lambda each: each.to in spec.notify, spec.escalate))


def next_of(
    page: Page, ones: Sequence[Incident | Declared], spec: SeveritySpec, now: float
) -> tuple[NextInLine, float] | None:
    """Who, and when (monotonic seconds) unless it is answered until then; None at the end of the line.

    An answer for a while is no answer when it is over: counted is from its end.
    """
    following = next((each for each in line_of(spec) if each.to not in page.asked), None)
    if following is None:
        return None
    untils = [one.acknowledged.until for one in ones if one.acknowledged is not None]
    ended = [until for until in untils if until is not None and until <= now]
    began = max([page.clock.monotonic, *ended])
    return following, began + following.after


def answers(ones: Sequence[Incident | Declared], now: float) -> list[Acknowledgement] | None:
    """The answers that hold, one for each; None while something is unanswered."""
    given = [one.acknowledged for one in ones]
    holding = [each for each in given if each is not None and each.holds(now)]
    return holding if len(holding) == len(ones) else None
