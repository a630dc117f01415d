"""What a person may have done, as views for the API and the command line. Changes nothing."""

from __future__ import annotations

from nemo_watchdog.engine.engine import Engine
from nemo_watchdog.engine.proposals import Proposal
from nemo_watchdog.engine.proposing import what_became_of
from nemo_watchdog.people_views import ProposalView


def proposals(engine: Engine) -> tuple[ProposalView, ...]:
    """Those that are open, the oldest first."""
    return tuple(proposal_view(engine, each) for each in engine.durable.proposals.open())


def proposal_view(engine: Engine, one: Proposal) -> ProposalView:
    over = one.over
    return ProposalView(
        id=one.identity,
        dependency=one.dependency,
        step=one.step_key,
        action=one.action,
        target=str(one.target),
        what=one.what,
        at=one.at.utc.isoformat(),
        until=engine.volatile.moment(one.until).utc.isoformat(),
        state=over.why if over is not None else "open" if one.grant is None else "approved",
        by=one.grant.by if one.grant is not None else over.by if over is not None else "",
        said=what_became_of(one, engine.volatile, newer=engine.durable.proposals.open_of(one.dependency)),
    )
