"""What a report is made of, before it is Markdown or a page: text is text, and only these types are markup.

So nothing that a log line or a person says can become a heading, a link or a tag: a `str` cannot say one.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Strong:
    """A label."""

    text: str


@dataclass(frozen=True, slots=True)
class Code:
    """What is to be typed or is a name: a command, a part of the evidence."""

    text: str


Words = tuple[str | Strong | Code, ...]
"""One line. Of a `str` runs of spaces are one space, and what cannot be printed is shown as Python writes it."""


@dataclass(frozen=True, slots=True)
class Heading:
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    words: Words


@dataclass(frozen=True, slots=True)
class Items:
    """A list; a `checklist` has a box before each."""

    lines: tuple[Words, ...]
    checklist: bool = False


@dataclass(frozen=True, slots=True)
class Quote:
    """What a person wrote: prose, whose line breaks stay."""

    text: str


@dataclass(frozen=True, slots=True)
class Verbatim:
    """What a program wrote: line by line, as it was."""

    lines: tuple[str, ...]


Block = Heading | Paragraph | Items | Quote | Verbatim


@dataclass(frozen=True, slots=True)
class Document:
    title: str
    blocks: tuple[Block, ...]


def line(*words: str | Strong | Code) -> Words:
    return words
