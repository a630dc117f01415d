"""The names of units in a policy: which may be watched, and which may be acted on."""

from __future__ import annotations

import pytest
from pydantic_core import PydanticCustomError

from nemo_watchdog.policy.unit_names import check_unit_name, check_unit_to_act_on


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("nginx", "nginx.service"),
        ("nginx.service", "nginx.service"),
        ("worker@3", "worker@3.service"),
        ("python3.11", "python3.11.service"),
        ("backup.timer", "backup.timer"),
        (r"mnt-a\x20b.mount", r"mnt-a\x20b.mount"),
    ],
)
def test_what_has_no_suffix_is_a_service(written: str, meant: str) -> None:
    """As systemctl reads it."""
    assert check_unit_to_act_on(written) == meant


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("", "expected a unit's name"),
        ("-rf", "expected a unit's name"),
        ("a b", "expected a unit's name"),
        ("../x", "expected a unit's name"),
        ("nginx\n", "expected a unit's name"),
        ("x" * 250, "expected a unit's name"),
        ("system.slice", "`.slice` is many units"),
        ("reboot.target", "`.target` is many units"),
        ("sda.device", "`.device` is many units"),
        ("worker@", "it is a template: name an instance, such as `job@1.service`"),
        ("nemo-watchdog", "it is the watchdog's own"),
        ("nemo-watchdog.service", "it is the watchdog's own"),
    ],
)
def test_what_cannot_be_acted_on_is_said_so(written: str, why: str) -> None:
    """No name, a template, what stands for many, and the watchdog itself."""
    with pytest.raises(PydanticCustomError, match=why):
        check_unit_to_act_on(written)


def test_what_is_watched_has_its_full_name() -> None:
    """Of any kind, a template's instance among them."""
    assert check_unit_name("system.slice") == "system.slice"
    with pytest.raises(PydanticCustomError, match="a unit's full name"):
        check_unit_name("nginx")
