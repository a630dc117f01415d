"""What of a container's configuration is its own, and not that of the image which it was made from. Pure.

An inspect shows both mixed: Docker fills in from the image what was not asked for, entry by entry where it is a list or
a table (moby, daemon/commit.go: `merge`). What is asked for again with another image must not bring along the first.
What was asked for and is the same as the image's cannot be told from that, and does not go along either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_WHOLE = ("WorkingDir", "User", "StopSignal", "Shell", "OnBuild", "ArgsEscaped")
_BY_ENTRY = ("Labels", "ExposedPorts", "Volumes", "Healthcheck")


def own_of(config: Mapping[str, Any], of_image: Mapping[str, Any]) -> dict[str, Any]:
    """`Config` of a container without what equals that of its image."""
    own = dict(config)
    for key in _WHOLE:
        if _is_same(own.get(key), of_image.get(key)):
            own.pop(key, None)
    for key in _BY_ENTRY:
        theirs = of_image.get(key) or {}
        left = {name: value for name, value in (own.get(key) or {}).items() if theirs.get(name, _NONE) != value}
        _keep(own, key, left)
    inherited = frozenset(of_image.get("Env") or ())
    _keep(own, "Env", [each for each in own.get("Env") or () if each not in inherited])
    # Where the entry point is its own, Docker takes no command from an image.
    if _is_same(own.get("Entrypoint"), of_image.get("Entrypoint")):
        own.pop("Entrypoint", None)
        if _is_same(own.get("Cmd"), of_image.get("Cmd")):
            own.pop("Cmd", None)
    return own


_NONE = object()


def _keep(own: dict[str, Any], key: str, left: Any) -> None:
    if left:
        own[key] = left
    else:
        own.pop(key, None)


def _is_same(one: Any, other: Any) -> bool:
    """Nothing is as good as an empty one."""
    return (one or None) == (other or None)
