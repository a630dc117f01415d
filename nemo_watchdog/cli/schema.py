"""`nemo-watchdog schema`: the policy's JSON Schema, for editors."""

from __future__ import annotations

from nemo_watchdog.cli.output import as_json
from nemo_watchdog.policy.schema import json_schema
from nemo_watchdog.probes import PROBES


def schema() -> None:
    """Print the JSON Schema (draft 2020-12) of a policy file."""
    as_json(json_schema(PROBES))
