"""What a person was asked to allow, and what he said, in sentences; see `words`. Pure."""

from __future__ import annotations

from nemo_watchdog import records as r
from nemo_watchdog.durations import duration
from nemo_watchdog.engine.listing import listed
from nemo_watchdog.timeline.words import Story, said


@said.register
def _(record: r.Proposed, story: Story) -> str:
    return f"A person is asked for {record.what}, for {duration(record.expires)}: {record.proposal}."


@said.register
def _(record: r.ProposalApproved, story: Story) -> str:
    return f"{record.by} approves {record.proposal}: it is done once, within {duration(record.holds)}."


@said.register
def _(record: r.ProposalRejected, story: Story) -> str:
    holds = f"the same is not proposed again for {duration(record.holds)}"
    return f"{record.by} rejects {record.proposal}: {record.reason}; {holds}."


@said.register
def _(record: r.ProposalOver, story: Story) -> str:
    if record.why == "done":
        return f"{record.proposal} is done: nobody can approve it once more."
    why = {"expired": "has expired", "changed": "is out of date", "unneeded": "is not needed any more"}
    return f"{record.proposal} {why.get(record.why, f'is over ({record.why})')}: {record.detail}."


@said.register
def _(record: r.ActedByHand, story: Story) -> str:
    overrides = f", overriding {listed(record.overrides)}" if record.overrides else ""
    reason = f": {record.reason}" if record.reason else ""
    return f"{record.by} has it done by hand, {record.what}{overrides}{reason}."
