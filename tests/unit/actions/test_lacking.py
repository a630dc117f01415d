"""What a machine lacks for an action is said when somebody asks, and not at 3 a.m."""

from __future__ import annotations

from dataclasses import replace

from nemo_watchdog.actions.catalog import ACTIONS
from nemo_watchdog.actions.lacking import lacking
from tests.unit.engine.world import dependency, policy


def test_each_step_that_could_not_be_done_here_is_named() -> None:
    """With its place in the policy and the kind's own words."""
    lame = replace(ACTIONS["docker.restart"], lacks=lambda _: "no program here: install it")
    told = [str(each) for each in lacking(policy(dependency("gateway")), {"docker.restart": lame})]
    assert told == ["remedies.restart.steps[0]: no program here: install it"]


def test_what_lacks_nothing_is_not_told() -> None:
    """A machine that has all that a policy needs gets no advice."""
    assert not list(lacking(policy(dependency("gateway")), ACTIONS))
