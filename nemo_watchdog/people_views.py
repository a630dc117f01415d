"""What the API answers of how people are told, who has a rota and what is quiet: frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ToldView:
    """Who was told of it and what follows. `page` is the incident that messages name; empty: nobody was told yet."""

    page: str
    to: tuple[str, ...]
    messages: int
    last: str
    """The kind of the last message; empty before the first."""
    at: str | None
    next: str | None
    """Who is told next unless somebody takes it; None: nobody more."""
    next_at: str | None
    """When that is; before the first message, when the first is due."""
    held_back: int
    """Facts that were no message of their own, because people knew enough to look."""


@dataclass(frozen=True, slots=True)
class SwapView:
    """`person` has a rota instead, until then."""

    person: str
    until: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class RotaView:
    """Who has it now: by `swap`, `calendar` or `turn`. `until` is None when nobody else is in sight."""

    people: tuple[str, ...]
    because: str
    until: str | None
    then: tuple[str, ...]
    """Who has it from `until` on, as it stands now."""
    turns: tuple[str, ...]
    """Who takes turns, in this order."""
    zone: str
    swap: SwapView | None = None


@dataclass(frozen=True, slots=True)
class OncallView:
    """`GET /api/v1/oncall`, and `POST` of a swap or its end: every rota, by its contact."""

    rotas: Mapping[str, RotaView]


@dataclass(frozen=True, slots=True)
class QuietView:
    """A silence, or maintenance, of dependencies and tags; of everything where it names neither.

    `window` is the name of that of the policy which is open; then `by` is empty, and the policy ends it. `public` is
    what users are told of it, which may be no more than that it is; None where they are told nothing.
    """

    id: str
    dependencies: tuple[str, ...]
    tags: tuple[str, ...]
    since: str
    until: str
    reason: str
    by: str
    window: str = ""
    public: str | None = None


@dataclass(frozen=True, slots=True)
class QuietsView:
    """`GET /api/v1/silences` and `/api/v1/maintenance`: those that hold now, the first to end first."""

    quiet: tuple[QuietView, ...]


@dataclass(frozen=True, slots=True)
class AddressAnswerView:
    """What one address of a contact made of a message: the `address` of so many, counted from 1."""

    contact: str
    address: int
    of: int
    service: str
    delivered: bool
    detail: str


@dataclass(frozen=True, slots=True)
class ContactTestView:
    """`POST /api/v1/contacts/NAME/test`: an example was sent, and each address answered."""

    contact: str
    title: str
    ok: bool
    """Each took it."""
    answers: tuple[AddressAnswerView, ...]


@dataclass(frozen=True, slots=True)
class ProposalView:
    """What a person may have done, or has: `state` is `open`, `approved`, or how it ended.

    `until` is when nobody can approve it any more, or it is not done any more. `said` is all of it in one sentence.
    """

    id: str
    dependency: str
    step: str
    action: str
    target: str
    what: str
    at: str
    until: str
    state: str
    by: str
    """Who approved or rejected it."""
    said: str


@dataclass(frozen=True, slots=True)
class ProposalsView:
    """`GET /api/v1/proposals`: those that are open, the oldest first."""

    proposals: tuple[ProposalView, ...]


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token that was made, without its secret: `right` is `read` or `operate`."""

    id: str
    name: str
    right: str
    made: str
    by: str


@dataclass(frozen=True, slots=True)
class TokensView:
    """`GET /api/v1/tokens`, and the end of one: those that are good, the oldest first, without the daemon's own."""

    tokens: tuple[TokenView, ...]


@dataclass(frozen=True, slots=True)
class MadeTokenView:
    """`POST /api/v1/tokens`: a new one with its secret, which is told this once."""

    token: TokenView
    secret: str
