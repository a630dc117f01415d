"""A base image made of Debian's packages alone, for machines that reach no registry: the root that debootstrap makes.

It has all that pip and apt would fetch while an image is built on it, so building needs no network.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.parts import need

ROOT = Path(__file__).parents[2]
PACKAGES = ("ca-certificates", "haproxy", "python3", "python3-venv", "tzdata")
RELEASE = "bookworm"
PYTHON = "/usr/bin/python3"
PIP_CONF = "[global]\nno-index = true\nfind-links = /packages\n"


class BuildFailed(AssertionError):
    """With the command and the end of what it said."""


def run(*command: str | Path, **options: object) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    if done.returncode:
        raise BuildFailed(f"{command} ended with {done.returncode}\n{(done.stdout + done.stderr)[-4000:]}")
    return str(done.stdout)


@contextmanager
def base_image(name: str, more: Iterable[str] = (), release: str = RELEASE) -> Iterator[str]:
    """With more of Debian's packages. Needs root, and the machine's own ways to them and to pip's index.

    Gone after the block.
    """
    folder = Path(tempfile.mkdtemp(prefix="nemo-base-", dir="/var/tmp"))
    try:
        root = folder / "root"
        run(need("debootstrap"), "--variant=minbase", f"--include={','.join((*PACKAGES, *more))}", release, root)
        # What is there is all there is: apt asks nobody.
        (root / "etc/apt/sources.list").write_text("")
        shutil.rmtree(root / "var/cache/apt/archives")
        run(PYTHON, "-m", "venv", folder / "python")
        pip = (folder / "python/bin/python", "-m", "pip", "-q", "--disable-pip-version-check")
        run(*pip, "wheel", "--no-deps", "-w", folder / "built", ROOT)
        asked = "import sys; print('%d.%d' % sys.version_info[:2])"
        version = run(need("chroot"), root, "python3", "-c", asked).strip()
        which = ("--python-version", version, "--only-binary", ":all:", "-c", ROOT / "constraints.txt")
        run(*pip, "download", "-d", root / "packages", *which, *(folder / "built").iterdir(), "hatchling")
        (root / "etc/pip.conf").write_text(PIP_CONF)
        run("sh", "-c", 'tar -C "$1" -c . | docker import - "$2"', "sh", root, name)
        yield name
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(["docker", "rmi", "-f", name], capture_output=True, check=False)
