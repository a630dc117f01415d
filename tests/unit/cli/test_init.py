"""`nemo-watchdog init`: what is printed where, what is written over, and how it ends."""

from __future__ import annotations

import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from nemo_watchdog.cli import init
from nemo_watchdog.errors import ContainersUnreachable
from nemo_watchdog.shipped import Example, text_of
from tests.unit.cli.calling import Call
from tests.unit.first_policy.making import inspected

REDIS = inspected("cache", image="redis:7", ports={"6379/tcp": ("", "1")})
JOB = inspected("job", rm=True)
PROMPTS = "typer.prompt"


class Docker:
    """What `app.docker` gives: it has these containers, or does not answer."""

    def __init__(self) -> None:
        self.containers: list[Mapping[str, Any]] | Exception = [REDIS, JOB]
        self.address: str | None = None

    async def all_inspected(self) -> Sequence[Mapping[str, Any]]:
        if isinstance(self.containers, Exception):
            raise self.containers
        return self.containers

    async def close(self) -> None:
        """Nothing to close."""


@pytest.fixture(autouse=True)
def docker(monkeypatch: pytest.MonkeyPatch) -> Docker:
    it = Docker()

    def made(address: str | None) -> Docker:
        it.address = address
        return it

    monkeypatch.setattr("nemo_watchdog.app.docker", made)
    monkeypatch.setattr(init, "_host_has_gpu", lambda: False)
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.delenv("ONCALL_URL", raising=False)
    return it


def test_the_policy_is_printed_and_the_rest_is_said_beside_it(call: Call) -> None:
    result = call("init")
    assert result.code == 0
    assert sorted(yaml.safe_load(result.out)["dependencies"]) == ["cache", "docker", "host"]
    assert result.err.splitlines() == [
        "found 1 container: cache",
        "left out 1:",
        "  job: it was started with --rm, as a job is; to watch it all the same, label it nemo-watchdog.watch=true",
        "next: nemo-watchdog check FILE --probe, then nemo-watchdog run --policy FILE",
    ]


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # by a plugin of Apprise
def test_what_it_writes_passes_the_check(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    result = call("init", "--output", file, "--tell", "json://127.0.0.1:9/x", "--tell", "${ONCALL_URL:-}")
    assert (result.code, result.out) == (0, "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert yaml.safe_load(file.read_text())["contacts"] == {"on-call": ["json://127.0.0.1:9/x", "${ONCALL_URL:-}"]}
    assert "warning: the address of --tell stands in the policy" in result.err
    assert f"next: nemo-watchdog check {file} --probe" in result.err
    checked = call("check", file)
    assert (checked.code, checked.out) == (0, f"{file} is valid: 3 dependencies.\n")


def test_a_file_that_is_there_is_not_written_over(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("mine")
    result = call("init", "--output", file)
    assert result.code == 2
    assert result.err == (
        f"{file} is there already, and is not written over: choose another --output, or move it away: "
        f"mv {file} {file}.old\n"
    )
    assert file.read_text() == "mine"


def test_the_example_that_nobody_has_touched_makes_room(call: Call, tmp_path: Path) -> None:
    """`install` has put it there; with one more byte it is somebody's."""
    file = tmp_path / "policy.yaml"
    file.write_text(text_of(Example.POLICY) + "\n")
    assert call("init", "--output", file).code == 2
    file.write_text(text_of(Example.POLICY))
    assert call("init", "--output", file).code == 0
    assert "cache" in yaml.safe_load(file.read_text())["dependencies"]


@pytest.mark.parametrize("target", ["nothing", "example"])
def test_a_link_is_somebody_s(call: Call, tmp_path: Path, target: str) -> None:
    (tmp_path / "example").write_text(text_of(Example.POLICY))
    (tmp_path / "policy.yaml").symlink_to(tmp_path / target)
    assert call("init", "--output", tmp_path / "policy.yaml").code == 2
    assert (tmp_path / "policy.yaml").is_symlink()


def test_a_folder_that_is_not_there_is_told_before_anybody_is_asked(call: Call, docker: Docker, tmp_path: Path) -> None:
    docker.containers = AssertionError("not asked")
    result = call("init", "--output", tmp_path / "none" / "policy.yaml")
    assert (result.code, result.err) == (2, f"there is no folder {tmp_path}/none to write policy.yaml in\n")


def test_a_file_that_cannot_be_written_is_told(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nemo_watchdog.first_policy.writing.write_new", fails)
    result = call("init", "--output", tmp_path / "policy.yaml")
    assert (result.code, result.err) == (2, f"{tmp_path}/policy.yaml cannot be written: No space left on device\n")


def test_docker_that_cannot_be_reached(call: Call, docker: Docker) -> None:
    docker.containers = ContainersUnreachable("Docker does not answer: x")
    result = call("init", "--docker", "tcp://10.0.0.1:2375")
    assert (result.code, result.out) == (3, "")
    assert result.err == "Docker does not answer: x: is Docker running, and may you use it? See --docker\n"
    assert docker.address == "tcp://10.0.0.1:2375"


def test_an_address_of_docker_that_is_none(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert call("init", "--docker", "nonsense").code == 2


def test_another_machine_s_docker_has_other_addresses(call: Call) -> None:
    assert "warning: the addresses are those of this machine" in call("init", "--docker", "tcp://10.0.0.1:2375").err
    assert "warning" not in call("init", "--docker", "tcp://127.0.0.1:2375").err


def test_nothing_to_watch(call: Call, docker: Docker) -> None:
    docker.containers = [JOB]
    result = call("init")
    assert (result.code, result.out) == (1, "")
    assert result.err.splitlines()[-1] == "Docker has no container to watch"
    assert result.err.startswith("left out job: ")


def test_a_label_that_cannot_be_used(call: Call, docker: Docker) -> None:
    docker.containers = [
        inspected("x", labels={"nemo-watchdog.needs": "nobody"}),
        inspected("y", labels={"nemo-watchdog.interval": "hunter2"}),
    ]
    result = call("init")
    assert (result.code, result.out) == (2, "")
    assert "container x, label nemo-watchdog.needs: there is no dependency `nobody`" in result.err
    assert "container y, label nemo-watchdog.interval: expected a duration" in result.err
    assert "hunter2" not in result.err


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # by a plugin of Apprise
@pytest.mark.parametrize("address", ["hunter2", "hunter2://x", "${NOT_SET_HUNTER2}"])
def test_who_is_told_must_be_an_address(call: Call, address: str) -> None:
    result = call("init", "--tell", address)
    assert (result.code, result.out) == (2, "")
    assert "hunter2" not in result.err


def test_a_compose_file_alone(call: Call, docker: Docker, tmp_path: Path) -> None:
    docker.containers = [REDIS]
    file = tmp_path / "compose.yaml"
    file.write_text("name: shop\nservices: {db: {image: postgres}}\ninclude: [x]\n")
    result = call("init", "--compose", file)
    assert result.code == 0
    assert yaml.safe_load(result.out)["dependencies"]["db"]["container"] == "shop-db-1"
    assert "cache" not in result.out
    assert f"warning: {file}: `include` is not followed" in result.err
    assert call("init", "--compose", tmp_path / "none").code == 2


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(init, "_at_a_terminal", lambda: True)


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # by a plugin of Apprise
def test_at_a_terminal_it_asks(call: Call, terminal: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is told, and where to write; nothing is asked when an option says it."""
    monkeypatch.setattr(init, "INSTALLED", tmp_path / "policy.yaml")
    (tmp_path / "policy.yaml").write_text(text_of(Example.POLICY))
    asked: list[str] = []

    def answers(question: str, default: str = "", **_: object) -> str:
        asked.append(default)
        return "json://127.0.0.1:9/x" if "told" in question else default

    monkeypatch.setattr(PROMPTS, answers)
    result = call("init")
    assert (result.code, result.out) == (0, "")
    assert asked == ["", str(tmp_path / "policy.yaml")]
    assert yaml.safe_load((tmp_path / "policy.yaml").read_text())["contacts"] == {"on-call": ["json://127.0.0.1:9/x"]}
    assert "next: nemo-watchdog check --as-service --probe, then systemctl enable --now nemo-watchdog" in result.err


def test_at_a_terminal_it_can_be_printed(call: Call, terminal: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PROMPTS, lambda question, **_: "" if "told" in question else "-")
    result = call("init")
    assert result.code == 0
    assert result.err.startswith("Found 1 container.\n")
    assert "\nautonomy: suggest\n" in result.out
