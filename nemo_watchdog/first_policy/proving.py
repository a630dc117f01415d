"""The text is proven before anybody sees it: the loader must take it, and what it does not take is a label's doing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from nemo_watchdog.errors import PolicyError, PolicyProblem
from nemo_watchdog.first_policy.entry import Entry
from nemo_watchdog.first_policy.plan import Plan
from nemo_watchdog.policy.labels import label_of
from nemo_watchdog.policy.loader import parse_policy
from nemo_watchdog.policy.policy import Policy
from nemo_watchdog.ports import Catalog

_PATH = re.compile(r"dependencies(?:\.(?P<name>[a-z0-9_-]+)|\[\"(?P<quoted>[^\"]*)\"\])(?:\.(?P<key>[a-z0-9_]+))?")


def prove(text: str, plan: Plan, catalog: Catalog, environ: Mapping[str, str]) -> Policy | Sequence[str]:
    """The policy, or what is wrong: for each mistake the container and the label that make it."""
    try:
        return parse_policy(text, "policy", catalog, environ=environ)
    except PolicyError as error:
        entries = {entry.name: entry for entry in plan.entries}
        return list(dict.fromkeys(_told(problem, entries) for problem in error.problems))


def _told(problem: PolicyProblem, entries: Mapping[str, Entry]) -> str:
    match = _PATH.match(problem.path)
    entry = entries.get(match["name"] or match["quoted"] or "") if match else None
    if match is None or entry is None or not entry.labelled:
        return f"{problem.path}: {problem.message}"
    return f"container {entry.container}, {' and '.join(_labels(entry, match['key'] or ''))}: {problem.message}"


def _labels(entry: Entry, key: str) -> Iterator[str]:
    """The label of that key; where none has it, the one that chose the probe, or all that could be meant."""
    if key in entry.labelled:
        yield f"label {label_of(key)}"
        return
    chose = [str(each) for each in ("probe", "url", "dsn", "address") if each in entry.labelled]
    missing = f" (for its `{key}`)" if key else ""
    for each in chose[:1] or sorted(entry.labelled):
        yield f"label {label_of(each)}{missing}"
