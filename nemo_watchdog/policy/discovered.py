"""`discover: labels`: dependencies that no file names, as labels of containers have them. Knows labels, asks nobody.

The file goes first: what it names, and whose container it names, is as it says there; and it must be good without them,
so that no container that comes or goes makes it invalid. A label can also come with an image that somebody else made.
So it expands nothing, and runs no program on this host.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nemo_watchdog.errors import PolicyProblem
from nemo_watchdog.policy.document import texts_in
from nemo_watchdog.policy.labels import PREFIX, free_name, label_of, read_labels, valid_name
from nemo_watchdog.policy.selectors import ONE_OFF
from nemo_watchdog.policy.showing import format_path
from nemo_watchdog.ports import Catalog
from nemo_watchdog.recreation import is_beside

LABELS = "labels"
"""What stands after `discover:`."""

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Discovered:
    """`entries` are as they would stand in the file, by dependency; `problems` say which labels are unused, and why."""

    entries: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def without(self, blamed: Mapping[str, str]) -> Discovered:
        """Without these dependencies; why is said of each."""
        entries = {name: entry for name, entry in self.entries.items() if name not in blamed}
        return Discovered(entries, (*self.problems, *blamed.values()))


def concerns_us(labels: Labels) -> bool:
    """Whether any of them is ours."""
    return any(label.startswith(PREFIX) for label in labels)


def kept_of(labels: Labels, selects: Collection[str] = ()) -> dict[str, str]:
    """Those that `discover` reads, and these: what others say about a container is not ours to keep."""
    return {label: value for label, value in labels.items() if label.startswith(PREFIX) or label in {ONE_OFF, *selects}}


def discover(
    file: Any, containers: Mapping[str, Labels], catalog: Catalog, taken: Collection[str | None]
) -> Discovered:
    """What the labels of these containers add to a policy file, `file` being its plain values.

    `taken` are the containers of its own dependencies. Two containers that claim one name both are watched, the second
    in their order by its own: nothing is watched less.
    """
    named = file.get("dependencies") if isinstance(file, dict) else None
    known: Mapping[str, Any] = named if isinstance(named, dict) else {}
    entries: dict[str, Mapping[str, Any]] = {}
    problems: list[str] = []
    for container, labels in containers.items():
        said = read_labels(labels)
        if container in taken or said.watch is False or not concerns_us(labels) or _is_no_service(container, labels):
            continue
        name = said.name or valid_name(container)
        if name in known or name in entries:
            other, name = name, free_name(valid_name(container), {*known, *entries})
            problems.append(f"container {container}: another is called {other}: it is watched as {name}")
        entry = {"probe": "docker", **said.entry, "container": container}
        wrong = [f"container {container}: {problem}" for problem in (*said.problems, *_forbidden(entry, catalog))]
        problems += wrong
        if not wrong:
            entries[name] = entry
    return Discovered(entries, tuple(problems))


def blamed(found: Discovered, problems: list[PolicyProblem]) -> dict[str, str]:
    """Of the discovered dependencies those that a problem is at, with what is wrong, for people."""
    told: dict[str, str] = {}
    for name, entry in found.entries.items():
        place = format_path(("dependencies", name))
        for problem in problems:
            below = problem.path.removeprefix(place)
            if name not in told and problem.path.startswith(place) and below[:1] in ("", ".", "["):
                key = re.match(r"\.(\w+)", below)
                label = f"label {label_of(key[1])}: " if key else ""
                told[name] = f"container {entry['container']}: {label}{problem.message}"
    return told


def _is_no_service(container: str, labels: Labels) -> bool:
    """A job (`docker compose run`), or one that is kept while another one has its place."""
    return labels.get(ONE_OFF, "").lower() == "true" or is_beside(container)


def _forbidden(entry: Mapping[str, Any], catalog: Catalog) -> Iterator[str]:
    for key, value in entry.items():
        if any("${" in text for text in texts_in(value)):
            yield f"label {label_of(key)}: a label expands nothing: name it in the policy file where it needs a secret"
    if "public" in entry:
        yield f"label {label_of('public')}: only the policy file may say what is published: name the container there"
    probe = entry["probe"]
    known = isinstance(probe, str) and probe in catalog.probes
    if known and getattr(catalog.probes[probe].options, "runs_a_program", False):
        yield f"label {label_of('probe')}: {probe} runs a program on this host: only the policy file may say so"
