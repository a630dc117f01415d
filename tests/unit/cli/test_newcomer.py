"""What a newcomer does wrong, a file for each mistake: its first line is what `check` must say of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from nemo_watchdog.service_unit import ServiceUnit
from tests.unit.cli.calling import Call

FILES = sorted((Path(__file__).parents[2] / "policies" / "newcomer").glob("*.yaml"))
UNIT = ServiceUnit(Path("unit"), {}, {}, user="", dynamic=True, groups=(), private_tmp=False)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """What root alone can read."""
    file = tmp_path / "on-call"
    file.write_text("json://127.0.0.1:9/x\n", encoding="utf-8")
    file.chmod(0o600)
    return file


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # by a plugin of Apprise
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_is_said_with_what_to_do(
    call: Call, file: Path, secret: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line, which stands alone or is the first of its kind."""
    monkeypatch.setattr("nemo_watchdog.cli.as_service.os.geteuid", lambda: 0)
    monkeypatch.setattr("nemo_watchdog.cli.as_service.read_unit", lambda: UNIT)
    monkeypatch.setattr(ServiceUnit, "may_read", lambda _, path: path != str(secret))
    policy = tmp_path / "policy.yaml"
    text = file.read_text(encoding="utf-8").replace("SECRET", str(secret))
    policy.write_text(text, encoding="utf-8")
    expected = text.splitlines()[0].removeprefix("# says: ").replace("FILE", str(policy))
    result = call("check", "--as-service", policy)
    lines = [*result.out.splitlines(), *result.err.splitlines()]
    assert lines[0] == expected
    assert result.code == (0 if expected.startswith("advice: ") else 2)


def test_there_are_enough_files() -> None:
    assert len(FILES) >= 12


def test_only_root_sees_what_the_service_sees(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nemo_watchdog.cli.as_service.os.geteuid", lambda: 1000)
    result = call("check", "--as-service")
    assert (result.code, result.out) == (2, "")
    assert result.err == "--as-service reads what systemd reads as root: run it with sudo\n"


def test_the_unit_names_the_policy_and_hands_over_the_secrets(
    call: Call, secret: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own variables count, not those of the shell; a credential is read from where the unit loads it."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "version: 1\ndependencies: {host: {probe: host}}\n"
        'contacts: {on-call: "${credential:on-call}", team: "${TEAM}"}\n'
        "classification: [{name: all, severity: SEV1, notify: [on-call, team]}]\n",
        encoding="utf-8",
    )
    environ = {"NEMO_WATCHDOG_POLICY": str(policy), "TEAM": "json://127.0.0.1:9/y"}
    it = ServiceUnit(tmp_path, environ, {"on-call": secret}, user="", dynamic=True, groups=(), private_tmp=False)
    monkeypatch.setattr("nemo_watchdog.cli.as_service.os.geteuid", lambda: 0)
    monkeypatch.setattr("nemo_watchdog.cli.as_service.read_unit", lambda: it)
    monkeypatch.setattr(ServiceUnit, "may_read", lambda *_: True)
    monkeypatch.setenv("TEAM", "nonsense")
    result = call("check", "--as-service")
    assert (result.code, result.out, result.err) == (0, f"{policy} is valid: 1 dependency.\n", "")


@pytest.mark.parametrize(
    "text", ["# ${file:/secret}\nversion: 1\ndependencies: {host: {probe: host}}\n", "version: [\n"]
)
def test_a_file_that_only_a_comment_names_is_not_read(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """And what is no YAML names none: that is told anyhow."""
    monkeypatch.setattr("nemo_watchdog.cli.as_service.os.geteuid", lambda: 0)
    monkeypatch.setattr("nemo_watchdog.cli.as_service.read_unit", lambda: UNIT)
    monkeypatch.setattr(ServiceUnit, "may_read", lambda _, path: path != "/secret")
    policy = tmp_path / "policy.yaml"
    policy.write_text(text, encoding="utf-8")
    result = call("check", "--as-service", policy)
    assert "/secret" not in result.out + result.err
    assert ("is valid" in result.out) is text.startswith("#")
    assert ("not YAML" in result.err) is not text.startswith("#")
