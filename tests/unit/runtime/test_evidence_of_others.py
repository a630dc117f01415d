"""Evidence of what is restarted along with another one: that is destroyed, too."""

from __future__ import annotations

from dataclasses import replace

from nemo_watchdog.model import Along
from nemo_watchdog.runtime.executor import Executor
from nemo_watchdog.testing import RecordingAction
from tests.unit.engine.world import dependency, policy
from tests.unit.runtime.shell import Shell, running, until
from tests.unit.runtime.test_evidence import Taking


async def test_it_is_taken_of_all_of_them_before_the_action() -> None:
    """At the same time; each has its own, in the incident of the one that fails."""
    shell = Shell(policy(dependency("gateway", grace=0.0), dependency("sidecar", grace=0.0)))
    taking = Taking(shell)
    action = RecordingAction()
    executor = Executor({"docker.restart": action}.get, shell.core, shell.watch, taking.taker.before)
    async with running(shell.core.write_forever(), taking.taker.run()):
        await shell.up()
        shell.fail()
        await until(lambda: shell.started)
        run = shell.containers.statuses["c-sidecar"]
        request = replace(shell.started[0], along=(Along("sidecar", "c-sidecar", run),))
        await executor.run(request)
        assert action.requests == [request]
        assert taking.asked == ["gateway", "sidecar"]
        await until(lambda: len(taking.kept) == 2)
        assert {(each.dependency, each.incident, each.occasion) for each in taking.kept} == {
            (name, request.incident, "before docker.restart") for name in ("gateway", "sidecar")
        }
        assert set(shell.containers.inspects[-2:]) == {"c-gateway", "c-sidecar"}
    shell.core.close()
