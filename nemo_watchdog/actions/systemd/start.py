"""`systemctl start` of a unit that has failed, by systemd itself over the system bus."""

from __future__ import annotations

from nemo_watchdog.actions.systemd.options import TARGET_KIND, StartOptions, lacks_a_bus, the_unit
from nemo_watchdog.actions.systemd.unit_order import making
from nemo_watchdog.actions.systemd.unit_seen import Verb
from nemo_watchdog.ports import ActionKind

KIND = ActionKind(
    options=StartOptions,
    make=making(Verb.START),
    target_kind=TARGET_KIND,
    target=the_unit,
    destroys=False,
    lacks=lacks_a_bus,
)
