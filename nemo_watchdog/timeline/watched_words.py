"""What was seen of what is watched, and what people did to it or to the watchdog, in sentences; see `words`. Pure."""

from __future__ import annotations

from nemo_watchdog import records as r
from nemo_watchdog.durations import duration
from nemo_watchdog.engine.quiet import Scope
from nemo_watchdog.errors import in_one_line
from nemo_watchdog.model import Health
from nemo_watchdog.timeline.words import Story, lasting, said, seen
from nemo_watchdog.views import EVERYTHING


@said.register
def _(record: r.HealthChanged, story: Story) -> str:
    served = ""
    if record.health not in (Health.UP, Health.DEGRADED) and record.not_served_for:
        served = f"; it was last seen to serve {duration(record.not_served_for)} ago"
    return f"{record.dependency} is {seen(record.health, record.reason, record.detail)}{served}."


@said.register
def _(record: r.SeenUp, story: Story) -> str:
    return f"{record.dependency} is up for the first time as the policy names it now."


@said.register
def _(record: r.StartLearned, story: Story) -> str:
    starts = f"{len(record.seconds)} starts of its image" if len(record.seconds) > 1 else "the first start of its image"
    return f"{record.dependency} took {duration(record.seconds[-1])} to start; known of {starts}."


@said.register
def _(record: r.ImageProven, story: Story) -> str:
    name = in_one_line(record.image_name) or record.image_id
    return f"The image {name} of {record.container} has served for {duration(record.served)}: it can be gone back to."


@said.register
def _(record: r.EndedByItself, story: Story) -> str:
    by = f", of {record.by}" if record.by else ""
    return f"No person ended the {record.target_kind} {record.target} of {record.dependency}: {record.reason}{by}."


@said.register
def _(record: r.HeartbeatHeard, story: Story) -> str:
    words = f" ({record.said})" if record.said else ""
    return f"{record.dependency} called: it went {'well' if record.well else 'wrong'}{words}."


@said.register
def _(record: r.SideChanged, story: Story) -> str:
    side = "serves now" if record.serves else "is down now"
    counts = f"; {record.changes} more towards flapping" if record.changes else ""
    return f"{record.dependency} {side}, and did not before{counts}."


@said.register
def _(record: r.RunChanged, story: Story) -> str:
    by = "by somebody's order" if record.ordered else "by Docker"
    return f"The container of {record.dependency} was started anew {by}."


@said.register
def _(record: r.HoldPlaced, story: Story) -> str:
    undone = "it was started again, but " if record.undone else ""
    limit = f", {lasting(record.lasts, '')} at most" if record.lasts is not None else ""
    return f"{record.dependency} is left alone{limit}: {undone}{record.what}."


@said.register
def _(record: r.HoldReleased, story: Story) -> str:
    return f"{record.dependency} is left alone no more."


def _scope(scope: str) -> str:
    return "everything" if scope == EVERYTHING else scope


@said.register
def _(record: r.Paused, story: Story) -> str:
    span = lasting(record.duration, "until somebody resumes it")
    return f"{record.by} paused {_scope(record.scope)} {span}: {record.reason}."


@said.register
def _(record: r.Resumed, story: Story) -> str:
    return f"{record.by} resumed {_scope(record.scope)}."


@said.register
def _(record: r.OncallSwapped, story: Story) -> str:
    return f"{record.by} gave {record.rota} to {record.person} until {record.until}: {record.reason}."


@said.register
def _(record: r.OncallSwapEnded, story: Story) -> str:
    return f"{record.by} ended the swaps of {record.rota}."


@said.register
def _(record: r.JournalDistrusted, story: Story) -> str:
    return f"The journal was found damaged, and nothing was done until a person accepted it: {record.damage}."


@said.register
def _(record: r.JournalAccepted, story: Story) -> str:
    return f"{record.by} lets the watchdog go on from a damaged journal ({record.damage}): {record.reason}."


def _of(record: r.SilenceBegan | r.MaintenanceBegan) -> str:
    return str(Scope(tuple(record.dependencies), tuple(record.tags)))


@said.register
def _(record: r.SilenceBegan, story: Story) -> str:
    return f"{record.by} silenced {_of(record)} for {duration(record.duration)}: {record.reason}."


@said.register
def _(record: r.SilenceEnded, story: Story) -> str:
    return f"The silence {record.silence} is over{f': {record.by} ended it' if record.by else ''}."


@said.register
def _(record: r.MaintenanceBegan, story: Story) -> str:
    planned = f"the policy plans it as {record.window}"
    why = planned if record.window else f"{record.by} began it ({record.reason})"
    return f"Maintenance of {_of(record)} for {duration(record.duration)}: {why}."


@said.register
def _(record: r.MaintenanceEnded, story: Story) -> str:
    return f"The maintenance {record.maintenance} is over: {record.why}."
