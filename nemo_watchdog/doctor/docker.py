"""Docker: is it reached, and which of the daemon's calls does a proxy before it refuse? Nothing is restarted."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from nemo_watchdog.containers.permissions import NOBODY, PATHS, Answer, Call, NoWay
from nemo_watchdog.doctor.checkup import Finding, Findings, Grade, bad, good, skipped
from nemo_watchdog.doctor.way_to_docker import CHECK, no_way
from nemo_watchdog.durations import duration
from nemo_watchdog.model import Autonomy
from nemo_watchdog.one_thread import OneThread
from nemo_watchdog.policy.policy import ActionStep, Policy

CLOCK = "docker's clock"
MOST_APART = 2.0
"""Seconds between Docker's clock and ours."""

_MOST_TRIED = 5
"""Containers of the policy of which one that is there is looked for."""

_EXECS = (Call.EXEC, Call.EXEC_START, Call.EXEC_RESULT)
_ANEW = (
    Call.IMAGE,
    Call.CREATE,
    Call.CONNECT,
    Call.UPDATE,
    Call.STOP,
    Call.RENAME,
    Call.START,
    Call.REMOVE,
)
_ACTIONS: Mapping[str, Collection[Call]] = {
    "docker.restart": (Call.RESTART,),
    "docker.start": (Call.START,),
    "docker.kill": (Call.KILL,),
    "docker.unpause": (Call.UNPAUSE,),
    "docker.recreate": _ANEW,
    "docker.rollback": (*_ANEW, Call.TAG),
}
_ORDERS = (*dict.fromkeys(call for calls in _ACTIONS.values() for call in calls), *_EXECS)
_ALWAYS = (Call.VERSION, Call.PING, Call.EVENTS, Call.INSPECT, Call.STATS, Call.TOP, Call.LOGS)
"""What is asked about every container of a policy."""

COSTS: Mapping[Call, str] = {
    Call.VERSION: "which API Docker speaks is not known, and nothing works without that",
    Call.PING: "a Docker that hangs cannot be told from a silent one, and is taken for gone",
    Call.EVENTS: "nobody hears who stops a container or that one exits, so nothing is restarted",
    Call.INSPECT: "no container's state is known, so nothing is restarted",
    Call.STATS: "whether what gives no answer works or hangs is not seen, nor a container's memory",
    Call.TOP: "hangs in the kernel are not seen, nor what is in progress, and evidence has no processes",
    Call.LOGS: "log probes are blind, and the last words of what crashed (disk full, data damaged) are not read",
    Call.LIST: "no container's labels are seen, so nothing is discovered, and evidence has no largest containers",
    Call.RESTART: "nothing is restarted",
    Call.START: "nothing is started",
    Call.KILL: "no signal is sent",
    Call.UNPAUSE: "nothing that is paused is let go on",
    Call.IMAGE: "nothing is made anew",
    Call.TAG: "the image that a container may go back to is lost when images are pruned",
    Call.CREATE: "nothing is made anew",
    Call.CONNECT: "nothing is made anew",
    Call.UPDATE: "nothing is made anew",
    Call.STOP: "nothing is made anew",
    Call.RENAME: "nothing is made anew",
    Call.REMOVE: "nothing is made anew",
    Call.EXEC: "a GPU that a container has lost is not seen",
    Call.EXEC_START: "a GPU that a container has lost is not seen",
    Call.EXEC_RESULT: "a GPU that a container has lost is not seen",
}
"""What the daemon lacks without it."""


class Docker(Protocol):
    """See `containers.permissions.Permissions`."""

    async def ask(self, call: Call, name: str = NOBODY) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the policy needs of Docker. `calls` are those that something it says cannot do without."""

    containers: tuple[str, ...]
    calls: frozenset[Call]


def wanted_by(policy: Policy | None) -> Wanted:
    """Without a policy the usual: all but `exec`."""
    if policy is None:
        return Wanted((), frozenset({Call.RESTART}))
    dependencies = policy.dependencies.values()
    calls = set[Call]()
    for each in dependencies:
        if each.autonomy is not Autonomy.OBSERVE:
            calls.update(_ordered(policy, each.remedy))
    if any(getattr(each.options, "container_view", False) for each in dependencies):
        calls.update(_EXECS)
    if policy.asks_labels:
        calls.add(Call.LIST)
    if any(each.probe == "log" for each in dependencies):
        calls.add(Call.LOGS)
    if any(each.probe == "docker" for each in dependencies):
        calls.add(Call.STATS)
    named = dict.fromkeys(each.container for each in dependencies if each.container and not each.selector)
    return Wanted(tuple(named), frozenset(calls))


def _ordered(policy: Policy, remedy: str | None) -> set[Call]:
    steps = policy.remedies[remedy].steps if remedy is not None else ()
    acting = (step.action for step in steps if isinstance(step, ActionStep))
    return {call for action in acting for call in _ACTIONS.get(action, ())}


def allow_list(policy: Policy) -> list[str]:
    """What a proxy before Docker must let through for it, such as `GET /version`; nothing without containers."""
    wanted = wanted_by(policy)
    if not wanted.calls and not any(each.container for each in policy.dependencies.values()):
        return []
    return [_path(call) for call in (*_ALWAYS, *(call for call in PATHS if call in wanted.calls - {*_ALWAYS}))]


async def look(docker: Docker, host: str | None, wanted: Wanted, environ: Mapping[str, str]) -> Findings:
    """The way to Docker, then each call, then the clocks."""
    try:
        version = await docker.ask(Call.VERSION)
    except NoWay as error:
        yield await OneThread("nemo-watchdog-doctor").run(partial(no_way, error, host, environ))
        return
    name, inspected = await _one_that_is_there(docker, wanted.containers)
    calls = [Call.PING, Call.EVENTS, Call.STATS, Call.TOP, Call.LOGS, Call.LIST]
    calls += [call for call in _ORDERS if call in wanted.calls]
    told = await asyncio.gather(*(_answer(docker, call, name) for call in calls))
    answers = {Call.VERSION: version, Call.INSPECT: inspected, **dict(zip(calls, told, strict=True))}
    by_name = name != NOBODY and not _is_let_through(await _answer(docker, Call.INSPECT, NOBODY))
    for finding in _refused(answers, wanted, name, by_name=by_name):
        yield finding
    passed = [call for call, answer in answers.items() if _is_let_through(answer)]
    if passed:
        yield good(CHECK, f"{version.words or 'Docker'} lets through {', '.join(passed)}")
    if Call.RESTART not in wanted.calls:
        yield skipped(CHECK, "restart was not asked about: nothing in the policy restarts a container")
    yield _clock([answer.ahead for answer in answers.values() if isinstance(answer, Answer)])


async def _answer(docker: Docker, call: Call, name: str) -> Answer | NoWay:
    try:
        return await docker.ask(call, name)
    except NoWay as error:
        return error


def _is_let_through(answer: Answer | NoWay) -> bool:
    return isinstance(answer, Answer) and answer.let_through


async def _one_that_is_there(docker: Docker, names: Sequence[str]) -> tuple[str, Answer | NoWay]:
    """The first of the policy's containers that Docker has, or `NOBODY`, and the answer about it."""
    tried = names[:_MOST_TRIED]
    told = await asyncio.gather(*(_answer(docker, Call.INSPECT, name) for name in tried))
    for name, answer in zip(tried, told, strict=True):
        if isinstance(answer, Answer) and answer.status == 200:
            return name, answer
    return NOBODY, await _answer(docker, Call.INSPECT, NOBODY)


def _refused(answers: Mapping[Call, Answer | NoWay], wanted: Wanted, name: str, *, by_name: bool) -> Iterator[Finding]:
    """`by_name`: the proxy lets through only names that it knows, so an order for nobody tells nothing."""
    unknown = [call for call in _ORDERS if by_name and call in answers and not _is_let_through(answers[call])]
    for call, answer in answers.items():
        if _is_let_through(answer) or call in unknown:
            continue
        grade = Grade.WARNING if call in {Call.STATS, Call.TOP, Call.LOGS, Call.LIST} - wanted.calls else Grade.BAD
        if isinstance(answer, NoWay):
            seen, remedy = f"{call}: {answer}", "systemctl status docker, journalctl -u docker"
        else:
            if call is Call.LIST and call not in wanted.calls:
                yield skipped(CHECK, f"{call} is not let through: evidence has no largest containers", _to_allow(call))
                continue
            words = f" {answer.words}" if answer.words else ""
            seen, remedy = f"{call} is refused ({answer.status}{words}): {COSTS[call]}", _to_allow(call)
        yield Finding(f"{CHECK} {call}", grade, seen, remedy)
    if unknown:
        paths = ", ".join(_path(call) for call in unknown)
        yield skipped(
            CHECK,
            f"the proxy lets through the names that it knows, such as {name}, and only a real order would tell about "
            f"{', '.join(unknown)}",
            f"see that it allows {paths} for each container of the policy",
        )


def _to_allow(call: Call) -> str:
    if call in _ORDERS:
        return f"allow {_path(call)} in the proxy (asked for one that does not exist: if yours lists names, look there)"
    return f"allow {_path(call)} in the proxy"


def _path(call: Call) -> str:
    method, path = PATHS[call]
    return f"{method} {path.format('*')}"


def _clock(told: Sequence[float | None]) -> Finding:
    """The least that any answer says: one may have been under way for long."""
    known = [each for each in told if each is not None]
    if not known:
        return skipped(CLOCK, "no answer says what time it is there")
    ahead = min(known, key=abs)
    if abs(ahead) <= MOST_APART:
        return good(CLOCK, "as ours, within a second" if ahead == 0 else f"{_apart(ahead)} ours")
    cost = "its history is held back until then" if ahead < 0 else "who stopped a container is dated wrongly"
    return bad(
        CLOCK,
        f"{_apart(ahead)} ours: {cost}",
        "let both machines keep their clocks right: chronyc tracking, timedatectl",
    )


def _apart(ahead: float) -> str:
    return f"{duration(abs(ahead))} {'ahead of' if ahead > 0 else 'behind'}"
