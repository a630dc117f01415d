"""From an inspect to the order for another container like it: what was asked for, and the volumes that are there."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest

from nemo_watchdog.actions.docker.same_again import Blueprint, parent_of, same_again, why_not
from nemo_watchdog.errors import NotOrdered

ID = "0123456789abcdef" * 4
SHORT = ID[:12]
IMAGE = "sha256:image"

SHOWN: Mapping[str, Any] = {
    "Id": ID,
    "Name": "/web",
    "Image": IMAGE,
    "Config": {"Hostname": SHORT, "Image": "web:1", "Entrypoint": None, "Cmd": ["serve"], "Labels": {"a": "b"}},
    "HostConfig": {"NetworkMode": "default", "Binds": None, "RestartPolicy": {"Name": "always"}},
    "Mounts": [],
    "NetworkSettings": {"Networks": {"bridge": {"NetworkID": "n1", "IPAddress": "172.17.0.2"}}},
}


def again(parent: str = "", **changes: Mapping[str, Any] | list[Any]) -> Blueprint:
    """With these changes: `Config` and `HostConfig` key by key, the rest whole."""
    shown = copy.deepcopy(dict(SHOWN))
    for key, value in changes.items():
        shown[key] = {**shown[key], **value} if isinstance(value, Mapping) else value
    return same_again(shown, IMAGE, parent)


def host(**changes: Any) -> Mapping[str, Any]:
    body = again(HostConfig=changes).body
    return dict(body["HostConfig"])


def test_what_docker_made_of_it_is_not_asked_for() -> None:
    """Its host name is its own short id, and its network is the one that it gets without being asked for."""
    blueprint = again()
    assert "Hostname" not in blueprint.body
    assert blueprint.body["Image"] == IMAGE
    assert blueprint.body["Entrypoint"] == [""]
    assert (blueprint.body["Cmd"], blueprint.body["Labels"]) == (["serve"], {"a": "b"})
    assert (blueprint.body["NetworkingConfig"], blueprint.networks) == ({"EndpointsConfig": {}}, {})


def test_a_host_name_that_was_given_stays() -> None:
    """But where it is the machine's own, which Docker does not take."""
    assert again(Config={"Hostname": "web-1"}).body["Hostname"] == "web-1"
    assert "Hostname" not in again(Config={"Hostname": "machine"}, HostConfig={"UTSMode": "host"}).body


@pytest.mark.parametrize(
    "asked",
    [
        {"DeviceRequests": [{"Driver": "nvidia", "Count": -1, "Capabilities": [["gpu"]]}]},
        {"Devices": [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/x", "CgroupPermissions": "rwm"}]},
        {"VolumesFrom": ["data:ro"]},
        {"Init": True},
        {"Memory": 1 << 30, "NanoCpus": 500_000_000, "PidsLimit": 100, "OomScoreAdj": -500},
        {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}},
        {"LogConfig": {"Type": "local", "Config": {"max-size": "10m"}}},
        {"Tmpfs": {"/tmp": "size=1m"}, "Sysctls": {"net.core.somaxconn": "128"}},
        {"PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]}},
        {
            "ExtraHosts": ["db:10.0.0.1"],
            "Dns": ["10.0.0.2"],
            "CapAdd": ["NET_ADMIN"],
            "SecurityOpt": ["no-new-privileges"],
        },
    ],
)
def test_what_was_asked_for_is_asked_for_again(asked: Mapping[str, Any]) -> None:
    """Word for word."""
    assert host(**asked).items() >= asked.items()


def test_anonymous_volumes_go_on_by_the_names_that_docker_gave_them() -> None:
    """Beside those that were named; a bind that asked for an anonymous one is that volume by now."""
    mounts = [
        {"Type": "volume", "Name": "v1", "Destination": "/data", "RW": True},
        {"Type": "volume", "Name": "v2", "Destination": "/cache", "RW": False},
        {"Type": "volume", "Name": "named", "Destination": "/named", "RW": True},
        {"Type": "bind", "Source": "/srv", "Destination": "/srv", "RW": True},
    ]
    body = again(HostConfig={"Binds": ["named:/named", "/srv:/srv/", "/cache"]}, Mounts=mounts).body
    assert body["HostConfig"]["Binds"] == ["named:/named", "/srv:/srv/", "v1:/data", "v2:/cache:ro"]


def test_a_mount_keeps_its_options_and_its_volume() -> None:
    """Also one whose volume had no name when it was asked for."""
    asked: list[dict[str, Any]] = [
        {"Type": "volume", "Target": "/data", "VolumeOptions": {"Labels": {"a": "b"}}},
        {"Type": "volume", "Source": "named", "Target": "/named"},
        {"Type": "tmpfs", "Target": "/tmp", "TmpfsOptions": {"SizeBytes": 1}},
    ]
    mounts = [
        {"Type": "volume", "Name": "v1", "Destination": "/data", "RW": True},
        {"Type": "volume", "Name": "named", "Destination": "/named", "RW": True},
    ]
    body = again(HostConfig={"Mounts": asked}, Mounts=mounts).body
    assert body["HostConfig"]["Mounts"] == [{**asked[0], "Source": "v1"}, *asked[1:]]
    assert body["HostConfig"]["Binds"] == []


def test_links_are_asked_for_as_they_were_written() -> None:
    """Docker shows the names of both ends."""
    assert host(Links=["/db:/web/store", "/cache:/web/cache"])["Links"] == ["db:store", "cache:cache"]


def test_networks_with_aliases_and_fixed_addresses_stay() -> None:
    """It is made on the first, and put on the others; the alias that Docker gave it is the old one's."""
    networks = {
        "front": {
            "NetworkID": "n1",
            "Aliases": ["web", SHORT],
            "IPAMConfig": {"IPv4Address": "10.0.0.5", "IPv6Address": "fd00::5"},
            "DriverOpts": {"opt": "x"},
            "Links": ["db:store"],
            "MacAddress": "",
            "IPAddress": "10.0.0.5",
        },
        "back": {"NetworkID": "n2", "Aliases": [SHORT], "IPAMConfig": None, "DriverOpts": None, "Links": None},
    }
    blueprint = again(HostConfig={"NetworkMode": "front"}, NetworkSettings={"Networks": networks})
    assert blueprint.body["NetworkingConfig"]["EndpointsConfig"] == {
        "front": {
            "Aliases": ["web"],
            "IPAMConfig": {"IPv4Address": "10.0.0.5", "IPv6Address": "fd00::5"},
            "DriverOpts": {"opt": "x"},
            "Links": ["db:store"],
        }
    }
    assert blueprint.networks == {"back": {}}


@pytest.mark.parametrize("mode", ["host", "none"])
def test_what_has_no_network_of_its_own_is_put_on_none(mode: str) -> None:
    """Though Docker shows one."""
    blueprint = again(HostConfig={"NetworkMode": mode}, NetworkSettings={"Networks": {mode: {"NetworkID": "n"}}})
    assert (blueprint.body["NetworkingConfig"], blueprint.networks) == ({"EndpointsConfig": {}}, {})


def test_what_uses_anothers_network_asks_for_nothing_of_it() -> None:
    """Docker shows the other one's host name and ports as its own."""
    shown = {**SHOWN, "HostConfig": {"NetworkMode": "container:old-parent"}}
    assert parent_of(shown) == "old-parent"
    assert parent_of(SHOWN) == ""
    body = again(
        "new-parent",
        Config={"Hostname": "parent", "ExposedPorts": {"80/tcp": {}}},
        HostConfig={"NetworkMode": "container:old-parent"},
    ).body
    assert body["HostConfig"]["NetworkMode"] == "container:new-parent"
    assert not {"Hostname", "ExposedPorts"} & body.keys()


def test_what_cannot_be_made_anew_says_why() -> None:
    """There would be no way back, or somebody else makes it."""
    assert why_not(SHOWN) == ""
    assert "--rm" in why_not({**SHOWN, "HostConfig": {"AutoRemove": True}})
    assert "Swarm" in why_not({**SHOWN, "Config": {"Labels": {"com.docker.swarm.task.id": "x"}}})


@pytest.mark.parametrize("shown", [{}, {"Id": ID, "Config": None, "HostConfig": {}}, {**SHOWN, "Mounts": [{}]}])
def test_an_inspect_that_is_not_known_is_no_order(shown: Mapping[str, Any]) -> None:
    """Nothing is made of what is not understood."""
    with pytest.raises(NotOrdered, match="inspect of the container is not as it is known to be"):
        same_again(shown, IMAGE)
