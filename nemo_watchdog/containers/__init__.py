"""The container engine: looks at containers, listens to their events, restarts one that was named."""

from nemo_watchdog.containers.docker import DockerContainers

__all__ = ["DockerContainers"]
