"""The must-not-restart suite: `python -m tests.suites.restraint`. In each situation a restart would be wrong.

Exit code 0 when the watchdog saw each for what it is and Docker saw no restart but those that a person did.
"""

from __future__ import annotations

import asyncio
import sys

from tests.suites.at_risk import AT_RISK
from tests.suites.blind import BLIND
from tests.suites.busy import BUSY
from tests.suites.endings import ENDINGS
from tests.suites.exits import EXITS
from tests.suites.held import HELD
from tests.suites.looping import LOOPING
from tests.suites.never_up import NEVER_UP
from tests.suites.overload import OVERLOADED
from tests.suites.people import PEOPLE
from tests.suites.signalled import SIGNALLED
from tests.suites.situations import Situation, Stage, choose, play_all
from tests.suites.too_long import TOO_LONG
from tests.suites.touched import TOUCHED
from tests.suites.unseen import UNSEEN

FEWEST = 100

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
)


async def goes_on(stage: Stage, _: Situation) -> None:
    """It has its chances to do something."""
    await stage.daemon.more_looks(6)


def main() -> int:
    if len(SITUATIONS) < FEWEST:
        raise SystemExit(f"{len(SITUATIONS)} situations: fewer than {FEWEST} prove too little")
    title = "Situations in which a restart would be wrong"
    chosen = choose(SITUATIONS, sys.argv[1:])
    well = asyncio.run(play_all(chosen, goes_on, lambda situation: situation.by_people, title))
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
