"""What looks like a key though nothing says so: long, of capitals, small letters and digits, with no words in it.

Hexadecimal is never taken for one: container ids, image digests, commits, checksums and trace ids are, and a reader
needs them. A key in hexadecimal is found by its name, or because it is known. Measured by
tests/unit/redaction: no false positive in its samples, and of 1,000 random keys of 40 characters 95 % are found.
"""

from __future__ import annotations

import re
from itertools import pairwise

from nemo_watchdog.redaction.mark import hide

SHORTEST = 40

_RUN = re.compile(r"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_-]{40,}+={0,2}")
_UPPER, _LOWER, _DIGIT = re.compile("[A-Z]"), re.compile("[a-z]"), re.compile("[0-9]")
_A_WORD = re.compile("[a-z]{9}|[A-Z]{9}")
_DIGEST_BEFORE = re.compile(
    r"(?i:sha-?(?:1|224|256|384|512)|md5|blake[23]\w?|fingerprint|etag|integrity)[:\- =\"]{0,4}$"
)
_SAMPLE = 512
"""Characters of a run by which it is judged."""
_DIFFERENT = 20
_HEX = re.compile(r"(?:[A-Z]{2,8}-)?[0-9a-fA-F_/-]++")
"""Also `GPU-` and a UUID."""
_SIGNS = re.compile("[/+_-]")
_MOST_SIGNS = 0.1
"""Of random base64url they are 3 %; of a model's or a path's name more."""
_CHANGES = 0.35
"""Of neighbours, that are of different kinds; of random base64 it is some 0.6."""


def without_keylike(text: str) -> str:
    return hide(text, (found.span() for found in _RUN.finditer(text) if _is_keylike(found)))


def _is_keylike(found: re.Match[str]) -> bool:
    return looks_random(found[0]) and not _DIGEST_BEFORE.search(found.string, max(0, found.start() - 16), found.start())


def looks_random(run: str) -> bool:
    run = run[:_SAMPLE]
    if _HEX.fullmatch(run):
        return False
    if not (_UPPER.search(run) and _LOWER.search(run) and _DIGIT.search(run)) or _A_WORD.search(run):
        return False
    if len(set(run)) < _DIFFERENT or len(_SIGNS.findall(run)) > _MOST_SIGNS * len(run):
        return False
    kinds = [0 if each.isdigit() else 1 if each.islower() else 2 if each.isupper() else 3 for each in run]
    return sum(a != b for a, b in pairwise(kinds)) >= _CHANGES * len(run)


def looks_like_a_key(value: str) -> bool:
    """For what stands behind a name that only may speak of a secret: no word, no number, no size or time."""
    if len(value) < 8 or not value.isprintable() or " " in value:
        return False
    mixed = bool(_UPPER.search(value)) + bool(_LOWER.search(value)) + bool(_DIGIT.search(value))
    return mixed >= 2 and not _QUANTITY.fullmatch(value) and not value.startswith(("/", "./")) and "://" not in value


_QUANTITY = re.compile(r"[0-9]+(?:[.:,-][0-9]+)*[A-Za-z/%]{0,12}|[A-Z]?[a-z]+[0-9]{0,2}|[A-Z_]+[0-9]?|[0-9a-fA-F-]{36}")
