"""What a container was asked to have, and what it has from its image."""

from __future__ import annotations

from typing import Any

import pytest

from nemo_watchdog.actions.docker.own_config import own_of
from nemo_watchdog.actions.docker.same_again import same_again

HEALTH = {"Test": ["CMD", "check"], "Interval": 1_000, "Retries": 3}
TABLE: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ("nothing", {}, {}, {}),
    ("what no image has", {"Hostname": "h", "Tty": True}, {}, {"Hostname": "h", "Tty": True}),
    ("env of the image", {"Env": ["PATH=/bin", "RELEASE=2"]}, {"Env": ["PATH=/bin", "RELEASE=2"]}, {}),
    ("env of its own", {"Env": ["A=1", "RELEASE=2"]}, {"Env": ["RELEASE=2"]}, {"Env": ["A=1"]}),
    ("env that was changed", {"Env": ["A=1"]}, {"Env": ["A=0"]}, {"Env": ["A=1"]}),
    ("no env of the image", {"Env": ["A=1"]}, {"Env": None}, {"Env": ["A=1"]}),
    ("the image's command", {"Cmd": ["serve"], "Entrypoint": None}, {"Cmd": ["serve"]}, {}),
    ("a command of its own", {"Cmd": ["mine"], "Entrypoint": None}, {"Cmd": ["serve"]}, {"Cmd": ["mine"]}),
    ("both of the image", {"Cmd": ["a"], "Entrypoint": ["e"]}, {"Cmd": ["a"], "Entrypoint": ["e"]}, {}),
    (
        "a command for the image's entry point",
        {"Cmd": ["b"], "Entrypoint": ["e"]},
        {"Cmd": ["a"], "Entrypoint": ["e"]},
        {"Cmd": ["b"]},
    ),
    (
        "an entry point of its own, whose command is no image's",
        {"Cmd": ["a"], "Entrypoint": ["mine"]},
        {"Cmd": ["a"], "Entrypoint": ["e"]},
        {"Cmd": ["a"], "Entrypoint": ["mine"]},
    ),
    (
        "an entry point that was taken away",
        {"Cmd": ["a"], "Entrypoint": None},
        {"Cmd": ["a"], "Entrypoint": ["e"]},
        {"Cmd": ["a"], "Entrypoint": None},
    ),
    ("labels", {"Labels": {"a": "1", "b": "2"}}, {"Labels": {"a": "1", "b": "1"}}, {"Labels": {"b": "2"}}),
    ("no labels left", {"Labels": {"a": "1"}}, {"Labels": {"a": "1"}}, {}),
    ("ports", {"ExposedPorts": {"80": {}, "81": {}}}, {"ExposedPorts": {"80": {}}}, {"ExposedPorts": {"81": {}}}),
    ("volumes", {"Volumes": {"/data": {}}}, {"Volumes": {"/data": {}}}, {}),
    ("the image's health check", {"Healthcheck": HEALTH}, {"Healthcheck": HEALTH}, {}),
    (
        "one that is asked more often",
        {"Healthcheck": {**HEALTH, "Interval": 5}},
        {"Healthcheck": HEALTH},
        {"Healthcheck": {"Interval": 5}},
    ),
    (
        "one of its own",
        {"Healthcheck": {"Test": ["NONE"]}},
        {"Healthcheck": HEALTH},
        {"Healthcheck": {"Test": ["NONE"]}},
    ),
    ("folder and user", {"WorkingDir": "/app", "User": "app"}, {"WorkingDir": "/app", "User": "app"}, {}),
    ("another user", {"User": "0"}, {"User": "app"}, {"User": "0"}),
    ("empty is nothing", {"User": "", "OnBuild": []}, {"OnBuild": None}, {}),
    ("its signal and shell", {"StopSignal": "SIGINT", "Shell": ["sh"]}, {"StopSignal": "SIGINT", "Shell": ["sh"]}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("config", "of_image", "own"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_what_is_its_own(config: dict[str, Any], of_image: dict[str, Any], own: dict[str, Any]) -> None:
    """All that is not as the image has it; the two that are compared stay as they are."""
    before = repr((config, of_image))
    assert own_of(config, of_image) == own
    assert repr((config, of_image)) == before


def test_another_image_gets_what_is_its_own_alone() -> None:
    """And its own entry point; one that was taken away stays away."""
    shown: dict[str, Any] = {
        "Id": "ab" * 32,
        "Config": {"Env": ["RELEASE=2", "A=1"], "Cmd": ["two"], "Entrypoint": ["start"]},
        "HostConfig": {"NetworkMode": "default"},
    }
    of_image = {"Env": ["RELEASE=2"], "Cmd": ["two"], "Entrypoint": ["start"]}
    body = same_again(shown, "app:1", of_image=of_image).body
    assert body["Env"] == ["A=1"]
    assert not {"Cmd", "Entrypoint"} & body.keys()
    assert body["Image"] == "app:1"
    shown["Config"]["Entrypoint"] = None
    assert same_again(shown, "app:1", of_image=of_image).body["Entrypoint"] == [""]
