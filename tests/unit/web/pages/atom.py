"""Whether a document is an Atom feed: what RFC 4287 says that one MUST be, section by section.

Stricter where that costs nothing: relative addresses, which the RFC allows, only where a test says so.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter
from datetime import datetime
from html.parser import HTMLParser
from urllib.parse import urlsplit

ATOM = "{http://www.w3.org/2005/Atom}"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_MEDIA = re.compile(r"[\w.+-]+/[\w.+-]+")
_COUNTS: dict[str, dict[str, tuple[int, int | None]]] = {
    # element: of each child the least and the most (4.1.1, 4.1.2)
    "feed": {
        "author": (1, None), "category": (0, None), "contributor": (0, None), "generator": (0, 1), "icon": (0, 1),
        "id": (1, 1), "link": (0, None), "logo": (0, 1), "rights": (0, 1), "subtitle": (0, 1), "title": (1, 1),
        "updated": (1, 1), "entry": (0, None),
    },
    "entry": {
        "author": (0, None), "category": (0, None), "content": (0, 1), "contributor": (0, None), "id": (1, 1),
        "link": (0, None), "published": (0, 1), "rights": (0, 1), "source": (0, 1), "summary": (0, 1),
        "title": (1, 1), "updated": (1, 1),
    },
    "author": {"name": (1, 1), "uri": (0, 1), "email": (0, 1)},
}  # fmt: skip
_ATTRIBUTES = {
    "link": {"href", "rel", "type", "hreflang", "title", "length"},
    "title": {"type"},
    "summary": {"type"},
    "content": {"type", "src"},
}


class Closed(HTMLParser):
    """Markup in which each tag is closed in its order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.append(tag)
        assert attrs == []

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def valid(document: bytes, *, relative: bool = False) -> ET.Element:
    """The feed; raises `AssertionError` or `ParseError` for what is none."""
    feed = ET.fromstring(document)  # noqa: S314 - our own, and a bomb in it would be a mistake to see
    assert feed.tag == f"{ATOM}feed"  # 2
    _element(feed, relative=relative)
    entries = feed.findall(f"{ATOM}entry")
    ids = [text(each, "id") for each in entries]
    assert len(set(ids)) == len(ids)  # 4.1.1: the same id twice only with another time
    assert text(feed, "id") not in ids
    kinds = Counter(
        (each.get("rel", "alternate"), each.get("type"), each.get("hreflang")) for each in feed.findall(f"{ATOM}link")
    )
    assert kinds[("self", "application/atom+xml", None)] == 1  # SHOULD
    assert [kind for kind, count in kinds.items() if kind[0] == "alternate" and count > 1] == []
    for each in entries:
        links = [link.get("rel", "alternate") for link in each.findall(f"{ATOM}link")]
        content = each.find(f"{ATOM}content")
        assert content is not None or "alternate" in links  # 4.1.2
        assert links.count("alternate") <= 1
        assert text(each, "updated") <= text(feed, "updated")
    return feed


def text(parent: ET.Element, name: str) -> str:
    found = parent.find(f"{ATOM}{name}")
    assert found is not None
    return found.text or ""


def _element(element: ET.Element, *, relative: bool) -> None:
    assert element.tag.startswith(ATOM), f"{element.tag} is not of Atom"
    name = element.tag.removeprefix(ATOM)
    assert set(element.attrib) - {LANG} <= _ATTRIBUTES.get(name, set())  # undefined ones are only for extensions
    if name in _COUNTS:
        assert not (element.text or "").strip()
        counted = Counter(each.tag.removeprefix(ATOM) for each in element)
        assert set(counted) <= set(_COUNTS[name])
        for child, (least, most) in _COUNTS[name].items():
            assert least <= counted[child] <= (counted[child] if most is None else most), f"{child} in {name}"
        for each in element:
            assert not (each.tail or "").strip()
            _element(each, relative=relative)
        return
    assert len(element) == 0
    _VALUES.get(name, _text)(element, relative=relative)


def _text(element: ET.Element, **_: bool) -> None:
    """3.1: of type `text` there is no markup in it; 4.1.3.3: of type `html` it is escaped markup."""
    kind = element.get("type", "text")
    assert kind in ("text", "html")
    assert (element.text or "").strip()
    if kind == "html":
        markup = Closed()
        markup.feed(element.text or "")
        markup.close()
        assert markup.open == []


def _date(element: ET.Element, **_: bool) -> None:
    """3.3: as RFC 3339 has it, with a capital T and Z."""
    said = element.text or ""
    assert _DATE.fullmatch(said)
    assert datetime.fromisoformat(said).tzinfo is not None


def _id(element: ET.Element, **_: bool) -> None:
    """4.2.6: a whole IRI."""
    assert urlsplit(element.text or "").scheme
    assert element.text == (element.text or "").strip()


def _link(element: ET.Element, *, relative: bool) -> None:
    """4.2.7: where it leads, and what is there."""
    address = element.attrib["href"]
    assert not re.search(r"[\s<>\"{}|\\^`]", address)
    assert relative or urlsplit(address).scheme in ("http", "https")
    assert element.get("rel", "alternate") in ("alternate", "self", "related", "via", "enclosure")
    assert _MEDIA.fullmatch(element.attrib["type"])
    assert not element.text


_VALUES = {"updated": _date, "published": _date, "id": _id, "link": _link}


def markup_of(element: ET.Element) -> Closed:
    """What a reader shows of a content of type `html`."""
    made = Closed()
    made.feed(element.text or "")
    made.close()
    return made
