"""10,000 malformed answers to every probe of the network: `python -m tests.suites.malformed [SEED]`.

Exit code 0 when no exception escaped, no look passed its deadline by more than 100 ms, no secret was shown, and memory
stayed flat. Time that the machine gave to others is not counted: it says nothing about a probe.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import secrets
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from types import MappingProxyType

from nemo_watchdog.model import Finding
from nemo_watchdog.probes import PROBES
from nemo_watchdog.testing import conformance
from nemo_watchdog.testing.cores import seconds_without_a_core, waits_for_a_core
from nemo_watchdog.testing.servers import Server
from tests.unit.probes.test_conformance import OPTIONS, SECRET

ANSWERS = 10_000
AT_ONCE = 8
DEADLINE = 0.3
"""Seconds, of one look, as the runtime sets it."""
LATE = 0.1
LOOKS_OF_ONE = 25
"""Looks of one probe before it is closed and another one made: what it keeps between looks is attacked too."""
WARM_UP = 0.4
"""Of the looks: caches fill, the allocator takes what it keeps."""
MOST_GROWTH = 24 * 2**20
"""Bytes of resident memory after the warm-up. One leaked buffer of a huge answer in a hundred looks would be more."""


def pg(kind: bytes, body: bytes) -> bytes:
    return kind + (len(body) + 4).to_bytes(4, "big") + body


BODY = b'{"status": "success", "data": {"resultType": "vector", "result": []}}'
HTTP = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
POSTGRES = (
    b"N"
    + pg(b"R", b"\0\0\0\0")
    + pg(b"S", b"server_version\x0015.0\0")
    + pg(b"S", b"client_encoding\0UTF8\0")
    + pg(b"K", b"\0\0\0\1\0\0\0\2")
    + pg(b"Z", b"I")
)
INFO = b"# Server\r\nredis_version:7.0.15\r\nloading:0\r\nrole:master\r\nmaxmemory:0\r\n"
REDIS = b"+OK\r\n+OK\r\n+OK\r\n+PONG\r\n$%d\r\n%s\r\n" % (len(INFO), INFO)
PLAUSIBLE: Mapping[str, bytes] = MappingProxyType({"postgres": POSTGRES, "redis": REDIS})
"""What the server of a probe may say when it is well; HTTP where nothing else is given."""


def plausible(kind: str) -> bytes:
    return PLAUSIBLE.get(kind, HTTP)


ATTACKED: Mapping[str, Callable[[int], Mapping[str, object]]] = MappingProxyType(
    {
        **OPTIONS,
        "http": lambda port: {
            **OPTIONS["http"](port),
            "redirects": 3,
            "expect": {"json": {"a.0": {"min": 1}}, "matches": "a", "headers": {"Content-Type": "json"}},
        },
        "llm": lambda port: {**OPTIONS["llm"](port), "canary": {"every": "5s", "within": "1s"}},
        "tcp": lambda port: {**OPTIONS["tcp"](port), "send": SECRET, "expect": "no such text"},
    }
)
"""Each probe with all that it can read of an answer."""

Shape = Callable[[random.Random, str], bytes]


def noise(luck: random.Random, _: str) -> bytes:
    return luck.randbytes(luck.randint(1, 2000))


def cut_short(luck: random.Random, kind: str) -> bytes:
    whole = plausible(kind)
    return whole[: luck.randint(0, len(whole) - 1)]


def flipped(luck: random.Random, kind: str) -> bytes:
    told = bytearray(plausible(kind))
    for _ in range(luck.randint(1, 8)):
        told[luck.randrange(len(told))] = luck.randrange(256)
    return bytes(told)


def doubled(luck: random.Random, kind: str) -> bytes:
    whole = plausible(kind)
    at = luck.randrange(len(whole))
    return whole[:at] + whole[at // 2 :] * luck.randint(1, 5)


def another_protocol(luck: random.Random, kind: str) -> bytes:
    others = [HTTP, POSTGRES, REDIS, b"SSH-2.0-OpenSSH_9.2\r\n", b"\x16\x03\x01\x02\x00\x01", b"220 mail ESMTP\r\n"]
    return luck.choice([each for each in others if each != plausible(kind)])


def huge(luck: random.Random, kind: str) -> bytes:
    return plausible(kind) + luck.randbytes(64) * luck.choice((2**10, 2**14, 2**16))


def endless_headers(luck: random.Random, _: str) -> bytes:
    line = b"X-%d: %s\r\n" % (luck.randrange(10**6), b"y" * luck.randint(1, 500))
    return b"HTTP/1.1 200 OK\r\n" + line * luck.randint(100, 5000)


def invalid_json(luck: random.Random, _: str) -> bytes:
    deep = b"[" * 100_000
    bodies = (b"{", b"nul", b'{"status": NaN}', b'"\\ud800"', deep, b'{"a":' * 5000, b"1" * 5000, b"\xff\xfe{}", b"")
    body = luck.choice(bodies)
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def wrong_lengths(luck: random.Random, kind: str) -> bytes:
    if kind == "redis":
        return luck.choice(
            (b"$999999999\r\nabc\r\n", b"$-5\r\n", b"*99999999\r\n", b":99999999999999999999999\r\n", b"$x\r\n")
        )
    if kind == "postgres":
        length = luck.choice((0, 3, 2**31 - 1, 2**32 - 1))
        return b"N" + luck.choice((b"R", b"E", b"Z", b"T", b"?")) + length.to_bytes(4, "big") + luck.randbytes(40)
    return b"HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\nabc" % luck.choice(
        (b"-1", b"99999999999", b"1", b"1, 2", b"x")
    )


def lies_in_chunks(luck: random.Random, _: str) -> bytes:
    chunk = luck.choice(
        (b"zz\r\nabc\r\n", b"ffffffff\r\nabc\r\n", b"3\r\nabcdef\r\n", b"-3\r\nabc\r\n", b"3;" + b"x" * 9000)
    )
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk


SHAPES: tuple[Shape, ...] = (
    noise, cut_short, flipped, doubled, another_protocol, huge, endless_headers, invalid_json, wrong_lengths,
    lies_in_chunks,
)  # fmt: skip


class Liar:
    """Answers each connection with a shape of its own: at once, in two parts or drop by drop; then closes or stalls."""

    def __init__(self, kind: str, luck: random.Random) -> None:
        self._kind = kind
        self._luck = luck

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        luck = self._luck
        answer = luck.choice(SHAPES)(luck, self._kind)
        if luck.random() < 0.8:
            await reader.read(65536)
        pace = luck.random()
        if pace < 0.05:
            for at in range(min(len(answer), 40)):
                if writer.is_closing():
                    return
                writer.write(answer[at : at + 1])
                await asyncio.sleep(0.02)
        elif pace < 0.4:
            half = luck.randrange(len(answer) + 1)
            writer.write(answer[:half])
            await writer.drain()
            await reader.read(65536)
            writer.write(answer[half:])
        else:
            writer.write(answer)
        await writer.drain()
        if luck.random() < 0.15:
            await reader.read()


@dataclass(slots=True)
class Tally:
    looks: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    escaped: list[str] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    shown: int = 0
    settled_at: int | None = None


async def attack(kind: str, seed: str, looks: int, tally: Tally) -> None:
    """One server and its probes, one look after the other."""
    async with Server(Liar(kind, random.Random(seed))).running() as server:
        while looks > 0:
            async with conformance.probing(PROBES[kind], ATTACKED[kind](server.port), DEADLINE) as probe:
                for _ in range(min(LOOKS_OF_ONE, looks)):
                    looks -= 1
                    began, waits = monotonic(), waits_for_a_core()
                    try:
                        async with asyncio.timeout(DEADLINE):
                            finding: Finding | None = await probe.look()
                    except TimeoutError:
                        finding = None
                    except Exception:  # noqa: BLE001 - this is what is looked for
                        tally.escaped.append(f"{kind}: {traceback.format_exc(limit=-4)}")
                        continue
                    over = monotonic() - began - DEADLINE - seconds_without_a_core(waits)
                    tally.looks += 1
                    tally.seen[f"{kind} {(finding.reason or finding.outcome) if finding else 'deadline'}"] += 1
                    tally.shown += SECRET in repr(finding)
                    if over > LATE:
                        tally.late.append(over)


def resident() -> int:
    """Bytes of this process in memory (proc_pid_statm(5))."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def run(seed: str, answers: int) -> Tally:
    tally = Tally()
    each = answers // (len(ATTACKED) * AT_ONCE) + 1
    before = 0
    for part in (WARM_UP, 1.0 - WARM_UP):
        before = resident()
        looks = round(each * part) + 1
        for kind in ATTACKED:
            await asyncio.gather(*(attack(kind, f"{seed} {kind} {part} {n}", looks, tally) for n in range(AT_ONCE)))
    tally.settled_at = resident() - before
    return tally


def main() -> int:
    seed = sys.argv[1] if len(sys.argv) > 1 else secrets.token_hex(4)
    tally = asyncio.run(run(seed, ANSWERS))
    growth = tally.settled_at or 0
    for name, count in sorted(tally.seen.items()):
        print(f"{count:>7}  {name}")
    for text in tally.escaped[:5]:
        print(text)
    print(
        f"seed {seed}: {tally.looks} looks, {len(tally.escaped)} exceptions, {len(tally.late)} late"
        f" (worst {max(tally.late, default=0.0) * 1e3:.0f} ms), {tally.shown} secrets, memory {growth / 2**20:+.1f} MiB"
    )
    enough = tally.looks + len(tally.escaped) >= ANSWERS
    well = enough and not tally.escaped and not tally.late and not tally.shown and growth <= MOST_GROWTH
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
