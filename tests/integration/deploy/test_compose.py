"""The Compose file, as docker-compose reads it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.parts import need

FILE = Path(__file__).parents[3] / "deploy" / "compose.yaml"
OURS = ("DOCKER_", "NEMO_WATCHDOG_", "SOCKET_PROXY_", "COMPOSE_")


def config(folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """In a folder without `.env`, and without what this machine's environment may set."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    command = (need("docker-compose"), "--project-directory", str(folder), "-f", str(FILE), "config")
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env={**own, **environ})


@pytest.fixture
def services(tmp_path: Path) -> dict[str, Any]:
    done = config(tmp_path, DOCKER_GID="998")
    assert done.returncode == 0, done.stderr
    assert "variable is not set" not in done.stderr
    told: dict[str, Any] = yaml.safe_load(done.stdout)["services"]
    return told


def test_both_are_shut_in(services: dict[str, Any]) -> None:
    assert set(services) == {"watchdog", "socket-proxy"}
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["restart"] == "unless-stopped"
        assert service["user"].split(":")[1] == "10001"
        assert not {"privileged", "cap_add", "ports"} & set(service)


def test_only_the_proxy_has_dockers_socket(services: dict[str, Any]) -> None:
    """And no network; the watchdog has the host's, listens on loopback, and reaches Docker through the proxy."""
    watchdog, proxy = services["watchdog"], services["socket-proxy"]
    assert [each for each in watchdog["volumes"] if "docker.sock" in str(each)] == []
    assert (proxy["network_mode"], proxy["group_add"]) == ("none", ["998"])
    assert watchdog["network_mode"] == "host"
    assert watchdog["environment"]["NEMO_WATCHDOG_LISTEN"] == "127.0.0.1:9877"
    assert watchdog["environment"]["DOCKER_HOST"] == "unix:///run/socket-proxy/docker.sock"
    assert proxy["environment"]["SOCKET_PROXY_EXEC"] == ""
    assert "/etc/nemo-watchdog:/etc/nemo-watchdog:ro" in watchdog["volumes"]


def test_without_the_group_of_the_socket_it_says_what_to_do(tmp_path: Path) -> None:
    done = config(tmp_path)
    assert done.returncode != 0
    assert "stat -c %g /var/run/docker.sock" in done.stderr
