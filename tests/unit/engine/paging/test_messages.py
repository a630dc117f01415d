"""docs/messages.md is what people get."""

from __future__ import annotations

import pytest

from tests.messages import DOCS, STORIES, Story, page, told

MOST = 5
"""Messages of an outage, all told: opened, its cause or what it needs, who is next, who has it, over."""


def test_the_page_is_what_is_sent() -> None:
    """`python -m tests.messages` writes it anew."""
    assert DOCS.read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.title)
def test_each_outage_is_a_handful_of_messages_and_has_an_end(story: Story) -> None:
    messages = told(story).messages
    assert len(messages) <= MOST
    assert messages[-1].title.endswith("up again")
    assert len({message.incident for message in messages}) == 1
