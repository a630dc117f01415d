"""What was decided, done and learned of it, in sentences; see `words`. Pure."""

from __future__ import annotations

from nemo_watchdog import records as r
from nemo_watchdog.durations import duration
from nemo_watchdog.engine.left_behind import Helped
from nemo_watchdog.engine.listing import listed
from nemo_watchdog.engine.memory import Uses
from nemo_watchdog.model import ActionOutcome, Verdict
from nemo_watchdog.timeline.words import Story, said


def _target(kind: str, name: str) -> str:
    return f"{kind} {name}".strip()


def _next(backoff: float) -> str:
    return f"; the next attempt comes in {duration(backoff)} at the earliest" if backoff else ""


@said.register
def _(record: r.DecisionMade, story: Story) -> str:
    name = record.dependency
    decided = {
        Verdict.ACT: f"It is time to act on {name}",
        Verdict.WAIT: f"Acting on {name} waits",
        Verdict.REFUSE: f"No action is taken on {name}",
        Verdict.ASK: f"A person is asked about {name}",
        Verdict.ESCALATE: f"A person is needed for {name}",
    }
    words = next((words for verdict, words in decided.items() if verdict == record.verdict), "")
    gate = "" if record.verdict == Verdict.ACT else f" (gate {record.gate})"
    return f"{words or f'Decided about {name}: {record.verdict}'}{gate}: {record.value}."


@said.register
def _(record: r.ActionIntended, story: Story) -> str:
    target = _target(record.target_kind, record.target) or _target("container", record.container)
    moved = f"; {record.moved}" if record.moved else ""
    within = f"; it helps only if {record.dependency} looks healthy within {duration(record.verify_within)}"
    by = f", by the word of {record.by}" if record.by else ""
    along = f", and then on {listed(record.along)}" if record.along else ""
    done = f"Doing {record.action} on {target}{along} for {record.dependency}"
    return f"{done}, attempt {record.attempt}{by}{within}{moved}."


@said.register
def _(record: r.ActionEnded, story: Story) -> str:
    done, detail = f"{record.action} for {record.dependency}", f" ({record.detail})" if record.detail else ""
    if record.outcome == ActionOutcome.REFUSED:
        spent = "nothing was ordered, and no attempt is spent"
        return f"{done} was refused{detail}: {spent}{_next(record.backoff)}."
    outcome = record.outcome.replace("_", " ") if record.outcome != ActionOutcome.UNKNOWN else "ended as nobody knows"
    plan = f"; looks must confirm it within {duration(record.verify_within)}" if record.to_verify else ""
    return f"{done} {outcome}{detail}{plan or _next(record.backoff)}."


@said.register
def _(record: r.AttemptFailed, story: Story) -> str:
    action = story.actions.get(record.action_id)
    attempt = f"{action.action}, attempt {action.attempt}," if action is not None else "The attempt"
    return f"{attempt} did not help {record.dependency}: {record.why}{_next(record.backoff or 0.0)}."


@said.register
def _(record: r.RemedyLearned, story: Story) -> str:
    uses = Uses(record.used, record.helped, record.useless, tuple(record.took))
    return f"So far {record.action} for {record.dependency} has {uses.said(record.reason)}."


@said.register
def _(record: r.BackoffChanged, story: Story) -> str:
    change = f"from {duration(record.previous)} to {duration(record.backoff)}"
    remains = f"of which {duration(record.remaining)} remain"
    return f"The policy has changed the backoff of {record.dependency} {change}, {remains}."


@said.register
def _(record: r.StepExhausted, story: Story) -> str:
    step = record.step_key or f"number {record.step + 1}"
    return f"The step {step} of the remedy of {record.dependency} has no attempt left."


@said.register
def _(record: r.StepSkipped, story: Story) -> str:
    return f"The step {record.step_key} of the remedy of {record.dependency} is skipped: {record.why}."


@said.register
def _(record: r.LadderShared, story: Story) -> str:
    target = _target(record.target_kind, record.target)
    return f"{record.dependency} shares {target} with another one: attempts and backoff are those of both."


@said.register
def _(record: r.LadderRearmed, story: Story) -> str:
    if record.anew:
        return f"{record.by} lets the remedy of {record.dependency} begin anew: {record.reason}."
    return f"The remedy of {record.dependency} goes on, as {record.by} allows it: {record.reason}."


@said.register
def _(record: r.Suggested, story: Story) -> str:
    why = "the policy lets the watchdog only suggest"
    return f"{record.action} is suggested for {record.dependency}, and nothing is done: {why}."


def _told(to: str) -> str:
    return f"{to} is told" if to else "a person is told"


@said.register
def _(record: r.Escalated, story: Story) -> str:
    end = "nothing more is tried until it has served again"
    return f"{record.dependency} needs a person, and {_told(record.to)}: {record.why}; {end}."


@said.register
def _(record: r.BusyTooLong, story: Story) -> str:
    return f"{record.dependency} takes too long, and {_told(record.to)}: {record.why}."


@said.register
def _(record: r.SparedTooLong, story: Story) -> str:
    return f"{record.dependency} is spared for too long, and {_told(record.to)}: {record.why}."


@said.register
def _(record: r.WorkAwaited, story: Story) -> str:
    seen_for = f", seen for {duration(record.working_for)}" if record.working_for else ""
    return f"The remedy of {record.dependency} waits, not to lose what is in progress: {record.work}{seen_for}."


@said.register
def _(record: r.WorkTooLong, story: Story) -> str:
    return f"The remedy of {record.dependency} waits too long for work, and {_told(record.to)}: {record.why}."


@said.register
def _(record: r.WorkOver, story: Story) -> str:
    return f"Nothing is in progress any more that the remedy of {record.dependency} waited for."


@said.register
def _(record: r.SettlingOwed, story: Story) -> str:
    target = _target(record.target_kind, record.target)
    return (
        f"{record.action} keeps what it replaces on {target} until it is known whether that helped {record.dependency}."
    )


@said.register
def _(record: r.SettlingJudged, story: Story) -> str:
    action = story.actions.get(record.action_id)
    what = f"{action.action} for {record.dependency}" if action is not None else f"The action for {record.dependency}"
    verdicts = {
        Helped.AWAITED: f"has put {record.made} there: whether that helps is awaited",
        Helped.YES: "has helped: what it kept can go",
        Helped.NO: "did not help: what it did is taken back",
        Helped.UNKNOWN: "ended as nobody knows: what it did is taken back",
        Helped.NOTHING_LEFT: "has left nothing behind",
    }
    verdict = next((words for verdict, words in verdicts.items() if verdict == record.verdict), record.verdict)
    return f"{what} {verdict}."


@said.register
def _(record: r.SettlingBegan, story: Story) -> str:
    what = "Removing what was kept" if record.verdict == Helped.YES else "Taking back what was done"
    return f"{what} for {record.dependency}."


@said.register
def _(record: r.SettlingEnded, story: Story) -> str:
    outcome = record.outcome.replace("_", " ") if record.outcome != ActionOutcome.UNKNOWN else "ended as nobody knows"
    again = f"; again in {duration(record.again_in)}" if record.again_in is not None else ""
    return f"What was left to do for {record.dependency} {outcome} ({record.detail}){again}."


@said.register
def _(record: r.LeftOver, story: Story) -> str:
    return f"Something is left over for {record.dependency}, and {_told(record.to)}: {record.why}."
