"""What the daemon cannot do itself: told from its begin to its end, whatever is found between."""

from __future__ import annotations

from nemo_watchdog.runtime.troubles import Trouble, Troubles
from tests.unit.journal.parts import MovableClock, moment


def test_a_trouble_keeps_its_begin_and_has_its_newest_cause() -> None:
    clock = MovableClock()
    troubles = Troubles(clock, str)
    began = clock.now().utc.isoformat()
    assert troubles.found(Trouble.CONTACT, "refused", "on-call")
    clock.moment = moment(60)
    assert not troubles.found(Trouble.CONTACT, "timed out", "on-call")
    (view,) = troubles.views()
    assert (view.what, view.why, view.since) == ("contact on-call is not told", "timed out", began)
    assert troubles.over(Trouble.CONTACT, "on-call")
    assert not troubles.over(Trouble.CONTACT, "on-call")
    assert not troubles.views()


def test_whom_the_policy_names_no_more_is_no_trouble() -> None:
    """Of the others of its kind and of other kinds nothing changes."""
    troubles = Troubles(MovableClock(), str)
    troubles.found(Trouble.DOCKER, "no socket")
    troubles.found(Trouble.CONTACT, "refused", "on-call")
    troubles.found(Trouble.CONTACT, "refused", "team")
    troubles.keep(Trouble.CONTACT, {"team"})
    assert [view.what for view in troubles.views()] == [
        "Docker does not answer and nothing is restarted",
        "contact team is not told",
    ]
