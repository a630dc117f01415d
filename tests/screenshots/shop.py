"""The platform in the pictures: a small shop, what of it is published, and what may be done about it."""

from __future__ import annotations

from datetime import datetime, timedelta

from nemo_watchdog.demo.platform import Platform

NAME = "shop"
"""What its containers are called after: the pictures show it."""

PARTS = ("postgres", "redis", "gateway", "gemma")


def policy_text(platform: Platform, listening: int, told: int, now: datetime) -> str:
    """`listening` takes connections, `told` takes messages: ports of this machine."""
    sunday = now + timedelta(days=2)
    return f"""\
version: 1
autonomy: act

defaults: {{interval: 2s, confirm_interval: 300ms, timeout: 1500ms, down_after: 3, up_after: 2}}

dependencies:
  postgres:
    probe: postgres
    dsn: {platform.postgres_dsn}
    container: {platform.name("postgres")}
    tags: [data, core]
    remedy: restart
  redis:
    probe: redis
    url: {platform.redis_url}
    container: {platform.name("redis")}
    tags: [data, core]
    remedy: restart
  gateway:
    probe: http
    url: http://127.0.0.1:{platform.port("gateway")}/health
    container: {platform.name("gateway")}
    needs: [postgres, redis]
    tags: [shop, core]
    startup_grace: 2s
    remedy: restart
    public: {{name: Checkout, description: Orders and payment}}
  website:
    probe: http
    url: http://127.0.0.1:{platform.port("gateway")}/health
    needs: [gateway]
    tags: [shop]
    public: {{name: Website, description: The shop and its pictures}}
  worker:
    probe: tcp
    address: 127.0.0.1:{listening}
    needs: [postgres]
    tags: [shop]
  gemma:
    probe: llm
    url: http://127.0.0.1:{platform.port("gemma")}
    container: {platform.name("gemma")}
    tags: [models]
    startup_grace: 6s
    remedy: restart
    autonomy: suggest
    public: {{name: Assistant, description: Answers questions about orders}}
  mail:
    probe: tcp
    address: 127.0.0.1:{listening}
    tags: [outside]
    public: {{name: E-mail, description: Confirmations and invoices}}
  host: {{probe: host, tags: [machine]}}
  docker: {{probe: docker, tags: [machine]}}

severities:
  SEV1: {{title: Complete outage,   respond_within: 15m, notify: [on-call], escalate: [team-lead], remind_every: 30m}}
  SEV2: {{title: Major degradation, respond_within: 30m, notify: [on-call], escalate: [team-lead], remind_every: 1h}}
  SEV3: {{title: Minor issue,       respond_within: 4h,  notify: [on-call]}}
  SEV4: {{title: Low impact,        respond_within: 24h, notify: [on-call]}}

classification:
  - {{name: core-down, when: {{health: down, tags: [core]}}, severity: SEV2}}
  - {{name: anything-else, severity: SEV3}}

remedies:
  restart:
    when: {{category: fault}}
    steps:
      - do: docker.restart
        stop_timeout: 2s
        attempts: 3
        backoff: {{initial: 5m, factor: 2, max: 20m}}
        verify_within: 6s
      - {{do: escalate, to: team-lead}}
    budget: 4 per 1h

limits: {{budget: 10 per 1h}}

maintenance:
  - name: new-disks
    cron: "0 2 {sunday.day} {sunday.month} *"
    duration: 90m
    dependencies: [postgres]
    public: The database gets new disks. Orders wait for some minutes, and none is lost.

notifications: {{group_wait: 1s, heal_quietly: 5s, settle: 5s}}

contacts:
  ada: ["json://127.0.0.1:{told}/ada"]
  bob: ["json://127.0.0.1:{told}/bob"]
  on-call: {{rota: [ada, bob], weekly: monday 09:00}}
  team-lead: ["json://127.0.0.1:{told}/team-lead"]

retention: {{records: 90d}}
"""
