"""How long a gateway that answers 500 stays ill: nemo-watchdog and monit, side by side, with the same thresholds.

Both look once a second, need three failures in a row, and run one `docker restart -t 1`. The time is measured from
outside, by the gateway's own log: from the moment that it answers 500 until it serves again, over all phases of
the interval (where in it the fault falls is worth up to a second to either). monit keeps no evidence, so what is
compared is a watchdog that keeps none; what its evidence costs is shown. The last figure is the time from Docker's
`die` event to the intent to act on it. Exit code 1 when monit is as fast, or when the median of that figure is above
half a second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from nemo_watchdog.demo import faults
from nemo_watchdog.demo.platform import Platform
from nemo_watchdog.demo.watchdog import Line, Watchdog

POLICY = """
version: 1
defaults:
  {{interval: 1s, confirm_interval: 1s, timeout: 900ms, down_after: 3, up_after: 1, startup_grace: 1s, flapping: false}}
dependencies:
  gateway:
    probe: http
    url: http://127.0.0.1:{port}/health
    container: {container}
    remedy: restart
classification: [{{name: down, when: {{health: down}}, severity: SEV2}}]
remedies:
  restart:
    steps:
      - do: docker.restart
        stop_timeout: 1s
        attempts: 100
        backoff: {{initial: 1s, factor: 1, max: 1s, jitter: 0}}
        verify_within: 10s
    budget: 100 per 1h
limits: {{budget: 100 per 1h, evidence_within: {evidence}}}
"""

MONIT = """
set daemon 1
set pidfile {folder}/monit.pid
set idfile {folder}/monit.id
set statefile {folder}/monit.state
set log {folder}/monit.log
check host gateway with address 127.0.0.1
  if failed port {port} protocol http request "/health" status = 200 with timeout 1 seconds for 3 cycles
  then exec "{docker} restart -t 1 {container}"
"""


async def healed_after(platform: Platform) -> float:
    """Seconds from the first 500 until the gateway serves again, by the gateway's own log.

    Nobody polls it meanwhile but the two that are compared: connections to a port whose container is away make the
    kernel wait for an address that does not answer, up to a second, and that would be measured instead.
    """
    await faults.switch(platform, "gateway", "500")
    began = time.time()
    while time.time() - began < 60:
        await asyncio.sleep(0.2)
        since = datetime.fromtimestamp(began, UTC).isoformat()
        told = await platform.docker("logs", "--timestamps", "--since", since, platform.name("gateway"))
        if served := [line.split()[0] for line in told.splitlines() if line.endswith(" serving")]:
            await platform.ready("gateway")
            return datetime.fromisoformat(served[0]).timestamp() - began
    raise SystemExit("the gateway was not healed within a minute")


@asynccontextmanager
async def nemo_watchdog(
    platform: Platform, folder: Path, lines: list[Line], evidence: str = "5s"
) -> AsyncIterator[None]:
    policy, container = folder / "policy.yaml", platform.name("gateway")
    policy.write_text(POLICY.format(port=platform.port("gateway"), container=container, evidence=evidence))
    async with Watchdog(policy, folder / "state", "127.0.0.1:0", lines.append) as watchdog:
        up = await watchdog.line(lambda line: line.get("health") == "up", after=0, within=30)
        if up is None:
            raise SystemExit(f"nemo-watchdog does not see the gateway: {lines}")
        yield


@asynccontextmanager
async def monit(platform: Platform, folder: Path) -> AsyncIterator[None]:
    control = folder / "monitrc"
    docker = shutil.which("docker")
    text = MONIT.format(folder=folder, port=platform.port("gateway"), docker=docker, container=platform.name("gateway"))
    control.write_text(text)
    control.chmod(0o600)
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec("monit", "-I", "-c", str(control), stdout=quiet, stderr=quiet)
    try:
        await asyncio.sleep(3)  # two of its cycles, so that it is as settled as its rival
        yield
    finally:
        process.terminate()
        await process.wait()


async def die_to_intent(platform: Platform, lines: list[Line]) -> float:
    """Seconds from Docker's `die` to the intent that reaches the journal."""
    since, heard = time.time(), len(lines)
    await faults.sigkill(platform, "gateway")
    while not any(line.get("event") == "action_intended" for line in lines[heard:]):
        await asyncio.sleep(0.02)
    stamp = next(line["timestamp"] for line in lines[heard:] if line.get("event") == "action_intended")
    await platform.ready("gateway")
    told = await platform.docker(
        "events",
        *("--since", f"{since:.6f}", "--until", f"{time.time():.6f}", "--filter", "event=die"),
        *("--filter", f"container={platform.name('gateway')}", "--format", "{{json .}}"),
    )
    died = json.loads(told.splitlines()[0])["timeNano"] / 1e9
    return datetime.fromisoformat(stamp).timestamp() - died


async def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=10)
    rounds = arguments.parse_args().rounds
    if shutil.which("monit") is None:
        print("monit is not installed: apt-get install monit", file=sys.stderr)
        return 2
    ours, bare, theirs, deaths = [], [], [], []
    async with Platform(f"nemo-bench-{secrets.token_hex(3)}", ("gateway",)) as platform:
        await platform.ready()
        for number in range(rounds):
            with tempfile.TemporaryDirectory() as folder:
                lines: list[Line] = []
                async with nemo_watchdog(platform, Path(folder), lines):
                    await asyncio.sleep((number + 0.5) / rounds)  # every phase of the interval in turn
                    ours.append(await healed_after(platform))
                    await asyncio.sleep(3)  # past backoff and verification
                    deaths.append(await die_to_intent(platform, lines))
            with tempfile.TemporaryDirectory() as folder:
                async with nemo_watchdog(platform, Path(folder), [], evidence="0s"):
                    await asyncio.sleep((number + 0.5) / rounds)
                    bare.append(await healed_after(platform))
            with tempfile.TemporaryDirectory() as folder:
                async with monit(platform, Path(folder)):
                    await asyncio.sleep((number + 0.5) / rounds)
                    theirs.append(await healed_after(platform))
            print(
                f"round {number + 1}: nemo-watchdog {ours[-1]:.2f} s, without evidence {bare[-1]:.2f} s, "
                f"monit {theirs[-1]:.2f} s"
            )
    mine, alike, other = statistics.mean(ours), statistics.mean(bare), statistics.mean(theirs)
    death = statistics.median(deaths)
    print(
        f"500 to healthy, mean of {rounds}: nemo-watchdog {mine:.2f} s, without evidence {alike:.2f} s, "
        f"monit {other:.2f} s; ratios {mine / other:.2f} and {alike / other:.2f}"
    )
    print(f"die event to intent, median of {rounds}: {death * 1000:.0f} ms (worst {max(deaths) * 1000:.0f} ms)")
    return 0 if alike < other and death <= 0.5 else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
