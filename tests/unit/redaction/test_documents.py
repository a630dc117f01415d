"""`docker inspect` and other JSON-like data, without the secrets in it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemo_watchdog.redaction.documents import DEEPEST
from nemo_watchdog.redaction.mark import MARK
from nemo_watchdog.redaction.redactor import Redactor

INSPECTED: dict[str, Any] = {
    "Id": "3f4e8d9a1b2c3d4e5f60718293a4b5c6d7e8f9012a3b4c5d6e7f8091a2b3c4d5",
    "Created": "2026-11-27T12:00:00.123456789Z",
    "Path": "docker-entrypoint.sh",
    "Args": ["serve", "--api-key", "canary-1", "--max-model-len", "4096", "--token=canary-2"],
    "State": {"Status": "exited", "ExitCode": 1, "OOMKilled": False, "Error": "dial redis://:canary-3x@redis:6379"},
    "Image": "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "Config": {
        "Env": [
            "PATH=/usr/bin:/bin",
            "POSTGRES_USER=app",
            "POSTGRES_PASSWORD=canary 4, with \"all\" of 'it';",
            "DATABASE_URL=postgresql://app:canary-5@db/shop",
            "POSTGRES_PASSWORD_FILE=/run/secrets/pg",
            "PGDATA=/var/lib/postgresql/data",
            "VLLM_USE_V1=1",
            "EMPTY_TOKEN=",
        ],
        "Cmd": ["mysql", "-uroot", "-pcanary-6", "shop"],
        "Entrypoint": ["/bin/sh", "-c", "exec app --password canary-7"],
        "Labels": {"com.docker.compose.project": "shop", "traefik.auth.token": "canary-8", "maintainer": "ops"},
        "Healthcheck": {"Test": ["CMD-SHELL", "curl -u probe:canary-9 http://localhost/health"]},
    },
    "HostConfig": {"Memory": 1024, "LogConfig": {"Type": "splunk", "Config": {"splunk-token": "canary-10"}}},
    "NetworkSettings": {"Ports": {"5432/tcp": [{"HostIp": "0.0.0.0", "HostPort": "5432"}]}},
    "Tokens": 5,
    "secret": 12345678,
}


def test_an_inspect_keeps_all_but_its_secrets() -> None:
    """Environment, command lines, labels, options of the log driver."""
    shown = Redactor().document(INSPECTED)
    assert "canary" not in json.dumps(shown)
    assert shown["Config"]["Env"] == [
        "PATH=/usr/bin:/bin",
        "POSTGRES_USER=app",
        f"POSTGRES_PASSWORD={MARK}",
        f"DATABASE_URL=postgresql://app:{MARK}@db/shop",
        "POSTGRES_PASSWORD_FILE=/run/secrets/pg",
        "PGDATA=/var/lib/postgresql/data",
        "VLLM_USE_V1=1",
        "EMPTY_TOKEN=",
    ]
    assert shown["Args"] == ["serve", "--api-key", MARK, "--max-model-len", "4096", f"--token={MARK}"]
    assert shown["Config"]["Cmd"] == ["mysql", "-uroot", f"-p{MARK}", "shop"]
    assert shown["secret"] == MARK
    for same in ("Id", "Created", "Path", "Image", "NetworkSettings", "Tokens"):
        assert shown[same] == INSPECTED[same]
    assert shown["State"]["Error"] == f"dial redis://:{MARK}@redis:6379"


def test_it_is_not_redacted_again() -> None:
    """What is kept may be read and shown through it once more."""
    once = Redactor().document(INSPECTED)
    assert Redactor().document(once) == once


def test_what_an_environment_holds_is_known_for_the_log_of_its_container() -> None:
    """There it stands in a sentence that no rule can know."""
    found = Redactor().secrets_in(INSPECTED)
    assert found == {
        *("canary 4, with \"all\" of 'it';", "canary-5", "canary-6", "canary-7"),
        *("canary-1", "canary-2"),
    }
    assert Redactor(found).text("cannot log in with canary-5 today") == f"cannot log in with {MARK} today"


@pytest.mark.parametrize("odd", [{}, {"Config": None}, {"Config": {"Env": None}}, {"Config": {"Env": [1, "x", "="]}}])
def test_an_odd_inspect_has_none(odd: dict[str, Any]) -> None:
    """Docker's answer is not ours to trust."""
    assert Redactor().secrets_in(odd) == frozenset()


def test_what_is_nested_too_deep_is_left_out() -> None:
    """Reading it must end."""
    deep: Any = "password=canary"
    for _ in range(DEEPEST * 3):
        deep = [deep]
    assert "canary" not in str(Redactor().document(deep))


anything = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=20), st.binary(max_size=9)
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(["a", "password", "Env", "tokens", "é"]), inner, max_size=4),
    ),
    max_leaves=12,
)


@given(anything)
def test_no_document_is_too_odd(value: Any) -> None:
    """It never raises, and what it gives it gives again."""
    once = Redactor().document(value)
    assert Redactor().document(once) == once
