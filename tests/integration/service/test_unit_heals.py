"""The shipped unit comes back by itself when what kept it down is mended, and has forgotten nothing that it spent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from nemo_watchdog.demo.platform import Platform
from tests.integration.service.systemd_box import Box, systemd_box
from tests.integration.service.unit_causes import CAUSES, Cause, give_it_a_past, make_room, remembered, runs_as

pytestmark = [pytest.mark.xdist_group("systemd-heals"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def platform(start_module_platform: Callable[..., Platform]) -> Platform:
    return start_module_platform("gateway")


@pytest.fixture(scope="module")
def running_box(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with systemd_box(tmp_path_factory.mktemp("drop-in"), f"{platform.prefix}-network") as box:
        make_room(box)
        yield box


@pytest.fixture(scope="module")
def box(running_box: Box, platform: Platform) -> Box:
    give_it_a_past(running_box, platform)
    return running_box


@pytest.mark.parametrize("cause", CAUSES)
def test_it_runs_again_when_the_cause_is_over(box: Box, platform: Platform, cause: Cause) -> None:
    """By itself, with its incidents, budgets and pauses; and nothing was restarted."""
    before, started = remembered(box), asyncio.run(platform.state("gateway"))["StartedAt"]
    assert before["incidents"]
    assert before["budgets"]["gateway"]["remaining"] == 2
    with cause(box, platform):
        pass
    box.until(lambda: runs_as(box, before))
    assert asyncio.run(platform.state("gateway"))["StartedAt"] == started
