"""Which mutant is alive in this process, and which were reached."""

from __future__ import annotations

NONE = 0


class Switch:
    def __init__(self) -> None:
        self.alive = NONE
        self.reached: set[int] = set()

    def __call__(self, mutant: int) -> bool:
        """Asked at the place of the mutant each time that it is passed."""
        if self.alive == NONE:
            self.reached.add(mutant)
        return mutant == self.alive


switch = Switch()
