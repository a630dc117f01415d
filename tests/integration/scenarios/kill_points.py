"""At which point of an action the daemon is killed: named by the stage that it has come to, for people to read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.integration.killed_at import EVIDENCE
from tests.integration.scenarios.docker_socket import When


@dataclass(frozen=True, slots=True)
class Call:
    """Something that Docker is asked. `number`: of those that `request` finds, this one."""

    name: str
    request: str
    """A pattern of its first line, after the version of the API."""
    told: str = ""
    """The event by which Docker tells that it was done; empty where it tells nothing."""
    number: int = 1
    done: int = 1
    """How many such events there are then."""

    def again(self, name: str, number: int = 2) -> Call:
        return replace(self, name=name, number=number, done=number)


@dataclass(frozen=True, slots=True)
class Point:
    """Either at a `record` (as `killed_at` reads it) or at a `call`."""

    stage: str
    what: str
    record: str = ""
    call: Call | None = None
    when: When = When.BEFORE
    helps: bool = True
    """The action cures what is broken."""
    asks: bool = False
    """A person must allow it, and does."""
    slow: bool = False
    """What is stopped takes so long for it that the next daemon comes upon that."""
    outlasts: bool = False
    """It takes longer than the next daemon waits for it: what that intends then is refused, and never ordered."""

    @property
    def name(self) -> str:
        return f"{self.stage}: {self.what}"


WORDS = {
    "before": "before {} is on disk",
    "unproven": "{} is on disk, and not yet proven by the head beside it",
    "after": "{} is on disk",
    "look": "at the first look after {} is on disk",
}


def at(stage: str, record: str, *, helps: bool = True, asks: bool = False) -> Point:
    when, _, kind = record.partition(":")
    return Point(stage, WORDS[when].format(kind), record, helps=helps, asks=asks)


def around(stage: str, kind: str, *, helps: bool = True, asks: bool = False) -> Iterator[Point]:
    """Before the record is on disk, and after it."""
    for when in ("before", "after"):
        yield at(stage, f"{when}:{kind}", helps=helps, asks=asks)


def of(stage: str, call: Call, *, helps: bool = True, meanwhile: bool = False) -> Iterator[Point]:
    """Before Docker hears the order, perhaps while it does it, and when it has done it and the answer is unheard."""
    for when in When:
        if when is not When.MEANWHILE or meanwhile:
            yield Point(stage, f"{call.name}, {when.value}", call=call, when=when, helps=helps)


def slowly(stage: str, call: Call, *, helps: bool = True) -> Point:
    """While Docker does it, which it still does when the next daemon is there."""
    when = When.MEANWHILE
    return Point(stage, f"{call.name}, slowly, {when.value}", call=call, when=when, helps=helps, slow=True)


LOG = Call("Docker is asked for the log", r"GET .*/containers/[^/ ]+/logs")
RESTART = Call("the restart", r"POST .*/containers/[^/ ]+/restart", "restart")
START = Call("the start", r"POST .*/containers/[^/ ]+/start", "start")
UNPAUSE = Call("the unpause", r"POST .*/containers/[^/ ]+/unpause", "unpause")
KILL = Call("the signal", r"POST .*/containers/[^/ ]+/kill", "kill")
CREATE = Call("the new container is made", r"POST .*/containers/create\?", "create")
CONNECT = Call("the new container is put on its second network", r"POST .*/networks/[^/ ]+/connect")
UPDATE = Call("the restart policy of the old one is set", r"POST .*/containers/[^/ ]+/update", "update")
STOP = Call("the old one is stopped", r"POST .*/containers/[^/ ]+/stop", "stop")
RENAME_OLD = Call("the old one is renamed", r"POST .*/rename\?name=\S+-nemo-old", "rename")
RENAME_NEW = Call("the new one is renamed", r"POST .*/rename\?name=(?!\S+-nemo-)", "rename", done=2)
START_NEW = replace(START, name="the new one is started")
REMOVE_OLD = Call("the old one is removed", r"DELETE .*/containers/", "destroy")
STOP_NEW = STOP.again("the new one is stopped")
UPDATE_BACK = UPDATE.again("the restart policy is given back")
REMOVE_NEW = replace(REMOVE_OLD, name="the new one is removed")
RENAME_BACK = replace(RENAME_NEW, name="the old one has its name again", number=2, done=3)
START_OLD = START.again("the old one is started again")

INTENT = (
    at("intent", "before:action_intended"),
    at("intent", "unproven:action_intended"),
    at("intent", "after:action_intended"),
)
TAKEN = (
    Point("evidence", f"{LOG.name}, and has not told it", call=LOG),
    Point("evidence", "it is taken, and not kept yet", record=f"before:{EVIDENCE}"),
    Point("evidence", "it is kept", record=f"after:{EVIDENCE}"),
)
OUTCOME = tuple(around("outcome", "action_ended"))
VERIFIED = (
    at("verification", "look:action_ended"),
    *around("verification", "member_recovered"),
    *around("verification", "incident_resolved"),
)
IN_VAIN = (*around("verification", "attempt_failed", helps=False), *around("verification", "escalated", helps=False))
ALLOWED = (
    *around("approval", "proposal_approved", asks=True),
    *around("approval, intent", "action_intended", asks=True),
)
REPLACED = tuple(
    point
    for call in (CREATE, UPDATE, STOP, RENAME_OLD, RENAME_NEW, START_NEW)
    for point in of("action", call, meanwhile=call is STOP)
)
CONNECTED = tuple(of("action", CONNECT))
FINISHED = (
    *around("settling", "settling_began"),
    *of("settling", REMOVE_OLD),
    *around("settling", "settling_ended"),
)
PUT_BACK = (
    *around("settling, put back", "settling_began", helps=False),
    *(
        point
        for call in (STOP_NEW, UPDATE_BACK, REMOVE_NEW, RENAME_BACK, START_OLD)
        for point in of("settling, put back", call, helps=False, meanwhile=call is STOP_NEW)
    ),
    *around("settling, put back", "settling_ended", helps=False),
)
LOOKED_AT = VERIFIED[:1]
RUNS = Point("action", "its program runs, and goes on", record="")
HEARD = Point("action", "the other side has heard it, and has not answered", record="")
STOPS = Point("action", "systemd's job runs, and its unit stops")
STOPS_SLOWLY = Point("action", "systemd's job runs, and its unit stops, slowly", slow=True)
STOPS_FOR_LONG = Point("action", "systemd's job runs, and its unit stops for longer than is waited for", outlasts=True)
STARTS = Point("action", "systemd's job runs, and its unit starts")
RELOADS = Point("action", "systemd's job runs, and its unit reads its configuration anew")

POINTS: dict[str, tuple[Point, ...]] = {
    "docker.restart": (
        *(*INTENT, *TAKEN, *of("action", RESTART, meanwhile=True)),
        *(slowly("action", RESTART), *OUTCOME, *VERIFIED, *IN_VAIN, *ALLOWED),
    ),
    "docker.recreate": (
        *(*INTENT, *TAKEN, *REPLACED, slowly("action", STOP), *CONNECTED, *OUTCOME, *VERIFIED, *IN_VAIN),
        *(*FINISHED, *PUT_BACK, slowly("settling, put back", STOP_NEW, helps=False), *ALLOWED),
    ),
    "docker.rollback": (
        *(*INTENT, *(point for point in REPLACED if point.call in {CREATE, STOP, START_NEW}), *OUTCOME),
        *(*LOOKED_AT, *FINISHED, *(point for point in PUT_BACK if point.call in {REMOVE_NEW, START_OLD})),
    ),
    "docker.start": (*INTENT, *of("action", START), *OUTCOME, *LOOKED_AT),
    "docker.kill": (*INTENT, *of("action", KILL), *OUTCOME, *LOOKED_AT),
    "docker.unpause": (*INTENT, *of("action", UNPAUSE), *OUTCOME, *LOOKED_AT),
    "compose.up": (*INTENT, *of("action", START), *OUTCOME, *LOOKED_AT),
    "systemd.restart": (*INTENT, STOPS, STOPS_SLOWLY, STOPS_FOR_LONG, STARTS, *OUTCOME, *LOOKED_AT),
    "systemd.start": (*INTENT, STARTS, *OUTCOME, *LOOKED_AT),
    "systemd.reload": (*INTENT, RELOADS, *OUTCOME, *LOOKED_AT),
    "command": (*INTENT, RUNS, *OUTCOME, *LOOKED_AT),
    "webhook": (*INTENT, HEARD, *OUTCOME, *LOOKED_AT),
}
"""By action, in the order in which they come. What all actions have in common is played with two of them alone."""
