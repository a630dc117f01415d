"""The floors that decide read no clock, draw no luck, wait for nothing and write no log: the source is the proof."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "nemo_watchdog"
PURE = sorted(
    [
        *(
            PACKAGE / name
            for name in (
                "channel.py",
                "model.py",
                "action_words.py",
                "docker_words.py",
                "reasons.py",
                "errors.py",
                "evidence.py",
                "incident_views.py",
                "people_views.py",
                "ports.py",
                "stores.py",
                "public_views.py",
                "receipts.py",
                "view_words.py",
                "views.py",
                "durations.py",
                "sizes.py",
                "signed_text.py",
            )
        ),
        *(
            PACKAGE / "policy" / name
            for name in ("condition.py", "policy.py", "lint.py", "lint_rotas.py", "people.py", "times.py", "units.py")
        ),
        PACKAGE / "notifiers" / "slack_words.py",
        *(
            PACKAGE / "web" / "pages" / f"{name}.py"
            for name in ("alarms", "bars", "cards", "graph", "headline", "overview", "rows")
        ),
        *(PACKAGE / "engine").rglob("*.py"),
        *(PACKAGE / "records").rglob("*.py"),
        *(PACKAGE / "report").rglob("*.py"),
        *(PACKAGE / "timeline").rglob("*.py"),
        *(PACKAGE / "redaction").rglob("*.py"),
    ]
)
ENGINE_MAY_IMPORT = (
    "nemo_watchdog.model",
    "nemo_watchdog.errors",
    "nemo_watchdog.durations",
    "nemo_watchdog.incident_views",
    "nemo_watchdog.people_views",
    "nemo_watchdog.records",
    "nemo_watchdog.views",
    "nemo_watchdog.engine",
)

MODULES = frozenset(
    {
        "asyncio", "concurrent", "glob", "io", "logging", "multiprocessing", "os", "pathlib", "random", "secrets",
        "select", "shutil", "signal", "socket", "sqlite3", "structlog", "subprocess", "tempfile", "threading", "time",
        "urllib", "uuid",
    }
)  # fmt: skip
CLOCKS = frozenset({"now", "utcnow", "today", "fromtimestamp", "monotonic", "perf_counter"})
CLOCK_OWNERS = frozenset({"datetime", "date", "dt", "time"})
CALLS = frozenset({"open", "print", "input", "exec", "eval", "__import__", "breakpoint"})
FILE_METHODS = frozenset({"read_text", "write_text", "read_bytes", "write_bytes"})


def impurities(source: str) -> Iterator[str]:
    """Each thing in this source that a pure floor may not have, with its line."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (f"{node.lineno}: import {a.name}" for a in names if a.name.split(".")[0] in MODULES)
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in MODULES:
                yield f"{node.lineno}: from {module}"
            case ast.AsyncFor() | ast.AsyncWith() | ast.Await():
                yield f"{node.lineno}: await"
            case ast.Call(func=ast.Name(id=name)) if name in CALLS:
                yield f"{node.lineno}: {name}()"
            case ast.Call(func=ast.Attribute(attr=name)) if name in FILE_METHODS:
                yield f"{node.lineno}: .{name}()"
            case ast.Attribute(value=ast.Name(id=owner) | ast.Attribute(attr=owner), attr=name) if (
                name in CLOCKS and owner in CLOCK_OWNERS
            ):
                yield f"{node.lineno}: {owner}.{name}"


def imports(source: str) -> Iterator[str]:
    """The full name of every module, and of everything taken from one, that the source imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield from (f"{node.module}.{name.name}" for name in node.names)


def strangers(source: str) -> list[str]:
    """Imports that the engine may not have."""
    own = (
        *ENGINE_MAY_IMPORT,
        "nemo_watchdog.policy.people",
        "nemo_watchdog.policy.policy",
        "nemo_watchdog.policy.condition",
        "nemo_watchdog.policy.windows",
        "nemo_watchdog.policy.people",
    )
    return [
        name
        for name in imports(source)
        if name.split(".")[0] not in sys.stdlib_module_names
        and not any(name == each or name.startswith(f"{each}.") for each in own)
        and name not in {f"nemo_watchdog.{part}" for part in ("records", "engine")}
    ]


def test_the_floors_are_where_this_test_looks() -> None:
    """A moved file must not leave the check with nothing to check."""
    assert all(path.is_file() for path in PURE)
    assert {path.name for path in PURE} >= {"model.py", "ports.py", "engine.py", "order.py", "health.py", "state.py"}


@pytest.mark.parametrize("path", PURE, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_deciding_floor_is_pure(path: Path) -> None:
    """No clock, no randomness, no asyncio, no thread, no log, no file."""
    assert list(impurities(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("path", sorted((PACKAGE / "engine").rglob("*.py")), ids=lambda path: path.name)
def test_the_engine_imports_words_records_and_the_policy_only(path: Path) -> None:
    """Everything else would have to be faked to test a decision."""
    assert strangers(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("registry", ["probes.PROBES", "actions.catalog.ACTIONS"])
def test_only_the_catalog_reads_the_registries(registry: str) -> None:
    """Whoever went past it would know no plugin."""
    readers = {
        path.name
        for path in PACKAGE.rglob("*.py")
        if f"nemo_watchdog.{registry}" in imports(path.read_text(encoding="utf-8"))
    }
    assert readers == {"plugins.py"}


@pytest.mark.parametrize(
    "planted",
    [
        "import time",
        "import os.path",
        "from random import random",
        "from asyncio import Event",
        "def later():\n    import threading",
        "import structlog\nlog = structlog.get_logger()",
        "from datetime import datetime\nnow = datetime.now()",
        "import datetime as dt\nnow = dt.datetime.utcnow()",
        "import datetime as dt\nwhen = dt.date.today",
        "async def wait(it):\n    await it",
        "text = open('/etc/hosts').read()",
        "def load(path):\n    return path.read_text()",
        "print('deciding')",
    ],
)
def test_a_planted_impurity_is_found(planted: str) -> None:
    """The check sees each kind of it."""
    assert list(impurities(planted))


@pytest.mark.parametrize(
    "harmless",
    [
        "from datetime import datetime, timedelta\nlater = timedelta(1)",
        "def step(now):\n    return now.monotonic + now.utc.timestamp()",
        "class Probe:\n    async def look(self): ...",
        "def opened(self):\n    return self.open()",
    ],
)
def test_what_only_looks_alike_is_let_through(harmless: str) -> None:
    """A moment that was handed in is no clock, and a protocol may say async."""
    assert list(impurities(harmless)) == []


@pytest.mark.parametrize(
    "planted",
    [
        "from nemo_watchdog.ports import Clock",
        "from nemo_watchdog.policy.loader import load_policy",
        "from nemo_watchdog import metrics",
        "import prometheus_client",
    ],
)
def test_a_planted_stranger_in_the_engine_is_found(planted: str) -> None:
    """So that an import that nobody allowed fails, whatever import-linter was told."""
    assert strangers(planted)
