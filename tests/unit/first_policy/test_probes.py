"""How each container is looked at, and why: what the guess is made of, and what it is worth."""

from __future__ import annotations

from typing import Any

import pytest

from nemo_watchdog.first_policy.found import Published
from nemo_watchdog.first_policy.look import Page, Seen
from nemo_watchdog.policy.policy import ActionStep, Policy
from tests.unit.first_policy.making import found, only, planned, policy_of, proven

PORT = ("127.0.0.1", "8000")


def first_step(policy: Policy, name: str) -> ActionStep:
    step = policy.remedies[policy.dependencies[name].remedy or ""].steps[0]
    assert isinstance(step, ActionStep)
    return step


def page(path: str = "/health", says: str = "", status: int = 200, port: int = 8000) -> Seen:
    return Seen(Page(Published(port, "127.0.0.1", port), path, status, says), speaks_http=True)


@pytest.mark.parametrize(
    ("words", "probe", "why"),
    [
        ({"image": "postgres:16"}, "postgres", "its image is postgres:16"),
        ({"image": "ghcr.io/acme/postgis:1@sha256:0a"}, "postgres", "its image is ghcr.io/acme/postgis:1@sha256:0a"),
        ({"command": ["sh", "-c", "init && exec postgres -D /x"]}, "postgres", "its command runs postgres"),
        ({"command": ["/usr/lib/postgresql/15/bin/postgres"]}, "postgres", "its command runs postgres"),
        ({"environment": {"PGDATA": "/x"}}, "postgres", "its environment has PGDATA"),
        ({"ports": {"5432/tcp": PORT}}, "postgres", "its port 5432 is that of postgres"),
        ({"image": "redis:7-alpine"}, "redis", "its image is redis:7-alpine"),
        ({"image": "valkey/valkey"}, "redis", "its image is valkey/valkey"),
        ({"ports": {"6379/tcp": PORT}}, "redis", "its port 6379 is that of redis"),
        ({"image": "edoburu/pgbouncer"}, "postgres", "its image is edoburu/pgbouncer"),
        ({"image": "vllm/vllm-openai:latest"}, "llm", "its image is vllm/vllm-openai:latest"),
        ({"command": ["python3", "-m", "sglang.launch_server"]}, "llm", "its command runs sglang.launch_server"),
        ({"image": "ghcr.io/ggml-org/llama.cpp:server"}, "llm", "its image is ghcr.io/ggml-org/llama.cpp:server"),
    ],
)
def test_what_it_is(words: dict[str, Any], probe: str, why: str) -> None:
    """By image, command, environment or port, and the text says by which."""
    dependency, _, text = only(found("x", **{"ports": {"8000/tcp": PORT}, **words}))
    assert dependency.probe == probe
    assert f"# {why}" in text


@pytest.mark.parametrize(
    "words",
    [
        {"environment": {"POSTGRES_HOST": "db", "POSTGRES_PASSWORD": "x", "REDIS_PASSWORD": "y"}},
        {"image": "oliver006/redis_exporter"},
        {"image": "prometheuscommunity/postgres-exporter"},
        {"command": ["wait-for", "postgres"]},
    ],
)
def test_who_only_talks_to_it_is_none(words: dict[str, Any]) -> None:
    """An application has the database's variables as well, and an exporter its name."""
    assert only(found("x", ports={"8000/tcp": PORT}, **words))[0].probe == "tcp"


def test_a_model_server_of_any_image_is_known_by_its_models() -> None:
    seen = Seen(page("/v1/models").page, ("gemma",), speaks_http=True)
    _, written, text = only(found("x", ports={"8000/tcp": PORT}), seen={"x": seen})
    assert (written["probe"], written["url"]) == ("llm", "http://127.0.0.1:8000")
    assert written["health_path"] == "/v1/models"
    assert "it lists models at /v1/models" in text


def test_ollama_has_no_health_page_and_no_metrics() -> None:
    _, written, _ = only(found("x", image="ollama/ollama", ports={"11434/tcp": ("", "11434")}))
    assert (written["health_path"], written["metrics_path"]) == ("/api/version", None)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "127.0.0.1"),
        ("10.0.0.5", "10.0.0.5"),
        ("fd00::1", "[fd00::1]"),
    ],
)
def test_it_is_reached_where_it_is_published(host: str, url: str) -> None:
    _, written, _ = only(found("x", image="redis", ports={"6379/tcp": (host, "7000")}))
    assert written["url"] == f"${{REDIS_URL:-redis://{url}:7000/0}}"


def test_on_the_network_of_the_host_it_is_its_own_port() -> None:
    _, written, text = only(found("x", image="redis", network_mode="host", exposed=[6379]))
    assert written["url"] == "${REDIS_URL:-redis://127.0.0.1:6379/0}"
    assert "it uses this machine's network" in text


@pytest.mark.parametrize("port", ["", "0"])
def test_a_port_that_is_picked_anew_is_no_address(port: str) -> None:
    now = {"6379/tcp": [{"HostIp": "0.0.0.0", "HostPort": "49153"}]}
    dependency, written, text = only(found("x", image="redis", ports={"6379/tcp": ("", port)}, now=now))
    assert dependency.probe == "docker"
    assert "49153" not in text
    assert "Docker picks the outer port of its port 6379 anew" in text
    assert "127.0.0.1:6379:6379, and use the probe redis" in " ".join(text.replace("# ", "").split())
    assert written["remedy"] == "restart-database"


def test_what_publishes_nothing_is_seen_by_its_state() -> None:
    dependency, _, text = only(found("x", exposed=[8000]))
    assert dependency.probe == "docker"
    assert "publishes no port: only its container state can be seen" in text


def test_a_port_of_which_nothing_is_known_is_asked_for_a_connection() -> None:
    _, written, text = only(found("x", ports={"9000/tcp": PORT}))
    assert (written["probe"], written["address"]) == ("tcp", "127.0.0.1:8000")
    assert "nothing is known of it but its port" in text


def test_a_page_that_says_ok_must_go_on_saying_so() -> None:
    _, written, text = only(found("x", ports={"8000/tcp": PORT}), seen={"x": page(says="ok")})
    assert (written["probe"], written["url"]) == ("http", "http://127.0.0.1:8000/health")
    assert written["expect"] == {"status": 200, "json": {"status": "ok"}}
    assert written["tags"] == ["core"]
    assert "/health answered 200" in text


def test_the_health_check_names_the_page() -> None:
    check = {"Test": ["CMD-SHELL", "curl -fsS http://localhost:8000/ready || exit 1"], "StartPeriod": 90_000_000_000}
    made = found("x", ports={"8000/tcp": ("", "80")}, health_check=check)
    dependency, written, text = only(made, seen={"x": page("/ready", status=302)})
    assert (written["probe"], written["url"]) == ("http", "http://127.0.0.1:80/ready")
    assert written["expect"] == {"status": 302}
    assert "its health check asks /ready" in text
    assert dependency.startup_grace == 90.0


def test_a_certificate_is_not_for_this_address() -> None:
    check = {"Test": ["CMD", "curl", "-k", "https://localhost:8443/ready"]}
    _, written, _ = only(found("x", ports={"8443/tcp": ("", "443")}, health_check=check))
    assert (written["url"], written["verify"]) == ("https://127.0.0.1:443/ready", False)


@pytest.mark.parametrize(
    "command",
    [
        "curl -f http://user:hunter2@localhost:8000/ready",
        "curl -f 'http://localhost:8000/ready?token=hunter2'",
        "curl -H 'Authorization: Bearer hunter2' localhost:8000/ready",
        "curl -u user:hunter2 localhost:8000/ready",
        "wget -q --header='X: hunter2' http://localhost:8000/ready",
    ],
)
def test_a_secret_of_a_health_check_is_not_copied(command: str) -> None:
    """The page is, and that there was more."""
    made = found("x", ports={"8000/tcp": PORT}, health_check={"Test": ["CMD-SHELL", command]})
    _, written, text = only(made)
    assert written["url"] == "http://127.0.0.1:8000/ready"
    assert "hunter2" not in text
    assert "is not copied" in text


@pytest.mark.parametrize(
    "path", ["/hunter2secret", "/aB3dE5gH7jK9mN1pQ3", "/${TOKEN}", "/0123456789abcdef0123456789abcdef/ok"]
)
def test_a_path_that_may_be_a_secret_is_not_copied(path: str) -> None:
    check = {"Test": ["CMD-SHELL", f"curl http://localhost:8000{path}"]}
    made = found("x", ports={"8000/tcp": PORT}, environment={"TOKEN": "hunter2secret"}, health_check=check)
    _, written, text = only(made)
    assert written["probe"] == "tcp"
    assert "holds a secret" in text
    assert path.strip("/") not in text


@pytest.mark.parametrize(
    ("environment", "dsn"),
    [
        ({}, "postgresql://postgres@127.0.0.1:8000/postgres"),
        ({"POSTGRES_USER": "app"}, "postgresql://app@127.0.0.1:8000/app"),
        ({"POSTGRES_USER": "a b}", "POSTGRES_DB": "x/y"}, "postgresql://a%20b%7D@127.0.0.1:8000/x%2Fy"),
        ({"POSTGRESQL_USERNAME": "u", "POSTGRESQL_DATABASE": "d"}, "postgresql://u@127.0.0.1:8000/d"),
    ],
)
def test_the_user_and_the_database_of_postgres(environment: dict[str, str], dsn: str) -> None:
    made = found("db", image="postgres", ports={"5432/tcp": PORT}, environment=environment)
    assert only(made)[1]["dsn"] == f"${{POSTGRES_DSN:-{dsn}}}"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            {"image": "postgres", "ports": {"5432/tcp": PORT}, "environment": {"POSTGRES_PASSWORD": "hunter2"}},
            "# POSTGRES_DSN=postgresql://postgres:PASSWORD@127.0.0.1:8000/postgres",
        ),
        (
            {"image": "redis", "ports": {"6379/tcp": PORT}, "environment": {"REDIS_PASSWORD": "hunter2"}},
            "# REDIS_URL=redis://:PASSWORD@127.0.0.1:8000/0",
        ),
        (
            {"image": "redis", "ports": {"6379/tcp": PORT}, "command": ["redis-server", "--requirepass", "hunter2"]},
            "# REDIS_URL=redis://:PASSWORD@127.0.0.1:8000/0",
        ),
    ],
)
def test_where_a_password_belongs_is_said(words: dict[str, Any], line: str) -> None:
    text = only(found("x", **words))[2]
    assert f"    {line}\n" in text
    assert "/etc/nemo-watchdog/environment" in text
    assert "hunter2" not in text


def test_each_of_several_has_a_variable_of_its_own() -> None:
    containers = [
        found(name, image="postgres", ports={"5432/tcp": ("", port)}) for name, port in (("a-b", "1"), ("a_b", "2"))
    ]
    made = planned(*containers)
    dsns = {entry.name: entry.value("dsn").partition(":-")[0] for entry in made.entries}
    assert dsns == {"a-b": "${A_B_DSN", "a_b": "${A_B_DSN_2"}


@pytest.mark.parametrize(
    ("image", "remedy", "tags", "grace"),
    [
        ("postgres", "restart-database", {"data"}, 120.0),
        ("redis", "restart-database", {"data"}, 120.0),
        ("mysql:8", "restart-database", {"data"}, 120.0),
        ("vllm/vllm-openai", "restart-model-server", {"core"}, 300.0),
        ("acme/api", "restart-container", set(), 30.0),
    ],
)
def test_what_is_done_goes_by_what_it_is(image: str, remedy: str, tags: set[str], grace: float) -> None:
    """What keeps data is restarted once, with two minutes to stop."""
    dependency = only(found("x", image=image, ports={"8000/tcp": PORT}))[0]
    assert (dependency.remedy, set(dependency.tags), dependency.startup_grace) == (remedy, tags, grace)


def test_a_container_has_the_time_to_stop_that_it_asks_for() -> None:
    """And its neighbours have no more than before."""
    policy = policy_of(found("slow", stop_timeout=90), found("quick", stop_timeout=5))
    assert [first_step(policy, name).options.stop_timeout for name in ("slow", "quick")] == [90.0, 10.0]


def test_a_slow_start_is_not_taken_for_a_failed_restart() -> None:
    check = {"Test": ["CMD", "true"], "StartPeriod": 600_000_000_000}
    policy = policy_of(found("slow", health_check=check))
    assert first_step(policy, "slow").verify_within > policy.dependencies["slow"].startup_grace == 600.0


def test_a_gpu_is_watched_where_one_is() -> None:
    """On the host, or asked for by a container; a model server needs it."""
    model = found("m", image="vllm/vllm-openai", ports={"8000/tcp": PORT})
    asks = found("t", device_requests=[{"Driver": "nvidia", "Capabilities": [["gpu"]]}])
    assert "gpu" not in policy_of(model).dependencies
    assert policy_of(model, host_has_gpu=True).dependencies["m"].needs == ("gpu",)
    assert policy_of(asks).dependencies["t"].needs == ("gpu",)


def test_a_person_is_asked_before_anything_is_done() -> None:
    assert all(each.autonomy == "suggest" for each in proven(planned(found("x"))).dependencies.values())
