"""What stands in the place of a secret. A text that has it already is not redacted further there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

MARK = "[redacted]"

MOST = 4000
"""Of secrets that one rule hides in one text: behind the last of so many nothing is left of it. Nobody reads that, and
reading it must end."""


def hide(text: str, places: Iterable[tuple[int, int]]) -> str:
    """The text with the mark at each place, from where to where; in their order, and one inside another counts once."""
    told: list[str] = []
    done = 0
    for begin, end in places:
        if begin < done or begin == end or (text.startswith(MARK, begin, end) and end - begin == len(MARK)):
            continue
        told += (text[done:begin], MARK)
        done = end
        if len(told) >= 2 * MOST:
            return "".join(told)
    return "".join((*told, text[done:])) if told else text


def outside(text: str, secret: str) -> str:
    """The text without that, except where it would take a piece of a mark."""
    return MARK.join(part.replace(secret, MARK) for part in text.split(MARK))


def hidden(text: str, shown: str) -> Iterator[str]:
    """What of the text stands nowhere in what is shown of it: the secrets that were taken out."""
    first, *others = shown.split(MARK)
    at = len(first)
    for number, part in enumerate(others, start=1):
        end = len(text) - len(part) if number == len(others) else text.find(part, at + 1)
        if end > at:
            yield text[at:end]
            at = end + len(part)
