"""All of it together: which containers are watched, as what, and which are left out, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nemo_watchdog.durations import duration
from nemo_watchdog.first_policy import labelling
from nemo_watchdog.first_policy.entry import Choice, Entry
from nemo_watchdog.first_policy.found import Found
from nemo_watchdog.first_policy.kinds import Kind, Known, kind_of
from nemo_watchdog.first_policy.leaving_out import why_left_out
from nemo_watchdog.first_policy.look import Seen
from nemo_watchdog.first_policy.names import name_all
from nemo_watchdog.first_policy.needs import Need, needs_of, without_circles
from nemo_watchdog.first_policy.probes import Guess, guess, is_llm
from nemo_watchdog.first_policy.remedies import course_of
from nemo_watchdog.policy.labels import Labelled, read_labels

GPU, DOCKER, HOST = "gpu", "docker", "host"
RESERVED = (GPU, DOCKER, HOST)

_DATABASES = frozenset({Kind.POSTGRES, Kind.REDIS, Kind.DATA})
_ORDER = (Kind.POSTGRES, Kind.REDIS, Kind.DATA, Kind.PGBOUNCER, Kind.LLM, Kind.OTHER)
_GRACE = 30.0
"""Seconds: what `defaults` has where a policy says nothing."""
_LONGEST_GRACE = 12 * 3600.0


@dataclass(frozen=True, slots=True)
class Plan:
    """`left_out` has the reason by the container's name; `problems` are labels that cannot be used."""

    entries: tuple[Entry, ...]
    has_gpu: bool
    left_out: Mapping[str, str]
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def sort_out(found: Iterable[Found], own_id: str = "") -> tuple[list[Found], dict[str, str]]:
    """Those that are watched, and why each other one is not."""
    watched, left_out = [], {}
    for each in sorted(found, key=lambda each: each.name):
        why = why_left_out(each, read_labels(each.labels), own_id)
        if why is None:
            watched.append(each)
        else:
            left_out[each.name] = why
    return watched, left_out


def plan(
    watched: Sequence[Found], left_out: Mapping[str, str], seen: Mapping[str, Seen], *, host_has_gpu: bool = False
) -> Plan:
    """What is written of them. `seen` is by the container's name."""
    labelled = {each.name: read_labels(each.labels) for each in watched}
    names = name_all(watched, labelled, RESERVED)
    has_gpu = host_has_gpu or any(each.has_gpu for each in watched)
    drafts = _drafts(watched, labelled, seen, names)
    needs, warnings = _needs(watched, drafts, names)
    needed = {name for each in needs.values() for need in each for name in need.containers}
    entries = [
        _entry(each, draft, needs[each.name], names, needed=each.name in needed, gpu=has_gpu)
        for each, draft in zip(watched, drafts, strict=True)
    ]
    problems = tuple(
        f"container {each.name}, {problem}" for each in watched for problem in labelled[each.name].problems
    )
    problems += tuple(problem for draft in drafts for problem in draft.problems)
    entries.sort(key=lambda entry: (_ORDER.index(entry.kind), entry.name))
    return Plan(tuple(entries), has_gpu, dict(left_out), problems, tuple(warnings))


@dataclass(frozen=True, slots=True)
class _Draft:
    name: str
    kind: Kind
    guess: Guess
    labels: Mapping[str, Any]
    problems: tuple[str, ...] = ()


def _drafts(
    watched: Sequence[Found], labelled: Mapping[str, Labelled], seen: Mapping[str, Seen], names: Mapping[str, str]
) -> list[_Draft]:
    knowns = {each.name: kind_of(each) for each in watched}
    variables = labelling.variables(knowns, names)
    return [
        _draft(each, knowns[each.name], labelled[each.name], seen.get(each.name, Seen()), names, variables[each.name])
        for each in watched
    ]


def _draft(
    found: Found, known: Known, labelled: Labelled, seen: Seen, names: Mapping[str, str], variable: str
) -> _Draft:
    labels, notes, problems = labelling.without_secrets(labelled.entry, variable)
    labels = labelling.resolved(labels, names)
    kind = Kind.LLM if is_llm(known, seen) else known.kind
    wanted = labelling.wanted_probe(labels, kind)
    guessed = guess(found, known, seen, variable, wanted)
    if not wanted:
        notes = (*guessed.notes, *notes)
    kept = replace(guessed, choices=labelling.kept(guessed.choices, labels), notes=notes)
    told = tuple(f"container {found.name}, {problem}" for problem in problems)
    return _Draft(names[found.name], kind, kept, labels, told)


def _needs(
    watched: Sequence[Found], drafts: Sequence[_Draft], names: Mapping[str, str]
) -> tuple[dict[str, list[Need]], list[str]]:
    by_name = {name: container for container, name in names.items()}
    fixed = {
        each.name: [by_name[name] for name in labelling.named(draft.labels.get("needs")) if name in by_name]
        for each, draft in zip(watched, drafts, strict=True)
        if "needs" in draft.labels
    }
    guessed = {each.name: () if each.name in fixed else needs_of(each, watched) for each in watched}
    kept, dropped = without_circles(guessed, fixed)
    warnings = [
        f"{names[container]} and {' and '.join(names[each] for each in need.containers)} need each other ({need.why}): "
        "that need is left out, for `needs` has no circles"
        for container, need in dropped
    ]
    for container, others in fixed.items():
        kept[container] = [Need((other,), "") for other in others]
    return kept, warnings


def _entry(
    found: Found, draft: _Draft, needs: Sequence[Need], names: Mapping[str, str], *, needed: bool, gpu: bool
) -> Entry:
    grace, grace_why = _grace(found, draft.kind)
    entry = Entry(
        draft.name,
        found.name,
        draft.kind,
        about=_about(found),
        choices=draft.guess.choices,
        notes=draft.guess.notes,
        labelled=frozenset(draft.labels),
    )
    entry = entry.having(Choice("container", found.name, "" if found.exists else _not_there(found)))
    more = [
        _needs_choice(needs, names, gpu=gpu and (found.has_gpu or draft.kind is Kind.LLM)),
        _tags(draft, needed=needed),
        Choice("startup_grace", duration(grace), grace_why) if grace > _GRACE else None,
    ]
    entry = entry.having(*(each for each in more if each is not None and each.key not in draft.labels))
    named = draft.labels.get("remedy", "")
    course = course_of(draft.kind, found.stop_timeout, grace, named) if isinstance(named, str) else None
    if "remedy" not in draft.labels:
        entry = entry.having(Choice("remedy", None, _why_remedy(draft.kind)))
    own = [Choice(key, value, labelling.why(key)) for key, value in draft.labels.items()]
    return replace(labelling.in_order(entry.having(*own)), course=course)


def _about(found: Found) -> str:
    state = "" if found.runs else f", {found.state} now" if found.exists else ", has no container yet"
    of = f"service {found.service} of {found.project}" if found.service else f"container {found.name}"
    image = found.image[:19] if found.image.startswith("sha256:") else found.image
    return f"{of}, image {image or 'unknown'}{state}"


def _not_there(found: Found) -> str:
    return "as Compose v2 would call it" if found.name.startswith(f"{found.project}-") else "its container_name"


def _grace(found: Found, kind: Kind) -> tuple[float, str]:
    base, why = _GRACE, ""
    if kind in _DATABASES:
        base, why = 120.0, "a database may have to recover when it starts"
    elif kind is Kind.LLM:
        base, why = 300.0, "loading the weights takes minutes"
    if found.start_period > base:
        return min(found.start_period, _LONGEST_GRACE), "its health check has this start period"
    return base, why


def _needs_choice(needs: Sequence[Need], names: Mapping[str, str], *, gpu: bool) -> Choice | None:
    written: list[Any] = [GPU] if gpu else []
    whys = ["it computes on the GPU"] if gpu else []
    for need in needs:
        here = [names[each] for each in need.containers]
        written.append(here[0] if len(here) == 1 else {"any": here})
        if need.why not in whys:
            whys.append(need.why)
    return Choice("needs", written, "; ".join(filter(None, whys))) if written else None


def _tags(draft: _Draft, *, needed: bool) -> Choice | None:
    tags, whys = [], []
    if needed or draft.guess.serves_http:
        tags.append("core")
        whys.append("others need it" if needed else "it serves HTTP")
    if draft.kind in _DATABASES:
        tags.append("data")
        whys.append("it keeps data")
    return Choice("tags", tags, "; ".join(whys)) if tags else None


def _why_remedy(kind: Kind) -> str:
    if kind in _DATABASES:
        return "it keeps data: one careful restart, then a person"
    return "it loads for minutes: fewer restarts, and more time" if kind is Kind.LLM else ""
