"""An installation in a root of its own: nothing of the operator's is lost, and there is a way back."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from nemo_watchdog.installing import installation as module
from nemo_watchdog.installing.installation import Installation, NotInstalled
from nemo_watchdog.installing.layout import Layout
from nemo_watchdog.installing.programs import ProgramFailed
from nemo_watchdog.shipped import Example, text_of

COMPLETION = "complete nemo-watchdog\n"
MANUAL = ".TH NEMO-WATCHDOG 1\n"


class Machine:
    """A root with systemd, of which `state` is what it says of the unit; `fails` are restarts that do, in order."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root)
        (root / "run/systemd/system").mkdir(parents=True)
        self.state = "inactive"
        self.fails: list[bool] = []
        self.ran: list[str] = []
        self.said: list[str] = []

    def run(self, *command: str) -> str:
        words = " ".join(command)
        if words.startswith("systemctl show"):
            return self.state
        self.ran.append(words)
        if words == "systemctl restart nemo-watchdog" and self.fails and self.fails.pop(0):
            raise ProgramFailed("`systemctl restart nemo-watchdog` ended with 1:\nJob failed")
        return ""

    def environment(self, name: str) -> Path:
        place = self.layout.versions / name
        place.mkdir(parents=True, exist_ok=True)
        return place

    def install(self, name: str = "environment-1", *, only_say: bool = False) -> list[str]:
        """What it said."""
        self.said.clear()
        self.ran.clear()
        Installation(self.layout, self.run, self.said.append, only_say=only_say).install(
            self.environment(name), COMPLETION, MANUAL
        )
        return self.said

    def uninstall(self, *, purge: bool = False) -> list[str]:
        self.said.clear()
        self.ran.clear()
        Installation(self.layout, self.run, self.said.append).uninstall(purge=purge)
        return self.said

    def files(self) -> set[str]:
        root = self.layout.root
        return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_symlink() or path.is_file()}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(module, "DOCKER", "root")  # a group that every machine has
    return Machine(tmp_path)


def shipped(monkeypatch: pytest.MonkeyPatch, changed: Example, change: Callable[[str], str]) -> None:
    """The next version ships another one of these."""
    monkeypatch.setattr(module, "text_of", lambda each: change(text_of(each)) if each is changed else text_of(each))


def test_the_first_one_puts_everything_in_place_and_starts_nothing(machine: Machine) -> None:
    """There is a policy to write first."""
    machine.install()
    layout = machine.layout
    assert layout.current.readlink() == layout.versions / "environment-1"
    assert layout.command.readlink() == layout.current / "bin/nemo-watchdog"
    assert layout.unit.read_text() == text_of(Example.UNIT)
    assert layout.policy.read_text() == text_of(Example.POLICY)
    assert stat.S_IMODE(layout.environment.stat().st_mode) == 0o600
    assert stat.S_IMODE(layout.policy.stat().st_mode) == 0o644
    assert (layout.share / "alerts.yml").read_text() == text_of(Example.ALERTS)
    assert layout.completion.read_text() == COMPLETION
    assert layout.manual.read_text() == MANUAL
    assert not layout.new_policy.exists()
    assert machine.ran == ["systemctl daemon-reload"]


def test_the_second_time_there_is_nothing_to_do(machine: Machine) -> None:
    machine.install()
    files = machine.files()
    assert machine.install() == ["let systemd read its units"]
    assert machine.files() == files


def test_a_dry_run_says_it_and_does_nothing(machine: Machine) -> None:
    said = machine.install(only_say=True)
    assert f"would write {machine.layout.unit}" in said
    assert all(line.startswith("would ") for line in said)
    assert (machine.files(), machine.ran) == (set(), [])


def test_what_the_operator_wrote_stays(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A default that changed is beside it, once, with how much differs; secrets are never touched."""
    machine.install()
    layout = machine.layout
    mine = text_of(Example.POLICY).replace("autonomy: act", "autonomy: observe")
    layout.policy.write_text(mine)
    layout.environment.write_text("TOKEN=1\n")
    machine.install()
    assert not layout.new_policy.exists()
    shipped(monkeypatch, Example.POLICY, lambda text: text.replace("autonomy: act", "autonomy: suggest"))
    said = machine.install("environment-2")
    assert f"leave {layout.policy} as it is; the default of this version has 1 difference:" in "\n".join(said)
    assert layout.policy.read_text() == mine
    assert "autonomy: suggest" in layout.new_policy.read_text()
    assert layout.environment.read_text() == "TOKEN=1\n"
    layout.new_policy.unlink()
    machine.install("environment-2")
    assert not layout.new_policy.exists()


def test_a_policy_that_is_none_stays_as_well(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.install()
    machine.layout.policy.write_bytes(b"\xff: [")
    shipped(monkeypatch, Example.POLICY, lambda text: f"# New.\n{text}")
    machine.install("environment-2")
    assert machine.layout.policy.read_bytes() == b"\xff: ["
    assert machine.layout.new_policy.exists()


def test_a_service_that_runs_goes_on_in_the_new_version(machine: Machine) -> None:
    """The one before is kept, for the way back; what is older goes."""
    machine.state = "active"
    for name in ("environment-1", "environment-2", "environment-3"):
        machine.install(name)
        assert machine.ran == ["systemctl daemon-reload", "systemctl restart nemo-watchdog"]
    assert machine.layout.current.readlink().name == "environment-3"
    assert {path.name for path in machine.layout.versions.iterdir()} == {"environment-2", "environment-3"}


def test_a_version_in_which_the_service_does_not_start_is_left_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The unit of the version before is back, and the service with it; what systemd said is told."""
    machine.state = "active"
    machine.install()
    before = machine.layout.unit.read_text()
    shipped(monkeypatch, Example.UNIT, lambda text: f"# New.\n{text}")
    machine.fails = [True]
    with pytest.raises(NotInstalled, match=r"(?s)runs again in the one before\n.*Job failed"):
        machine.install("environment-2")
    assert machine.layout.current.readlink().name == "environment-1"
    assert machine.layout.unit.read_text() == before
    assert machine.ran == ["systemctl daemon-reload", "systemctl restart nemo-watchdog"] * 2


def test_without_a_version_before_there_is_no_way_back(machine: Machine) -> None:
    """Someone else's unit of that name was active."""
    machine.state = "active"
    machine.fails = [True]
    with pytest.raises(NotInstalled, match="does not start; its files are in place"):
        machine.install()


def test_a_service_that_did_not_start_before_says_nothing_against_a_version(machine: Machine) -> None:
    """Its policy is bad, say: the new version is in place, and systemd goes on trying."""
    machine.install()
    machine.state = "activating"
    assert "systemd tries it in this version now" in machine.install("environment-2")[-1]
    assert machine.ran == ["systemctl daemon-reload"]
    assert machine.layout.current.readlink().name == "environment-2"


def test_where_the_way_back_leads_nowhere_that_is_said(machine: Machine) -> None:
    """A policy that went bad while the service ran: no version starts with it."""
    machine.state = "active"
    machine.install()
    machine.fails = [True, True]
    with pytest.raises(NotInstalled, match="neither in this version nor in the one before"):
        machine.install("environment-2")
    assert machine.layout.current.readlink().name == "environment-1"


def test_where_systemd_does_not_run_the_files_are_in_place(machine: Machine) -> None:
    (machine.layout.root / "run/systemd/system").rmdir()
    assert machine.install()[-1] == "systemd does not run here: the unit is in place for when it does"
    assert machine.layout.unit.exists()
    assert machine.ran == []
    machine.uninstall()
    assert machine.ran == []


def test_without_the_group_docker_it_is_said_what_to_do(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DOCKER", "no-such-group")
    (said,) = [line for line in machine.install() if "there is no group docker" in line]
    assert "socket proxy" in said
    assert "systemctl edit nemo-watchdog" in said


@pytest.mark.parametrize("purge", [False, True])
def test_it_goes_without_what_people_wrote_and_what_it_remembers(machine: Machine, purge: bool) -> None:
    """Unless that is asked for."""
    machine.install()
    link, private = machine.layout.states
    private.mkdir(parents=True)
    (private / "token").write_text("secret")
    link.symlink_to("private/nemo-watchdog")
    said = machine.uninstall(purge=purge)
    assert machine.ran == ["systemctl disable --now nemo-watchdog", "systemctl daemon-reload"]
    kept = {"policy.yaml", "policy.schema.json", "environment"}
    state = {"var/lib/nemo-watchdog", "var/lib/private/nemo-watchdog/token"}
    left = {f"etc/nemo-watchdog/{name}" for name in kept} | state
    assert machine.files() == (set() if purge else left)
    assert ("uninstall --purge removes that, too" in said[-1]) is not purge
    machine.uninstall(purge=purge)
