"""What a remedy can do: the registry. A name here is a name in the policy's `do:`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from nemo_watchdog.actions.docker_restart import DockerRestart
from nemo_watchdog.ports import Action, Containers

ACTIONS: Mapping[str, Callable[[Containers], Action]] = MappingProxyType({"docker.restart": DockerRestart})

__all__ = ["ACTIONS", "DockerRestart"]
