"""`nemo-watchdog doctor`: exit codes, the table, JSON, and that no secret is on the screen, wherever it came from."""

from __future__ import annotations

import io
import json
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from nemo_watchdog.cli import examination
from nemo_watchdog.cli.doctor_page import show
from nemo_watchdog.containers import DockerContainers
from nemo_watchdog.containers.permissions import Answer
from nemo_watchdog.containers.permissions import Call as DockerCall
from nemo_watchdog.doctor import unit
from nemo_watchdog.doctor.checkup import Finding, Grade
from nemo_watchdog.doctor.daemon import look_at_daemon
from nemo_watchdog.doctor.docker import look, wanted_by
from nemo_watchdog.doctor.machine import look_at_clock
from nemo_watchdog.doctor.policy import look_at_permissions
from nemo_watchdog.service_unit import ServiceUnit
from tests.unit.cli.calling import Call, Result, StandIn, status_of
from tests.unit.doctor.parts import all_of
from tests.unit.doctor.test_docker import Docker
from tests.unit.engine.world import World, dependency, policy
from tests.unit.statuses import seen

SECRET = "hunter2"
PAGE = Path(__file__).parents[3] / "docs" / "operations.md"

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # by a plugin of Apprise


@pytest.fixture(autouse=True)
def no_unit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of this machine, whose systemd is no part of the test."""
    monkeypatch.setattr(unit.look_at_unit, "__defaults__", (tmp_path / "no systemd", "systemctl"))


@pytest.fixture
def listening() -> Any:
    """HOST:PORT that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def well(daemon: StandIn) -> StandIn:
    daemon.body = status_of(World(policy(dependency("redis"))))
    return daemon


def policy_file(folder: Path, address: str) -> Path:
    file = folder / "policy.yaml"
    file.write_text(
        "version: 1\nautonomy: observe\n"
        f"dependencies: {{port: {{probe: tcp, address: '{address}', timeout: 2s, interval: 10s}}}}\n"
        "alertmanager: ['http://127.0.0.1:1']\n"
    )
    return file


def rows(result: Result) -> dict[str, dict[str, str]]:
    return {each["check"]: each for each in result.json()["findings"]}


def test_a_line_for_each_part(call: Call, tmp_path: Path, listening: str, well: StandIn) -> None:
    """Exit code 1, for there are no Docker and no Alertmanager."""
    file = policy_file(tmp_path, listening)
    options = ("--docker", f"unix://{tmp_path}/gone.sock", "--state-dir", tmp_path / "state", "--url", well.listen)
    result = call("doctor", file, *options, "--json")
    assert (result.code, result.err) == (1, "")
    found = rows(result)
    assert {name: row["grade"] for name, row in found.items()} == {
        "policy": "good",
        "docker": "bad",
        "dependencies": "good",
        "contacts": "skipped",
        "alertmanager": "bad",
        "deadman": "skipped",
        "gpu": "skipped",
        "clock": found["clock"]["grade"],
        "state directory": "warning",
        "permissions": "skipped",
        "unit": "skipped",
        "daemon": "good",
    }
    assert result.json()["bad"] == 2
    table = call("doctor", file, *options)
    assert table.code == 1
    first, *_, last = table.out.splitlines()
    assert first.split()[0] == "check"
    assert table.out.splitlines()[2].split()[:2] == ["docker", "bad"]
    assert last.startswith("2 bad, ")


def test_warnings_alone_are_0(
    call: Call, tmp_path: Path, listening: str, well: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fine(*_: Any) -> Any:
        yield Finding("docker", Grade.WARNING, "top is refused", "allow it")

    monkeypatch.setattr("nemo_watchdog.doctor.docker.look", fine)
    monkeypatch.setattr("nemo_watchdog.doctor.contacts.look_at_alertmanagers", fine)
    state = ("--state-dir", tmp_path / "state", "--url", f"http://{well.listen}/")
    assert call("doctor", policy_file(tmp_path, listening), *state).code == 0


def test_what_labels_bring_is_looked_at(
    call: Call, tmp_path: Path, listening: str, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And labels that cannot be used are a line."""

    async def told(_: DockerContainers) -> dict[str, dict[str, str]]:
        brings = {"nemo-watchdog.probe": "tcp", "nemo-watchdog.address": listening, "nemo-watchdog.interval": "10s"}
        return {"web": brings, "odd": {"nemo-watchdog.remedy": "none"}}

    monkeypatch.setattr(DockerContainers, "labels", told)
    file = tmp_path / "policy.yaml"
    file.write_text("version: 1\ndiscover: labels\ndependencies: {}\n", encoding="utf-8")
    found = rows(call("doctor", file, "--docker", f"unix://{tmp_path}/gone.sock", "--url", nobody, "--json"))
    assert found["labels"]["grade"] == "warning"
    assert found["labels"]["seen"].startswith("container odd: label nemo-watchdog.remedy: there is no remedy")
    assert found["web"]["seen"].startswith("serves")


def test_an_unusable_policy_is_one_line_of_it(call: Call, tmp_path: Path, nobody: str) -> None:
    """The rest is looked at all the same; exit code 1."""
    file = tmp_path / "policy.yaml"
    file.write_text("version: 1\ndependencies: {a: {probe: pigeon}}\n")
    result = call("doctor", file, "--docker", "unix:///gone", "--state-dir", tmp_path, "--listen", nobody, "--json")
    found = rows(result)
    assert result.code == 1
    assert found["policy"]["grade"] == "bad"
    assert found["dependencies"]["seen"] == "the policy is not usable"
    assert found["docker"]["seen"] == "there is no socket /gone"
    assert found["daemon"]["grade"] == "bad"
    assert "contacts" not in found


def test_an_address_of_docker_that_is_none_is_one_line_of_it(call: Call, tmp_path: Path, nobody: str) -> None:
    file = policy_file(tmp_path, nobody)
    result = call("doctor", file, "--docker", "carrier-pigeon", "--state-dir", tmp_path, "--url", nobody, "--json")
    assert rows(result)["docker"]["seen"] == "DOCKER_HOST is no address"
    assert rows(result)["dependencies"]["grade"] == "skipped"


def test_a_usage_error_is_2(call: Call) -> None:
    assert call("doctor", "--loud").code == 2


def test_the_environment_says_where_as_for_the_daemon(
    call: Call, tmp_path: Path, listening: str, well: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "NEMO_WATCHDOG_POLICY": policy_file(tmp_path, listening),
        "NEMO_WATCHDOG_STATE_DIR": tmp_path / "its state",
        "NEMO_WATCHDOG_LISTEN": well.listen,
        "DOCKER_HOST": "unix:///its.sock",
    }.items():
        monkeypatch.setenv(name, str(value))
    found = rows(call("doctor", "--json"))
    assert found["policy"]["grade"] == "good"
    assert found["docker"]["seen"] == "there is no socket /its.sock"
    assert found["state directory"]["seen"] == f"there is no {tmp_path}/its state"
    assert found["daemon"]["grade"] == "good"


def test_no_secret_is_on_the_screen(
    call: Call, tmp_path: Path, nobody: str, daemon: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One in each place: addresses of probes, contacts, Docker and the daemon, a file, the token."""
    monkeypatch.setenv("PASSWORD", SECRET)
    (tmp_path / "secret").write_text(SECRET)
    state = tmp_path / "state"
    state.mkdir()
    (state / "token").write_text(SECRET)
    trouble = {"what": f"Alertmanager http://ops:{SECRET}@am:9093 takes no alerts", "why": "refused", "since": ""}
    daemon.body = status_of(World(policy(dependency("redis"))), troubles=[trouble])
    file = tmp_path / "policy.yaml"
    file.write_text(
        "version: 1\ndependencies:\n"
        f"  postgres: {{probe: postgres, dsn: 'postgresql://u:{SECRET}@{nobody}/x', interval: 10s, timeout: 2s}}\n"
        f"  redis: {{probe: redis, url: 'redis://:${{PASSWORD}}@{nobody}', interval: 10s, timeout: 2s}}\n"
        f"  site: {{probe: http, url: 'http://u:${{file:{tmp_path}/secret}}@{nobody}/', interval: 10s, timeout: 2s}}\n"
        f"contacts: {{on-call: 'json://u:{SECRET}@{nobody}/{SECRET}', team: 'slakc://{SECRET}'}}\n"
        f"alertmanager: ['http://{nobody}']\n"
    )
    docker = f"tcp://ops:{SECRET}@{nobody}"
    result = call(
        *("doctor", file, "--docker", docker, "--state-dir", state, "--url", daemon.listen, "--send", "--json")
    )
    assert result.code == 1
    bad = {row["check"] for row in result.json()["findings"] if row["grade"] == "bad"}
    assert bad >= {"docker", "contact on-call", "contact team", "alertmanager", "state directory", "token", "daemon"}
    assert SECRET not in result.out + result.err
    text = call("doctor", file, "--docker", docker, "--state-dir", state, "--url", f"u:{SECRET}@{nobody}", "--send")
    assert SECRET not in text.out + text.err


def test_a_policy_that_hangs_is_a_line(
    call: Call, tmp_path: Path, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So is all else: no part waits for another."""
    import threading

    release = threading.Event()
    monkeypatch.setattr(examination, "READ_WITHIN", 0.1)
    monkeypatch.setattr("nemo_watchdog.doctor.policy.read", lambda *_: release.wait())
    try:
        result = call("doctor", "p", "--docker", "unix:///x", "--state-dir", tmp_path, "--url", nobody, "--json")
    finally:
        release.set()
    assert result.code == 1
    assert rows(result)["policy"]["seen"] == "p is not read within some seconds"
    assert rows(result)["docker"]["grade"] == "bad"


DEAF = """
import asyncio, sys
from nemo_watchdog.cli import examination, main
from nemo_watchdog.doctor.checkup import Check
async def deaf():
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass
    yield
examination.unit.look_at_unit = deaf
examination.Check = lambda name, look, if_silent, within=0.0: Check(name, look, if_silent, 0.2)
sys.argv = "nemo-watchdog doctor gone --docker unix:///gone --state-dir gone --url 127.0.0.1:1".split()
main()
"""


def test_what_does_not_let_itself_be_ended_is_left_behind(tmp_path: Path) -> None:
    """The command ends all the same."""
    done = subprocess.run(
        [sys.executable, "-c", DEAF], capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert re.search("^unit +bad +it gave no answer within 200ms", done.stdout, re.MULTILINE)


def test_as_service(call: Call, tmp_path: Path, listening: str, nobody: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the unit's policy and Docker, and what its user may not use."""
    file = policy_file(tmp_path, listening)
    docker = tmp_path / "docker.sock"
    docker.touch()
    environ = {"NEMO_WATCHDOG_POLICY": str(file), "DOCKER_HOST": f"unix://{docker}", "NEMO_WATCHDOG_STATE_DIR": "/s"}
    service = ServiceUnit(tmp_path, environ, {}, user="", dynamic=True, groups=(), private_tmp=False)
    monkeypatch.setattr("nemo_watchdog.cli.as_service.os.geteuid", lambda: 0)
    monkeypatch.setattr("nemo_watchdog.cli.as_service.read_unit", lambda: service)
    monkeypatch.setattr(ServiceUnit, "may_read", lambda *_: True)
    monkeypatch.setattr(ServiceUnit, "may_use", lambda _, path: path != str(docker))
    found = rows(call("doctor", "--as-service", "--url", nobody, "--json"))
    assert found["policy"]["seen"] == f"{file} is valid: 1 dependency"
    assert found["state directory"]["seen"] == "there is no /s"
    assert found["permissions"]["grade"] == "bad"
    assert found["permissions"]["seen"] == f"{docker}: the service's user may not use it"
    assert found["permissions"]["remedy"].startswith("name the group of the socket as Group= in the unit")
    assert found["docker"]["seen"] == f"{docker}: it is no socket"


def test_a_calendar_that_the_service_cannot_read(
    call: Call, tmp_path: Path, listening: str, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root can, and the service's user would go by turns."""
    file, calendar = policy_file(tmp_path, listening), tmp_path / "oncall.ics"
    calendar.touch()
    with file.open("a", encoding="utf-8") as policy:
        entry = f"{{rota: [a, b], weekly: monday 09:00, calendar: {calendar}}}"
        policy.write(f"contacts: {{a: [], b: [], on-call: {entry}}}\n")
    service = ServiceUnit(tmp_path, {}, {}, user="", dynamic=True, groups=(), private_tmp=False)
    monkeypatch.setattr("nemo_watchdog.cli.as_service.os.geteuid", lambda: 0)
    monkeypatch.setattr("nemo_watchdog.cli.as_service.read_unit", lambda: service)
    monkeypatch.setattr(ServiceUnit, "may_read", lambda _, path: path != str(calendar))
    monkeypatch.setattr(ServiceUnit, "may_use", lambda *_: True)
    found = rows(call("doctor", file, "--as-service", "--url", nobody, "--json"))
    assert found["permissions"]["seen"] == f"{calendar}: the service's user cannot read this calendar"
    assert found["permissions"]["remedy"].startswith(f"chmod o+r {calendar}")


def test_as_a_service_that_is_not_installed(
    call: Call, tmp_path: Path, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line of it; the rest is looked at with what this shell has."""
    monkeypatch.setattr("nemo_watchdog.cli.as_service.os.geteuid", lambda: 0)
    monkeypatch.setattr("nemo_watchdog.service_unit.FOLDERS", (str(tmp_path),))
    monkeypatch.setattr("nemo_watchdog.service_unit.read_unit.__defaults__", ("no-unit.service", (str(tmp_path),)))
    result = call("doctor", "--as-service", "--docker", "unix:///x", "--state-dir", tmp_path, "--url", nobody, "--json")
    found = rows(result)
    assert result.code == 1
    assert "install it first" in found["as service"]["seen"]
    assert found["as service"]["remedy"] == "nemo-watchdog install, or leave out --as-service"
    assert found["daemon"]["grade"] == "bad"


def test_only_root_may_ask_as_the_service(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nemo_watchdog.cli.as_service.os.geteuid", lambda: 1000)
    assert call("doctor", "--as-service").code == 2


FINDINGS = [
    Finding("docker", Grade.GOOD, "fine"),
    Finding("unit", Grade.SKIPPED, "none"),
    Finding("docker top", Grade.WARNING, "top is refused " * 8, "allow [it] in the proxy " * 5),
    Finding("state directory", Grade.BAD, "full", "make room"),
]


def shown(width: int, height: int) -> list[str]:
    console = Console(width=width, height=height, force_terminal=True, no_color=True, record=True, file=io.StringIO())
    show(FINDINGS, console)
    return [line.rstrip() for line in console.export_text().splitlines()]


@pytest.mark.parametrize("width", [80, 120])
def test_what_is_bad_stands_first_and_nothing_is_cut_off(width: int) -> None:
    lines = shown(width, 40)
    assert all(len(line) <= width for line in lines)
    assert [line.split()[0] for line in lines[2:] if line[0] != " "] == ["state", "docker", "docker", "unit", "1"]
    told = " ".join(line.strip() for line in lines)
    assert " ".join(told.split()).count("allow [it] in the proxy") == 5
    assert lines[-1] == "1 bad, 1 warning, 1 good, 1 skipped"


def test_on_a_small_screen_what_needs_nothing_is_named() -> None:
    """What is bad stays on it."""
    lines = shown(80, 10)
    assert lines[-3:] == ["good: docker", "skipped: unit", "1 bad, 1 warning, 1 good, 1 skipped"]


def test_json_says_all(call: Call, tmp_path: Path, nobody: str) -> None:
    result = call("doctor", tmp_path / "p", "--docker", "unix:///x", "--state-dir", tmp_path, "--url", nobody, "--json")
    body = json.loads(result.out)
    assert set(body) == {"findings", "bad", "warning", "good", "skipped"}
    assert set(body["findings"][0]) == {"check", "grade", "seen", "remedy"}
    assert sum(body[grade] for grade in Grade) == len(body["findings"])


async def test_the_page_shows_what_is_printed() -> None:
    """The example of the operators' page: a proxy that refuses two calls, and a service that runs beside."""
    refused = Answer(let_through=False, status=403, words="Forbidden")
    it = Docker({DockerCall.TOP: refused, DockerCall.RESTART: refused})
    plan = policy(*map(dependency, ("postgres", "redis", "gateway")))
    found = [
        Finding("policy", Grade.GOOD, "/etc/nemo-watchdog/policy.yaml is valid: 3 dependencies"),
        *await all_of(look(it, None, wanted_by(plan), {})),
        Finding("dependencies", Grade.GOOD, "3 look well: postgres, redis, gateway"),
        Finding("contacts", Grade.GOOD, "on-call, team-lead: usable addresses (--send sends each a test message)"),
        Finding("alertmanager", Grade.SKIPPED, "the policy names none"),
        Finding("deadman", Grade.SKIPPED, "the policy names none: nobody is called when the watchdog itself is gone"),
        *look_at_clock(lambda: 0),
        Finding("state directory", Grade.GOOD, "/var/lib/nemo-watchdog is nemo-watchdog's alone, 73.5 GiB free"),
        Finding("journal", Grade.GOOD, "whole: 1204 records, the newest 3m20s ago"),
        Finding("token", Grade.GOOD, "its owner alone may read it"),
        *look_at_permissions(list),
        Finding("unit", Grade.GOOD, "enabled, active, as it comes with this version, with 1 drop-in"),
        *look_at_daemon(lambda: seen(World(plan))),
    ]
    console = Console(width=118, no_color=True, file=io.StringIO())
    show(found, console)
    assert isinstance(console.file, io.StringIO)
    printed = "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())
    if not PAGE.read_text(encoding="utf-8").count(printed):
        raise AssertionError(f"docs/operations.md does not show this:\n{printed}")
