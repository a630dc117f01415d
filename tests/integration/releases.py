"""An image of another release, made from the one of all parts: no registry, and nothing is built in a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from nemo_watchdog.demo.docker_cli import docker
from nemo_watchdog.demo.images import ensure_image


async def release(name: str, environment: Mapping[str, str], *changes: str, labels: Iterable[str]) -> str:
    """The id of the image, which the name means from now on; `labels` are of the container that it is made from."""
    changes = (*(f"ENV {key}={value}" for key, value in environment.items()), *changes)
    options = [word for change in changes for word in ("--change", change)]
    marks = [word for label in labels for word in ("--label", label)]
    base = await docker("create", *marks, await ensure_image(), "true")
    try:
        return await docker("commit", *options, base, name)
    finally:
        await docker("rm", base)
