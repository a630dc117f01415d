"""The must-not-restart suite: `python -m tests.suites.restraint`. In each, to act or to do more would be wrong.

Exit code 0 when the watchdog saw each for what it is, `explain` named the gate that held, then and later, and Docker
saw no order to a container but those that a person gave.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter

from tests.suites.anew import MADE_ANEW
from tests.suites.asked import ASKED
from tests.suites.at_risk import AT_RISK
from tests.suites.blind import BLIND
from tests.suites.busy import BUSY
from tests.suites.endings import ENDINGS
from tests.suites.exits import EXITS
from tests.suites.explained import must_explain
from tests.suites.held import HELD
from tests.suites.looping import LOOPING
from tests.suites.never_up import NEVER_UP
from tests.suites.overload import OVERLOADED
from tests.suites.own_held import OWN_HELD
from tests.suites.people import PEOPLE
from tests.suites.people_did import causes
from tests.suites.shop import SHOP
from tests.suites.signalled import SIGNALLED
from tests.suites.situations import Situation, Stage, choose, in_words, play_all
from tests.suites.stopped import STOPPED
from tests.suites.too_long import TOO_LONG
from tests.suites.touched import TOUCHED
from tests.suites.units_held import UNITS_HELD
from tests.suites.unseen import UNSEEN

FEWEST = 160

SITUATIONS = (
    *BUSY,
    *AT_RISK,
    *BLIND,
    *HELD,
    *PEOPLE,
    *LOOPING,
    *SIGNALLED,
    *ENDINGS,
    *NEVER_UP,
    *TOO_LONG,
    *OVERLOADED,
    *TOUCHED,
    *UNSEEN,
    *EXITS,
    *STOPPED,
    *MADE_ANEW,
    *SHOP,
    *UNITS_HELD,
    *OWN_HELD,
    *ASKED,
)


CAUSED: dict[str, Counter[str]] = {}
"""By each situation's name: what people may have caused in it."""
EXPLAINED: Counter[str] = Counter()
"""How many situations `explain` named each gate in, then and later."""


async def goes_on(stage: Stage, situation: Situation) -> None:
    """It has its chances to do something, and can say why it does not."""
    await stage.daemon.more_looks(6)
    EXPLAINED[await must_explain(stage, situation.of)] += 1
    await situation.afterwards(stage)
    CAUSED[situation.name] = causes(stage.platform.asked)


def intervened(situation: Situation, orders: Counter[str]) -> str:
    """What Docker tells of that is neither people's nor right."""
    allowed = Counter(CAUSED[situation.name])
    allowed.update(situation.people_order)
    allowed.update(situation.rightly)
    allowed["restart"] += situation.by_people
    if more := orders - allowed:
        return f"not by people: {in_words(more)}"
    if orders["restart"] < situation.by_people:
        return f"{orders['restart']} restarts, and {situation.by_people} by people"
    return ""


def main() -> int:
    if len(SITUATIONS) < FEWEST:
        raise SystemExit(f"{len(SITUATIONS)} situations: fewer than {FEWEST} prove too little")
    title = "Situations in which to act would be wrong"
    chosen = choose(SITUATIONS, sys.argv[1:])
    well = asyncio.run(play_all(chosen, goes_on, intervened, title))
    gates = ", ".join(f"{gate} {count}" for gate, count in EXPLAINED.most_common())
    print(f"explain named what held in {EXPLAINED.total()} of {len(chosen)}, then and later: {gates}")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
