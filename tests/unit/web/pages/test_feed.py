"""The feed: a valid one by RFC 4287, whatever others wrote, with an entry for whatever users are told."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest

from nemo_watchdog.public_views import PublicUpdateView, PublicView
from nemo_watchdog.web.pages.feed import MOST, Places, feed_text
from nemo_watchdog.web.pages.public_words import plain
from tests.unit.web.pages.atom import ATOM, Closed, markup_of, text, valid
from tests.unit.web.pages.views import HOSTILE, NOW, ago, hostile, incident, public, work

PLACES = Places("https://status.example.com/status.atom", "https://status.example.com/status")
BROKEN: tuple[Callable[[str], str], ...] = (
    lambda feed: feed.replace("<title>Status</title>", ""),
    lambda feed: feed.replace("<title>Status</title>", "<title>a</title><title>b</title>"),
    lambda feed: feed.replace("<author><name>Status</name></author>", ""),
    lambda feed: feed.replace("urn:uuid:", "", 1),
    lambda feed: feed.replace("Z</updated>", "</updated>"),
    lambda feed: feed.replace("<entry>", "<entry><more/>", 1),
    lambda feed: feed.replace('type="html"', 'type="html" class="x"', 1),
    lambda feed: feed.replace("&lt;/p&gt;", "", 1),
    lambda feed: feed.replace("https://status.example.com", "", 1),
    lambda feed: feed.replace("2005/Atom", "2005/Adam"),
)


def full() -> PublicView:
    newest, oldest = PublicUpdateView(ago(minutes=5), "We are on it."), PublicUpdateView(ago(minutes=50), "We look.")
    past = incident("Chat", "Files", began=ago(days=3), ended=ago(days=2, hours=23), name="b" * 16)
    return public(
        incidents=(incident("Chat", updates=(newest, oldest)),),
        history=(past,),
        maintenance=(work("Database upgrade"),),
    )


def feed(view: PublicView, places: Places = PLACES) -> ET.Element:
    return valid(feed_text(view, places).encode(), relative=not places.feed.startswith("https"))


def entries(view: PublicView) -> list[ET.Element]:
    return feed(view).findall(f"{ATOM}entry")


def shown(entry: ET.Element) -> Closed:
    """As a reader shows it."""
    found = entry.find(f"{ATOM}content")
    assert found is not None
    return markup_of(found)


def content(entry: ET.Element) -> str:
    return shown(entry).text


@pytest.mark.parametrize("mistake", range(len(BROKEN)))
def test_what_is_no_feed_is_found_to_be_none(mistake: int) -> None:
    """The check is strict: each of these is seen."""
    good = feed_text(full(), PLACES)
    broken = BROKEN[mistake](good)
    assert broken != good
    with pytest.raises(AssertionError):
        valid(broken.encode())


def test_there_is_an_entry_for_each_incident_and_each_work() -> None:
    """What changed last is first, and the feed is as new as that."""
    view = full()
    first, *rest = entries(view)
    assert [text(each, "title") for each in (first, *rest)] == [
        "Chat is not available",
        "Outage that concerns Chat and Files",
        "Database upgrade",
    ]
    assert text(first, "updated") == text(feed(view), "updated") == "2026-11-23T03:15:04Z"
    assert text(first, "published") == "2026-11-23T02:20:04Z"
    assert text(rest[0], "updated") == "2026-11-20T04:20:04Z"


def test_an_entry_tells_all_that_users_are_told() -> None:
    """What people wrote first, the newest before the rest, with its time."""
    outage, past, upgrade = entries(full())
    assert content(outage) == (
        "23 Nov, 03:15 UTC: We are on it.23 Nov, 02:30 UTC: We look.Components: Chat.Since 23 Nov, 02:20 UTC."
    )
    assert content(past) == "Components: Chat, Files.20 Nov, 03:20 to 04:20 UTC (1 hour)."
    assert content(upgrade) == "Components: Chat.24 Nov, 03:00 to 04:00 UTC."


def test_an_entry_leads_to_its_place_on_the_page() -> None:
    link = entries(full())[0].find(f"{ATOM}link")
    assert link is not None
    assert link.get("href") == "https://status.example.com/status#a1b2c3d4e5f60718"


def test_an_entry_stays_the_same_one() -> None:
    """While it changes, and by whatever address it is read."""
    before, after = (public(incidents=(incident("Chat", state=state),)) for state in ("degraded", "outage"))
    ids = {text(entries(view)[0], "id") for view in (before, after)}
    other = feed(after, Places()).find(f"{ATOM}entry")
    assert other is not None
    assert ids == {text(other, "id")}
    assert len({text(each, "id") for each in entries(full())}) == 3


def test_work_is_news_when_it_comes_into_sight_and_when_it_begins() -> None:
    """In between its entry does not change."""
    soon, going = public(maintenance=(work(begins=24.0),)), public(maintenance=(work(begins=-1.0, lasts=2.0),))
    assert text(entries(soon)[0], "updated") == "2026-11-17T03:00:00Z"
    assert text(entries(going)[0], "updated") == "2026-11-23T02:00:00Z"
    assert text(entries(soon)[0], "title") == "Planned maintenance"


def test_a_feed_without_news_stays_the_same_for_a_day() -> None:
    """And so does one of a policy that publishes nothing."""
    nothing = PublicView(published=False, at=NOW.isoformat(), state="unknown")
    for view in (public(), nothing):
        assert text(feed(view), "updated") == "2026-11-23T00:00:00Z"
        assert entries(view) == []


def test_where_nobody_knows_its_address_links_are_relative() -> None:
    made = feed(full(), Places())
    links = {each.get("rel"): each.get("href") for each in made.findall(f"{ATOM}link")}
    assert links == {"self": "status.atom", "alternate": "status"}


def test_it_has_so_many_entries() -> None:
    """Those that changed last."""
    many = tuple(
        incident("Chat", began=ago(hours=number + 1), ended=ago(hours=number), name=f"{number:016x}")
        for number in range(MOST + 10)
    )
    told = entries(public(history=many))
    assert len(told) == MOST
    assert text(told[-1], "updated") == f"{NOW.replace(tzinfo=None).isoformat()[:8]}21T02:20:04Z"


@pytest.mark.parametrize("others", HOSTILE, ids=["script", "cdata", "quotes", "bidi", "controls", "template", "long"])
def test_what_others_wrote_is_text(others: str) -> None:
    """In titles, and once more in what a reader shows."""
    made = entries(hostile(others))
    tags = [shown(each).tags for each in made]
    assert tags == [shown(each).tags for each in entries(hostile("Chat"))]
    assert tags[0] == ["div", "p", "p", "p"]
    readable = plain(others)
    assert all(readable in content(each) for each in made)
    assert " ".join(readable.split()) in text(made[0], "title")
