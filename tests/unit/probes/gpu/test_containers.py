"""Xid errors on their way to the container that they struck, and the GPU as the container sees it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from nemo_watchdog.model import Category, Finding, Outcome, Reason
from nemo_watchdog.ports import ProbeContext
from nemo_watchdog.probes import PROBES
from nemo_watchdog.probes.gpu import container, nvml, xid_events
from nemo_watchdog.probes.gpu.xid_events import Xids, container_of
from nemo_watchdog.probes.shared.beside import Beside
from nemo_watchdog.runtime.clock import SystemClock
from nemo_watchdog.testing.fakes import FakeContainers
from tests.unit.probes.gpu.conftest import Control
from tests.unit.probes.making import Deaf

GEMMA, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def kernel_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Lines as /dev/kmsg has them."""
    path = tmp_path / "kmsg"
    path.write_bytes(b"4,1,1,-;NVRM: Xid (PCI:0000:65:00): 79, pid=1, name=x, an error of long ago\n")
    monkeypatch.setattr(nvml, "_COMMAND", (*nvml._COMMAND, str(path)))

    def write(line: str) -> None:
        with path.open("a") as log:
            log.write(f"4,900,123456789,-;{line}\n")

    return write


@pytest.fixture
def containers() -> FakeContainers:
    """Gemma runs since an hour."""
    made = FakeContainers(SystemClock(), ["gemma"])
    status = made.statuses["gemma"]
    assert status.started_at is not None
    made.statuses["gemma"] = replace(status, container_id=GEMMA, started_at=status.started_at - timedelta(hours=1))
    return made


def make(containers: FakeContainers, **options: Any) -> Any:
    kind = PROBES["gpu"]
    context = ProbeContext("gpu", timeout=10.0, interval=10.0, container="gemma", containers=containers)
    return kind.make(kind.options.model_validate(options), context)


@pytest.fixture
def sample() -> Callable[..., dict[str, Any]]:
    """An answer of the child with one Xid 31."""

    def answer(container: str | None, *, code: int = 31, ago: float = 1.0) -> dict[str, Any]:
        xid = {"gpu": 0, "code": code, "at": monotonic() - ago, "container": container}
        return {"devices": [{"index": 0, "error": None, "containers": {GEMMA: 700, OTHER: 300}}], "xids": [xid]}

    return answer


async def test_an_xid_of_the_own_container_is_its_fault(sample: Any, containers: FakeContainers) -> None:
    """The process that it struck is in the container that this dependency restarts; its start ends the finding."""
    probe = make(containers)
    finding: Finding = await probe._judge(sample(GEMMA), Beside(10.0))
    assert (finding.outcome, finding.reason) == (Outcome.FAILED, Reason.GPU_APPLICATION_ERROR)
    assert Reason.GPU_APPLICATION_ERROR.category is Category.FAULT
    assert finding.measurements['gpu_container_memory_bytes{container="aaaaaaaaaaaa"}'] == 700
    assert finding.measurements['gpu_container_memory_bytes{container="bbbbbbbbbbbb"}'] == 300
    started = containers.statuses["gemma"].started_at
    assert started is not None
    containers.statuses["gemma"] = replace(containers.statuses["gemma"], started_at=started + timedelta(hours=2))
    assert (await probe._judge(sample(GEMMA), Beside(10.0))).outcome is Outcome.OK


@pytest.mark.parametrize("gone", [True, False])
async def test_an_xid_of_somebody_is_told_and_restarts_nobody(
    sample: Any, containers: FakeContainers, *, gone: bool
) -> None:
    """Without the process, or without Docker's word, nobody knows whose error it was."""
    if gone:
        containers.trouble = "no Docker"
    finding = await make(containers)._judge(sample(GEMMA if gone else None), Beside(10.0))
    assert (finding.outcome, finding.reason) == (Outcome.DEGRADED, Reason.GPU_APPLICATION_ERROR)


@pytest.mark.parametrize("code", [31, 79])
async def test_an_xid_of_another_container_is_not_ours(sample: Any, containers: FakeContainers, code: int) -> None:
    """An application's error is its own; a lost GPU is everybody's."""
    finding = await make(containers)._judge(sample(OTHER, code=code), Beside(10.0))
    assert finding.reason is (None if code == 31 else Reason.GPU_LOST)


async def test_an_old_xid_is_history(sample: Any, containers: FakeContainers) -> None:
    """It counts for `xid_within`."""
    assert (await make(containers, xid_within="5s")._judge(sample(GEMMA, ago=6), Beside(10.0))).outcome is Outcome.OK
    assert (
        await make(containers, xid_within="7s")._judge(sample(GEMMA, ago=6), Beside(10.0))
    ).outcome is Outcome.FAILED


@pytest.mark.parametrize("xid", [False, True])
async def test_what_nvml_told_stands_when_the_container_cannot_be_asked(control: Control, *, xid: bool) -> None:
    """A command in a container that hangs is not a GPU that hangs."""
    control(**({"xid": 31, "xid_number": 1} if xid else {}))
    deaf = Deaf()
    probe = make(deaf, container_view=True)
    try:
        finding = await probe.look()
    finally:
        await probe.close()
    assert finding.reason is (Reason.GPU_APPLICATION_ERROR if xid else None)
    assert deaf.waiting == (["inspect", "execute"] if xid else ["execute"])


async def test_nvml_events_are_heard(control: Control) -> None:
    """One event, one finding, whichever look drains it; a double-bit error is Xid 48."""
    kind = PROBES["gpu"]
    context = ProbeContext("gpu", timeout=10.0, interval=10.0)
    first, second = (kind.make(kind.options.model_validate({}), context) for _ in range(2))
    try:
        assert (await first.look()).outcome is Outcome.OK
        control(xid=79, xid_number=1)
        assert (await first.look()).reason is Reason.GPU_LOST
        finding = await second.look()
        assert finding.reason is Reason.GPU_LOST
        assert "Xid 79 (the GPU fell off the bus)" in finding.detail
        control(event_type=2, xid_number=2)
        assert "Xid 48" in (await first.look()).detail
    finally:
        await first.close()
        await second.close()


async def test_the_kernel_log_tells_the_process(
    control: Control, kernel_log: Callable[[str], None], containers: FakeContainers
) -> None:
    """A line of the driver; lines from before the start, and of others, are not news."""
    probe = make(containers)
    try:
        assert (await probe.look()).outcome is Outcome.OK
        kernel_log("usb 1-1: new device, Xid nothing")
        kernel_log(f"NVRM: Xid (PCI:0000:65:00): 31, pid='{os.getpid()}', name=python3, Ch 00000010")
        finding = await probe.look()
        assert "GPU 0 gave Xid 31" in finding.detail
        kernel_log("NVRM: Xid (PCI:0000:65:00): 109, pid='<unknown>', name=<unknown>, CTX SWITCH TIMEOUT")
        assert (await probe.look()).reason is Reason.GPU_RESET_REQUIRED
        kernel_log("NVRM: Xid (PCI:0000:99:00.0): 79, GPU has fallen off the bus.")
        assert "a GPU gave Xid 79" in (await probe.look()).detail
    finally:
        await probe.close()


def test_an_event_and_its_line_are_one_error(tmp_path: Path) -> None:
    """The line adds the process; the process that is gone by then was seen on the GPU before."""
    path = tmp_path / "kmsg"
    path.touch()
    xids = Xids(str(path))
    xids._index_of_address = {"0:65:00": 0}
    xids.remember({4242: GEMMA})
    xids._hear(0, 31, None)
    path.write_text("4,1,1,-;NVRM: Xid (PCI:0000:65:00): 31, pid=4242, name=python3\n")
    (heard,) = xids.heard()
    assert (heard["gpu"], heard["code"], heard["container"]) == (0, 31, GEMMA)
    xids._hear(0, 13, None)
    assert [each["code"] for each in xids.heard()] == [31, 13]


def test_no_kernel_log_is_no_failure(tmp_path: Path) -> None:
    """Without the right to read it the events are what there is."""
    assert Xids(str(tmp_path / "absent")).heard() == []


def test_the_real_kernel_log_can_be_read_or_is_left_out() -> None:
    """The device exists wherever Linux does; reading it takes a right."""
    assert Xids(xid_events.KERNEL_LOG).heard() == []


@pytest.mark.parametrize(
    ("text", "container"),
    [
        (f"0::/system.slice/docker-{GEMMA}.scope\n", GEMMA),
        (f"12:devices:/docker/{GEMMA}\n0::/docker/{GEMMA}\n", GEMMA),
        (f"0::/kubepods/pod{'9' * 32}/{GEMMA}\n", GEMMA),
        ("0::/user.slice\n", None),
    ],
)
def test_container_of_a_process(text: str, container: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its control group, of either version."""
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: text)
    assert container_of(1) == container


def test_container_of_a_process_that_is_gone() -> None:
    """Nothing is known of it."""
    assert container_of(2**30) is None


@pytest.mark.parametrize(
    ("code", "reason"),
    [(0, None), (None, None), (126, None), (127, None), (2, Reason.GPU_UNAVAILABLE), (3, Reason.WRONG_TARGET)],
)
async def test_what_the_container_sees(
    control: Control, containers: FakeContainers, code: int | None, reason: Reason | None
) -> None:
    """Only a device that is there and cannot be opened is lost; a container without a shell is unknown."""
    containers.exit_code = code
    probe = make(containers, container_view=True)
    try:
        finding = await probe.look()
    finally:
        await probe.close()
    assert finding.reason is reason
    assert containers.executed == [("gemma", tuple(container.COMMAND))]


async def test_a_device_that_was_there_is_lost(
    control: Control, containers: FakeContainers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While all is well the command is rare; while it is not, each look asks."""
    probe = make(containers, container_view=True)
    try:
        assert (await probe.look()).outcome is Outcome.OK
        containers.exit_code = 3
        assert (await probe.look()).outcome is Outcome.OK
        assert len(containers.executed) == 1
        monkeypatch.setattr(container, "monotonic", lambda: monotonic() + container.LOOK_EVERY)
        assert (await probe.look()).reason is Reason.GPU_UNAVAILABLE
        assert (await probe.look()).reason is Reason.GPU_UNAVAILABLE
        assert len(containers.executed) == 3
        containers.exit_code = 0
        assert (await probe.look()).outcome is Outcome.OK
    finally:
        await probe.close()
    assert Reason.GPU_UNAVAILABLE.category is Category.FAULT


async def test_a_command_without_an_answer_is_repeated_ever_more_rarely(
    control: Control, containers: FakeContainers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may hang in the driver, where each further one would hang beside it; or Docker was busy for a moment."""
    now = 1000.0
    monkeypatch.setattr(container, "monotonic", lambda: now)
    probe = make(containers, container_view=True)
    containers.trouble = "did not tell within 5s"
    asked_at: list[float] = []
    try:
        while now < 2000.0:
            assert (await probe.look()).outcome is Outcome.OK
            if len(containers.executed) > len(asked_at):
                asked_at.append(now)
            now += 5.0
        assert [later - at for at, later in pairwise(asked_at)] == [10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0]
        containers.trouble = ""
        now = 2500.0
        assert (await probe.look()).outcome is Outcome.OK
        containers.trouble = "did not tell within 5s"
        now += container.LOOK_EVERY
        assert (await probe.look()).outcome is Outcome.OK
        now += container.FIRST_PAUSE
        assert (await probe.look()).outcome is Outcome.OK
        assert len(containers.executed) == len(asked_at) + 3
    finally:
        await probe.close()


async def test_a_lost_gpu_is_not_back_before_the_container_says_so(
    control: Control, containers: FakeContainers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer is neither well nor a reason to act; a container that does not run has lost nothing."""
    now = 1000.0
    monkeypatch.setattr(container, "monotonic", lambda: now)
    probe = make(containers, container_view=True)
    try:
        containers.exit_code = 2
        assert (await probe.look()).reason is Reason.GPU_UNAVAILABLE
        containers.trouble = "did not tell within 5s"
        for _ in range(3):
            finding = await probe.look()
            assert finding.reason is Reason.DOCKER_UNREACHABLE
            assert finding.reason.category is Category.BLIND
        containers.trouble, containers.exit_code, now = "", 126, now + container.FIRST_PAUSE
        assert (await probe.look()).reason is Reason.DOCKER_UNREACHABLE
        containers.exit_code, now = 2, now + 2 * container.FIRST_PAUSE
        assert (await probe.look()).reason is Reason.GPU_UNAVAILABLE
        containers.exit_code = None
        assert (await probe.look()).outcome is Outcome.OK
        containers.exit_code = 0
        assert (await probe.look()).outcome is Outcome.OK
        assert len(containers.executed) == 6
    finally:
        await probe.close()


async def test_a_lost_gpu_is_not_the_containers_fault(control: Control, containers: FakeContainers) -> None:
    """What the host has lost no container can have."""
    control(nvmlDeviceGetMemoryInfo=15)
    containers.exit_code = 2
    probe = make(containers, container_view=True)
    try:
        finding = await probe.look()
    finally:
        await probe.close()
    assert finding.reason is Reason.GPU_LOST
