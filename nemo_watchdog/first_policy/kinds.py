"""What a container is, by its image, its command, its environment and its ports; always with the reason."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from nemo_watchdog.first_policy.found import Found


class Kind(Enum):
    """`OTHER` may still speak HTTP."""

    POSTGRES = "postgres"
    PGBOUNCER = "pgbouncer"
    REDIS = "redis"
    LLM = "llm"
    DATA = "data"
    """A database that has no probe of its own."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Known:
    kind: Kind
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Signs:
    """`images` are words of an image's name; `programs` what a command runs; `ports` those inside."""

    kind: Kind
    images: frozenset[str]
    programs: frozenset[str] = frozenset()
    variables: frozenset[str] = frozenset()
    ports: frozenset[int] = frozenset()


_SIGNS = (
    _Signs(
        Kind.PGBOUNCER,
        frozenset({"pgbouncer"}),
        frozenset({"pgbouncer"}),
        frozenset({"PGBOUNCER_DATABASE", "PGBOUNCER_PORT"}),
    ),
    _Signs(
        Kind.POSTGRES,
        frozenset({"postgres", "postgresql", "postgis", "pgvector", "timescaledb", "timescaledb-ha", "spilo"}),
        frozenset({"postgres", "postmaster"}),
        frozenset({"PGDATA"}),
        frozenset({5432}),
    ),
    _Signs(
        Kind.REDIS,
        frozenset({"redis", "valkey", "redis-stack", "redis-stack-server", "keydb", "redict"}),
        frozenset({"redis-server", "valkey-server", "keydb-server"}),
        frozenset(),
        frozenset({6379}),
    ),
    _Signs(
        Kind.LLM,
        frozenset({"vllm-openai", "vllm", "llama.cpp", "llama-cpp", "ollama", "text-generation-inference", "sglang"}),
        frozenset({
            "vllm", "llama-server", "ollama", "text-generation-launcher", "sglang",
            "vllm.entrypoints.openai.api_server", "sglang.launch_server",
        }),
    ),
    _Signs(
        Kind.DATA,
        frozenset({
            "mysql", "mariadb", "percona", "percona-server", "mongo", "mongodb", "rabbitmq", "kafka", "elasticsearch",
            "opensearch", "clickhouse", "clickhouse-server", "cassandra", "scylla", "etcd", "influxdb", "neo4j",
            "couchdb", "qdrant", "milvus", "weaviate", "minio", "cockroach", "mssql-server", "nats", "zookeeper",
        }),
        frozenset({"mysqld", "mariadbd", "mongod", "rabbitmq-server", "etcd", "clickhouse-server"}),
        frozenset(),
        frozenset({3306, 27017}),
    ),
)  # fmt: skip

_SHELLS = frozenset({"sh", "bash", "dash", "ash", "tini", "dumb-init", "docker-entrypoint.sh", "gosu", "su-exec"})
_WORD = re.compile(r"[A-Za-z0-9_./-]+")
_RUN = re.compile(r"(?:^|[;&|])\s*(?:exec\s+)?([A-Za-z0-9_./-]+)")


def kind_of(found: Found) -> Known:
    """The strongest sign decides: an image before a command, a command before a variable, a port last."""
    image, programs = image_words(found.image), set(_programs(found.command))
    for signs in _SIGNS:
        if image & signs.images:
            return Known(signs.kind, f"its image is {found.image}")
    for signs in _SIGNS:
        if program := next(iter(sorted(programs & signs.programs)), None):
            return Known(signs.kind, f"its command runs {program}")
    for signs in _SIGNS:
        if variable := next(iter(sorted(set(found.environment) & signs.variables)), None):
            return Known(signs.kind, f"its environment has {variable}")
    for signs in _SIGNS:
        if port := next(iter(sorted(set(found.inner_ports) & signs.ports)), None):
            return Known(
                signs.kind,
                f"its port {port} is that of {signs.kind.value}"
                if signs.kind is not Kind.DATA
                else f"its port {port} is that of a database",
            )
    return Known(Kind.OTHER)


def image_words(image: str) -> frozenset[str]:
    """The last part of its name, without tag and digest: `ghcr.io/ggml-org/llama.cpp:server` is `llama.cpp`."""
    name = image.partition("@")[0].rpartition("/")[2].partition(":")[0].lower()
    return frozenset({name, name.removesuffix("-alpine")})


def _programs(command: Iterable[str]) -> Iterable[str]:
    """What the command runs: its first word that is no shell or wrapper, what follows `-m`, what a script executes."""
    words = list(command)
    first = True
    for index, word in enumerate(words):
        name = word.rpartition("/")[2]
        if index and words[index - 1] == "-m":
            yield word
        elif index and words[index - 1] in {"-c", "-ec", "-lc"}:
            yield from (match[1].rpartition("/")[2] for match in _RUN.finditer(word))
        elif first and _WORD.fullmatch(word) and name not in _SHELLS and not word.startswith("-"):
            yield name
            first = False
