"""`/api/v1/tokens`: made, listed and revoked by whoever may operate, over real requests."""

from __future__ import annotations

import pytest

from nemo_watchdog.web.tokens import Right
from tests.unit.web.site import BEARER, TOKEN, Site, detail

TOKENS = "/api/v1/tokens"


async def test_a_token_is_made_listed_used_and_revoked(site: Site) -> None:
    """Its secret is told once, and nobody can ask for it again."""
    response = await site.client.post(TOKENS, json={"name": "deploys", "right": "operate", "by": "ops"}, headers=BEARER)
    assert response.status == 201
    made = await response.json()
    token, headers = made["token"], {"Authorization": f"Bearer {made['secret']}"}
    assert (token["name"], token["right"], token["by"]) == ("deploys", "operate", "ops")
    assert (await site.client.post("/api/v1/pause", json={"reason": "x"}, headers=headers)).status == 200

    listed = await (await site.get(TOKENS, **headers)).text()
    assert (await (await site.get(TOKENS, **BEARER)).json()) == {"tokens": [token]}
    assert made["secret"] not in listed
    assert site.access.tokens.all[0].digest not in listed

    response = await site.client.post(f"{TOKENS}/{token['id']}/revoke", json={"by": "ops"}, headers=BEARER)
    assert (response.status, await response.json()) == (200, {"tokens": []})
    assert (await site.client.post("/api/v1/pause", json={"reason": "x"}, headers=headers)).status == 401


async def test_unless_it_is_said_a_token_may_read_alone(site: Site) -> None:
    response = await site.client.post(TOKENS, json={"name": "grafana"}, headers=BEARER)
    assert (await response.json())["token"]["right"] == "read"


async def test_one_that_may_operate_may_revoke_itself_and_says_so(site: Site) -> None:
    """Who made it stands there with the token that made it."""
    secret = await site.token(Right.OPERATE, "first")
    headers = {"Authorization": f"Bearer {secret}"}
    made = await (await site.client.post(TOKENS, json={"name": "second", "by": "ada"}, headers=headers)).json()
    assert made["token"]["by"] == "ada (token first)"
    first, second = site.access.tokens.all
    assert (await site.client.post(f"{TOKENS}/{first.id}/revoke", json={}, headers=headers)).status == 200
    assert (await site.client.post(f"{TOKENS}/{second.id}/revoke", json={}, headers=headers)).status == 401
    assert site.access.tokens.all == (second,)


async def test_who_may_not_operate_is_not_even_told_what_there_is(site: Site) -> None:
    """Neither who may read, nor a browser that is signed in, nor nobody."""
    secret = await site.token(Right.READ)
    assert (await site.get(TOKENS, Authorization=f"Bearer {secret}")).status == 403
    assert (await site.get(TOKENS, **site.cookie(site.session()))).status == 401
    assert (await site.get(TOKENS)).status == 401


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "\x1b[2J"}, "name"),
        ({"name": "x" * 61}, "name"),
        ({"name": "x", "right": "admin"}, "right"),
        ({"name": "x", "right": True}, "right"),
        ({"name": "x", "secret": "nwd_x"}, "secret"),
    ],
)
async def test_a_body_that_is_wrong_is_refused_by_name(site: Site, body: object, named: str) -> None:
    response = await site.client.post(TOKENS, json=body, headers=BEARER)
    assert response.status == 400
    assert named in await detail(response)
    assert site.access.tokens.all == ()


async def test_what_is_not_there_and_what_cannot_be_revoked_is_said(site: Site) -> None:
    secret = await site.token(Right.READ, "grafana")
    (token,) = site.access.tokens.all
    for identity, status, said in (("x", 404, token.id), ("own", 409, "cannot be revoked"), (secret, 404, token.id)):
        response = await site.client.post(f"{TOKENS}/{identity}/revoke", json={}, headers=BEARER)
        assert response.status == status
        assert said in await detail(response)
    response = await site.client.post(TOKENS, json={"name": "grafana"}, headers=BEARER)
    assert response.status == 409
    assert site.access.tokens.find(TOKEN) is not None


async def test_what_cannot_be_written_is_503_and_nothing_has_changed(site: Site) -> None:
    secret = await site.token(Right.READ, "grafana")
    (token,) = site.access.tokens.all
    site.tokens_file.with_name("tokens.json.new").mkdir()
    for path, body in ((TOKENS, {"name": "x"}), (f"{TOKENS}/{token.id}/revoke", {})):
        response = await site.client.post(path, json=body, headers=BEARER)
        assert response.status == 503
        assert "cannot be written" in await detail(response)
    assert (site.access.tokens.all, site.access.tokens.find(secret)) == ((token,), token)
