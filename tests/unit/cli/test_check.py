"""`nemo-watchdog check` and `schema`: exit codes, and what is printed where."""

from __future__ import annotations

import errno
import io
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from nemo_watchdog.cli.one_look import Look, table_of
from nemo_watchdog.containers import DockerContainers
from nemo_watchdog.model import Reason, failed, ok
from tests.unit.cli.calling import Call

POLICIES = Path(__file__).parents[2] / "policies"


def tcp_policy(folder: Path, address: str, *, interval: str = "10s") -> Path:
    file = folder / "policy.yaml"
    file.write_text(
        "version: 1\nautonomy: observe\ndependencies:\n"
        f"  port: {{probe: tcp, address: '{address}', interval: {interval}, timeout: 2s}}\n",
        encoding="utf-8",
    )
    return file


def test_a_valid_policy_is_0(call: Call) -> None:
    """And says how much is watched."""
    result = call("check", POLICIES / "valid" / "smallest.yaml")
    assert (result.code, result.err) == (0, "")
    assert result.out.endswith("smallest.yaml is valid: 1 dependency.\n")


def test_a_valid_policy_as_json(call: Call) -> None:
    """For a pipeline that reads it."""
    result = call("check", POLICIES / "valid" / "storm-off.yaml", "--json")
    assert result.code == 0
    assert result.json() == {"valid": True, "advice": [], "probes": {}}


def test_advice_is_given_and_does_not_fail(call: Call, tmp_path: Path) -> None:
    """Unwise is not invalid."""
    result = call("check", tcp_policy(tmp_path, "127.0.0.1:1", interval="1s"))
    assert result.code == 0
    assert "advice: dependencies.port.timeout: a look may take 2s" in result.out


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # by a plugin of Apprise
def test_an_address_that_can_never_be_told_is_advice(call: Call, tmp_path: Path) -> None:
    """By its number: the address itself may be a token."""
    file = tcp_policy(tmp_path, "127.0.0.1:1")
    addresses = "['slakc://T1JJ3T3L2/A1BRTD4JD/hunter2/', 'json://127.0.0.1:1/x', 'http://127.0.0.1:1/hunter2']"
    with file.open("a", encoding="utf-8") as policy:
        policy.write(f"contacts: {{on-call: {addresses}}}\n")
    result = call("check", file)
    assert result.code == 0
    told = [line for line in result.out.splitlines() if "Apprise" in line]
    assert [line[: len("advice: contacts.on-call: address 1 of 3")] for line in told] == [
        f"advice: contacts.on-call: address {number} of 3" for number in (1, 3)
    ]
    assert "hunter2" not in result.out + result.err


def test_an_invalid_policy_is_2_with_every_problem_and_its_place(call: Call) -> None:
    """On stderr, with the line, and a count."""
    result = call("check", POLICIES / "invalid" / "unknown-probe.yaml")
    assert (result.code, result.out) == (2, "")
    assert "unknown-probe.yaml:" in result.err
    assert "1 problem: the policy is not usable." in result.err


def test_an_invalid_policy_as_json(call: Call) -> None:
    """The problems are a list."""
    result = call("check", POLICIES / "invalid" / "unknown-probe.yaml", "--json")
    assert result.code == 2
    body = result.json()
    assert body["valid"] is False
    assert len(body["problems"]) == 1


def test_a_file_that_is_not_there_is_2(call: Call, tmp_path: Path) -> None:
    """Named, without a traceback."""
    result = call("check", tmp_path / "nothing.yaml")
    assert result.code == 2
    assert "nothing.yaml" in result.err
    assert "Traceback" not in result.err


def test_the_policy_can_come_from_the_environment(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for the daemon."""
    monkeypatch.setenv("NEMO_WATCHDOG_POLICY", str(POLICIES / "valid" / "smallest.yaml"))
    assert call("check").code == 0


def test_probe_looks_once_at_each(call: Call, tmp_path: Path) -> None:
    """0 when all is well."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        result = call("check", tcp_policy(tmp_path, address), "--probe")
    assert result.code == 0
    assert "ok" in result.out


def test_probe_is_1_when_something_is_not_up(call: Call, tmp_path: Path, nobody: str) -> None:
    """With the reason, as a table and as JSON."""
    result = call("check", tcp_policy(tmp_path, nobody), "--probe")
    assert result.code == 1
    assert "refused" in result.out
    result = call("check", tcp_policy(tmp_path, nobody), "--probe", "--json")
    assert result.code == 1
    assert result.json()["probes"]["port"]["reason"] == "refused"


def shown(width: int = 200, /, **looks: Look) -> str:
    paper = io.StringIO()
    Console(width=width, file=paper).print(table_of(looks))
    return paper.getvalue()


def test_what_a_probe_says_is_no_markup() -> None:
    """Brackets are printed, not interpreted."""
    finding = failed(Reason.WRONG_ANSWER, "it said [/end] and [bold]x")
    assert "it said [/end] and [bold]x" in shown(redis=Look("redis", finding, 0.1))


def test_the_table_says_all_that_one_look_saw() -> None:
    """Category before the reason, as it decides; the time; the container; what was measured."""
    table = shown(
        cache=Look(
            "redis",
            failed(Reason.LOADING, "loading 40%", {"redis_loaded_ratio": 0.4, "redis_x_bytes": 1828090.0}),
            0.0123,
            "running",
        ),
        web=Look("http", ok("answered as expected"), 1.5),
    )
    rows = [line.strip() for line in table.splitlines() if line.strip()]
    assert [row.split(maxsplit=4) for row in rows[2:]] == [
        ["cache", "redis", "failed", "12.3ms", "busy: loading"],
        ["loading", "40%"],
        ["container", "running"],
        ["redis_loaded_ratio", "0.4"],
        ["redis_x_bytes", "1828090"],
        ["web", "http", "ok", "1.5s", "answered as expected"],
    ]


def test_the_table_says_what_is_in_progress() -> None:
    """A restart would wait for it."""
    look = Look("redis", replace(ok("Redis 7"), work="saving a snapshot"), 0.1)
    assert "in progress: saving a snapshot" in shown(redis=look)
    assert look.plain()["work"] == "saving a snapshot"


def test_a_narrow_terminal_cuts_nothing_off() -> None:
    """At 80 columns what does not fit goes on in the next line."""
    look = Look("prometheus", failed(Reason.GPU_RESET_REQUIRED, "x" * 100, {"gpu_pcie_replays": 1.0}), 10.0, "running")
    table = shown(80, **{"d" * 16: look})
    assert max(len(line) for line in table.splitlines()) <= 80
    assert (table.count("x"), table.count("…")) == (100, 0)
    assert {"prometheus", "10s", "integrity:", "gpu_reset_required", "gpu_pcie_replays"} <= set(table.split())


@pytest.mark.parametrize(
    ("container", "well"), [(None, True), ("running", True), ("exited", False), ("unknown", False)]
)
def test_a_container_that_does_not_run_is_not_well(container: str | None, well: bool) -> None:
    """However well the probe's own answer: the daemon judges both."""
    assert Look("http", ok(), 0.1, container).well is well


def test_schema_is_json_schema(call: Call) -> None:
    """For editors."""
    result = call("schema")
    assert (result.code, result.err) == (0, "")
    assert result.json()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_a_probe_that_gets_no_file_is_blind(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the daemon: our own lack is no bug of the probe."""

    async def raises(self: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("nemo_watchdog.probes.tcp.TcpProbe.look", raises)
    result = call("check", tcp_policy(tmp_path, "127.0.0.1:1"), "--probe", "--json")
    assert result.code == 1
    assert result.json()["probes"]["port"]["reason"] == "watchdog_overloaded"


def test_a_probe_that_raises_is_a_finding(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in one probe is told in its row, without a traceback and without the words of the exception."""

    async def raises(self: object) -> None:
        raise RuntimeError("hunter2")

    monkeypatch.setattr("nemo_watchdog.probes.tcp.TcpProbe.look", raises)
    monkeypatch.setattr("nemo_watchdog.probes.tcp.TcpProbe.close", raises)
    result = call("check", tcp_policy(tmp_path, "127.0.0.1:1"), "--probe", "--json")
    assert result.code == 1
    assert result.json()["probes"]["port"]["detail"] == "the probe raised RuntimeError"


def test_probe_tells_what_docker_is_asked(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a proxy's allow-list: of this policy, line by line, and for programs."""
    file = tmp_path / "policy.yaml"
    remedy = "remedies: {again: {steps: [{do: docker.restart}], budget: 3 per 1h}}\n"
    file.write_text(
        f"version: 1\ndependencies: {{web: {{probe: docker, container: web, remedy: again}}}}\n{remedy}",
        encoding="utf-8",
    )
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    told = call("check", file, "--probe").out
    assert "asks Docker: GET /containers/*/json\n" in told
    assert "asks Docker: POST /containers/*/restart\n" in told
    assert call("check", file, "--probe", "--json").json()["docker_calls"][0] == "GET /version"
    assert "docker_calls" not in call("check", file, "--json").json()


def test_probe_also_looks_at_what_labels_bring(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the daemon would; a Docker that cannot be asked is said."""
    labels = {"nemo-watchdog.probe": "tcp", "nemo-watchdog.address": "127.0.0.1:1"}

    async def told(_: DockerContainers) -> dict[str, dict[str, str]]:
        return {"web": labels, "odd": {"nemo-watchdog.remedy": "none"}}

    file = tmp_path / "policy.yaml"
    file.write_text("version: 1\ndiscover: labels\ndependencies: {}\n", encoding="utf-8")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    result = call("check", file, "--probe", "--json")
    assert result.json()["probes"] == {}
    assert "the labels of containers were not seen: Docker does not answer" in " ".join(result.json()["advice"])
    monkeypatch.setattr(DockerContainers, "labels", told)
    result = call("check", file, "--probe", "--json")
    assert set(result.json()["probes"]) == {"web"}
    assert any("container odd: label nemo-watchdog.remedy" in each for each in result.json()["advice"])
