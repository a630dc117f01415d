"""`compose.up` with a program in Compose's place: what is ordered, what is refused, and how it ends."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from nemo_watchdog.actions.compose import program
from nemo_watchdog.actions.compose.service import PROJECT, SERVICE, VERSION
from nemo_watchdog.actions.compose.up import KIND, UpOptions, lacks
from nemo_watchdog.model import ActionOutcome, ActionRequest, ActionResult, RunState, Target
from nemo_watchdog.ports import ActionContext, Subject
from nemo_watchdog.testing.fakes import FakeContainers, ManualClock
from tests.unit.actions.compose_stand_in import StandIn, put_in_place

DOCKER = "tcp://127.0.0.1:2375"
REFUSED, FAILED, DONE = ActionOutcome.REFUSED, ActionOutcome.FAILED, ActionOutcome.SUCCEEDED


@pytest.fixture
def compose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    return put_in_place(tmp_path, monkeypatch)


class Shop:
    """A project whose service `web` has these containers; the file wants two."""

    def __init__(self, *states: RunState, version: str = "2.26.1") -> None:
        self.clock = ManualClock()
        self.names = [f"shop-web-{number}" for number in range(1, len(states) + 1)]
        self.containers = FakeContainers(self.clock, [*self.names, "shop-db-1", "shop-web-run-1"])
        own = {PROJECT: "shop", SERVICE: "web", VERSION: version}
        self.containers.labels_of = {
            **dict.fromkeys(self.names, own),
            "shop-db-1": {**own, SERVICE: "db"},
            "shop-web-run-1": {**own, "com.docker.compose.oneoff": "True"},
            "lab-web-1": {**own, PROJECT: "lab"},
        }
        for name, state in zip(self.names, states, strict=True):
            self.becomes(name, state)
        self.touched: Callable[[str], str] = lambda _: ""
        self.watched: frozenset[str] = frozenset()

    def becomes(self, name: str, state: RunState, **more: Any) -> None:
        self.clock.advance(10.0)
        ended = self.clock.now().utc if state is RunState.EXITED else None
        now = self.containers.statuses[name]
        self.containers.statuses[name] = replace(now, state=state, finished_at=ended, **more)

    async def up(self, reason: str = "timeout", within: float = 20.0, **options: Any) -> ActionResult:
        given = {"file": "/srv/shop.yaml", "project": "shop", "service": "web", **options}
        checked = KIND.options.model_validate(given)
        target = Target(KIND.target_kind, KIND.target(checked, Subject("web")))
        context = ActionContext(self.containers, self.touched, watches=self.watched.__contains__, docker_host=DOCKER)
        request = ActionRequest("i/web/1", "i", "web", "compose.up", target, checked, None, within, reason=reason)
        return await KIND.make(context).run(request)


RUNS, ENDED, MADE = RunState.RUNNING, RunState.EXITED, RunState.CREATED


# -- what is ordered


async def test_only_the_service_is_named_and_nothing_is_built_pulled_or_removed(compose: StandIn) -> None:
    """Without a shell: each word is one argument."""
    shop = Shop(RUNS)
    result = await shop.up(file=["/srv/shop.yaml", "/srv/more $(reboot).yaml"])
    assert result.outcome is DONE
    assert compose.ordered == [
        *(
            "--ansi",
            "never",
            "--project-name",
            "shop",
            "--file",
            "/srv/shop.yaml",
            "--file",
            "/srv/more $(reboot).yaml",
        ),
        *("up", "--detach", "--no-deps", "--no-build", "--pull", "never", "--scale", "web=2", "web"),
    ]


async def test_the_target_is_the_service() -> None:
    """Two dependencies of one service share what was spent on it."""
    options = UpOptions(file=["/a"], project="shop", service="web")
    assert KIND.target(options, Subject("one", "c-1")) == KIND.target(options, Subject("other")) == "shop/web"


async def test_an_older_compose_is_not_told_to_pull_nothing(compose: StandIn) -> None:
    """It knows no such option."""
    compose.write(version="1.29.2")
    shop = Shop(RUNS, version="1.29.2")
    assert (await shop.up()).outcome is DONE
    assert "--pull" not in compose.ordered


async def test_it_gets_a_small_environment(compose: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker where the daemon has it; no secret of the daemon's, and no wish of a `.env` to remove what others made."""
    monkeypatch.setenv("POSTGRES_PASSWORD", "hunter2")
    await Shop(RUNS).up()
    got = compose.environment
    assert got["DOCKER_HOST"] == DOCKER
    assert got["COMPOSE_REMOVE_ORPHANS"] == "0"
    assert not {"POSTGRES_PASSWORD", "HOME"} & set(got)
    assert program.environment("")["DOCKER_HOST"].startswith("unix://")


@pytest.mark.parametrize(
    ("states", "options", "scale"),
    [
        ((), {}, 2),
        ((RUNS,), {}, 2),
        ((RUNS,), {"scale": 4}, 4),
        ((RUNS, RUNS, RUNS), {}, 3),
        ((RUNS, RUNS, RUNS), {"scale": 4}, 4),
        ((RUNS, MADE, MADE, MADE), {"scale": 2}, 4),
    ],
)
async def test_it_is_never_told_to_have_fewer_than_there_are(
    compose: StandIn, states: tuple[RunState, ...], options: dict[str, Any], scale: int
) -> None:
    """Compose removes what is more, and those that run may be among it; what was never started counts as well."""
    assert (await Shop(*states).up(**options)).outcome is DONE
    assert f"web={scale}" in compose.ordered


@pytest.mark.parametrize(
    ("said", "scale"),
    [
        ("services: {web: {image: x}}", 1),
        ("services: {web: {deploy: {replicas: 5}}}", 5),
        ("services: {web: {deploy: {mode: global, replicas: 5}, scale: 3}}", 3),
    ],
)
async def test_the_file_says_how_many(compose: StandIn, said: str, scale: int) -> None:
    """As Compose reads it."""
    compose.write(config=f"echo '{said}'")
    await Shop().up()
    assert f"web={scale}" in compose.ordered


@pytest.mark.parametrize(
    ("reason", "options", "keeps"),
    [
        ("timeout", {}, False),
        ("timeout", {"recreate": "never"}, True),
        ("overloaded", {}, True),
        ("slow", {"scale": 3}, True),
    ],
)
async def test_what_is_busy_is_never_replaced(
    compose: StandIn, reason: str, options: dict[str, Any], *, keeps: bool
) -> None:
    """What works now would lose its work."""
    assert (await Shop(RUNS).up(reason, **options)).outcome is DONE
    assert ("--no-recreate" in compose.ordered) is keeps


# -- what is refused


async def refused(shop: Shop, compose: StandIn, **options: Any) -> str:
    result = await shop.up(**options)
    assert result.outcome is REFUSED, result
    assert not compose.ordered
    return result.detail


@pytest.mark.parametrize(
    ("states", "reason", "options"),
    [
        ((RUNS, RUNS), "overloaded", {"scale": 2}),
        ((RUNS, RUNS, RUNS), "timeout", {"scale": 2}),
        ((RUNS, RunState.RESTARTING), "overloaded", {}),
        ((RUNS, RUNS), "timeout", {"recreate": "never"}),
    ],
)
async def test_as_many_run_already(
    compose: StandIn, states: tuple[RunState, ...], reason: str, options: dict[str, Any]
) -> None:
    """There is nothing that it could do, and it never scales down."""
    detail = await refused(Shop(*states), compose, reason=reason, **options)
    assert detail.startswith(f"already {len(states)} of 2 run")


async def test_what_somebody_does_to_a_container_of_it_goes_first(compose: StandIn) -> None:
    """As the engine knows it by now, of whichever replica."""
    shop = Shop(RUNS, RUNS)
    shop.touched = lambda name: "somebody is stopping it" if name == "shop-web-2" else ""
    assert await refused(shop, compose, scale=3) == "shop-web-2: somebody is stopping it"


async def test_what_somebody_paused_is_left_alone(compose: StandIn) -> None:
    """Compose would let it go on."""
    assert await refused(Shop(RUNS, RunState.PAUSED), compose) == "somebody paused shop-web-2 through Docker"


async def test_what_somebody_took_off_its_network_is_left_alone(compose: StandIn) -> None:
    """Compose would make it anew, on it."""
    shop = Shop(RUNS)
    shop.becomes("shop-web-1", RUNS, off_network="shop_default")
    assert "off its network shop_default" in await refused(shop, compose)


@pytest.mark.parametrize("action", ["kill", "stop"])
async def test_a_replica_that_somebody_stopped_is_not_started(compose: StandIn, action: str) -> None:
    """The policy watches only the first one: of the others Docker is asked."""
    shop = Shop(RUNS, RUNS)
    shop.containers.tell("shop-web-2", action, signal.SIGTERM if action == "kill" else None)
    shop.becomes("shop-web-2", ENDED)
    assert await refused(shop, compose) == "somebody stopped shop-web-2 through Docker"


async def test_a_replica_that_ended_by_itself_is_started(compose: StandIn) -> None:
    """A signal that is no stop says nothing; nor does what came before this run."""
    shop = Shop(RUNS, RUNS)
    shop.containers.tell("shop-web-2", "kill", signal.SIGHUP)
    shop.becomes("shop-web-2", ENDED)
    shop.containers.tell("shop-web-2", "die")
    assert (await shop.up()).outcome is DONE
    before = shop.containers.statuses["shop-web-2"].started_at
    assert before is not None
    shop.containers.past = [replace(e, action="stop", at=before - timedelta(hours=1)) for e in shop.containers.past[:1]]
    assert (await shop.up()).outcome is DONE


async def test_an_end_that_docker_has_forgotten_is_somebodys(compose: StandIn) -> None:
    """Nobody can tell: it is left to people."""
    shop = Shop(RUNS, ENDED)
    shop.containers.memory_since = shop.clock.now().utc + timedelta(seconds=1)
    assert "does not remember who ended shop-web-2" in await refused(shop, compose)
    shop.containers.memory_since = None
    assert "does not remember who ended shop-web-2" in await refused(shop, compose)


async def test_who_ended_what_is_watched_the_gates_know(compose: StandIn) -> None:
    """A stop of our own that was not followed by a start is no person's, and Docker does not know whose it was."""
    shop = Shop(RUNS)
    shop.containers.tell("shop-web-1", "kill", signal.SIGTERM)
    shop.becomes("shop-web-1", ENDED)
    shop.watched = frozenset({"shop-web-1"})
    assert (await shop.up()).outcome is DONE


async def test_what_another_generation_of_compose_made_is_not_replaced(compose: StandIn) -> None:
    """It would find everything changed; to start what is missing it is good enough."""
    shop = Shop(RUNS, version="1.29.2")
    assert "Compose 1.29.2 has made its containers, and 2.26" in await refused(shop, compose)
    assert (await shop.up(recreate="never")).outcome is DONE


async def test_a_file_that_cannot_be_used(compose: StandIn) -> None:
    """With Compose's words; what it writes of a good file is kept nowhere."""
    compose.write(
        config="echo warning >&2; echo 'yaml.parser.ParserError: while parsing' >&2; echo ' line 2' >&2; exit 1"
    )
    assert await refused(Shop(RUNS), compose) == (
        "the Compose file cannot be used: yaml.parser.ParserError: while parsing; line 2"
    )
    for nonsense in ("services: [", "no: services", "[1]", ""):
        compose.write(config=f"echo '{nonsense}'")
        assert "Compose gave no usable file" in await refused(Shop(RUNS), compose)
    compose.write(config="echo 'services: {db: {environment: {KEY: hunter2}}}'")
    result = await Shop(RUNS).up()
    assert (result.outcome, result.detail) == (REFUSED, "the Compose file has no service web")
    assert "hunter2" not in repr(result)


@pytest.mark.parametrize(
    ("version", "words"),
    [("1.25.0", "must be 1.29 or newer"), ("nonsense", "does not tell its version")],
)
async def test_a_program_that_is_not_the_right_one(compose: StandIn, version: str, words: str) -> None:
    """Said by `check` already, and again when it is due."""
    compose.write(version=version)
    assert words in await refused(Shop(RUNS), compose)


async def test_no_compose(compose: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have been removed since the policy was checked."""
    monkeypatch.setenv("PATH", "/nonexistent")
    assert "Compose is not installed here" in await refused(Shop(RUNS), compose)


async def test_a_program_that_cannot_be_started(compose: StandIn) -> None:
    """A script whose interpreter is not there."""
    compose.path.write_text("#!/nonexistent\n", encoding="utf-8")
    assert await refused(Shop(RUNS), compose) == "Compose could not be started (ENOENT)"


async def test_no_memory_for_what_it_would_write(compose: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or no file descriptor."""

    def none_left(*_: object) -> int:
        raise OSError(errno.EMFILE, "")

    monkeypatch.setattr(os, "memfd_create", none_left)
    assert await refused(Shop(RUNS), compose) == "Compose could not be started (EMFILE)"


async def test_docker_does_not_answer(compose: StandIn) -> None:
    """Nothing is ordered of what cannot be seen."""
    shop = Shop(RUNS)
    shop.containers.trouble = "Docker does not answer"
    assert await refused(shop, compose) == "Docker does not answer"
    shop.containers.trouble, shop.containers.hangs = "", True
    assert "nobody told within 1s" in await refused(shop, compose, within=1.0)


async def test_a_compose_that_hangs_over_the_file_has_ordered_nothing(compose: StandIn) -> None:
    """And what it has written of it so far is kept nowhere."""
    compose.write(config="echo 'KEY: hunter2'; exec sleep 60")
    result = await Shop(RUNS).up(within=1.0)
    assert (result.outcome, result.output) == (REFUSED, "")


# -- how it ends


async def test_done_says_how_many_run(compose: StandIn) -> None:
    """And what Compose wrote is kept."""
    result = await Shop(RUNS).up()
    assert result.detail == "Compose brought the service up; 1 run, 1 did before"
    assert result.output == "Started\n"


async def test_a_docker_that_falls_silent_afterwards_changes_nothing(compose: StandIn) -> None:
    """It was done; how many run is not said."""
    shop = Shop(RUNS)
    asked = 0
    ask = shop.containers.labels

    async def once(*, never_started: bool = False) -> Any:
        nonlocal asked
        asked += 1
        if asked > 1:
            shop.containers.trouble = "gone"
        return await ask(never_started=never_started)

    shop.containers.labels = once  # type: ignore[method-assign]
    result = await shop.up()
    assert (result.outcome, result.detail) == (DONE, "Compose brought the service up")


async def test_a_failure_in_its_words(compose: StandIn) -> None:
    """The line that says why, and not the last one that says that."""
    compose.write(up="printf 'ERROR: port is \\033[31mtaken\\nEncountered errors while bringing it up.\\n' >&2; exit 1")
    result = await Shop(RUNS).up()
    assert result.outcome is FAILED
    assert result.detail == (
        "Compose ended with 1: ERROR: port is \\x1b[31mtaken; Encountered errors while bringing it up."
    )
    compose.write(up="exit 3")
    assert (await Shop(RUNS).up()).detail == "Compose ended with 3: no word of why"
    compose.write(up="echo pull access denied; exit 1")
    assert (await Shop(RUNS).up()).detail == "Compose ended with 1: pull access denied"


async def test_a_compose_that_is_killed_has_done_nobody_knows_what(compose: StandIn) -> None:
    """By the kernel for memory, say."""
    compose.write(up="kill -9 $$")
    result = await Shop(RUNS).up()
    assert result.outcome is ActionOutcome.UNKNOWN
    assert "killed by signal 9" in result.detail


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"


async def children(where: Path) -> list[int]:
    """Those that the program has written down, two of them."""
    async with asyncio.timeout(10.0):
        while not where.exists() or len(where.read_text(encoding="ascii").split()) < 2:
            await asyncio.sleep(0.01)
    return [int(pid) for pid in where.read_text(encoding="ascii").split()]


async def gone(pids: list[int]) -> None:
    async with asyncio.timeout(5.0):
        while any(lives(pid) for pid in pids):
            await asyncio.sleep(0.01)


async def test_what_does_not_end_is_killed_with_all_that_it_started(compose: StandIn, tmp_path: Path) -> None:
    """And what it has written so far is kept."""
    pids = tmp_path / "pids"
    compose.write(up=f"echo Creating >&2; sleep 60 & echo $! $$ >{pids}; wait")
    result = await Shop(RUNS).up(within=2.0)
    assert result.outcome is ActionOutcome.TIMED_OUT
    assert "Docker may still do what it has ordered" in result.detail
    assert result.output == "Creating\n"
    await gone(await children(pids))


async def test_cancelled_it_leaves_nothing_running(compose: StandIn, tmp_path: Path) -> None:
    """The watchdog stops."""
    pids = tmp_path / "pids"
    compose.write(up=f"sleep 60 & echo $! $$ >{pids}; wait")
    task = asyncio.create_task(Shop(RUNS).up(within=60.0))
    running = await children(pids)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await gone(running)


async def test_it_cannot_fill_the_memory(compose: StandIn) -> None:
    """Its writes fail, and of what it wrote the end is kept."""
    compose.write(up="head -c 9000000 /dev/zero | tr '\\0' x; echo the end >&2; exit 1")
    result = await Shop(RUNS).up()
    assert result.outcome is FAILED
    assert len(result.output) <= program.KEPT_OUTPUT
    assert result.output.endswith("the end\n")
    assert len(result.detail) < 400


async def test_what_holds_its_outputs_open_holds_up_nobody(compose: StandIn) -> None:
    """It put something into a session of its own."""
    compose.write(up="setsid sleep 5 &")
    async with asyncio.timeout(4.0):
        assert (await Shop(RUNS).up()).outcome is DONE


# -- what the policy may say, and what this machine lacks


@pytest.mark.parametrize(
    "wrong",
    [
        {"file": "compose.yaml"},
        {"file": []},
        {"file": "/a\n"},
        {"project": "Shop"},
        {"project": "-p"},
        {"service": "--all"},
        {"service": ""},
        {"scale": 0},
        {"scale": 101},
        {"scale": True},
        {"recreate": "always"},
        {"remove_orphans": True},
    ],
)
def test_options_that_cannot_be(wrong: dict[str, Any]) -> None:
    """No word of a policy becomes an option of Compose's."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        UpOptions.model_validate({"file": "/a", "project": "shop", "service": "web", **wrong})


def test_what_this_machine_lacks(compose: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said where a person reads it, before the night."""
    here, away = tmp_path / "compose.yaml", tmp_path / "away.yaml"
    here.touch()
    options = UpOptions(file=[str(here)], project="shop", service="web")
    assert lacks(options) == ""
    assert str(away) in lacks(options.model_copy(update={"file": [str(here), str(away)]}))
    compose.write(version="1.25.0")
    assert lacks(options) == "Compose is 1.25.0 here, and must be 1.29 or newer"
    compose.path.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    assert lacks(options) == f"{compose.path} does not tell its version: is it Compose?"
    monkeypatch.setenv("PATH", "/nonexistent")
    assert "install the Debian package docker-compose" in lacks(options)


def test_the_plugin_of_dockers_command_comes_first(
    compose: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a program by itself."""
    plugins = tmp_path / "cli-plugins"
    plugins.mkdir()
    monkeypatch.setattr(program, "PLUGIN_FOLDERS", (str(plugins),))
    assert program.find() == str(compose.path)
    newer = StandIn(plugins)
    assert program.find() == str(newer.path)


@pytest.mark.parametrize(
    ("told", "version"),
    [("1.29.2\n", (1, 29)), ("v2.26.1-desktop.1", (2, 26)), ("docker-compose", None), ("", None)],
)
def test_versions(told: str, version: tuple[int, int] | None) -> None:
    """As each generation says it."""
    assert program.version_in(told) == version
