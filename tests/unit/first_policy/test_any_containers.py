"""Whatever containers there are: the text is a policy, says no secret, and forgets nobody."""

from __future__ import annotations

import re
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nemo_watchdog.first_policy.found import Published
from nemo_watchdog.first_policy.look import Page, Seen
from nemo_watchdog.first_policy.text import policy_text
from nemo_watchdog.plugins import installed
from nemo_watchdog.policy.lint import lint
from tests.unit.first_policy.making import found, planned, proven

SECRET = "hunter2sEcReT"

NAMES = st.one_of(
    st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,70}", fullmatch=True),
    st.sampled_from(
        ["1e3", "on", "no", "null", "true", "docker", "host", "gpu", "0x10", "1.5", "y", "db", "db.1", "DB"]
    ),
)
IMAGES = st.one_of(
    st.sampled_from(["postgres:16", "redis", "valkey/valkey:8", "edoburu/pgbouncer", "vllm/vllm-openai",
                     "ollama/ollama", "mysql:8", "acme/api:1", "redis:7@sha256:00", "x\n  evil: 1", "a: b # c",
                     "\ud800"]),
    st.text(max_size=30),
)  # fmt: skip
KEYS = st.sampled_from(
    [
        "POSTGRES_PASSWORD",
        "POSTGRES_USER",
        "POSTGRES_DB",
        "REDIS_PASSWORD",
        "API_TOKEN",
        "DATABASE_URL",
        "CACHE",
        "DB_HOST",
    ]
)
VALUES = st.one_of(
    st.sampled_from(["db", "db:5432", "redis://db", "x@db", "1e3", "$x", "a b", "a}b", "é"]), st.text(max_size=20)
)
CHECKS = st.one_of(
    st.none(),
    st.sampled_from([
        {"Test": ["CMD", "curl", "-f", "http://localhost:8000/health"], "StartPeriod": 90_000_000_000},
        {"Test": ["CMD-SHELL", f"curl -f http://u:{SECRET}@localhost:8000/h?token={SECRET} || exit 1"]},
        {"Test": ["CMD-SHELL", f"wget -q http://localhost:8000/{SECRET}99aaaaaaaaaaaa"]},
        {"Test": ["CMD-SHELL", f"curl -H 'X-Key: {SECRET}' localhost:8000/ping"]},
        {"Test": ["CMD-SHELL", "curl 'http://localhost"]},
        {"Test": ["NONE"]},
    ]),
)  # fmt: skip
LABELS = st.dictionaries(
    st.sampled_from(["com.docker.compose.project", "com.docker.compose.service", "com.docker.compose.depends_on",
                     "com.docker.compose.container-number", "nemo-watchdog.watch", "nemo-watchdog.interval", "other"]),
    st.sampled_from(["true", "false", "db", "db:service_healthy:true", "app", "1", "5s", "\ud800"]),
    max_size=4,
).filter(lambda labels: labels.get("nemo-watchdog.watch", "true") in {"true", "false"}
         and labels.get("nemo-watchdog.interval", "5s") == "5s")  # fmt: skip

COMMANDS = st.sampled_from(
    [None, ["redis-server", "--requirepass", SECRET], ["sh", "-c", "exec postgres -D /x"], ["nemo-watchdog", "run"]]
)


@st.composite
def containers(draw: st.DrawFn) -> dict[str, Any]:
    published = draw(
        st.dictionaries(
            st.sampled_from(["5432/tcp", "6379/tcp", "8000/tcp", "53/udp"]),
            st.tuples(
                st.sampled_from(["", "127.0.0.1", "0.0.0.0", "::", "10.1.2.3", "fd00::1"]),
                st.sampled_from(["", "0", "1", "8000", "65535"]),
            ),
            max_size=2,
        )
    )  # fmt: skip
    environment = draw(st.dictionaries(KEYS, VALUES, max_size=5))
    for key in ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "API_TOKEN"):
        if key in environment:
            environment[key] = SECRET
    if draw(st.booleans()):
        environment["DATABASE_URL"] = f"postgresql://db:{SECRET}@db:5432/x"
    return {
        "image": draw(IMAGES),
        "command": draw(COMMANDS),
        "environment": environment,
        "ports": published,
        "exposed": draw(st.sets(st.sampled_from([80, 5432, 9000]), max_size=2)),
        "labels": draw(LABELS),
        "network_mode": draw(st.sampled_from(["app", "host", "bridge", "none", "container:db"])),
        "networks": {"app": [draw(st.sampled_from(["db", "cache", "api"]))]},
        "state": draw(st.sampled_from(["running", "exited", "created", "restarting", "dead"])),
        "exit_code": draw(st.sampled_from([0, 1])),
        "restart": draw(st.sampled_from(["no", "always", "unless-stopped"])),
        "rm": draw(st.booleans()),
        "health_check": draw(CHECKS),
        "stop_timeout": draw(st.sampled_from([None, 1, 90, 100_000])),
    }  # fmt: skip


SEEN = st.one_of(
    st.just(Seen()),
    st.builds(
        lambda path, says: Seen(Page(Published(8000, "127.0.0.1", 8000), path, 200, says), None, speaks_http=True),
        st.sampled_from(["/health", "/"]),
        st.sampled_from(["", "ok", "UP"]),
    ),
    st.just(Seen(models=("a",), speaks_http=True)),
)


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(NAMES, st.tuples(containers(), SEEN), min_size=1, max_size=6), st.booleans())
def test_whatever_runs_makes_a_policy(there: dict[str, tuple[dict[str, Any], Seen]], gpu: bool) -> None:
    """The real loader takes it with the real probes, other YAML readers too, and each container is accounted for."""
    all_of_them = [found(name, **words) for name, (words, _) in there.items()]
    made = planned(*all_of_them, seen={name: seen for name, (_, seen) in there.items()}, host_has_gpu=gpu)
    assert made.problems == ()
    text = policy_text(made)
    policy = proven(made)
    yaml.safe_load(text)
    assert {each.container for each in policy.dependencies.values() if each.container} | set(made.left_out) == set(
        there
    )
    assert len(policy.dependencies) == len(made.entries) + (3 if made.has_gpu else 2)
    assert all(made.left_out.values())
    assert SECRET.lower() not in text.lower()
    assert not re.search(SECRET, "".join(made.warnings))
    assert all(len(line) <= 140 for line in text.splitlines() if "://" not in line and "needs" not in line)
    assert {str(each.message) for each in lint(policy, installed())} <= {
        "this contact has no address: what it should be told is only logged"
    }
