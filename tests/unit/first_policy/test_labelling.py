"""Labels win over guesses; one that cannot be used is named, with its container, and never its value."""

from __future__ import annotations

import pytest

from nemo_watchdog.model import Autonomy
from tests.unit.first_policy.making import found, only, planned, policy_of, problems_of

PORT = {"8000/tcp": ("127.0.0.1", "8000")}


def labels(**words: str) -> dict[str, str]:
    return {f"nemo-watchdog.{key}": value for key, value in words.items()}


def test_labels_win_and_say_so() -> None:
    said = labels(
        probe="http",
        url="http://127.0.0.1:8000/ready",
        expect="{status: 204}",
        remedy="restart-database",
        tags="core, web",
        interval="5s",
        autonomy="observe",
        name="front",
    )
    dependency, written, text = only(found("x", image="redis", ports=PORT, labels=said))
    assert (dependency.name, dependency.probe, dependency.remedy) == ("front", "http", "restart-database")
    assert (set(dependency.tags), dependency.interval, dependency.autonomy) == ({"core", "web"}, 5.0, Autonomy.OBSERVE)
    assert written["expect"] == {"status": 204}
    assert "# its label nemo-watchdog.remedy says so" in text
    assert "redis://" not in text


@pytest.mark.parametrize(
    ("said", "probe"),
    [
        ({"url": "http://127.0.0.1:8000/x"}, "http"),
        ({"url": "redis://127.0.0.1:8000/0"}, "redis"),
        ({"url": "${X:-redis://127.0.0.1:8000/0}"}, "redis"),
        ({"dsn": "postgresql://a@127.0.0.1/b"}, "postgres"),
        ({"address": "127.0.0.1:8000"}, "tcp"),
        ({"probe": "docker"}, "docker"),
        ({"probe": "http"}, "http"),
        ({"probe": "tcp"}, "tcp"),
    ],
)
def test_an_address_chooses_its_probe(said: dict[str, str], probe: str) -> None:
    """And a probe has the address that is known."""
    assert only(found("x", ports=PORT, labels=labels(**said)))[0].probe == probe


def test_a_label_can_take_a_remedy_away() -> None:
    assert only(found("x", labels=labels(remedy="null")))[0].remedy is None


def test_needs_may_name_what_is_there_several_times() -> None:
    """Compose gives all containers of a service the same labels."""
    compose = {"com.docker.compose.project": "p", "com.docker.compose.service": "web"}
    webs = [
        found(
            f"p-web-{number}", labels={**labels(name="www"), **compose, "com.docker.compose.container-number": number}
        )
        for number in ("1", "2")
    ]
    policy = policy_of(*webs, found("proxy", labels=labels(needs="www")))
    assert policy.dependencies["proxy"].needs_any == (("www-1", "www-2"),)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"watch": "maybe"}, "container x, label nemo-watchdog.watch: expected true or false"),
        ({"interval": "fast"}, "container x, label nemo-watchdog.interval: expected a duration"),
        ({"colour": "1s"}, "container x, label nemo-watchdog.colour: unknown key"),
        ({"probe": "htp"}, "container x, label nemo-watchdog.probe: there is no probe `htp`"),
        ({"probe": "prometheus"}, "container x, label nemo-watchdog.probe (for its `url`): missing"),
        ({"needs": "nobody"}, "container x, label nemo-watchdog.needs: there is no dependency `nobody`"),
        ({"needs": "x"}, "container x, label nemo-watchdog.needs: `needs` goes in a circle"),
        ({"remedy": "reboot"}, "container x, label nemo-watchdog.remedy: there is no remedy `reboot`"),
        ({"url": "${NOT_SET}"}, "container x, label nemo-watchdog.url: the environment has no variable `NOT_SET`"),
        (
            {"headers": "{Authorization: Bearer hunter2}"},
            "container x, label nemo-watchdog.headers: a secret stands in it",
        ),
        ({"basic": "{user: a, password: hunter2}"}, "container x, label nemo-watchdog.basic: a secret stands in it"),
        ({"bearer": "hunter2"}, "container x, label nemo-watchdog.bearer: a secret stands in it"),
    ],
)
def test_a_label_that_cannot_be_used_is_named(said: dict[str, str], told: str) -> None:
    ports = PORT if {"headers", "basic", "bearer", "interval"} & said.keys() else {}
    problems = problems_of(found("x", ports=ports, labels=labels(**said)))
    assert any(problem.startswith(told) for problem in problems), problems
    assert "hunter2" not in "".join(problems)


@pytest.mark.parametrize(
    ("key", "value", "plain"),
    [
        ("dsn", "postgresql://a:hunter2@127.0.0.1/b", "postgresql://a@127.0.0.1/b"),
        ("dsn", "postgresql://a@127.0.0.1/b?password=hunter2", "postgresql://a@127.0.0.1/b"),
        ("url", "redis://:hunter2@127.0.0.1/0", "redis://127.0.0.1/0"),
        ("url", "http://u:hunter2@127.0.0.1/x", "http://u@127.0.0.1/x"),
        ("url", "http://127.0.0.1/x?key=hunter2", "http://127.0.0.1/x"),
    ],
)
def test_a_secret_in_an_address_is_not_copied(key: str, value: str, plain: str) -> None:
    _, written, text = only(found("x", labels=labels(**{key: value})))
    assert written[key] == f"${{X_ADDRESS:-{plain}}}"
    assert "hunter2" not in text
    assert f"Its label nemo-watchdog.{key} has a secret, which is not copied: X_ADDRESS=" in text


@pytest.mark.parametrize("value", ["{Authorization: 'Bearer ${TOKEN:-x}'}", "{Accept: text/plain}"])
def test_what_is_no_secret_stays(value: str) -> None:
    made = planned(found("x", ports=PORT, labels=labels(url="http://127.0.0.1/x", headers=value)))
    assert made.problems == ()
    assert made.entries[0].value("headers")
