"""What the suites count: orders, from Docker's events as an Engine 20.10 tells them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.suites.witness import orders_in

RESTART = "kill:15 die stop start restart"
ANEW = "create:web-nemo-new@new kill:15 die stop rename:web-nemo-old rename:web@new start@new destroy:web-nemo-old"


def events(told: str, image: str = "app:1") -> list[Mapping[str, Any]]:
    """From words `ACTION[:SIGNAL or NAME][@ID]`; `image` is that of what is `@new`."""
    made: list[Mapping[str, Any]] = []
    for at, word in enumerate(told.split()):
        what, _, who = word.partition("@")
        action, _, more = what.partition(":")
        attributes = {"name": "web", "image": image if who else "app:1"}
        if more:
            attributes["signal" if action == "kill" else "name"] = more
        made.append({"Action": action, "timeNano": at, "Actor": {"ID": who or "old", "Attributes": attributes}})
    return made


@pytest.mark.parametrize(
    ("told", "orders"),
    [
        ("die start", {"start": 1}),
        (RESTART, {"restart": 1}),
        (f"{RESTART} {RESTART}", {"restart": 2}),
        ("die start restart", {"restart": 1}),
        ("kill:2 kill:9 die stop start restart", {"restart": 1}),
        ("kill:15 die stop", {"stop": 1}),
        (f"kill:15 die stop start die {RESTART}", {"stop": 1, "start": 1, "restart": 1}),
        (f"kill:15 die stop start {RESTART}", {"stop": 1, "start": 1, "restart": 1}),
        ("kill:9 die", {"kill 9": 1}),
        ("kill:1", {"kill 1": 1}),
        ("kill:1 kill:15 die stop", {"kill 1": 1, "stop": 1}),
        ("pause unpause", {"pause": 1, "unpause": 1}),
        ("exec_create exec_start exec_die top", {}),
        ("create:web_2@new start:web_2@new", {"create": 1}),
        ("create:web_2@new start:web_2@new die:web_2@new start:web_2@new", {"create": 1, "start": 1}),
        ("kill:9 die destroy create@new start@new", {"kill 9": 1, "remove": 1, "create": 1}),
        (ANEW, {"recreate": 1, "stop": 1, "rename": 2, "remove": 1}),
    ],
)
def test_an_order_is_counted_once(told: str, orders: Mapping[str, int]) -> None:
    """However many events it is."""
    assert orders_in(events(f"exec_create {told}")) == orders


def test_a_new_container_from_another_image_is_a_rollback() -> None:
    """By the image of the one whose place it is to take."""
    counted = orders_in(events(f"exec_create {ANEW}", "app:0"))
    assert counted == {"rollback": 1, "stop": 1, "rename": 2, "remove": 1}


def test_events_count_in_the_order_of_their_times() -> None:
    """What was heard and what was remembered come mixed."""
    assert orders_in(reversed(events(RESTART))) == {"restart": 1}
