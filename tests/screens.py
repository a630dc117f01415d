"""`python -m tests.screens` writes docs/screens.md: what `status`, `explain` and the incidents look like.

A real terminal (tmux) of both sizes, and the real command; what it asks is a stand-in for a daemon in that state.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from nemo_watchdog.engine import events as ev
from nemo_watchdog.engine.explaining import explain_now
from nemo_watchdog.incident_views import ExplanationView, IncidentDetailView, IncidentsView
from nemo_watchdog.model import Reason, RunState, Severity, failed
from nemo_watchdog.policy.policy import Limits, Storm
from nemo_watchdog.runtime.troubles import Trouble
from nemo_watchdog.views import StatusView, TroubleView, as_json
from tests.parts import need
from tests.unit.cli.calling import standing_in
from tests.unit.engine.world import World, dependency, policy
from tests.unit.pasts import detail, healed, incident_of, summary, taken
from tests.unit.statuses import seen

DOCS = Path(__file__).parents[1] / "docs" / "screens.md"
SIZES = ((80, 24), (120, 40))
WITHIN = 60.0
SOCKET = "cannot connect to the Docker socket /var/run/docker.sock: No such file or directory"
MISTAKE = "/etc/nemo-watchdog/policy.yaml:41:5: dependencies.gateway.prob: unknown key: did you mean `probe`?"
NAMES = ("postgres", "redis", "gateway", "gemma", "qwen", "gpu-0", "gpu-1", "disk", "alerts", "site", "mail", "users")

HEAD = """\
# What the commands show

`nemo-watchdog status` in terminals of 80x24 and 120x40, in seven states, then `explain NAME`, `incidents` and
`incident ID`. Written by `python -m tests.screens`; a test holds this page to what the commands show.
"""


@dataclass(frozen=True, slots=True)
class State:
    """`matters` are the words that must be on the screen, whatever its size; what is `longer` scrolls."""

    title: str
    view: StatusView | ExplanationView | IncidentsView | IncidentDetailView
    matters: tuple[str, ...]
    command: tuple[str, ...] = ("status",)
    longer: bool = False


def states() -> tuple[State, ...]:
    return (
        State("All is well", seen(platform()), ("12 up", "postgres, redis, gateway", "actions left: total 10/10")),
        without_docker(),
        in_an_incident(),
        with_what_people_say(),
        in_a_storm(),
        State(
            "The policy was not reloaded",
            seen(platform(), MISTAKE),
            ("policy not reloaded", "policy.yaml:41:5", "did you mean `probe`?", "12 up"),
        ),
        with_a_full_journal(),
        stopped_by_somebody(),
        the_incidents(),
        one_incident(),
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


def with_what_people_say() -> State:
    world = platform()
    world.send(ev.DeclareAsked("the payment provider answers 500", Severity.SEV2, "", "ada"))
    world.wait(420.0)
    world.crash("postgres")
    (incident,) = world.engine.durable.open()
    world.send(ev.AcknowledgeAsked(incident.incident, "bob", 7200.0))
    matters = (
        "SEV2 Major degradation: the payment provider answers 500",
        "reported by ada",
        "taken by bob until 14:07:36",
    )
    return State("Somebody has declared an incident, and somebody has taken another", seen(world), matters)


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


def the_incidents() -> State:
    over = summary(healed())
    still = replace(over, id="20260105-131502-gateway", root="gateway", members=("gateway",), reason="refused")
    still = replace(still, severity="SEV2", opened="2026-01-05T13:15:02+00:00", resolved=None, seconds=95.0, actions=1)
    declared = replace(over, id="20260104-081100-declared", root="", members=(), declared="users see old prices")
    declared = replace(declared, severity="SEV3", opened="2026-01-04T08:11:00+00:00", seconds=1500.0, actions=0)
    declared = replace(declared, why="resolved by anna: deployed again")
    matters = ("gateway → refused: open, 1 action", "every member is up, 2 actions", "25m SEV3 users see old prices")
    return State("What has happened", IncidentsView((still, over, declared)), matters, ("incidents",))


def one_incident() -> State:
    world = healed()
    view = detail(world, kept=[taken(incident_of(world))])
    matters = ("who was told", "evidence", "--evidence 1/postgres.log", "postgres.activity.txt could not be had")
    return State("All about one incident", view, matters, ("incident", view.incident.id), longer=True)


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
    return State("Why is it not restarted?", view, matters, ("explain", "redis"))


def captures(state: State) -> Iterator[str]:
    """The screen, without what is blank at its end, for each size."""
    with standing_in() as daemon:
        daemon.body = json.loads(as_json(state.view))
        for columns, lines in SIZES:
            yield capture(state, columns, lines, {"NEMO_WATCHDOG_LISTEN": daemon.listen, "TZ": "UTC"})


def capture(state: State, columns: int, lines: int, environ: Mapping[str, str]) -> str:
    """All of what is `longer`, as one reads it who scrolls back."""
    tmux = (need("tmux"), "-L", f"nemo-test-{secrets.token_hex(4)}", "-f", "/dev/null")
    asked = f"{sys.executable} -m nemo_watchdog {shlex.join(state.command)}"
    shown = f"{asked}; {' '.join(tmux[:3])} wait-for -S shown; exec sleep {WITHIN:g}"
    outer = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES", "NO_COLOR"}}
    environment = {**outer, **environ, "LC_ALL": "C.UTF-8"}
    size = ("-x", str(columns), "-y", str(lines))
    try:
        subprocess.run((*tmux, "new-session", "-d", *size, shown), env=environment, check=True, timeout=WITHIN)
        subprocess.run((*tmux, "wait-for", "shown"), env=environment, check=True, timeout=WITHIN)
        screen = subprocess.run(
            (*tmux, "capture-pane", "-p", *(["-S", "-"] if state.longer else [])),
            env=environment,
            check=True,
            timeout=WITHIN,
            capture_output=True,
            text=True,
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
