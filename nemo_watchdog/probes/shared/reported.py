"""The reasons for what a check of the operator's own reports, by the category that the policy gives it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from nemo_watchdog.model import Reason

REPORTED: Mapping[str, Reason] = MappingProxyType(
    {
        "fault": Reason.REPORTED_FAULT,
        "busy": Reason.REPORTED_BUSY,
        "integrity": Reason.REPORTED_INTEGRITY,
    }
)
