"""Who needs whom, and why; circles are broken and told."""

from __future__ import annotations

import pytest

from tests.unit.first_policy.making import found, planned, policy_of, proven

COMPOSE = "com.docker.compose"


def of_compose(service: str, depends_on: str = "", project: str = "shop", number: str = "1") -> dict[str, str]:
    return {
        f"{COMPOSE}.project": project,
        f"{COMPOSE}.service": service,
        f"{COMPOSE}.container-number": number,
        f"{COMPOSE}.depends_on": depends_on,
    }


@pytest.mark.parametrize(
    ("variable", "value", "shown"),
    [
        ("CACHE", "redis:6379", "redis:6379"),
        ("CACHE", "redis://redis:6379/0", "redis:6379"),
        ("CACHE", "redis://redis", "redis"),
        ("CACHE", "redis://:hunter2@redis/0", "redis"),
        ("CACHE", "a:7000,redis:7000", "redis"),
        ("CACHE_HOST", "redis", "redis"),
    ],
)
def test_an_environment_that_names_another(variable: str, value: str, shown: str) -> None:
    """In the ways in which addresses are written; a port is shown where it is one of the other's."""
    made = planned(found("redis", exposed=[6379]), found("api", environment={variable: value}))
    assert proven(made).dependencies["api"].needs == ("redis",)
    (choice,) = [each for entry in made.entries for each in entry.choices if each.key == "needs"]
    assert choice.why == f"its environment names {shown} ({variable})"


@pytest.mark.parametrize(
    "value",
    [
        "redis",
        "redis:7",
        "my-redis:6379",
        "redis.example.com:6379",
        "//redis:1234@elsewhere/0",
        "//redis:6379@elsewhere/0",
        "//redis@elsewhere",
        "a redis is good",
    ],
)
def test_what_only_looks_like_it(value: str) -> None:
    """An image with its tag, a user of the same name, another host."""
    policy = policy_of(found("redis", exposed=[6379]), found("api", environment={"X": value}))
    assert policy.dependencies["api"].needs == ()


def test_a_name_counts_only_on_a_network_that_both_are_on() -> None:
    """By its alias there as well."""
    db = found("shop-db-1", networks={"back": ["db"]}, exposed=[5432])
    near = found("near", networks={"back": []}, environment={"DB": "db:5432"})
    far = found("far", networks={"front": []}, environment={"DB": "db:5432"})
    policy = policy_of(db, near, far)
    assert (policy.dependencies["near"].needs, policy.dependencies["far"].needs) == (("shop-db-1",), ())


def test_depends_on_is_of_the_same_project() -> None:
    """What must only have ended is no need."""
    policy = policy_of(
        found("shop-db-1", labels=of_compose("db")),
        found("x-db-1", labels=of_compose("db", project="x")),
        found("api", labels=of_compose("api", "db:service_healthy:true,init:service_completed_successfully:false")),
    )
    assert policy.dependencies["api"].needs == ("shop-db",)


def test_of_several_that_stand_in_for_each_other_one_is_enough() -> None:
    policy = policy_of(
        *(found(f"shop-web-{number}", labels=of_compose("web", number=number)) for number in "12"),
        found("proxy", labels=of_compose("proxy", "web")),
    )
    assert policy.dependencies["proxy"].needs_any == (("web-1", "web-2"),)


def test_who_uses_the_network_of_another_needs_it() -> None:
    policy = policy_of(found("vpn", id="a" * 64), found("app", network_mode=f"container:{'a' * 64}"))
    assert policy.dependencies["app"].needs == ("vpn",)


def test_a_circle_is_broken_and_told() -> None:
    made = planned(
        found("a", environment={"B": "b:8000"}),
        found("b", environment={"C": "c:8000"}),
        found("c", environment={"A": "a:8000"}),
    )
    policy = proven(made)
    assert [policy.dependencies[name].needs for name in "abc"] == [("b",), ("c",), ()]
    assert made.warnings == (
        "c and a need each other (its environment names a (A)): that need is left out, for `needs` has no circles",
    )


def test_what_a_label_says_stays_where_a_circle_is_broken() -> None:
    made = planned(
        found("a", environment={"B": "b:8000"}),
        found("b", labels={"nemo-watchdog.needs": "a"}),
    )
    policy = proven(made)
    assert (policy.dependencies["a"].needs, policy.dependencies["b"].needs) == ((), ("a",))


def test_what_others_need_is_core() -> None:
    policy = policy_of(found("db", image="postgres", exposed=[5432]), found("api", environment={"DB": "db:5432"}))
    assert policy.dependencies["db"].tags == {"core", "data"}
