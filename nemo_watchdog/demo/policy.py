"""The demo's policy: the language of any other policy, with thresholds for people who watch.

A failure is confirmed within a second and a half, so that each story of the demo fits in a few breaths.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nemo_watchdog.demo.platform import Platform

_HEAD = """\
version: 1
autonomy: act

defaults:
  interval: 1s
  confirm_interval: 300ms
  timeout: 1500ms
  down_after: 3
  up_after: 2

dependencies:
"""

_TAIL = """\
severities:
  SEV1: {title: Complete outage,   respond_within: 15m, notify: [on-call, team-lead]}
  SEV2: {title: Major degradation, respond_within: 30m, notify: [on-call, team-lead]}
  SEV3: {title: Minor issue,       respond_within: 4h,  notify: [on-call]}
  SEV4: {title: Low impact,        respond_within: 24h, notify: []}

classification:
  - {name: complete-outage, when: {down: {all: core}},          severity: SEV1}
  - {name: data-at-risk,    when: {category: integrity},        severity: SEV1}
  - {name: core-down,       when: {health: down, tags: [core]}, severity: SEV2}
  - {name: slow,            when: {health: degraded},           severity: SEV3}
  - {name: anything-else,                                       severity: SEV4}

remedies:
  restart-container:
    when: {category: fault}
    steps:
      - do: docker.restart
        stop_timeout: 2s
        attempts: 6
        backoff: {initial: 1s, factor: 2, max: 10s, jitter: 0.2}
        verify_within: 6s
      - {do: escalate, to: team-lead}
    budget: 5 per 15m
  restart-database:
    when: {category: fault}
    steps:
      - {do: docker.restart, stop_timeout: 30s, attempts: 1, verify_within: 1m}
      - {do: escalate, to: team-lead}
    budget: 2 per 15m

limits:
  budget: 20 per 15m
  concurrent_actions: 1

contacts:
  on-call: []
  team-lead: []
"""


def policy_text(platform: Platform) -> str:
    """The policy of a running platform; only the parts that it has are in it."""
    entries = {
        "postgres": _postgres,
        "redis": _redis,
        "gateway": _gateway,
        "gemma": _gemma,
    }
    return _HEAD + "".join(entries[part](platform) for part in platform.parts) + "\n" + _TAIL


def _postgres(platform: Platform) -> str:
    return f"""\
  postgres:
    probe: postgres
    dsn: {platform.postgres_dsn}
    container: {platform.name("postgres")}
    tags: [core, data]
    startup_grace: 30s
    remedy: restart-database
"""


def _redis(platform: Platform) -> str:
    return f"""\
  redis:
    probe: redis
    url: {platform.redis_url}
    container: {platform.name("redis")}
    tags: [core, data]
    startup_grace: 30s
    remedy: restart-database
"""


def _gateway(platform: Platform) -> str:
    needs = [part for part in ("postgres", "redis") if part in platform.parts]
    return f"""\
  gateway:
    probe: http
    url: http://127.0.0.1:{platform.port("gateway")}/health
    expect: {{status: 200, json: {{status: ok}}}}
    slow_after: 750ms
    container: {platform.name("gateway")}
    needs: [{", ".join(needs)}]
    tags: [core]
    startup_grace: 2s
    remedy: restart-container
"""


def _gemma(platform: Platform) -> str:
    return f"""\
  gemma:
    probe: llm
    url: http://127.0.0.1:{platform.port("gemma")}
    container: {platform.name("gemma")}
    tags: [core]
    startup_grace: 6s
    remedy: restart-container
"""
