"""`nemo-watchdog schema`: the policy's JSON Schema, for editors."""

from __future__ import annotations

from nemo_watchdog.cli.output import fail


def schema() -> None:
    """Print the JSON Schema (draft 2020-12) of a policy file, with what the installed plugins bring."""
    from nemo_watchdog.plugins import installed
    from nemo_watchdog.policy.schema import schema_text

    catalog, unusable = installed().usable()
    for warning in [*installed().warnings, *unusable]:
        fail(f"warning: {warning}")
    print(schema_text(catalog), end="")
