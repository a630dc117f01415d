"""Most actions in a window. Windows slide on the monotonic clock: no jump of the wall clock refills one."""

from __future__ import annotations

from collections.abc import Iterable

from nemo_watchdog.policy.policy import Budget


def spent(budget: Budget, spends: Iterable[float], now: float) -> int:
    """How many of `spends` (monotonic seconds) lie in the window that ends now."""
    return sum(1 for at in spends if now - at < budget.window)


def free_at(budget: Budget, spends: Iterable[float], now: float) -> float:
    """Monotonic seconds at which the window has moved so far that one more fits; now, where one does already."""
    inside = sorted(at for at in spends if now - at < budget.window)
    return now if len(inside) < budget.count else inside[len(inside) - budget.count] + budget.window


def remaining(budget: Budget, spends: Iterable[float], now: float) -> int:
    return max(0, budget.count - spent(budget, spends, now))
