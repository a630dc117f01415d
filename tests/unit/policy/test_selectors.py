"""A container that is known by its Compose service or by a label: one is meant, and never the first of several."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from nemo_watchdog.errors import PolicyError
from nemo_watchdog.model import CONTAINER, Target
from nemo_watchdog.plugins import installed
from nemo_watchdog.policy.loader import parse_policy
from nemo_watchdog.policy.policy import Dependency, Policy, is_same_target

GATEWAY = {"com.docker.compose.project": "shop", "com.docker.compose.service": "gateway"}
COMPOSE = "{compose: shop/gateway}"


def read(container: str, labelled: Mapping[str, Mapping[str, str]] | None = None, top: str = "") -> Policy:
    text = (
        f"version: 1\n{top}\ndependencies:\n  it: {{probe: host, container: {container}, remedy: again}}\n"
        "remedies: {again: {steps: [{do: docker.restart}], budget: 1 per 1h}}\n"
    )
    return parse_policy(text, "policy.yaml", installed(), environ={}, labelled=labelled)


def it(container: str, labelled: Mapping[str, Mapping[str, str]] | None = None) -> Dependency:
    return read(container, labelled).dependencies["it"]


@pytest.mark.parametrize(
    ("container", "labels"),
    [
        (COMPOSE, GATEWAY),
        (COMPOSE, {**GATEWAY, "com.docker.compose.oneoff": "False"}),
        ("{label: app=web}", {"app": "web", "other": "x"}),
        ("{label: app=}", {"app": ""}),
        ("{label: 'app=a=b c'}", {"app": "a=b c"}),
    ],
)
def test_the_one_that_matches_is_meant(container: str, labels: dict[str, str]) -> None:
    """Whatever it is called: its name is what is acted on and what is asked for."""
    spec = it(container, {"other": {"app": "db"}, "shop_gateway_1": labels})
    assert (spec.container, spec.unselected) == ("shop_gateway_1", "")
    assert spec.targets == {"docker.restart": Target(CONTAINER, "shop_gateway_1")}


@pytest.mark.parametrize(
    ("labelled", "why"),
    [
        (None, "Docker has not told yet which container is compose shop/gateway"),
        ({}, "no container is compose shop/gateway"),
        ({"web": {"com.docker.compose.service": "gateway"}}, "no container is compose shop/gateway"),
        ({"job": {**GATEWAY, "com.docker.compose.oneoff": "True"}}, "no container is compose shop/gateway"),
        (
            {"b": GATEWAY, "a": GATEWAY},
            "2 containers are compose shop/gateway, and one is meant: a, b",
        ),
        (
            dict.fromkeys("abcdef", GATEWAY),
            "6 containers are compose shop/gateway, and one is meant: a, b, c, d, ...",
        ),
    ],
)
def test_none_and_several_are_no_container(labelled: Mapping[str, Mapping[str, str]] | None, why: str) -> None:
    """What is asked for then is a name that no container can have."""
    spec = it(COMPOSE, labelled)
    assert (spec.container, spec.unselected) == ("compose shop/gateway", why)


def test_one_that_is_kept_while_another_has_its_place_is_not_meant() -> None:
    """It has the same labels until the new one is verified."""
    found = {"web": GATEWAY, "web-nemo-old": GATEWAY, "web-nemo-new": GATEWAY}
    assert it(COMPOSE, found).container == "web"


def test_it_is_the_same_target_under_another_name() -> None:
    """One that was made anew, or is away for a moment; what was seen of it still counts."""
    before, after, gone = (it(COMPOSE, found) for found in ({"a": GATEWAY}, {"b": GATEWAY}, {}))
    assert is_same_target(before, after)
    assert is_same_target(before, gone)
    assert before.digest == after.digest == gone.digest
    assert not is_same_target(before, it("{compose: shop/web}", {"a": GATEWAY}))
    assert not is_same_target(before, it("a"))


def test_two_that_mean_one_container_share_it() -> None:
    """By its name or by its label: one target, and so one remedy."""
    text = (
        "version: 1\ndependencies:\n"
        "  x: {probe: host, container: web, remedy: r}\n  y: {probe: host, container: {label: a=b}, remedy: s}\n"
        "remedies: {r: {steps: [{do: docker.restart}], budget: 1 per 1h}, "
        "s: {steps: [{do: docker.restart}], budget: 1 per 1h}}\n"
    )
    parse_policy(text, "policy.yaml", installed(), environ={}, labelled={"web": {}})
    with pytest.raises(PolicyError, match="`x` has the same container with another remedy"):
        parse_policy(text, "policy.yaml", installed(), environ={}, labelled={"web": {"a": "b"}})


def test_labels_are_asked_for_where_they_say_which_it_is() -> None:
    """And no others."""
    assert read("{label: app=web}").selects == {"app", "com.docker.compose.oneoff"}
    assert read("{label: app=web}").asks_labels
    assert not read("web").asks_labels


def test_what_the_file_means_is_not_discovered_as_well() -> None:
    """Its container carries labels of ours too: the file goes first."""
    policy = read(COMPOSE, {"a": {**GATEWAY, "nemo-watchdog.probe": "docker"}}, "discover: labels")
    assert set(policy.dependencies) == {"it"}


@pytest.mark.parametrize(
    ("container", "said"),
    [
        ("{compose: gateway}", "dependencies.it.container.compose: expected `project/service`"),
        ("{compose: shop/a/b}", "dependencies.it.container.compose: expected `project/service`"),
        ("{label: app}", "dependencies.it.container.label: expected `key=value`"),
        ("{}", "dependencies.it.container: expected one of `compose: project/service` and `label: key=value`"),
        ("{compose: a/b, label: a=b}", "dependencies.it.container: expected one of `compose: project/service`"),
        ("{service: a/b}", "dependencies.it.container.service: unknown key"),
        ("[a]", "dependencies.it.container: expected"),
        ("a/b", "dependencies.it.container: expected the name of a container"),
    ],
)
def test_a_mistake_says_what_is_expected(container: str, said: str) -> None:
    """At the place where it stands."""
    with pytest.raises(PolicyError) as caught:
        read(container)
    assert any(said in str(problem) for problem in caught.value.problems), caught.value
