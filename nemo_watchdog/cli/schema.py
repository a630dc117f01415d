"""`nemo-watchdog schema`: the policy's JSON Schema, for editors."""

from __future__ import annotations

from nemo_watchdog.policy.schema import schema_text
from nemo_watchdog.probes import PROBES


def schema() -> None:
    """Print the JSON Schema (draft 2020-12) of a policy file."""
    print(schema_text(PROBES), end="")
