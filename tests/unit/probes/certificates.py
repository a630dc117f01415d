"""Certificates of an own authority, for servers on 127.0.0.1: valid, soon over, over."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.parts import need

_CONFIG = """\
[ca]
default_ca = this
[this]
database = {folder}/index
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
"""
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")  # made in no time


@dataclass(frozen=True)
class Authority:
    """`file` is what a client trusts."""

    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "ca.pem"

    def server(self, ends_in: timedelta) -> ssl.SSLContext:
        """A server's side, with a certificate that ends then; in the past is allowed."""
        now = datetime.now(UTC)
        key, request, certificate = (self.folder / name for name in ("key.pem", "request.pem", "cert.pem"))
        subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1")
        _openssl("req", *_KEY, "-nodes", "-keyout", key, "-out", request, *subject)
        _openssl(
            *("ca", "-batch", "-notext", "-config", self.folder / "config", "-in", request, "-out", certificate),
            *("-cert", self.file, "-keyfile", self.folder / "ca.key"),
            *("-startdate", f"{now - timedelta(days=400):%Y%m%d%H%M%SZ}"),
            *("-enddate", f"{now + ends_in:%Y%m%d%H%M%SZ}"),
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return context


def make_authority(folder: Path) -> Authority:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index").touch()
    (folder / "index.attr").write_text("unique_subject = no\n")
    (folder / "config").write_text(_CONFIG.format(folder=folder))
    authority = Authority(folder)
    made = ("-keyout", folder / "ca.key", "-out", authority.file, "-days", "500")
    _openssl("req", "-x509", *_KEY, "-nodes", "-subj", "/CN=the authority of a test", *made)
    return authority


def _openssl(*arguments: object) -> None:
    subprocess.run([need("openssl"), *map(str, arguments)], check=True, capture_output=True)
