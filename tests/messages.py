"""`python -m tests.messages` writes docs/messages.md: six outages, and every message that people get of them.

The shipped policy on a clock that moves by itself; a test holds the file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nemo_watchdog.channel import Letter
from nemo_watchdog.engine import events as ev
from nemo_watchdog.model import Notification, Reason, failed
from tests.outages import CORE, Outage, shipped

DOCS = Path(__file__).parents[1] / "docs" / "messages.md"

HEAD = """\
# What people get

Six outages under `config/policy.yaml`, and every message of each as it is sent, from the first to the last. Made by
`python -m tests.messages` from runs of the watchdog on a clock that a test moves; times are those of that clock.
"""


@dataclass(frozen=True, slots=True)
class Story:
    title: str
    what: str
    run: Callable[[Outage], None]
    changes: tuple[tuple[str, str], ...] = ()
    """Of the text of the shipped policy."""


def _healed(outage: Outage) -> None:
    outage.kill("gateway")
    outage.dead.clear()
    outage.go_on(600.0)


def _all_at_once(outage: Outage) -> None:
    outage.kill(*CORE)
    outage.go_on(20 * 60.0)
    outage.mend(*CORE)
    outage.go_on(300.0)


def _crash_loop(outage: Outage) -> None:
    world, crashes = outage.world, 0
    end = world.monotonic + 600.0
    while world.monotonic < end:
        crashes += 1
        world.crash("gateway", 1)
        world.wait(2.0)
        world.run("gateway", restarts=crashes)
        outage.go_on(25.0)
    outage.go_on(3600.0, every=15.0)


def _symptom_first(outage: Outage) -> None:
    outage.ill["gateway"] = failed(Reason.WRONG_STATUS, "answered 500, expected 200")
    outage.go_on(70.0)
    outage.ill["postgres"] = failed(Reason.DISK_FULL, "could not extend file: No space left on device")
    outage.go_on(24 * 60.0)
    (incident,) = outage.world.engine.durable.open()
    outage.world.send(ev.AcknowledgeAsked(incident.incident, "anna", None))
    outage.go_on(600.0)
    outage.mend("postgres", "gateway")
    outage.go_on(300.0)


def _at_risk(outage: Outage) -> None:
    outage.ill["postgres"] = failed(Reason.DATA_CORRUPTED, "invalid page in block 42 of relation base/16384/2619")
    outage.go_on(600.0)
    outage.mend("postgres")
    outage.go_on(300.0)


def _asked(outage: Outage) -> None:
    outage.ill["gateway"] = failed(Reason.WRONG_STATUS, "answered 500, expected 200")
    outage.go_on(300.0)
    (proposal,) = outage.world.engine.durable.proposals.open()
    outage.world.send(ev.ApproveAsked(proposal.identity, "anna"))
    outage.mend("gateway")
    outage.go_on(600.0)


STORIES = (
    Story(
        "A gateway that dies, and is healed",
        "Its process ends; one restart helps. Nobody is paged: it is told when it is over.",
        _healed,
    ),
    Story(
        "Everything at once",
        "All core dependencies end at the same moment, and no restart helps until somebody mends the cause.",
        _all_at_once,
    ),
    Story(
        "A crash loop under `restart: always`",
        "Docker starts the gateway again and again for ten minutes; then it keeps still.",
        _crash_loop,
    ),
    Story(
        "The symptom first, the cause later",
        "The gateway fails, then its database is found without room. Nobody takes it for a while; then anna does.",
        _symptom_first,
    ),
    Story(
        "Data at risk",
        "A database reports a damaged page: nothing is restarted, and `security` is told as well.",
        _at_risk,
    ),
    Story(
        "A person must allow it",
        "Under `autonomy: suggest` the gateway fails; anna approves what is proposed, and it helps.",
        _asked,
        (("autonomy: act", "autonomy: suggest"),),
    ),
)


def told(story: Story) -> Outage:
    """Every message, in order."""
    outage = Outage(shipped(*story.changes))
    story.run(outage)
    outage.send()
    return outage


def page() -> str:
    """The whole file."""
    return "\n".join([HEAD, *map(_section, STORIES)])


def _section(story: Story) -> str:
    outage = told(story)
    count = "One message." if len(outage.messages) == 1 else f"{len(outage.messages)} messages."
    shown = "\n".join(map(_shown, outage.messages, outage.letters))
    return f"## {story.title}\n\n{story.what} {count}\n\n{shown}"


def _shown(message: Notification, letter: Letter) -> str:
    who = ", ".join(message.contacts)
    return f"{message.at:%H:%M:%S} to {who}:\n\n```text\n{letter.title}\n\n{letter.body}\n```\n"


if __name__ == "__main__":
    DOCS.write_text(page(), encoding="utf-8")
