"""Back to the image that has proven itself: which one, under which name, and never with data of another version."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import pytest
from pydantic import ValidationError

from nemo_watchdog.actions.docker.rollback import LONGEST, SHORTEST, DockerRollback, RollbackOptions
from nemo_watchdog.actions.docker.versions import version_of, why_not_between
from nemo_watchdog.errors import ContainersUnreachable, OrderFailed
from nemo_watchdog.model import CONTAINER, ActionOutcome, ActionRequest, ActionResult, Target
from nemo_watchdog.ports import ActionContext
from nemo_watchdog.recreation import tag_of
from nemo_watchdog.testing.fake_recreation import PRESENT, PROVEN, Died, FakeRecreation
from nemo_watchdog.testing.fakes import FakeContainers, ManualClock

OLD = "ab" * 32
PG = {"16": ["PG_MAJOR=16"], "17": ["PG_MAJOR=17"]}


def engine(now: list[str] | None = None, then: list[str] | None = None) -> FakeRecreation:
    """`web` runs from `app:1`, which is bad; what that was before is there. These are their environments."""
    fake = FakeRecreation()
    fake.add("web", OLD)["Config"] |= {"Env": [*(now or ()), "RELEASE=2", "OWN=1"], "Cmd": ["serve", "2"]}
    fake.configs = {
        PRESENT: {"Env": [*(now or ()), "RELEASE=2"], "Cmd": ["serve", "2"]},
        PROVEN: {"Env": [*(then or ()), "RELEASE=1"], "Cmd": ["serve", "1"]},
    }
    fake.images = {"app:1": PRESENT}
    return fake


def request(containers: FakeContainers, made: str = "", **more: Any) -> ActionRequest:
    options = RollbackOptions.model_validate(more.pop("options", {}))
    judged, target = containers.statuses["web"], Target(CONTAINER, "web")
    changes = {"image": PROVEN, "image_name": "app:1", **more}
    return ActionRequest("a-1", "i-1", "it", "docker.rollback", target, options, judged, 5.0, made=made, **changes)


class Rollback:
    def __init__(self, fake: FakeRecreation) -> None:
        self.fake = fake
        self.containers = FakeContainers(ManualClock(), ["web"])
        status = self.containers.statuses["web"]
        fake.there[status.container_id] = fake.there.pop(OLD) | {"Id": status.container_id}
        self.old = status.container_id
        self.action = DockerRollback(ActionContext(self.containers, recreation=fake))

    async def run(self, **more: Any) -> ActionResult:
        return await self.action.run(request(self.containers, **more))

    async def settle(self, helped: bool | None, made: str = "") -> ActionResult:
        return await self.action.settle(request(self.containers, made), helped)

    @property
    def orders(self) -> set[str]:
        return {call[0] for call in self.fake.calls} - {"show", "image"}

    def is_as_before(self) -> bool:
        return self.fake.names() == {"web": "running"} and self.fake.named("web") == self.fake.there[self.old]


async def test_a_new_container_from_the_proven_image_takes_the_place() -> None:
    """With what was asked for, and nothing that the bad image brought; the outcome says which image it is."""
    it = Rollback(engine())
    result = await it.run()
    assert result.outcome is ActionOutcome.SUCCEEDED
    assert result.detail.startswith(f"a container from the image app:1 ({PROVEN}) has taken its place")
    made = it.fake.there[result.made]
    assert made["Config"]["Env"] == ["OWN=1"]
    assert it.fake.names() == {"web": "running", "web-nemo-old": "exited"}
    assert (await it.settle(helped=True, made=result.made)).outcome is ActionOutcome.SUCCEEDED
    assert it.fake.names() == {"web": "running"}


@pytest.mark.parametrize(
    ("names", "asked"),
    [
        ({"app:1": PROVEN, tag_of("web"): PROVEN}, "app:1"),
        ({"app:1": PRESENT, tag_of("web"): PROVEN}, "nemo-watchdog/keep:web"),
        ({tag_of("web"): PROVEN}, "nemo-watchdog/keep:web"),
        ({"app:1": PRESENT, tag_of("web"): PRESENT}, PROVEN),
        ({}, PROVEN),
    ],
)
async def test_the_name_that_it_is_made_by(names: dict[str, str], asked: str) -> None:
    """The image's own, where that still means it, else our tag, else the id: whatever a name means by now."""
    it = Rollback(engine())
    it.fake.images = names
    result = await it.run()
    assert it.fake.there[result.made]["Config"]["Image"] == asked


async def refused(it: Rollback, **more: Any) -> str:
    result = await it.run(**more)
    assert result.outcome is ActionOutcome.REFUSED
    assert it.orders == set()
    assert it.is_as_before()
    return result.detail


async def test_what_there_is_nothing_to_go_back_to_for_is_refused() -> None:
    """Nothing is ordered, and the sentence says why."""
    it = Rollback(engine())
    assert "has proven itself" in await refused(it, image="")
    assert "has not changed since" in await refused(it, image=PRESENT)
    del it.fake.configs[PROVEN]
    assert f"the image app:1 ({PROVEN}) is gone, as after `docker image prune -a`" in await refused(it)


async def test_a_present_image_that_is_gone_is_refused() -> None:
    """What of the configuration came with it cannot be told."""
    it = Rollback(engine())
    it.fake.images, it.fake.configs = {}, {PROVEN: {}}
    assert "the image that it has now was removed" in await refused(it)


async def test_no_container_is_refused() -> None:
    """It went between two questions."""
    it = Rollback(engine())
    it.fake.there.clear()
    result = await it.run()
    assert (result.outcome, result.detail) == (ActionOutcome.REFUSED, "Docker has no container named web")


async def test_data_go_back_to_no_other_version() -> None:
    """Unless the policy says so in so many words; both versions are named."""
    it = Rollback(engine(PG["17"], PG["16"]))
    said = await refused(it, keeps_data=True)
    assert said == (
        "it keeps data, and its image now is PG_MAJOR 17, the proven one PG_MAJOR 16: "
        "`across_versions: true` of the step would allow that"
    )
    result = await it.run(keeps_data=True, options={"across_versions": True})
    assert result.outcome is ActionOutcome.SUCCEEDED


async def test_what_keeps_no_data_goes_back_to_any_version() -> None:
    """A gateway has nothing that another version could not read."""
    assert (await Rollback(engine(PG["17"], PG["16"])).run()).outcome is ActionOutcome.SUCCEEDED


async def test_data_go_back_to_the_same_version() -> None:
    """A later build of it that is broken."""
    result = await Rollback(engine(PG["17"], PG["17"])).run(keeps_data=True)
    assert result.outcome is ActionOutcome.SUCCEEDED


@pytest.mark.parametrize(
    ("now", "then", "allowed"),
    [
        (["PG_MAJOR=16"], ["PG_MAJOR=16"], True),
        (["PG_MAJOR=16", "PG_VERSION=16.4"], ["PG_MAJOR=16", "PG_VERSION=16.3"], True),
        (["PG_MAJOR=9.6"], ["PG_MAJOR=9.5"], False),
        (["PG_MAJOR=17"], ["PG_MAJOR=16"], False),
        (["REDIS_VERSION=7.2.4"], ["REDIS_VERSION=7.2.3"], True),
        (["REDIS_VERSION=7.2.4"], ["REDIS_VERSION=7.0.15"], False),
        (["REDIS_VERSION=8.0.0"], ["REDIS_VERSION=7.4.0"], False),
        (["PG_MAJOR=16"], [], False),
        ([], ["PG_MAJOR=16"], False),
        ([], [], False),
        (["PG_MAJOR="], ["PG_MAJOR="], False),
        (["PG_MAJOR=16"], ["REDIS_VERSION=16"], False),
    ],
)
def test_which_versions_read_the_same_data(now: list[str], then: list[str], allowed: bool) -> None:
    """What is not known to be the same is another one."""
    said = why_not_between({"Config": {"Env": now}}, {"Config": {"Env": then}})
    assert (said == "") is allowed


def test_the_label_of_a_base_image_is_no_version_of_what_runs_in_it() -> None:
    """Two databases on one Ubuntu have it alike."""
    ubuntu = {"Config": {"Env": None, "Labels": {"org.opencontainers.image.version": "24.04"}}}
    assert version_of(ubuntu) == ""
    assert "of a version that it does not tell" in why_not_between(ubuntu, ubuntu)


CALLS = 13
"""Of one rollback to an image that has its own name; each is a place to die at."""


async def dies(it: Rollback, work: Awaitable[object], at: int, *, after: bool) -> None:
    it.fake.dies_at, it.fake.after = at, after
    with pytest.raises(Died):
        await work
    it.fake.dies_at = None


async def test_every_call_is_a_place_to_die_at() -> None:
    """The number is all of them."""
    it = Rollback(engine())
    it.fake.images = {"app:1": PROVEN}
    await it.run()
    assert len(it.fake.calls) == CALLS


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, CALLS + 1))
async def test_a_rollback_that_died_is_put_back(at: int, after: bool) -> None:
    """Before or after any of its calls: the old container has its name and runs, and no other is there."""
    it = Rollback(engine())
    it.fake.images = {"app:1": PROVEN}
    await dies(it, it.run(), at, after=after)
    assert (await it.settle(helped=None)).outcome is ActionOutcome.SUCCEEDED
    assert it.is_as_before()
    assert it.fake.most_running <= 1


@pytest.mark.parametrize("order", ["create", "set_restart_policy", "stop", "rename", "start"])
async def test_what_docker_refuses_is_taken_back(order: str) -> None:
    """With Docker's own words."""
    it = Rollback(engine())
    it.fake.raises[order] = OrderFailed("Docker could not: no space left")
    result = await it.run()
    assert result.outcome is ActionOutcome.FAILED
    assert "no space left" in result.detail
    assert it.is_as_before()


@pytest.mark.parametrize("question", ["show", "image"])
async def test_a_docker_that_does_not_answer_is_refused(question: str) -> None:
    """It surely heard no order."""
    it = Rollback(engine())
    it.fake.raises[question] = ContainersUnreachable("no answer")
    assert await refused(it) == "no answer"


async def test_what_did_not_help_is_put_back() -> None:
    """The container with the newer image serves in its place again, for whoever must look."""
    it = Rollback(engine())
    result = await it.run()
    assert (await it.settle(helped=False, made=result.made)).outcome is ActionOutcome.SUCCEEDED
    assert it.is_as_before()


async def test_a_name_from_outside_stays_on_its_line() -> None:
    """What Docker calls an image is data."""
    result = await Rollback(engine()).run(image_name="app\n\x1b[31m:1")
    assert "\n" not in result.detail
    assert "\\x1b" in result.detail


@pytest.mark.parametrize("seconds", [SHORTEST - 1, LONGEST + 1])
def test_a_time_that_proves_nothing_is_a_mistake(seconds: float) -> None:
    """From a minute to a week."""
    with pytest.raises(ValidationError):
        RollbackOptions.model_validate({"proven_for": f"{seconds:.0f}s"})
