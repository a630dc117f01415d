"""How an outage stands, in two lines for who is asked to answer for it."""

from __future__ import annotations

from nemo_watchdog.engine.answering import open_with
from nemo_watchdog.engine.declared_words import short
from nemo_watchdog.engine.listing import listed
from nemo_watchdog.engine.paging_words import since, when
from nemo_watchdog.engine.reported import Declared
from nemo_watchdog.runtime.core import Core


def how_it_is(core: Core, page: str) -> tuple[str, ...]:
    """Of all that is open of what people were told of as one; `page` is the incident that messages name."""
    engine, now = core.engine, core.clock.now().monotonic
    ones = open_with(engine.durable, page)
    if not ones:
        return ("It is over.",)
    gravest, began = min(one.severity for one in ones), when(min(map(since, ones)), engine.policy)
    names = [short(one.text) if isinstance(one, Declared) else one.root for one in ones]
    answers = [one.acknowledged for one in ones]
    owners = dict.fromkeys(each.by for each in answers if each is not None and each.holds(now))
    taken = f"Taken by {listed(list(owners))}." if owners else "Nobody has taken it."
    return f"{gravest}: {listed(names)}, since {began}.", taken
