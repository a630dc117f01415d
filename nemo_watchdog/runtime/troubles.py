"""What the daemon cannot do itself, for whoever asks how it is: see Docker, tell a contact, keep evidence."""

from __future__ import annotations

from collections.abc import Callable, Container
from enum import StrEnum

from nemo_watchdog.ports import Clock
from nemo_watchdog.views import TroubleView


class Trouble(StrEnum):
    """As a sentence that the cause ends."""

    DOCKER = "Docker does not answer and nothing is restarted"
    CONTACT = "contact {} is not told"
    ALERTMANAGER = "Alertmanager {} takes no alerts"
    SILENCES = "what is silenced in Alertmanager {} is told all the same"
    DEADMAN = "the dead man's switch is not told"
    CALENDAR = "the rota {} goes by turns instead of by its calendar"
    TEMPLATE = "template {} is not used"
    IMAGE = "the image that {} may go back to is lost when images are pruned"
    ARCHIVE = "no evidence and no history is kept"


class Troubles:
    """Each begins and ends; how often it is found between does not matter. `of` names one of several alike."""

    def __init__(self, clock: Clock, redact: Callable[[str], str]) -> None:
        """`redact` takes the secrets out of a text."""
        self._clock = clock
        self._redact = redact
        self._open: dict[tuple[Trouble, str], TroubleView] = {}

    def found(self, trouble: Trouble, why: str, of: str = "") -> bool:
        """Whether it is new."""
        known = self._open.get((trouble, of))
        since = self._clock.now().utc.isoformat() if known is None else known.since
        self._open[trouble, of] = TroubleView(self._redact(trouble.format(of)), self._redact(why), since)
        return known is None

    def over(self, trouble: Trouble, of: str = "") -> bool:
        """Whether there was any."""
        return self._open.pop((trouble, of), None) is not None

    def is_open(self, trouble: Trouble, of: str = "") -> bool:
        return (trouble, of) in self._open

    def keep(self, trouble: Trouble, of: Container[str]) -> None:
        """What the policy names no more is no trouble."""
        self._open = {key: view for key, view in self._open.items() if key[0] is not trouble or key[1] in of}

    def views(self) -> tuple[TroubleView, ...]:
        """The oldest first."""
        return tuple(self._open.values())
