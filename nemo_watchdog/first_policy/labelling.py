"""What a container's labels say, beside what is guessed of it: labels win, and a secret in one is not copied."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit, urlunsplit

from nemo_watchdog.first_policy.entry import Choice, Entry
from nemo_watchdog.first_policy.health_check import may_show
from nemo_watchdog.first_policy.kinds import Kind, Known
from nemo_watchdog.first_policy.probes import SECRETS
from nemo_watchdog.policy.labels import LabelProblem, label_of

_ADDRESSES = ("url", "dsn", "address")
_OF_AN_ADDRESS = frozenset({*_ADDRESSES, "expect", "verify", "health_path", "metrics_path"})
_SECRET_KEY = re.compile(r"passw|pwd|secret|token|credential|auth|cookie|api.?key|^key$|^sig", re.IGNORECASE)
_SECRETS = frozenset({"bearer", "password"})
_HEADERS = frozenset({"headers", "basic"})
_FIRST = ("probe", *_ADDRESSES)
_LAST = ("container", "needs", "tags", "autonomy", "startup_grace", "remedy")
_NOT_COPIED = f"a secret stands in it, and is not copied: write ${{NAME}} there, and NAME=... into {SECRETS}"


def why(key: str) -> str:
    """The reason of what a label says."""
    return f"its label {label_of(key)} says so"


def variables(knowns: Mapping[str, Known], names: Mapping[str, str]) -> dict[str, str]:
    """What the variable with the address of each is called in `${…}`: each its own."""
    ends = {Kind.POSTGRES: "DSN", Kind.PGBOUNCER: "DSN", Kind.REDIS: "URL"}
    kinds = [known.kind for known in knowns.values()]
    made: dict[str, str] = {}
    for container, known in knowns.items():
        alone = known.kind in ends and kinds.count(known.kind) == 1
        stem = known.kind.value if alone else names[container]
        stem = re.sub(r"[^A-Z0-9]", "_", stem.upper())
        stem = stem if stem[0].isalpha() else f"N{stem}"
        name = wanted = f"{stem}_{ends.get(known.kind, 'ADDRESS')}"
        number = 2
        while name in made.values():
            name, number = f"{wanted}_{number}", number + 1
        made[container] = name
    return made


def without_secrets(
    labels: Mapping[str, Any], variable: str
) -> tuple[dict[str, Any], tuple[str, ...], tuple[LabelProblem, ...]]:
    """The labels with a variable for an address that holds a secret; what to do then; and what cannot be helped."""
    kept: dict[str, Any] = {}
    notes, problems = [], []
    for key, value in labels.items():
        if isinstance(value, str) and key in _ADDRESSES and "${" not in value:
            plain = _plain_address(value)
            if plain is None:
                problems.append(LabelProblem(label_of(key), _NOT_COPIED))
            elif plain != value:
                kept[key] = f"${{{variable}:-{plain}}}"
                notes.append(f"Its label {label_of(key)} has a secret, which is not copied: {variable}=… in {SECRETS}.")
            else:
                kept[key] = value
        elif all("${" in text for text in _secrets_at(key, value)):
            kept[key] = value
        else:
            problems.append(LabelProblem(label_of(key), _NOT_COPIED))
    return kept, tuple(notes), tuple(problems)


def resolved(labels: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """A need of what is there several times is one of the group of them."""
    known = set(names.values())
    needs = labels.get("needs")
    if not isinstance(needs, list):
        return labels
    written: list[Any] = []
    for need in needs:
        alike = sorted(
            name for name in known if isinstance(need, str) and re.fullmatch(rf"{re.escape(need)}-[0-9]+", name)
        )
        written.append({"any": alike} if need not in known and len(alike) > 1 else need)
    return {**labels, "needs": written}


def wanted_probe(labels: Mapping[str, Any], kind: Kind) -> str:
    """The probe that labels ask for by name, or by the address that they give; empty where they do not."""
    if isinstance(labels.get("probe"), str):
        return str(labels["probe"])
    if "dsn" in labels:
        return "postgres"
    if "address" in labels:
        return "tcp"
    url = labels.get("url")
    if not isinstance(url, str):
        return ""
    scheme = url.partition(":-")[2] if url.startswith("${") else url
    if scheme.startswith(("redis", "valkey", "unix")):
        return "redis"
    if kind is Kind.REDIS and not scheme.startswith("http"):
        return "redis"
    return "llm" if kind is Kind.LLM else "http"


def kept(choices: Iterable[Choice], labels: Mapping[str, Any]) -> tuple[Choice, ...]:
    """What is guessed and not said; of another address nothing is known that was guessed of this one."""
    gone = set(labels) | (_OF_AN_ADDRESS if labels.keys() & set(_ADDRESSES) else set())
    return tuple(each for each in choices if each.key not in gone)


def named(needs: Any) -> list[str]:
    """Every dependency that a `needs` names, in groups or not."""
    listed = needs if isinstance(needs, list) else [needs]
    names: list[str] = []
    for each in listed:
        below = each.get("any") if isinstance(each, dict) else each
        names += [name for name in (below if isinstance(below, list) else [below]) if isinstance(name, str)]
    return names


def in_order(entry: Entry) -> Entry:
    """The keys as people have them: how it is looked at, what it is, what is done."""

    def place(choice: Choice) -> tuple[int, int]:
        if choice.key in _FIRST:
            return 0, _FIRST.index(choice.key)
        return (2, _LAST.index(choice.key)) if choice.key in _LAST else (1, 0)

    return replace(entry, choices=tuple(sorted(entry.choices, key=place)))


def _plain_address(text: str) -> str | None:
    """Without its password and what of its query may be a secret; None where nothing is left that could stand there."""
    try:
        parts: SplitResult = urlsplit(text)
        password = parts.password
    except ValueError:
        return None
    query = parts.query
    if any(_SECRET_KEY.search(name) or not may_show(f"/{value}", {}) for name, value in parse_qsl(query)):
        query = ""
    netloc = parts.netloc
    if password is not None:
        user, _, host = netloc.rpartition("@")
        user = user.partition(":")[0]
        netloc = f"{user}@{host}" if user else host
    if netloc == parts.netloc and query == parts.query:
        return text
    plain = urlunsplit((parts.scheme, netloc, parts.path, query, ""))
    return None if "}" in plain else plain


def _secrets_at(key: str, value: Any) -> list[str]:
    """The texts that are secrets, or may be: all of some options, of others what stands at keys of such a name."""
    return _texts(value, whole=key in _SECRETS) if key in _SECRETS or key in _HEADERS else []


def _texts(value: Any, *, whole: bool) -> list[str]:
    if isinstance(value, dict):
        texts = (_texts(item, whole=whole or bool(_SECRET_KEY.search(str(key)))) for key, item in value.items())
        return [text for each in texts for text in each]
    return [value] if whole and isinstance(value, str) and value else []
