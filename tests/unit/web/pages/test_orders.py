"""`/do/ORDER`: each order says what it would do, asks, does it once, and does nothing for whoever may not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import Reason, Severity, failed
from nemo_watchdog.policy.policy import Public
from nemo_watchdog.web.tokens import Right
from tests.unit.runtime.shell import until
from tests.unit.runtime.whole import Daemon, quick
from tests.unit.web.api.test_proposals import asked
from tests.unit.web.pages.signed_in import YOUR_NAME, Person
from tests.unit.web.site import BEARER, Site, serving

SILENCE, MAINTAIN = "/do/silence?dependency=redis", "/do/maintain?dependency=redis"


def declare(site: Site) -> str:
    core = site.daemon.shell.core
    core.tell(ev.DeclareAsked("the payment provider answers 500", Severity.SEV2, "", "ada"))
    return list(core.engine.durable.declared)[-1]


async def fail(site: Site) -> str:
    """The gateway is down; its incident."""
    await until(lambda: site.daemon.health("gateway") == "up")
    site.daemon.probes["gateway"].script.append(failed(Reason.REFUSED, "test"))
    durable = site.daemon.shell.core.engine.durable
    await until(lambda: durable.incident_of("gateway"))
    incident = durable.incident_of("gateway")
    assert incident is not None
    return incident.incident


def records(site: Site, *kinds: str) -> list[str]:
    return [kind for kind in site.daemon.shell.memory.types() if kind in kinds]


async def test_pause_and_resume(site: Site) -> None:
    """The form says what it does; the reason, the name and the time are written down; then one is where one was."""
    ada = Person(site)
    form = await ada.see("/do/pause?scope=gateway&back=/tags/x")
    assert "No new action on gateway" in form.said
    done = await ada.order("/do/pause?scope=gateway&back=/tags/x", reason="deploying 2.3", **{"for": "3600"})
    assert (done.status, done.location) == (303, "/tags/x")
    pause = site.daemon.shell.core.engine.durable.pauses["gateway"]
    assert (pause.by, pause.reason) == (YOUR_NAME, "deploying 2.3")
    form = await ada.see("/do/resume?scope=gateway")
    assert "paused: gateway until" in form.said
    assert "by ada: deploying 2.3" in form.said
    done = await ada.order("/do/resume?scope=gateway")
    assert (done.status, done.location, site.pauses) == (303, "/dependencies/gateway", [])
    assert (await ada.see("/do/resume?scope=gateway")).status == 409


async def test_pausing_everything_has_no_end_where_one_wants_none(site: Site) -> None:
    done = await Person(site).order("/do/pause", reason="moving house", **{"for": ""})
    assert (done.status, done.location) == (303, "/")
    assert site.daemon.shell.core.engine.durable.pauses["*"].until is None


@pytest.mark.parametrize(
    ("begin", "end", "kept"),
    [
        (SILENCE, "/do/end-silence", lambda quiet: quiet.silences),
        (MAINTAIN, "/do/end-maintenance", lambda quiet: quiet.maintenance),
    ],
)
async def test_quiet_begins_and_ends(site: Site, begin: str, end: str, kept: Callable) -> None:  # type: ignore[type-arg]
    ada, quiet = Person(site), kept(site.daemon.shell.core.engine.durable.quiet)
    assert (await ada.order(begin, reason="moving the database", **{"for": "1800"})).status == 303
    ((identity, one),) = quiet.items()
    assert (one.by, one.reason, one.scope.dependencies) == (YOUR_NAME, "moving the database", ("redis",))
    assert "It is of redis, by ada: moving the database." in (await ada.see(f"{end}?id={identity}")).said
    assert (await ada.order(f"{end}?id={identity}")).status == 303
    assert (await ada.see(f"{end}?id={identity}")).status == 409


async def test_work_is_announced_to_users_where_there_are_some(tmp_path: Path) -> None:
    """By what a person writes for them, which may be nothing."""
    chat = quick("gateway", public=Public("Chat"))
    async with serving(Daemon(tmp_path, chat, quick("redis"))) as site:
        done = await Person(site).order(MAINTAIN, reason="new disk", public="Chat may be slow", **{"for": "1800"})
        assert done.status == 303
        (work,) = site.daemon.shell.core.engine.durable.quiet.maintenance.values()
        assert (work.public, work.reason) == ("Chat may be slow", "new disk")
        assert (await Person(site).order(MAINTAIN, reason="and again", **{"for": "1800"})).status == 303


async def test_an_incident_is_taken_with_a_note(site: Site) -> None:
    incident = declare(site)
    ada = Person(site)
    form = await ada.see(f"/do/take?incident={incident}")
    assert "SEV2: the payment provider answers 500" in form.said
    assert "Nobody has taken it." in form.said
    assert (await ada.order(f"/do/take?incident={incident}", note="calling them", **{"for": "3600"})).status == 303
    one = site.daemon.shell.core.engine.durable.one(incident)
    assert one is not None
    assert one.acknowledged is not None
    assert one.acknowledged.by == YOUR_NAME
    assert records(site, "incident_acknowledged", "note_added") == ["incident_acknowledged", "note_added"]


async def test_a_note_and_the_end_of_what_was_declared(site: Site) -> None:
    incident, ada = declare(site), Person(site)
    done = await ada.order(f"/do/note?incident={incident}", about="root_cause", text="their disk\nwas full")
    assert (done.status, done.location) == (303, f"/incidents/{incident}")
    assert (await ada.order(f"/do/resolve?incident={incident}", reason="they mended it")).status == 303
    one = site.daemon.shell.core.engine.durable.one(incident)
    assert one is not None
    assert one.resolved is not None


async def test_a_problem_is_reported(site: Site) -> None:
    done = await Person(site).order("/do/declare", text="users cannot pay", severity="SEV1", dependency="redis")
    assert (done.status, done.location) == (303, "/")
    (one,) = site.daemon.shell.core.engine.durable.declared.values()
    assert (one.text, one.severity, one.dependency, one.by) == ("users cannot pay", "SEV1", "redis", YOUR_NAME)


async def test_what_is_proposed_is_approved_once(site: Site) -> None:
    """Who sends the form again has nothing done again."""
    proposal, ada = await asked(site), Person(site)
    form = await ada.see(f"/do/approve?proposal={proposal}")
    assert "It does docker.restart of" in form.said
    fields = {**form.fields, "by": YOUR_NAME}
    assert (await ada.send("/do/approve", fields)).status == 303
    await until(lambda: records(site, "action_intended"))
    again = await ada.send("/do/approve", fields)
    assert again.status in (303, 409)
    assert records(site, "action_intended", "proposal_approved") == ["proposal_approved", "action_intended"]


async def test_what_is_proposed_is_rejected(site: Site) -> None:
    proposal = await asked(site)
    done = await Person(site).order(f"/do/reject?proposal={proposal}", reason="it would lose the queue")
    assert done.status == 303
    assert records(site, "proposal_rejected", "action_intended") == ["proposal_rejected"]


async def test_an_act_says_what_it_would_do_and_which_gate_holds_it(site: Site) -> None:
    """Also after it was sent: what one had filled in stands there still."""
    await Person(site).order("/do/pause?scope=gateway", reason="deploying", **{"for": ""})
    await fail(site)
    ada = Person(site)
    form = await ada.see("/do/act?dependency=gateway")
    assert "It does docker.restart of" in form.said
    assert "the gate pause holds it back" in form.said
    refused = await ada.order("/do/act?dependency=gateway", reason="the team lead asked")
    assert refused.status == 409
    assert "the gate pause holds it back" in refused.said
    assert (refused.fields["reason"], refused.fields["by"]) == ("the team lead asked", YOUR_NAME)
    assert records(site, "action_intended") == []


async def test_nothing_to_act_on_is_said(site: Site) -> None:
    await until(lambda: site.daemon.health("gateway") == "up")
    form = await Person(site).see("/do/act?dependency=gateway")
    assert "gateway is up, and in no open incident" in form.said or "gateway is up: nothing to act on" in form.said


async def test_a_remedy_begins_anew(site: Site) -> None:
    await until(lambda: site.daemon.health("gateway") == "up")
    refused = await Person(site).order("/do/retry?dependency=gateway", reason="the disk was replaced")
    assert refused.status == 409
    assert "gateway" in refused.said


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/do/nonsense", 404), ("/do/pause?scope=nobody", 404), ("/do/take", 400), ("/do/act?dependency=x", 404),
        ("/do/approve?proposal=x", 404), ("/do/end-silence?id=x", 409), ("/do/silence?dependency=x", 404),
    ],
)  # fmt: skip
async def test_what_cannot_be_ordered_is_a_page_that_says_why(site: Site, path: str, status: int) -> None:
    page = await Person(site).see(path)
    assert (page.status, page.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert "How it is now" in page.said


@pytest.mark.parametrize(
    ("filled", "said"),
    [({"reason": ""}, "reason"), ({"reason": "x" * 501}, "reason"), ({"reason": "y", "by": " "}, "by")],
)
async def test_what_is_filled_in_wrong_is_said(site: Site, filled: dict[str, str], said: str) -> None:
    page = await Person(site).order("/do/pause?scope=gateway", **filled)
    assert page.status == 400
    assert f"{said}:" in page.said
    assert site.pauses == []


async def test_by_a_token_with_a_name_nobody_is_asked_for_his(site: Site) -> None:
    grace = await Person.with_right(site, Right.OPERATE, "grace")
    form = await grace.see("/do/pause?scope=gateway")
    assert "by" not in form.fields
    await grace.send("/do/pause", {**form.fields, "reason": "deploying", "by": "somebody else"})
    assert site.daemon.shell.core.engine.durable.pauses["gateway"].by == "grace"


# -- who may not


Forged = Callable[[Site, dict[str, str]], Awaitable[int]]


async def _nobody(site: Site, fields: dict[str, str]) -> int:
    return (await Person(site, "").send("/do/pause", fields)).status


async def _a_reader(site: Site, fields: dict[str, str]) -> int:
    reader = await Person.with_right(site, Right.READ)
    own = (await reader.see("/sign-in")).fields
    return (await reader.send("/do/pause", {**fields, **own})).status


async def _with_the_token_of_another_form(site: Site, fields: dict[str, str]) -> int:
    """Of a session that was before."""
    return (await Person(site).send("/do/pause", fields)).status


async def _another_site(site: Site, fields: dict[str, str]) -> int:
    ada = Person(site)
    own = (await ada.see("/do/pause?scope=gateway")).fields
    return (await ada.send("/do/pause", {**fields, **own}, Origin="https://evil.example")).status


async def _another_site_by_the_browsers_word(site: Site, fields: dict[str, str]) -> int:
    ada = Person(site)
    own = (await ada.see("/do/pause?scope=gateway")).fields
    return (await ada.send("/do/pause", {**fields, **own}, **{"Sec-Fetch-Site": "cross-site"})).status


async def _without_a_form_token(site: Site, fields: dict[str, str]) -> int:
    return (await Person(site).send("/do/pause", {**fields, "form_token": ""})).status


async def _a_rebound_name(site: Site, fields: dict[str, str]) -> int:
    ada = Person(site)
    own = (await ada.see("/do/pause?scope=gateway")).fields
    return (await ada.send("/do/pause", {**fields, **own}, Host="rebound.example")).status


async def _revoked(site: Site, fields: dict[str, str]) -> int:
    grace = await Person.with_right(site, Right.OPERATE, "grace")
    own = (await grace.see("/do/pause?scope=gateway")).fields
    (token,) = site.access.tokens.all
    await site.access.tokens.revoke(token.id, "tests")
    return (await grace.send("/do/pause", {**fields, **own})).status


@pytest.mark.parametrize(
    ("forged", "status"),
    [
        (_nobody, 401),
        (_a_reader, 403),
        (_with_the_token_of_another_form, 403),
        (_another_site, 403),
        (_another_site_by_the_browsers_word, 403),
        (_without_a_form_token, 403),
        (_a_rebound_name, 421),
        (_revoked, 401),
    ],
)
async def test_whoever_may_not_changes_nothing(site: Site, forged: Forged, status: int) -> None:
    """All that a page of another site, a reader or an old page could send."""
    form = await Person(site).see("/do/pause?scope=gateway")
    fields = {**form.fields, "reason": "mischief", "by": "mallory"}
    assert await forged(site, fields) == status
    assert site.pauses == []
    # What was forged was right in everything else.
    assert (await Person(site).order("/do/pause?scope=gateway", reason="well meant")).status == 303
    assert site.pauses == ["gateway"]


async def test_who_may_only_read_is_told_so_before_he_fills_in_anything(site: Site) -> None:
    reader = await Person.with_right(site, Right.READ)
    page = await reader.see("/do/pause?scope=gateway")
    assert page.status == 403
    assert "a colleague may read, and change nothing" in page.said


async def test_nobody_is_asked_to_sign_in_first_and_comes_back(site: Site) -> None:
    page = await Person(site, "").see("/do/pause?scope=gateway")
    assert (page.status, page.location) == (303, "/sign-in?next=/do/pause?scope%3Dgateway")


async def test_a_bearer_token_is_no_session(site: Site) -> None:
    """A page's form has a token of its session in it; a program has the API."""
    response = await site.client.post("/do/pause", data={"scope": "gateway", "reason": "x"}, headers=BEARER)
    assert response.status == 401
    assert site.pauses == []
