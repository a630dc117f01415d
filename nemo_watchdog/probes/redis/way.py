"""The way to one Redis: what connects, with which settings. Sentinels say where it ends, when there are any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis.asyncio.connection as client

from nemo_watchdog.model import Reason
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.probes.redis.address import WrongAddress, files_of, settings_of
from nemo_watchdog.probes.redis.sentinel import SETTINGS, find_master
from nemo_watchdog.probes.shared.looked_up import looked_up
from nemo_watchdog.probes.shared.named_files import CANNOT_BE_READ


@dataclass(frozen=True, slots=True)
class Way:
    """`settings` hold secrets, and are not shown."""

    make: type[client.AbstractConnection]
    settings: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"Way({self.make.__name__})"

    @property
    def address(self) -> tuple[str, int]:
        """Host and port; of no meaning for a unix socket."""
        return self.settings.get("host", "localhost"), self.settings.get("port", 6379)

    @property
    def over_tls(self) -> bool:
        return self.make is client.SSLConnection


class Ways:
    """One search at a time. `timeout` in seconds, of a look."""

    def __init__(
        self, url: Secret, sentinels: Sequence[str], master: str | None, password: Secret | None, timeout: float
    ) -> None:
        self._url = url
        self._sentinels = sentinels
        self._master = master
        self._password = password
        self._timeout = timeout
        self._files = files_of(url.reveal(), timeout)

    async def find(self, like: Way | None = None) -> Way:
        """To the instance that `like` leads to, when there is that. Raises `NoMaster`, `WrongAddress` and OSError."""
        settings = settings_of(self._url.reveal())
        make = settings.pop("connection_class", client.Connection)
        if self._sentinels and self._master is not None:
            settings["host"], settings["port"] = (
                like.address
                if like is not None
                else await find_master(
                    self._sentinels,
                    self._master,
                    None if self._password is None else self._password.reveal(),
                    self._timeout / 2 / len(self._sentinels),
                )
            )
        if not await self._files.can_be_opened():
            raise WrongAddress(Reason.PERMISSION_DENIED, CANNOT_BE_READ)
        way = Way(make, {**settings, **SETTINGS})
        if make is not client.UnixDomainSocketConnection:
            await looked_up(way.address[0])  # redis-py will look it up again
        return way
