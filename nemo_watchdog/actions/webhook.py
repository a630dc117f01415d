"""Posts a signed order to a program that does the rest. Its answer says whether it took the order, and no more.

The name is looked up once, every address of it is checked, and only a checked one is connected to: an address that is
local to this link, where clouds keep the credentials of the machine, is never reached. Redirects are not followed.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Annotated

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from pydantic import AfterValidator
from yarl import URL

from nemo_watchdog.actions.options import ActionOptions, TargetName, named_target
from nemo_watchdog.actions.written import LONGEST_TAKEN, telling, written
from nemo_watchdog.durations import duration
from nemo_watchdog.model import ActionOutcome, ActionRequest, ActionResult, Category
from nemo_watchdog.names import Names
from nemo_watchdog.policy.fields import WebhookUrl
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.policy.units import SecretText, wrong_secret
from nemo_watchdog.ports import ActionContext, ActionKind
from nemo_watchdog.signing import signed
from nemo_watchdog.system_words import system_words

VERSION = 1
TIMESTAMP = "X-Nemo-Watchdog-Timestamp"
SIGNATURE = "X-Nemo-Watchdog-Signature"
KEY = "Idempotency-Key"

ANSWER_WITHIN = 5.0
"""Seconds for the text of an answer, whose status has said all."""

MOST_ANSWER = 16 << 20
"""Bytes of it that are read."""

_NEVER = [ip_network(each) for each in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128")]
_NAT64 = ip_network("64:ff9b::/96")


def _given(secret: Secret) -> Secret:
    if not secret:
        raise wrong_secret("expected what is not empty: nobody could tell this order from another one's")
    return secret


def _somewhere(url: Secret) -> Secret:
    if not url:
        raise wrong_secret("expected a URL such as `https://hooks.example.com/...`")
    return url


class WebhookOptions(ActionOptions):
    """Post a signed order to a program of your own, which does the rest."""

    url: Annotated[WebhookUrl, AfterValidator(_somewhere)]
    """Where it goes."""
    secret: Annotated[SecretText, AfterValidator(_given)]
    """What it is signed with (HMAC-SHA256)."""
    target: TargetName | None = None
    """What it acts on, by a name that people read; the dependency's own unless given."""


class NotAllowed(Exception):
    """The address is one that is never reached. The message is for people."""


class NotLookedUp(Exception):
    """Its name has no address. The message is for people."""


class Webhook:
    """Satisfies `ports.Action`; named `webhook` in a policy."""

    def __init__(self, context: ActionContext) -> None:
        self._context = context

    async def run(self, request: ActionRequest) -> ActionResult:
        options: WebhookOptions = request.options
        end = asyncio.get_running_loop().time() + request.timeout
        sending = _Sending()
        try:
            async with asyncio.timeout_at(end):
                url = URL(options.url.reveal())
                found = await _checked(url)
            async with _session(found, sending) as session:
                async with asyncio.timeout_at(end):
                    response = await _post(session, url, options.secret.reveal(), request)
                async with response:
                    data = await _text(response, end)
        except TimeoutError:
            if sending.begun:
                late = f"no answer within {duration(request.timeout)}; it may still do it"
                return ActionResult(ActionOutcome.TIMED_OUT, late)
            return _refused(f"no connection within {duration(request.timeout)}")
        except (NotAllowed, NotLookedUp) as error:
            return _refused(str(error))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if sending.begun:
                lost = "the connection was lost after the order was sent, without an answer to read"
                return ActionResult(ActionOutcome.UNKNOWN, f"{lost} ({type(error).__name__})")
            return _refused(_words(error))
        outcome, what = judged(response.status)
        said = await written(data, self._context.redact)
        return ActionResult(outcome, telling(what, said.last), said.output)


@dataclass(slots=True)
class _Sending:
    begun: bool = False
    """There is a connection: what was sent may have been heard."""


class _Only(AbstractResolver):
    """Gives what was checked, whatever it is asked for: there is no second look-up."""

    def __init__(self, found: list[ResolveResult]) -> None:
        self._found = found

    async def resolve(self, *_: object, **__: object) -> list[ResolveResult]:
        return self._found

    async def close(self) -> None:
        """Nothing is open."""


async def _checked(url: URL) -> list[ResolveResult]:
    """The addresses of its host; none for one that is an address itself. Raises when any of them is not allowed."""
    host = url.host or ""
    try:
        ip_address(host)
    except ValueError:
        try:
            found = await Names().resolve(host, url.port or 0)
        except OSError as error:
            raise NotLookedUp(f"its name is not looked up: {system_words(error)}") from None
    else:
        found = []
    for address in [each["host"] for each in found] or [host]:
        if never_reached(address):
            what = "is local to this link, where a cloud keeps the credentials of the machine"
            raise NotAllowed(f"its address {address} {what}: it is never reached")
    return found


def never_reached(address: str) -> bool:
    """Whether it is local to the link, in any of the forms in which IPv6 writes an address of IPv4."""
    found = ip_address(address)
    forms = [found]
    if isinstance(found, IPv6Address):
        low = ip_address(int(found) & 0xFFFFFFFF)
        embedded = found in _NAT64 or int(found) >> 32 == 0
        forms += [each for each in (found.ipv4_mapped, found.sixtofour, low if embedded else None) if each is not None]
    return any(form in network for form in forms for network in _NEVER)


def _session(found: list[ResolveResult], sending: _Sending) -> aiohttp.ClientSession:
    """For one order, on a connection of its own: no proxy, no cookies, no deadline but ours."""

    async def connected(*_: object) -> None:
        sending.begun = True

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(connected)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=_Only(found), use_dns_cache=False, force_close=True),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        headers={"User-Agent": "nemo-watchdog", "Accept-Encoding": "identity"},
        auto_decompress=False,
        trace_configs=[trace],
    )


async def _post(
    session: aiohttp.ClientSession, url: URL, secret: str, request: ActionRequest
) -> aiohttp.ClientResponse:
    at = int(time.time())
    body = body_of(request, at)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        KEY: request.action_id,
        TIMESTAMP: str(at),
        SIGNATURE: f"sha256={signed(secret, at, body)}",
    }
    return await session.post(url, data=body, headers=headers, allow_redirects=False)


def body_of(request: ActionRequest, at: int) -> bytes:
    """What is posted; `at` in seconds since 1970."""
    return json.dumps(
        {
            "version": VERSION,
            "action_id": request.action_id,
            "action": request.action,
            "incident": request.incident,
            "dependency": request.dependency,
            "target": request.target.name,
            "severity": request.severity,
            "reason": request.reason,
            "by": request.by,
            "at": datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z"),
        }
    ).encode()


async def _text(response: aiohttp.ClientResponse, end: float) -> bytes:
    """The end of it, as far as it comes: what is wrong with it changes nothing about the status."""
    told, seen = b"", 0
    with suppress(TimeoutError, aiohttp.ClientError, OSError, ValueError):
        async with asyncio.timeout_at(min(end, asyncio.get_running_loop().time() + ANSWER_WITHIN)):
            while seen < MOST_ANSWER and (more := await response.content.readany()):
                seen += len(more)
                told = (told + more)[-LONGEST_TAKEN:]
    return told


def judged(status: int) -> tuple[ActionOutcome, str]:
    """The outcome, and the words for it."""
    if 200 <= status < 300:
        return ActionOutcome.SUCCEEDED, f"ordered: HTTP {status}"
    if 300 <= status < 400:
        return ActionOutcome.FAILED, f"HTTP {status}, and redirects are not followed: mend the `url`"
    return ActionOutcome.FAILED, f"HTTP {status}"


def _refused(why: str) -> ActionResult:
    return ActionResult(ActionOutcome.REFUSED, f"nothing was sent: {why}")


def _words(error: Exception) -> str:
    """Why no connection came about; none of the error's own words, which may repeat the address."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its certificate is not trusted here"
    if isinstance(error, aiohttp.ClientConnectorError):
        return system_words(error.os_error)
    if isinstance(error, ValueError):
        return "the address or the order holds what no HTTP request can carry"
    return type(error).__name__


KIND = ActionKind(
    options=WebhookOptions,
    make=Webhook,
    target_kind="webhook",
    target=named_target,
    helps=frozenset({Category.FAULT, Category.BUSY}),
)
