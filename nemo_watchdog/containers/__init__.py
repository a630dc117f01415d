"""The container engine: looks at containers, listens to their events, acts on one that was named."""

from nemo_watchdog.containers.docker import DockerContainers
from nemo_watchdog.containers.recreation import DockerRecreation

__all__ = ["DockerContainers", "DockerRecreation"]
