"""Actions of the operator's own on a real container: one fails, one helps, one is late; only looking says which did."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from nemo_watchdog.demo import faults
from nemo_watchdog.demo.platform import Platform
from tests.integration.conftest import StartPlatform
from tests.integration.daemon import Daemon
from tests.integration.everything_said import all_of
from tests.integration.own_remedies import SECRET, mending, policy_with, receiver


async def went_through(daemon: Daemon, platform: Platform, action: str) -> list[tuple[str, str]]:
    """The gateway breaks, and is mended by the last step; gives how each of them ended."""
    await daemon.wait_for_health("gateway", "up")
    await faults.switch(platform, "gateway", "500")
    await daemon.event("incident_resolved", within=60.0)
    intended = [line for line in daemon.events if line["event"] == "action_intended"]
    assert {(each["action"], each["dependency"]) for each in intended} == {(action, "gateway")}
    assert not [line for line in daemon.events if line["event"] == "escalated"]
    return [(line["outcome"], line["detail"]) for line in daemon.events if line["event"] == "action_ended"]


async def outputs(daemon: Daemon, action: str, texts: Sequence[str]) -> None:
    """What each attempt wrote is kept with the incident."""
    (opened,) = [line for line in daemon.events if line["event"] == "incident_opened"]
    path = f"/api/v1/incidents/{opened['incident']}/evidence"

    async def kept() -> list[int]:
        taken = json.loads(await daemon.get(path))
        return [each["number"] for each in taken if each["occasion"] == f"output of {action}"]

    async def all_kept() -> bool:
        return len(await kept()) == len(texts)

    await daemon.until(all_kept, 10.0, "what it wrote was not kept")
    assert [await daemon.get(f"{path}/{number}/gateway.output.txt") for number in await kept()] == list(texts)


async def nowhere(daemon: Daemon) -> None:
    """The secret of the policy is in nothing that the daemon says or keeps."""
    for where, data in (await all_of(daemon)).items():
        assert SECRET.encode() not in data, where
    assert SECRET not in json.dumps(daemon.events)


async def test_a_command_fails_and_the_next_one_helps(start_platform: StartPlatform, tmp_path: Path) -> None:
    """The first says no and prints a secret of the policy, which shows nowhere; looking says that the second helped."""
    platform = await start_platform("gateway")
    more = {"do": "command", "backoff": {"initial": "1s", "jitter": 0}}
    text = policy_with(
        platform,
        {**more, "command": ["sh", "-c", 'echo "no: $1"; exit 3', "sh", "${CANARY}"]},
        {**more, "command": mending(platform), "verify_within": "30s"},
    )
    async with Daemon(text, tmp_path, environ={"CANARY": SECRET}) as daemon:
        assert await went_through(daemon, platform, "command") == [
            ("failed", "exit code 3: no: [redacted]"),
            ("succeeded", "exit code 0: mended 200"),
        ]
        await outputs(daemon, "command", ["no: [redacted]\n", "mended 200\n"])
        await nowhere(daemon)


async def test_a_command_that_is_late_is_ended_and_may_have_helped(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    """It has done its work, ignores SIGTERM and hangs: it is killed, and looking says that it helped all the same."""
    platform = await start_platform("gateway")
    script = f"trap '' TERM; echo $$ > {tmp_path}/leader; \"$@\"; sleep 300 & wait; sleep 300"
    command = ["sh", "-c", script, "sh", *mending(platform)]
    text = policy_with(
        platform,
        {"do": "command", "command": command, "timeout": "4s", "stop_within": "500ms", "verify_within": "30s"},
    )
    async with Daemon(text, tmp_path) as daemon:
        ended = await went_through(daemon, platform, "command")
        assert ended == [("timed_out", "did not end within 3.5s and was killed: mended 200")]
        assert not Path(f"/proc/{(tmp_path / 'leader').read_text().strip()}").exists()


async def test_an_order_fails_and_the_next_one_helps(start_platform: StartPlatform, tmp_path: Path) -> None:
    """The other side says no to the first and repeats the secret; the second one mends, and looking says so."""
    platform = await start_platform("gateway")
    taken: list[str] = []
    async with receiver(platform, taken) as url:
        more = {"do": "webhook", "secret": "${CANARY}", "backoff": {"initial": "1s", "jitter": 0}}
        text = policy_with(
            platform, {**more, "url": f"{url}/no"}, {**more, "url": f"{url}/mend", "verify_within": "30s"}
        )
        async with Daemon(text, tmp_path, environ={"CANARY": SECRET}) as daemon:
            assert await went_through(daemon, platform, "webhook") == [
                ("failed", "HTTP 409: no: you have [redacted]"),
                ("succeeded", 'ordered: HTTP 202: {"job": 7}'),
            ]
            await outputs(daemon, "webhook", ["no: you have [redacted]", '{"job": 7}'])
            await nowhere(daemon)
    assert taken == ["/no", "/mend"]


async def test_an_order_without_an_answer_may_have_helped(start_platform: StartPlatform, tmp_path: Path) -> None:
    """It is late, and looking says that it was carried out; no second one is sent."""
    platform = await start_platform("gateway")
    taken: list[str] = []
    async with receiver(platform, taken) as url:
        step = {"do": "webhook", "secret": SECRET, "url": f"{url}/late", "timeout": "2s", "verify_within": "30s"}
        async with Daemon(policy_with(platform, step), tmp_path) as daemon:
            ended = await went_through(daemon, platform, "webhook")
            assert ended == [("timed_out", "no answer within 2s; it may still do it")]
    assert taken == ["/late"]
