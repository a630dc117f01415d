"""What is kept has no secret in it: none of the policy, none of the container that it is about, none by its looks.

The container's own are known from its inspect, which is among the parts; in its log they have no name any more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nemo_watchdog.evidence import LONGEST_PART, Evidence, Part
from nemo_watchdog.redaction.redactor import Redactor

LONGEST_READ = 4 * LONGEST_PART
"""Characters of a part that are looked at: a secret at the cut is whole here."""

INSPECT = "inspect.json"


def redacted(evidence: Evidence, redactor: Redactor) -> Evidence:
    """The same without secrets, each part no longer than may be kept."""
    inspections = {part.name: found for part in evidence.parts if (found := _inspection(part)) is not None}
    for inspection in inspections.values():
        redactor = redactor.knowing(redactor.secrets_in(inspection))
    return replace(
        evidence,
        parts=tuple(_part(part, inspections.get(part.name), redactor) for part in evidence.parts),
        missing=tuple(replace(each, why=redactor.text(each.why)) for each in evidence.missing),
    )


def _inspection(part: Part) -> Mapping[str, Any] | None:
    if not part.name.endswith(INSPECT):
        return None
    try:
        found = json.loads(part.text)
    except ValueError:
        return None
    return found if isinstance(found, Mapping) else None


def _part(part: Part, inspection: Mapping[str, Any] | None, redactor: Redactor) -> Part:
    if inspection is not None:
        return _cut(replace(part, text=json.dumps(redactor.document(inspection), indent=2)), LONGEST_PART)
    read = _cut(part, LONGEST_READ)
    return _cut(replace(read, text=redactor.text(read.text)), LONGEST_PART)


def _cut(part: Part, longest: int) -> Part:
    """Its end, from the beginning of a line where there is one."""
    if len(part.text) <= longest:
        return part
    end = part.text[-longest:]
    _, line_break, whole_lines = end.partition("\n")
    return replace(part, text=whole_lines if line_break and whole_lines else end, cut=True)
