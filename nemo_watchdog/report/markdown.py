"""A document as Markdown in which all text stays text, whoever reads it: CommonMark, GitHub, with HTML or without.

Sources: CommonMark 0.31.2 (backslash escapes, code spans, fences), GitHub Flavored Markdown 0.29 (tables,
strikethrough, autolinks). What GitHub would make a link or a mention of though its characters are escaped (an address,
`@name`, `#12`) is a code span.
"""

from __future__ import annotations

import re

from nemo_watchdog.errors import in_one_line
from nemo_watchdog.report.document import Block, Code, Document, Heading, Items, Paragraph, Quote, Strong, Words

_ACTIVE = re.compile(r"[\\`*\[\]<>&|~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
"""What means something in the middle of a line. `_` between letters and digits does not, and names are full of it."""

_FIRST = re.compile(r"[-+=#:]")
_NUMBERED = re.compile(r"(\d{1,9})([.)])")
_LINKED = re.compile(r"://|www\.|@|#\d|mailto:|xmpp:", re.IGNORECASE)
_TAB = 4


def markdown(document: Document) -> str:
    blocks = [_heading("#", document.title), *(_block(block) for block in document.blocks)]
    return "\n\n".join(blocks) + "\n"


def _block(block: Block) -> str:
    match block:
        case Heading(text):
            return _heading("##", text)
        case Paragraph(words):
            return _line(words)
        case Items(lines, checklist):
            begin = "- [ ] " if checklist else "- "
            return "\n".join(f"{begin}{_line(words)}" for words in lines)
        case Quote(text):
            shown = [_line((each,)) for each in text.expandtabs(_TAB).splitlines() if each.strip(" ")]
            return "\n".join(f"> {each}" for each in "\\\n".join(shown).split("\n"))
        case _:
            return _fenced([_printable(each) for each in block.lines])


def _heading(mark: str, text: str) -> str:
    """Without what would close it: its own last `#`."""
    said = _text(text).strip(" ")
    return f"{mark} {said[:-1]}\\#" if said.endswith("#") else f"{mark} {said}"


def _line(words: Words) -> str:
    """A line that begins nothing but itself."""
    said = _one_space("".join(map(_piece, words)))
    if _FIRST.match(said):
        return f"\\{said}"
    return _NUMBERED.sub(r"\1\\\2", said, count=1) if _NUMBERED.match(said) else said


def _piece(piece: str | Strong | Code) -> str:
    match piece:
        case Strong(text):
            return f"**{_text(text)}**"
        case Code(text):
            return _code(in_one_line(text))
        case _:
            return _text(piece)


def _text(text: str) -> str:
    """On one line; leading and trailing spaces, as between two pieces, stay as one."""
    words = re.split(" +", in_one_line(text))
    return " ".join(_code(word) if _LINKED.search(word) else _ACTIVE.sub(r"\\\g<0>", word) for word in words)


def _code(text: str) -> str:
    """A code span: between more backticks than there are in a row within."""
    text = _one_space(text)
    if not text:
        return ""
    fence = "`" * (_most_in_a_row(text) + 1)
    space = " " if "`" in (text[0], text[-1]) else ""
    return f"{fence}{space}{text}{space}{fence}"


def _one_space(text: str) -> str:
    return re.sub(" +", " ", text).strip(" ")


def _fenced(lines: list[str]) -> str:
    fence = "`" * max(3, _most_in_a_row("\n".join(lines)) + 1)
    return "\n".join([f"{fence}text", *lines, fence])


def _most_in_a_row(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def _printable(said: str) -> str:
    return in_one_line(said.expandtabs(_TAB))
