"""One question to the DNS: to the `server` that is watched, or, without one, in the way that this host resolves names.

What a server says about others (its upstream does not answer, it may not tell us) is no fault of its own. The system's
resolver is the watchdog's own eyes: when it does not answer, that is blindness.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from time import monotonic
from typing import Annotated, Literal

import dns.asyncquery
import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver
from pydantic import AfterValidator, Field, model_validator

from nemo_watchdog.durations import duration
from nemo_watchdog.model import Finding, Reason, degraded, failed, ok
from nemo_watchdog.policy.units import Duration, Whole, number_within, wrong
from nemo_watchdog.ports import ProbeContext
from nemo_watchdog.probes.shared.deadline import patience_of
from nemo_watchdog.probes.shared.network import os_failure
from nemo_watchdog.probes.shared.options import ProbeOptions

_PORT = 53


def _name(text: str) -> str:
    try:
        name = dns.name.from_text(text)
    except (dns.exception.DNSException, ValueError):
        raise wrong("expected a name such as `db.internal.example.com`") from None
    if name == dns.name.root:
        raise wrong("expected a name such as `db.internal.example.com`")
    return text


def parse_server(text: str) -> tuple[str, int]:
    """Address and port from `10.0.0.53`, `10.0.0.53:5353`, `::1` or `[::1]:5353`; raises ValueError."""
    address, colon, port = text.rpartition(":")
    if text.startswith("[") or (colon and text.count(":") == 1):
        if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            raise ValueError("no port")
        return str(ipaddress.ip_address(address.strip("[]"))), int(port)
    return str(ipaddress.ip_address(text)), _PORT


def _server(text: str) -> str:
    try:
        parse_server(text)
    except ValueError:
        raise wrong("expected the address of a server such as `10.0.0.53` or `10.0.0.53:5353`") from None
    return text


class DnsOptions(ProbeOptions):
    name: Annotated[str, AfterValidator(_name)]
    """The name to ask for."""
    type: Literal["A", "AAAA", "CNAME", "MX", "NS", "PTR", "SRV", "TXT"] = "A"
    server: Annotated[str, AfterValidator(_server)] | None = None
    """Address of the server that is watched; without it, the servers of /etc/resolv.conf, one after the other."""
    expect: list[str] = Field(default_factory=list)
    """Values that must be among the answers, as `dig +short` writes them."""
    min_answers: Annotated[Whole, AfterValidator(number_within(0, 1000))] = 1
    """Fewer records than these are a wrong answer."""
    slow_after: Duration | None = None
    """A good answer that takes longer than these seconds is degraded."""

    @model_validator(mode="after")
    def _fits_together(self) -> DnsOptions:
        if self.expect and self.min_answers == 0:
            raise wrong("`expect` wants answers, and `min_answers: 0` wants none")
        return self


class DnsProbe:
    def __init__(self, options: DnsOptions, context: ProbeContext) -> None:
        self._options = options
        self._server = None if options.server is None else parse_server(options.server)
        self._type = dns.rdatatype.from_text(options.type)
        self._expect = [_same_way(value) for value in options.expect]
        self._patience = patience_of(context.timeout)

    async def look(self) -> Finding:
        servers = [self._server] if self._server is not None else await asyncio.to_thread(_of_this_host)
        if not servers:
            return failed(Reason.NAME_UNRESOLVED, "this host has no name server (/etc/resolv.conf)")
        began = monotonic()
        finding = failed(Reason.TIMEOUT, "no answer")
        for address, port in servers:
            left = self._patience - (monotonic() - began)
            finding = await self._ask(address, port, left / 2 if len(servers) > 1 else left)
            if finding.reason is not Reason.TIMEOUT:
                break
        if self._server is None and finding.reason in (Reason.TIMEOUT, Reason.PROTOCOL_ERROR):
            return failed(Reason.NAME_UNRESOLVED, f"this host's name servers do not answer: {finding.detail}")
        return finding

    async def close(self) -> None:
        """Nothing outlives a look."""

    async def _ask(self, address: str, port: int, patience: float) -> Finding:
        question = dns.message.make_query(self._options.name, self._type)
        began = monotonic()
        try:
            answer, _ = await dns.asyncquery.udp_with_fallback(
                question, address, port=port, timeout=patience, ignore_unexpected=True, ignore_errors=True
            )
        except dns.exception.Timeout:
            return failed(Reason.TIMEOUT, f"no answer within {duration(patience)}")
        except dns.exception.DNSException as error:
            return failed(Reason.PROTOCOL_ERROR, f"its answer is not DNS ({type(error).__name__})")
        except EOFError:
            return failed(Reason.CONNECTION_LOST, "it closed the connection before its answer ended")
        except OSError as error:
            return os_failure(error)
        return self._judge(answer, monotonic() - began)

    def _judge(self, answer: dns.message.Message, took: float) -> Finding:
        code = answer.rcode()
        if code == dns.rcode.SERVFAIL:
            return failed(Reason.UPSTREAM_UNAVAILABLE, "it could not find out (SERVFAIL): what it asks does not answer")
        if code in (dns.rcode.REFUSED, dns.rcode.NOTAUTH):
            return failed(Reason.PERMISSION_DENIED, f"it does not answer us ({dns.rcode.to_text(code)})")
        if code not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            return failed(Reason.WRONG_ANSWER, f"it answered {dns.rcode.to_text(code)}")
        values = [
            _same_way(record.to_text())
            for records in answer.answer
            if records.rdtype == self._type
            for record in records
        ]
        measured = {"dns_answers": float(len(values))}
        if len(values) < self._options.min_answers:
            what = "the name does not exist (NXDOMAIN)" if code == dns.rcode.NXDOMAIN else f"{len(values)} records"
            detail = f"{what}, expected at least {self._options.min_answers} {self._options.type}"
            return failed(Reason.WRONG_ANSWER, detail, measured)
        if missing := [value for value in self._expect if value not in values]:
            return failed(Reason.WRONG_ANSWER, f"{len(missing)} of the expected values are not there", measured)
        slow = self._options.slow_after
        if slow is not None and took > slow:
            return degraded(Reason.SLOW, f"answered in {duration(took)}, more than {duration(slow)}", measured)
        return ok(f"{len(values)} {self._options.type} records", measured)


def _same_way(value: str) -> str:
    """Names compare without their case and their last dot."""
    return value.lower().rstrip(".")


def _of_this_host() -> Sequence[tuple[str, int]]:
    try:
        found = dns.resolver.Resolver()
    except (dns.exception.DNSException, OSError):
        return []
    return [(str(each), found.port) for each in found.nameservers]
