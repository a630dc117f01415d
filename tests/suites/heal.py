"""The heal suite: `python -m tests.suites.heal`. Each fault is real, and one action cures it: mostly a restart.

Exit code 0 when each was seen with the right reason, healed by exactly one action of the right kind, and serves again.

`--init` plays them with the policy that `nemo-watchdog init` writes of the platform, in which `autonomy` alone is
changed, to `act`. What needs keys of its own in the policy (`rewrites`) is left out then. It takes longer: that policy
looks less often, and gives what has just started minutes before it counts as broken. `--compose` is the same for a
platform that docker-compose has made, with `init --compose`.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time

from nemo_watchdog.demo import faults
from nemo_watchdog.demo.parts import Redis
from nemo_watchdog.demo.platform import Platform
from tests.suites.acts import a_stop_signal, add_to, freeze, in_turn, inside, person, send, switch
from tests.suites.cures import CURED
from tests.suites.healed import is_healed, wrong
from tests.suites.overload import clients_call_again
from tests.suites.pooler import PgBouncer, pooled
from tests.suites.situations import (
    By,
    GemmaWithGpu,
    Happens,
    Situation,
    Stage,
    as_it_is,
    choose,
    instead,
    nvml,
    play_all,
)

OPTIONS = {"--init": By.INIT, "--compose": By.INIT_OF_COMPOSE}


async def out_of_memory(stage: Stage) -> None:
    """The limit falls to what it has; the next allocation is one too many, and the kernel ends the first process."""
    name = stage.platform.name("gateway")
    await stage.platform.docker("update", "--memory", "32m", "--memory-swap", "32m", name)
    await faults.switch(stage.platform, "gateway", "hoard")


def later(seconds: float) -> Happens:
    async def act(_: Stage) -> None:
        await asyncio.sleep(seconds)

    return act


async def killed_in_its_restart(stage: Stage) -> None:
    """Docker goes on with it: when its time is over it kills what did not end, and starts it again."""
    since = time.time()
    await stage.daemon.event("action_started", within=60.0 * stage.patience)
    await a_stop_signal(stage, "redis", since)
    await stage.daemon.restart(kill=True)


async def crashes_unseen(stage: Stage) -> None:
    await stage.daemon.kill9()
    await faults.sigkill(stage.platform, "gateway")
    await stage.daemon.start()


async def started_and_crashed_unseen(stage: Stage) -> None:
    """A person had stopped it: that run is not this one."""
    await person("stop", "-t", "1", "gateway")(stage)
    await stage.daemon.event("touched", within=60.0)
    await stage.daemon.kill9()
    await faults.person_starts(stage.platform, "gateway")
    await faults.sigkill(stage.platform, "gateway")
    await stage.daemon.start()


async def ill_unseen(stage: Stage) -> None:
    """It was up once, and the watchdog that looks at it now has never seen it so."""
    await stage.daemon.kill9()
    await faults.switch(stage.platform, "gateway", "500")
    await stage.daemon.start()


async def crashes_and_is_forgotten(stage: Stage) -> None:
    await stage.daemon.kill9()
    await faults.sigkill(stage.platform, "gateway")
    stage.way.forget()
    await stage.daemon.start()


async def crashes_on_a_busy_machine(stage: Stage) -> None:
    """Docker remembers nothing but 256 others by then; all was known at the start, and the stream was open since."""
    stage.way.forget()
    await faults.sigkill(stage.platform, "gateway")


async def unheard(stage: Stage) -> None:
    """It fails while nothing comes through to Docker; what was ordered into the void costs nothing."""
    await faults.switch(stage.platform, "gateway", "500")
    stage.way.stall()
    await stage.daemon.event("action_ended", within=60.0, outcome="refused")
    stage.way.drop()
    stage.way.heal()


async def engine_is_rolled_back(stage: Stage) -> None:
    stage.way.roll_back()
    await stage.daemon.more_looks(3)


def only_once(text: str, _: Platform) -> str:
    """One attempt and a budget of one, as is shipped for databases."""
    return text.replace("attempts: 6", "attempts: 1").replace("budget: 5 per 15m", "budget: 1 per 15m")


def with_a_twin(text: str, platform: Platform) -> str:
    """A second look at the gateway's container."""
    twin = (
        f"  twin:\n    probe: http\n    url: http://127.0.0.1:{platform.port('gateway')}/health\n"
        f"    container: {platform.name('gateway')}\n    startup_grace: 2s\n    remedy: restart-container\n"
    )
    return text.replace("\nseverities:\n", f"{twin}\nseverities:\n")


def with_canary(text: str, platform: Platform) -> str:
    """A completion now and then is the work of an idle model server."""
    return text.replace(
        "    probe: llm\n", "    probe: llm\n    stall_after: 10s\n    canary: {model: gemma, every: 5s}\n"
    )


TCP = "probe: tcp\n    address: 127.0.0.1:{port}"
DOCKER = "probe: docker"
GATEWAY = ["gateway"]
DEBUGGABLE = Redis(settings={"enable-debug-command": "yes"})

RESTARTED = (
    Situation("gateway answers 500", GATEWAY, "gateway", "wrong_status", switch("gateway", "500")),
    Situation("gateway hangs", GATEWAY, "gateway", "timeout", switch("gateway", "hang")),
    Situation(
        "gateway is frozen, and its clients call again and again",
        GATEWAY,
        "gateway",
        "timeout",
        in_turn(clients_call_again, send("gateway", signal.SIGSTOP)),
    ),
    Situation("gateway exits", GATEWAY, "gateway", "exited", switch("gateway", "exit")),
    Situation("gateway is killed", GATEWAY, "gateway", "exited", send("gateway", signal.SIGKILL)),
    Situation("gateway is frozen", GATEWAY, "gateway", "timeout", send("gateway", signal.SIGSTOP)),
    Situation("gateway runs out of memory", GATEWAY, "gateway", "oom_killed", out_of_memory),
    Situation("gateway stops listening", GATEWAY, "gateway", "connection_lost", switch("gateway", "deaf")),
    Situation("gateway answers nonsense", GATEWAY, "gateway", "protocol_error", switch("gateway", "garble")),
    Situation("gateway says that it is ill", GATEWAY, "gateway", "wrong_answer", switch("gateway", "ill")),
    Situation("postgres is killed", ["postgres"], "postgres", "exited", send("postgres", signal.SIGKILL)),
    Situation("postgres is frozen", ["postgres"], "postgres", "timeout", freeze("postgres")),
    Situation("postgres takes no new session", ["postgres"], "postgres", "timeout", send("postgres", signal.SIGSTOP)),
    Situation(
        "postgres ends by itself, and the policy says start",
        ["postgres"],
        "postgres",
        "stopped_itself",
        inside("postgres", "pg_ctl -D /data/pg stop -m immediate"),
        rewrites=add_to("postgres", "on_clean_exit: start"),
    ),
    Situation(
        "a pooler is frozen",
        ["postgres", PgBouncer()],
        "pgbouncer",
        "timeout",
        send("pgbouncer", signal.SIGSTOP),
        rewrites=pooled,
    ),
    Situation(
        "a pooler is killed",
        ["postgres", PgBouncer()],
        "pgbouncer",
        "exited",
        send("pgbouncer", signal.SIGKILL),
        rewrites=pooled,
    ),
    Situation("redis is killed", ["redis"], "redis", "exited", send("redis", signal.SIGKILL)),
    Situation("redis is frozen", ["redis"], "redis", "timeout", send("redis", signal.SIGSTOP)),
    Situation(
        "redis ends by itself, and keeps nothing",
        ["redis"],
        "redis",
        "stopped_itself",
        inside("redis", "redis-cli SHUTDOWN NOSAVE"),
        rewrites=add_to("redis", "on_clean_exit: start"),
    ),
    Situation(
        "gateway crashes after a thread dump",
        GATEWAY,
        "gateway",
        "exited",
        in_turn(person("kill", "-s", "QUIT", "gateway"), later(12.0), send("gateway", signal.SIGKILL)),
        people_order={"kill 3": 1},
    ),
    Situation(
        "gateway crashes after a person stopped and started it, unseen",
        GATEWAY,
        "gateway",
        "exited",
        started_and_crashed_unseen,
        people_order={"stop": 1, "start": 1},
    ),
    Situation(
        "the watchdog is killed in its own restart",
        ["redis"],
        "redis",
        "timeout",
        in_turn(send("redis", signal.SIGSTOP), killed_in_its_restart),
    ),
    Situation(
        "gateway crashes while the watchdog is dead",
        GATEWAY,
        "gateway",
        "exited",
        crashes_unseen,
    ),
    Situation(
        "gateway is killed, and Docker has forgotten all but what was told",
        GATEWAY,
        "gateway",
        "exited",
        crashes_on_a_busy_machine,
    ),
    Situation(
        "nobody can tell who ended it, and the policy says restart",
        GATEWAY,
        "gateway",
        "exited",
        crashes_and_is_forgotten,
        rewrites=add_to("gateway", "when_unsure: restart"),
    ),
    Situation(
        "gateway answers 500 since before the watchdog was started again",
        GATEWAY,
        "gateway",
        "wrong_status",
        ill_unseen,
    ),
    Situation("redis crashes", [DEBUGGABLE], "redis", "exited", inside("redis", "redis-cli DEBUG SEGFAULT")),
    Situation("the model server exits", ["gemma"], "gemma", "exited", switch("gemma", "exit")),
    Situation("the model server is killed", ["gemma"], "gemma", "exited", send("gemma", signal.SIGKILL)),
    Situation("the model server answers 500", ["gemma"], "gemma", "wrong_status", switch("gemma", "500")),
    Situation(
        "the model server stalls, its health page green",
        ["gemma"],
        "gemma",
        "stalled",
        switch("gemma", "stall"),
        rewrites=with_canary,
    ),
    Situation("the model server is frozen", ["gemma"], "gemma", "stalled", freeze("gemma"), rewrites=with_canary),
    Situation(
        "a container loses the GPU that the host sees",
        [GemmaWithGpu(load_seconds=0.0)],
        "gemma",
        "gpu_unavailable",
        inside("gemma", "rm /dev/nvidiactl"),
        rewrites=instead("gemma", "probe: gpu\n    container_view: true"),
        environ=nvml(),
    ),
    Situation(
        "a port that nobody serves",
        GATEWAY,
        "gateway",
        "connection_lost",
        switch("gateway", "deaf"),
        rewrites=instead("gateway", TCP),
    ),
    Situation(
        "docker is out of reach at the first order, and there is one attempt",
        GATEWAY,
        "gateway",
        "wrong_status",
        unheard,
        rewrites=only_once,
    ),
    Situation(
        "gateway is killed after the Engine was rolled back to an older version",
        GATEWAY,
        "gateway",
        "exited",
        in_turn(engine_is_rolled_back, send("gateway", signal.SIGKILL)),
    ),
    Situation(
        "two looks at one container fail",
        GATEWAY,
        "gateway",
        "wrong_status",
        switch("gateway", "500"),
        rewrites=with_a_twin,
        or_sees=("connection_lost",),  # where its twin is the first to be sure, and has the container restarted
    ),
    Situation(
        "a worker without a port is killed",
        GATEWAY,
        "gateway",
        "exited",
        send("gateway", signal.SIGKILL),
        rewrites=instead("gateway", DOCKER),
    ),
)


SITUATIONS = (*RESTARTED, *CURED)
FEWEST = 49


def main() -> int:
    if len(SITUATIONS) < FEWEST:
        raise SystemExit(f"{len(SITUATIONS)} faults: fewer than {FEWEST} prove too little")
    names = [word for word in sys.argv[1:] if word not in OPTIONS]
    by = next((by for option, by in OPTIONS.items() if option in sys.argv), By.DEMO)
    plain = [situation for situation in SITUATIONS if by is By.DEMO or situation.rewrites is as_it_is]
    title = f"Faults that one action cures, with the policy of {by.value}"
    well = asyncio.run(play_all(choose(plain, names), is_healed, wrong, title, by=by))
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
