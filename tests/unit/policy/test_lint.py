"""Advice on policies that are valid but unwise."""

from __future__ import annotations

import pytest

from nemo_watchdog.plugins import Kind
from nemo_watchdog.policy.lint import Advice, lint
from nemo_watchdog.ports import Catalog
from tests.unit.policy.fakes import CATALOG, parse

BASE = """
version: 1
dependencies:
  redis: {probe: redis, url: x, container: c, tags: [core, data], remedy: r%s}
remedies:
  r:
    steps: [%s]
    budget: 5 per 1h
contacts: {team: json://127.0.0.1/}
classification:
  - {name: last, severity: SEV4, notify: [team]}
"""
RESTART = "{do: docker.restart}"


def policy(*, step: str = RESTART, dependency: str = "") -> str:
    return BASE % (f", {dependency}" if dependency else "", step)


def rules(*items: str) -> str:
    return policy().replace("  - {name: last, severity: SEV4, notify: [team]}\n", "".join(f"  - {i}\n" for i in items))


TOLD = """severities:
  SEV1: {title: a, respond_within: 1m, notify: [team]}
  SEV2: {title: a, respond_within: 1m}
  SEV3: {title: a, respond_within: 1m}
  SEV4: {title: a, respond_within: 1m}
"""
LAST = "{name: last, severity: SEV4, notify: [team]}"
CORE_TOLD = "{name: core-unseen, when: {tags: core}, severity: SEV1, notify: [team]}"
REDIS = "  redis: {"


def grouped(needs: str, web: int = 1) -> str:
    """Two containers with the tag web, one of which is watched twice, and what needs them."""
    specs = "".join(
        f"  {name}: {{probe: host, tags: [web], container: {at}}}\n" for name, at in (("a", "x"), ("b", "y"))
    )
    twin = "  twin: {probe: host, tags: [web], container: x}\n"
    user = f"  user: {{probe: host, needs: [{needs}]}}\n"
    return policy().replace(REDIS, f"{specs}{twin}{user}{REDIS}") + f"limits: {{min_healthy: {{web: {web}}}}}\n"


ENGINE = "  engine: {probe: docker}\n"


HOST = "  host: {probe: host}\n"
MANY = '{measure: {redis.redis_connected_clients: "> %d"}}'
COVERED = (
    ("{health: down, tags: core}", "{down: {all: core}}"),
    ("{down: {any: core}}", "{health: down, tags: [core, data]}"),
    ("{affected: {share: 50%, of: core}}", "{affected: {share: 60%, of: core}}"),
    ("{affected: {count: 1}}", "{affected: {count: 1}, health: down}"),
    ("{tags: core}", "{affected: {share: 60%, of: core}}"),
    ("{lasting: 5m}", "{lasting: 10m, health: down}"),
    ("{lasting: 5m}", "{lasting: 5m, health: down}"),
    ("{time: '09:00-18:00'}", "{time: '09:00-18:00', health: down}"),
    (MANY % 10, MANY % 10),
    (MANY % 10, MANY % 20),
    ('{measure: {x: "<= 20%"}}', '{measure: {x: "<= 0.1"}}'),
    ('{measure: {x: "<= 20%"}}', '{measure: {x: "<= 20%"}, health: down}'),
    ('{measure: {x: ">= 3"}}', '{measure: {x: "= 5", y: "> 1"}}'),
    ("{any: [{health: down}, {category: blind}]}", "{category: blind}"),
    ("{any: [{health: down}, {category: blind}]}", "{any: [{category: blind}, {health: down}], tags: core}"),
    ("{health: [down, degraded]}", "{any: [{health: down}, {health: degraded, tags: core}]}"),
    ("{health: down}", "{all: [{category: fault}, {health: down}]}"),
    ("{all: [{health: down}, {tags: core}]}", "{health: down, tags: [core, data]}"),
    ("{not: {tags: core}}", "{not: {tags: core}, health: down}"),
)
"""The first holds whenever the second does."""

REACHED = (
    ("{affected: {share: 60%, of: core}}", "{affected: {share: 50%, of: core}}"),
    ("{affected: {share: 50%, of: core}}", "{affected: {share: 60%, of: data}}"),
    ("{affected: {share: 50%, of: core}}", "{affected: {count: 1, of: core}}"),
    ("{affected: {share: 50%, of: core}}", "{tags: core}"),
    ("{down: {all: core}}", "{health: down, tags: core}"),
    ("{down: {any: core}}", "{health: [down, degraded], tags: core}"),
    ("{lasting: 10m}", "{lasting: 5m}"),
    ("{lasting: 10m}", "{health: down}"),
    ("{lasting: 1s}", "{health: down}"),
    ("{category: fault, reason: [timeout, loading]}", "{health: down}"),
    ("{any: [{health: up}, {category: blind}]}", "{health: down}"),
    ("{time: '09:00-18:00'}", "{time: '09:00-17:00'}"),
    ("{time: '09:00-18:00'}", "{time: '09:00-18:00', zone: Europe/Berlin}"),
    (MANY % 20, MANY % 10),
    ('{measure: {x: "> 10"}}', '{measure: {y: "> 10"}}'),
    ('{measure: {x: "> 10"}}', '{measure: {x: ">= 20"}}'),
    ('{measure: {x: "> 10"}}', "{health: down}"),
    ("{any: [{health: down}, {category: blind}]}", "{tags: core}"),
    ("{health: down}", "{any: [{health: down}, {category: blind}]}"),
    ("{all: [{health: down}, {tags: core}]}", "{health: down}"),
    ("{not: {tags: core}}", "{health: down}"),
    ("{not: {tags: core}}", "{not: {tags: data}}"),
    ("{health: down}", "{not: {health: down}}"),
)


def test_a_wise_policy_has_no_advice() -> None:
    """Advice is given only where there is something to say."""
    assert lint(parse(policy())) == []


def test_a_storm_that_fewer_carry_than_it_takes_is_none() -> None:
    """Somebody relies on it."""
    (advice,) = lint(parse(policy() + "limits: {storm: {of: core}}\n"))
    assert str(advice) == "limits.storm: there is never a storm: `least` is 3, and 1 carry the tag `core`"
    assert lint(parse(policy() + "limits: {storm: false}\n")) == []


@pytest.mark.parametrize(
    ("step", "remedy", "why"),
    [
        ("{reason: timeout}", "{reason: refused}", "its remedy is for none of these reasons"),
        ("{reason: timeout}", "{reason: [timeout, refused]}", ""),
        ("{category: fault}", "{category: fault}", ""),
        ("{helped: '< 2'}", "{category: fault}", ""),
        (
            "{helped: '>= 1'}",
            "{category: fault}",
            "it must have helped >= 1 times before, and nothing else in this remedy does the same",
        ),
        ("{reason: timeout, category: fault}", "{category: fault}", ""),
    ],
)
def test_a_step_for_what_its_remedy_is_not_for_is_never_taken(step: str, remedy: str, why: str) -> None:
    """Somebody relies on it."""
    text = policy(step=f"{RESTART[:-1]}, when: {step}}}").replace("    steps:", f"    when: {remedy}\n    steps:")
    said = [str(each) for each in lint(parse(text))]
    assert said == ([f"remedies.r.steps[0].when: this step is never taken: {why}"] if why else [])


def test_whoever_hears_it_from_an_alertmanager_is_told() -> None:
    """However the policy has it said."""
    untold = policy(step=RESTART + ", {do: escalate, to: team}").replace(", notify: [team]", "")
    assert lint(parse(untold + "alertmanager: http://127.0.0.1:9093\n")) == []


@pytest.mark.parametrize(
    ("text", "path", "part"),
    [
        (grouped("{any: [a]}"), "dependencies.user.needs", "a group of one is no choice: write `a` without `any`"),
        (grouped("a, {any: [a, b]}"), "dependencies.user.needs", "it needs `a` in any case"),
        (grouped("{any: [a, twin]}"), "dependencies.user.needs", "`a` or `twin` are in one container"),
        (grouped("{any: [a, b]}", web=2), "limits.min_healthy.web", "2 carry the tag `web`, and 2 of them must serve"),
        (policy(dependency="timeout: 10s"), "dependencies.redis.timeout", "a look may take 10s"),
        (policy(dependency="interval: 1s"), "dependencies.redis.timeout", "the next is due after 1s"),
        (policy(dependency="confirm_interval: 1m"), "dependencies.redis.confirm_interval", "(1m) than"),
        (policy(dependency="startup_grace: 5m"), "remedies.r.steps[0].verify_within", "`redis` may take 5m to start"),
        (
            policy(step="{do: docker.restart, also: [side]}").replace(
                REDIS, "  side: {probe: host, container: s, autonomy: observe}\n" + REDIS
            ),
            "remedies.r.steps[0].also",
            "never done: it restarts side along, whose `autonomy` is `observe`",
        ),
        (policy(step=RESTART + ", {do: escalate, to: team}, " + RESTART), "remedies.r.steps[2]", "never reached"),
        (policy(step="{do: docker.restart, attempts: 6}"), "remedies.r.steps", "6 attempts, and its budget allows 5"),
        (
            policy(step="{do: docker.restart, attempts: 6}").replace("5 per 1h", "20 per 1h")
            + "limits: {budget: 5 per 1h}\n",
            "remedies.r.steps",
            "the budget of all remedies allows 5 per 1h",
        ),
        (
            policy(step="{do: docker.restart, attempts: 3, backoff: {initial: 30m, max: 1h}}"),
            "remedies.r.steps[0].backoff",
            "it waits 1h30m in all, longer than the budget's 1h",
        ),
        (
            policy() + 'maintenance: [{name: all-day, cron: "0 * * * *", duration: 1h}]\n',
            "maintenance[0]",
            "`all-day` never ends: it begins anew before its 1h are over",
        ),
        (
            policy() + 'maintenance: [{name: backup, cron: "0 3 * * *", duration: 1h, public: true}]\n',
            "maintenance[0].public",
            "users are told of `backup`, and nothing that is published needs what it is of",
        ),
        (policy().replace(", remedy: r", ""), "remedies.r", "no dependency uses this remedy"),
        (policy().replace("json://127.0.0.1/", "[]"), "contacts.team", "no address"),
        (policy().replace("notify: [team]", "notify: []"), "contacts.team", "nobody tells this contact"),
        (
            rules(LAST, "{name: after, when: {health: down}, severity: SEV1}"),
            "classification[1]",
            "`last` stands before",
        ),
        (
            rules(
                "{name: a, when: {health: down}, severity: SEV1}",
                "{name: b, when: {health: down}, severity: SEV2}",
                LAST,
            ),
            "classification[1]",
            "rule `b` is never reached: `a` stands before it and holds whenever this one does",
        ),
        (
            rules(
                "{name: a, when: {category: [fault, busy]}, severity: SEV1}",
                "{name: b, when: {reason: timeout, tags: core}, severity: SEV2}",
                LAST,
            ),
            "classification[1]",
            "rule `b` is never reached",
        ),
        (
            rules(
                "{name: a, when: {down: {any: core}}, severity: SEV1}",
                "{name: b, when: {down: {all: core}}, severity: SEV2}",
                LAST,
            ),
            "classification[1]",
            "rule `b` is never reached",
        ),
        (
            rules("{name: a, when: {category: busy, reason: timeout}, severity: SEV1}", LAST),
            "classification[0].when",
            "none of its reasons has its category",
        ),
        (rules("{name: a, when: {health: up}, severity: SEV1}", LAST), "classification[0].when", "in trouble is down"),
        (
            rules("{name: a, when: {health: degraded, down: {any: core}}, severity: SEV1}", LAST),
            "classification[0].when",
            "what `down` is about is down itself",
        ),
        (
            rules("{name: a, when: {dependencies: host, tags: core}, severity: SEV1}", LAST).replace(
                REDIS, HOST + REDIS
            ),
            "classification[0].when",
            "no dependency that it is about carries all of its tags",
        ),
        (
            rules("{name: a, when: {affected: {count: 2, of: core}}, severity: SEV1}", LAST),
            "classification[0].when",
            "there are only 1 of what `affected` counts",
        ),
        (
            rules("{name: a, when: {any: [{health: up}, {category: busy, reason: timeout}]}, severity: SEV1}", LAST),
            "classification[0].when",
            "never holds: what is in trouble is down",
        ),
        (
            rules("{name: a, when: {all: [{health: down}, {health: up}]}, severity: SEV1}", LAST),
            "classification[0].when",
            "never holds: what is in trouble is down",
        ),
        *(
            (
                rules(
                    f"{{name: a, when: {first}, severity: SEV1}}", f"{{name: b, when: {second}, severity: SEV2}}", LAST
                ),
                "classification[1]",
                "rule `b` is never reached: `a` stands before it and holds whenever this one does",
            )
            for first, second in COVERED
        ),
        (
            rules("{name: a, when: {health: down}, severity: SEV1, notify: [team]}"),
            "classification",
            "what none matches counts as SEV4",
        ),
        (
            rules("{name: a, when: {health: down}, severity: SEV1, notify: [team]}", "{name: last, severity: SEV4}")
            + TOLD,
            "classification",
            "nobody is told when the watchdog cannot see `redis`",
        ),
        (
            (rules(CORE_TOLD, "{name: last, severity: SEV4}") + TOLD).replace(REDIS, ENGINE + REDIS),
            "classification",
            "nobody is told when the watchdog cannot see `engine`",
        ),
        (
            policy(step=RESTART + ", {do: escalate, to: team}").replace(", notify: [team]", ""),
            "severities",
            "nobody is told of an incident before its remedy gives up",
        ),
    ],
)
def test_what_is_unwise_is_said(text: str, path: str, part: str) -> None:
    """Each kind of advice names its place and the reason, and comes alone."""
    (advice,) = lint(parse(text))
    assert advice.path == path
    assert part in advice.message
    assert str(advice) == f"{path}: {advice.message}"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("{health: down}", "{health: [down, degraded]}"),
        ("{tags: [core, data]}", "{tags: core}"),
        ("{category: fault}", "{reason: [timeout, loading]}"),
        ("{reason: timeout}", "{category: fault}"),
        ("{down: {all: core}}", "{down: {any: core}}"),
        ("{down: {any: core}}", "{down: {any: data}}"),
        ("{health: down, dependencies: redis}", "{health: down}"),
        *REACHED,
    ],
)
def test_a_rule_that_can_be_reached_has_no_advice(first: str, second: str) -> None:
    """A narrower rule may stand before a wider one."""
    text = rules(f"{{name: a, when: {first}, severity: SEV1}}", f"{{name: b, when: {second}, severity: SEV2}}", LAST)
    assert lint(parse(text)) == []


def test_advice_is_a_value() -> None:
    """Two pieces of the same advice are equal, so that callers can compare and print them."""
    assert Advice("a", "b") == Advice("a", "b")


MEASURED = (
    ('{measure: {redis_conected_clients: "> 1"}}', "the probe redis does not: did you mean `redis_connected_clients`?"),
    ('{measure: {redis.host_oom_kills: "> 1"}}', "nothing measures `host_oom_kills`"),
    ('{not: {any: [{measure: {redis.nothing: "> 1"}}]}}', "nothing measures `nothing`, so that is never known"),
)


@pytest.mark.parametrize(("when", "part"), MEASURED)
def test_a_measurement_that_no_probe_makes_is_said(when: str, part: str) -> None:
    """Where the catalog knows what its probes measure."""
    text = rules(f"{{name: a, when: {when}, severity: SEV1}}", LAST)
    measures = {"redis": frozenset({"redis_connected_clients"}), "host": frozenset({"host_oom_kills"})}
    kinds = {name: Kind(kind.options, kind.make, measures.get(name)) for name, kind in CATALOG.probes.items()}
    (advice,) = lint(parse(text), Catalog(kinds, CATALOG.actions))
    assert advice.path == "classification[0].when"
    assert part in advice.message
    assert lint(parse(text), CATALOG) == []  # these probes do not say what they measure


def test_a_measurement_that_one_of_the_probes_makes_is_good() -> None:
    """Of the one that is classified, whichever it is; in a remedy as well."""
    text = rules('{name: a, when: {measure: {host_oom_kills: "> 1"}}, severity: SEV1}', LAST).replace(
        REDIS, HOST + REDIS
    )
    measures = {"redis": frozenset[str](), "host": frozenset({"host_oom_kills"})}
    kinds = {name: Kind(kind.options, kind.make, measures.get(name)) for name, kind in CATALOG.probes.items()}
    assert lint(parse(text), Catalog(kinds, CATALOG.actions)) == []
