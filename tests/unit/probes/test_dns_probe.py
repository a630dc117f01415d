"""The dns probe against real UDP and TCP servers that answer as the test wants."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest

from nemo_watchdog.model import Category, Finding, Outcome, Reason
from nemo_watchdog.probes import dns as probe_module
from nemo_watchdog.probes.dns import parse_server
from tests.unit.probes.making import make, probing
from tests.unit.probes.servers import free_port

Answers = Callable[[dns.message.Message], list[bytes]]


def records(*values: str, kind: str = "A", rcode: int = dns.rcode.NOERROR) -> Answers:
    def answer(query: dns.message.Message) -> list[bytes]:
        reply = dns.message.make_response(query)
        reply.set_rcode(dns.rcode.Rcode(rcode))
        if values:
            reply.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", kind, *values))
        return [reply.to_wire()]

    return answer


def code(rcode: int) -> Answers:
    return records(rcode=rcode)


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        assert self._transport is not None
        for packet in self._answers(dns.message.from_wire(data)):
            self._transport.sendto(packet, addr)


@contextlib.asynccontextmanager
async def serving(answers: Answers, port: int = 0) -> AsyncIterator[str]:
    """The server's `address:port`."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Udp(answers), ("127.0.0.1", port))
    try:
        yield f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"
    finally:
        transport.close()


async def look(answers: Answers, patience: float = 2.0, **options: Any) -> Finding:
    async with serving(answers) as server:
        async with probing("dns", {"name": "db.example.com", "server": server, **options}, patience) as probe:
            return await probe.look()


@pytest.mark.parametrize(
    ("answers", "options"),
    [
        (records("10.0.0.1"), {}),
        (records("10.0.0.1", "10.0.0.2"), {"expect": ["10.0.0.2"], "min_answers": 2}),
        (records("2001:db8::1", kind="AAAA"), {"type": "AAAA", "expect": ["2001:DB8::1"]}),
        (records("10 Mail.example.com.", kind="MX"), {"type": "MX", "expect": ["10 mail.example.com"]}),
        (records('"v=1"', kind="TXT"), {"type": "TXT", "expect": ['"v=1"']}),
        (code(dns.rcode.NXDOMAIN), {"min_answers": 0}),
    ],
)
async def test_answers_that_are_well(answers: Answers, options: dict[str, Any]) -> None:
    """Records of the type that is asked for, however the server spells them."""
    finding = await look(answers, **options)
    assert finding.outcome is Outcome.OK, finding
    assert finding.measurements["dns_answers"] >= 0


@pytest.mark.parametrize(
    ("answers", "options", "reason", "category"),
    [
        (code(dns.rcode.NXDOMAIN), {}, Reason.WRONG_ANSWER, Category.FAULT),
        (records(), {}, Reason.WRONG_ANSWER, Category.FAULT),
        (records("10.0.0.1"), {"min_answers": 2}, Reason.WRONG_ANSWER, Category.FAULT),
        (records("10.0.0.1"), {"expect": ["10.0.0.9"]}, Reason.WRONG_ANSWER, Category.FAULT),
        (records("alias.example.com.", kind="CNAME"), {}, Reason.WRONG_ANSWER, Category.FAULT),
        (code(dns.rcode.SERVFAIL), {}, Reason.UPSTREAM_UNAVAILABLE, Category.BUSY),
        (code(dns.rcode.REFUSED), {}, Reason.PERMISSION_DENIED, Category.BLIND),
        (code(dns.rcode.NOTIMP), {}, Reason.WRONG_ANSWER, Category.FAULT),
        (lambda _: [], {}, Reason.TIMEOUT, Category.FAULT),
        (records("10.0.0.1"), {"server": f"127.0.0.1:{free_port()}"}, Reason.TIMEOUT, Category.FAULT),
    ],
)
async def test_answers_that_are_not_well(
    answers: Answers, options: dict[str, Any], reason: Reason, category: Category
) -> None:
    """What a server says of others is no fault of its own."""
    finding = await look(answers, patience=0.6, **options)
    assert finding.reason is reason
    assert reason.category is category


async def test_slow_answer_is_degraded() -> None:
    """A good answer after slow_after."""
    assert (await look(records("10.0.0.1"), slow_after=0)).reason is Reason.SLOW


async def test_an_answer_too_long_for_udp_is_asked_for_over_tcp() -> None:
    """As resolvers do."""

    def truncated(query: dns.message.Message) -> list[bytes]:
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.TC
        return [reply.to_wire()]

    async def over_tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = int.from_bytes(await reader.readexactly(2), "big")
        (packet,) = records(*(f"10.0.0.{n}" for n in range(1, 200)))(
            dns.message.from_wire(await reader.readexactly(length))
        )
        writer.write(len(packet).to_bytes(2, "big") + packet)
        await writer.drain()
        writer.close()

    port = free_port()
    async with serving(truncated, port) as server:
        async with await asyncio.start_server(over_tcp, "127.0.0.1", port):
            async with probing("dns", {"name": "db.example.com", "server": server}) as probe:
                finding = await probe.look()
    assert finding.measurements["dns_answers"] == 199


async def test_noise_before_the_answer_is_ignored() -> None:
    """Anybody can send a packet to us; 500 rounds of bytes, cut and changed answers, wrong questions."""
    luck = random.Random(7)  # noqa: S311 - noise

    def noisy(query: dns.message.Message) -> list[bytes]:
        (good,) = records("10.0.0.1")(query)
        changed = bytearray(good)
        changed[luck.randrange(2)] ^= 1 + luck.randrange(255)  # another question's number
        noise = [luck.randbytes(luck.randrange(80)), good[: luck.randrange(2, 12)], bytes(changed)]
        luck.shuffle(noise)
        return [*noise, good]

    async with serving(noisy) as server, probing("dns", {"name": "db.example.com", "server": server}) as probe:
        for _ in range(500):
            assert (await probe.look()).outcome is Outcome.OK


async def test_changed_answers_are_findings() -> None:
    """Any byte of an answer may be wrong: a finding, never an exception."""
    luck = random.Random(11)  # noqa: S311 - noise

    def changed(query: dns.message.Message) -> list[bytes]:
        packet = bytearray(records("10.0.0.1")(query)[0])
        packet[luck.randrange(2, len(packet))] = luck.randrange(256)
        return [bytes(packet)]

    async with serving(changed) as server:
        async with probing("dns", {"name": "db.example.com", "server": server}, timeout=0.05) as probe:
            findings = [await probe.look() for _ in range(120)]
    assert {finding.outcome for finding in findings} >= {Outcome.OK, Outcome.FAILED}


async def test_without_a_server_the_hosts_own_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other; when none answers we are blind, and nobody is at fault."""
    async with serving(records("10.0.0.1")) as server:
        well = parse_server(server)
        nobody = ("127.0.0.1", free_port())
        for servers, reason in (([nobody, well], None), ([nobody, nobody], Reason.NAME_UNRESOLVED)):
            monkeypatch.setattr(probe_module, "_of_this_host", lambda servers=servers: servers)
            async with probing("dns", {"name": "db.example.com"}) as probe:
                assert (await probe.look()).reason is reason
    assert Reason.NAME_UNRESOLVED.category is Category.BLIND


async def test_host_without_servers_is_blind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty or a missing resolv.conf."""
    for path in (tmp_path / "missing", tmp_path / "empty"):
        if path.name == "empty":
            path.write_text("")
        monkeypatch.setattr(dns.resolver.Resolver.__init__, "__defaults__", (str(path), True))
        assert probe_module._of_this_host() == []
        async with probing("dns", {"name": "a.example"}) as probe:
            assert (await probe.look()).reason is Reason.NAME_UNRESOLVED


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("10.0.0.53", ("10.0.0.53", 53)),
        ("10.0.0.53:5353", ("10.0.0.53", 5353)),
        ("::1", ("::1", 53)),
        ("[::1]:5353", ("::1", 5353)),
    ],
)
def test_servers(text: str, server: tuple[str, int]) -> None:
    """An address, with or without a port."""
    assert parse_server(text) == server


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"server": "ns.example.com"}, "address of a server"),
        ({"server": "10.0.0.53:0"}, "address of a server"),
        ({"server": "[::1]"}, "address of a server"),
        ({"name": "a..b"}, "expected a name"),
        ({"name": "."}, "expected a name"),
        ({"name": "x" * 64}, "expected a name"),
        ({"type": "ANY"}, "type"),
        ({"expect": ["1"], "min_answers": 0}, "wants answers"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    """When the policy is read."""
    with pytest.raises(ValueError, match=message):
        make("dns", {"name": "a.example", **options})
