"""The address that a container's own HEALTHCHECK asks with curl or wget; of it only what cannot be a secret is kept."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import SplitResult, urlsplit

from nemo_watchdog.first_policy.found import Found

_ASKS = frozenset({"curl", "wget", "wget2", "http", "https"})
_HERE = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "::1", "[::1]"})
_NO_SCHEME = re.compile(r"(localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])(:[0-9$]|/|$)")
_CREDENTIALS = re.compile(
    r"-u|-[a-zA-Z]*[uH]|--user|--header|--http-user|--oauth2-bearer|--user=.*|--header=.*", re.ASCII
)
_PORT = re.compile(r":\$(?:\{([A-Za-z_][A-Za-z0-9_]*)(?::?-([0-9]+))?\}|([A-Za-z_][A-Za-z0-9_]*))")
_PATH = re.compile(r"/[A-Za-z0-9._~/-]*", re.ASCII)
_LIKE_A_TOKEN = re.compile(r"(?=[A-Za-z-]*[0-9])[A-Za-z0-9_-]{16,}|[A-Za-z0-9_]{25,}", re.ASCII)
_SECRET_KEY = re.compile(r"pass|secret|token|key|credential|auth|pwd", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the health check asks. `dropped` tells that there was more (a user, a query, a header): it is not copied."""

    scheme: str
    port: int
    path: str
    dropped: bool


def asked_by(found: Found) -> Asked | None:
    """None where there is no health check, or none that asks an address of the container's own."""
    words = _words(found)
    if not any(PurePosixPath(word).name in _ASKS for word in words):
        return None
    with_credentials = any(map(_CREDENTIALS.fullmatch, words))
    for word in words:
        if (asked := _asked(word, found, with_credentials=with_credentials)) is not None:
            return asked
    return None


def may_show(path: str, environment: Mapping[str, str]) -> bool:
    """Whether a path is plain words: no piece of it looks like a token, or is a secret of the environment."""
    if not _PATH.fullmatch(path) or any(map(_LIKE_A_TOKEN.fullmatch, path.split("/"))):
        return False
    secrets = (value for key, value in environment.items() if _SECRET_KEY.search(key) and len(value) > 3)
    return not any(secret in path for secret in secrets)


def _words(found: Found) -> list[str]:
    kind, *words = found.health_check or ("NONE",)
    if kind == "CMD":
        # `CMD sh -c "curl …"` has its command in one word.
        return [each for word in words for each in (_split(word) if " " in word else [word])]
    return _split(" ".join(words)) if kind == "CMD-SHELL" else []


def _split(text: str) -> list[str]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=";|&()<>")
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        return list(lexer)
    except ValueError:  # a quote without its end
        return text.split()


def _asked(word: str, found: Found, *, with_credentials: bool) -> Asked | None:
    text = f"http://{word}" if _NO_SCHEME.match(word) else word
    if not text.startswith(("http://", "https://")):
        return None
    text = _PORT.sub(lambda match: _port_of(match, found.environment), text)
    try:
        parts: SplitResult = urlsplit(text)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return None
    if host not in _HERE and host not in {name for names in found.networks.values() for name in names}:
        return None
    path = parts.path or "/"
    shown = may_show(path, found.environment)
    dropped = bool(with_credentials or parts.username or parts.password or parts.query or not shown)
    return Asked(parts.scheme, port, path if shown else "", dropped)


def _port_of(match: re.Match[str], environment: Mapping[str, str]) -> str:
    value = environment.get(match[1] or match[3], "") or match[2] or ""
    return f":{value}" if re.fullmatch(r"[0-9]{1,5}", value, re.ASCII) else ":x"
