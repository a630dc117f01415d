"""`nemo-watchdog run`: the daemon."""

from __future__ import annotations

import gc
import sys
from enum import StrEnum
from typing import Annotated

import typer

from nemo_watchdog.cli import options


class Level(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Buckets(StrEnum):
    FEW = "few"
    MANY = "many"


class Format(StrEnum):
    JSON = "json"
    CONSOLE = "console"


class Reading(StrEnum):
    OPEN = "open"
    TOKEN = "token"  # noqa: S105 - the word for a way, and no token


YOUNG = 10_000
"""Objects, of those that may be in a circle, that are made before the young ones are walked: some 3 ms."""


def run(
    policy: options.PolicyOption = options.DEFAULT_POLICY,
    state_dir: options.StateDirOption = options.DEFAULT_STATE_DIR,
    listen: options.ListenOption = options.DEFAULT_LISTEN,
    docker: Annotated[
        str | None, typer.Option(envvar="DOCKER_HOST", help="Docker's address; its usual socket when left out.")
    ] = None,
    log_level: Annotated[Level, typer.Option(envvar="NEMO_WATCHDOG_LOG_LEVEL")] = Level.INFO,
    log_format: Annotated[
        Format | None,
        typer.Option(envvar="NEMO_WATCHDOG_LOG_FORMAT", help="console on a terminal, else json, when left out."),
    ] = None,
    latency_buckets: Annotated[
        Buckets,
        typer.Option(
            envvar="NEMO_WATCHDOG_LATENCY_BUCKETS",
            help="How finely /metrics tells the latency of looks: 5 buckets a dependency, or 13.",
        ),
    ] = Buckets.FEW,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            envvar="NEMO_WATCHDOG_ALLOW_HOST",
            help="A host name by which it may be read, besides this machine's own and IP addresses. May be repeated.",
        ),
    ] = None,
    reading: Annotated[
        Reading,
        typer.Option(
            envvar="NEMO_WATCHDOG_READING",
            help="Who may read: all who come by such a name, or who brings a token. What users are told is for all.",
        ),
    ] = Reading.OPEN,
) -> None:
    """Watch the platform that the policy describes, until SIGTERM. SIGHUP reloads the policy."""
    import uvloop

    from nemo_watchdog import app, logs
    from nemo_watchdog.metrics import FEW_BUCKETS, MANY_BUCKETS

    buckets = MANY_BUCKETS if latency_buckets is Buckets.MANY else FEW_BUCKETS
    style = log_format or (Format.CONSOLE if sys.stderr.isatty() else Format.JSON)
    logs.configure(log_level, style)
    logs.hear_libraries()
    _collect_seldom()
    hosts, is_open = tuple(allow_host or ()), reading is Reading.OPEN
    settings = app.Settings(policy, state_dir, listen, docker, buckets, hosts, is_open)
    uvloop.run(app.run(settings, logs.redact_with))


def _collect_seldom() -> None:
    """A full collection stops the loop: for some 100 ms where there are a thousand dependencies and pages of them.

    What a page is made of is gone before the first threshold, and so never reaches the collections that walk all that
    there is; the modules, which stay, are walked by none.
    """
    gc.set_threshold(YOUNG)
    gc.freeze()
