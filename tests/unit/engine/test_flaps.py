"""The share of changes and its two marks, by themselves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nemo_watchdog.engine.flaps import MOST, Flaps, ends_at, is_due, share
from nemo_watchdog.policy.policy import Flapping

MARKS = Flapping()
NOW = 10_000.0

marks = st.builds(
    lambda window, low, more: Flapping(window, min(1.0, low + more), low),
    st.floats(10.0, 86400.0),
    st.floats(0.01, 0.5),
    st.floats(0.01, 0.5),
)
gaps = st.lists(st.floats(0.0, 2000.0), min_size=1, max_size=60)


def times(each: list[float]) -> list[float]:
    at, found = NOW, []
    for gap in each:
        at += gap
        found.append(at)
    return found


def test_a_change_weighs_less_the_older_it_is() -> None:
    """1.2 now, 0.8 at the end of the window, nothing after it; of 20."""
    assert [round(share([NOW], MARKS, NOW + age) * 20, 3) for age in (0.0, 600.0, 1199.9, 1200.0)] == [1.2, 1.0, 0.8, 0]


def test_the_third_failure_within_minutes_reaches_the_high_mark() -> None:
    """Down and back twice, and down: every 4 minutes is found, every 20 is not."""
    for every, found in ((10.0, True), (240.0, True), (600.0, False), (1200.0, False)):
        changes = [NOW + every * n + back for n in range(6) for back in (0.0, 5.0)]
        due = [is_due(Flaps(changes=changes[:n]), MARKS, changes[n - 1]) for n in range(1, len(changes) + 1)]
        assert any(due) is found
        assert not any(due[:4])


def test_it_begins_at_the_high_mark_itself() -> None:
    """One change now is 6% of twenty slots, and the mark is at 6%."""
    assert is_due(Flaps(changes=[NOW]), Flapping(1200.0, 0.06, 0.05), NOW)
    assert not is_due(Flaps(changes=[NOW]), Flapping(1200.0, 0.0601, 0.05), NOW)


def test_two_outages_are_no_flapping_however_close() -> None:
    """Whatever their times are."""
    assert not is_due(Flaps(changes=[NOW] * 4), MARKS, NOW)


@given(gaps, marks)
def test_the_end_is_when_the_share_is_below_the_low_mark_and_not_sooner(each: list[float], flapping: Flapping) -> None:
    """At the end that was foretold it is below, but for rounding, and at every moment before it is not."""
    changes = times(each)
    over = ends_at(changes, flapping)
    assert share(changes, flapping, over + 1e-6 * flapping.window) < flapping.low
    for before in (over - flapping.window * part for part in (1e-6, 0.01, 0.1)):
        if before >= changes[-1]:
            assert share(changes, flapping, before) >= flapping.low


@given(gaps, marks)
def test_it_never_ends_as_it_begins(each: list[float], flapping: Flapping) -> None:
    """Between the marks there is time: at a change that reaches the high one, the end lies ahead."""
    changes = times(each)
    if is_due(Flaps(changes=changes), flapping, changes[-1]):
        assert ends_at(changes, flapping) > changes[-1]


@given(gaps, marks, st.lists(st.floats(0.0, 3.0), max_size=20))
def test_without_changes_it_never_begins_and_ends_at_most_once(
    each: list[float], flapping: Flapping, looks: list[float]
) -> None:
    """The share only falls: what was not due at the last change is not due later, and what has ended stays so."""
    changes = times(each)
    due, over = is_due(Flaps(changes=changes), flapping, changes[-1]), False
    for part in sorted(looks):
        now = changes[-1] + part * flapping.window
        assert due or not is_due(Flaps(changes=changes), flapping, now)
        assert not (over and now < ends_at(changes, flapping))
        over = now >= ends_at(changes, flapping)
        assert not (over and is_due(Flaps(changes=changes), flapping, now + 1e-6 * flapping.window))


@given(gaps, marks, st.floats(0.0, 3.0))
def test_what_is_pruned_changes_no_end(each: list[float], flapping: Flapping, later: float) -> None:
    """A daemon that pruned and one that did not come to the same."""
    changes = times(each)
    now = changes[-1] + later * flapping.window
    kept = Flaps(changes=list(changes), window=flapping.window)
    kept.forget_old(now)
    assert len(kept.changes) <= MOST
    ended = now >= ends_at(changes, flapping)
    assert (now >= ends_at(kept.changes, flapping)) is ended
    if not ended:
        assert abs(ends_at(kept.changes, flapping) - ends_at(changes, flapping)) < 1e-6


def test_a_storm_of_changes_is_remembered_by_its_newest() -> None:
    """Memory has a bound, and the end does not move for it."""
    flaps, every = Flaps(), [NOW + 0.1 * n for n in range(1000)]
    for at in every:
        flaps.take_run(at, 2, MARKS.window, ordered=False)
    assert len(flaps.changes) == MOST
    assert ends_at(flaps.changes, MARKS) == ends_at(sorted([*every, *every]), MARKS)
