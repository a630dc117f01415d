"""The page: the text of the Markdown, in one file that asks nobody for anything, without markup from outside."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from nemo_watchdog.report.document import Code, Document, Heading, Items, Paragraph, Quote, Strong, Verbatim, line
from nemo_watchdog.report.html import page
from tests.report_example import DOCS, document
from tests.unit.report.test_markdown import HOSTILE, TEXT, as_text

OURS = {
    *("html", "head", "meta", "title", "style", "body", "main"),
    *("h1", "h2", "p", "ul", "li", "strong", "code", "pre", "blockquote", "br"),
}
ATTRIBUTES = {"lang", "charset", "name", "content", "class"}


class Seen(HTMLParser):
    """Every tag and attribute, and the text of the body."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def of(text: str) -> Seen:
    blocks = (
        Heading(text),
        Paragraph(line("p: ", text)),
        Items((line(Strong("a"), ": ", text), line(Code(text))), checklist=True),
        Quote(text),
        Verbatim((text,)),
    )
    return Seen(page(Document(text, blocks)))


@given(TEXT)
def test_no_tag_and_no_attribute_comes_from_outside(text: str) -> None:
    seen = of(text)
    assert set(seen.tags) <= OURS
    assert seen.attributes <= ATTRIBUTES
    assert (seen.tags.count("h1"), seen.tags.count("h2"), seen.tags.count("li")) == (1, 1, 2)


@given(st.sampled_from(HOSTILE))
def test_the_text_is_there_as_text(text: str) -> None:
    """A reader sees what was written."""
    assert as_text(f"p: {text}") in as_text(" ".join("".join(of(text).text).split("\n")))


def test_it_asks_nobody_for_anything() -> None:
    """Its style is in it: it can be sent, kept and printed."""
    whole = page(document())
    seen = Seen(whole)
    assert set(seen.tags) <= OURS
    assert "url(" not in whole
    assert "@import" not in whole
    assert all(word in whole for word in ("prefers-color-scheme: dark", "@media print", "width=device-width"))


def test_it_says_what_the_markdown_says() -> None:
    whole, log = "".join(Seen(page(document())).text), "accept loop stopped: pool lock is held by a cancelled task"
    for said in ("Incident Summary", log, "☐ Evidence is missing"):
        assert said in whole
    assert whole.count("☐") == DOCS.read_text(encoding="utf-8").count("- [ ] ") > 0
