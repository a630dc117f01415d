"""What each answer to each of the daemon's calls means, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from nemo_watchdog.containers.permissions import NOBODY, Answer, Call, NoWay
from nemo_watchdog.doctor import docker
from nemo_watchdog.doctor.checkup import Finding
from nemo_watchdog.model import Autonomy
from tests.unit.doctor.parts import all_of, told
from tests.unit.engine.world import RESTART, dependency, policy, remedy

LET_THROUGH = Answer(let_through=True, status=200, ahead=0.0)
VERSION = replace(LET_THROUGH, words="24.0.7 (API 1.43)")
NO_SUCH = Answer(let_through=True, status=404, words="No such container")
REFUSED = Answer(let_through=False, status=403, words="not on the list")
EXECS = (Call.EXEC, Call.EXEC_START, Call.EXEC_RESULT)


@dataclass
class Docker:
    """`answers` by call, or by call and name; all else is let through."""

    answers: Mapping[Call | tuple[Call, str], Answer | NoWay] = field(default_factory=dict)
    asked: list[tuple[Call, str]] = field(default_factory=list)

    async def ask(self, call: Call, name: str = NOBODY) -> Answer:
        self.asked.append((call, name))
        usual = VERSION if call is Call.VERSION else NO_SUCH if name == NOBODY else LET_THROUGH
        answer = self.answers.get((call, name), self.answers.get(call, usual))
        if isinstance(answer, NoWay):
            raise answer
        return answer


def wanted(*calls: Call, containers: tuple[str, ...] = ("redis",)) -> docker.Wanted:
    return docker.Wanted(containers, frozenset(calls or {Call.RESTART}))


async def look(it: Docker, what: docker.Wanted | None = None) -> list[Finding]:
    return await all_of(docker.look(it, "unix:///run/docker.sock", what or wanted(), {}))


async def test_all_is_let_through() -> None:
    """Each call once; a restart is asked for a container that cannot exist, whatever the name."""
    it = Docker()
    assert told(await look(it)) == [
        (
            "docker",
            "good",
            "24.0.7 (API 1.43) lets through version, inspect, ping, events, stats, top, logs, list, restart",
            "",
        ),
        ("docker's clock", "good", "as ours, within a second", ""),
    ]
    assert not {call for call, _ in it.asked} & set(EXECS)


COSTS = [
    (Call.PING, "bad", "a Docker that hangs cannot be told", "allow GET /_ping in the proxy"),
    (Call.EVENTS, "bad", "nobody hears who stops a container", "allow GET /events in the proxy"),
    (
        Call.STATS,
        "warning",
        "whether what gives no answer works or hangs",
        "allow GET /containers/*/stats in the proxy",
    ),
    (Call.TOP, "warning", "hangs in the kernel are not seen", "allow GET /containers/*/top in the proxy"),
    (
        Call.LOGS,
        "warning",
        "log probes are blind, and the last words of what",
        "allow GET /containers/*/logs in the proxy",
    ),
    (Call.VERSION, "bad", "which API Docker speaks is not known", "allow GET /version in the proxy"),
    (Call.INSPECT, "bad", "no container's state is known", "allow GET /containers/*/json in the proxy"),
    (Call.LIST, "bad", "no container's labels are seen", "allow GET /containers/json in the proxy"),
    (Call.RESTART, "bad", "nothing is restarted", "allow POST /containers/*/restart in the proxy (asked for one that"),
    (Call.EXEC, "bad", "a GPU that a container has lost", "allow POST /containers/*/exec in the proxy (asked for"),
    (Call.EXEC_START, "bad", "a GPU that a container has lost", "allow POST /exec/*/start in the proxy (asked for"),
    (Call.EXEC_RESULT, "bad", "a GPU that a container has lost", "allow GET /exec/*/json in the proxy (asked for"),
]


@pytest.mark.parametrize(("call", "grade", "cost", "remedy"), COSTS, ids=[str(each[0]) for each in COSTS])
async def test_a_refused_call_is_named_with_what_it_costs(call: Call, grade: str, cost: str, remedy: str) -> None:
    found = told(await look(Docker({call: REFUSED}), wanted(Call.LIST, Call.RESTART, *EXECS)))
    (refused,) = [each for each in found if each[1] in {"bad", "warning"}]
    assert refused[:2] == (f"docker {call}", grade)
    assert f"{call} is refused (403 not on the list): {cost}" in refused[2]
    assert refused[3].startswith(remedy)
    (passed,) = [each[2] for each in found if each[0] == "docker" and each[1] == "good"]
    assert str(call) not in passed.partition("through ")[2].split(", ")


async def test_what_the_policy_cannot_do_without_is_bad() -> None:
    found = told(await look(Docker({Call.LOGS: REFUSED, Call.STATS: REFUSED}), wanted(Call.LOGS)))
    assert [each[:2] for each in found[:2]] == [("docker stats", "warning"), ("docker logs", "bad")]


async def test_a_list_that_only_evidence_wants_is_no_trouble() -> None:
    """A proxy need not tell which containers there are."""
    found = told(await look(Docker({Call.LIST: REFUSED})))
    assert [each[1] for each in found] == ["skipped", "good", "good"]
    assert found[0][2:] == (
        "list is not let through: evidence has no largest containers",
        "allow GET /containers/json in the proxy",
    )


async def test_where_nothing_is_restarted_nobody_asks_whether_it_could_be() -> None:
    it = Docker()
    found = told(await look(it, docker.Wanted(("redis",), frozenset())))
    assert ("docker", "skipped", "restart was not asked about: nothing in the policy restarts a container", "") in found
    assert Call.RESTART not in {call for call, _ in it.asked}


async def test_a_proxy_that_knows_names_says_nothing_of_a_restart() -> None:
    """Only a real order would tell, and none is given."""
    it = Docker({(Call.INSPECT, NOBODY): REFUSED, Call.RESTART: REFUSED})
    found = told(await look(it))
    assert [each[1] for each in found] == ["skipped", "good", "good"]
    assert found[0][2] == (
        "the proxy lets through the names that it knows, such as redis, and only a real order would tell about restart"
    )
    assert found[0][3] == "see that it allows POST /containers/*/restart for each container of the policy"


async def test_it_asks_about_a_container_that_is_there() -> None:
    """The first of the policy's; with none the one that cannot exist will do."""
    it = Docker({(Call.INSPECT, "gone"): NO_SUCH})
    await look(it, wanted(containers=("gone", "redis")))
    assert (Call.TOP, "redis") in it.asked
    it = Docker()
    await look(it, wanted(containers=()))
    assert (Call.TOP, NOBODY) in it.asked


async def test_one_call_that_gets_no_answer_holds_up_no_other() -> None:
    found = told(await look(Docker({Call.STATS: NoWay("Docker did not tell it within 3s", None, silent=True)})))
    assert found[0] == (
        "docker stats",
        "warning",
        "stats: Docker did not tell it within 3s",
        "systemctl status docker, journalctl -u docker",
    )
    assert [each[1] for each in found[1:]] == ["good", "good"]


async def test_without_a_way_there_is_one_line() -> None:
    found = told(await look(Docker({Call.VERSION: NoWay("no answer within 3s", None, silent=True)})))
    assert len(found) == 1
    assert found[0][:3] == ("docker", "bad", "/run/docker.sock: no answer within 3s")


@pytest.mark.parametrize(
    ("ahead", "grade", "seen", "remedy"),
    [
        (None, "skipped", "no answer says what time it is there", ""),
        (1.5, "good", "1.5s ahead of ours", ""),
        (-2.0, "good", "2s behind ours", ""),
        (-2.5, "bad", "2.5s behind ours: its history is held back until then", "chronyc tracking, timedatectl"),
        (61.0, "bad", "1m01s ahead of ours: who stopped a container is dated wrongly", "keep their clocks right"),
    ],
)
async def test_the_clocks_are_compared(ahead: float | None, grade: str, seen: str, remedy: str) -> None:
    it = Docker(dict.fromkeys(Call, replace(LET_THROUGH, ahead=ahead)))
    *_, clock = told(await look(it))
    assert clock[:3] == ("docker's clock", grade, seen)
    assert remedy in clock[3]


def test_an_allow_list_has_what_the_policy_uses_and_no_more() -> None:
    """In the words of a proxy; where no container is named, Docker is asked nothing."""
    acting = dependency("redis", container="c-redis", remedy="restart")
    watched = replace(acting, autonomy=Autonomy.OBSERVE)
    asked = docker.allow_list(policy(watched))
    assert asked[:4] == ["GET /version", "GET /_ping", "GET /events", "GET /containers/*/json"]
    assert not any(call.startswith("POST") for call in asked)
    assert docker.allow_list(policy(acting)) == [*asked, "POST /containers/*/restart"]
    assert len(set(asked)) == len(asked)
    assert docker.allow_list(policy(replace(watched, container=None))) == []


def test_what_a_policy_wants() -> None:
    """A restart where a remedy has one and something may act; the calls of its probes."""
    acting = dependency("redis", container="c-redis", remedy="restart")
    assert docker.wanted_by(policy(acting)) == docker.Wanted(("c-redis",), frozenset({Call.RESTART}))
    others = (("docker.start", Call.START), ("docker.kill", Call.KILL), ("docker.unpause", Call.UNPAUSE))
    for name, call in others:
        plan = policy(acting, fix=remedy(replace(RESTART, action=name), RESTART))
        assert docker.wanted_by(plan).calls == {call, Call.RESTART}
    anew = docker.wanted_by(policy(acting, fix=remedy(replace(RESTART, action="docker.recreate")))).calls
    assert anew >= {Call.CREATE, Call.REMOVE, Call.START}
    assert not {Call.RESTART, Call.TAG} & anew
    back = docker.wanted_by(policy(acting, fix=remedy(replace(RESTART, action="docker.rollback")))).calls
    assert back == anew | {Call.TAG}
    watched = replace(acting, autonomy=Autonomy.OBSERVE)
    logs, usage = (replace(watched, name=name, probe=name) for name in ("log", "docker"))
    assert docker.wanted_by(policy(watched, logs, usage)).calls == {Call.LOGS, Call.STATS}
    assert docker.wanted_by(None).calls == {Call.RESTART}
    assert docker.wanted_by(replace(policy(watched), discovers=True)).calls == {Call.LIST}

    class View:
        container_view = True

    assert docker.wanted_by(policy(replace(watched, container=None, options=View()))).calls == set(EXECS)
