"""The pictures in docs/images: `python -m tests.screenshots` takes them."""

from __future__ import annotations

import re
from pathlib import Path

from tests.screenshots.camera import IMAGES, LARGEST

ROOT = Path(__file__).parents[2]
PICTURE = re.compile(r'(?:src="|\()([^\s")]+\.png)')
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))


def named() -> set[Path]:
    """The files that a page of the documentation shows."""
    return {
        (page.parent / found).resolve() for page in PAGES for found in PICTURE.findall(page.read_text(encoding="utf-8"))
    }


def test_every_picture_that_a_page_names_is_there() -> None:
    assert sorted(picture for picture in named() if not picture.is_file()) == []


def test_every_picture_is_shown_on_a_page() -> None:
    assert named() == set(IMAGES.iterdir())


def test_no_picture_is_too_large_for_a_clone() -> None:
    assert {each.name: each.stat().st_size for each in IMAGES.iterdir() if each.stat().st_size > LARGEST} == {}
