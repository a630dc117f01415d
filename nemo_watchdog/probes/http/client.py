"""The aiohttp sessions of every probe that speaks HTTP, and the mapping of aiohttp's errors to findings.

One keeps its connections, for most looks; the other one makes a new one for each request, as a new client would: what
takes nobody any more goes on with those that it has, and a name may have moved. Both follow nothing: no redirects, no
cookies, no proxy of the environment. A probe opens them with its first look and closes them with their last user.
There is no deadline in here but what the caller gives: the runtime has one.
"""

from __future__ import annotations

import asyncio
import math
import ssl
from collections.abc import Mapping
from time import monotonic
from typing import Annotated, Any

import aiohttp
from multidict import CIMultiDict
from pydantic import AfterValidator
from yarl import URL

from nemo_watchdog.model import Finding, Reason, failed
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.policy.units import SecretText, wrong_secret
from nemo_watchdog.probes.shared.looked_up import names
from nemo_watchdog.probes.shared.network import os_failure
from nemo_watchdog.probes.shared.tls import TlsOptions, Trust
from nemo_watchdog.probes.shared.tls_mistakes import may_be_tls, unless_it_speaks_tls, unless_it_wants_a_certificate

BODY_LIMIT = 64 * 1024
"""Bytes of a body that are read at most."""

_MOST_LINE = 100 * 1024
_MOST_HEADERS = 500
"""What aiohttp reads of a header, in bytes, and how many. curl takes lines of 100 KiB (lib/urldata.h)."""

_BAD_REQUEST = 400
_NO_DEADLINE = aiohttp.ClientTimeout()
HEADERS = {"User-Agent": "nemo-watchdog", "Accept": "*/*", "Accept-Encoding": "identity"}
_KEEPALIVE = 75.0
REDIRECTS = frozenset({301, 302, 303, 307, 308})
NEW_EVERY = 30.0
"""Seconds after which a look connects anew, however well the ones before were."""
_SYSTEM_TRUST = Trust(TlsOptions(), look=0.0)  # a file of an operator is in none of it


def _http_url(secret: Secret) -> Secret:
    problem = "expected an address such as `http://127.0.0.1:8000/health`"
    try:
        url = URL(secret.reveal())
    except ValueError:
        raise wrong_secret(problem) from None
    if url.scheme not in ("http", "https") or not url.host:
        raise wrong_secret(problem)
    return secret


def _header_fields(headers: Mapping[str, Secret]) -> Mapping[str, Secret]:
    for name, value in headers.items():
        if not name.isascii() or not all(char.isalnum() or char in "!#$%&'*+-.^_`|~" for char in name) or not name:
            raise wrong_secret("expected header names of letters, digits and dashes")
        if not value.reveal().isprintable():
            raise wrong_secret("expected a header's value to be one line of text")
    return headers


HttpUrl = Annotated[SecretText, AfterValidator(_http_url)]
"""An http or https address. Secret, because it may hold a password or a token."""

Headers = Annotated[Mapping[str, SecretText], AfterValidator(_header_fields)]


class _Shared:
    """Two sessions and how many probes use them."""

    __slots__ = ("kept", "new", "users")

    def __init__(self, socket: str | None) -> None:
        self.users = 0
        self.kept = _session(socket, keepalive_timeout=_KEEPALIVE)
        self.new = _session(socket, force_close=True)

    async def close(self) -> None:
        await self.kept.close()
        await self.new.close()


def _session(socket: str | None, **connections: Any) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, resolver=names(), **connections)
        if socket is None
        else aiohttp.UnixConnector(socket, limit=0, **connections),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=HEADERS,
        timeout=_NO_DEADLINE,
        trust_env=False,
        max_line_size=_MOST_LINE,
        max_field_size=_MOST_LINE,
        max_headers=_MOST_HEADERS,
    )


_Way = tuple[asyncio.AbstractEventLoop, str | None]

_shared: dict[_Way, _Shared] = {}


class HttpClient:
    """One probe's place at the sessions of the running event loop. `close` gives it back; the last one closes them.

    `socket` is the path of a unix socket that every request goes to, whatever its address says.
    """

    def __init__(self, socket: str | None = None) -> None:
        self._shared: _Shared | None = None
        self._socket = socket
        self._way: _Way | None = None
        self._new_at = -math.inf
        self._doubted = True

    def session(self) -> aiohttp.ClientSession:
        """The one that keeps its connections."""
        return self._place().kept

    def session_of_look(self) -> aiohttp.ClientSession:
        """For the request that says how the target is.

        It connects anew, unless the look before was well and a new client was served in the last `NEW_EVERY` seconds.
        """
        now = monotonic()
        if not self._doubted and now - self._new_at < NEW_EVERY:
            self._doubted = True
            return self._place().kept
        self._doubted = True
        self._new_at = now
        return self._place().new

    def was_well(self) -> None:
        """The look is over and all is well: the next one may be on a connection that was kept."""
        self._doubted = False

    async def close(self) -> None:
        way, self._way, self._shared = self._way, None, None
        if way is None:
            return
        shared = _shared[way]
        shared.users -= 1
        if not shared.users:
            del _shared[way]
            await shared.close()

    def _place(self) -> _Shared:
        if self._shared is None:
            self._way = (asyncio.get_running_loop(), self._socket)
            shared = _shared.get(self._way)
            if shared is None:
                shared = _shared[self._way] = _Shared(self._socket)
            shared.users += 1
            self._shared = shared
        return self._shared


async def trusted(url: URL) -> ssl.SSLContext | bool:
    """What a request to that address trusts: the system's authorities, as they are now."""
    return await _SYSTEM_TRUST.context() if url.scheme == "https" else True


def split_credentials(address: Secret, headers: Mapping[str, Secret]) -> tuple[URL, CIMultiDict[str] | None]:
    """The address without its user and password, and the headers to send, with both as basic authentication."""
    url = URL(address.reveal())
    fields = CIMultiDict({name: value.reveal() for name, value in headers.items()})
    if url.user is not None and "Authorization" not in fields:
        fields["Authorization"] = aiohttp.encode_basic_auth(url.user, url.password or "", "utf-8")
    return url.with_user(None).with_fragment(None), fields or None


async def read_body(response: aiohttp.ClientResponse, limit: int = BODY_LIMIT) -> bytes | None:
    """The whole body, or None when it is longer than `limit` bytes; the connection cannot be used again then."""
    content = response.content
    if content.at_eof():
        return b""
    first = await content.readany()
    if content.at_eof():
        body = first
    else:
        parts = bytearray(first)
        while not content.at_eof() and len(parts) <= limit:
            parts += await content.readany()
        body = bytes(parts)
    if len(body) <= limit:
        return body
    response.close()
    return None


async def read_refusal(response: aiohttp.ClientResponse) -> bytes:
    """What can be had of the body of an answer whose status says most: a reset after it takes nothing from it."""
    try:
        return await read_body(response) or b""
    except (aiohttp.ClientError, ConnectionError):
        return b""


def http_failure(error: aiohttp.ClientError | OSError) -> Finding:
    """The finding for what a request raised. aiohttp's classes overlap: the order of the questions matters."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return failed(Reason.NAME_UNRESOLVED, "the host's name cannot be resolved")
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return os_failure(error.certificate_error) if isinstance(error.certificate_error, OSError) else _BAD_CERTIFICATE
    if isinstance(error, aiohttp.ClientConnectorError):
        return os_failure(error.os_error)
    if isinstance(error, asyncio.TimeoutError):
        return failed(Reason.TIMEOUT, "no answer in time")
    if isinstance(error, aiohttp.ClientResponseError):
        return failed(Reason.PROTOCOL_ERROR, "its answer is not HTTP")
    if isinstance(error, aiohttp.ClientPayloadError):
        return failed(Reason.CONNECTION_LOST, "the connection ended before the body did")
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return failed(Reason.CONNECTION_LOST, "it closed the connection without an answer")
    if isinstance(error, OSError):
        # aiohttp gives an error of TLS the number that stands for "not permitted" elsewhere.
        return os_failure(error.__cause__ if isinstance(error.__cause__, ssl.SSLError) else error)
    if isinstance(error, aiohttp.ClientConnectionError):
        return failed(Reason.CONNECTION_LOST, "the connection was lost")
    return failed(Reason.PROTOCOL_ERROR, f"the request failed ({type(error).__name__})")


async def unless_tls_explains(finding: Finding, url: URL, patience: float, status: int | None = None) -> Finding:
    """The finding of a request, or a blind one when TLS, where the address has none, or a certificate explains it.

    `status` is that of the answer, if there was one. Takes `patience` seconds at most.
    """
    if not (may_be_tls(finding) or status == _BAD_REQUEST):
        return finding
    assert url.host is not None  # noqa: S101 - HttpUrl wants one
    assert url.port is not None  # noqa: S101 - http and https have one
    if url.scheme == "https":
        return await unless_it_wants_a_certificate(finding, url.host, url.port, patience)
    return await unless_it_speaks_tls(finding, url.host, url.port, patience, "an https:// address")


_BAD_CERTIFICATE = failed(Reason.WRONG_TARGET, "its TLS certificate does not fit its name")


def wrong_status(status: int, expected: str, headers: Mapping[str, str]) -> Finding:
    """The finding for a status that was not expected.

    502 and 504 are a gateway's word about the server behind it (RFC 9110, 15.6.3 and 15.6.5).
    """
    detail = f"answered {status}, expected {expected}"
    if status in (401, 403):
        return failed(Reason.AUTH_FAILED, f"{detail}: the watchdog's credentials are not accepted")
    if status == 429:
        return failed(Reason.OVERLOADED, f"{detail}: too many requests")
    if status == 503 and "Retry-After" in headers:
        return failed(Reason.OVERLOADED, f"{detail}: it asks to come back later")
    if status in (502, 504):
        return failed(Reason.UPSTREAM_UNAVAILABLE, f"{detail}: what lies behind it does not answer")
    return failed(Reason.WRONG_STATUS, detail)


def redirect_target(url: URL, location: str | None) -> URL | None:
    """Where a redirect leads; None when what is sent with the request would go to another server, or in clear text."""
    try:
        elsewhere = url.join(URL(location or ""))
    except ValueError:
        return None
    same = (elsewhere.scheme, elsewhere.host, elsewhere.port) == (url.scheme, url.host, url.port)
    to_tls = (url.scheme, elsewhere.scheme) == ("http", "https") and elsewhere.host == url.host
    return elsewhere.with_user(None).with_fragment(None) if location and (same or to_tls) else None
