"""An order to a systemd that does it, does not, never answers, leaves or lies: one or none, and what is known."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from dbus_fast import Message, Variant

from nemo_watchdog.actions.catalog import ACTIONS
from nemo_watchdog.actions.systemd import system_bus
from nemo_watchdog.actions.systemd.unit_seen import Verb
from nemo_watchdog.model import ActionOutcome, ActionRequest, ActionResult, Target
from nemo_watchdog.ports import ActionContext
from nemo_watchdog.testing.fakes import FakeContainers, ManualClock
from nemo_watchdog.testing.servers import Server, garble
from tests.unit.actions.systemd.fake_systemd import (
    ORDERS,
    OWNER,
    Client,
    FakeSystemd,
    cut,
    is_in,
    never,
    refuses,
)

ERROR, SYSTEMD1 = "org.freedesktop.DBus.Error", "org.freedesktop.systemd1"
JOB = "/org/freedesktop/systemd1/job/1"


async def act(verb: str, unit: str = "app.service", within: float = 5.0, **options: Any) -> ActionResult:
    kind = ACTIONS[f"systemd.{verb}"]
    checked = kind.options.model_validate({"unit": unit, **options})
    request = ActionRequest("a-1", "i-1", "app", f"systemd.{verb}", Target("unit", unit), checked, timeout=within)
    return await kind.make(ActionContext(FakeContainers(ManualClock(), []))).run(request)


@pytest.mark.parametrize("verb", Verb)
async def test_an_order_is_given_once_and_its_end_is_heard(systemd: FakeSystemd, verb: Verb) -> None:
    """With a mode in which systemd changes nobody's job for it."""
    if verb is Verb.START:
        systemd.add("app.service", **is_in("failed", "failed"))
        systemd.after = is_in("active", "running")
    result = await act(verb)
    assert result.outcome is ActionOutcome.SUCCEEDED
    assert result.detail == f"systemd's job to {verb} it is done: app.service is active (running)"
    assert systemd.orders == [(f"{verb.capitalize()}Unit", "app.service", "fail")]


@pytest.mark.parametrize("ended", ["failed", "timeout", "dependency", "skipped", "assert", "a word of\nlater"])
async def test_a_job_that_is_not_done_has_failed(systemd: FakeSystemd, ended: str) -> None:
    """With its result and that of the unit, on one line."""
    systemd.result, systemd.after = ended, is_in("failed", "failed", Result=Variant("s", "exit-code"))
    result = await act("restart")
    assert result.outcome is ActionOutcome.FAILED
    assert result.detail.isprintable()
    assert result.detail.endswith("app.service is failed (failed), result exit-code")
    assert ended.partition("\n")[0] in result.detail


async def test_of_a_job_that_somebody_cancelled_nothing_is_known(systemd: FakeSystemd) -> None:
    """What it had begun is not undone by that, nor always ended."""
    systemd.result, systemd.after = "canceled", is_in("deactivating", "stop-sigterm")
    result = await act("restart")
    assert result.outcome is ActionOutcome.UNKNOWN
    assert "ended as canceled: app.service is deactivating (stop-sigterm)" in result.detail


async def test_what_fails_right_after_its_start_has_failed(systemd: FakeSystemd) -> None:
    """Systemd's job is done as soon as the process was started."""
    systemd.after = is_in("failed", "failed", Result=Variant("s", "exit-code"))
    result = await act("restart")
    assert result.outcome is ActionOutcome.FAILED
    assert "it failed at once: app.service is failed (failed), result exit-code" in result.detail


async def test_what_a_condition_keeps_down_was_not_started(systemd: FakeSystemd) -> None:
    """Systemd takes that for done."""
    systemd.after = is_in("inactive", "dead", ConditionResult=Variant("b", False))
    result = await act("restart")
    assert result.outcome is ActionOutcome.FAILED
    assert "a condition of app.service does not hold" in result.detail


async def test_what_was_stopped_is_started_where_the_policy_says_so(systemd: FakeSystemd) -> None:
    """And otherwise it is left as it is."""
    systemd.add("app.service", **is_in("inactive", "dead"))
    assert (await act("start")).outcome is ActionOutcome.REFUSED
    assert systemd.orders == []
    systemd.after = is_in("active", "running")
    assert (await act("start", when_stopped="start")).outcome is ActionOutcome.SUCCEEDED


async def test_nothing_is_ordered_of_what_is_not_there(systemd: FakeSystemd) -> None:
    """A unit that systemd does not know."""
    result = await act("restart", "gone.service")
    assert (result.outcome, result.detail) == (ActionOutcome.REFUSED, "systemd knows no unit gone.service")
    assert systemd.orders == []


# -- the watchdog itself


def runs_in(systemd: FakeSystemd, name: str, **more: Variant) -> None:
    systemd.add(name, **more)
    systemd.own = name


async def test_the_unit_in_which_it_runs_is_not_touched(systemd: FakeSystemd) -> None:
    """Whatever it is called: by the bus's word for who asks."""
    runs_in(systemd, "app.service")
    for verb in ("restart", "reload"):
        result = await act(verb)
        assert (result.outcome, result.detail) == (ActionOutcome.REFUSED, "the watchdog itself runs in app.service")
    assert systemd.orders == []


async def test_a_unit_that_holds_its_own_is_not_touched(systemd: FakeSystemd) -> None:
    """Its processes would end with it."""
    runs_in(systemd, "guard.service", ControlGroup=Variant("s", "/system.slice/app.service/guard.service"))
    assert (await act("restart")).outcome is ActionOutcome.REFUSED
    assert systemd.orders == []


async def test_a_restart_that_is_passed_on_to_it_is_not_ordered(systemd: FakeSystemd) -> None:
    """By however many units between; a reload of the same unit does it no harm."""
    systemd.add("between.service", BindsTo=Variant("as", ["app.service", "guard.service"]))
    runs_in(systemd, "guard.service", PartOf=Variant("as", ["between.service"]))
    result = await act("restart")
    assert result.outcome is ActionOutcome.REFUSED
    assert "would restart guard.service as well" in result.detail
    assert (await act("reload")).outcome is ActionOutcome.SUCCEEDED


async def test_a_unit_that_ends_it_by_its_start_is_not_started(systemd: FakeSystemd) -> None:
    """Systemd stops what conflicts with it."""
    systemd.add("app.service", **is_in("failed", "failed"))
    runs_in(systemd, "guard.service", ConflictedBy=Variant("as", ["app.service"]))
    result = await act("start")
    assert result.outcome is ActionOutcome.REFUSED
    assert "exclude each other" in result.detail


async def test_another_unit_is_none_of_its_own(systemd: FakeSystemd) -> None:
    """Beside it, and needed by nothing of it."""
    runs_in(systemd, "guard.service", Requires=Variant("as", ["system.slice"]))
    assert (await act("restart")).outcome is ActionOutcome.SUCCEEDED


async def test_who_is_no_process_of_that_machine_is_in_no_unit_of_it(systemd: FakeSystemd) -> None:
    """As the host is for a container of systemd: it is not asked for process 0, of which version 252 dies."""
    systemd.pid = 0
    systemd.answers["GetUnitByPID"] = cut
    assert (await act("restart")).outcome is ActionOutcome.SUCCEEDED
    systemd.answers["GetConnectionUnixProcessID"] = refuses(f"{ERROR}.UnixProcessIdUnknown", "no such")
    assert (await act("restart")).outcome is ActionOutcome.SUCCEEDED


async def test_what_cannot_be_known_of_its_own_unit_holds_the_order(systemd: FakeSystemd) -> None:
    """Whoever may be hit by it is not told that it is not."""
    systemd.answers["GetUnitByPID"] = refuses(f"{ERROR}.NoReply", "systemd left")
    result = await act("restart")
    assert (result.outcome, result.detail) == (
        ActionOutcome.REFUSED,
        "systemd does not restart app.service: systemd left",
    )
    assert systemd.orders == []


# -- who answers badly


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        (f"{ERROR}.AccessDenied", ActionOutcome.REFUSED),
        (f"{ERROR}.InteractiveAuthorizationRequired", ActionOutcome.REFUSED),
        (f"{ERROR}.ServiceUnknown", ActionOutcome.REFUSED),
        (f"{SYSTEMD1}.TransactionIsDestructive", ActionOutcome.REFUSED),
        (f"{SYSTEMD1}.UnitMasked", ActionOutcome.REFUSED),
        (f"{ERROR}.LimitsExceeded", ActionOutcome.FAILED),
        (f"{ERROR}.NoReply", ActionOutcome.UNKNOWN),
    ],
)
async def test_an_error_for_an_order(systemd: FakeSystemd, name: str, outcome: ActionOutcome) -> None:
    """What queued nothing and may do so later is refused; where systemd left before it answered, nobody knows."""
    systemd.answers["RestartUnit"] = refuses(name, "its own\nwords")
    result = await act("restart")
    assert result.outcome is outcome
    assert r"its own\nwords" in result.detail


async def test_who_may_not_is_told_what_to_do(systemd: FakeSystemd) -> None:
    """The rule that polkit needs."""
    systemd.answers["RestartUnit"] = refuses(f"{ERROR}.AccessDenied", "Permission denied")
    told = "the watchdog's user may not restart app.service (Permission denied): allow it with a polkit rule"
    assert (await act("restart")).detail == f"{told} (nemo-watchdog example polkit)"


async def test_a_bus_without_systemd(systemd: FakeSystemd) -> None:
    """Nobody is there who could be ordered anything."""
    systemd.answers["GetNameOwner"] = refuses(f"{ERROR}.NameHasNoOwner", "no such name")
    result = await act("restart")
    expected = "systemd is not on the system bus (no such name)"
    assert (result.outcome, result.detail) == (ActionOutcome.REFUSED, expected)


@pytest.mark.parametrize(
    "member", ["Hello", "AddMatch", "Subscribe", "LoadUnit", "GetAll", "GetConnectionUnixProcessID", "GetUnitByPID"]
)
async def test_who_is_silent_or_leaves_before_the_order_got_none(systemd: FakeSystemd, member: str) -> None:
    """Wherever it is: nothing was ordered."""
    systemd.answers[member] = cut
    assert (await act("restart")).outcome is ActionOutcome.REFUSED
    systemd.answers[member] = never
    result = await act("restart", within=0.2)
    assert result.outcome is ActionOutcome.REFUSED
    assert "within 200ms" in result.detail
    assert systemd.orders == []


async def test_a_connection_that_breaks_after_the_order(systemd: FakeSystemd) -> None:
    """Nobody knows what became of it, before its answer as after it."""
    systemd.answers["RestartUnit"] = cut
    result = await act("restart")
    assert result.outcome is ActionOutcome.UNKNOWN
    assert "after the order to restart app.service" in result.detail

    async def answered(client: Client, message: Message) -> None:
        client.reply(message, "o", JOB)
        client.writer.close()

    systemd.answers["RestartUnit"] = answered
    assert (await act("restart")).outcome is ActionOutcome.UNKNOWN


@pytest.mark.parametrize("answers", [True, False])
async def test_an_order_that_takes_too_long(systemd: FakeSystemd, answers: bool) -> None:
    """It may still be done, whether systemd has taken it or says nothing at all."""

    async def goes_on(client: Client, message: Message) -> None:
        client.reply(message, "o", JOB)

    systemd.answers["RestartUnit"] = goes_on if answers else never
    result = await act("restart", within=0.3)
    assert result.outcome is ActionOutcome.TIMED_OUT
    assert result.detail == "systemd did not restart app.service within 300ms; its job may go on"


async def test_a_systemd_that_is_executed_anew_during_the_job(systemd: FakeSystemd) -> None:
    """Its end may be told to nobody any more."""

    async def leaves(client: Client, message: Message) -> None:
        client.reply(message, "o", JOB)
        bus = "org.freedesktop.DBus"
        client.signal(bus, "NameOwnerChanged", bus, "sss", SYSTEMD1, OWNER, "")

    systemd.answers["RestartUnit"] = leaves
    result = await act("restart")
    assert result.outcome is ActionOutcome.UNKNOWN
    assert "systemd was executed anew" in result.detail


async def test_only_systemds_own_word_ends_a_job(systemd: FakeSystemd) -> None:
    """Anybody on the bus may send us a signal of that name."""

    async def lied_about(client: Client, message: Message) -> None:
        client.reply(message, "o", JOB)
        client.job_removed(JOB, "app.service", "done", sender=":1.66")
        client.job_removed(f"{JOB}0", "app.service", "done")
        client.job_removed(JOB, "app.service", "failed")

    systemd.answers["RestartUnit"] = lied_about
    assert (await act("restart")).outcome is ActionOutcome.FAILED


async def test_an_end_that_comes_before_the_answer(systemd: FakeSystemd) -> None:
    """It is heard all the same."""

    async def hurries(client: Client, message: Message) -> None:
        client.job_removed(JOB, "app.service", "done")
        client.reply(message, "o", JOB)

    systemd.answers["RestartUnit"] = hurries
    assert (await act("restart")).outcome is ActionOutcome.SUCCEEDED


@pytest.mark.parametrize(
    ("ended", "outcome"),
    [("done", ActionOutcome.SUCCEEDED), ("failed", ActionOutcome.FAILED), ("canceled", ActionOutcome.UNKNOWN)],
)
@pytest.mark.parametrize("last", [cut, never, refuses(f"{ERROR}.NoReply", "gone")])
async def test_an_end_is_known_without_the_look_after_it(
    systemd: FakeSystemd, ended: str, outcome: ActionOutcome, last: Any
) -> None:
    """What the job came to was heard; how the unit is was not told any more."""

    async def order(client: Client, message: Message) -> None:
        systemd.answers["LoadUnit"] = last
        await systemd.order(client, message)

    systemd.answers["RestartUnit"], systemd.result = order, ended
    result = await act("restart", within=0.3)
    assert result.outcome is outcome
    assert ended in result.detail
    assert len(systemd.orders) == 1


# -- no bus at all


async def test_no_bus_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was ordered."""
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    result = await act("restart")
    assert result.outcome is ActionOutcome.REFUSED
    assert result.detail == "there is no system bus that can be used (No such file or directory)"


@pytest.mark.parametrize("address", ["nonsense", "unix:nothing=1", "warp:path=/x", "tcp:host=127.0.0.1,port=x"])
async def test_an_address_that_is_none(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """It is refused with what is wrong about it."""
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
    assert (await act("restart")).outcome is ActionOutcome.REFUSED


async def test_a_bus_that_takes_nobody_in(systemd: FakeSystemd) -> None:
    """As one does that does not know our user; what to do is said."""
    systemd.answers["Hello"] = cut
    result = await act("restart")
    assert result.outcome is ActionOutcome.REFUSED
    assert "know the user that the watchdog runs as" in result.detail


async def test_what_is_no_bus_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes of no protocol are no bus."""
    async with Server(garble).running() as server:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"tcp:host=127.0.0.1,port={server.port}")
        assert (await act("restart", within=2.0)).outcome is ActionOutcome.REFUSED


def test_a_machine_without_a_bus_lacks_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said where a policy is checked; where the address is another one, a look at a file says nothing."""
    monkeypatch.delenv("DBUS_SYSTEM_BUS_ADDRESS", raising=False)
    socket = tmp_path / "bus"
    monkeypatch.setattr(system_bus, "SOCKET", str(socket))
    kind = ACTIONS["systemd.restart"]
    options = kind.options.model_validate({"unit": "app"})
    assert f"there is no system bus here ({socket})" in kind.lacks(options)
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "tcp:host=127.0.0.1,port=1")
    assert kind.lacks(options) == ""
    monkeypatch.delenv("DBUS_SYSTEM_BUS_ADDRESS")
    os.mknod(socket, 0o140600)
    assert kind.lacks(options) == ""


async def test_orders_side_by_side(systemd: FakeSystemd) -> None:
    """Each has a connection of its own and hears of its own job."""
    systemd.add("other.service")
    results = await asyncio.gather(act("restart"), act("restart", "other.service"), act("reload"))
    assert {each.outcome for each in results} == {ActionOutcome.SUCCEEDED}
    assert len(systemd.orders) == len(ORDERS)
