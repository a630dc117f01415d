"""One incident in a line: from the records that there are, however few."""

from __future__ import annotations

from nemo_watchdog import records as r
from nemo_watchdog.incident_views import IncidentSummaryView
from nemo_watchdog.model import Moment
from nemo_watchdog.timeline.summary import summary_of
from tests.unit.pasts import at

OPENED = r.IncidentOpened("i", "redis", "SEV3", "slow", "degraded", "busy", "slow", "took 900 ms")


def summed(*records: r.Record, now: float = 500.0) -> IncidentSummaryView:
    """Ten seconds lie between one and the next."""
    moments: list[tuple[Moment, r.Record]] = [(at(10.0 * n), record) for n, record in enumerate(records)]
    return summary_of("i", [(moment, record.body()) for moment, record in moments], lambda *_: "title", at(now).utc)


def test_an_open_one_lasts_until_now() -> None:
    summary = summed(OPENED)
    assert (summary.resolved, summary.why, summary.seconds) == (None, "", 500.0)


def test_a_reopened_one_is_open_until_its_last_end() -> None:
    """It counts from its opening, and what it was opened again for is what it is about."""
    over = r.IncidentResolved("i", "redis", 10.0, "every member is up")
    again = r.IncidentReopened("i", "redis", "refused", "no one listens")
    opened = summed(OPENED, over, again)
    assert (opened.resolved, opened.why, opened.reopened, opened.reason) == (None, "", 1, "refused")
    ended = summed(OPENED, over, again, over)
    assert (ended.seconds, ended.reopened, ended.why) == (30.0, 1, "every member is up")


def test_the_gravest_that_it_was_and_by_which_rule() -> None:
    """A merged one goes on elsewhere."""
    summary = summed(OPENED, r.SeverityRaised("i", "SEV1", "outage", "SEV3", "redis"), r.IncidentMerged("i", "j"))
    assert (summary.severity, summary.rule) == ("SEV1", "outage")
    assert (summary.merged_into, summary.why, summary.seconds) == ("j", "it goes on in j", 20.0)


def test_one_that_another_was_merged_into_goes_on() -> None:
    assert summed(OPENED, r.IncidentMerged("j", "i")).resolved is None


def test_what_was_refused_was_not_done() -> None:
    """One was carried out, the other only intended."""
    intents = [
        r.ActionIntended("i", each, "redis", "restart", 0, 1, "docker.restart", "c-redis", 20.0) for each in ("1", "2")
    ]
    refused = r.ActionEnded("i", "2", "redis", "docker.restart", "refused", "", 5.0, 0.0, False)
    assert summed(OPENED, *intents, refused).actions == 1


def test_a_declared_one_says_what_the_person_said() -> None:
    """Also where it names no dependency."""
    declared = r.IncidentDeclared("i", "users see old prices", "SEV2", "anna")
    summary = summed(declared, r.IncidentResolved("i", "", 10.0, "resolved by anna: deployed again"))
    assert (summary.declared, summary.root, summary.members) == ("users see old prices", "", ())
    assert (summary.severity, summary.why, summary.seconds) == ("SEV2", "resolved by anna: deployed again", 10.0)


def test_who_has_taken_it_on_has_it_until_it_becomes_graver() -> None:
    """For as long as he said."""
    taken = r.IncidentAcknowledged("i", "anna", 60.0)
    summary = summed(OPENED, taken)
    assert summary.acknowledged is not None
    assert (summary.acknowledged.by, summary.acknowledged.until) == ("anna", at(70.0).utc.isoformat())
    assert summed(OPENED, taken, r.SeverityRaised("i", "SEV1", "outage", "SEV3", "redis")).acknowledged is None
    assert summed(OPENED, taken, r.SeverityRaised("i", "SEV3", "slower", "SEV3", "redis")).acknowledged is not None


def test_what_is_left_of_one_is_summed_up() -> None:
    """Of a damaged journal that a person accepted the record of the opening may be gone."""
    summary = summed(
        r.MemberJoined("i", "gateway", "refused", ""), r.IncidentResolved("i", "redis", 10.0, "every member is up")
    )
    assert (summary.root, summary.members, summary.severity, summary.seconds) == ("redis", ("gateway",), "", 10.0)
