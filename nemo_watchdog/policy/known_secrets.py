"""The secrets that a policy holds, for a redactor: what came from outside, and what is secret by its type or name.

Of an address that is its password and what else in it is a key, not the host: that is what a reader needs. Of what came
from the environment for a place that is not secret (`container: ${NAME}`), it is what is called a secret there or looks
like a key; all that came from a file or from systemd's credentials is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any
from urllib.parse import unquote

from nemo_watchdog.policy.people import Apprise, Webhook, secrets_in
from nemo_watchdog.policy.policy import ActionStep, Policy
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.policy.secrets import FromOutside
from nemo_watchdog.redaction.keylike import looks_like_a_key, looks_random
from nemo_watchdog.redaction.mark import hidden
from nemo_watchdog.redaction.names import Says, says
from nemo_watchdog.redaction.redactor import Redactor

_RULES = Redactor()
_PIECES = re.compile(r"[/?&=:@;,]")
_SECRET_SOURCE = re.compile(r"\$\{(?:file|credential):")
_SHORTEST_KEY = 8
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)")


def secrets_of(policy: Policy) -> frozenset[str]:
    """Every one of them, as it is and without the percent signs of an address."""
    found = {secret for each in _all(policy) for secret in (each, unquote(each))}
    return frozenset(found - {""})


def names_of(policy: Policy) -> frozenset[str]:
    """What every answer about the platform says: never hidden, whatever else it is."""
    specs = policy.dependencies.values()
    words = {word for spec in specs for word in (spec.name, spec.probe, spec.container or "", spec.remedy or "")}
    tags = {tag for spec in specs for tag in spec.tags}
    return frozenset(
        {*words, *tags, *policy.contacts, *policy.remedies, *(rule.name for rule in policy.classification)}
    )


def redactor_of(policy: Policy, more: Sequence[str] = ()) -> Redactor:
    """One that knows all of them; `more` is what else is known, such as the daemon's own token."""
    return Redactor({*secrets_of(policy), *more}, names_of(policy))


def _all(policy: Policy) -> Iterator[str]:
    for spec in policy.dependencies.values():
        yield from _of_options("", spec.options)
    for remedy in policy.remedies.values():
        yield from (each for step in remedy.steps if isinstance(step, ActionStep) for each in _of_action(step.options))
    for contact in policy.contacts.values():
        for address in contact.addresses:
            if isinstance(address, Apprise):
                yield from _of_contact(address.url.reveal())
            elif isinstance(address, Webhook):
                yield from (*_of_a_door(address.url.reveal()), address.secret.reveal())
            else:
                yield from (key.reveal() for key in secrets_in(address))
    for each in policy.alertmanager:
        yield from _by_rule("url", each.url)
        yield from (each.password.reveal(), each.bearer.reveal())
    if policy.deadman is not None:
        yield from _of_a_door(policy.deadman.url.reveal())
    yield from _from_outside("", policy.document)


def _of_options(key: str, value: Any) -> Iterator[str]:
    """Of whatever model a probe's options are; `key` is where they stand."""
    if isinstance(value, Secret):
        yield from _of_secret(key, value)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _of_options(str(name), item)
    elif isinstance(value, list | tuple | set | frozenset):
        if all(isinstance(item, Secret) for item in value):
            yield from _of_command([item.reveal() for item in value])
        for item in value:
            yield from _of_options(key, item)
    elif hasattr(type(value), "model_fields"):
        yield from _of_options(key, {**vars(value), **(getattr(value, "__pydantic_extra__", None) or {})})
    elif is_dataclass(value) and not isinstance(value, type):
        yield from _of_options(key, {field.name: getattr(value, field.name) for field in fields(value)})


def _of_action(options: Any) -> Iterator[str]:
    """Who knows where an action posts may do so as well."""
    yield from _of_options("", options)
    for each in getattr(options, "__dict__", {}).values():
        if isinstance(each, Secret) and "://" in each.reveal():
            yield from _of_a_door(each.reveal())


def _of_secret(key: str, secret: Secret) -> Iterator[str]:
    value, (written, _) = secret.reveal(), secret.leads_to
    yield from _by_rule(key, value)
    if "://" not in value and (written != value or says(key) >= Says.TOKEN or looks_like_a_key(value)):
        yield value


def _of_command(words: list[str]) -> Iterator[str]:
    for word, shown in zip(words, _RULES.document(words), strict=True):
        yield from hidden(word, shown)


def _of_contact(address: str) -> Iterator[str]:
    """Of Apprise's addresses any piece can be the key: `slack://KEY/KEY/KEY/#channel`."""
    yield from _by_rule("url", address)
    _, _, rest = address.partition("://")
    who, at, where = rest.partition("/")[0].rpartition("@")
    if at:
        yield who.partition(":")[2]
    host = where.partition(":")[0]
    for piece in _PIECES.split(rest):
        if looks_like_a_key(unquote(piece)) and not (piece == host and "." in host) and piece[:1] not in "#%":
            yield piece


def _of_a_door(address: str) -> Iterator[str]:
    """Who knows such an address may use it: what else than words is in its path and its parameters is a key."""
    yield address
    yield from _by_rule("url", address)
    _, _, rest = address.partition("://")
    _, _, asked = rest.partition("/")
    yield from (each for each in _PIECES.split(asked) if len(each) >= _SHORTEST_KEY and re.search("[0-9]", each))


def _by_rule(key: str, value: str) -> Iterator[str]:
    """What a redactor that knows nothing takes out of it where it stands."""
    said = value if "\n" in value else f"{key}: {value}"
    yield from hidden(said, _RULES.text(said))


def _from_outside(key: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _from_outside(str(name), item)
    elif isinstance(value, list):
        for item in value:
            yield from _from_outside(key, item)
    elif isinstance(value, FromOutside):
        yield from _by_rule(key, value)
        called = [key, *_VARIABLE.findall(value.written)]
        surely = _SECRET_SOURCE.search(value.written) or any(says(name) >= Says.TOKEN for name in called)
        if "://" not in value and (surely or (looks_random(value) and len(value) >= 20)):
            yield str(value)
