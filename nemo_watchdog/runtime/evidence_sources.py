"""What can be asked about a dependency: its probe, container and last looks, those of what it needs, the machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from nemo_watchdog.durations import duration
from nemo_watchdog.engine.engine import Engine
from nemo_watchdog.engine.topology import upstreams
from nemo_watchdog.evidence import Asked, Questions
from nemo_watchdog.model import Observation
from nemo_watchdog.ports import EvidenceSource
from nemo_watchdog.runtime.probe_loop import ProbeLoop


def questions(
    name: str,
    engine: Engine,
    loops: Mapping[str, ProbeLoop],
    of_container: Callable[[str], Asked],
    of_machine: Questions,
) -> Asked:
    """All of them, by the end of the name of their parts."""

    async def looks() -> str:
        return "\n".join(_looks(name, engine, loops))

    spec, loop = engine.policy.dependencies.get(name), loops.get(name)
    about = of_container(spec.container) if spec is not None and spec.container is not None else Asked({})
    of_it = _of_probe(loop) if loop is not None else {}
    return Asked(
        {**of_machine, **about.first, **of_it, "looks.txt": looks},
        about.beside,
    )


def _of_probe(loop: ProbeLoop) -> Questions:
    if not isinstance(loop.probe, EvidenceSource):
        return {}
    try:
        return dict(loop.probe.evidence())
    except Exception as error:  # noqa: BLE001 - the edge: a bug in a probe is missing evidence, not a missing restart
        kind = type(error)

        async def cannot() -> str:
            raise kind

        return {"probe.txt": cannot}


def _looks(name: str, engine: Engine, loops: Mapping[str, ProbeLoop]) -> Iterator[str]:
    known = engine.policy.dependencies
    for each in (name, *(upstreams(engine.policy, name) if name in known else ())):
        if (loop := loops.get(each)) is None:
            continue
        yield f"{each}: {engine.trackers[each].state.health}" if each in engine.trackers else each
        yield from (f"  {_look(look)}" for look in loop.recent)


def _look(look: Observation) -> str:
    found = look.finding
    said = ": ".join(str(part) for part in (found.reason, found.detail) if part)
    at = look.at.utc.isoformat(timespec="milliseconds")
    return f"{at} {found.outcome} in {duration(look.latency)}{f' {said}' if said else ''}"
