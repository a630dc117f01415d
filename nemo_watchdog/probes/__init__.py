"""The registry: what a policy may write after `probe:`. One line a probe; its module loads when it is first used.

Loading late keeps every client library out of processes that do not speak to its server, the NVML child above all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from nemo_watchdog.probes.measures import MEASURES

if TYPE_CHECKING:
    from pydantic import BaseModel

    from nemo_watchdog.ports import Probe, ProbeContext, ProbeKind


@dataclass(frozen=True, slots=True)
class LateKind:
    """A `ProbeKind` that imports `module` when somebody asks for one of its two classes."""

    module: str
    options_name: str
    probe_name: str

    @property
    def measures(self) -> frozenset[str]:
        """The measurements that a policy may ask for."""
        return MEASURES[self.module.split(".")[2]]

    @property
    def options(self) -> type[BaseModel]:
        return cast("type[BaseModel]", getattr(import_module(self.module), self.options_name))

    @property
    def make(self) -> Callable[[Any, ProbeContext], Probe]:
        return cast("Callable[[Any, ProbeContext], Probe]", getattr(import_module(self.module), self.probe_name))


PROBES: Mapping[str, ProbeKind] = MappingProxyType(
    {
        "command": LateKind("nemo_watchdog.probes.command", "CommandOptions", "CommandProbe"),
        "dns": LateKind("nemo_watchdog.probes.dns", "DnsOptions", "DnsProbe"),
        "docker": LateKind("nemo_watchdog.probes.docker", "DockerOptions", "DockerProbe"),
        "gpu": LateKind("nemo_watchdog.probes.gpu.probe", "GpuOptions", "GpuProbe"),
        "host": LateKind("nemo_watchdog.probes.host.probe", "HostOptions", "HostProbe"),
        "http": LateKind("nemo_watchdog.probes.http.probe", "HttpOptions", "HttpProbe"),
        "llm": LateKind("nemo_watchdog.probes.llm.probe", "LlmOptions", "LlmProbe"),
        "log": LateKind("nemo_watchdog.probes.log", "LogOptions", "LogProbe"),
        "postgres": LateKind("nemo_watchdog.probes.postgres.probe", "PostgresOptions", "PostgresProbe"),
        "process": LateKind("nemo_watchdog.probes.process.probe", "ProcessOptions", "ProcessProbe"),
        "prometheus": LateKind("nemo_watchdog.probes.prometheus.probe", "PrometheusOptions", "PrometheusProbe"),
        "push": LateKind("nemo_watchdog.probes.push", "PushOptions", "PushProbe"),
        "redis": LateKind("nemo_watchdog.probes.redis.probe", "RedisOptions", "RedisProbe"),
        "tcp": LateKind("nemo_watchdog.probes.tcp", "TcpOptions", "TcpProbe"),
    }
)
