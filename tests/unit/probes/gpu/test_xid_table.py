"""Each Xid code has the action of NVIDIA's catalog, and each action its meaning for a container."""

from __future__ import annotations

from pathlib import Path

import pytest

from nemo_watchdog.model import Category, Finding, Outcome, Reason
from nemo_watchdog.probes.gpu.judge import worst_of, xid_trouble
from nemo_watchdog.probes.gpu.xid_table import ACTION_OF, REASON_OF, XidAction, action_of, describe, xid_table

PAGE = Path(__file__).parents[4] / "docs" / "probes" / "gpu.md"


def trouble(code: int, *, curable: bool = True) -> Finding | None:
    return xid_trouble({"code": code, "gpu": 0, "container": "c" * 64}, 3.0, curable=curable)


@pytest.mark.parametrize(
    ("action", "codes"),
    [
        (
            XidAction.RESTART_APPLICATION,
            """8 11 13 25 31 32 39 40 41 60 68 69 70 71 72 75 76 77 80 82 83 84 85 86 88 89 94 96 97 98 99 100 101
            102 103 104 105 126 127 128 129 130 131 132 133 134 135 139""",
        ),
        (XidAction.IGNORE, "37 38 43 44 63 66 67 92 93 106 107 121 137 141 152 153 157 160 161"),
        (XidAction.RESET_GPU, "46 48 62 64 95 109 110 119 120 136 140 143 155 156 158"),
        (XidAction.RESTART_MACHINE, "79"),
        (XidAction.RESTART_VM, "151"),
        (XidAction.CHECK_LINK, "74 144 145 146 147 148 149 150"),
        (XidAction.READ_RECOVERY_ACTION, "154"),
        (XidAction.FOLLOW_COMPANION, "45"),
    ],
)
def test_the_whole_table(action: XidAction, codes: str) -> None:
    """Code by code, as the catalog has it."""
    assert {code for code, its in ACTION_OF.items() if its is action} == {int(code) for code in codes.split()}


@pytest.mark.parametrize("action", XidAction)
def test_every_action_is_handled(action: XidAction) -> None:
    """An action becomes a finding or, on purpose, none."""
    code = next((code for code, its in ACTION_OF.items() if its is action), 9999)
    assert action_of(code) is action
    finding = trouble(code)
    assert (finding.reason if finding else None) is REASON_OF[action]


@pytest.mark.parametrize("code", [*range(1, 200), 99999])
def test_only_an_application_error_of_the_own_container_may_restart_it(code: int) -> None:
    """No other Xid is a failed look with a fault."""
    for curable in (True, False):
        finding = trouble(code, curable=curable)
        fault = finding is not None and finding.outcome is Outcome.FAILED and _category(finding) is Category.FAULT
        assert fault == (curable and action_of(code) is XidAction.RESTART_APPLICATION)


def _category(finding: Finding) -> Category:
    assert finding.reason is not None
    return finding.reason.category


def test_a_gpu_that_wants_a_reset_holds_the_restart() -> None:
    """Two errors at once: the one that a restart could make worse decides."""
    both = [each for each in (trouble(31), trouble(79)) if each is not None]
    assert worst_of(both, {}).reason is Reason.GPU_LOST


def test_words() -> None:
    """The code, what it is, whose it is, when, and NVIDIA's advice."""
    finding = trouble(31)
    assert finding is not None
    assert finding.detail == (
        "GPU 0 gave Xid 31 (GPU memory page fault) of container cccccccccccc 3s ago; "
        "NVIDIA's advice: restart the application"
    )
    assert describe(9999) == "Xid 9999"


def test_the_page_has_the_table_as_the_code_makes_it() -> None:
    """Paste in what xid_table() gives when this fails."""
    page = PAGE.read_text(encoding="utf-8")
    assert page.split("<!-- xids -->\n")[1].split("<!-- /xids -->")[0] == xid_table()
