"""An incident that was, in lines: of a storm as few as can be read."""

from __future__ import annotations

from datetime import UTC

from nemo_watchdog.incident_views import TimelineEntryView
from nemo_watchdog.view_words import Clock
from nemo_watchdog.web.pages.past_lines import ALIKE, MOST_ENTRIES, entries

AT = "2026-11-28T03:20:00+00:00"
CLOCK = Clock(AT, UTC)


def timeline(members: int) -> list[TimelineEntryView]:
    """An incident that so many joined."""
    joined = [TimelineEntryView(AT, "member_joined", f"d{n}", f"d{n} is down") for n in range(members)]
    first, last = (TimelineEntryView(AT, kind, "d0", kind) for kind in ("incident_opened", "incident_resolved"))
    return [first, *joined, last]


def test_all_is_said_where_it_can_be_read() -> None:
    few = timeline(MOST_ENTRIES - 2)
    assert [each.said for each in entries(few, CLOCK)] == [each.said for each in few]


def test_of_very_many_alike_the_first_and_the_last_are_said_and_the_others_counted() -> None:
    """At the place where they were; what happened once is there."""
    made = entries(timeline(600), CLOCK)
    assert [each.kind for each in made] == ["incident_opened", *["member_joined"] * (ALIKE + 1), "incident_resolved"]
    said = [each.said for each in made]
    half = ALIKE // 2
    assert said[half : half + 3] == [
        f"d{half - 1} is down",
        "and 580 more of this kind, which the report has",
        "d590 is down",
    ]
    assert said[-2] == "d599 is down"


def test_one_alone_is_not_left_out() -> None:
    """A line that counts it would take its place."""
    kinds = [TimelineEntryView(AT, f"kind_{n}", None, "x") for n in range(MOST_ENTRIES)]
    alike = [TimelineEntryView(AT, "alike", None, "x")] * (ALIKE + 1)
    assert len(entries([*kinds, *alike], CLOCK)) == MOST_ENTRIES + ALIKE + 1
