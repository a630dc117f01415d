"""The gate about much that fails at once: what is shared is suspected, and what runs is left alone."""

from __future__ import annotations

from nemo_watchdog.engine.gates.situation import Situation
from nemo_watchdog.engine.phases import Phase
from nemo_watchdog.engine.together import jitter
from nemo_watchdog.model import Decision, Gate, Verdict


def storm(s: Situation) -> Decision | None:
    """What has exited is started in it, one at a time; what still needs help after it gets that one at a time."""
    known = s.durable.storm
    if known is not None and s.name not in known.retried:
        is_member = s.incident is not None and s.incident.incident == known.incident
        if known.ended is None and (is_member or s.name in s.volatile.together.failing):
            if not s.tracker.exited:
                many = f"{len(s.volatile.together.failing)} of {known.of} fail together"
                return _wait(f"{many}: what they share is suspected, and what runs is left as it is")
            return _one_at_a_time(s) or _alone(s)
        if known.ended is not None and is_member:
            until = known.ended.monotonic + jitter(s.name)
            if s.now < until and not s.tracker.exited:
                return _wait("what failed together is helped one after the other", until)
            return _one_at_a_time(s) or _alone(s)
    return _alone(s)


def _alone(s: Situation) -> Decision | None:
    question = s.volatile.together.question(s.name, s.now)
    if question is None:
        return None
    return _wait(f"looking first whether others fail too: {len(question.looks)} to look at", question.until)


def _one_at_a_time(s: Situation) -> Decision | None:
    for incident in s.durable.open():
        for name, ladder in incident.ladders.items():
            if ladder is s.ladder:
                continue
            if ladder.phase is Phase.ACTING:
                return _wait(f"one at a time: {ladder.action} for {name} is under way")
            if ladder.phase is Phase.VERIFYING and s.now < ladder.verify_until:
                return _wait(f"one at a time: {ladder.action} for {name} is being verified", ladder.verify_until)
    return None


def _wait(why: str, until: float | None = None) -> Decision:
    return Decision(Verdict.WAIT, Gate.STORM, why, until)
