"""Whatever text a document has, every reader of Markdown finds it as text: no heading, no list, no link, no tag."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from nemo_watchdog.errors import in_one_line
from nemo_watchdog.report.document import (
    Block,
    Code,
    Document,
    Heading,
    Items,
    Paragraph,
    Quote,
    Strong,
    Verbatim,
    line,
)
from nemo_watchdog.report.markdown import markdown

READER = MarkdownIt("commonmark", {"html": True}).enable(["strikethrough", "table"])
"""One that would take HTML and what GitHub adds."""

HOSTILE = [
    "<script>alert(1)</script>",
    "](http://evil.example/x)",
    "[click](http://evil.example)",
    "![x](https://evil.example/x.png)",
    "<http://evil.example>",
    "see http://evil.example and www.evil.example or a@evil.example",
    "javascript:alert(1)",
    "a\nb\n\n# heading\n- item",
    "a | b\n--- | ---",
    "| a |",
    "`code` and ``more`` and ```",
    "`",
    "``` \n",
    "\\",
    "\\`",
    "*a* **b** _c_ __d__ ~~e~~",
    "snake_case_name _private",
    "&lt; &amp; &#64;",
    "- [ ] item",
    "+ item",
    "1. item",
    "12) item",
    "# heading #",
    "====",
    "-----",
    "> quote",
    "    indented",
    "\x1b[31mred\x07\x00\u202e\u2028",
    "[ref]: http://evil.example",
    "$x$ :smile: @maria #12",
    "<!-- comment",
    "",
    " ",
]
SPECIAL = st.text("`*_[]()<>&\\|~#-+=:!@$.1 \na\"'\x1b\t", max_size=30)
TEXT = st.one_of(st.sampled_from(HOSTILE), SPECIAL, st.text(max_size=30))


def as_text(text: str) -> str:
    """As it is to be read: on one line, runs of spaces as one."""
    return re.sub(" +", " ", in_one_line(text)).strip(" ")


def words(tokens: list[Token]) -> Iterator[str]:
    """The text of each line, found as a reader of the document finds it; fails on markup that nobody wrote."""
    for token in tokens:
        assert token.type not in {"html_block", "table_open", "hr", "code_block", "ordered_list_open"}
        if token.type == "fence":
            yield from token.content.splitlines()
        if token.type != "inline":
            continue
        said = ""
        for each in token.children or ():
            assert each.type in {"text", "code_inline", "strong_open", "strong_close", "hardbreak"}, each.type
            said += "\n" if each.type == "hardbreak" else each.content
        yield from said.split("\n")


def kinds(tokens: list[Token]) -> list[str]:
    return [token.type for token in tokens if token.type.endswith("_open")]


def read(*blocks: Block, title: str = "title") -> tuple[list[str], list[str]]:
    """The kinds of blocks, and the text, of a document after its title."""
    tokens = READER.parse(markdown(Document(title, blocks)))
    return kinds(tokens)[1:], list(words(tokens))[1:]


@given(TEXT)
def test_a_paragraph_is_one_paragraph_of_that_text(text: str) -> None:
    assert read(Paragraph(line("It says: ", text))) == (["paragraph_open"], [as_text(f"It says: {text}")])


@given(TEXT)
def test_a_line_may_begin_with_any_text(text: str) -> None:
    opened, said = read(Paragraph(line(text)))
    assert said == ([as_text(text)] if as_text(text) else [])
    assert opened == ["paragraph_open"] * bool(as_text(text))


@given(st.lists(TEXT, min_size=1, max_size=4), st.booleans())
def test_a_list_has_so_many_items_with_these_texts(texts: list[str], checklist: bool) -> None:
    opened, said = read(Items(tuple(line(Strong("a"), ": ", text) for text in texts), checklist))
    assert opened[:1] == ["bullet_list_open"]
    assert opened.count("bullet_list_open") == 1
    assert opened.count("list_item_open") == len(texts)
    box = "[ ] " if checklist else ""
    assert said == [as_text(f"{box}a: {text}") for text in texts]


@given(TEXT)
def test_an_item_may_begin_with_any_text(text: str) -> None:
    opened, said = read(Items((line(text), line("last"))))
    assert opened.count("list_item_open") == 2
    assert opened.count("bullet_list_open") == 1
    assert said == [each for each in (as_text(text), "last") if each]


@given(TEXT)
def test_a_heading_is_one_with_that_text(text: str) -> None:
    opened, said = read(Heading(text), Paragraph(line("after")))
    assert opened == ["heading_open", "paragraph_open"]
    assert said == [as_text(text), "after"]


@given(TEXT)
def test_the_title_is_the_only_heading_above_all(text: str) -> None:
    tokens = READER.parse(markdown(Document(text, ())))
    assert kinds(tokens) == ["heading_open"]
    assert list(words(tokens)) == [as_text(text)]


@given(TEXT)
def test_a_code_span_has_that_text(text: str) -> None:
    opened, said = read(Paragraph(line("run ", Code(text), " now")))
    assert opened == ["paragraph_open"]
    assert as_text(said[0]) == as_text(f"run {as_text(text)} now")


@given(TEXT)
def test_what_a_person_wrote_keeps_its_lines_and_nothing_else(text: str) -> None:
    opened, said = read(Quote(text), Paragraph(line("after")))
    assert opened[:1] == ["blockquote_open"]
    assert set(opened[1:]) <= {"paragraph_open"}
    assert said == [*(as_text(each) for each in text.expandtabs(4).splitlines() if as_text(each)), "after"]


@given(st.lists(TEXT, max_size=4))
def test_what_a_program_wrote_is_as_it_was(texts: list[str]) -> None:
    """Between fences that it cannot close."""
    opened, said = read(Verbatim(tuple(texts)), Paragraph(line("after")))
    assert opened == ["paragraph_open"]
    assert said == [*(in_one_line(each.expandtabs(4)) for each in texts), "after"]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_control_character_leaves(text: str) -> None:
    """What is not printed is shown; a terminal obeys none of it."""
    whole = markdown(Document(text, (Heading(text), Quote(text), Verbatim((text,)), Paragraph(line(text, Code(text))))))
    assert all(each.isprintable() for each in whole.split("\n"))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("gateway_1 is down: timeout (no answer within 3s)", "gateway_1 is down: timeout (no answer within 3s)"),
        ("a < b", "a \\< b"),
        ("see http://x/y now", "see `http://x/y` now"),
        ("ask maria@example.com", "ask `maria@example.com`"),
        ("3. step", "3\\. step"),
    ],
)
def test_what_is_harmless_is_written_as_it_is(text: str, found: str) -> None:
    """People read the Markdown itself, too; an address is a code span, of which nobody makes a link."""
    assert markdown(Document("t", (Paragraph(line(text)),))) == f"# t\n\n{found}\n"
