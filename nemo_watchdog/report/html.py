"""A document as one page that asks nobody for anything: from its Markdown, so that the two say the same."""

from __future__ import annotations

import base64
import hashlib
from html import escape

from markdown_it import MarkdownIt

from nemo_watchdog.report.document import Document
from nemo_watchdog.report.markdown import markdown

_BOX, _DRAWN_BOX = "<li>[ ] ", "<li>☐ "

_STYLE = """\
:root { color-scheme: light dark; --paper: #fff; --ink: #1b2129; --line: #d0d7de; --soft: #f4f6f8; --dim: #57606a; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #0e1217; --ink: #e8ecf1; --line: #3d444d; --soft: #1c2128; --dim: #a0abb7; }
}
body { font: 1rem/1.55 system-ui, sans-serif; max-width: 46rem; margin: 0 auto; padding: 1.5rem 1rem 3rem;
  overflow-wrap: anywhere; background: var(--paper); color: var(--ink); }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 1rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 .6rem; padding-bottom: .25rem; border-bottom: 1px solid var(--line); }
ul { padding-left: 1.2rem; margin: .5rem 0; }
li { margin: .2rem 0; }
code, pre { font: .875em/1.5 ui-monospace, monospace; background: var(--soft); border-radius: 4px; }
code { padding: .1em .3em; }
pre { padding: .7rem .8rem; white-space: pre-wrap; }
pre code { padding: 0; background: none; font-size: 1em; }
blockquote { margin: .5rem 0; padding: .1rem 0 .1rem .9rem; border-left: 3px solid var(--line); color: var(--dim); }
blockquote p { margin: .3rem 0; }
@media print {
  :root { color-scheme: light; --paper: #fff; --ink: #000; --line: #bbb; --soft: #fff; --dim: #333; }
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  h2 { break-after: avoid; }
  li, pre, blockquote { break-inside: avoid; }
  pre { border: 1px solid var(--line); }
}
"""

_STYLED = f"\n{_STYLE}"

STYLE_HASH = f"'sha256-{base64.b64encode(hashlib.sha256(_STYLED.encode()).digest()).decode()}'"
"""What a Content-Security-Policy lets pass instead of every style within a page (CSP3, 2.3.1)."""


def page(document: Document) -> str:
    """A whole page, with its style in it."""
    # No tag and no link comes from a document: the rules that would make one are not there at all.
    reader = MarkdownIt("commonmark", {"html": False}).disable(["link", "image", "autolink", "reference"])
    body = reader.render(markdown(document)).replace(_BOX, _DRAWN_BOX)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(document.title)}</title>\n<style>{_STYLED}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
