"""What the engine tells of an outage, as it stands at each service: one incident, alert or thread, open while it is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from nemo_watchdog.channel import Channel, Letter
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.page_now import page_now
from nemo_watchdog.model import Notification, Reason
from nemo_watchdog.notifiers.opsgenie import OpsgenieChannel
from nemo_watchdog.notifiers.pagerduty import PagerDutyChannel
from nemo_watchdog.notifiers.slack import SlackChannel
from nemo_watchdog.policy.people import Opsgenie, PagerDuty, Slack
from nemo_watchdog.policy.policy import Policy
from nemo_watchdog.policy.secret_value import Secret
from tests.unit.engine.paging.parts import GROUP_WAIT, HEAL_QUIETLY, SETTLE, TELLING, in_line, kinds, plan, stay_ill
from tests.unit.engine.world import World, dependency, policy
from tests.unit.notifiers.services import opsgenie, pagerduty, slack
from tests.unit.notifiers.services.server import serving

RESPOND = 900.0


@dataclass
class Told:
    """Each message goes to each service, which is given what the one before it in its thread left."""

    world: World
    channels: list[Channel]
    memos: dict[tuple[Channel, str], str] = field(default_factory=dict)
    told: int = 0

    async def tell(self) -> None:
        for message in self.world.messages[self.told :]:
            for channel in self.channels:
                before = self.memos.get((channel, message.thread), "")
                result = await channel.send(self._letter(message), before)
                assert result.delivery.delivered, result.delivery.detail
                self.memos[channel, message.thread] = result.memo or before
        self.told = len(self.world.messages)

    def _letter(self, message: Notification) -> Letter:
        engine = self.world.engine
        now = page_now(engine.volatile, engine.durable, message, self.world.monotonic)
        return Letter(
            key=message.key,
            thread=message.thread,
            contact="on-call",
            kind=message.kind,
            standing=now.standing,
            severity=message.severity,
            root=message.root,
            title=message.title,
            body=message.body,
            at=message.at,
            since=message.since,
            incidents=message.incidents,
            owner=now.owner,
        )


@dataclass
class Services:
    pagerduty: pagerduty.PagerDutyService = field(default_factory=pagerduty.PagerDutyService)
    opsgenie: opsgenie.OpsgenieService = field(default_factory=opsgenie.OpsgenieService)
    slack: slack.SlackService = field(default_factory=slack.SlackService)

    def states(self) -> tuple[list[str], list[str]]:
        return [each.state for each in self.pagerduty.incidents], [each.state for each in self.opsgenie.alerts]

    def threads(self) -> dict[str, list[str]]:
        """By the headline."""
        return {
            each.title: [reply.title for reply in self.slack.in_thread(each.ts)] for each in self.slack.in_channel("C1")
        }


def channels(pagerduty_at: str, opsgenie_at: str, slack_at: str) -> list[Channel]:
    return [
        PagerDutyChannel(PagerDuty(Secret(pagerduty.KEY), pagerduty_at)),
        OpsgenieChannel(Opsgenie(Secret(opsgenie.KEY), opsgenie_at)),
        SlackChannel(Slack(Secret(slack.TOKEN), "outages", slack_at)),
    ]


async def test_one_key_from_trigger_to_resolve() -> None:
    """Acknowledged, graver after that, so that it calls again, acknowledged again, over."""
    services, world = Services(), World(in_line(plan("postgres", "gateway", needs=["postgres"], remedy=None)))
    async with serving(services.pagerduty) as one, serving(services.opsgenie) as two, serving(services.slack) as three:
        people = Told(world, channels(one.url, two.url, three.url))
        world.fail("postgres", Reason.REFUSED)
        world.wait(GROUP_WAIT)
        await people.tell()
        assert services.states() == (["triggered"], ["open"])
        acknowledge(world)
        await people.tell()
        assert services.states() == (["acknowledged"], ["acknowledged"])
        world.fail("gateway", Reason.REFUSED)
        world.wait(GROUP_WAIT)
        await people.tell()
        assert services.states() == (["resolved", "triggered"], ["open"])
        world.wait(RESPOND)
        await people.tell()
        acknowledge(world)
        await people.tell()
        assert services.states() == (["resolved", "acknowledged"], ["acknowledged"])
        world.succeed("postgres")
        world.succeed("gateway")
        world.wait(SETTLE)
        await people.tell()
        for each in people.channels:
            await each.close()
    assert kinds(world) == ["opened", "acknowledged", "severity_changed", "unanswered", "acknowledged", "resolved"]
    assert services.states() == (["resolved", "resolved"], ["closed"])
    (page,) = {message.incident for message in world.messages}
    assert {each.key for each in services.pagerduty.incidents} == {page}
    assert {each.body["dedup_key"] for each in one.got} == {page}
    assert [each.alias for each in services.opsgenie.alerts] == [page]
    assert services.opsgenie.alerts[0].priority == "P1"
    assert [len(replies) for replies in services.threads().values()] == [5]


async def test_what_is_part_of_another_outage_ends_there() -> None:
    """Two pages; then their common cause is found: one of them goes on, and ends when all is up."""
    services = Services()
    world = World(in_line(shared()))
    async with serving(services.pagerduty) as one, serving(services.opsgenie) as two, serving(services.slack) as three:
        people = Told(world, channels(one.url, two.url, three.url))
        for name in ("web", "api"):
            world.fail(name)
            world.succeed("postgres", times=1)
            world.wait(3 * GROUP_WAIT)
            await people.tell()
        assert services.states() == (["triggered"] * 2, ["open"] * 2)
        world.fail("postgres", Reason.REFUSED)
        for name in ("web", "api"):
            world.fail(name)
        world.wait(3 * GROUP_WAIT)
        await people.tell()
        assert "merged" in kinds(world)
        assert sorted(services.states()[0]) == ["resolved", "triggered"]
        assert sorted(services.states()[1]) == ["closed", "open"]
        for name in ("postgres", "web", "api"):
            world.succeed(name)
        world.wait(SETTLE)
        await people.tell()
        for each in people.channels:
            await each.close()
    assert services.states() == (["resolved"] * 2, ["closed"] * 2)
    assert len(services.threads()) == 2


async def test_what_the_watchdog_heals_calls_nobody() -> None:
    """It is told in Slack alone."""
    services, world = Services(), World(plan("gateway", "idle"))
    async with serving(services.pagerduty) as one, serving(services.opsgenie) as two, serving(services.slack) as three:
        people = Told(world, channels(one.url, two.url, three.url))
        world.fail("gateway", Reason.REFUSED)
        world.finish()
        world.succeed("gateway")
        world.wait(HEAL_QUIETLY + SETTLE)
        await people.tell()
        for each in people.channels:
            await each.close()
    assert kinds(world) == ["healed"]
    assert services.states() == ([], [])
    assert list(services.threads().values()) == [[]]


async def test_a_crash_loop_is_one_incident_at_a_time() -> None:
    """However often it comes and goes: each is closed before the next is opened, with the same key."""
    services, world = Services(), World(plan("gateway", "idle"))
    async with serving(services.pagerduty) as one, serving(services.opsgenie) as two, serving(services.slack) as three:
        people = Told(world, channels(one.url, two.url, three.url))
        for _ in range(6):
            world.fail("gateway", Reason.REFUSED)
            stay_ill(world, 70, "gateway")
            await people.tell()
            world.succeed("gateway", times=4)
            await people.tell()
            for states in services.states():
                assert len([each for each in states if each not in {"resolved", "closed"}]) <= 1
        world.wait(3600)
        await people.tell()
        for each in people.channels:
            await each.close()
    assert set(services.states()[0]) <= {"resolved"}
    assert set(services.states()[1]) <= {"closed"}


async def test_a_damaged_journal_is_one_incident_until_a_person_accepts_it() -> None:
    """Told again by the next process it is still that one; what is damaged after the end calls anew."""
    services, world = Services(), World(plan("gateway", "idle", remedy=None))
    async with serving(services.pagerduty) as one, serving(services.opsgenie) as two, serving(services.slack) as three:
        people = Told(world, channels(one.url, two.url, three.url))
        for opened in (1, 2):
            for _ in range(2):
                world.send(ev.JournalChanged("record 7 is gone", damaged=True))
                await people.tell()
                assert services.states()[0][opened - 1 :] == ["triggered"]
                assert services.states()[1][opened - 1 :] == ["open"]
                world.wait(60)
            world.send(ev.JournalAccepted("looked", "ops", "record 7 is gone"))
            await people.tell()
            assert services.states() == (["resolved"] * opened, ["closed"] * opened)
            world.send(ev.JournalChanged(""))
        for each in people.channels:
            await each.close()
    assert {each.key for each in services.pagerduty.incidents} == {"journal"}
    assert len(services.threads()) == 1


def acknowledge(world: World) -> None:
    (incident,) = world.engine.durable.open()
    world.send(ev.AcknowledgeAsked(incident.incident, "anna", None))


def shared() -> Policy:
    """Two that need the same, and one more: never all of it is down."""
    needing = [dependency(name, grace=0.0, needs=("postgres",), remedy=None) for name in ("web", "api")]
    alone = [dependency(name, grace=0.0, remedy=None) for name in ("postgres", "idle")]
    return replace(policy(*alone, *needing), telling=TELLING)
