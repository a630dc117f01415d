"""Names, for the looks: of one event loop they share what is being looked up."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from weakref import WeakKeyDictionary

from nemo_watchdog.names import Names

_names: WeakKeyDictionary[asyncio.AbstractEventLoop, Names] = WeakKeyDictionary()


def names() -> Names:
    """Of the running event loop."""
    return _names.setdefault(asyncio.get_running_loop(), Names())


async def looked_up(host: str) -> None:
    """To be waited for before something connects by name that takes the event loop's few threads for it.

    What has an answer here has one there: a name that hangs never comes to these threads, where it would hold up the
    looks at all others. Raises `socket.gaierror`.
    """
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        await names().resolve(host)
