"""What each dependency is called: by its label, else its Compose service, else its container; valid, and each once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from nemo_watchdog.first_policy.found import Found
from nemo_watchdog.policy.labels import LONGEST_NAME, Labelled, free_name, valid_name


def name_all(found: Iterable[Found], labelled: Mapping[str, Labelled], taken: Iterable[str]) -> dict[str, str]:
    """The name of each, by its container's name. `taken` are names that nobody else may have."""
    wanted = {each.name: labelled[each.name].name or valid_name(each.service or each.name) for each in found}
    by_name = {each.name: each for each in found}
    shared = Counter(wanted.values())
    names: dict[str, str] = {}
    used = set(taken)
    for container, name in sorted(wanted.items(), key=lambda item: (shared[item[1]] > 1, item[0])):
        names[container] = free_name(
            name if shared[name] == 1 else _told_apart(name, by_name[container], wanted, by_name), used
        )
        used.add(names[container])
    return names


def _told_apart(name: str, found: Found, wanted: Mapping[str, str], by_name: Mapping[str, Found]) -> str:
    """By its project where several have such a service, by its number where it is one of several."""
    alike = [by_name[container] for container, other in wanted.items() if other == name]
    if found.project and len({each.project for each in alike}) > 1:
        name = valid_name(f"{found.project}-{name}")
    if found.number and sum(each.project == found.project for each in alike) > 1:
        name = valid_name(f"{name[: LONGEST_NAME - 6]}-{found.number}")
    return name
