"""Probes that exist only by their options, so that the policy language is tested without any real one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from nemo_watchdog.actions.catalog import ACTIONS
from nemo_watchdog.model import Finding, ok
from nemo_watchdog.policy.loader import parse_policy
from nemo_watchdog.policy.policy import Policy
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.policy.units import Duration, Ratio, SecretText, Size
from nemo_watchdog.ports import ActionKind, Catalog, Probe, ProbeContext, ProbeKind

POLICIES = Path(__file__).parents[2] / "policies"


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Expect(Options):
    status: int | list[int] | None = None
    json_values: Mapping[str, Any] = Field(default_factory=dict, alias="json")


class HttpOptions(Options):
    url: SecretText
    method: Literal["GET", "HEAD"] = "GET"
    expect: Expect = Expect()
    slow_after: Annotated[Duration, Field(gt=0)] | None = None
    max_body: Size = 65536


def _loose(dsn: str) -> str:
    """What an author of a probe may write who does not think of secrets."""
    if not dsn.startswith("postgres"):
        raise ValueError(f"{dsn} is not a Postgres address")
    return dsn


class PostgresOptions(Options):
    dsn: Annotated[str, AfterValidator(_loose)]
    role: Literal["primary", "standby"] = "primary"

    @model_validator(mode="after")
    def _agree(self) -> PostgresOptions:
        if "standby" in self.dsn and self.role == "primary":
            raise ValueError(f"the address {self.dsn} is of a standby")
        return self


class RedisOptions(Options):
    url: SecretText
    write: bool = False
    password: SecretText = Secret("")


class HostOptions(Options):
    min_memory_available: Ratio | None = None
    min_disk_free: Mapping[str, Ratio] = Field(default_factory=dict)


class PrometheusOptions(Options):
    url: SecretText
    query: str


class LogOptions(Options):
    needs_container: ClassVar[bool] = True

    pattern: str


class NullProbe:
    async def look(self) -> Finding:
        return ok()

    async def close(self) -> None:
        return None


@dataclass(frozen=True)
class Kind:
    options: type[BaseModel]

    @property
    def make(self) -> Callable[[Any, ProbeContext], Probe]:
        return lambda _options, _context: NullProbe()


PROBES: Mapping[str, ProbeKind] = {
    "http": Kind(HttpOptions),
    "postgres": Kind(PostgresOptions),
    "redis": Kind(RedisOptions),
    "host": Kind(HostOptions),
    "log": Kind(LogOptions),
    "docker": Kind(Options),
    "prometheus": Kind(PrometheusOptions),
}
CATALOG = Catalog(PROBES, ACTIONS)


def parse(text: str, /, actions: Mapping[str, ActionKind] = ACTIONS, **environ: str) -> Policy:
    """The policy in this text, with the fake probes, these actions and only this environment."""
    return parse_policy(text, "policy.yaml", Catalog(PROBES, actions), environ=environ)
