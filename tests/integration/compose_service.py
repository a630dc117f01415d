"""A service of a Compose project that runs one script and shares a folder of jobs with its other replicas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nemo_watchdog.demo.images import IMAGE

WORKER = """trap 'exit 0' TERM
while :; do
  for job in /jobs/*.waiting; do
    if mv "$job" "$job.taken" 2>/dev/null; then while :; do sleep 0.1; done; fi
  done
  sleep 0.1
done"""
"""Takes one job and is at it for ever."""
IDLE = "trap 'exit 0' TERM; while :; do sleep 0.1; done"


def service(script: str, jobs: Path) -> dict[str, Any]:
    return {
        "image": IMAGE,
        "command": ["/bin/sh", "-c", script.replace("$", "$$")],
        "network_mode": "none",
        "labels": {"nemo-watchdog-test.made": "1"},
        "volumes": ["/usr:/usr:ro", "/etc/alternatives:/etc/alternatives:ro", f"{jobs}:/jobs"],
    }
