"""Touch a file: for what starts anew when it sees a newer one. Writes nothing into it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from nemo_watchdog.actions.options import ActionOptions
from nemo_watchdog.model import ActionOutcome, ActionRequest, ActionResult
from nemo_watchdog.ports import ActionContext, ActionKind, Subject


class TouchOptions(ActionOptions):
    """Make a file, or give it the time of now, then look whether that helped."""

    path: Path
    """The file."""


class Touch:
    def __init__(self, context: ActionContext) -> None:
        """Needs nothing of the program."""

    async def run(self, request: ActionRequest) -> ActionResult:
        options: TouchOptions = request.options
        try:
            async with asyncio.timeout(request.timeout):
                await asyncio.to_thread(options.path.touch)  # a dead network file system blocks
        except TimeoutError:
            return ActionResult(ActionOutcome.TIMED_OUT, "the file system does not answer; it may still be touched")
        except OSError as error:
            return ActionResult(ActionOutcome.FAILED, error.strerror or "the file cannot be touched")
        return ActionResult(ActionOutcome.SUCCEEDED, "the file has the time of now")


def the_file(options: TouchOptions, subject: Subject) -> str:
    return str(options.path)


KIND = ActionKind(options=TouchOptions, make=Touch, target_kind="file", target=the_file)
