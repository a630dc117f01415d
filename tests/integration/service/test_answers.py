"""The next in line is told in time, and an answer by command, API or link stops that; a stop of the daemon does not."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from nemo_watchdog.runtime.answer_links import AnswerLinks
from tests.integration.daemon import Daemon
from tests.integration.service.parts import Receiver, Service, tcp_policy
from tests.integration.service.test_declared import run

PEOPLE = """
notifications: {{group_wait: 0s, heal_quietly: 0s, link: "http://127.0.0.1:{port}"}}
severities:
  SEV1: {{title: Outage, respond_within: 15m, notify: [on-call]}}
  SEV2: {{title: Major,  respond_within: {respond}s, notify: [on-call], escalate: [lead]}}
  SEV3: {{title: Minor,  respond_within: 4h,  notify: [on-call]}}
  SEV4: {{title: Low,    respond_within: 24h, notify: [on-call]}}
classification: [{{name: all, severity: SEV2}}]
contacts: {{on-call: ["json://127.0.0.1:{on_call}"], lead: ["json://127.0.0.1:{lead}"]}}
"""


def watching(folder: Path, service: Service, on_call: Receiver, lead: Receiver, respond: int) -> Daemon:
    """A daemon whose messages lead back to it."""
    daemon = Daemon("", folder)
    people = PEOPLE.format(port=daemon.port, respond=respond, on_call=on_call.port, lead=lead.port)
    daemon.policy.write_text(tcp_policy(service.port, people), encoding="utf-8")
    return daemon


def link_in(message: dict[str, Any]) -> str:
    found = re.search(r"http://127\.0\.0\.1:\d+/ack/\S+", message["message"])
    assert found, message
    return found[0]


async def ask(method: str, link: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.request(method, link) as answer:
        return answer.status, await answer.text()


async def declared(daemon: Daemon, receiver: Receiver, text: str) -> tuple[str, dict[str, Any]]:
    """The id of an outage, and what on-call was told of it."""
    incident = str((await daemon.post("/api/v1/incidents", {"text": text}))["incident"])
    return incident, await receiver.message(lambda message: text in message["title"])


async def delivered(daemon: Daemon, incident: str, times: int) -> list[dict[str, Any]]:
    """So many messages about the incident, once the disk has it that they were delivered and none waits."""
    found: list[dict[str, Any]] = []

    async def look() -> bool:
        nonlocal found
        found = json.loads(await daemon.get(f"/api/v1/incidents/{incident}"))["deliveries"]
        return [each["state"] for each in found] == ["delivered"] * times

    await daemon.until(look, 10.0, f"{times} messages about {incident} are not delivered")
    return found


def moment(line: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(line["timestamp"])


async def test_an_answer_by_command_api_or_link_stops_the_line(tmp_path: Path) -> None:
    """Of four outages three are answered, each in another way: the next in line hears of the fourth alone, in time.

    A link that was used, altered, is too old or is about what is over is refused, also by the daemon's next run.
    """
    respond = 10
    async with Service() as service, Receiver() as on_call, Receiver() as lead:
        async with watching(tmp_path, service, on_call, lead, respond) as daemon:
            by_command, first = await declared(daemon, on_call, "one")
            by_api, _ = await declared(daemon, on_call, "two")
            _, message = await declared(daemon, on_call, "three")
            used = link_in(message)
            assert f"Answer: `nemo-watchdog ack {by_command}`" in first["message"]
            done = await run(daemon, "ack", by_command)
            assert (done.returncode, done.stdout) == (0, f"{by_command} is yours.\n")
            assert (await daemon.post(f"/api/v1/incidents/{by_api}/acknowledge", {"by": "ada"}))["open"]
            for _ in range(2):
                status, text = await ask("GET", used)
                assert (status, "Nobody has taken it." in text) == (200, True)
            status, text = await ask("POST", used)
            assert (status, "Taken by on-call." in text) == (200, True)

            open_one, message = await declared(daemon, on_call, "four")
            unused = link_in(message)
            told = await lead.message(lambda message: "nobody has taken it" in message["title"], within=respond + 10.0)
            began, asked = (datetime.fromisoformat(each["queued"]) for each in await delivered(daemon, open_one, 2))
            assert 0 <= (asked - began).total_seconds() - respond < 2.0
            assert f"Answer: `nemo-watchdog ack {open_one}`" in told["message"]
            assert link_in(told) != unused
            assert len(lead.messages) == 1
            # Who answers by a link is not told so, and what was answered otherwise is told once.
            assert sum("has taken" in title for title in on_call.titles) == 2

            await daemon.restart(kill=True)
            key = (daemon.state_dir / "answer.key").read_text(encoding="ascii").strip().encode()
            before = AnswerLinks(key, lambda: datetime.now(UTC) - timedelta(hours=24))
            old = f"{daemon.url}/ack/{before.token(open_one, 'on-call', 'old')}"
            for refused, words, expected in (
                (used, "This link has been used", 410),
                (old, "This link has expired", 410),
                (f"{unused[:-3]}AAA", "It was altered or cut off", 403),
            ):
                status, text = await ask("POST", refused)
                assert (status, words in text) == (expected, True), refused
            assert [each["acknowledged"] for each in (await daemon.status())["declared"] if each["id"] == open_one] == [
                None
            ]
            await daemon.post(f"/api/v1/incidents/{open_one}/resolve", {"reason": "mended"})
            status, text = await ask("POST", unused)
            assert (status, "It is over" in text) == (410, True)
            await lead.title("over: four")
        mode = (daemon.state_dir / "answer.key").stat().st_mode & 0o777
        assert mode == 0o600


async def test_what_became_due_while_the_daemon_was_away_is_told_at_once_and_once(tmp_path: Path) -> None:
    """It was stopped over the deadline; who is told hears since when, and a kill after that repeats nothing."""
    respond = 4
    async with Service() as service, Receiver() as on_call, Receiver() as lead:
        async with watching(tmp_path, service, on_call, lead, respond) as daemon:
            await daemon.wait_for_health("service", "up")
            await service.stop()
            opened = await daemon.event("incident_opened")
            await delivered(daemon, opened["incident"], 1)
            assert await daemon.terminate() == 0
            deadline = moment(opened) + timedelta(seconds=respond)
            time.sleep(max(0.0, (deadline - datetime.now(UTC)).total_seconds()))  # noqa: ASYNC251 - nothing else runs
            assert lead.messages == []
            await daemon.start()
            told = await lead.message(lambda message: "nobody has taken it" in message["title"], within=10.0)
            assert told["title"] == "[SEV2] service is down, and nobody has taken it"
            assert "Since 20" in told["message"]
            await delivered(daemon, opened["incident"], 2)
            await daemon.restart(kill=True)
            await daemon.wait_for_health("service", "down")
            status, _ = await ask("POST", link_in(told))
            assert status == 200
            await on_call.title("lead has taken it")
            await service.start()
            await lead.title("service is up again")
            assert len(lead.messages) == 2
            assert sum("nobody has taken it" in title for title in on_call.titles) == 0
