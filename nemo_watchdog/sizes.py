"""How people read a number of bytes: `512 KiB`, `99 MiB`, `1.5 GiB`. The one place that writes one."""

from __future__ import annotations

_KIB, _MIB, _GIB = 1 << 10, 1 << 20, 1 << 30


def size(count: float) -> str:
    """Never more than there is: what is left is rounded down, but for the decimal of a GiB."""
    if count >= _GIB:
        return f"{count / _GIB:.1f} GiB"
    return f"{count // _MIB:.0f} MiB" if count >= _MIB else f"{count // _KIB:.0f} KiB"
