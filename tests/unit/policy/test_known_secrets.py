"""Which of a policy's values a redactor must know."""

from __future__ import annotations

from pathlib import Path

from nemo_watchdog.plugins import installed
from nemo_watchdog.policy.known_secrets import redactor_of, secrets_of
from nemo_watchdog.policy.loader import load_policy
from nemo_watchdog.policy.policy import Policy

POLICY = """
version: 1
contacts:
  oncall: ["slack://canaryTok1/canaryTok2/canaryTok3/#alerts", "mailto://ops:canary-mail@mail.example.com"]
  chat: "discord://4174216298/canary4JHMHyUFO2p?footer=yes"
dependencies:
  db:
    probe: postgres
    dsn: postgresql://app:canary%2Ddb@db.internal/shop
    container: ${CONTAINER}
  cache:
    probe: redis
    url: redis://:${REDIS_PASSWORD}@cache:6379
  gateway:
    probe: http
    url: https://gateway.internal/health?token=canary-query
    headers: {Authorization: "Bearer ${TOKEN}", Accept: text/html, X-Api-Key: canary-header}
  check:
    probe: command
    command: [/usr/bin/check, --quick, --password, canary-argument, "--token=canary-inline"]
    environment: {MODE: production, API_TOKEN: canary-environment, ODD: "${file:FILE}"}
  job:
    probe: push
    token: canary-push-0123456
    period: 1h
remedies:
  own:
    budget: 1 per 1h
    steps:
      - {do: command, command: [/usr/bin/mend, --quick, --password, canary-mend, "--token=canary-of-step"]}
      - {do: webhook, url: "https://hooks.internal/orders/canary-d00r-77", secret: canary-hmac-key-1}
      - {do: webhook, url: "https://hooks.internal/orders", secret: "${file:FILE}2"}
"""
CANARIES = {
    "canaryTok1", "canaryTok2", "canaryTok3", "canary-mail", "canary4JHMHyUFO2p", "canary-db", "canary%2Ddb",
    "canary-redis", "canary-query", "canary-bearer", "canary-header", "canary-argument", "canary-inline",
    "canary-environment", "canary-file", "canary-push-0123456",
    "canary-mend", "canary-of-step", "canary-d00r-77", "https://hooks.internal/orders/canary-d00r-77",
    "canary-hmac-key-1", "canary-file2",
}  # fmt: skip


def load(folder: Path) -> Policy:
    secret, policy = folder / "secret", folder / "policy.yaml"
    secret.write_text("canary-file\n")
    policy.write_text(POLICY.replace("FILE", str(secret)))
    environ = {"CONTAINER": "shop-db-2", "REDIS_PASSWORD": "canary-redis", "TOKEN": "canary-bearer"}
    return load_policy(policy, installed(), environ=environ)


def test_every_secret_of_a_policy_is_known(tmp_path: Path) -> None:
    """Wherever it stands: in addresses, headers, command lines, environments, contacts, and what a file gave."""
    assert secrets_of(load(tmp_path)) >= CANARIES


def test_what_a_reader_needs_is_not_hidden(tmp_path: Path) -> None:
    """Hosts, names, arguments that are no secret, and a container whose name came from the environment."""
    redactor = redactor_of(load(tmp_path), ["own-token-1"])
    needed = (
        "shop-db-2 on db.internal, gateway.internal/health, mail.example.com, cache:6379,"
        " hooks.internal/orders, /usr/bin/mend,"
        " /usr/bin/check --quick, production, text/html, #alerts, 4174216298, app, oncall"
    )
    assert redactor.text(needed) == needed
    assert redactor.text("own-token-1") == "[redacted]"
    for canary in CANARIES:
        assert canary not in redactor.text(f"it said '{canary}' and ended")
