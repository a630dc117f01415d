"""`docker restart` of the one container that was judged. What Docker answered is the result; nothing here verifies."""

from __future__ import annotations

from nemo_watchdog.errors import ContainersUnreachable
from nemo_watchdog.model import ActionOutcome, ActionRequest, ActionResult
from nemo_watchdog.ports import Containers


class DockerRestart:
    """Satisfies `ports.Action`; named `docker.restart` in a policy."""

    def __init__(self, containers: Containers) -> None:
        self._containers = containers

    async def run(self, request: ActionRequest) -> ActionResult:
        if not request.target.name:
            return ActionResult(
                ActionOutcome.REFUSED, f"{request.dependency} names no container: nothing was restarted"
            )
        try:
            return await self._containers.restart(request)
        except ContainersUnreachable as error:
            return ActionResult(ActionOutcome.REFUSED, str(error))
