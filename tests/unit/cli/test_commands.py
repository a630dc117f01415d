"""The command line as a whole: help, usage errors, and a daemon that cannot start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nemo_watchdog import __version__
from tests.unit.cli.calling import Call

POLICIES = Path(__file__).parents[2] / "policies"
SMALLEST = POLICIES / "valid" / "smallest.yaml"

HELP = {
    "run": ("Watch the platform", "--policy", "--state-dir", "--listen", "--docker", "--log-level", "--log-format"),
    "init": ("Write a first policy", "--compose", "--output", "--docker", "--tell"),
    "check": ("Validate and lint", "--probe", "--json"),
    "doctor": ("what to do about each", "--as-service", "--send", "--docker", "--state-dir", "--url", "--json"),
    "schema": ("JSON Schema",),
    "status": ("Show what is wrong", "--watch", "--json", "--listen"),
    "incidents": ("List the incidents", "--since", "--open", "--dependency", "--limit", "--utc", "--json", "--listen"),
    "incident": ("Tell all about one", "--evidence", "--export", "--utc", "--json", "--listen"),
    "explain": ("Say why a dependency is in its state", "--at", "--utc", "--json", "--listen"),
    "pause": ("Start no new action", "--reason", "--for", "--json", "--state-dir"),
    "resume": ("Allow actions again", "--json", "--state-dir"),
    "silence": (
        "What is still broken at its end is told then",
        "--dependency",
        "--tag",
        "--for",
        "--reason",
        "list",
        "end",
    ),
    "maintenance": (
        "tell what went down at its end",
        "--dependency",
        "--tag",
        "--for",
        "--reason",
        "--public",
        "list",
        "end",
    ),
    "report": ("of an incident that is still open it is a draft", "--html", "--output", "--utc", "--listen"),
    "status-page": ("files that need nothing else", "--out", "--url", "--listen"),
    "retry": ("Begin the remedy", "--reason", "--json", "--state-dir"),
    "declare": ("Report an incident", "--severity", "--dependency", "--json", "--state-dir"),
    "approve": ("proposed done, once", "--by", "--json", "--state-dir"),
    "reject": ("Leave undone", "--reason", "--for", "--by", "--json", "--state-dir"),
    "act": ("by hand", "--step", "--override", "--reason", "--by", "--json", "--state-dir"),
    "ack": ("upon yourself", "--for", "--json", "--state-dir"),
    "resolve": ("that somebody declared", "--reason", "--json", "--state-dir"),
    "oncall": ("who comes next", "swap", "unswap", "--json", "--listen"),
    "test-notify": ("what each address answered", "--json", "--listen", "--state-dir"),
    "journal": ("is it whole", "verify", "accept"),
    "token": ("to read or to operate", "make", "list", "revoke"),
    "policy": ("what does one change", "diff"),
    "classify": ("how grave", "--policy", "--json"),
    "install": ("environment of its own", "--dry-run"),
    "upgrade": ("Install another version", "--dry-run"),
    "uninstall": ("Remove it from this machine", "--purge", "--dry-run"),
    "example": ("came with the program", "policy", "alerts"),
    "demo": ("small real platform", "--keep"),
}


@pytest.mark.parametrize("command", HELP)
def test_every_command_explains_itself(call: Call, command: str) -> None:
    """What it does and every option, with exit code 0."""
    result = call(command, "--help")
    assert (result.code, result.err) == (0, "")
    said = " ".join(result.out.split())
    for words in HELP[command]:
        assert words in said


def test_the_program_lists_its_commands(call: Call) -> None:
    """Each of them, and none that is not tested here."""
    out = call("--help").out
    lines = out.partition("Commands:\n")[2].splitlines()
    assert {line.split()[0] for line in lines} == set(HELP)
    assert not [line for line in lines if line.endswith("...")]  # each has its say in one line


def test_who_asks_does_not_pay_for_the_daemon() -> None:
    """Help and status start without the daemon, its server and its probes; help without what reads an answer."""
    heavy = (
        "nemo_watchdog.app",
        "nemo_watchdog.engine",
        "nemo_watchdog.policy",
        "nemo_watchdog.probes",
        "nemo_watchdog.demo",
        "aiohttp",
        "aiodocker",
        "apprise",
        "asyncio",
        "pydantic",
    )
    script = f"import sys, nemo_watchdog.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    "arguments", [("explode",), ("status", "--colour"), ("run", "--log-level", "loud"), ("pause", "a", "b")]
)
def test_a_usage_error_is_2(call: Call, arguments: tuple[str, ...]) -> None:
    """As everywhere, with a usage line."""
    result = call(*arguments)
    assert result.code == 2
    assert "Usage" in result.err


@pytest.mark.parametrize("listen", ["9877", "localhost", "127.0.0.1:http", "127.0.0.1:65536", ":9877", "127.0.0.1:²"])
def test_run_with_a_bad_address_is_2(call: Call, tmp_path: Path, listen: str) -> None:
    """Before anything is touched; the message says what would be right."""
    state_dir = tmp_path / "state"
    result = call("run", "--policy", SMALLEST, "--state-dir", state_dir, "--listen", listen)
    assert result.code == 2
    assert f"--listen is {listen}: write HOST:PORT" in result.err
    assert not state_dir.exists()


def test_run_with_a_bad_policy_is_2(call: Call, tmp_path: Path) -> None:
    """The same problems as `check`, and no state directory is made."""
    state_dir = tmp_path / "state"
    result = call("run", "--policy", POLICIES / "invalid" / "unknown-probe.yaml", "--state-dir", state_dir)
    assert result.code == 2
    assert "unknown-probe.yaml:" in result.err
    assert not state_dir.exists()


def test_run_with_a_bad_docker_address_is_2(call: Call, tmp_path: Path) -> None:
    """Not a traceback."""
    result = call("run", "--policy", SMALLEST, "--state-dir", tmp_path, "--docker", "carrier-pigeon")
    assert result.code == 2
    assert "the Docker address carrier-pigeon must begin with" in result.err
    assert "Traceback" not in result.err


def test_it_says_its_version(call: Call) -> None:
    result = call("--version")
    assert (result.code, result.out, result.err) == (0, f"nemo-watchdog {__version__}\n", "")


def test_it_completes_what_is_typed(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script for a shell is printed, and what it asks for is answered."""
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    assert "complete -o default -F _nemo_watchdog_completion nemo-watchdog" in call("--show-completion", "bash").out
    monkeypatch.setenv("_NEMO_WATCHDOG_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "nemo-watchdog st")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert call().out.split() == ["status", "status-page"]
