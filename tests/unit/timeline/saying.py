"""A record's sentence, as the timeline has it."""

from __future__ import annotations

from nemo_watchdog import records as r
from nemo_watchdog.timeline import detail
from nemo_watchdog.timeline.words import Story, said

assert detail.remedy_words  # it is the timeline that brings all of the words


def say(record: r.Record, *intents: r.ActionIntended) -> str:
    """In the incident `i`, in which these were ordered."""
    return said(record, Story("i", {each.action_id: each for each in intents}))
