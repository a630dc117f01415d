"""Both images, as their Dockerfiles have them: what operators and other files rely on. A suite builds and runs them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from nemo_watchdog import __version__

ROOT = Path(__file__).parents[3]
WATCHDOG, PROXY = ROOT / "deploy" / "Dockerfile", ROOT / "deploy" / "socket-proxy" / "Dockerfile"
BOTH = pytest.mark.parametrize("file", [WATCHDOG, PROXY], ids=["watchdog", "socket-proxy"])


def stages(file: Path) -> list[list[tuple[str, str]]]:
    """What stands before the first FROM, then each stage: instructions in order, a continued one on one line."""
    text = re.sub(r"^#.*\n", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
    found: list[list[tuple[str, str]]] = [[]]
    for line in filter(None, map(str.strip, text.splitlines())):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found.append([])
        found[-1].append((word, " ".join(rest.split())))
    return found


def of(stage: list[tuple[str, str]], word: str) -> list[str]:
    return [rest for each, rest in stage if each == word]


@BOTH
def test_its_base_can_be_another_and_its_user_is_not_root(file: Path) -> None:
    before, *rest = stages(file)
    assert before == [("ARG", "BASE=debian:bookworm-slim")]
    assert all(of(stage, "FROM")[0].split()[0] == "${BASE}" for stage in rest)
    ((user,), (signal,)) = of(rest[-1], "USER"), of(rest[-1], "STOPSIGNAL")
    assert re.fullmatch(r"1000[12]:10001", user)
    assert signal == "SIGTERM"
    assert of(rest[-1], "ENTRYPOINT")[0].startswith("[")  # without a shell, which would keep the signals


@BOTH
def test_it_says_what_it_is(file: Path) -> None:
    last = stages(file)[-1]
    assert f"VERSION={__version__}" in of(last, "ARG")
    for name in ("title", "description", "licenses", "version", "revision"):
        assert f"org.opencontainers.image.{name}=" in of(last, "LABEL")[0]


@BOTH
def test_nothing_is_left_of_how_it_was_made(file: Path) -> None:
    """No lists of apt, nothing that is only recommended, no way to install more, no address of an index."""
    text = file.read_text(encoding="utf-8")
    assert "http://" not in text.replace("'http://' + os", "")
    assert "https://" not in text
    for stage in stages(file)[1:]:
        for run in of(stage, "RUN"):
            if "apt-get install" in run:
                assert "--no-install-recommends" in run
                assert "rm -rf /var/lib/apt/lists/*" in run
    assert not re.search(r"python3-(pip|venv)|gcc|build-essential|PIP_", str(stages(file)[-1]))


def test_the_versions_are_those_that_it_was_tested_with() -> None:
    build = " ".join(of(stages(WATCHDOG)[1], "RUN"))
    assert "--constraint constraints.txt" in build
    assert "venv --without-pip /opt/nemo-watchdog" in build


def test_the_context_has_what_the_wheel_is_made_of() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    project = (ROOT / "pyproject.toml").read_text()
    included = re.findall(r'^"([^"]+)" = "nemo_watchdog/shipped_files/', project, re.MULTILINE)
    assert included
    for place in included:
        assert any(place == each or place.startswith(f"{each}/") for each in kept), place
    assert {"pyproject.toml", "nemo_watchdog", "README.md", "LICENSE"} <= kept
    assert all((ROOT / each).exists() for each in kept)


@pytest.fixture(params=[200, 503])
def daemon(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """What /healthz answers, and at which port."""
    answered = request.param

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answered if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Health) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield answered, server.server_address[1]
        server.shutdown()


def test_its_health_is_what_the_daemon_says(daemon: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """The very words of HEALTHCHECK."""
    answered, port = daemon
    _, _, words = of(stages(WATCHDOG)[-1], "HEALTHCHECK")[0].partition(" CMD ")
    python, flag, script = json.loads(words)
    assert (python, flag) == ("python3", "-c")
    monkeypatch.setenv("NEMO_WATCHDOG_LISTEN", f"127.0.0.1:{port}")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, timeout=60)
    assert (done.returncode == 0) is (answered == 200)
