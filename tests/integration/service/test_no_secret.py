"""A secret in every place that can hold one is in no file of the state directory, no answer, no page and no log line.

Each canary has a name that says where it stands. Faults make each of those places show.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import string
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp

from nemo_watchdog.testing.servers import free_port, stop_listening
from tests.integration.daemon import Daemon
from tests.integration.everything_said import all_of, kept, shown
from tests.integration.small_containers import Run

PLACES = (
    "dsn", "redis_url", "header", "query", "userinfo", "contact", "environment_of_the_policy", "secret_file",
    "argument", "push_token", "push_words", "command_output", "http_body", "redis_answer", "container_environment",
    "container_url",
    "container_command", "container_option", "container_label", "last_words", "log_named", "log_header", "log_url",
    "probe_label",
)  # fmt: skip
"""What a canary is put into, beside those in the shape of a well-known key."""

POLICY = """
version: 1
autonomy: act
discover: labels
limits: {storm: false}
defaults: {interval: 300ms, confirm_interval: 100ms, timeout: 2s, down_after: 2, up_after: 2, startup_grace: 0s}
contacts: {oncall: ["json://127.0.0.1:9/CONTACT"]}
classification: [{name: anything, severity: SEV2, notify: [oncall]}]
remedies:
  restart: {budget: 1 per 1h, steps: [{do: docker.restart, stop_timeout: 1s}]}
dependencies:
  database: {probe: postgres, dsn: "postgresql://app:DSN@127.0.0.1:CLOSED/shop"}
  cache: {probe: redis, url: "redis://app:REDIS_URL@127.0.0.1:REDIS"}
  gateway:
    probe: http
    url: "http://user:USERINFO@127.0.0.1:HTTP/health?token=QUERY"
    headers: {Authorization: "Bearer HEADER", Accept: application/json}
    container: SERVER
    remedy: restart
  check:
    probe: command
    command: [/bin/sh, -c, "echo \\"$SAID\\" \\"$ITS\\" \\"$1\\" OUTPUT; exit 1", sh, --password, ARGUMENT]
    environment: {SAID: "it got ENVIRONMENT,", ITS: "${file:FILE}"}
  job: {probe: push, token: PUSH_TOKEN, period: 1h}
  ended: {probe: docker, container: ENDED}
"""


def random_canary(place: str) -> str:
    return f"canary.{place}.{secrets.token_hex(6)}"


def shaped() -> dict[str, str]:
    """Keys as well-known services give them."""
    luck = secrets.SystemRandom()

    def some(count: int, alphabet: str = string.ascii_letters + string.digits) -> str:
        return "".join(luck.choices(alphabet, k=count))

    def jwt() -> str:
        return base64.urlsafe_b64encode(f'{{"alg":"{some(20)}"}}'.encode()).decode().rstrip("=")

    return {
        "aws": f"AKIA{some(16, string.ascii_uppercase + '234567')}",
        "github": f"ghp_{some(36)}",
        "gitlab": f"glpat-{some(20)}",
        "slack": f"xoxb-{some(12, string.digits)}-{some(24)}",
        "slack_webhook": f"https://hooks.slack.com/services/T{some(8)}/B{some(8)}/{some(24)}",
        "stripe": f"sk_live_{some(24)}",
        "google": f"AIza{some(35)}",
        "openai": f"sk-proj-{some(48)}1",
        "anthropic": f"sk-ant-api03-{some(80)}1",
        "huggingface": f"hf_{some(34)}",
        "npm": f"npm_{some(36)}",
        "pypi": f"pypi-{some(80)}",
        "sendgrid": f"SG.{some(22)}.{some(43)}",
        "telegram": f"{some(9, '123456789')}:AA{some(33)}",
        "jwt": f"{jwt()}.{jwt()}.{some(43)}",
    }


@asynccontextmanager
async def answering(port: int, answers: list[bytes]) -> AsyncIterator[None]:
    """A server that says the last of these to whatever it is told."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.read(65536):
                writer.write(answers[-1])
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", port)
    try:
        yield
    finally:
        await stop_listening(server)


def http(status: int, text: str) -> bytes:
    data = text.encode()
    return b"HTTP/1.1 %d Oops\r\nContent-Length: %d\r\nContent-Type: text/plain\r\n\r\n%s" % (status, len(data), data)


def leaks(told: Mapping[str, bytes], canaries: Mapping[str, str]) -> Iterator[str]:
    for where, data in told.items():
        for place, canary in canaries.items():
            for form in (canary, quote(canary, safe=""), canary.replace("/", "\\/")):
                if (at := data.find(form.encode())) >= 0:
                    yield f"{place} in {where}: …{data[max(0, at - 80) : at + len(form)].decode(errors='replace')}"


def all_told(status: Mapping[str, Any]) -> bool:
    """Every fault is seen, and has a reason."""
    return all(each["reason"] for each in status["dependencies"].values())


async def test_a_secret_is_nowhere(run: Run, tmp_path: Path) -> None:
    """Down to the debug lines, the rows of the databases and every page that there is."""
    keys = shaped()
    canary = {place: random_canary(place) for place in PLACES}
    canary["push_token"] = secrets.token_hex(16)
    said = "; ".join(f"got {key}" for key in keys.values())
    logged = f"password={canary['log_named']}\nAuthorization: Bearer {canary['log_header']}\n{said}"
    logged += f"\nconnecting to amqp://app:{canary['log_url']}@queue:5672"
    secret_file, ports = tmp_path / "secret", {name: free_port() for name in ("CLOSED", "REDIS", "HTTP")}
    secret_file.write_text(canary["secret_file"] + "\n", encoding="utf-8")

    server = await run(
        "cat <<'END'\n" + logged + "\nEND\nexec sleep 1000",
        *("--env", f"API_TOKEN={canary['container_environment']}"),
        *("--env", f"DATABASE_URL=postgresql://app:{canary['container_url']}@db/shop"),
        *("--label", f"traefik.auth.secret={canary['container_label']}"),
        *("--label", "nemo-watchdog.tags=shown"),
        more=("sh", "--password", canary["container_option"], f"postgresql://u:{canary['container_command']}@h/db"),
    )
    line = "2026-11-27 12:00:00.000 UTC [1] FATAL:  could not locate a valid checkpoint record"
    last = f"{line} for password={canary['last_words']} {keys['github']}"
    ended = await run(f"cat <<'END'\n{logged}\n{last}\nEND\nexit 1")
    values = {
        "SERVER": server, "ENDED": ended, "FILE": str(secret_file), "DSN": canary["dsn"], "QUERY": canary["query"],
        "ARGUMENT": canary["argument"], "REDIS_URL": canary["redis_url"], "USERINFO": canary["userinfo"],
        "HEADER": canary["header"], "CONTACT": canary["contact"], "PUSH_TOKEN": canary["push_token"],
        "ENVIRONMENT": canary["environment_of_the_policy"],
        "OUTPUT": f"token={canary['command_output']} {keys['stripe']}",
        **{name: str(port) for name, port in ports.items()},
    }  # fmt: skip
    text = POLICY
    for name in sorted(values, key=len, reverse=True):
        text = text.replace(name, values[name])

    refusal = f"-WRONGPASS invalid password: {canary['redis_answer']} {keys['slack']}\r\n".encode()
    wrong = http(500, f'{{"error": "{said}", "password": "{canary["http_body"]}"}}')
    gateway = [http(200, "")]
    async with answering(ports["HTTP"], gateway), answering(ports["REDIS"], [refusal]):
        async with Daemon(text, tmp_path, more=("--log-level", "debug")) as daemon:
            words = f"backup to s3://b failed: secret_key={canary['push_words']} {said}"
            address = f"{daemon.url}/api/v1/push/job?status=fail&token={canary['push_token']}&msg={quote(words)}"
            async with aiohttp.ClientSession() as session, session.get(address) as answer:
                assert answer.status == 200
            await daemon.wait_for_health("gateway", "up", within=30.0)
            gateway.append(wrong)
            await daemon.event("action_ended", within=60.0, dependency="gateway")
            status = await daemon.wait_until(all_told, within=30.0)
            assert status["dependencies"]["ended"]["reason"] == "data_corrupted"
            for name in ("check", "job", "ended"):
                assert "[redacted]" in status["dependencies"][name]["detail"], (
                    "the fault shows nothing: it tests nothing"
                )
            await daemon.more_looks(20)
            told = await all_of(daemon)
            told["check"] = await shown("check", "--probe", "--policy", str(daemon.policy))
            canary["api_token"] = daemon.token
            canary["answer_key"] = (daemon.state_dir / "answer.key").read_text(encoding="ascii").strip()
            assert [*leaks(told, canary | keys)] == []
            await daemon.terminate()
            assert [*leaks(await after(daemon), canary | keys)] == []


async def after(daemon: Daemon) -> Mapping[str, bytes]:
    """What is left of it, and what it said as it ended."""
    return {**dict(kept(daemon.state_dir)), "log": "\n".join(map(str, daemon.events)).encode()}
