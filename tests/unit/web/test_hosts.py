"""Which names the daemon answers to."""

from __future__ import annotations

from pathlib import Path

import pytest

from nemo_watchdog.web import hosts
from nemo_watchdog.web.hosts import answers_to, own_names
from tests.unit.web.site import Site, detail

NAMES = frozenset({"localhost", "watchdog.example.com", "box"})


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "LOCALHOST:9877", "localhost.", "localhost.:9877", "127.0.0.1", "127.0.0.1:9877", "10.0.0.7:1",
        "[::1]", "[::1]:9877", "[fe80::1%eth0]:9877", "watchdog.example.com:443", "Watchdog.Example.Com.", "box",
    ],
)  # fmt: skip
def test_known_names_and_addresses(host: str) -> None:
    """In any case, with and without port, with the dot at the end; an address is no name that somebody could make."""
    assert answers_to(host, NAMES)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:9877", "127.0.0.1.evil.example", "localhost.evil.example", "xlocalhost",
        "evil.example:127.0.0.1", "box.evil.example", "", ":9877", "[evil.example]:9877", "localhost:x", "localhost..",
        "localhost:80:80", "[::1].evil.com", "[::1]evil.com:80", "[::1]:9877.evil.com", "[[::1]]", "[::1",
        "127.0.0.1@evil.example", "evil.example#localhost", "evil.example/localhost", "\udcff",
    ],
)  # fmt: skip
def test_other_names(host: str) -> None:
    """Also those that begin or end like ours."""
    assert not answers_to(host, NAMES)


def test_own_names_are_those_that_this_machine_gives_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its host name, and what stands beside it in the hosts file; no name server is asked."""
    file = tmp_path / "hosts"
    file.write_text(
        "127.0.0.1 localhost\n127.0.1.1 Box.example.com box # box evil\n\n10.0.0.1 other\n# box x\n", "utf-8"
    )
    monkeypatch.setattr(hosts, "HOSTS_FILE", file)
    monkeypatch.setattr("socket.gethostname", lambda: "Box")
    assert own_names() == {"localhost", "box", "box.example.com"}
    monkeypatch.setattr(hosts, "HOSTS_FILE", tmp_path / "none")
    assert own_names() == {"localhost", "box"}


@pytest.mark.parametrize("path", ["/api/v1/status", "/metrics", "/healthz", "/readyz", "/nothing", "/api/v1/pause"])
async def test_a_page_of_another_site_reads_nothing(site: Site, path: str) -> None:
    """Its own name leads here, and the browser says which name it was: refused, with the option that would allow it."""
    response = await site.get(path, Host="evil.example:9877")
    assert response.status == 421
    assert "--allow-host" in await detail(response)
    assert (await site.get("/metrics", Host="localhost")).status == 200


async def test_a_target_in_absolute_form_counts_too(site: Site) -> None:
    """It goes before the header (RFC 9112, 3.2.2)."""
    ends = b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    for target, status in [
        (b"http://evil.example/metrics", b"421"),
        (b"HTTP://localhost@evil.example:1/metrics", b"421"),
        (b"http://localhost:9877/metrics", b"200"),
    ]:
        head, _ = await site.raw(b"GET " + target + ends)
        assert head.split()[1] == status


async def test_who_names_no_host_is_answered(site: Site) -> None:
    """HTTP/1.0 has none, and no browser speaks it."""
    head, _ = await site.raw(b"GET /healthz HTTP/1.0\r\n\r\n")
    assert head.split()[1] == b"200"


async def test_nothing_that_was_answered_is_kept(site: Site) -> None:
    """A cache that answered a heartbeat would swallow it; a browser takes JSON for nothing else."""
    for path in ("/metrics", "/api/v1/status", "/nothing", "/api/v1/push/nobody"):
        response = await site.get(path)
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
