"""`nemo-watchdog status-page`: the public page as files that need nothing else, each written whole."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nemo_watchdog.cli import status_page as command
from nemo_watchdog.public_views import PublicUpdateView, PublicView
from nemo_watchdog.views import as_json
from nemo_watchdog.web.pages.assets import assets
from tests.unit.cli.calling import Call, StandIn
from tests.unit.web.pages.atom import ATOM, valid
from tests.unit.web.pages.views import ago, component, incident, public, work

WRITTEN = {"index.html", "status.json", "status.atom", "status.css", *({"icon.svg"} & set(assets()))}


def view() -> PublicView:
    """As of ten minutes ago; what a person wrote has two lines."""
    update = PublicUpdateView(ago(minutes=5), "We are on it.\nNothing is lost. <b>")
    told = public(
        component("Chat", "outage"),
        state="outage",
        incidents=(incident("Chat", updates=(update,)),),
        maintenance=(work("x"),),
    )
    return replace(told, at=(datetime.now(UTC) - timedelta(minutes=10)).isoformat())


@pytest.fixture
def answers(daemon: StandIn) -> StandIn:
    daemon.body = json.loads(as_json(view()))
    return daemon


def test_all_of_it_is_written(call: Call, answers: StandIn, tmp_path: Path) -> None:
    """Into a folder that is made; it says what, and how old that is."""
    out = tmp_path / "www" / "status"
    result = call("status-page", "--out", out, "--listen", answers.listen)
    assert (result.code, result.err) == (0, "")
    assert answers.asked == [("GET", "/api/v1/public", None)]
    assert {each.name for each in out.iterdir()} == WRITTEN
    said = f"{out}: status.css, "
    assert result.out.startswith(said)
    assert f"index.html, as of {answers.body['at']} (10 minutes old).\n" in result.out
    page = (out / "index.html").read_text("utf-8")
    assert "Chat is not available" in page
    assert "We are on it.\nNothing is lost. &lt;b&gt;" in page
    assert f'As of <time datetime="{answers.body["at"][:19]}Z">' in page
    assert (out / "status.css").read_bytes() == assets()["status.css"].body
    assert json.loads((out / "status.json").read_text("utf-8")) == answers.body


def test_the_page_needs_nothing_of_the_daemon(call: Call, answers: StandIn, tmp_path: Path) -> None:
    """Each address in it is that of a file beside it."""
    call("status-page", "--out", tmp_path / "out", "--listen", answers.listen)
    page = (tmp_path / "out" / "index.html").read_text("utf-8")
    addresses = {part.partition('"')[0] for part in page.split('href="')[1:]}
    assert {each for each in addresses if not each.startswith("#")} == WRITTEN - {"index.html"}


@pytest.mark.parametrize("url", ["https://status.example.com", "https://status.example.com/", "http://x:8080/a/b"])
def test_the_feed_names_where_it_is(call: Call, answers: StandIn, tmp_path: Path, url: str) -> None:
    """And without an address it is a feed all the same."""
    call("status-page", "--out", tmp_path, "--url", url, "--listen", answers.listen)
    feed = valid((tmp_path / "status.atom").read_bytes())
    links = {each.get("rel"): each.get("href") for each in feed.findall(f"{ATOM}link")}
    base = url.rstrip("/")
    assert links == {"self": f"{base}/status.atom", "alternate": f"{base}/"}
    call("status-page", "--out", tmp_path, "--listen", answers.listen)
    bare = valid((tmp_path / "status.atom").read_bytes(), relative=True)
    assert {each.get("href") for each in bare.findall(f"{ATOM}link")} == {"status.atom", "index.html"}


@pytest.mark.parametrize("url", ["status.example.com", "ftp://x/", "https://", "https://x/?a=b", "https://[x/"])
def test_what_is_no_address_is_refused(call: Call, answers: StandIn, tmp_path: Path, url: str) -> None:
    """Before anything is asked or written."""
    result = call("status-page", "--out", tmp_path, "--url", url, "--listen", answers.listen)
    assert (result.code, answers.asked, list(tmp_path.iterdir())) == (2, [], [])
    assert f"--url is {url}" in result.err


def test_without_a_daemon_the_files_stay_as_they_are(call: Call, nobody: str, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("old", "utf-8")
    result = call("status-page", "--out", tmp_path, "--listen", nobody)
    assert result.code == 3
    assert "no daemon answers" in result.err
    assert [(each.name, each.read_text("utf-8")) for each in tmp_path.iterdir()] == [("index.html", "old")]


def test_where_nothing_is_published_nothing_is_written(call: Call, daemon: StandIn, tmp_path: Path) -> None:
    """It says what to do: a policy that lost its `public` must not empty the page that users look at."""
    daemon.body = json.loads(as_json(PublicView(published=False, at=ago(), state="unknown")))
    result = call("status-page", "--out", tmp_path, "--listen", daemon.listen)
    assert (result.code, list(tmp_path.iterdir())) == (1, [])
    assert "public: {name: Chat}" in result.err


def test_what_may_be_missing_is_said(call: Call, answers: StandIn, tmp_path: Path) -> None:
    answers.body["complete"] = False
    result = call("status-page", "--out", tmp_path, "--listen", answers.listen)
    assert result.code == 0
    assert "some of the history may be missing" in result.out
    assert "Some of the history is still being read." in (tmp_path / "index.html").read_text("utf-8")


def test_a_file_is_written_whole_or_not_at_all(
    call: Call, answers: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page last, and nothing half is left behind."""
    call("status-page", "--out", tmp_path, "--listen", answers.listen)
    before = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
    put, written = command._put, []

    def full(file: Path, body: bytes) -> None:
        written.append(file.name)
        if file.name == "status.atom":
            monkeypatch.setattr(Path, "replace", _no_room)
        put(file, body)

    def _no_room(*_: object) -> Path:
        raise OSError(28, "No space left on device", str(tmp_path / "status.atom"))

    monkeypatch.setattr(command, "_put", full)
    answers.body["state"] = "degraded"
    result = call("status-page", "--out", tmp_path, "--listen", answers.listen)
    assert (result.code, "No space left on device" in result.err) == (1, True)
    assert written[-1] == "status.atom"
    after = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
    assert after.keys() == before.keys()
    assert (after["index.html"], after["status.atom"]) == (before["index.html"], before["status.atom"])


def test_a_web_server_may_read_the_files(call: Call, answers: StandIn, tmp_path: Path) -> None:
    """Whatever the mask of who writes them."""
    mask = os.umask(0o077)
    try:
        call("status-page", "--out", tmp_path, "--listen", answers.listen)
    finally:
        os.umask(mask)
    assert {stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()} == {0o644}


def test_a_folder_that_is_none_is_said(call: Call, answers: StandIn, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = call("status-page", "--out", tmp_path / "file", "--listen", answers.listen)
    assert (result.code, result.out) == (1, "")
    assert f"cannot write {tmp_path / 'file'}" in result.err


def test_an_answer_of_something_else_is_no_page(call: Call, answers: StandIn, tmp_path: Path) -> None:
    answers.body["at"] = "yesterday"
    result = call("status-page", "--out", tmp_path, "--listen", answers.listen)
    assert (result.code, list(tmp_path.iterdir())) == (3, [])


def test_a_newer_daemon_may_tell_more(call: Call, answers: StandIn, tmp_path: Path) -> None:
    """It is in the JSON; the page shows what it knows."""
    answers.body["weather"] = "fine"
    answers.body["components"][0]["state"] = "of tomorrow"
    result = call("status-page", "--out", tmp_path, "--listen", answers.listen)
    assert result.code == 0
    assert json.loads((tmp_path / "status.json").read_text("utf-8"))["weather"] == "fine"
    assert "Not known" in (tmp_path / "index.html").read_text("utf-8")
