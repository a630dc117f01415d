"""The order of the orders: wherever the process dies, one whole container comes of it, and no two ever run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from nemo_watchdog.actions.docker.replacing import Replacing
from nemo_watchdog.errors import ContainersUnreachable, NotOrdered, OrderFailed, OrderUncertain
from nemo_watchdog.testing.fake_recreation import Died, FakeRecreation

OLD = "ab" * 32
Work = Callable[[Replacing], Awaitable[object]]


def engine(status: str = "running") -> FakeRecreation:
    fake = FakeRecreation()
    fake.add("web", OLD, status=status)["NetworkSettings"]["Networks"] = {"apps": {}, "db": {}}
    fake.images["app:1"] = "sha256:1"
    return fake


def replacing(fake: FakeRecreation) -> Replacing:
    return Replacing(fake, "web", 5.0)


async def as_judged() -> None:
    """Nobody was there meanwhile."""


async def replaced(fake: FakeRecreation) -> str:
    return await replacing(fake).replace(still=as_judged)


def policy(fake: FakeRecreation, name: str = "web") -> str:
    shown = fake.named(name)
    assert shown is not None
    return str(shown["HostConfig"]["RestartPolicy"]["Name"])


async def test_a_new_one_takes_the_place_of_the_old() -> None:
    """The old one is kept beside it, ended and started by nobody; never do two run."""
    fake = engine()
    made = await replaced(fake)
    assert fake.names() == {"web-nemo-old": "exited", "web": "running"}
    assert fake.named("web") == fake.there[made]
    assert (policy(fake), policy(fake, OLD)) == ("always", "no")
    assert fake.most_running == 1
    assert {call[1] for call in fake.calls if call[0] == "connect"} == {"apps", "db"}


async def test_what_helped_leaves_one_container() -> None:
    """The old one goes; when that was done and its answer was lost, again is no harm."""
    fake = engine()
    made = await replaced(fake)
    for _ in range(2):
        await replacing(fake).finish(OLD, made)
        assert fake.names() == {"web": "running"}
    assert fake.named("web") == fake.there[made]


async def test_what_did_not_help_is_put_back() -> None:
    """The old one has its name, its restart policy and runs; the new one is gone. Again is no harm."""
    fake = engine()
    made = await replaced(fake)
    for _ in range(2):
        await replacing(fake).put_back(OLD, made)
        assert fake.names() == {"web": "running"}
    assert fake.named("web") == fake.there[OLD]
    assert policy(fake) == "always"
    assert fake.most_running == 1


CALLS_OF_REPLACE = 12
"""Each is a place to die at; `test_every_call_is_a_place_to_die_at` holds the number."""
CALLS_OF_PUT_BACK = 8
CALLS_OF_FINISH = 3


async def test_every_call_is_a_place_to_die_at() -> None:
    """The numbers below are all of them."""
    fake = engine()
    made = await replaced(fake)
    assert len(fake.calls) == CALLS_OF_REPLACE
    await replacing(fake).put_back(OLD, made)
    assert len(fake.calls) == CALLS_OF_REPLACE + CALLS_OF_PUT_BACK
    fake = engine()
    made = await replaced(fake)
    await replacing(fake).finish(OLD, made)
    assert len(fake.calls) == CALLS_OF_REPLACE + CALLS_OF_FINISH


async def dies(fake: FakeRecreation, work: Awaitable[object], at: int, *, after: bool) -> None:
    fake.dies_at, fake.after = len(fake.calls) + at, after
    with pytest.raises(Died):
        await work
    fake.dies_at = None


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("restarts", "at"),
    [
        *(("always", at) for at in range(1, CALLS_OF_REPLACE + 1)),
        *(("no", at) for at in range(1, CALLS_OF_REPLACE)),  # it has no policy to be changed
    ],
)
async def test_a_replacement_that_died_is_made_whole(restarts: str, at: int, after: bool) -> None:
    """Before or after any of its calls: the old one has its name and its restart policy and runs, and no other is."""
    fake = engine()
    fake.there[OLD]["HostConfig"]["RestartPolicy"] = {"Name": restarts, "MaximumRetryCount": 0}
    await dies(fake, replaced(fake), at, after=after)
    await replacing(fake).put_back(OLD)
    assert fake.names() == {"web": "running"}
    assert fake.named("web") == fake.there[OLD]
    assert policy(fake) == restarts
    assert fake.most_running <= 1


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, CALLS_OF_PUT_BACK + 1))
async def test_a_way_back_that_died_is_gone_to_its_end(at: int, after: bool) -> None:
    """Before or after any of its calls."""
    fake = engine()
    made = await replaced(fake)
    await dies(fake, replacing(fake).put_back(OLD, made), at, after=after)
    await replacing(fake).put_back(OLD, made)
    assert fake.names() == {"web": "running"}
    assert fake.named("web") == fake.there[OLD]
    assert policy(fake) == "always"
    assert fake.most_running == 1


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, CALLS_OF_FINISH + 1))
@pytest.mark.parametrize("helped", [True, None])
async def test_an_end_that_died_leaves_one_container(at: int, after: bool, helped: bool | None) -> None:
    """Whether it is told once more that it helped, or nobody knows any more."""
    fake = engine()
    made = await replaced(fake)
    await dies(fake, replacing(fake).finish(OLD, made), at, after=after)
    again = replacing(fake).finish if helped else replacing(fake).put_back
    await again(OLD, made)
    assert fake.names() == {"web": "running"}
    assert policy(fake) == "always"


@pytest.mark.parametrize("order", ["connect", "set_restart_policy", "stop", "rename", "start"])
async def test_what_docker_refuses_on_the_way_is_taken_back(order: str) -> None:
    """The old one runs as it did, the words are Docker's own, and nothing is left over."""
    fake = engine()
    fake.raises[order] = OrderFailed("Docker could not: no such device")
    with pytest.raises(OrderFailed, match=r"no such device; the (old container serves|container was left)"):
        await replaced(fake)
    assert fake.names() == {"web": "running"}
    assert fake.named("web") == fake.there[OLD]
    assert policy(fake) == "always"


async def test_what_docker_refuses_at_first_changes_nothing() -> None:
    """A container that cannot be made is Docker's own failure; one that surely was not heard of is no order."""
    fake = engine()
    for error in (OrderFailed("no such image"), ContainersUnreachable("no answer")):
        fake.raises["create"] = error
        with pytest.raises(type(error), match=str(error)):
            await replaced(fake)
        assert fake.names() == {"web": "running"}


@pytest.mark.parametrize("order", ["connect", "set_restart_policy", "stop", "rename", "start"])
@pytest.mark.parametrize("error", [OrderUncertain("lost"), ContainersUnreachable("gone")])
async def test_what_is_not_known_on_the_way_is_uncertain(order: str, error: Exception) -> None:
    """Then nothing more is ordered: what is there must be looked at first."""
    fake = engine()
    fake.raises[order] = error
    with pytest.raises(OrderUncertain, match=str(error)):
        await replaced(fake)
    assert fake.calls[-1][0] == order
    await replacing(fake).put_back(OLD)
    assert fake.names() == {"web": "running"}


async def test_a_way_back_that_fails_is_uncertain() -> None:
    """The old one cannot be started either: both reasons are told."""
    fake = engine()

    async def start(container: str) -> None:
        raise OrderFailed(f"Docker could not start the container: no device for {container[:2]}")

    fake.start = start  # type: ignore[method-assign]
    with pytest.raises(OrderUncertain, match=r"no device for 01; and then: .*no device for ab"):
        await replaced(fake)


async def test_what_is_not_as_it_was_judged_any_more_is_left_as_it_is() -> None:
    """It is asked last before the first order that anybody notices; what was made goes, and nobody has seen it run."""
    fake = engine()

    async def changed() -> None:
        raise NotOrdered("somebody is stopping it")

    with pytest.raises(NotOrdered, match="somebody is stopping it"):
        await replacing(fake).replace(still=changed)
    assert fake.names() == {"web": "running"}
    assert {call[0] for call in fake.calls} == {"show", "image", "create", "connect", "remove"}


async def test_a_stop_that_docker_cannot_do_leaves_it_running() -> None:
    """A process that hangs in a driver is not killed: the container goes on, and no second one is started."""
    fake = engine()

    async def stop(container: str, stop_timeout: float) -> None:
        raise OrderFailed("Docker could not stop the container: no exit event")

    fake.stop = stop  # type: ignore[method-assign]
    with pytest.raises(OrderFailed, match="no exit event"):
        await replaced(fake)
    assert fake.names() == {"web": "running"}
    assert policy(fake) == "always"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"HostConfig": {"AutoRemove": True}}, "--rm"),
        ({"Config": {"Labels": {"com.docker.swarm.task": ""}}}, "Swarm"),
        ({"HostConfig": {"NetworkMode": "container:gone"}}, "network_from"),
        ({"HostConfig": {"NetworkMode": "default", "Mounts": [{}]}}, "not as it is known"),
    ],
)
async def test_what_cannot_be_made_anew_is_refused(change: dict[str, dict[str, object]], why: str) -> None:
    """With a sentence that says why, and nothing is ordered."""
    fake = engine()
    for part, keys in change.items():
        fake.there[OLD][part] |= keys
    with pytest.raises(NotOrdered, match=why):
        await replaced(fake)
    assert {call[0] for call in fake.calls} <= {"show", "image"}


async def test_nothing_is_not_made_anew() -> None:
    """A container that is missing is named."""
    with pytest.raises(NotOrdered, match="no container named web"):
        await replaced(FakeRecreation())


@pytest.mark.parametrize(("name", "status"), [("web-nemo-old", "exited"), ("web-nemo-new", "exited")])
async def test_what_is_left_over_is_for_a_person(name: str, status: str) -> None:
    """Nobody knows which of them is to stay."""
    fake = engine()
    fake.add(name, "cd" * 32, status=status)
    with pytest.raises(NotOrdered, match=name):
        await replaced(fake)
    assert fake.names() == {"web": "running", name: status}


async def test_what_was_made_and_never_ran_is_no_matter() -> None:
    """The answer to its making was lost: it goes, and the next one is made."""
    fake = engine()
    fake.add("web-nemo-new", "cd" * 32, status="created")
    await replaced(fake)
    assert fake.names() == {"web-nemo-old": "exited", "web": "running"}


async def test_what_somebody_else_has_put_there_is_left_alone() -> None:
    """Neither is their container removed nor the old one: a person has to look."""
    fake = engine()
    made = await replaced(fake)
    del fake.there[made]
    fake.add("web", "ef" * 32)
    for work in (replacing(fake).finish, replacing(fake).put_back):
        with pytest.raises(OrderFailed):
            await work(OLD, made)
    assert fake.names() == {"web-nemo-old": "exited", "web": "running"}


async def test_an_old_one_that_runs_is_not_removed() -> None:
    """Somebody has started it again."""
    fake = engine()
    made = await replaced(fake)
    fake.there[OLD]["State"]["Status"] = "running"
    with pytest.raises(OrderFailed, match="runs"):
        await replacing(fake).finish(OLD, made)
    assert OLD in fake.there


async def test_an_old_one_that_is_gone_leaves_the_new_one() -> None:
    """There is nothing to go back to."""
    fake = engine()
    made = await replaced(fake)
    del fake.there[OLD]
    await replacing(fake).put_back(OLD, made)
    assert fake.names() == {"web": "running"}


async def test_another_image() -> None:
    """The same configuration may be made from another image."""
    fake = engine()
    made = await replacing(fake).replace(still=as_judged, image="app:0")
    assert fake.there[made]["Config"]["Image"] == "app:0"


@pytest.mark.parametrize(("now", "asked"), [("sha256:1", "app:1"), ("sha256:2", "sha256:1"), (None, "sha256:1")])
async def test_the_image_stays_the_same_one(now: str | None, asked: str) -> None:
    """By its name where that still means the same, and else by its id."""
    fake = engine()
    fake.images = {"app:1": now} if now else {}
    assert fake.there[await replaced(fake)]["Config"]["Image"] == asked


async def test_the_network_of_another_one() -> None:
    """`network_from` says whose it is now, whatever Docker remembers."""
    fake = engine()
    fake.there[OLD]["HostConfig"]["NetworkMode"] = "container:gone"
    fake.add("vpn", "cd" * 32)
    made = await replacing(fake).replace(still=as_judged, network_from="vpn")
    assert fake.there[made]["HostConfig"]["NetworkMode"] == f"container:{'cd' * 32}"


async def test_the_network_of_what_does_not_run() -> None:
    """There is none to use; nor is it taken for a container that has its own network."""
    fake = engine()
    with pytest.raises(NotOrdered, match="take `network_from: vpn` out"):
        await replacing(fake).replace(still=as_judged, network_from="vpn")
    fake.there[OLD]["HostConfig"]["NetworkMode"] = "container:gone"
    with pytest.raises(NotOrdered, match="vpn, whose network it is to use, does not run"):
        await replacing(fake).replace(still=as_judged, network_from="vpn")
