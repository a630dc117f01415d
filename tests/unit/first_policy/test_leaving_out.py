"""What is not watched, and why; a label has the last word."""

from __future__ import annotations

from typing import Any

import pytest

from nemo_watchdog.first_policy.plan import sort_out
from tests.unit.first_policy.making import found, policy_of

HINT = "; to watch it all the same, label it nemo-watchdog.watch=true"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"labels": {"nemo-watchdog.watch": "false"}}, "its label nemo-watchdog.watch says so"),
        ({"image": "acme/nemo-watchdog:1"}, "it is the watchdog itself, which cannot heal itself"),
        ({"command": ["python3", "-m", "nemo_watchdog", "run"]}, "it is the watchdog itself, which cannot heal itself"),
        ({"state": "removing"}, "it is being removed"),
        ({"labels": {"io.kubernetes.pod.name": "x"}}, "Kubernetes made it, and restarts it itself"),
        (
            {"labels": {"com.docker.swarm.task.id": "x"}},
            "it is a task of Swarm, which puts one with another name in its place",
        ),
        ({"labels": {"com.docker.compose.oneoff": "True"}}, f"it is a one-off command of Compose{HINT}"),
        ({"rm": True}, f"it was started with --rm, as a job is{HINT}"),
        ({"state": "created", "restart": "no"}, f"it was made and never started{HINT}"),
        (
            {"state": "exited", "restart": "no"},
            f"its job is over: it ended with exit code 0, and Docker is not to start it again{HINT}",
        ),
    ],
)
def test_what_is_left_out(words: dict[str, Any], why: str) -> None:
    watched, left_out = sort_out([found("x", **words)])
    assert (watched, left_out) == ([], {"x": why})


@pytest.mark.parametrize(
    "words",
    [
        {"state": "exited", "exit_code": 1, "restart": "no"},
        {"state": "exited", "restart": "always"},
        {"state": "paused", "restart": "no"},
        {"state": "restarting"},
        {"state": "exited", "restart": "no", "labels": {"nemo-watchdog.watch": "true"}},
        {"rm": True, "labels": {"nemo-watchdog.watch": "true"}},
        {"command": ["python3", "-m", "nemo_watchdog.demo.gateway"]},
    ],
)
def test_what_is_watched(words: dict[str, Any]) -> None:
    assert sort_out([found("x", **words)])[1] == {}


@pytest.mark.parametrize("name", ["a" * 129, "0" * 64])
def test_a_name_that_no_policy_takes(name: str) -> None:
    assert sort_out([found(name)])[1] == {name: "a policy cannot name it: give the container another name"}


def test_the_container_that_it_runs_in_is_none_to_watch() -> None:
    assert sort_out([found("x", id="abcdef012345" + "0" * 52)], own_id="abcdef012345")[0] == []


@pytest.mark.parametrize("name", ["1e3", "on", "null", "docker", "DB.1", "-", "a" * 100])
def test_a_container_of_any_name_is_called_something(name: str) -> None:
    """Its name in the policy is valid and its own; its container is called as it is."""
    if name == "-":
        return
    policy = policy_of(found(name), found("other"))
    assert name in {each.container for each in policy.dependencies.values()}
    assert len(policy.dependencies) == 4
