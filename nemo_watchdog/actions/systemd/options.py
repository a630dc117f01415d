"""What a step that acts on a unit may say, and what its machine must have."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator

from nemo_watchdog.actions.options import ActionOptions
from nemo_watchdog.actions.systemd.system_bus import no_bus_here
from nemo_watchdog.policy.unit_names import check_unit_to_act_on
from nemo_watchdog.ports import Subject

TARGET_KIND = "unit"

UnitName = Annotated[str, AfterValidator(check_unit_to_act_on)]


class RestartOptions(ActionOptions):
    """Restart a systemd unit that runs or has failed, then look whether that helped."""

    unit: UnitName
    """The unit; a service where it has no suffix."""


class StartOptions(ActionOptions):
    """Start a systemd unit that has failed, then look whether that helped."""

    unit: UnitName
    """The unit; a service where it has no suffix."""
    when_stopped: Literal["leave", "start"] = "leave"
    """What to do with a unit that was stopped in order, and so perhaps by a person."""


class ReloadOptions(ActionOptions):
    """Let a systemd unit read its configuration anew, then look whether that helped."""

    unit: UnitName
    """The unit; a service where it has no suffix."""


UnitOptions = RestartOptions | StartOptions | ReloadOptions


def the_unit(options: UnitOptions, _subject: Subject) -> str:
    """The unit, whose budget all dependencies share that name it."""
    return options.unit


def lacks_a_bus(_options: UnitOptions) -> str:
    return no_bus_here()
