"""What experience has taught. Outside of incidents; of each key the newest record says all that is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nemo_watchdog.records.record import Record


@dataclass(frozen=True, slots=True)
class RemedyLearned(Record):
    """How often an action was used for a reason, and helped; `useless`: how often in a row it did not, lately.

    `took` has the seconds from its end to a healthy dependency, of the last times. `image` is the id of the one that
    the container was made from, empty without a container; `options` a digest of the step's own.
    """

    TYPE: ClassVar[str] = "remedy_learned"
    dependency: str
    image: str
    reason: str
    action: str
    options: str
    used: int
    helped: int
    useless: int
    took: list[float]
    incident: str = ""


@dataclass(frozen=True, slots=True)
class StartLearned(Record):
    """How many seconds the last starts of a container of that image took, from its start to the first good look."""

    TYPE: ClassVar[str] = "start_learned"
    dependency: str
    image: str
    seconds: list[float]
    incident: str = ""


@dataclass(frozen=True, slots=True)
class ImageProven(Record):
    """The container has served for so many seconds from that image: it may be gone back to.

    Of each dependency the newest record counts, whatever the image: so its id has a name of its own.
    """

    TYPE: ClassVar[str] = "image_proven"
    dependency: str
    container: str
    image_id: str
    image_name: str
    served: float
    incident: str = ""
