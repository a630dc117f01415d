"""The least that can be asked of Postgres and Redis over a socket. Standard library only: it runs in containers too.

Each check returns None when the server would serve a client now, else one line that says why not.
"""

from __future__ import annotations

import socket
import struct

PROTOCOL_3 = 196608


def check_postgres(host: str, port: int, timeout: float) -> str | None:
    """Sends a startup packet and reads until the server says that it is ready, asks for a password, or refuses.

    Source: PostgreSQL documentation, "Message Formats" (StartupMessage, AuthenticationOk, ErrorResponse).
    """
    pairs = b"user\0postgres\0database\0postgres\0\0"
    try:
        with socket.create_connection((host, port), timeout) as connection:
            connection.settimeout(timeout)
            connection.sendall(struct.pack("!ii", 8 + len(pairs), PROTOCOL_3) + pairs)
            with connection.makefile("rb") as answers:
                while True:
                    head = answers.read(5)
                    if len(head) < 5:
                        return "connection closed during startup"
                    kind, length = struct.unpack("!ci", head)
                    body = answers.read(length - 4)
                    if kind == b"E":
                        return _error_text(body)
                    asks_password = kind == b"R" and body[:4] != b"\0\0\0\0"
                    if kind == b"Z" or asks_password:
                        connection.sendall(b"X" + struct.pack("!i", 4))
                        return None
    except OSError as error:
        return _why(error)


def check_redis(host: str, port: int, timeout: float, password: str | None = None) -> str | None:
    """AUTH where there is a password, then PING; anything but PONG is the reason. Source: the RESP2 protocol."""
    try:
        with socket.create_connection((host, port), timeout) as connection:
            connection.settimeout(timeout)
            with connection.makefile("rb") as answers:
                if password is not None:
                    connection.sendall(b"AUTH " + password.encode() + b"\r\n")
                    answer = answers.readline().strip()
                    if answer != b"+OK":
                        return answer.decode(errors="replace") or "connection closed"
                connection.sendall(b"PING\r\n")
                answer = answers.readline().strip()
                return None if answer == b"+PONG" else answer.decode(errors="replace") or "connection closed"
    except OSError as error:
        return _why(error)


def _error_text(body: bytes) -> str:
    """SQLSTATE and message of an ErrorResponse: fields are a letter, a text, a zero byte."""
    fields = {field[:1]: field[1:].decode(errors="replace") for field in body.split(b"\0") if field}
    return f"{fields.get(b'C', '?')} {fields.get(b'M', '?')}"


def _why(error: OSError) -> str:
    return str(error) or type(error).__name__
