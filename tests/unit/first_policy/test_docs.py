"""docs/first-policy.md shows what the program writes, to the letter."""

from __future__ import annotations

from pathlib import Path

from nemo_watchdog.first_policy.found import Published
from nemo_watchdog.first_policy.look import Page, Seen
from nemo_watchdog.first_policy.text import policy_text
from tests.unit.first_policy.making import found, planned, proven

PAGE = (Path(__file__).parents[3] / "docs" / "first-policy.md").read_text(encoding="utf-8")


def example() -> str:
    compose = "com.docker.compose"

    def service(name: str, depends_on: str = "", **more: str) -> dict[str, str]:
        return {
            f"{compose}.project": "shop",
            f"{compose}.service": name,
            f"{compose}.depends_on": depends_on,
            **more,
        }

    gpu = [{"Driver": "nvidia", "Capabilities": [["gpu"]]}]
    containers = [
        found(
            "shop-postgres-1",
            image="postgres:16",
            ports={"5432/tcp": ("127.0.0.1", "5432")},
            environment={"POSTGRES_USER": "shop", "POSTGRES_PASSWORD": "x"},
            labels=service("postgres"),
            networks={"app": ["postgres"]},
        ),
        found(
            "shop-redis-1",
            image="redis:7-alpine",
            ports={"6379/tcp": ("127.0.0.1", "6379")},
            labels=service("redis"),
            networks={"app": ["redis"]},
        ),
        found(
            "shop-gateway-1",
            image="shop/gateway:2.1",
            ports={"8000/tcp": ("", "8000")},
            environment={"DATABASE_URL": "postgresql://shop:x@postgres:5432/shop", "CACHE": "redis:6379"},
            health_check={"Test": ["CMD-SHELL", "curl -f http://localhost:8000/health || exit 1"]},
            labels=service("gateway", "postgres:service_healthy:true"),
            networks={"app": ["gateway"]},
        ),
        found(
            "shop-worker-1",
            image="shop/worker:2.1",
            environment={"CACHE": "redis:6379"},
            stop_timeout=60,
            labels=service("worker", **{"nemo-watchdog.interval": "30s"}),
        ),
        found(
            "shop-gemma-1",
            image="vllm/vllm-openai:v0.11.0",
            ports={"8000/tcp": ("127.0.0.1", "8001")},
            device_requests=gpu,
            labels=service("gemma"),
        ),
        found("shop-migrate-1", image="shop/gateway:2.1", state="exited", restart="no", labels=service("migrate")),
    ]
    seen = {"shop-gateway-1": Seen(Page(Published(8000, "127.0.0.1", 8000), "/health", 200, "ok"), speaks_http=True)}
    made = planned(*containers, seen=seen)
    proven(made)
    return policy_text(made)


def test_the_page_has_the_example_as_the_program_writes_it() -> None:
    """Between the marks it is exactly what example() gives; paste it in when this fails."""
    shown = PAGE.split("<!-- example -->\n```yaml\n")[1].split("```\n<!-- /example -->")[0]
    assert shown == example()
