"""A process that recreates a container and is killed after so many of its calls to Docker.

python -m tests.integration.actions.dying_recreation CONTAINER CALLS
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any, cast

from nemo_watchdog.actions.docker.recreate import DockerRecreate, RecreateOptions
from nemo_watchdog.containers import DockerContainers, DockerRecreation
from nemo_watchdog.model import CONTAINER, ActionRequest, Target
from nemo_watchdog.ports import ActionContext


class Dying:
    """Every call of the real one; the process is killed when so many of them are done."""

    def __init__(self, real: DockerRecreation, calls: int) -> None:
        self._real = real
        self._left = calls

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def call(*arguments: Any) -> Any:
            answer = await getattr(self._real, name)(*arguments)
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return call


async def main(container: str, calls: int) -> None:
    """One `docker.recreate` of it."""
    containers = DockerContainers(None, timeout=20.0)
    judged = await containers.inspect(container)
    context = ActionContext(containers, recreation=cast("Any", Dying(DockerRecreation(None, timeout=20.0), calls)))
    options, target = RecreateOptions.model_construct(stop_timeout=5.0), Target(CONTAINER, container)
    await DockerRecreate(context).run(
        ActionRequest("a-1", "i-1", "it", "docker.recreate", target, options, judged, timeout=60.0)
    )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
