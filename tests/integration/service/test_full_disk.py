"""A disk that takes nothing more, under a real daemon: nothing is done, people are told, and once only.

The system refuses its writes from one moment on, as a full disk does, and takes them again (prlimit(2), RLIMIT_FSIZE).
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.daemon import Daemon
from tests.integration.service.parts import Receiver, Service, tcp_policy
from tests.integration.service.test_notifications import told

MARK = "This is told from memory and not written down: the journal"


@contextmanager
def full_disk(daemon: Daemon) -> Iterator[None]:
    _, most = resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (1, most))
    try:
        yield
    finally:
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (most, most))


async def test_people_are_told_of_an_outage_while_the_disk_is_full_and_not_again_after_it(tmp_path: Path) -> None:
    """Opened and resolved, marked; the journal has both when there is room, and tells nobody a second time."""
    async with Service() as service, Receiver() as receiver:
        async with Daemon(tcp_policy(service.port, told(receiver)), tmp_path) as daemon:
            await daemon.wait_for_health("service", "up")
            await daemon.event("health_changed", health="up")
            with full_disk(daemon):
                await service.stop()
                await daemon.event("journal cannot be written: no action until it can", within=20.0)
                await receiver.title("service is down")
                assert "cannot be written" in (await daemon.status())["journal"]
                await service.start()
                await receiver.title("service is up again")
            await daemon.event("journal can be written again", within=20.0)
            await service.stop()
            await receiver.message(lambda message: "service is down" in message["title"], after=2)
            await daemon.more_looks(20)
            await daemon.restart(kill=True)
            await daemon.more_looks(20)
        assert receiver.titles == [
            "[SEV2] service is down",
            "[SEV2] service is up again",
            "[SEV2] service is down again",
        ]
        assert [MARK in message["message"] for message in receiver.messages] == [True, True, False]
