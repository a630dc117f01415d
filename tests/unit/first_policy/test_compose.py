"""A Compose file as the containers that it would make, and beside the containers that there are."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from nemo_watchdog.first_policy.compose import ComposeError, read_compose
from nemo_watchdog.first_policy.found import Found, Published
from nemo_watchdog.first_policy.plan import sort_out
from nemo_watchdog.first_policy.services import of_file, with_dependencies
from tests.unit.first_policy.making import found, policy_of

COMPOSE = "com.docker.compose"


def write(folder: Path, text: str, env: str = "") -> Path:
    (folder / ".env").write_text(env, encoding="utf-8")
    file = folder / "compose.yaml"
    file.write_text(dedent(text), encoding="utf-8")
    return file


def services(folder: Path, text: str, env: str = "", **environ: str) -> dict[str, Found]:
    return dict(read_compose(write(folder, text, env), environ).services)


def one(folder: Path, keys: str, env: str = "", **environ: str) -> Found:
    return services(folder, f"name: shop\nservices:\n  web: {{image: acme/web, {keys}}}\n", env, **environ)["web"]


@pytest.mark.parametrize(
    ("ports", "published", "picked"),
    [
        ('["80:8000"]', [(8000, "127.0.0.1", 80)], []),
        ("[22:22]", [(22, "127.0.0.1", 22)], []),
        ('["127.0.0.1:80:8000/tcp"]', [(8000, "127.0.0.1", 80)], []),
        ('["10.0.0.1:80:8000"]', [(8000, "10.0.0.1", 80)], []),
        ('["[::1]:80:8000"]', [(8000, "::1", 80)], []),
        ('["8000"]', [], [8000]),
        ("[8000]", [], [8000]),
        ('["127.0.0.1::8000"]', [], [8000]),
        ('["53:53/udp"]', [], []),
        ('["8000-8001:9000-9001"]', [(9000, "127.0.0.1", 8000), (9001, "127.0.0.1", 8001)], []),
        ('["8000-8009:9000"]', [], [9000]),
        ('[{target: 8000, published: "80", host_ip: 10.0.0.1}]', [(8000, "10.0.0.1", 80)], []),
        ("[{target: 8000}]", [], [8000]),
        ('["${PORT:-81}:8000"]', [(8000, "127.0.0.1", 81)], []),
        ('["what"]', [], []),
    ],
)
def test_ports(tmp_path: Path, ports: str, published: list[tuple[int, str, int]], picked: list[int]) -> None:
    service = one(tmp_path, f"ports: {ports}")
    assert service.published == tuple(Published(*each) for each in published)
    assert service.picked == tuple(picked)


def test_what_a_service_says(tmp_path: Path) -> None:
    (tmp_path / "web.env").write_text("FROM_FILE=1\nBOTH=file\n", encoding="utf-8")
    service = one(
        tmp_path,
        "environment: {BOTH: here, FLAG: true, NONE: }, env_file: web.env, restart: always, stop_grace_period: 1m30s, "
        "healthcheck: {test: curl localhost, start_period: 90s}, labels: [a=b], command: serve --x 'a b', "
        "networks: {back: {aliases: [w]}}, container_name: the-web, deploy: {resources: {reservations: {devices: "
        "[{driver: nvidia, capabilities: [gpu]}]}}}",
    )
    assert service.environment == {"FROM_FILE": "1", "BOTH": "here", "FLAG": "true"}
    assert (service.restart_policy, service.stop_timeout, service.start_period) == ("always", 90.0, 90.0)
    assert service.health_check == ("CMD-SHELL", "curl localhost")
    assert (service.labels["a"], service.project, service.service) == ("b", "shop", "web")
    assert (service.command, service.name, service.has_gpu) == (("serve", "--x", "a b"), "the-web", True)
    assert service.networks == {"back": {"web", "the-web", "w"}}


@pytest.mark.parametrize(
    ("told", "depends_on"),
    [
        ("[db, cache]", ("db", "cache")),
        ("{db: {condition: service_healthy}, m: {condition: service_completed_successfully}}", ("db",)),
    ],
)
def test_depends_on_in_both_forms(tmp_path: Path, told: str, depends_on: tuple[str, ...]) -> None:
    assert one(tmp_path, f"depends_on: {told}").depends_on == depends_on


def test_who_is_waited_for_until_it_has_ended_is_a_job(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        """
        services:
          web: {image: w, depends_on: {migrate: {condition: service_completed_successfully}}}
          migrate: {image: w}
        """,
    )
    watched, left_out = sort_out(of_file(file, [], {})[0])
    assert [each.service for each in watched] == ["web"]
    assert "it is a job" in "".join(left_out.values())


@pytest.mark.parametrize(
    ("head", "environ", "name"),
    [
        ("", {}, "my-shop-web-1"),
        ("name: other", {}, "other-web-1"),
        ("name: other", {"COMPOSE_PROJECT_NAME": "third"}, "third-web-1"),
    ],
)
def test_what_compose_would_call_it(tmp_path: Path, head: str, environ: dict[str, str], name: str) -> None:
    folder = tmp_path / "My-Shop!"
    folder.mkdir()
    assert services(folder, f"{head}\nservices: {{web: {{image: w}}}}\n", **environ)["web"].name == name


def test_the_shell_wins_over_the_file_beside_it(tmp_path: Path) -> None:
    text = "services: {web: {image: 'w:${TAG}'}}\n"
    assert services(tmp_path, text, "TAG=1")["web"].image == "w:1"
    assert services(tmp_path, text, "TAG=1", TAG="2")["web"].image == "w:2"


def test_anchors_merges_and_the_tags_of_compose(tmp_path: Path) -> None:
    made = services(
        tmp_path,
        """
        x-base: &base {image: w, restart: always}
        services:
          a: {<<: *base, ports: !override ["80:8000"]}
          b: {<<: *base, restart: !reset null}
        """,
    )
    assert (made["a"].image, made["a"].restart_policy, made["a"].published[0].port) == ("w", "always", 80)
    assert made["b"].restart_policy == "no"


def test_what_is_not_followed_is_said(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        """
        include: [x.yaml]
        services:
          web: {extends: {service: base}}
          debug: {image: d, profiles: [debug]}
        """,
    )
    read = read_compose(file, {})
    assert list(read.services) == ["web"]
    assert [warning.partition(": ")[2].split()[0] for warning in read.warnings] == ["`include`", "`extends`", "debug"]


@pytest.mark.parametrize(
    "text", ["services: [", "", "a: b", "- 1", "services: 5", "services: &x {a: *y}", "\0", "services: " + "[" * 5000]
)
def test_what_is_none_is_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(ComposeError, match=r"compose\.yaml"):
        read_compose(write(tmp_path, text), {})


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ComposeError, match="cannot be read: No such file"):
        read_compose(tmp_path / "none.yaml", {})


SHOP = """
name: shop
services:
  web: {image: w, depends_on: [db]}
  db: {image: postgres, ports: ["5432:5432"]}
"""


def labels(service: str, **more: str) -> dict[str, str]:
    return {
        f"{COMPOSE}.project": "shop",
        f"{COMPOSE}.service": service,
        **{f"{COMPOSE}.{k}": v for k, v in more.items()},
    }


def test_what_runs_is_as_docker_tells_and_the_rest_as_the_file_does(tmp_path: Path) -> None:
    """Others that run are no part of it."""
    running = found("shop_web_1", labels=labels("web"), networks={"shop_default": ["web"]})
    made, _ = of_file(write(tmp_path, SHOP), [running, found("stranger")], {})
    policy = policy_of(*made)
    assert set(policy.dependencies) == {"web", "db", "docker", "host"}
    assert policy.dependencies["web"].container == "shop_web_1"
    assert policy.dependencies["web"].needs == ("db",)
    assert policy.dependencies["db"].container == "shop-db-1"


def test_compose_1_names_its_file_in_a_label(tmp_path: Path) -> None:
    file = write(tmp_path, SHOP)
    where = {"project.config_files": file.name, "project.working_dir": str(tmp_path)}
    web, db = found("shop_web_1", labels=labels("web", **where)), found("shop_db_1", labels=labels("db", **where))
    assert [each.depends_on for each in with_dependencies([web, db])[0]] == [("db",), ()]
    file.unlink()
    assert [each.depends_on for each in with_dependencies([web, db])[0]] == [(), ()]


def test_compose_2_has_it_in_a_label() -> None:
    web = found(
        "web", labels=labels("web", depends_on="db:service_started:false,m:service_completed_successfully:false")
    )
    made = {each.name: each for each in with_dependencies([web, found("m", labels=labels("m"))])[0]}
    assert made["web"].depends_on == ("db",)
    assert made["m"].is_job
