"""`host:port`, as policies write it."""

from __future__ import annotations


def parse_address(text: str) -> tuple[str, int]:
    """Host and port from `host:port` or `[::1]:port`; raises ValueError."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError("an IPv6 address needs brackets")
    if not colon or not host or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError("not host:port")
    return host, int(port)
