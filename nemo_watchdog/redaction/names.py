"""Does a name say that what stands behind it is a secret? Its words decide, and above all its last ones.

`DB_PASSWORD` and `apiKey` do; `password_encryption`, `PGPASSFILE` and `token_count` are about one and have none; `key`
alone says nothing. What follows the word for a secret counts as a part of its name (`PASSWORD_PROD`) unless it is
known to be about something else.
"""

from __future__ import annotations

import re
from enum import IntEnum
from functools import lru_cache


class Says(IntEnum):
    """How surely. The value of one that only `MAYBE` says so must look like a key itself."""

    NO = 0
    MAYBE = 1
    TOKEN = 2
    """`token`: in running text, a parser's word for anything; else a secret."""
    YES = 3


_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_ENDS = (
    "password", "passwd", "passphrase", "passwort", "pwd", "secret", "secrets", "credential", "credentials", "apikey",
    "apikeys", "accesskey", "secretkey", "privatekey", "authkey", "authorization", "connectionstring", "requirepass",
    "masterauth",
)  # fmt: skip
_WHOLE = frozenset({"pass", "pw", "passcode", "dbpass", "userpass", "authpass", "bearer", "cookie", "cookies"})
_MAYBE = frozenset({"session", "sessionid", "sid", "sig", "signature", "tokens", "jwt", "otp", "auth", "dsn"})
_KEYS_OF_SECRETS = frozenset(
    {
        "access", "account", "admin", "aes", "api", "app", "application", "auth", "client", "consumer", "deploy",
        "encryption", "hmac", "hook", "jwt", "license", "master", "private", "rsa", "sas", "secret", "server",
        "service", "session", "shared", "signing", "ssh", "storage", "subscription", "webhook",
    }
)  # fmt: skip
_KEYS_OF_DATA = frozenset(
    {"cache", "foreign", "index", "partition", "primary", "public", "routing", "row", "sort", "unique"}
)
_ABOUT_SOMETHING_ELSE = frozenset(
    {
        "age", "algorithm", "attempts", "authentication", "budget", "bytes", "change", "changed", "check", "class",
        "count", "counts", "created", "dir", "directory", "disabled", "enabled", "encryption", "endpoint", "error",
        "errors", "exists", "expired", "expires", "expiration", "expiry", "failed", "failures", "file", "folder",
        "format", "fraction", "hint", "host", "interval", "issuer", "lastused", "length", "len", "lifetime", "limit",
        "limits", "location", "manager", "max", "method", "min", "mode", "mount", "name", "names", "parameter", "path",
        "per", "policy", "position", "prefix", "protocol", "provider", "rate", "ratio", "recovery", "replication",
        "required", "retries", "role", "rotation", "seconds", "set", "size", "source", "state", "status", "store",
        "timeout", "total", "ttl", "type", "types", "unset", "uri", "url", "usage", "used", "validation", "version",
    }
)  # fmt: skip


@lru_cache(maxsize=4096)
def says(name: str) -> Says:
    """What the name says of its value."""
    words = [word.lower() for word in _WORDS.findall(name)]
    for at in range(len(words) - 1, -1, -1):
        if words[at] in _ABOUT_SOMETHING_ELSE or words[at].endswith("passfile"):
            return Says.NO
        said = _word(words, at)
        if said is not Says.NO:
            return said
    return Says.NO


def _word(words: list[str], at: int) -> Says:
    word, before = words[at], words[at - 1] if at else ""
    if word.endswith(_ENDS) or word in _WHOLE:
        return Says.YES
    if word == "string" and before == "connection":
        return Says.YES
    if word in {"key", "keys"}:
        if before in _KEYS_OF_SECRETS:
            return Says.YES
        return Says.MAYBE if before and before not in _KEYS_OF_DATA else Says.NO
    if word.endswith("token"):
        return Says.TOKEN if len(words) == 1 else Says.YES
    return Says.MAYBE if word in _MAYBE else Says.NO
