"""What records do to what actions have left behind. `replay` applies them."""

from __future__ import annotations

from nemo_watchdog import records as r
from nemo_watchdog.engine.left_behind import Helped, Settling
from nemo_watchdog.engine.state import Durable
from nemo_watchdog.engine.touches import Act
from nemo_watchdog.model import ActionOutcome, Moment, Target


def _owed(record: r.SettlingOwed, state: Durable, _at: Moment) -> None:
    state.settlings[record.action_id] = Settling(
        record.action_id,
        record.incident,
        record.dependency,
        record.action,
        Target(record.target_kind, record.target),
        record.judged,
        record.timeout,
    )


def _judged(record: r.SettlingJudged, state: Durable, _at: Moment) -> None:
    settling = state.settlings.get(record.action_id)
    if settling is None:
        return
    settling.helped, settling.made = Helped(record.verdict), record.made or settling.made
    if settling.helped is Helped.NOTHING_LEFT:
        del state.settlings[record.action_id]


def _began(record: r.SettlingBegan, state: Durable, at: Moment) -> None:
    settling = state.settlings.get(record.action_id)
    if settling is None:
        return
    settling.under_way, settling.tries = record.settling, settling.tries + 1
    if not settling.holds:
        return
    before = state.acts.get(settling.target)
    # It ends and starts runs, as an action does. What nobody knows the end of may be under way still, with its signals.
    act = Act(record.settling, at.utc)
    if before is not None and before.action_id.startswith(record.action_id) and before.ended is None:
        act.began, act.again = before.began, (*before.again, at.utc)
    state.acts[settling.target] = act


def _ended(record: r.SettlingEnded, state: Durable, at: Moment) -> None:
    settling = state.settlings.get(record.action_id)
    if settling is None:
        return
    settling.under_way = ""
    act = state.acts.get(settling.target)
    if act is not None and act.action_id == record.settling:
        # Refused is only what this order did, and not those before it.
        outcome = ActionOutcome.UNKNOWN if record.outcome == ActionOutcome.REFUSED else record.outcome
        act.end(outcome, at, record.again_in or 0.0)
    if record.again_in is None:
        del state.settlings[record.action_id]
    else:
        settling.not_before = at.monotonic + record.again_in


def _left_over(record: r.LeftOver, state: Durable, _at: Moment) -> None:
    if incident := state.incidents.get(record.incident):
        incident.escalated.append(record.to)


APPLIED = (_owed, _judged, _began, _ended, _left_over)
