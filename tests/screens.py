"""`python -m tests.screens` writes docs/screens.md: what `status` and `explain` show in a terminal, state by state.

A real terminal (tmux) of both sizes, and the real command; what it asks is a stand-in for a daemon in that state.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.explaining import explain_now
from nemo_watchdog.incident_views import ExplanationView
from nemo_watchdog.model import Reason, RunState, failed
from nemo_watchdog.policy.policy import Limits, Storm
from nemo_watchdog.runtime.troubles import Trouble
from nemo_watchdog.views import StatusView, TroubleView, as_json
from tests.parts import need
from tests.unit.cli.calling import standing_in
from tests.unit.engine.world import World, dependency, policy
from tests.unit.statuses import seen

DOCS = Path(__file__).parents[1] / "docs" / "screens.md"
SIZES = ((80, 24), (120, 40))
WITHIN = 60.0
SOCKET = "cannot connect to the Docker socket /var/run/docker.sock: No such file or directory"
MISTAKE = "/etc/nemo-watchdog/policy.yaml:41:5: dependencies.gateway.prob: unknown key: did you mean `probe`?"
NAMES = ("postgres", "redis", "gateway", "gemma", "qwen", "gpu-0", "gpu-1", "disk", "alerts", "site", "mail", "users")

HEAD = """\
# What `status` and `explain` show

`nemo-watchdog status` in terminals of 80x24 and 120x40, in six states, and `nemo-watchdog explain` of one. Written
by `python -m tests.screens`; a test holds this page to what the commands show.
"""


@dataclass(frozen=True, slots=True)
class State:
    """`matters` are the words that must be on the screen, whatever its size."""

    title: str
    view: StatusView | ExplanationView
    matters: tuple[str, ...]
    command: str = "status"


def states() -> tuple[State, ...]:
    return (
        State("All is well", seen(platform()), ("12 up", "postgres, redis, gateway", "actions left: total 10/10")),
        without_docker(),
        in_an_incident(),
        in_a_storm(),
        State(
            "The policy was not reloaded",
            seen(platform(), MISTAKE),
            ("policy not reloaded", "policy.yaml:41:5", "did you mean `probe`?", "12 up"),
        ),
        with_a_full_journal(),
        stopped_by_somebody(),
    )


def platform() -> World:
    """Twelve, of which one needs two."""
    needs = {"gateway": ["postgres", "redis"]}
    watched = (dependency(name, needs=needs.get(name, [])) for name in NAMES)
    return World(policy(*watched, limits=Limits(storm=Storm())))


def without_docker() -> State:
    world = platform()
    since = world.now.utc.isoformat()
    for name in NAMES:
        world.see(name, RunState.UNREACHABLE, detail=SOCKET)
        world.look(name, failed(Reason.DOCKER_UNREACHABLE, SOCKET), times=4)
    trouble = TroubleView(Trouble.DOCKER, SOCKET, since)
    view = replace(seen(world), troubles=(trouble,))
    return State("Docker is gone", view, ("Docker does not answer and nothing is restarted", "12 unknown", *NAMES))


def in_an_incident() -> State:
    world = platform()
    world.crash("postgres")
    world.fail("gateway", Reason.REFUSED)
    world.wait(10.0)
    world.finish()
    matters = ("SEV2 Major degradation: postgres and 1 more", "affected: postgres and gateway", "wait (verification)")
    return State("Postgres has crashed, and was restarted", seen(world), matters)


def in_a_storm() -> State:
    world = platform()
    for _ in range(4):
        for name in NAMES[:8]:
            world.look(name, failed(Reason.TIMEOUT, "no answer within 3s"))
    matters = ("storm: 8 of 12 fail together", "what runs is not restarted", "4 up")
    return State("Much fails together", seen(world), matters)


def with_a_full_journal() -> State:
    world = platform()
    world.send(ev.JournalChanged("database or disk is full"))
    world.crash("redis")
    matters = ("nothing is done", "database or disk is full", "redis", "refuse (journal)")
    return State("The disk of the journal is full", seen(world), matters)


def stopped_by_somebody() -> State:
    world = platform()
    world.stopped_by_hand("redis")
    world.fail("gateway", Reason.REFUSED)
    world.pass_time(300.0)
    world.send(ev.Tick())
    matters = (
        "redis is down since",
        "by the gate human_hold: somebody stopped the container",
        "held until it runs again",
    )
    view = explain_now(world.engine, "redis", world.now)
    return State("Why is it not restarted?", view, matters, "explain redis")


def captures(state: State) -> Iterator[str]:
    """The screen, without what is blank at its end, for each size."""
    with standing_in() as daemon:
        daemon.body = json.loads(as_json(state.view))
        for columns, lines in SIZES:
            yield capture(state.command, columns, lines, {"NEMO_WATCHDOG_LISTEN": daemon.listen, "TZ": "UTC"})


def capture(command: str, columns: int, lines: int, environ: Mapping[str, str]) -> str:
    tmux = (need("tmux"), "-L", f"nemo-test-{secrets.token_hex(4)}", "-f", "/dev/null")
    shown = (
        f"{sys.executable} -m nemo_watchdog {command}; {' '.join(tmux[:3])} wait-for -S shown; exec sleep {WITHIN:g}"
    )
    outer = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES", "NO_COLOR"}}
    environment = {**outer, **environ, "LC_ALL": "C.UTF-8"}
    size = ("-x", str(columns), "-y", str(lines))
    try:
        subprocess.run((*tmux, "new-session", "-d", *size, shown), env=environment, check=True, timeout=WITHIN)
        subprocess.run((*tmux, "wait-for", "shown"), env=environment, check=True, timeout=WITHIN)
        screen = subprocess.run(
            (*tmux, "capture-pane", "-p"), env=environment, check=True, timeout=WITHIN, capture_output=True, text=True
        )
    finally:
        subprocess.run((*tmux, "kill-server"), env=environment, check=False, timeout=WITHIN, capture_output=True)
    return "\n".join(line.rstrip() for line in screen.stdout.rstrip().splitlines())


def page(captured: Mapping[str, list[str]]) -> str:
    """The whole document."""
    parts = [HEAD]
    for title, screens in captured.items():
        parts.append(f"\n## {title}\n")
        parts += [
            f"\n{columns}x{lines}:\n\n```text\n{screen}\n```\n"
            for (columns, lines), screen in zip(SIZES, screens, strict=True)
        ]
    return "".join(parts)


if __name__ == "__main__":
    DOCS.write_text(page({state.title: list(captures(state)) for state in states()}), encoding="utf-8")
