"""Puts the doctor's checks together: the policy first, then all the others side by side."""

from __future__ import annotations

import asyncio
import getpass
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from nemo_watchdog import app
from nemo_watchdog.cli import client
from nemo_watchdog.cli.one_look import look_at_all, with_labels
from nemo_watchdog.containers.permissions import Permissions
from nemo_watchdog.doctor import contacts, daemon, dependencies, docker, machine, oncall, policy, state, unit
from nemo_watchdog.doctor.checkup import Check, Finding, Findings, bad, in_a_thread, presentable, run, skipped, warning
from nemo_watchdog.doctor.way_to_docker import bad_address
from nemo_watchdog.errors import NemoWatchdogError
from nemo_watchdog.one_thread import OneThread
from nemo_watchdog.policy.lint import Advice
from nemo_watchdog.policy.policy import Policy
from nemo_watchdog.views import StatusView

READ_WITHIN = 4.0
"""Seconds for the policy and the files that it names."""
LOOK_WITHIN = 8.0
"""Seconds for one look, however long the policy gives it."""
DOCKER_WITHIN = 3.0
"""Seconds for one question to Docker."""
CLOSES_WITHIN = 1.0
NO_POLICY = "the policy is not usable"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is examined. `environ` is the one that the daemon would have."""

    policy: Path
    environ: Mapping[str, str]
    docker: str | None
    state_dir: Path
    listen: str
    send: bool
    unreadable: Callable[[], Iterable[Advice]] | None


def examined(asked: Asked) -> list[Finding]:
    """All findings. What does not let itself be ended, such as a probe that ignores it, is left behind."""
    found: Future[list[Finding]] = Future()

    async def tell() -> None:
        found.set_result(await examine(asked))

    def work() -> None:
        try:
            asyncio.run(tell())
        except BaseException as error:  # noqa: BLE001 - it is raised again where the findings are waited for
            if not found.done():
                found.set_exception(error)

    thread = threading.Thread(target=work, name="nemo-watchdog-doctor", daemon=True)
    thread.start()
    findings = found.result()
    thread.join(CLOSES_WITHIN)
    return findings


async def examine(asked: Asked) -> list[Finding]:
    """What is bad is a finding, whatever it is."""
    read = await _read(asked)
    asker = contacts.Asker(_user(), socket.gethostname(), datetime.now(UTC)) if asked.send else None
    found = read.policy
    checks = [
        Check("docker", partial(_docker, asked, found), "systemctl status docker"),
        Check("dependencies", partial(_dependencies, asked, found), "nemo-watchdog check --probe shows each"),
    ]
    if found is not None:
        checks += [
            Check("contacts", partial(contacts.look_at_contacts, found, asker), "look at its services", 11.0),
            Check(
                "alertmanager",
                partial(contacts.look_at_alertmanagers, found.alertmanager, asker),
                "look at its addresses",
                11.0,
            ),
            Check("deadman", partial(contacts.look_at_deadman, found.deadman, asker), "look at its service"),
            Check(
                "on call",
                in_a_thread(partial(oncall.look_at_rotas, found, datetime.now(UTC))),
                "a calendar that the policy names hangs: is it on a dead network mount?",
            ),
        ]
    checks += [
        Check("gpu", partial(machine.look_at_gpu, found), "the driver hangs: nvidia-smi, dmesg"),
        Check("clock", in_a_thread(machine.look_at_clock), "timedatectl"),
        Check("state directory", in_a_thread(partial(state.look_at_state, asked.state_dir)), "its disk hangs: dmesg"),
        Check(
            "permissions",
            in_a_thread(partial(policy.look_at_permissions, asked.unreadable)),
            "a file that the policy names hangs: is it on a dead network mount?",
        ),
        Check("unit", unit.look_at_unit, "systemd hangs: systemctl status"),
        Check(
            "daemon",
            in_a_thread(partial(daemon.look_at_daemon, partial(_status, asked))),
            "it hangs: systemctl restart nemo-watchdog",
            6.0,
        ),
    ]
    return [presentable(each) for each in (*read.findings, *await run(checks))]


async def _read(asked: Asked) -> policy.Read:
    """A policy on a dead mount is one line, too."""
    try:
        async with asyncio.timeout(READ_WITHIN):
            return await OneThread("nemo-watchdog-policy").run(partial(policy.read, asked.policy, asked.environ))
    except TimeoutError:
        remedy = "the file, or one that it names, hangs: is it on a dead network mount?"
        return policy.Read(None, (bad("policy", f"{asked.policy} is not read within some seconds", remedy),))


async def _docker(asked: Asked, found: Policy | None) -> Findings:
    try:
        way = Permissions(asked.docker, DOCKER_WITHIN)
    except ValueError:
        yield bad_address(asked.docker or "")
        return
    try:
        async for finding in docker.look(way, asked.docker, docker.wanted_by(found), asked.environ):
            yield finding
    finally:
        await way.close()


async def _dependencies(asked: Asked, found: Policy | None) -> Findings:
    if found is None:
        yield skipped("dependencies", NO_POLICY)
        return
    with suppress(NemoWatchdogError):  # that Docker does not tell is told as such
        found = await with_labels(found, partial(app.read_policy, asked.policy, asked.environ), asked.docker)
    for problem in found.unused_labels:
        yield warning("labels", problem, "give the label another value, and make its container anew")
    bounded = {name: replace(each, timeout=min(each.timeout, LOOK_WITHIN)) for name, each in found.dependencies.items()}
    try:
        looks = await look_at_all(replace(found, dependencies=bounded), asked.docker)
    except NemoWatchdogError:
        yield skipped("dependencies", "without an address of Docker there is no look", "see docker in this table")
        return
    for finding in dependencies.findings_of(looks):
        yield finding


def _status(asked: Asked) -> StatusView:
    return client.get(asked.listen, "/api/v1/status", StatusView).view


def _user() -> str:
    with suppress(OSError, KeyError):
        return getpass.getuser()
    return "somebody"
