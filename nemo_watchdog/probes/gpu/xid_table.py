"""NVIDIA's Xid errors: what each one asks for, and what that means for a container. It does no IO.

Source: NVIDIA's Xid catalog ("XID Errors", r580 documentation, column "Immediate Action"), as leptonai/gpud lists it.
A code that is not in it is told to people and nothing else, as NVIDIA/NVSentinel does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType

from nemo_watchdog.model import Reason


class XidAction(StrEnum):
    """What to do about an Xid."""

    RESTART_APPLICATION = "restart the application"
    RESET_GPU = "reset the GPU"
    RESTART_MACHINE = "restart the machine"
    RESTART_VM = "restart the virtual machine"
    CHECK_LINK = "follow NVIDIA's NVLink workflow"
    READ_RECOVERY_ACTION = "read the recovery action"
    FOLLOW_COMPANION = "follow the Xid that comes with it"
    IGNORE = "nothing"
    UNKNOWN = "look it up"


def _codes(*parts: int | Iterable[int]) -> Iterable[int]:
    for part in parts:
        yield from (part,) if isinstance(part, int) else part


ACTION_OF: Mapping[int, XidAction] = MappingProxyType(
    {
        **dict.fromkeys(
            _codes(
                *(8, 11, 13, 25, 31, 32, range(39, 42), 60, range(68, 73), range(75, 78), 80, range(82, 87), 88, 89),
                *(94, range(96, 106), range(126, 136), 139),
            ),
            XidAction.RESTART_APPLICATION,
        ),
        **dict.fromkeys(
            (37, 38, 43, 44, 63, 66, 67, 92, 93, 106, 107, 121, 137, 141, 152, 153, 157, 160, 161), XidAction.IGNORE
        ),
        **dict.fromkeys((46, 48, 62, 64, 95, 109, 110, 119, 120, 136, 140, 143, 155, 156, 158), XidAction.RESET_GPU),
        79: XidAction.RESTART_MACHINE,
        151: XidAction.RESTART_VM,
        **dict.fromkeys(_codes(74, range(144, 151)), XidAction.CHECK_LINK),
        154: XidAction.READ_RECOVERY_ACTION,
        45: XidAction.FOLLOW_COMPANION,
    }
)

REASON_OF: Mapping[XidAction, Reason | None] = MappingProxyType(
    {
        XidAction.RESTART_APPLICATION: Reason.GPU_APPLICATION_ERROR,
        XidAction.RESET_GPU: Reason.GPU_RESET_REQUIRED,
        XidAction.RESTART_MACHINE: Reason.GPU_LOST,
        XidAction.RESTART_VM: Reason.GPU_ERROR,
        XidAction.CHECK_LINK: Reason.GPU_ERROR,
        XidAction.UNKNOWN: Reason.GPU_ERROR,
        # The recovery action is read at every look, and the companion has its own line.
        XidAction.READ_RECOVERY_ACTION: None,
        XidAction.FOLLOW_COMPANION: None,
        XidAction.IGNORE: None,
    }
)

_MEANING = {
    13: "graphics engine exception",
    31: "GPU memory page fault",
    32: "invalid or corrupted push buffer",
    48: "double-bit ECC error",
    62: "internal micro-controller halt",
    64: "row remapping failed",
    74: "NVLink error",
    79: "the GPU fell off the bus",
    94: "contained memory error",
    95: "uncontained memory error",
    119: "the GPU's system processor did not answer",
    120: "error of the GPU's system processor",
}


def action_of(code: int) -> XidAction:
    return ACTION_OF.get(code, XidAction.UNKNOWN)


def describe(code: int) -> str:
    """Such as `Xid 31 (GPU memory page fault)`."""
    return f"Xid {code} ({_MEANING[code]})" if code in _MEANING else f"Xid {code}"


def xid_table() -> str:
    """A Markdown table of every action, its codes and the reason that they become."""
    rows = [
        f"| {action} | {_spans(code for code, its in ACTION_OF.items() if its is action) or 'any other'} | "
        f"{f'`{reason}`' if reason else 'none'} |"
        for action, reason in REASON_OF.items()
    ]
    return "\n".join(["| NVIDIA says | codes | reason |", "| --- | --- | --- |", *rows]) + "\n"


def _spans(codes: Iterable[int]) -> str:
    spans: list[list[int]] = []
    for code in sorted(codes):
        if spans and code == spans[-1][1] + 1:
            spans[-1][1] = code
        else:
            spans.append([code, code])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)
