"""Whether what one image has written can be read by another: only where both say so of themselves. Pure.

A database that has once been started by a newer version may not start with an older one, or lose what it has. What an
image was made from says nothing of that: the label `org.opencontainers.image.version` is often that of a base image,
such as Ubuntu's, and so the same for two databases that are not. The environment of the official images is their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def _whole(version: str) -> str:
    return version


def _minor(version: str) -> str:
    """Redis 7.2 writes snapshots that 7.0 cannot load (RDB version 11, and 10)."""
    return ".".join(version.split(".")[:2])


READ: Mapping[str, Callable[[str], str]] = {"PG_MAJOR": _whole, "REDIS_VERSION": _minor}
"""Of the environment of images, what of it two that read the same data have in common."""


def version_of(image: Mapping[str, Any]) -> str:
    """Such as `PG_MAJOR 16`; empty where an image, as Docker shows it, does not say."""
    environment = dict(each.partition("=")[::2] for each in (image.get("Config") or {}).get("Env") or ())
    for name, part in READ.items():
        if value := environment.get(name):
            return f"{name} {part(value)}"
    return ""


def why_not_between(present: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Why `other` may not have the data that `present` has written; empty where both are of one version."""
    now, then = version_of(present), version_of(other)
    if now and now == then:
        return ""
    of_each = f"its image now is {now or 'of a version that it does not tell'}"
    return f"it keeps data, and {of_each}, the proven one {then or 'of a version that it does not tell'}"
