"""The status page: one sentence, bars, what happened, and what others wrote as text."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from nemo_watchdog.public_views import PublicUpdateView, PublicView
from nemo_watchdog.web.pages.assets import assets
from nemo_watchdog.web.pages.public import (
    MOST_NAMED,
    MOST_PAST,
    MOST_ROWS,
    MOST_SPOKEN,
    Bar,
    bars_of,
    page_text,
    status_page,
)
from nemo_watchdog.web.pages.public_words import percent, plain
from tests.unit.web.pages.views import HOSTILE, NOW, ago, component, days, hostile, incident, public, work

VOID = {"meta", "link", "circle", "path", "use"}
TODAY = NOW.date()


class Read(HTMLParser):
    """A page as a browser reads it; what is not closed in its order is a mistake."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str | None]] = []
        self.ids: list[str] = []
        self.texts: list[str] = []
        self.headings: list[int] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += attrs
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag in {"h1", "h2", "h3", "h4", "h5", "h6"}:
            self.headings.append(int(tag[1]))
        if tag not in VOID or tag == "path":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(" ".join(data.split()))

    @property
    def text(self) -> str:
        return " ".join(self.texts)


def read(view: PublicView) -> Read:
    made = Read(page_text(view, stylesheet="status.css", icon="icon.svg"))
    assert made.open == []
    return made


def full() -> PublicView:
    """With something in every part."""
    update = PublicUpdateView(ago(minutes=5), "We are on it.\nNothing is lost.")
    return public(
        component("Chat", "outage", 0.9998, days({11: 0.972})),
        component("Search"),
        state="outage",
        incidents=(incident("Chat", updates=(update,)),),
        history=(incident("Chat", "Search", "Files", began=ago(days=3), ended=ago(days=2, hours=23), name="b" * 16),),
        maintenance=(work("Database upgrade"),),
    )


# -- the sentence


@pytest.mark.parametrize(
    ("states", "said"),
    [
        ({"Chat": "operational", "Files": "operational"}, "All systems are operational"),
        ({"Chat": "outage", "Files": "operational"}, "Chat is not available"),
        ({"Chat": "outage", "Files": "outage"}, "Chat and Files are not available"),
        ({"Chat": "degraded", "Files": "degraded", "Search": "degraded"}, "Chat and 2 more are disturbed"),
        ({"Chat": "degraded", "Files": "outage"}, "Files is not available, Chat is disturbed"),
        ({"A": "degraded", "B": "degraded", "Files": "outage"}, "Files is not available, 2 more are disturbed"),
        ({"Chat": "maintenance", "Files": "operational"}, "Chat is under maintenance"),
        ({"Chat": "unknown"}, "The state of Chat is not known"),
        ({"Chat": "unknown", "Files": "operational"}, "The state of one component is not known"),
        ({"Chat": "unknown", "Files": "unknown"}, "The state of 2 components is not known"),
        ({"Chat": "of tomorrow"}, "The state of Chat is not known"),
    ],
)
def test_the_whole_is_said_in_a_sentence(states: dict[str, str], said: str) -> None:
    """It is the title and the first heading."""
    view = public(*(component(name, state) for name, state in states.items()))
    assert status_page(view).sentence == said
    text = page_text(view, stylesheet="x")
    assert f"<title>{said} · Status</title>" in text
    assert f'<h1 dir="auto">{said}</h1>' in text


def test_a_page_says_of_when_it_is() -> None:
    """A file of it ages."""
    assert "As of 23 Nov 2026, 03:20 UTC" in read(public()).text


def test_where_nothing_is_published_it_says_how() -> None:
    """And claims nothing of how anything is."""
    page = read(PublicView(published=False, at=NOW.isoformat(), state="unknown"))
    assert "Nothing is published here" in page.text
    assert "public: name: Chat" in page.text
    assert "incidents" not in page.text
    assert "operational" not in page.text


def test_while_history_is_read_it_says_so() -> None:
    """And claims no day without incidents."""
    page = read(public(complete=False))
    assert "Some of the history is still being read." in page.text
    assert "10 to 23 Nov: No incidents known" in page.text
    assert "still being read" not in read(public()).text


# -- bars and uptime


@pytest.mark.parametrize(
    ("share", "said"),
    [(1.0, "100 %"), (0.999999, "99.99 %"), (0.9998, "99.98 %"), (0.972, "97.2 %"), (0.5, "50 %"), (0.0, "0 %")],
)
def test_uptime_is_never_rounded_up(share: float, said: str) -> None:
    """All of it is 100 %, and nothing else is."""
    assert percent(share) == said


def test_each_day_is_a_bar() -> None:
    """Lower and of another colour the worse it was; of which nothing is known a dot."""
    bars = bars_of(component(uptime=0.99, seen=days({0: 0.5, 1: 0.999}, known=80)), TODAY)
    groups = {word: [bar.title for bar in those] for word, those in bars.groups}
    assert {word: len(titles) for word, titles in groups.items()} == {"full": 78, "most": 1, "part": 1, "none": 10}
    assert (groups["part"], groups["most"]) == (["23 Nov: 50 %"], ["22 Nov: 99.9 %"])
    assert groups["none"][0] == "26 Aug: nothing was seen"
    assert (bars.width, bars.groups[0][0]) == (450, "full")


@pytest.mark.parametrize(
    ("uptime", "given", "known", "said"),
    [
        (0.9998, {11: 0.972}, 90, "Uptime of 90 days: 99.98 %, worst day 12 Nov 97.2 %"),
        (1.0, {}, 90, "Uptime of 90 days: 100 %"),
        (1.0, {}, 5, "Uptime of 5 of 90 days: 100 %"),
        (0.0, {0: 0.0}, 1, "Uptime of 1 of 90 days: 0 %, worst day 23 Nov 0 %"),
        (None, {}, 0, "Uptime of 90 days: nothing is known yet"),
    ],
)
def test_bars_are_said_to_who_does_not_see_them(
    uptime: float | None, given: dict[int, float | None], known: int, said: str
) -> None:
    """As the name of one picture."""
    page = read(public(component(uptime=uptime, seen=days(given, known))))
    assert ("aria-label", said) in page.attributes
    assert ("role", "img") in page.attributes


def test_days_of_another_year_have_it() -> None:
    """On the 5th of January most bars are of the year before."""
    early = component(uptime=0.9, seen=days({89: 0.1}))
    assert "worst day 26 Aug 2026 10 %" in bars_of(early, TODAY.replace(year=2027)).said


def test_a_component_of_which_no_day_is_known_has_no_bars() -> None:
    """The daemon has begun to read."""
    view = public(replace(component(uptime=None), days=()))
    (row,) = status_page(view).rows
    assert (row.bars, row.uptime) == (None, "")
    assert "Chat" in read(view).texts


# -- incidents


def test_an_open_incident_is_told_with_its_updates() -> None:
    """The newest first, as they came."""
    newest, oldest = PublicUpdateView(ago(minutes=5), "We are on it."), PublicUpdateView(ago(minutes=50), "We look.")
    page = read(public(component(state="outage"), incidents=(incident("Chat", updates=(newest, oldest)),)))
    assert "Chat is not available Since 23 Nov, 02:20 UTC (1 hour)" in page.text
    assert page.text.index("We are on it.") < page.text.index("We look.")
    assert "1 open incident · As of" in page.text
    assert "There is no update yet." in read(public(incidents=(incident("Chat"),))).text


@pytest.mark.parametrize(
    ("components", "state", "ended", "title"),
    [
        (("Chat",), "outage", None, "Chat is not available"),
        (("Chat",), "outage", ago(), "Chat was not available"),
        (("Chat", "Files"), "degraded", None, "Chat and Files are disturbed"),
        (("Chat", "Files", "Search"), "degraded", ago(), "Chat and 2 more were disturbed"),
        (("Chat", "Files", "Search"), "outage", ago(), "Outage that concerns Chat and 2 more"),
        ((), "degraded", None, "Notice"),
    ],
)
def test_an_incident_has_a_title(components: tuple[str, ...], state: str, ended: str | None, title: str) -> None:
    """That claims no more than is known: of several the worst is told, and not whose it was."""
    one = incident(*components, state=state, ended=ended)
    view = public(incidents=() if ended else (one,), history=(one,) if ended else ())
    assert title in read(view).text


def test_past_incidents_stand_at_their_days_and_the_rest_is_folded() -> None:
    """One that went on over midnight is told once, and named on its other days."""
    past = incident("Chat", began=ago(days=5), ended=ago(days=3), name="b" * 16)
    page = status_page(public(history=(past,)))
    said = [(day.said, len(day.incidents), len(day.elsewhere)) for day in page.past]
    assert said == [
        ("21 to 23 Nov: No incidents", 0, 0),
        ("20 Nov", 0, 1),
        ("19 Nov", 0, 1),
        ("18 Nov", 1, 0),
        ("10 to 17 Nov: No incidents", 0, 0),
    ]
    assert page.past[3].incidents[0].span == "18 Nov, 03:20 to 20 Nov, 03:20 UTC"


def test_a_day_with_an_open_incident_is_not_one_without() -> None:
    page = status_page(public(incidents=(incident("Chat", began=ago(days=1)),)))
    assert [day.said for day in page.past] == ["23 Nov", "22 Nov", "10 to 21 Nov: No incidents"]
    assert page.past[0].elsewhere == (("a1b2c3d4e5f60718", "Chat is not available"),)


def test_of_days_on_which_nobody_looked_nothing_is_claimed() -> None:
    page = status_page(public(component(seen=days(known=3))))
    assert [day.said for day in page.past] == ["21 to 23 Nov: No incidents"]


def test_days_over_the_end_of_a_month_have_both() -> None:
    early = PublicView(True, "2026-12-05T12:00:00+00:00", "operational", (component(),))
    assert status_page(early).past[0].said == "22 Nov to 5 Dec: No incidents"


def test_an_incident_from_before_the_days_that_are_told_is_told_at_their_beginning() -> None:
    """As long as it ended in them; what ended before is not told."""
    began = incident("Chat", began=ago(days=20), ended=ago(days=12, hours=20), name="b" * 16)
    old = incident("Chat", began=ago(days=20), ended=ago(days=16), name="c" * 16)
    page = status_page(public(history=(began, old)))
    told = [each.id for day in page.past for each in day.incidents]
    assert told == ["b" * 16]
    assert page.past[-1].said == "10 Nov"


def test_of_very_many_past_incidents_the_newest_are_told() -> None:
    """And of how many more there are."""
    many = tuple(
        incident("Chat", began=ago(hours=number + 1), ended=ago(hours=number + 0.5), name=f"{number:016x}")
        for number in range(MOST_PAST + 7)
    )
    page = status_page(public(history=many))
    assert sum(len(day.incidents) for day in page.past) == MOST_PAST
    assert "7 more of these days" in read(public(history=many)).text


# -- maintenance


def test_work_that_is_announced_is_told_with_its_time() -> None:
    """What goes on is marked; what is over is not told, however old the page is."""
    now, soon = work("New disks", begins=-1.0, lasts=2.0), work("", "Chat", "Files", begins=22.0)
    over = work("xq7 over", begins=-3.0)
    page = status_page(public(maintenance=(over, now, soon)))
    assert [(each.title, each.when, each.goes_on, each.components) for each in page.work] == [
        ("New disks", "Until 23 Nov, 04:00 UTC", True, ("Chat",)),
        ("Planned maintenance", "24 Nov, 01:00 to 02:00 UTC", False, ("Chat", "Files")),
    ]
    text = read(public(maintenance=(over, now, soon))).text
    assert "New disks Now Until" in text
    assert "xq7" not in text


# -- its shape


def test_the_page_is_well_made() -> None:
    """Headings in order, ids once each, landmarks, a way past what comes first; no script and no style in it."""
    page = read(full())
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(page.headings, page.headings[1:], strict=False))
    assert [name for name, count in Counter(page.ids).items() if count > 1] == []
    assert (page.tags["main"], page.tags["footer"], page.tags["script"], page.tags["style"]) == (1, 1, 0, 0)
    assert ("href", "#main") in page.attributes
    assert ("lang", "en") in page.attributes
    assert [name for name, _ in page.attributes if name.startswith("on") or name == "style"] == []


def test_every_link_is_a_relative_one_that_leads_somewhere() -> None:
    """So the same page works as a file beside its feed, wherever it is put."""
    page = read(full())
    links = {value or "" for name, value in page.attributes if name in ("href", "src")}
    known = {"status.css", "icon.svg", "status.atom", "status.json"}
    assert {link for link in links if not link.startswith("#")} == known
    assert {link[1:] for link in links if link.startswith("#")} <= set(page.ids)
    assert not {value or "" for name, value in page.attributes if name == "aria-labelledby"} - set(page.ids)


@pytest.mark.parametrize("text", HOSTILE, ids=["script", "cdata", "quotes", "bidi", "controls", "template", "long"])
def test_what_others_wrote_is_text(text: str) -> None:
    """No tag, no attribute, no direction and no control character comes of it."""
    usual, page = read(hostile("Chat")), read(hostile(text))
    assert page.tags == usual.tags
    assert [name for name, _ in page.attributes] == [name for name, _ in usual.attributes]
    shown = " ".join(plain(text).split())
    assert page.texts.count(shown) >= 6 if shown else True
    made = page_text(hostile(text), stylesheet="x")
    assert not [each for each in made if each in "\x00\x08\x1b\u202e\u2066\u200f\ufffe" or "\ud800" <= each <= "\udfff"]


def test_a_page_of_a_thousand_components_stays_small() -> None:
    """Those with the most trouble have bars; all are named."""
    many = tuple(
        component(f"Component {number}", "degraded" if number % 20 == 0 else "operational") for number in range(1000)
    )
    view = public(*many, state="degraded")
    page = status_page(view)
    assert len(page.rows) == MOST_ROWS
    assert {row.state for row in page.rows} == {"degraded"}
    assert [(each.said, len(each.names)) for each in page.others] == [
        ("20 more: Disturbed", 20),
        ("950 more: Operational", 950),
    ]
    text = page_text(view, stylesheet="x")
    assert len(text.encode()) < 110_000
    assert "<bdi>Component 999</bdi>" in text


def test_a_page_of_many_components_with_trouble_every_day_stays_small() -> None:
    """Then days have no words of their own; where it is less, the worst have."""
    bad, worse = dict.fromkeys(range(90), 0.995), dict.fromkeys(range(10), 0.5)
    every_day = public(*(component(f"Component {n}", seen=days(bad)) for n in range(MOST_ROWS)))
    assert len(page_text(every_day, stylesheet="x").encode()) < 110_000
    some = component("Chat", seen=days(bad | worse))
    titles = [bar.title for bar in titled(public(*every_day.components[1:], some))]
    assert len(titles) == 10
    assert all("50 %" in title for title in titles)
    assert titled(public(*(component(f"C{n}", seen=days(dict.fromkeys(range(90), 0.1))) for n in range(30)))) == []


def titled(view: PublicView) -> list[Bar]:
    drawn = [row.bars for row in status_page(view).rows if row.bars is not None]
    return [bar for bars in drawn for _, those in bars.groups for bar in those if bar.title]


def test_an_incident_that_concerns_many_names_the_first() -> None:
    names = tuple(f"Component {number:03}" for number in range(600))
    page = status_page(public(*map(component, names), incidents=(incident(*names),), maintenance=(work(*names[:12]),)))
    assert page.incidents[0].components == (*names[: MOST_NAMED - 1], f"and {600 - MOST_NAMED + 1} more")
    assert MOST_NAMED == 12


def test_a_page_of_a_dozen_components_with_all_words_stays_small() -> None:
    """With its style it is a second on a slow line."""
    many = tuple(component(f"Component {number}", seen=days({number: 0.5})) for number in range(MOST_SPOKEN))
    size = len(page_text(public(*many), stylesheet="x").encode()) + len(assets()["status.css"].body)
    assert size < 100_000


def test_the_style_asks_for_nothing_else() -> None:
    """No font, no picture, no other sheet."""
    style = assets()["status.css"].body.decode()
    assert "url(" not in style
    assert "@import" not in style
    for what in ("prefers-color-scheme: dark", "prefers-reduced-motion", "forced-colors", "@media print"):
        assert what in style
