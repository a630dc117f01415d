"""Which names the daemon answers to: a page of another site reads it under a name of that site's own (DNS rebinding).

Such a page can make its own name lead here, but the browser then sends that name as `Host`. So whoever reads must have
come by an IP address, by a name of this machine, by the name that we listen on, or by one that the operator allowed.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Container, Iterable
from pathlib import Path

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

NOT_BY_THIS_NAME = (
    "the daemon does not answer to this host name: start it with --allow-host NAME, or ask by its IP address"
)
HOSTS_FILE = Path("/etc/hosts")
_IN_BRACKETS = re.compile(r"\[([^\[\]]*)\](?::\d*)?")
_PORT = re.compile(r":\d*\Z")


def own_names() -> frozenset[str]:
    """What this machine calls itself, without asking a name server: that may be slow, and may be somebody else's."""
    own = _bare(socket.gethostname())
    names = {"localhost", own}
    try:
        lines = HOSTS_FILE.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, *aliases = line.partition("#")[0].lower().split() or [""]
        if own in aliases:
            names.update(_bare(alias) for alias in aliases)
    return frozenset(names - {""})


def is_name(text: str) -> bool:
    """Whether a browser could send it as `Host`: a name outside of ASCII comes as `xn--…`."""
    return re.fullmatch(r"[A-Za-z0-9._-]+", text) is not None


def answers_to(host: str, names: Iterable[str]) -> bool:
    """Whether a `Host` header's value, with or without a port, is an IP address or one of the (bare) names."""
    name = _bare(host)
    return name in names or _is_address(name)


def known_hosts_only(names: Iterable[str], free: Container[str]) -> Middleware:
    """Refuses whoever came by another name, but for the resources `free`, which are nothing without their own token.

    A request without `Host` (HTTP/1.0) is answered: every browser sends one.
    """
    known = frozenset(_bare(name) for name in names)

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        # A target in absolute form counts before the header (RFC 9112, 3.2.2); it stands there as it was sent.
        target = re.match(r"[a-z]+://([^/?#]*)", request.raw_path, re.IGNORECASE)
        asked = [*request.headers.getall(hdrs.HOST, []), *([target[1].rpartition("@")[2]] if target else [])]
        resource = request.match_info.route.resource
        if (resource is None or resource.canonical not in free) and not all(answers_to(host, known) for host in asked):
            raise web.HTTPMisdirectedRequest(text=NOT_BY_THIS_NAME)
        return await handler(request)

    return check


def _bare(host: str) -> str:
    """The host without port, brackets and the dot at the end, in lower case."""
    name = host.strip().lower()
    if (address := _IN_BRACKETS.fullmatch(name)) is not None:
        return address[1]
    if name.count(":") == 1:
        name = _PORT.sub("", name)
    return name.removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
