"""`systemctl reload` of a unit that runs, by systemd itself over the system bus."""

from __future__ import annotations

from nemo_watchdog.actions.systemd.options import TARGET_KIND, ReloadOptions, lacks_a_bus, the_unit
from nemo_watchdog.actions.systemd.unit_order import making
from nemo_watchdog.actions.systemd.unit_seen import Verb
from nemo_watchdog.ports import ActionKind

KIND = ActionKind(
    options=ReloadOptions,
    make=making(Verb.RELOAD),
    target_kind=TARGET_KIND,
    target=the_unit,
    destroys=False,
    lacks=lacks_a_bus,
)
