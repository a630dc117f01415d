"""The policy of the simulated platform, in the policy language, and the variants that it is reloaded with."""

from __future__ import annotations

from functools import cache

from nemo_watchdog.plugins import installed
from nemo_watchdog.policy.loader import parse_policy
from nemo_watchdog.policy.policy import Policy

VARIANTS: dict[str, dict[str, str]] = {
    "as it was": {},
    "two at once": {"CONCURRENT": "2"},
    "less for all": {"TOTAL": "4 per 1h"},
    "less for each": {"BUDGET": "2 per 1h"},
    "asks for the api": {"API": "suggest"},
    "looks oftener": {"INTERVAL": "5m", "GATEWAY": "1m"},
}
_BASE = {
    "INTERVAL": "10m",
    "GATEWAY": "2m",
    "CONCURRENT": "1",
    "TOTAL": "10 per 1h",
    "BUDGET": "4 per 1h",
    "API": "act",
}

BROKEN = "version: 1\ndependencies: {gateway: {probe: http, urk: http://127.0.0.1}}\n"
"""A reload with it changes nothing."""

_TEXT = """
version: 1
defaults: {interval: INTERVAL, confirm_interval: 5s, timeout: 3s, down_after: 3, up_after: 2, startup_grace: 30s}
dependencies:
  postgres:
    {probe: tcp, address: "127.0.0.1:1", container: db, tags: [core, data], startup_grace: 2m, on_clean_exit: hold,
     remedy: restart-database}
  redis: {probe: tcp, address: "127.0.0.1:2", container: cache, tags: [core, data], remedy: restart-container}
  redis-memory: {probe: tcp, address: "127.0.0.1:3", container: cache, tags: [data], remedy: restart-container}
  queue: {probe: tcp, address: "127.0.0.1:4", container: queue, tags: [data], remedy: restart-what-is-named}
  gateway:
    {probe: tcp, address: "127.0.0.1:5", container: gateway, needs: [postgres, redis], tags: [core],
     interval: GATEWAY, remedy: restart-container}
  api:
    {probe: tcp, address: "127.0.0.1:6", container: api, needs: [postgres], tags: [core], autonomy: API,
     remedy: restart-container}
  worker:
    {probe: tcp, address: "127.0.0.1:7", container: worker, needs: [queue, redis], when_unsure: restart,
     remedy: restart-container}
  gpu: {probe: tcp, address: "127.0.0.1:8", tags: [hardware]}
  gemma:
    {probe: tcp, address: "127.0.0.1:9", container: gemma, needs: [gpu], tags: [core], startup_grace: 5m,
     remedy: restart-container}
  embed:
    {probe: tcp, address: "127.0.0.1:10", container: embed, needs: [gpu], autonomy: suggest, remedy: restart-container}
  report:
    {probe: tcp, address: "127.0.0.1:11", container: report, needs: [postgres], on_clean_exit: hold,
     remedy: restart-container}
  host: {probe: tcp, address: "127.0.0.1:12"}
severities:
  SEV1: {title: Complete outage, respond_within: 15m, notify: [on-call, lead]}
  SEV2: {title: Major degradation, respond_within: 30m, notify: [on-call]}
  SEV3: {title: Minor issue, respond_within: 4h, notify: [on-call]}
  SEV4: {title: Low impact, respond_within: 24h, notify: [on-call]}
classification:
  - {name: complete-outage, when: {down: {all: core}}, severity: SEV1}
  - {name: data-at-risk, when: {category: integrity}, severity: SEV1}
  - {name: core-down, when: {health: down, tags: [core]}, severity: SEV2}
  - {name: slow, when: {health: degraded}, severity: SEV3}
  - {name: anything-else, severity: SEV4}
remedies:
  restart-container:
    steps:
      - {do: docker.restart, stop_timeout: 10s, attempts: 3, verify_within: 60s,
         backoff: {initial: 5s, factor: 2, max: 5m, jitter: 0.2}}
      - {do: escalate, to: lead}
    budget: BUDGET
  restart-database:
    steps:
      - {do: docker.restart, stop_timeout: 60s, attempts: 1, verify_within: 3m}
      - {do: escalate, to: lead}
    budget: 1 per 1h
  restart-what-is-named:
    when: {reason: [exited, oom_killed, timeout, refused]}
    steps:
      - {do: docker.restart, stop_timeout: 20s, attempts: 2, verify_within: 60s}
      - {do: escalate, to: lead}
    budget: 3 per 2h
limits: {budget: TOTAL, concurrent_actions: CONCURRENT}
contacts:
  on-call: []
  lead: []
"""


@cache
def policy(variant: str) -> Policy:
    """The policy of that name in `VARIANTS`."""
    text = _TEXT
    for word, value in (_BASE | VARIANTS[variant]).items():
        text = text.replace(word, value)
    return parse_policy(text, f"policy.yaml ({variant})", installed(), environ={})


def broken() -> Policy:
    """Raises `PolicyError`."""
    return parse_policy(BROKEN, "policy.yaml", installed(), environ={})
