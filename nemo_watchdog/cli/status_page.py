"""`nemo-watchdog status-page`: the public status page as files, for any web server or object store."""

from __future__ import annotations

import json
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nemo_watchdog.cli import options
from nemo_watchdog.cli.output import UNREACHABLE, USAGE, WRONG, CommandFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nemo_watchdog.public_views import PublicView

PUBLIC = "/api/v1/public"
PAGE, FEED, DOCUMENT, STYLE, ICON = "index.html", "status.atom", "status.json", "status.css", "icon.svg"
_MODE = 0o644


def status_page(
    out: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", help="Where the files are put; it is made where it is not.")
    ],
    url: Annotated[
        str | None,
        typer.Option("--url", metavar="URL", help="Where users will find the folder: the feed names it."),
    ] = None,
    listen: options.ListenOption = options.DEFAULT_LISTEN,
) -> None:
    """Write the public status page as files that need nothing else: page, feed, JSON and style.

    While the daemon cannot be reached the files that are there stay as they are: the page says of when it is.
    """
    from nemo_watchdog.cli import client
    from nemo_watchdog.public_views import PublicView

    base = _base(url)
    answer = client.get(listen, PUBLIC, PublicView)
    if not answer.view.published:
        message = "the policy publishes nothing, and nothing was written: give a dependency `public: {name: Chat}`"
        raise CommandFailed(message, WRONG)
    try:
        files = _files(_view(answer.document), answer.document, base)
    except ValueError:
        raise CommandFailed(f"what answers at {listen} tells of times that are none", UNREACHABLE) from None
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, body in files.items():
            _put(out / name, body)
    except OSError as error:
        raise CommandFailed(f"cannot write {error.filename or out}: {error.strerror}", WRONG) from None
    print(f"{out}: {', '.join(files)}, as of {answer.view.at} ({_age(answer.view.at)} old).")
    if not answer.view.complete:
        print("The daemon still reads what was, or cannot: some of the history may be missing. Write it again later.")


def _base(url: str | None) -> str:
    """With a slash at its end; empty where nobody said it."""
    from urllib.parse import urlsplit

    if url is None:
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise CommandFailed(f"--url is {url}: write it as https://status.example.com/", USAGE)
    return f"{url.rstrip('/')}/"


def _view(document: Any) -> PublicView:
    """As it came: it goes into a page, and not to a terminal."""
    from pydantic import TypeAdapter

    from nemo_watchdog.public_views import PublicView

    return TypeAdapter(PublicView).validate_json(json.dumps(document), strict=True)


def _files(view: PublicView, document: Any, base: str) -> Mapping[str, bytes]:
    """The page last: what it names is there before it."""
    from nemo_watchdog.web.pages.assets import assets
    from nemo_watchdog.web.pages.feed import Places, feed_text
    from nemo_watchdog.web.pages.public import page_text

    files = {name: assets()[name].body for name in (STYLE, ICON) if name in assets()}
    files[DOCUMENT] = _bytes(json.dumps(document))
    files[FEED] = _bytes(feed_text(view, Places(f"{base}{FEED}", base or PAGE)))
    files[PAGE] = _bytes(page_text(view, stylesheet=STYLE, icon=ICON if ICON in files else ""))
    return files


def _bytes(text: str) -> bytes:
    return text.encode(errors="replace")


def _put(file: Path, body: bytes) -> None:
    """Whole or not at all, and readable for a web server."""
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "wb") as made:
            os.fchmod(made.fileno(), _MODE)
            made.write(body)
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _age(at: str) -> str:
    from nemo_watchdog.durations import in_words

    return in_words((datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds())
