"""The machine's clock, and its GPUs through the child process of the probe."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nemo_watchdog.doctor.machine import kernel_clock, look_at_clock, look_at_gpu
from tests.unit.doctor.parts import all_of, told
from tests.unit.engine.world import dependency, policy
from tests.unit.probes.gpu.conftest import Control, control, stub

__all__ = ["control", "stub"]

POLICY = policy(dependency("redis"))


@pytest.mark.parametrize(
    ("state", "grade", "remedy"),
    [
        (0, "good", ""),
        (3, "good", ""),
        (5, "warning", "timedatectl set-ntp true, or install chrony"),
        (None, "skipped", ""),
    ],
)
def test_the_kernel_says_whether_the_clock_is_kept_right(state: int | None, grade: str, remedy: str) -> None:
    ((check, graded, _, what_to_do),) = told(list(look_at_clock(lambda: state)))
    assert (check, graded, what_to_do) == ("clock", grade, remedy)


def test_the_real_kernel_is_asked_without_a_change() -> None:
    """Where it may be asked at all; the states are 0 to 5 (adjtimex(2))."""
    assert kernel_clock() in {None, *range(6)}


def test_a_library_without_the_call_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nemo_watchdog.doctor.machine.ctypes.CDLL", lambda _: object())
    assert kernel_clock() is None


async def test_without_a_gpu_there_is_nothing_to_ask(tmp_path: Path) -> None:
    found = told(await all_of(look_at_gpu(POLICY, tmp_path)))
    assert found == [("gpu", "skipped", "there is none here, and the policy has no gpu probe", "")]


async def test_a_gpu_of_the_policy_is_looked_at_with_the_others(tmp_path: Path) -> None:
    watched = replace(dependency("gpu-0"), probe="gpu")
    assert await all_of(look_at_gpu(policy(watched), tmp_path)) == []


async def test_nvml_answers(control: Control, tmp_path: Path) -> None:
    (tmp_path / "nvidia0").touch()
    control(devices=1)
    ((check, grade, seen, _),) = told(await all_of(look_at_gpu(None, tmp_path)))
    assert (check, grade) == ("gpu", "good")
    assert seen.startswith("NVML answers: 1 GPU")


async def test_nvml_does_not_answer(control: Control, tmp_path: Path) -> None:
    (tmp_path / "nvidia0").touch()
    control(nvmlInitWithFlags=18)
    ((check, grade, seen, remedy),) = told(await all_of(look_at_gpu(POLICY, tmp_path)))
    assert (check, grade) == ("gpu", "warning")
    assert seen.startswith("blind: driver_mismatch: NVML: library and kernel module differ")
    assert remedy.startswith("reboot: NVIDIA's library and kernel module")
