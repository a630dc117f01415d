"""`discover: labels`: what containers may add to a policy by their labels, and what they may not."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from nemo_watchdog.errors import PolicyError
from nemo_watchdog.plugins import installed
from nemo_watchdog.policy.loader import parse_policy
from nemo_watchdog.policy.policy import Policy
from tests.unit.policy.fakes import CATALOG

FILE = """\
version: 1
discover: labels
dependencies:
  postgres: {probe: postgres, dsn: postgresql://a@127.0.0.1/b, container: db, remedy: again}
remedies:
  again: {steps: [{do: docker.restart}], budget: 3 per 1h}
classification:
  - {name: all-of-it, when: {down: {all: core}}, severity: SEV1}
"""


def read(containers: Mapping[str, Mapping[str, str]], text: str = FILE) -> Policy:
    """The policy with these containers; their labels are given without our prefix, or whole where they have a dot."""
    labelled = {
        name: {key if "." in key else f"nemo-watchdog.{key}": value for key, value in labels.items()}
        for name, labels in containers.items()
    }
    return parse_policy(text, "policy.yaml", installed(), environ={"TOKEN": "hunter2"}, labelled=labelled)


def unused(containers: Mapping[str, Mapping[str, str]], text: str = FILE) -> str:
    """The one thing that is wrong with these labels; nothing is watched for them."""
    policy = read(containers, text)
    assert set(policy.dependencies) == {"postgres"}
    (problem,) = policy.unused_labels
    return problem


def test_a_label_is_a_dependency() -> None:
    """With its container, and otherwise as if it stood in the file."""
    policy = read({"shop_web": {"remedy": "again", "needs": "postgres", "tags": "core", "interval": "5s"}})
    web = policy.dependencies["shop_web"]
    assert (web.probe, web.container, web.interval, set(web.tags)) == ("docker", "shop_web", 5.0, {"core"})
    assert web.remedy == "again"
    assert policy.discovered == {"shop_web": "shop_web"}
    assert not policy.unused_labels
    assert policy.document["dependencies"]["shop_web"]["container"] == "shop_web"


def test_without_the_key_no_label_counts() -> None:
    """Nor where Docker told of none; and then a tag that nobody carries is a mistake."""
    assert set(read({}).dependencies) == {"postgres"}
    text = FILE.replace("discover: labels\n", "")
    assert set(read({"web": {"tags": "core"}}, text.replace("{down: {all: core}}", "{health: down}")).dependencies) == {
        "postgres"
    }
    with pytest.raises(PolicyError, match="no dependency has the tag"):
        read({"web": {"tags": "core"}}, text)


def test_a_file_may_name_nothing_of_its_own() -> None:
    text = "version: 1\ndiscover: labels\ndependencies: {}\n"
    assert set(read({"web": {"probe": "docker"}}, text).dependencies) == {"web"}
    assert not read({}, text).dependencies
    with pytest.raises(PolicyError, match="nothing to watch"):
        read({}, text.replace("discover: labels\n", ""))


def test_what_the_file_says_of_a_container_counts() -> None:
    """And what it needs must be in it: no container that goes may make it invalid."""
    assert set(read({"db": {"probe": "docker", "name": "other"}}).dependencies) == {"postgres"}
    with pytest.raises(PolicyError, match="there is no dependency `web`"):
        read({"web": {"probe": "docker"}}, FILE.replace("container: db", "container: db, needs: [web]"))


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"com.docker.compose.service": "web"},
        {"watch": "false", "probe": "docker"},
        {"probe": "docker", "com.docker.compose.oneoff": "True"},
    ],
)
def test_others_are_left_alone(labels: dict[str, str]) -> None:
    """Without a label of ours, with the one that says so, and the jobs of `docker compose run`."""
    policy = read({"job": labels, "web": {"tags": "core"}})
    assert set(policy.dependencies) == {"postgres", "web"}
    assert not policy.unused_labels


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ({"remedy": "none"}, "container web: label nemo-watchdog.remedy: there is no remedy `none`: expected `again`"),
        ({"needs": "redis"}, "container web: label nemo-watchdog.needs: there is no dependency `redis`"),
        ({"needs": "web"}, "container web: label nemo-watchdog.needs: `needs` goes in a circle, `web` → `web`"),
        ({"probe": "htp"}, "container web: label nemo-watchdog.probe: "),
        ({"probe": "http"}, "container web: label nemo-watchdog.url: missing: this key is required"),
        ({"intervall": "5s"}, "container web: label nemo-watchdog.intervall: unknown key: did you mean `interval`?"),
        ({"interval": "5"}, "container web: label nemo-watchdog.interval: "),
        ({"name": "No Name"}, "container web: label nemo-watchdog.name: a name is"),
        (
            {"probe": "http", "url": "http://x.example/${TOKEN}"},
            "container web: label nemo-watchdog.url: a label expands nothing",
        ),
        (
            {"probe": "http", "url": "http://x.example", "headers": "{a: ['${file:/etc/shadow}']}"},
            "container web: label nemo-watchdog.headers: a label expands nothing",
        ),
        (
            {"probe": "docker", "public": "{name: Chat}"},
            "container web: label nemo-watchdog.public: only the policy file may say what is published",
        ),
        (
            {"probe": "command", "command": "[/bin/true]"},
            "container web: label nemo-watchdog.probe: command runs a program on this host",
        ),
    ],
)
def test_a_label_that_cannot_be_used_is_told(labels: dict[str, str], told: str) -> None:
    """With its container; nothing else is the worse for it."""
    problem = unused({"web": labels})
    assert problem.startswith(told)
    assert "hunter2" not in problem


def test_the_wrong_ones_do_not_take_the_good_ones_with_them() -> None:
    """Also where one needs another that cannot be used."""
    policy = read(
        {
            "a": {"remedy": "nothing"},
            "b": {"needs": "a"},
            "c": {"needs": "b, postgres"},
            "d": {"needs": "postgres"},
        }
    )
    assert set(policy.dependencies) == {"postgres", "d"}
    assert [problem.split(":")[0] for problem in policy.unused_labels] == ["container a", "container b", "container c"]


def test_a_name_that_means_something_else_in_a_rule_is_told() -> None:
    """The one that has it is left out, and no other."""
    text = FILE.replace("{down: {all: core}}", "{measure: {queue_length: '> 5'}}")
    policy = read({"queue_length": {"tags": "core"}, "web": {"tags": "core"}}, text)
    assert set(policy.dependencies) == {"postgres", "web"}
    (problem,) = policy.unused_labels
    assert problem.startswith(
        "container queue_length: as queue_length it makes the policy wrong: `queue_length` has more"
    )


def test_a_probe_of_a_plugin_that_says_nothing_of_programs_runs_none() -> None:
    labelled = {"web": {"nemo-watchdog.probe": "host"}}
    text = "version: 1\ndiscover: labels\ndependencies: {}\n"
    assert set(parse_policy(text, "policy.yaml", CATALOG, environ={}, labelled=labelled).dependencies) == {"web"}


def test_one_that_is_kept_while_another_has_its_place_is_no_dependency() -> None:
    """A container that is made anew: both carry the labels until the new one is verified."""
    assert set(read({"web": {"tags": "core"}, "web-nemo-old": {"tags": "core"}}).dependencies) == {"postgres", "web"}


def test_two_that_claim_one_name_are_both_watched() -> None:
    """The one that was there first has it, and what the file calls so keeps it."""
    policy = read({"z-1": {"name": "web"}, "a-2": {"name": "web"}, "x": {"name": "postgres"}, "X": {"tags": "core"}})
    assert policy.discovered == {"web": "z-1", "a-2": "a-2", "x": "x", "x-2": "X"}
    assert "container a-2: another is called web: it is watched as a-2" in policy.unused_labels


def test_names_that_are_cut_stay_apart() -> None:
    """However many are alike, and long."""
    policy = read({f"{'x' * 65}{end}": {"tags": "core"} for end in range(11)})
    names = ["x" * 63, *("x" * (62 - len(str(count))) + f"-{count}" for count in range(2, 12))]
    assert list(policy.discovered) == names
    assert set(names) < set(policy.dependencies)


@pytest.mark.parametrize(
    ("container", "name"),
    [("Shop.Web_1", "shop-web_1"), ("a" * 80, "a" * 63), ("web", "web")],
)
def test_a_container_gives_its_name(container: str, name: str) -> None:
    assert set(read({container: {"tags": "core"}}).discovered) == {name}
