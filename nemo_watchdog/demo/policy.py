"""The demo's policy: the language of any other policy, with thresholds for people who watch.

A failure is confirmed within a second and a half, so that each story of the demo fits in a few breaths; nobody asks
whether something flaps, for the stories break the same gateway again and again; and what fails in three stories, one
after the other, is no storm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_HEAD = """\
version: 1
autonomy: act

defaults:
  interval: 1s
  confirm_interval: 300ms
  timeout: 1500ms
  down_after: 3
  up_after: 2
  flapping: false

dependencies:
"""

_TAIL = """\
severities:
  SEV1: {title: Complete outage,   respond_within: 15m, notify: [on-call], escalate: [team-lead], remind_every: 30m}
  SEV2: {title: Major degradation, respond_within: 30m, notify: [on-call], escalate: [team-lead], remind_every: 1h}
  SEV3: {title: Minor issue,       respond_within: 4h,  notify: [on-call]}
  SEV4: {title: Low impact,        respond_within: 24h, notify: []}

classification:
  - {name: complete-outage, when: {down: {all: core}},          severity: SEV1}
  - {name: data-at-risk,    when: {category: integrity},        severity: SEV1, title: Data at risk}
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
  storm: {within: 15s}

notifications: {group_wait: 2s, heal_quietly: 15s, settle: 10s}

contacts:
  on-call: []
  team-lead: []
"""


@dataclass(frozen=True, slots=True)
class Watched:
    """What the policy says of a running part: `address` is the URL or DSN that clients use, secrets among it."""

    address: str
    container: str


def policy_text(parts: Mapping[str, Watched]) -> str:
    """The policy of a platform with these parts, by kind, in their order; what is no part of the demo has no entry."""
    entries = {"postgres": _postgres, "redis": _redis, "gateway": _gateway, "gemma": _gemma}
    return _HEAD + "".join(entries[kind](parts) for kind in parts if kind in entries) + "\n" + _TAIL


def _postgres(parts: Mapping[str, Watched]) -> str:
    return f"""\
  postgres:
    probe: postgres
    dsn: {parts["postgres"].address}
    container: {parts["postgres"].container}
    tags: [core, data]
    startup_grace: 30s
    remedy: restart-database
"""


def _redis(parts: Mapping[str, Watched]) -> str:
    return f"""\
  redis:
    probe: redis
    url: {parts["redis"].address}
    container: {parts["redis"].container}
    tags: [core, data]
    startup_grace: 30s
    remedy: restart-database
"""


def _gateway(parts: Mapping[str, Watched]) -> str:
    needs = [part for part in ("postgres", "redis") if part in parts]
    return f"""\
  gateway:
    probe: http
    url: {parts["gateway"].address}/health
    expect: {{status: 200, json: {{status: ok}}}}
    slow_after: 750ms
    container: {parts["gateway"].container}
    needs: [{", ".join(needs)}]
    tags: [core]
    startup_grace: 2s
    remedy: restart-container
"""


def _gemma(parts: Mapping[str, Watched]) -> str:
    return f"""\
  gemma:
    probe: llm
    url: {parts["gemma"].address}
    container: {parts["gemma"].container}
    tags: [core]
    startup_grace: 6s
    remedy: restart-container
"""
