"""`/api/v1/tokens`: with what others may read or operate. Who may operate may make and revoke them."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web
from pydantic import Field

from nemo_watchdog.people_views import MadeTokenView, TokensView, TokenView
from nemo_watchdog.web.access import Access
from nemo_watchdog.web.answers import answer
from nemo_watchdog.web.asked import ChangeBody, Line, asked
from nemo_watchdog.web.operations import Operation
from nemo_watchdog.web.tokens import LONGEST_NAME, Right, Token

TOKENS = "/api/v1/tokens"


class MakeTokenBody(ChangeBody):
    """`name` says who or what has it: it stands beside each change that is made with it."""

    name: Line = Field(min_length=1, max_length=LONGEST_NAME)
    right: Right = Right.READ


class RevokeTokenBody(ChangeBody):
    """The end of a token, and of all sessions that began with it."""


@dataclass(frozen=True, slots=True)
class TokensApi:
    access: Access

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                method="GET",
                path=TOKENS,
                handler=self.get,
                summary="The tokens that were made, without their secrets",
                answers=TokensView,
                operates=True,
            ),
            Operation(
                method="POST",
                path=TOKENS,
                handler=self.make,
                summary="A new token, to read or to operate with; its secret is told this once",
                body=MakeTokenBody,
                answers=MadeTokenView,
                status=201,
                refuses=(409,),
            ),
            Operation(
                method="POST",
                path=f"{TOKENS}/{{id}}/revoke",
                handler=self.revoke,
                summary="The end of a token, and of all sessions that began with it",
                body=RevokeTokenBody,
                answers=TokensView,
                refuses=(404, 409),
            ),
        )

    async def get(self, request: web.Request) -> web.Response:
        self.access.demand_change(request)
        return answer(self._view())

    async def make(self, request: web.Request) -> web.Response:
        wanted = await asked(request, self.access, MakeTokenBody)
        token, secret = await self.access.tokens.make(wanted.name, wanted.right, wanted.by)
        return answer(MadeTokenView(_view(token), secret), 201)

    async def revoke(self, request: web.Request) -> web.Response:
        wanted = await asked(request, self.access, RevokeTokenBody)
        await self.access.tokens.revoke(request.match_info["id"], wanted.by)
        return answer(self._view())

    def _view(self) -> TokensView:
        return TokensView(tuple(map(_view, self.access.tokens.all)))


def _view(token: Token) -> TokenView:
    return TokenView(token.id, token.name, token.right.value, token.made, token.by)
