"""An action of a package of its own, on what is no container: the example's `touch.file` in the daemon's own parts.

Gates, budget, verification, decision, metrics and messages know it without a line in the package about files.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib.metadata import distributions
from pathlib import Path

import pytest

from nemo_watchdog import records as r
from nemo_watchdog.actions.catalog import actions_table
from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine import view
from nemo_watchdog.engine.attempts import Ladder
from nemo_watchdog.engine.phases import Phase
from nemo_watchdog.model import Decision, Gate, Reason, Target, Verdict, failed
from nemo_watchdog.plugins import Installed, catalog_of
from nemo_watchdog.policy.loader import parse_policy
from nemo_watchdog.policy.policy import Policy
from nemo_watchdog.ports import Action, ActionContext
from nemo_watchdog.runtime.executor import Executor
from tests.unit.plugin_packages import install_example
from tests.unit.runtime.shell import Shell, running, until

POLICY = """
version: 1
dependencies:
  worker: {{probe: tcp, address: "127.0.0.1:1", remedy: reload, startup_grace: 0}}
  twin: {{probe: tcp, address: "127.0.0.1:2", remedy: reload, startup_grace: 0}}
remedies:
  reload:
    steps:
      - {{do: touch.file, path: {flag}, attempts: 5, backoff: {{initial: 2s, jitter: 0}}, verify_within: 5s}}
    budget: 2 per 1h
limits: {{concurrent_actions: 5}}
contacts: {{team: []}}
severities:
  SEV1: {{title: Now, respond_within: 5m, notify: team}}
  SEV2: {{title: Soon, respond_within: 1h, notify: team}}
  SEV3: {{title: Today, respond_within: 8h, notify: team}}
  SEV4: {{title: Whenever, respond_within: 7d, notify: team}}
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Installed:
    folder = tmp_path / "site"
    folder.mkdir()
    install_example(folder)
    return catalog_of(distributions(path=[str(folder)]))


@pytest.fixture
def flag(tmp_path: Path) -> Path:
    return tmp_path / "flag"


@pytest.fixture
def plan(catalog: Installed, flag: Path) -> Policy:
    return parse_policy(POLICY.format(flag=flag), "policy.yaml", catalog, environ={})


@pytest.fixture
async def shell(plan: Policy) -> AsyncIterator[Shell]:
    """Everything is up, and nothing of it has a container."""
    made = Shell(plan)
    async with running(made.core.write_forever()):
        await made.up()
        yield made
    made.core.close()


async def carry_out(shell: Shell, catalog: Installed) -> None:
    """What was ordered last, by the real executor and the plugin's own code."""

    def make(name: str) -> Action:
        return catalog.actions[name].make(ActionContext(shell.containers))

    await Executor(make, shell.core, shell.watch).run(shell.started[-1])
    await shell.core.written()


def ladder(shell: Shell, name: str = "worker") -> Ladder:
    (incident,) = [each for each in shell.core.engine.durable.open() if name in each.members]
    return incident.ladder(name)


def decision(shell: Shell, name: str = "worker") -> Decision:
    decided = shell.core.engine.decision(name, shell.clock.now())
    assert decided is not None
    return decided


def test_the_policy_knows_what_it_acts_on(plan: Policy, flag: Path) -> None:
    """The file of the step's own options, for each dependency that uses the remedy."""
    for dependency in plan.dependencies.values():
        assert (dependency.container, dependency.targets) == (None, {"touch.file": Target("file", str(flag))})


async def test_it_heals_and_looking_proves_it(shell: Shell, catalog: Installed, flag: Path) -> None:
    """The file is touched once, and the incident is over when good looks say so, not before."""
    shell.fail("worker")
    await until(lambda: shell.started)
    await carry_out(shell, catalog)
    assert flag.exists()
    assert ladder(shell).phase is Phase.VERIFYING
    assert decision(shell).gate is Gate.VERIFICATION
    shell.observe("worker", times=2)
    await shell.core.written()
    assert shell.core.engine.durable.open() == []
    assert shell.memory.types().count(r.ActionIntended.TYPE) == 1
    assert shell.metric("actions_total", dependency="worker", action="touch.file", outcome="succeeded") == 1.0
    assert shell.containers.inspects == []


async def test_people_read_what_is_done_to_what(shell: Shell, catalog: Installed, flag: Path) -> None:
    """The name of the file stands where that of a container would."""
    shell.fail("worker")
    await until(lambda: shell.started)
    await carry_out(shell, catalog)
    shell.observe("worker", times=2)
    await shell.core.written()
    (told,) = {item.notification for item in shell.memory.pending(100)}
    assert f"Done: touch.file of file {flag} once." in told.body


async def test_a_pause_holds_it(shell: Shell, flag: Path) -> None:
    """As it holds every action."""
    shell.core.tell(ev.PauseAsked("*", "deploying", "ops"))
    shell.fail("worker")
    await shell.core.written()
    assert (shell.started, decision(shell).gate) == ([], Gate.PAUSE)
    said = {each.gate: each.verdict for each in shell.core.engine.explanation("worker", shell.clock.now())}
    assert said[Gate.PAUSE] is Verdict.WAIT
    assert {said[gate] for gate in (Gate.BLIND, Gate.UPSTREAM, Gate.CATEGORY, Gate.BUDGET)} == {Verdict.OPEN}


@pytest.mark.parametrize(
    ("reason", "gate"), [(Reason.PROBE_BUG, Gate.BLIND), (Reason.LOADING, Gate.CATEGORY), (Reason.SLOW, Gate.CATEGORY)]
)
async def test_what_it_does_not_help_with_it_leaves_alone(shell: Shell, reason: Reason, gate: Gate) -> None:
    """It helps with a fault, by what its kind says."""
    shell.observe("worker", failed(reason, "test"), times=65)  # what cannot be seen is told after a minute
    await shell.core.written()
    assert (shell.started, decision(shell).gate) == ([], gate)


async def test_one_file_is_touched_for_one_at_a_time(shell: Shell, catalog: Installed) -> None:
    """Two dependencies share a target, what was spent on it, and one verification of what was done to it."""
    shell.fail("worker")
    shell.fail("twin")
    await until(lambda: shell.started)
    await shell.core.written()
    assert [request.dependency for request in shell.started] == ["worker"]
    assert decision(shell, "twin").gate is Gate.IN_FLIGHT
    left = dict(view.budgets(shell.core.engine, shell.clock.now().monotonic))
    assert {name: left[name].remaining for name in ("worker", "twin")} == {"worker": 1, "twin": 1}
    await carry_out(shell, catalog)
    assert [request.dependency for request in shell.started] == ["worker"]
    held = decision(shell, "twin")
    assert (held.gate, held.value.endswith(", done for worker")) == (Gate.VERIFICATION, True)


async def test_what_does_not_help_is_tried_until_the_budget_ends(shell: Shell, catalog: Installed) -> None:
    """Backoff between the attempts, then a person; the steps alone would have allowed five."""
    shell.fail("worker")
    attempts: list[float] = []
    for _ in range(30):  # seconds
        await shell.core.written()
        if len(shell.started) > len(attempts):
            attempts.append(shell.clock.now().monotonic)
            await carry_out(shell, catalog)
        shell.fail("worker", times=1)
    assert len(attempts) == 2
    assert attempts[1] - attempts[0] >= 5.0  # the verification of the first
    assert "the budget of worker is spent (2 per 1h)" in ladder(shell).ended
    assert shell.metric("escalations_total", dependency="worker") == 1.0


async def test_a_file_that_cannot_be_touched_is_a_failed_action(plan: Policy, catalog: Installed, flag: Path) -> None:
    """With the system's own words, and nothing to verify."""
    flag.mkdir(mode=0o500)
    text = POLICY.format(flag=flag / "below" / "nothing")
    shell = Shell(parse_policy(text, "policy.yaml", catalog, environ={}))
    async with running(shell.core.write_forever()):
        await shell.up()
        shell.fail("worker")
        await until(lambda: shell.started)
        await carry_out(shell, catalog)
    (body,) = [body for _, body in shell.memory.replay(shell.clock.now()) if body["type"] == r.ActionEnded.TYPE]
    assert (body["outcome"], body["detail"], body["to_verify"]) == ("failed", "No such file or directory", False)
    shell.core.close()


def test_the_table_of_the_documentation_has_it(catalog: Installed) -> None:
    """Made of the kinds that are installed."""
    what = "Make a file, or give it the time of now, then look whether that helped."
    row = f"| [touch.file](actions/touch.file.md) | {what} | file | nothing | `fault` |\n"
    assert row in actions_table(catalog.actions)
