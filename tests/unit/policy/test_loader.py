"""Text becomes a complete policy, or every problem at once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar
from zoneinfo import ZoneInfo

import pytest

from nemo_watchdog.errors import PolicyError
from nemo_watchdog.model import Autonomy, Category, Health, Severity, Target
from nemo_watchdog.policy.condition import Affected, Bound, Condition, Measure, Span, TagQuantifier, Times
from nemo_watchdog.policy.document import MAX_CHARACTERS, MAX_VALUES
from nemo_watchdog.policy.loader import load_policy, parse_policy
from nemo_watchdog.policy.people import Apprise, Contact
from nemo_watchdog.policy.policy import (
    ActionStep,
    Alertmanager,
    Backoff,
    Budget,
    Deadman,
    Dependency,
    EscalateStep,
    Flapping,
    Limits,
    Public,
    Remedy,
    Retention,
    Rule,
    SeveritySpec,
    Storm,
    Threshold,
)
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.ports import Catalog
from tests.unit.policy.fakes import CATALOG, POLICIES, HttpOptions, Kind, Options, parse

HOST = "version: 1\ndependencies: {host: {probe: host}}\n"


def problems(text: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        parse(text)
    return [str(problem) for problem in caught.value.problems]


def test_a_mapping_at_a_dependency_stands_for_itself() -> None:
    """What it leaves out is the language's own, also where `defaults` has it off."""
    own = "version: 1\ndefaults: {flapping: false}\ndependencies: {host: {probe: host, flapping: {low: 10%}}}\n"
    assert parse(own).dependencies["host"].flapping == Flapping(low=0.1)
    assert parse(HOST).dependencies["host"].flapping == Flapping()


def test_everything_arrives() -> None:
    """Each key of the language reaches the policy, in base units."""
    policy = load_policy(POLICIES / "valid" / "everything.yaml", CATALOG, environ={})
    postgres, api, *_ = policy.dependencies.values()
    assert (postgres.name, postgres.probe, postgres.container) == ("postgres", "postgres", "app_postgres")
    assert (postgres.tags, postgres.needs, postgres.remedy) == (frozenset({"core", "data"}), (), "restart")
    assert postgres.autonomy is Autonomy.OBSERVE
    assert (postgres.public, api.public) == (None, Public("Chat", "Talk to a model"))
    assert (postgres.interval, postgres.confirm_interval, postgres.timeout) == (90, 2, 5)
    assert (postgres.down_after, postgres.up_after, postgres.startup_grace) == (Threshold(4, 4), 1, 120)
    signs = [("file", "/run/restore"), ("lock", "/run/backup.lock"), ("dependency", "api")]
    assert [(sign.kind, sign.name) for sign in postgres.busy_while] == signs
    assert (postgres.work_for, api.work_for, api.busy_while) == (6 * 3600, 2 * 3600, ())
    assert (api.interval, api.confirm_interval, api.timeout) == (20, 0.5, 2)
    assert (api.down_after, api.up_after, api.startup_grace) == (Threshold(2, 3), 3, 60)
    assert (postgres.flapping, api.flapping) == (Flapping(3600, 0.5, 0.2), None)
    assert (api.needs, api.tags, api.autonomy) == (("postgres",), frozenset({"core"}), Autonomy.SUGGEST)
    assert api.needs_any == (("cache-a", "cache-b"),)
    assert isinstance(api.options, HttpOptions)
    assert (api.options.slow_after, api.options.expect.status) == (0.75, [200, 204])
    assert api.options.expect.json_values == {"status": "ok"}
    assert list(policy.severities) == list(Severity)
    assert policy.severities[Severity.SEV1] == SeveritySpec("Now", 300, ("night", "day"))
    assert policy.severities[Severity.SEV2].notify == ("day",)
    core = TagQuantifier("all", "core")
    assert policy.classification[0] == Rule("outage", Severity.SEV1, Condition(down=core), ("night",))
    assert policy.classification[1].when == Condition(
        category=frozenset({Category.INTEGRITY}), tags=frozenset({"data"}), dependencies=frozenset({"postgres"})
    )
    assert policy.classification[2].when == Condition(
        health=frozenset({Health.DOWN, Health.DEGRADED}), down=TagQuantifier("any", "core")
    )
    assert policy.classification[3].when == Condition(reason=frozenset({"oom_killed", "exited"}))
    many, rest = policy.classification[5:]
    assert (many.title, rest) == ("Many are affected", Rule("rest", Severity.SEV4))
    weekdays, weekend = Span(frozenset(range(5)), 540, 1080), Span(frozenset({5, 6}), 1320, 120)
    berlin = ZoneInfo("Europe/Berlin")
    assert many.when == Condition(
        affected=Affected(share=0.5, of="core"),
        lasting=600.0,
        time=Times((weekdays, weekend), berlin, "mon-fri 09:00-18:00 or sat,sun 22:00-02:00 Europe/Berlin"),
        measure=(
            Measure("users", "prometheus_query_value", Bound(">", 100.0, "> 100"), "users"),
            Measure("api", "http_seconds", Bound(">=", 1.5, ">= 1.5"), "api.http_seconds"),
            Measure(
                None,
                "postgres_connections_used_ratio",
                Bound(">", 0.9, "> 90%"),
                "postgres_connections_used_ratio",
            ),
        ),
        any=(
            Condition(health=frozenset({Health.DOWN})),
            Condition(all=(Condition(affected=Affected(count=2)), Condition(reason=frozenset({"slow"})))),
        ),
        not_=Condition(category=frozenset({Category.BLIND})),
    )
    reasons = frozenset({"timeout", "exited", "oom_killed"})
    restart = policy.remedies["restart"].steps[0]
    assert isinstance(restart, ActionStep)
    assert restart.options.stop_timeout == 20
    assert (restart.target_kind, restart.helps) == ("container", frozenset({Category.FAULT}))
    assert postgres.targets == {"docker.restart": Target("container", "app_postgres")}
    assert policy.remedies["restart"] == Remedy(
        "restart",
        (
            ActionStep(
                "docker.restart",
                "docker.restart",
                options=restart.options,
                attempts=2,
                backoff=Backoff(10, 3, 600, 0.5),
                verify_within=180,
                timeout=120,
                may_take=20,
                digest=restart.digest,
            ),
            EscalateStep("night", "escalate night"),
        ),
        Budget(3, 7200),
        Condition(category=frozenset({Category.FAULT}), reason=reasons),
    )
    assert policy.limits == Limits(Budget(6, 86400), 2, {"cache": 1}, Storm(0.6, 2, "core", 20.0, 60.0))
    assert policy.retention == Retention(180 * 86400.0, 14 * 86400.0, 500_000_000)
    assert policy.autonomy is Autonomy.SUGGEST
    assert policy.contacts == {
        "night": Contact((Apprise(Secret("tgram://bot/chat")), Apprise(Secret("mailto://user:pass@example.org")))),
        "day": Contact((Apprise(Secret("slack://a/b/c")),)),
    }
    assert policy.alertmanager == (
        Alertmanager("http://127.0.0.1:9093"),
        Alertmanager("https://alerts.example.org/am", "nemo", Secret("to-come"), ca="/etc/ssl/am.pem", silences=True),
        Alertmanager("https://alerts.example.com", bearer=Secret("a-token-of-it")),
    )
    assert policy.deadman == Deadman(Secret("https://hc-ping.com/6a1f2c1e-5b7d-4c38-9c55-0d6f7c0b3a11"), 300.0)


def test_what_is_left_out_has_its_default() -> None:
    """The smallest policy has the runbook's severities, plain rules and careful limits."""
    policy = parse(HOST)
    host = policy.dependencies["host"]
    assert (host.interval, host.confirm_interval, host.timeout, host.startup_grace) == (10, 1, 3, 30)
    assert (host.busy_while, host.work_for) == ((), 3600)
    assert (host.down_after, host.up_after, host.autonomy) == (Threshold(3, 3), 2, Autonomy.ACT)
    assert [spec.respond_within for spec in policy.severities.values()] == [900, 1800, 14400, 86400]
    assert not any(spec.notify for spec in policy.severities.values())
    assert {rule.severity for rule in policy.classification} == set(Severity)
    assert (policy.remedies, policy.limits, policy.contacts, policy.alertmanager) == ({}, Limits(storm=Storm()), {}, ())


@pytest.mark.parametrize(
    ("chosen", "worked_on"),
    [
        ("", "abcd"),
        (", dependencies: [a]", "a"),
        (", tags: [x]", "bc"),
        (", dependencies: [a], tags: [y]", "ac"),
        (", dependencies: [a, b, c, d], tags: [y]", "abcd"),
    ],
)
def test_what_a_planned_window_is_of(chosen: str, worked_on: str) -> None:
    """What it names, and what carries one of its tags; everything where it names neither."""
    dependencies = "a: {probe: host}, b: {probe: host, tags: [x]}, c: {probe: host, tags: [x, y]}, d: {probe: host}"
    window = f'{{name: w, cron: "0 3 * * *", duration: 1h{chosen}}}'
    (made,) = parse(f"version: 1\ndependencies: {{{dependencies}}}\nmaintenance: [{window}]\n").maintenance
    assert made.dependencies == frozenset(worked_on)


def test_an_empty_classification_is_a_choice() -> None:
    """`classification: []` is no rules, not the default ones."""
    assert parse(HOST + "classification: []\n").classification == ()


def test_a_remedy_is_for_faults_only() -> None:
    """A remedy that does not say when it applies applies to the category fault."""
    remedy = parse(HOST + "remedies: {r: {steps: [{do: docker.restart}], budget: 1 per 1h}}\n").remedies["r"]
    assert remedy.when == Condition(category=frozenset({Category.FAULT}))


def test_an_action_has_time_to_stop_and_to_start() -> None:
    """The whole call may take a minute longer than the stop, unless the policy says otherwise."""
    steps = "[{do: docker.restart}, {do: docker.restart, stop_timeout: 2m}, {do: docker.restart, timeout: 11s}]"
    remedy = parse(HOST + f"remedies: {{r: {{steps: {steps}, budget: 1 per 1h}}}}\n").remedies["r"]
    assert [step.timeout for step in remedy.steps if isinstance(step, ActionStep)] == [70, 180, 11]


@pytest.mark.parametrize(
    ("ceiling", "own", "result"),
    [
        ("act", "observe", "observe"),
        ("observe", "act", "observe"),
        ("suggest", "act", "suggest"),
        ("act", "act", "act"),
    ],
)
def test_autonomy_is_the_lower_of_the_two(ceiling: str, own: str, result: str) -> None:
    """A dependency can lower the policy's ceiling and never raise it."""
    text = f"version: 1\nautonomy: {ceiling}\ndependencies: {{host: {{probe: host, autonomy: {own}}}}}\n"
    assert parse(text).dependencies["host"].autonomy == result


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    """Mistakes of every kind and of every part stand in one list, top to bottom."""
    found = problems(
        "autonmy: act\n"
        "dependencies:\n"
        "  redis:\n"
        "    probe: redis\n"
        "    url: ${MISSING}\n"
        "    needs: [gatway]\n"
        "    remedy: restrat\n"
        "  gateway: {probe: http, url: http://h/, slow_after: 5, timeout: x}\n"
        "limits: {storm: {down: 2}}\n"
        "remedies:\n"
        "  restart: {steps: [{do: docker.restart}], budget: many, when: {category: busy}}\n"
        "contacts: {team: [nonsense]}\n"
        "version: 3\n"
    )
    assert [problem.split(": ")[0] for problem in found] == [
        "policy.yaml:1:1",
        "policy.yaml:5:10",
        "policy.yaml:6:13",
        "policy.yaml:7:13",
        "policy.yaml:8:54",
        "policy.yaml:8:66",
        "policy.yaml:9:24",
        "policy.yaml:11:52",
        "policy.yaml:12:19",
        "policy.yaml:13:10",
    ]


def test_two_circles_are_two_problems() -> None:
    """Every circle of needs is named once, at the need that closes it."""
    found = problems(
        "version: 1\ndependencies:\n"
        "  a: {probe: host, needs: [b]}\n  b: {probe: host, needs: [a, c]}\n"
        "  c: {probe: host}\n  d: {probe: host, needs: [c, d]}\n"
    )
    assert [problem.split(",")[1].split(":")[0] for problem in found] == [" `a` → `b` → `a`", " `d` → `d`"]


def test_two_groups_of_the_same_names_are_one() -> None:
    """In whatever order they stand; a name alone is a need of its own."""
    spec = parse(
        "version: 1\ndependencies:\n  a: {probe: host}\n  b: {probe: host}\n"
        "  c: {probe: host, needs: [a, {any: [a, b]}, {any: [b, a]}, a]}\n"
    ).dependencies["c"]
    assert (spec.needs, spec.needs_any) == (("a",), (("b", "a"),))


def test_one_container_may_be_watched_twice() -> None:
    """Two looks at one container are fine with one remedy, or where only one of them has any."""
    policy = parse(
        "version: 1\ndependencies:\n"
        "  a: {probe: host, container: c, remedy: r}\n  b: {probe: host, container: c, remedy: r}\n"
        "  d: {probe: host, container: c}\n"
        "remedies: {r: {steps: [{do: docker.restart}], budget: 1 per 1h}}\n"
    )
    assert {dependency.container for dependency in policy.dependencies.values()} == {"c"}


def test_a_remedy_that_only_tells_needs_no_container() -> None:
    """Escalation works for what is no container."""
    policy = parse(
        "version: 1\ndependencies: {host: {probe: host, remedy: r}}\ncontacts: {team: []}\n"
        "remedies: {r: {steps: [{do: escalate, to: team}], budget: 1 per 1h}}\n"
    )
    assert policy.remedies["r"].steps == (EscalateStep("team", "escalate team"),)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    """Editors on Windows begin files with one; places still count from the first letter."""
    file = tmp_path / "policy.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + HOST.encode().replace(b"\n", b"\r\n"))
    assert "host" in load_policy(file, CATALOG, environ={}).dependencies
    file.write_bytes(b"\xef\xbb\xbfversoin: 1\n")
    with pytest.raises(PolicyError, match=r"policy\.yaml:1:1: versoin: unknown key: did you mean `version`"):
        load_policy(file, CATALOG, environ={})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "1:1: the file is empty: a policy begins with `version: 1`"),
        (b"# nothing\n", "1:1: the file is empty: a policy begins with `version: 1`"),
        (b"version: 1\nna\xefve: 2\n", "2:3: not UTF-8 text: save the file as UTF-8"),
        (b"\xff\xfev\x00", "1:1: not UTF-8 text: save the file as UTF-8"),
        (b"version: \x00", "1:10: a character that YAML does not allow: the file must be plain text"),
        (b"#" * (MAX_CHARACTERS + 1), "1:1: larger than 1 MiB: a policy is a file that people read"),
        (b"#" * MAX_CHARACTERS, "1:1: the file is empty: a policy begins with `version: 1`"),
        (b"- 1\n" * (MAX_VALUES + 1), f"{MAX_VALUES}:3: more than {MAX_VALUES} values"),
        (b"just words", "1:1: a policy is a mapping that begins with `version: 1`"),
        (b"null", "1:1: the file is empty: a policy begins with `version: 1`"),
        (b"[" * 100_000, "1:21: nested more than 20 deep"),
    ],
)
def test_a_file_that_is_no_policy(tmp_path: Path, content: bytes, message: str) -> None:
    """Whatever is in the file, one clear problem says why it cannot be a policy."""
    file = tmp_path / "policy.yaml"
    file.write_bytes(content)
    with pytest.raises(PolicyError) as caught:
        load_policy(file, CATALOG, environ={})
    assert str(caught.value) == f"{file}:{message}"


def test_a_text_that_is_too_large_is_not_read_at_all() -> None:
    """Also one that comes from no file."""
    (problem,) = problems("[" * (MAX_CHARACTERS + 1))
    assert problem == "policy.yaml:1:1: larger than 1 MiB: a policy is a file that people read"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file, a folder and a pipe are problems of the policy, and none of them holds us up."""
    os.mkfifo(tmp_path / "pipe")
    for path, message in (
        (tmp_path / "missing.yaml", "there is no such file"),
        (tmp_path, "is not a regular file"),
        (tmp_path / "pipe", "is not a regular file"),
        (tmp_path / "a\0b", "is not a path"),
        (tmp_path / "pipe" / "below", "cannot be read: Not a directory"),
    ):
        with pytest.raises(PolicyError, match=message):
            load_policy(path, CATALOG, environ={})


def test_half_a_character_is_no_text() -> None:
    """What cannot be written as UTF-8 is a problem at its place, from an escape or from the environment."""
    assert problems(
        'version: 1\ndependencies: {a: {probe: http, url: "\\ud800"}, b: {probe: host, "\\udfff": 1}}\n'
    ) == [
        "policy.yaml:2:38: dependencies.a.url: not text in UTF-8",
        "policy.yaml:2:66: dependencies.b: a key that is not text in UTF-8",
    ]
    with pytest.raises(PolicyError, match=r"2:39: dependencies\.a\.url: not text in UTF-8"):
        parse("version: 1\ndependencies: {a: {probe: redis, url: ${B}}}\n", B="\udcff")


def test_many_mistakes_do_not_take_long() -> None:
    """Suggestions stop after the first hundred: ten thousand unknown keys are still told."""
    found = problems(
        "version: 1\ndependencies: {host: {probe: host}}\n" + "".join(f"defaultz{i}: 1\n" for i in range(9999))
    )
    assert len(found) == 9999
    assert sum("did you mean `defaults`?" in problem for problem in found) == 100


@pytest.mark.parametrize("key", ["[a, b]", '"\\udfff"', "<<", "host"])
def test_a_key_that_cannot_be_one_hides_no_mistake_after_it(key: str) -> None:
    """Of whatever kind it is: a list, no text, a merge, or one that is given already."""
    text = f"version: 1\ndependencies:\n  host: {{probe: host}}\n  ? {key}\n  : {{}}\n  other: {{probe: hst}}\n"
    first, second = problems(text)
    assert first.startswith("policy.yaml:4:5: ")
    assert "there is no probe `hst`: did you mean `host`?" in second


class WorkerOptions(Options):
    need_container: ClassVar[tuple[str, ...]] = ("titles",)

    titles: bool = False


@pytest.mark.parametrize(("more", "wanted"), [("", False), (", titles: true", True), (", titles: false", False)])
def test_an_option_that_looks_into_a_container_needs_one(more: str, wanted: bool) -> None:
    """Only where it is given; the probe itself needs none."""
    catalog = Catalog({"worker": Kind(WorkerOptions)}, CATALOG.actions)

    def read(keys: str) -> Dependency:
        text = f"version: 1\ndependencies: {{it: {{probe: worker{more}{keys}}}}}\n"
        return parse_policy(text, "policy.yaml", catalog, environ={}).dependencies["it"]

    assert read(", container: c").container == "c"
    if not wanted:
        assert read("").container is None
        return
    with pytest.raises(PolicyError, match="titles: it looks into a container: give the dependency's `container`"):
        read("")


def test_numbers_of_a_backoff_may_come_from_outside_and_its_ends_may_be_one() -> None:
    """As text, which every expansion gives; a gap that never grows is one."""
    steps = "[{do: docker.restart, backoff: {factor: ${F}, jitter: ${J:-0.5}, initial: 10s, max: 10s}}]"
    text = HOST + f"remedies: {{r: {{steps: {steps}, budget: 1 per 1h}}}}\n"
    (step,) = parse(text, F="3").remedies["r"].steps
    assert isinstance(step, ActionStep)
    assert step.backoff == Backoff(10.0, 3.0, 10.0, 0.5)


def test_a_policy_cannot_be_changed() -> None:
    """Nobody changes a policy after it was checked."""
    policy = parse(HOST)
    with pytest.raises(TypeError):
        policy.dependencies["other"] = policy.dependencies["host"]  # type: ignore[index]
