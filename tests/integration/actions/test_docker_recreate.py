"""`docker.recreate` on a real Docker Engine: the same container again, and a way back from wherever it ends."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import pytest
import pytest_asyncio

from nemo_watchdog.actions.docker.recreate import DockerRecreate, RecreateOptions
from nemo_watchdog.containers import DockerContainers, DockerRecreation
from nemo_watchdog.demo.docker_cli import docker
from nemo_watchdog.demo.images import USR_MOUNTS, ensure_image
from nemo_watchdog.model import (
    CONTAINER,
    ActionOutcome,
    ActionRequest,
    ActionResult,
    ContainerStatus,
    RunState,
    Target,
)
from nemo_watchdog.ports import ActionContext

LABEL = ("--label", "nemo-watchdog-test.made=1")
SLEEPS = ("/bin/sh", "-c", "trap 'exit 0' TERM; sleep 600 & wait")
DRAWN = 20 + secrets.randbelow(230)
SUBNETS = (f"10.231.{DRAWN}", f"fd00:31:{DRAWN}:", f"10.232.{DRAWN}")
"""Others run these tests at the same time, and Docker gives no address twice; it gives none of 10.0.0.0/8 by itself."""
Make = Callable[..., Awaitable[str]]


@pytest_asyncio.fixture
async def recreation(docker_engine: str) -> AsyncIterator[DockerRecreation]:
    recreation = DockerRecreation(None, timeout=20.0)
    yield recreation
    await recreation.close()


@pytest_asyncio.fixture
async def make(docker_engine: str) -> AsyncIterator[Make]:
    """Runs a container with these options; all that bears its name goes after the test."""
    made: list[str] = []

    async def run(*options: str, command: tuple[str, ...] = SLEEPS) -> str:
        name = f"nemo-test-{secrets.token_hex(4)}"
        made.append(name)
        await docker("run", "-d", "--name", name, *LABEL, *options, *USR_MOUNTS, await ensure_image(), *command)
        return name

    yield run
    for name in made:
        for each in (name, f"{name}-nemo-old", f"{name}-nemo-new"):
            await docker("rm", "-f", "-v", each) if each in await names(name) else None


async def names(beginning: str) -> dict[str, str]:
    """The state of each container whose name begins so."""
    lines = await docker("ps", "-a", "--filter", f"name=^{beginning}", "--format", "{{.Names}} {{.State}}")
    return dict(line.split(" ") for line in lines.splitlines())


async def shown(container: str) -> dict[str, Any]:
    """An inspect; its mounts by what they are at."""
    found: dict[str, Any] = json.loads(await docker("inspect", container))[0]
    return found | {"Mounts": {each["Destination"]: each for each in found["Mounts"]}}


def ordered(
    name: str, judged: ContainerStatus | None, made: str = "", *, within: float = 60.0, **options: Any
) -> ActionRequest:
    checked = RecreateOptions.model_construct(**{"stop_timeout": 5.0, "network_from": None} | options)
    target = Target(CONTAINER, name)
    return ActionRequest("a-1", "i-1", "it", "docker.recreate", target, checked, judged, within, made=made)


def action(containers: DockerContainers, recreation: DockerRecreation) -> DockerRecreate:
    return DockerRecreate(ActionContext(containers, recreation=recreation))


async def recreated(
    containers: DockerContainers, recreation: DockerRecreation, name: str, **options: Any
) -> tuple[ContainerStatus, ActionResult]:
    judged = await containers.inspect(name)
    return judged, await action(containers, recreation).run(ordered(name, judged, **options))


@pytest_asyncio.fixture
async def networks(docker_engine: str) -> AsyncIterator[tuple[str, str]]:
    first, second = (f"nemo-test-{secrets.token_hex(4)}" for _ in range(2))
    four, six, other = SUBNETS
    await docker("network", "create", *LABEL, "--subnet", f"{four}.0/24", "--ipv6", "--subnet", f"{six}:/64", first)
    await docker("network", "create", *LABEL, "--subnet", f"{other}.0/24", second)
    yield first, second
    await docker("network", "rm", first, second)


DIFFERENT = (
    # What one container has and no other.
    "Id", "Created", "ResolvConfPath", "HostnamePath", "HostsPath", "LogPath", "GraphDriver.Data",
    "State.Pid", "State.StartedAt", "State.FinishedAt", "State.Health",
    "NetworkSettings.SandboxID", "NetworkSettings.SandboxKey", "NetworkSettings.Networks.*.EndpointID",
    # The short id, which Docker makes an alias; and what anonymous volumes are called, which is asked for now.
    "NetworkSettings.Networks.*.Aliases", "HostConfig.Binds", "HostConfig.Mounts",
    "Mounts./anonymous.Mode",
    # A port that was left to Docker, and an address that was not asked for with the hardware address made of it.
    "NetworkSettings.Ports.81/tcp", "NetworkSettings.Networks.SECOND.IPAddress",
    "NetworkSettings.Networks.SECOND.MacAddress",
)  # fmt: skip


def differences(before: object, after: object, path: str = "") -> dict[str, tuple[object, object]]:
    """By path."""
    if isinstance(before, dict) and isinstance(after, dict):
        found: dict[str, tuple[object, object]] = {}
        for key in sorted(before.keys() | after.keys()):
            found |= differences(before.get(key), after.get(key), f"{path}.{key}".lstrip("."))
        return found
    if isinstance(before, list) and isinstance(after, list):  # their order means nothing in an inspect
        before, after = (sorted(each, key=repr) for each in (before, after))
    return {} if before == after else {path: (before, after)}


def is_expected(path: str, second: str) -> bool:
    allowed = (each.replace("SECOND", second) for each in DIFFERENT)
    return any(re.match(re.escape(each).replace(r"\*", "[^.]+") + r"(\.|$)", path) for each in allowed)


async def test_it_is_the_same_container_again(
    containers: DockerContainers, recreation: DockerRecreation, make: Make, networks: tuple[str, str]
) -> None:
    """`docker inspect` before and after differ in what one container has and no other, and data goes on."""
    first, second = networks
    four, six, _ = SUBNETS
    volume = f"nemo-test-{secrets.token_hex(4)}"
    name = await make(
        *("--network", first, "--ip", f"{four}.77", "--ip6", f"{six}:77", "--network-alias", "store"),
        *("--hostname", "given", "--domainname", "example.test"),
        *("-v", f"{volume}:/named", "-v", "/anonymous", "--mount", "type=volume,dst=/mounted"),
        *("--mount", "type=tmpfs,dst=/scratch", "--tmpfs", "/quick:size=1m", "--shm-size", "8m"),
        *("-e", "PASSWORD=hunter2", "--label", "com.example.of=platform", "--user", "0:0", "--workdir", "/tmp"),
        *(
            "--memory",
            "64m",
            "--memory-swap",
            "64m",
            "--cpus",
            "0.5",
            "--pids-limit",
            "64",
            "--ulimit",
            "nofile=64:128",
        ),
        *("--health-cmd", "true", "--health-interval", "1s", "--stop-signal", "TERM", "--stop-timeout", "3"),
        *("--device", "/dev/null:/dev/nothing:rw", "--restart", "on-failure:3", "--log-opt", "max-size=1m"),
        *("--sysctl", "net.core.somaxconn=99", "--add-host", "elsewhere:192.0.2.1", "--cap-add", "NET_ADMIN"),
        *("-p", "127.0.0.1::81", "--read-only", "--dns", "192.0.2.53", "--oom-score-adj", "5"),
    )
    await docker("network", "connect", "--alias", "also", second, name)
    await docker("exec", name, "/bin/sh", "-c", "for d in named anonymous mounted; do echo kept > /$d/file; done")
    before = await shown(name)
    try:
        judged, result = await recreated(containers, recreation, name)
        assert result.outcome is ActionOutcome.SUCCEEDED, result
        assert await names(name) == {name: "running", f"{name}-nemo-old": "exited"}
        settled = await action(containers, recreation).settle(ordered(name, judged, result.made), helped=True)
        assert settled.outcome is ActionOutcome.SUCCEEDED, settled
        after = await shown(name)
        assert after["Id"] == result.made != before["Id"]
        unexpected = {p: d for p, d in differences(before, after).items() if not is_expected(p, second)}
        assert not unexpected, unexpected
        _, again = await recreated(containers, recreation, name)  # a copy can be copied
        assert again.outcome is ActionOutcome.SUCCEEDED, again
        last = await shown(name)
        assert {p: d for p, d in differences(after, last).items() if not is_expected(p, second)} == {}
        for each in (after, last):
            assert aliases(each, first) == aliases(before, first) >= {"store"}
            assert aliases(each, second) == aliases(before, second) >= {"also"}
            assert volumes(each) == volumes(before)
        for folder in ("named", "anonymous", "mounted"):
            assert await docker("exec", name, "cat", f"/{folder}/file") == "kept"
    finally:
        await docker("rm", "-f", "-v", name, f"{name}-nemo-old")
        await docker("volume", "rm", volume, *set(volumes(before)) - {volume})


async def test_a_hardware_address_that_was_given_stays(
    containers: DockerContainers, recreation: DockerRecreation, make: Make, networks: tuple[str, str]
) -> None:
    """Made through the API: newer command lines give none to older Engines."""
    plain, (first, _), given = await make("--network", "none"), networks, "02:42:ac:1f:c9:99"
    name = f"{plain}-given"
    body = {
        "Image": await ensure_image(),
        "Cmd": SLEEPS,
        "MacAddress": given,
        "Labels": {"nemo-watchdog-test.made": "1"},
    }
    host = {"NetworkMode": first, "Binds": [bind for bind in USR_MOUNTS if bind != "-v"]}
    await recreation.create(name, {**body, "HostConfig": host})
    await recreation.start(name)
    try:
        _, result = await recreated(containers, recreation, name)
        assert result.outcome is ActionOutcome.SUCCEEDED, result
        assert (await shown(name))["NetworkSettings"]["Networks"][first]["MacAddress"] == given
    finally:
        await docker("rm", "-f", "-v", name, f"{name}-nemo-old")


def aliases(of: Mapping[str, Any], network: str) -> set[str]:
    return set(of["NetworkSettings"]["Networks"][network]["Aliases"]) - {of["Id"][:12]}


def volumes(of: Mapping[str, Any]) -> dict[str, tuple[str, bool]]:
    return {
        each["Name"]: (each["Destination"], each["RW"]) for each in of["Mounts"].values() if each["Type"] == "volume"
    }


@pytest.mark.parametrize("options", [(), ("--network", "none"), ("--network", "host"), ("--entrypoint", "/bin/sleep")])
async def test_other_ways_to_run_it(
    containers: DockerContainers, recreation: DockerRecreation, make: Make, options: tuple[str, ...]
) -> None:
    """On Docker's own network, on none, on the machine's, and with a given entrypoint."""
    name = await make(*options, command=("600",) if "--entrypoint" in options else SLEEPS)
    before = await shown(name)
    _, result = await recreated(containers, recreation, name, stop_timeout=0.0)
    assert result.outcome is ActionOutcome.SUCCEEDED, result
    found = differences(before, await shown(name))
    allowed = {"Config.Hostname", "HostConfig.Binds", "HostConfig.Links", "NetworkSettings.IPAddress"}
    allowed |= {"NetworkSettings.MacAddress", "NetworkSettings.EndpointID"}
    allowed |= {f"NetworkSettings.Networks.bridge.{each}" for each in ("IPAddress", "MacAddress")}
    assert {path for path in found if not is_expected(path, "")} <= allowed


async def test_what_did_not_help_is_put_back(
    containers: DockerContainers, recreation: DockerRecreation, make: Make
) -> None:
    """The old container runs again under its name, with what it had written in itself, and the new one is gone."""
    name = await make("--restart", "always", "-v", "/data")
    await docker("exec", name, "/bin/sh", "-c", "echo kept > /data/file; echo own > /tmp/own")
    judged, result = await recreated(containers, recreation, name)
    await docker("exec", name, "/bin/sh", "-c", "echo newer > /data/file")
    settled = await action(containers, recreation).settle(ordered(name, judged, result.made), helped=False)
    assert settled.outcome is ActionOutcome.SUCCEEDED, settled
    assert await names(name) == {name: "running"}
    after = await shown(name)
    assert after["Id"] == judged.container_id
    assert after["HostConfig"]["RestartPolicy"]["Name"] == "always"
    assert await docker("exec", name, "cat", "/data/file", "/tmp/own") == "newer\nown"


async def test_what_cannot_start_is_put_back_at_once(
    containers: DockerContainers, recreation: DockerRecreation, make: Make, tmp_path: Any
) -> None:
    """A device that is gone since: Docker's words are told, and the old one serves again where it can."""
    socket = tmp_path / "gone"
    socket.mkdir()
    name = await make("--mount", f"type=bind,src={socket},dst=/bound")
    socket.rmdir()
    judged, result = await recreated(containers, recreation, name)
    assert result.outcome is ActionOutcome.FAILED
    assert "gone" in result.detail
    assert await names(name) == {name: "running"}
    assert (await containers.inspect(name)).container_id == judged.container_id


async def test_the_network_of_another_container(
    containers: DockerContainers, recreation: DockerRecreation, make: Make
) -> None:
    """The other one was made anew, under its name: without that name it is refused, with it the network is there."""
    parent = await make("--network", "none")
    name = await make("--network", f"container:{parent}")
    judged, result = await recreated(containers, recreation, name, stop_timeout=1.0)
    assert result.outcome is ActionOutcome.SUCCEEDED, result
    await action(containers, recreation).settle(ordered(name, judged, result.made), helped=True)
    _, replaced = await recreated(containers, recreation, parent)
    await docker("rm", "-f", f"{parent}-nemo-old")
    judged, result = await recreated(containers, recreation, name)
    assert result.outcome is ActionOutcome.REFUSED
    assert "network_from" in result.detail
    assert (await containers.inspect(name)).run == judged.run
    _, result = await recreated(containers, recreation, name, network_from=parent)
    assert result.outcome is ActionOutcome.SUCCEEDED, result
    assert (await shown(name))["HostConfig"]["NetworkMode"] == f"container:{replaced.made}"


async def test_what_removes_itself_is_refused(
    containers: DockerContainers, recreation: DockerRecreation, make: Make
) -> None:
    """`--rm`: there would be no way back."""
    name = await make("--rm", "--network", "none")
    judged, result = await recreated(containers, recreation, name)
    assert result.outcome is ActionOutcome.REFUSED
    assert (await containers.inspect(name)).run == judged.run


CALLS = 11
"""Of one on no network: each is a place where the process may be killed."""


@pytest.mark.parametrize("calls", range(1, CALLS + 1))
async def test_a_process_that_is_killed_leaves_what_is_made_whole(
    containers: DockerContainers, recreation: DockerRecreation, make: Make, calls: int
) -> None:
    """After each of its calls: one container of that name runs, no other is there, and its volume is."""
    name = await make("--network", "none", "--restart", "unless-stopped", "-v", "/data")
    await docker("exec", name, "/bin/sh", "-c", "echo kept > /data/file")
    judged = await containers.inspect(name)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.actions.dying_recreation", name, str(calls)
    )
    ended = await process.wait()
    assert ended == (-signal.SIGKILL if calls < CALLS else 0)
    settled = await action(containers, recreation).settle(ordered(name, judged), helped=None)
    assert settled.outcome is ActionOutcome.SUCCEEDED, settled
    assert await names(name) == {name: "running"}
    after = await shown(name)
    assert after["Id"] == judged.container_id
    assert after["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert await docker("exec", name, "cat", "/data/file") == "kept"


async def test_a_stop_that_goes_on_without_us_ends_nothing_that_was_put_back(
    containers: DockerContainers, recreation: DockerRecreation, make: Make
) -> None:
    """Cancelled while Docker waits for it to end: Docker goes on, and the container runs when it is made whole."""
    name = await make("--network", "none", command=("/bin/sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"))
    judged, began = await containers.inspect(name), str(int(time.time()))
    running = asyncio.ensure_future(action(containers, recreation).run(ordered(name, judged, stop_timeout=3.0)))
    asked = ("--since", began, "--filter", f"container={judged.container_id}", "--filter", "event=kill")
    async with asyncio.timeout(20.0):
        while not await docker("events", *asked, "--until", str(time.time())):
            await asyncio.sleep(0.05)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    settled = await action(containers, recreation).settle(ordered(name, judged, stop_timeout=3.0), helped=None)
    assert settled.outcome is ActionOutcome.SUCCEEDED, settled
    after = await containers.inspect(name)
    assert after.state is RunState.RUNNING
    assert after.container_id == judged.container_id
    assert after.started_at != judged.started_at
    assert await names(name) == {name: "running"}
