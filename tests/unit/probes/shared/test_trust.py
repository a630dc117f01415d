"""Authorities that are replaced while the daemon runs: trusted with the next look, and never lost in between."""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path

import pytest
from yarl import URL

from nemo_watchdog.file_state import file_state
from nemo_watchdog.model import Category, Outcome, Reason
from nemo_watchdog.ports import Probe
from nemo_watchdog.probes.http import client
from nemo_watchdog.probes.shared import tls
from nemo_watchdog.probes.shared.tls import TlsOptions, Trust
from tests.unit.probes.certificates import Authority, make_authority
from tests.unit.probes.http.test_probe import answering, serving
from tests.unit.probes.making import probing

LOOK = 60.0
"""Seconds of a look: nothing here hangs but where a test says so."""

Put = Callable[[Path, bytes], None]


def renamed(file: Path, content: bytes) -> None:
    """As most tools do."""
    new = file.with_suffix(".new")
    new.write_bytes(content)
    new.rename(file)


def written_in_place(file: Path, content: bytes) -> None:
    """Also with the size and the time of before: only the inode knows."""
    before = file.stat()
    file.write_bytes(content)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def swapped(file: Path, content: bytes) -> None:
    """As Kubernetes does: `file` is a link through `..data`, a link to a folder that another one replaces."""
    folder = file.parent / f"..{time.monotonic_ns()}"
    folder.mkdir()
    (folder / file.name).write_bytes(content)
    link = file.parent / "..data"
    new = file.parent / "..data_tmp"
    new.symlink_to(folder.name)
    new.rename(link)
    if not file.is_symlink():
        file.unlink(missing_ok=True)
        file.symlink_to(f"..data/{file.name}")


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> tuple[Authority, Authority]:
    return make_authority(tmp_path_factory.mktemp("old")), make_authority(tmp_path_factory.mktemp("new"))


def looking(kind: str, url: str, ca_file: Path) -> AbstractAsyncContextManager[Probe]:
    address = f"127.0.0.1:{URL(url).port}"
    options: dict[str, object] = {"url": url} if kind == "http" else {"address": address, "tls": True}
    return probing(kind, {**options, "ca_file": str(ca_file)})


@pytest.mark.parametrize("kind", ["http", "tcp"])
@pytest.mark.parametrize("put", [renamed, written_in_place, swapped])
async def test_a_new_authority_is_trusted_with_the_next_look(
    put: Put, kind: str, authorities: tuple[Authority, Authority], tmp_path: Path
) -> None:
    """However its file is replaced; missing or half written it takes nothing away."""
    file = tmp_path / "ca.pem"
    old, new = authorities
    put(file, old.file.read_bytes()) if put is not written_in_place else file.write_bytes(old.file.read_bytes())
    old_side, new_side = [await asyncio.to_thread(each.server, timedelta(days=30)) for each in authorities]
    async with (
        serving(answering(), old_side) as old_url,
        serving(answering(), new_side) as new_url,
        looking(kind, old_url, file) as of_old,
        looking(kind, new_url, file) as of_new,
    ):
        assert (await of_old.look()).outcome is Outcome.OK
        assert (await of_new.look()).reason is Reason.WRONG_TARGET
        put(file, new.file.read_bytes()[:200])
        assert (await of_old.look()).outcome is Outcome.OK
        put(file, new.file.read_bytes())
        assert (await of_new.look()).outcome is Outcome.OK
        file.unlink()
        assert (await of_new.look()).outcome is Outcome.OK


async def test_a_file_that_was_never_there_is_blind_until_it_comes(
    authorities: tuple[Authority, Authority], tmp_path: Path
) -> None:
    """And is taken with the next look."""
    file = tmp_path / "ca.pem"
    side = await asyncio.to_thread(authorities[0].server, timedelta(days=30))
    async with serving(answering(), side) as url, looking("http", url, file) as probe:
        reason = (await probe.look()).reason
        assert reason is Reason.PERMISSION_DENIED
        assert reason.category is Category.BLIND
        renamed(file, authorities[0].file.read_bytes())
        assert (await probe.look()).outcome is Outcome.OK


async def test_a_pipe_in_the_place_of_the_file_is_not_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    os.mkfifo(file)
    with pytest.raises(OSError, match="not a regular file"):
        await Trust(TlsOptions(ca_file=str(file)), LOOK).context()


async def test_a_mount_that_hangs_is_blind_or_takes_nothing_away(
    authorities: tuple[Authority, Authority], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And never is it taken for a server that does not answer; there is one thread that hangs."""
    hang = threading.Event()
    options = TlsOptions(ca_file=str(authorities[0].file))
    known, unknown = Trust(options, 0.6), Trust(options, 0.6)
    trusted = await known.context()
    monkeypatch.setattr(tls, "file_state", lambda path: hang.wait() and file_state(path))
    try:
        for _ in range(2):
            assert await known.context() is trusted
            with pytest.raises(OSError, match="does not answer"):
                await unknown.context()
        assert sum(thread.name == "nemo-watchdog-ca-file" for thread in threading.enumerate()) == 2
    finally:
        hang.set()


async def test_what_has_not_changed_is_not_read_again(
    authorities: tuple[Authority, Authority], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A look costs a question about the file; who trusts the same shares it."""
    file = tmp_path / "ca.pem"
    file.write_bytes(authorities[0].file.read_bytes())
    made: list[object] = []
    create = ssl.create_default_context

    def counted(**how: str | None) -> ssl.SSLContext:
        made.append(how)
        return create(**how)  # type: ignore[arg-type]

    monkeypatch.setattr(ssl, "create_default_context", counted)
    one, two = (Trust(TlsOptions(ca_file=str(file)), LOOK) for _ in range(2))
    assert len({await trust.context() for trust in (one, two, one, two)}) == 1
    assert len(made) == 1
    assert (await Trust(TlsOptions(ca_file=str(file), verify=False), LOOK).context()).verify_mode is ssl.CERT_NONE


async def test_the_systems_authorities_are_read_again_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever adds one to the system's needs no restart of the daemon."""
    file = tmp_path / "system.pem"
    file.write_bytes(b"1")
    monkeypatch.setattr(tls, "_SYSTEM", (file,))
    trust = Trust(TlsOptions(), LOOK)
    before = await trust.context()
    assert await trust.context() is before
    renamed(file, b"2")
    assert await trust.context() is not before


@pytest.mark.parametrize("kind", ["http", "llm", "prometheus"])
async def test_who_speaks_https_sees_a_new_authority_of_the_systems(
    kind: str, authorities: tuple[Authority, Authority], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also where no `ca_file` can be given."""
    system = tmp_path / "system.pem"
    system.write_bytes(authorities[0].file.read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(system))
    monkeypatch.setattr(tls, "_SYSTEM", (system,))
    monkeypatch.setattr(client, "_SYSTEM_TRUST", Trust(TlsOptions(), LOOK))
    side = await asyncio.to_thread(authorities[1].server, timedelta(days=30))
    options = {"query": "up", "max": 1} if kind == "prometheus" else {}
    async with serving(answering(), side) as url, probing(kind, {"url": url, **options}) as probe:
        assert "TLS certificate is not accepted" in (await probe.look()).detail
        renamed(system, authorities[1].file.read_bytes())
        assert "TLS" not in (await probe.look()).detail
