"""The scripts of the pages: the one that is somebody else's is what it says it is."""

from __future__ import annotations

import hashlib

from nemo_watchdog.web.pages.assets import assets

IDIOMORPH = "4cbd535caf7663a51eda9bce6595371c384fc430d54b8d414e29a61167f19f96"
"""SHA-256 of `dist/idiomorph.min.js` of the npm package, version 0.8.0."""


def test_idiomorph_is_what_its_notice_says() -> None:
    """Below the notice, byte by byte but for the end of the last line."""
    notice, end, script = assets()["idiomorph.js"].body.partition(b" */\n")
    assert end
    assert notice.startswith(b"/*! Idiomorph 0.8.0, https://github.com/bigskysoftware/idiomorph")
    assert b"Zero-Clause BSD: Permission to use, copy, modify" in notice
    assert hashlib.sha256(script.removesuffix(b"\n")).hexdigest() == IDIOMORPH
