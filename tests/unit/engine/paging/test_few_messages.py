"""However much fails, and however often, people get a handful of messages; each test prints them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemo_watchdog.model import Notification, Reason, failed, ok
from nemo_watchdog.policy.policy import Policy, Storm
from tests.outages import CORE, Outage, said, shipped
from tests.unit.engine.world import World, dependency, policy

ONE_CONTACT = (("escalate: [team-lead]", "escalate: [on-call]"), ("to: team-lead", "to: on-call"))
MOST_OF_A_CRASH_LOOP = 4
HANDFUL = 4
BAD_GATEWAY = failed(Reason.WRONG_STATUS, "HTTP 502")


def show(what: str, messages: list[Notification]) -> None:
    print(f"\n{what}: {len(messages)} messages\n\n{said(messages)}")  # noqa: T201 - for whoever doubts it


def no_longer_than_people_read(messages: list[Notification]) -> bool:
    return all(len(each.title) < 120 and len(each.body) < 2000 for each in messages)


@pytest.mark.parametrize("helps", [False, True])
def test_all_core_lost_at_once_is_three_messages_for_the_one_who_gets_them_all(*, helps: bool) -> None:
    """Also when no restart helps and every ladder comes to its end."""
    outage = Outage(shipped(*ONE_CONTACT))
    outage.kill(*CORE)
    if helps:
        outage.dead.clear()
    outage.go_on(1200.0)
    outage.mend(*CORE)
    outage.go_on(1200.0)
    show("all core dependencies lost at once", outage.messages)
    assert len(outage.of("on-call")) == len(outage.messages) <= 3
    assert outage.messages[0].title == "[SEV1] postgres is down, and with it all that is core"
    assert "With it fail redis, gemma and gateway." in outage.messages[0].body
    assert outage.messages[-1].title == "[SEV1] postgres is up again"
    assert no_longer_than_people_read(outage.messages)


@pytest.mark.parametrize("runs_for", [8.0, 25.0, 60.0])
def test_a_crash_loop_of_ten_minutes_under_restart_always(runs_for: float) -> None:
    """Docker starts it again and again: one message says that it does not keep still, and reaches the escalation."""
    outage = Outage(shipped())
    world, crashes = outage.world, 0
    end = world.monotonic + 600.0
    while world.monotonic < end:
        crashes += 1
        world.crash("gateway", 1)
        world.wait(2.0)
        world.run("gateway", restarts=crashes)
        outage.go_on(runs_for)
    outage.go_on(3600.0, every=15.0)
    show(f"{crashes} crashes in ten minutes", outage.messages)
    assert len(outage.of("on-call")) <= MOST_OF_A_CRASH_LOOP
    (keeps_crashing,) = [each for each in outage.messages if "again and again" in each.body]
    assert keeps_crashing.title == "[SEV2] gateway is flapping"
    assert keeps_crashing.contacts == ("on-call", "team-lead")
    assert outage.of("team-lead")[-1].title == "[SEV2] gateway is up again"


@pytest.mark.parametrize(("ill", "well"), [(20.0, 40.0), (5.0, 10.0), (60.0, 60.0)])
def test_a_gateway_that_flaps(ill: float, well: float) -> None:
    """It answers with errors and well again, for twenty times."""
    outage = Outage(shipped())
    for _ in range(20):
        outage.ill["gateway"] = BAD_GATEWAY
        outage.go_on(ill)
        outage.mend("gateway")
        outage.go_on(well)
    outage.go_on(3600.0, every=15.0)
    show(f"a gateway that is ill for {ill:.0f} s and well for {well:.0f} s, in turn", outage.messages)
    assert len(outage.of("on-call")) <= HANDFUL
    assert outage.messages[-1].title == "[SEV2] gateway is up again"


def many(count: int, *, storm: Storm | None) -> Policy:
    made = policy(*(dependency(f"d{n:03}", grace=0.0) for n in range(count)))
    return replace(made, limits=replace(made.limits, storm=storm))


@pytest.mark.parametrize("storm", [Storm(), None], ids=["storm", "off"])
def test_a_storm_of_three_hundred(storm: Storm | None) -> None:
    """Whether or not the policy says what a storm is."""
    world = World(many(300, storm=storm))
    names = list(world.engine.policy.dependencies)
    for _ in range(3):
        world.wait(1.0)
        for name in names:
            world.look(name, failed(Reason.REFUSED, "no one listens"), every=0.0)
    for _ in range(6):
        world.wait(200.0)
        while world.pending:
            world.finish()
        for name in names:
            world.look(name, failed(Reason.REFUSED, "no one listens"), every=0.0)
    for _ in range(3):
        world.wait(1.0)
        for name in names:
            world.look(name, ok(), every=0.0)
    world.wait(1200.0)
    show("a storm of 300", world.messages)
    assert len(world.messages) <= HANDFUL
    assert no_longer_than_people_read(world.messages)
