"""What happens to the platform and to the watchdog, drawn from a seed: nothing here looks at what the watchdog does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from nemo_watchdog.model import Reason, RunState
from tests.simulation import people
from tests.simulation.docker import Ailment, Box
from tests.simulation.plan import VARIANTS
from tests.simulation.world import World

MINUTE, HOUR = 60.0, 3600.0

CURED = (
    Reason.TIMEOUT, Reason.TIMEOUT, Reason.WRONG_STATUS, Reason.WRONG_ANSWER, Reason.REFUSED, Reason.STALLED,
)  # fmt: skip
BUSY = (Reason.RECOVERING, Reason.LOADING, Reason.TOO_MANY_CONNECTIONS, Reason.REPORTED_BUSY)
AT_RISK = (Reason.PERSISTENCE_FAILED, Reason.DATA_CORRUPTED, Reason.READ_ONLY, Reason.IO_ERROR)
SLOW = (Reason.SLOW, Reason.MEMORY_HIGH, Reason.LONG_TRANSACTION)
CUTS = (Reason.TIMEOUT, Reason.NETWORK_UNREACHABLE, Reason.NAME_UNRESOLVED, Reason.REFUSED)

DISK_FULL = "2026-01-05 12:00:00.000 UTC [1] FATAL:  could not write: No space left on device"
"""The last words of a Postgres."""

BOXES = ("db", "cache", "queue", "gateway", "api", "worker", "gemma", "embed", "report")
STALE = {"db": ("api", "gateway", "report"), "cache": ("gateway", "worker"), "queue": ("worker",)}
"""Who may keep a dead connection when that one fails."""

Happening = Callable[[World, Random], None]


def _box(world: World, luck: Random) -> Box | None:
    """One that runs and is well; None when this one is not."""
    box = world.engine.boxes[luck.choice(BOXES)]
    return box if _is_well(world, box) else None


def _is_well(world: World, box: Box) -> bool:
    quiet = not box.person and not box.ordered and box.ailment is None
    return quiet and box.state is RunState.RUNNING and not world.platform.boots(box)


def _falls_ill(world: World, box: Box, ailment: Ailment, lasts: float | None = None) -> None:
    """Until a restart cures it or somebody comes, or for so many seconds."""
    world.note(f"fault: {box.name} is {ailment.reason}{' and gets on' if ailment.moves else ''}")
    box.ailment = ailment
    world.platform.changed()

    def over() -> None:
        if box.ailment is ailment:
            world.note(f"fault: {box.name} is {ailment.reason} no more")
            box.recover(world.now)
            world.platform.changed()

    if lasts is not None:
        world.loop.call_later(lasts, over)


def _ends(world: World, box: Box, code: int, *, oom: bool = False, said: str = "") -> None:
    world.note(f"fault: {box.name} ends with {code}")
    world.engine.end(box, code, oom=oom, said=said)


def crashes(world: World, luck: Random) -> None:
    if box := _box(world, luck):
        killed = luck.random() < 0.3
        _ends(world, box, 137 if killed else luck.choice((1, 2, 139)), oom=killed)


def leaves_stale_clients(world: World, luck: Random) -> None:
    """It crashes, and some of those that need it do not come back by themselves."""
    box = world.engine.boxes[luck.choice(tuple(STALE))]
    if _is_well(world, box):
        for name in STALE[box.name]:
            client = world.engine.boxes[name]
            if luck.random() < 0.6 and _is_well(world, client):
                _falls_ill(world, client, Ailment(Reason.WRONG_STATUS, world.now, "a dead connection"))
        _ends(world, box, 1)


def ends_in_good_order(world: World, luck: Random) -> None:
    if box := _box(world, luck):
        _ends(world, box, 0)


def ends_for_want_of_disk(world: World, luck: Random) -> None:
    box = world.engine.boxes["db"]
    if _is_well(world, box):
        box.ailment = Ailment(Reason.IO_ERROR, world.now, restart_cures=False)
        _ends(world, box, 1, said=DISK_FULL)


def breaks(world: World, luck: Random) -> None:
    if box := _box(world, luck):
        _falls_ill(world, box, Ailment(luck.choice(CURED), world.now, "as it should not"))


def breaks_for_a_moment(world: World, luck: Random) -> None:
    if box := _box(world, luck):
        _falls_ill(world, box, Ailment(luck.choice(CURED), world.now, "for a moment"), luck.uniform(1.0, 90.0))


def is_busy(world: World, luck: Random) -> None:
    if box := _box(world, luck):
        moves = luck.random() < 0.6
        ailment = Ailment(luck.choice(BUSY), world.now, restart_cures=False, moves=moves)
        _falls_ill(world, box, ailment, luck.uniform(2 * MINUTE, (3 if moves else 1.9) * HOUR))


def is_overloaded(world: World, luck: Random) -> None:
    if box := _box(world, luck):
        ailment = Ailment(Reason.TIMEOUT, world.now, "it works", works=True)
        _falls_ill(world, box, ailment, luck.uniform(30.0, 20 * MINUTE))


def has_its_data_at_risk(world: World, luck: Random) -> None:
    box = world.engine.boxes[luck.choice(("db", "cache", "queue"))]
    if _is_well(world, box):
        one = frozenset({"redis"}) if box.name == "cache" and luck.random() < 0.5 else frozenset[str]()
        ailment = Ailment(luck.choice(AT_RISK), world.now, "at risk", restart_cures=False, seen_by=one)
        _falls_ill(world, box, ailment, luck.uniform(10 * MINUTE, 1.9 * HOUR))


def is_slow(world: World, luck: Random) -> None:
    if box := _box(world, luck):
        ailment = Ailment(luck.choice(SLOW), world.now, restart_cures=False, degrades=True)
        _falls_ill(world, box, ailment, luck.uniform(5 * MINUTE, HOUR))


def hardware_fails(world: World, luck: Random) -> None:
    name, reason = luck.choice(
        (("gpu", Reason.GPU_RESET_REQUIRED), ("gpu", Reason.NVML_UNAVAILABLE), ("host", Reason.MEMORY_HIGH))
    )
    if name in world.platform.own:
        return
    world.note(f"fault: {name} is {reason}")
    world.platform.own[name] = Ailment(reason, world.now, restart_cures=False, degrades=name == "host")
    world.platform.changed()

    def over() -> None:
        del world.platform.own[name]
        world.note(f"fault: {name} is well")
        world.platform.changed()

    world.loop.call_later(luck.uniform(5 * MINUTE, 1.5 * HOUR), over)


def breaks_while_nobody_may_act(world: World, luck: Random) -> None:
    """Somebody pauses the watchdog for it, or for all, and then it breaks."""
    if box := _box(world, luck):
        people.pause(world, luck.choice(("*", *world.platform.looking_at(box))), luck.uniform(HOUR / 2, HOUR))
        world.loop.call_later(luck.uniform(1.0, MINUTE), lambda: _ends(world, box, 1) if _is_well(world, box) else None)


def flaps(world: World, luck: Random) -> None:
    """It crashes again and again."""
    box = world.engine.boxes[luck.choice(BOXES)]
    at = 0.0
    for _ in range(luck.randint(4, 10)):
        world.loop.call_later(at, lambda: _ends(world, box, 1) if _is_well(world, box) else None)
        at += luck.uniform(30.0, 8 * MINUTE)


def flaps_while_the_daemon_is_killed(world: World, luck: Random) -> None:
    """What was spent must be known to each of its lives."""
    box = world.engine.boxes[luck.choice(("gateway", "api", "embed", "cache"))]
    at = 0.0
    for _ in range(8):
        world.loop.call_later(at, lambda: _ends(world, box, 1) if _is_well(world, box) else None)
        world.loop.call_later(at + luck.uniform(MINUTE, 2 * MINUTE), world.kill_daemon, 2.0)
        at += luck.uniform(3 * MINUTE, 6 * MINUTE)


def storm(world: World, luck: Random) -> None:
    """Many fail within seconds: for memory, or because what they share hangs."""
    hang = luck.random() < 0.4
    for name in luck.sample(BOXES, luck.randint(4, 9)):
        box = world.engine.boxes[name]

        def strike(box: Box = box) -> None:
            if _is_well(world, box):
                if hang:
                    _falls_ill(world, box, Ailment(Reason.TIMEOUT, world.now, "it hangs"))
                else:
                    _ends(world, box, 137, oom=True)

        world.loop.call_later(luck.uniform(0.0, 20.0), strike)


def network_is_cut(world: World, luck: Random) -> None:
    """Between the watchdog and many; they serve each other."""
    if world.platform.cut:
        return
    names = list(world.platform.specs)
    cut = names if luck.random() < 0.5 else luck.sample(names, luck.randint(2, 8))
    reason = luck.choice(CUTS)
    world.note(f"fault: the network to {', '.join(sorted(cut))} is cut: {reason}")
    world.platform.cut_off(cut, reason)

    def over() -> None:
        world.note("fault: the network is there again")
        world.platform.let_through()

    world.loop.call_later(luck.uniform(20.0, 15 * MINUTE), over)


def engine_goes_away(world: World, luck: Random) -> None:
    """Its containers live on."""
    if world.engine.trouble:
        return
    hangs = luck.random() < 0.3
    world.note(f"docker: {'hangs' if hangs else 'is away'}")
    world.engine.away("the Engine does not answer", hangs=hangs)

    def over() -> None:
        world.note("docker: is back")
        world.engine.back()

    world.loop.call_later(luck.uniform(2.0, 10 * MINUTE), over)


def engine_is_started_anew(world: World, luck: Random) -> None:
    """What ran has ended with it, and it remembers nothing."""
    engine = world.engine
    busy = any(box.ordered or (box.person and box.state is not RunState.EXITED) for box in engine.boxes.values())
    if engine.trouble or busy:
        return
    world.note("docker: goes down")
    engine.go_down(10.0)
    world.loop.call_later(11.0, engine.is_gone)
    world.loop.call_later(11.0 + luck.uniform(1.0, MINUTE), engine.back)


def engine_is_bad_at_orders(world: World, luck: Random) -> None:
    """Its answer to the next one is lost, the next start fails, or every order takes longer than anybody waits."""
    what = luck.random()
    if what < 0.3 and world.life is not None:
        world.life.port.uncertain = 1
    elif what < 0.6:
        world.engine.boxes[luck.choice(BOXES)].next_start_fails = True
    else:
        world.engine.slow = 100.0
        world.loop.call_later(luck.uniform(MINUTE, HOUR), lambda: setattr(world.engine, "slow", 0.0))


def disk_is_full(world: World, luck: Random) -> None:
    world.disk_is(full=True)
    world.loop.call_later(luck.uniform(5.0, 20 * MINUTE), lambda: world.disk_is(full=False))


def disk_is_slow(world: World, luck: Random) -> None:
    world.disk_is(slow=luck.choice((0.5, 3.0, 8.0, 15.0)))
    world.loop.call_later(luck.uniform(30.0, 5 * MINUTE), lambda: world.disk_is(slow=0.0))


def mail_is_down(world: World, luck: Random) -> None:
    world.mail_is("the mail server is down")
    world.loop.call_later(luck.uniform(MINUTE, HOUR), lambda: world.mail_is(""))


def daemon_is_killed(world: World, luck: Random) -> None:
    world.kill_daemon(luck.choice((0.5, 5.0, 5.0, 60.0, 10 * MINUTE)))


def daemon_is_killed_in_the_act(world: World, luck: Random) -> None:
    """Just when something was written, or ordered, or told."""
    world.kill_when = luck.choice(("disk", "intent", "intent", "order", "order", "message"))


def daemon_is_stopped(world: World, luck: Random) -> None:
    world.stop_daemon(luck.choice((0.5, 30.0, 20 * MINUTE)))


def policy_is_reloaded(world: World, luck: Random) -> None:
    world.reload(luck.choice((*VARIANTS, "")))


USUAL: Mapping[Happening, float] = {
    # the platform
    crashes: 6, breaks: 6, breaks_for_a_moment: 3, leaves_stale_clients: 2, ends_in_good_order: 1,
    ends_for_want_of_disk: 0.4, is_busy: 3, is_overloaded: 2, has_its_data_at_risk: 1.5, is_slow: 1, hardware_fails: 1,
    flaps: 0.7, storm: 0.7, network_is_cut: 1, engine_goes_away: 1, engine_is_started_anew: 0.3,
    engine_is_bad_at_orders: 1,
    # the watchdog
    daemon_is_killed: 1.5, daemon_is_killed_in_the_act: 2, daemon_is_stopped: 1.5, policy_is_reloaded: 2,
    flaps_while_the_daemon_is_killed: 0.5, disk_is_full: 0.7, disk_is_slow: 0.7, mail_is_down: 0.7,
    # people
    people.stop: 2, people.restart: 1.5, people.freeze: 1, people.deploy: 1, people.ask_for_a_dump: 1,
    people.pause_the_watchdog: 1.5, breaks_while_nobody_may_act: 1, people.retry: 0.5,
}  # fmt: skip
"""How many of each a day has, more or less."""

THEMES: Mapping[str, Mapping[Happening, float]] = {
    "usual": {},
    "calm": dict.fromkeys(USUAL, 0.3),
    "storms": {storm: 3.0, network_is_cut: 3.0, crashes: 0.5},
    "flaps": {flaps: 4.0},
    "people": {people.stop: 3.0, people.restart: 3.0, people.pause_the_watchdog: 3.0, policy_is_reloaded: 3.0},
    "the watchdog": {daemon_is_killed: 3.0, daemon_is_killed_in_the_act: 3.0, disk_is_full: 3.0, disk_is_slow: 3.0},
    "the engine": {engine_goes_away: 4.0, engine_is_started_anew: 5.0, engine_is_bad_at_orders: 4.0},
}
"""How many times more of some there are."""


@dataclass(frozen=True, slots=True)
class Item:
    """`luck` is a seed of its own, so that what happens does not depend on what happened before."""

    at: float
    what: Happening
    luck: str


def script(seed: int, hours: float) -> list[Item]:
    """What happens in those hours, in order."""
    luck = Random(f"{seed}/script")
    theme = THEMES[luck.choice(("usual", *THEMES))]
    items = []
    for what, usually in USUAL.items():
        expected = usually * theme.get(what, 1.0) * hours / 24.0
        times = int(expected) + (luck.random() < expected % 1.0)
        # The last two hours are for what is still to be healed.
        items += [(luck.uniform(1200.0, max(hours - 2.0, hours / 2) * HOUR), what) for _ in range(times)]
    items.sort(key=lambda item: item[0])
    return [Item(at, what, f"{seed}/{number}") for number, (at, what) in enumerate(items)]


def play(world: World) -> None:
    """Sets a timer for each."""
    for item in script(world.seed, world.hours):
        world.loop.call_later(item.at, _happens, world, item)


def _happens(world: World, item: Item) -> None:
    if world.broken is None:
        world.counts["things that happened"] += 1
        item.what(world, Random(item.luck))
