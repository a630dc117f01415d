"""`systemctl restart` of a unit that runs or has failed, by systemd itself over the system bus."""

from __future__ import annotations

from nemo_watchdog.actions.systemd.options import TARGET_KIND, RestartOptions, lacks_a_bus, the_unit
from nemo_watchdog.actions.systemd.unit_order import making
from nemo_watchdog.actions.systemd.unit_seen import Verb
from nemo_watchdog.ports import ActionKind

KIND = ActionKind(
    options=RestartOptions,
    make=making(Verb.RESTART),
    target_kind=TARGET_KIND,
    target=the_unit,
    destroys=True,
    lacks=lacks_a_bus,
)
