"""What experience does to the durable state. `replay` applies it."""

from __future__ import annotations

from nemo_watchdog import records as r
from nemo_watchdog.engine.proven import ProvenImage
from nemo_watchdog.engine.state import Durable
from nemo_watchdog.model import Moment


def _remedy(record: r.RemedyLearned, state: Durable, _at: Moment) -> None:
    state.memory.take(record)


def _start(record: r.StartLearned, state: Durable, _at: Moment) -> None:
    state.seen.starts.take(record)


def _image(record: r.ImageProven, state: Durable, at: Moment) -> None:
    state.proven_images[record.container] = ProvenImage(record.image_id, record.image_name, record.served, at)


APPLIED = (_remedy, _start, _image)
