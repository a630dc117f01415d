"""The way to one Alertmanager: where a request goes, what it carries, and which certificate it trusts."""

from __future__ import annotations

import base64
import ssl
from pathlib import Path
from typing import Any

from nemo_watchdog.file_state import FileState, file_state
from nemo_watchdog.one_thread import OneThread, StillBusy
from nemo_watchdog.policy.policy import Alertmanager
from nemo_watchdog.redaction.redactor import Redactor
from nemo_watchdog.regular_file import opened


class BadAuthorities(Exception):
    """The file of `ca` cannot be used, and never could; its text says why."""


class Way:
    """`ca` is read again when it has changed, in a thread: it may lie on a mount that hangs."""

    def __init__(self, target: Alertmanager) -> None:
        self.target = target
        self._thread = OneThread("nemo-watchdog-alertmanager-ca")
        self._seen: FileState | None = None
        self._context: ssl.SSLContext | None = None
        secrets = (target.bearer.reveal(), target.password.reveal(), *self._headers().values())
        self.redactor = Redactor(word for each in secrets for word in (each, each.rpartition(" ")[2]) if word)
        """For its answers, which may repeat what it was asked with."""

    def to(self, path: str) -> str:
        return self.target.url.rstrip("/") + path

    async def carries(self) -> dict[str, Any]:
        """Arguments of aiohttp's request. Raises `BadAuthorities`; no longer than its caller waits."""
        trusted: ssl.SSLContext | bool = await self._authorities() if self.target.ca else True
        return {"headers": self._headers(), "ssl": trusted, "allow_redirects": False}

    def _headers(self) -> dict[str, str]:
        target = self.target
        if target.bearer:
            return {"Authorization": f"Bearer {target.bearer.reveal()}"}
        if not target.username:
            return {}
        who = f"{target.username}:{target.password.reveal()}".encode()
        return {"Authorization": f"Basic {base64.b64encode(who).decode('ascii')}"}

    async def _authorities(self) -> ssl.SSLContext:
        """A file that cannot be read for a moment, as in the middle of its replacement, takes nothing away."""
        known = self._context
        try:
            self._seen, newest = await self._thread.run(self._newest)
        except (OSError, StillBusy, ValueError) as error:
            if known is None:
                raise BadAuthorities(f"the file of its `ca` cannot be used: {_why(error)}") from None
            return known
        self._context = newest
        return newest

    def _newest(self) -> tuple[FileState | None, ssl.SSLContext]:
        path = Path(self.target.ca)
        seen = file_state(path)
        if self._context is not None and seen == self._seen:
            return seen, self._context
        with opened(path) as descriptor:
            return seen, ssl.create_default_context(cafile=f"/proc/self/fd/{descriptor}")


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return "it holds no certificate"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return "its file system does not answer" if isinstance(error, StillBusy) else "its name is none"
