"""Who has which rota, as `views.py` has it. Reads everything, changes nothing."""

from __future__ import annotations

from datetime import datetime

from nemo_watchdog.engine.oncall import Oncall, Swap
from nemo_watchdog.people_views import RotaView, SwapView


def rotas(oncall: Oncall, at: datetime) -> dict[str, RotaView]:
    return {name: _rota(oncall, name, at) for name in oncall.rotas()}


def _rota(oncall: Oncall, name: str, at: datetime) -> RotaView:
    rota, has, until = oncall.contacts[name].rota, oncall.has(name, at), oncall.until(name, at)
    return RotaView(
        people=has.people,
        because=has.because,
        until=until.isoformat() if until is not None else None,
        then=oncall.has(name, until).people if until is not None else (),
        turns=rota.people if rota is not None else (),
        zone=str(rota.zone) if rota is not None else "",
        swap=_swap(has.swap) if has.swap is not None else None,
    )


def _swap(swap: Swap) -> SwapView:
    return SwapView(swap.person, swap.until.isoformat(), swap.reason, swap.by)
