"""Situations in which a container is made anew, or must not be: what it may never cost."""

from __future__ import annotations

from tests.integration.daemon import DaemonError
from tests.suites import kept
from tests.suites.acts import GATEWAY, in_turn, swap, switch
from tests.suites.cures import both, step, steps
from tests.suites.kept import Keeps, WithNamedVolume
from tests.suites.released import PROVEN_WITHIN, Released
from tests.suites.situations import Happens, Rewrites, Situation, Stage

ANEW = steps(step("docker.recreate", attempts=1, stop_timeout="2s", verify_within="8s"))
AT_MOST = {"recreate": 1, "stop": 2, "rename": 4, "remove": 1, "start": 1}
"""Of which the last one is the start of the old one, where it is put back."""


def breaks(file: str) -> Happens:
    async def act(stage: Stage) -> None:
        await stage.platform.exec("gateway", "touch", file)

    return act


async def settled(stage: Stage) -> None:
    ended = await stage.daemon.event("settling_ended", within=90.0)
    if ended["outcome"] != "succeeded":
        raise DaemonError(f"what was left behind is not ended: {ended['detail']}")


def refused(action: str, *words: str, more: int = 2) -> Happens:
    """It was ordered so often and never begun; why is in its words."""

    async def act(stage: Stage) -> None:
        while True:
            ended = [line for line in stage.daemon.events if line["event"] == "action_ended"]
            for line in ended:
                if (line["action"], line["outcome"]) != (action, "refused") or not all(
                    word in line["detail"] for word in words
                ):
                    raise DaemonError(f"{line['action']} {line['outcome']}: {line['detail']}")
            if len(ended) >= more:
                return
            await stage.daemon.event("action_ended", within=60.0, after=_behind_last(stage))

    return act


def _behind_last(stage: Stage) -> int:
    lines = stage.daemon.events
    return next((at + 1 for at in reversed(range(len(lines))) if lines[at]["event"] == "action_ended"), 0)


async def dies_in_the_middle(stage: Stage) -> None:
    await stage.daemon.event("action_started", within=60.0, action="docker.recreate")
    await stage.daemon.kill9()
    await stage.daemon.start()
    await settled(stage)


def never_anew(name: str, part: Keeps, *words: str) -> Situation:
    return Situation(
        f"a new one would be made of {name}",
        [part],
        "gateway",
        "wrong_status",
        in_turn(breaks(kept.OWN_FAULT), refused("docker.recreate", *words)),
        prepares=kept.write,
        rewrites=ANEW,
        made=WithNamedVolume,
        afterwards=in_turn(kept.is_the_same_run, kept.volumes_are_kept, kept.one_at_a_time),
    )


class Database(Released):
    """Each release of its image is of another major version; it answers whatever it is."""

    async def _release(self, **environment: str) -> None:
        await super()._release(PG_MAJOR=str(16 + len(self._images)), **environment)


async def next_release(stage: Stage) -> None:
    assert isinstance(stage.platform, Database)
    proven = await stage.daemon.event("image_proven", within=PROVEN_WITHIN)
    assert proven["image_id"] == stage.before["Image"]
    await stage.platform.deploy_bad()


async def proves_itself(stage: Stage) -> None:
    await stage.daemon.event("image_proven", within=PROVEN_WITHIN)


def skipped(*words: str) -> Happens:
    """The ladder has gone past its only step, and says why."""

    async def act(stage: Stage) -> None:
        told = await stage.daemon.get("/api/v1/dependencies/gateway/explain")
        if not all(word in told for word in words):
            raise DaemonError(f"explain does not say why: {told}")

    return act


def back(tags: str = "[core]") -> Rewrites:
    return both(
        swap("    tags: [core]\n", f"    tags: {tags}\n"),
        steps(step("docker.rollback", proven_for="1m", stop_timeout="2s")),
    )


MADE_ANEW = (
    Situation(
        "a new container has the volumes of the old one",
        [Keeps()],
        "gateway",
        "health:up",
        in_turn(breaks(kept.OWN_FAULT), settled),
        prepares=kept.write,
        rewrites=ANEW,
        rightly={"recreate": 1, "stop": 1, "rename": 2, "remove": 1},
        made=WithNamedVolume,
        afterwards=in_turn(kept.is_another, kept.volumes_are_kept, kept.one_at_a_time),
    ),
    Situation(
        "a new container does not serve either",
        [Keeps()],
        "gateway",
        "wrong_status",
        in_turn(breaks(kept.KEPT_FAULT), settled),
        prepares=kept.write,
        rewrites=ANEW,
        rightly=AT_MOST,
        made=WithNamedVolume,
        afterwards=in_turn(kept.is_the_same, kept.volumes_are_kept, kept.one_at_a_time),
    ),
    Situation(
        "the watchdog dies while it makes a new container",
        [Keeps()],
        "gateway",
        "wrong_status",
        in_turn(breaks(kept.OWN_FAULT), dies_in_the_middle),
        prepares=kept.write,
        rewrites=ANEW,
        rightly=AT_MOST,
        made=WithNamedVolume,
        afterwards=in_turn(kept.is_the_same, kept.volumes_are_kept, kept.one_at_a_time),
    ),
    never_anew("what goes with its end", kept.GoesWithItsEnd(), "--rm"),
    never_anew("one of Swarm's", kept.OfSwarm(), "Swarm"),
    Situation(
        "a database would go back to another major version",
        GATEWAY,
        "gateway",
        "wrong_status",
        in_turn(next_release, refused("docker.rollback", "PG_MAJOR 17", "PG_MAJOR 16", more=1)),
        rewrites=back("[core, data]"),
        people_order={"kill 9": 1, "remove": 1, "create": 1},
        made=Database,
    ),
    Situation(
        "the image is the one that had proven itself",
        GATEWAY,
        "gateway",
        "wrong_status",
        in_turn(proves_itself, switch("gateway", "500")),
        rewrites=back(),
        made=Released,
        afterwards=skipped("the image has not changed since it was proven"),
    ),
)
