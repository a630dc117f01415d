"""The policy as text, with a comment for each choice: what an operator opens first must explain itself."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from nemo_watchdog.durations import duration
from nemo_watchdog.first_policy.entry import Choice, Entry
from nemo_watchdog.first_policy.kinds import Kind
from nemo_watchdog.first_policy.plan import Plan
from nemo_watchdog.first_policy.remedies import Remedy, remedies_for
from nemo_watchdog.first_policy.yaml_words import comment, written

WIDTH = 120
_COLUMN = 42
ON_CALL = "on-call"
NOBODY_YET = "${ONCALL_URL:-}"

_HEAD = """\
# yaml-language-server: $schema=./policy.schema.json
#
# A first policy for this machine, made by `nemo-watchdog init` from what it found. Each choice says why: correct
# what is wrong, then `nemo-watchdog check FILE --probe`. `nemo-watchdog example policy` shows more of what can be
# said, docs/policy.md all of it.
#
#   Durations have a unit: 750ms, 90s, 5m, 1h30m, 1d. Budgets are "5 per 1h".
#   ${NAME} and ${NAME:-default} come from the environment, ${file:/path} from a file. Keep secrets there: the service
#   has its environment from /etc/nemo-watchdog/environment.

version: 1

# The most that it may do by itself: observe (alert only), suggest (ask a person) or act. When you have seen for a while
# that what it suggests is right, write `act`.
autonomy: suggest

# What every dependency has unless it says otherwise.
defaults:
  interval: 10s          # between looks while all is well
  confirm_interval: 1s   # between looks while a change of health is being confirmed
  timeout: 3s            # of one look
  down_after: 3          # failures in a row; or "3 of 5"
  up_after: 2            # successes in a row
  startup_grace: 30s     # this long after its container starts, failing means starting
"""

_MACHINE = """\
  docker:                                # the Docker Engine itself: when it hangs, every action is held
    probe: docker
    slow_after: 1s
    tags: [hardware]

  host:                                  # the machine itself
    probe: host
    min_memory_available: 5%
    min_disk_free: {/: 5%}
"""

_GPU = """\
  gpu:                                   # no container, no remedy: people are told, nothing is restarted
    probe: gpu
    interval: 30s
    timeout: 10s                         # the first answer after a boot takes seconds
    max_memory: 97%
    max_temperature: 90                  # degrees Celsius
    tags: [hardware]
"""

_SEVERITIES = """\
# How fast people should respond, and who is told; again and again while nobody answers (`nemo-watchdog ack ID`).
severities:
  SEV1: {title: Complete outage,   respond_within: 15m, notify: [on-call], remind_every: 30m}
  SEV2: {title: Major degradation, respond_within: 30m, notify: [on-call], remind_every: 1h}
  SEV3: {title: Minor issue,       respond_within: 4h,  notify: [on-call]}
  SEV4: {title: Low impact,        respond_within: 24h, notify: []}
"""

_RULES_HEAD = """\
# How grave a failure is: the first rule that matches decides, so the gravest stand first.
#   category: fault      it is broken, and a restart may help
#             busy       it is alive and needs time
#             integrity  its data or hardware is at risk
#             blind      the watchdog cannot see; that says nothing about the target
classification:
  - {name: certificate-expired, when: {reason: certificate_expired}, severity: SEV2, title: Certificate expired}
"""

_ON_REASONS = "{reason: [data_corrupted, data_unusable, reported_integrity]}"
_ON_DATA = f"{{category: integrity, any: [{{tags: [data]}}, {_ON_REASONS}]}}"

_REMEDIES_HEAD = """\
# What to do, step by step. A remedy runs for a `fault` only: a restart would make what is busy start over, and could
# destroy what is at risk. After each restart the watchdog looks again; only a healthy answer counts as success.
remedies:
"""

_LIMITS = """\
# For all remedies together.
limits:
  budget: 10 per 1h
  concurrent_actions: 1                  # one restart at a time: look what it did before the next
"""

_CONTACTS_HEAD = """\
# Who can be told, as Apprise URLs: mail, Slack, Matrix, PagerDuty, Telegram, ... A contact without an address is only
# written to the log. The quotes are for editors: inside [...] a brace means something else to them.
contacts:
"""

_TITLES = {
    Kind.POSTGRES: "Postgres",
    Kind.PGBOUNCER: "PgBouncer",
    Kind.REDIS: "Redis",
    Kind.LLM: "a model server",
    Kind.DATA: "a database",
}


def policy_text(plan: Plan, tell: Sequence[str] = ()) -> str:
    """`tell` are the addresses of who is on call."""
    remedies, names = remedies_for(plan.entries)
    dependencies = [_dependency(entry, names.get(entry.name, "")) for entry in plan.entries]
    machine = [_GPU, _MACHINE] if plan.has_gpu else [_MACHINE]
    tags = {tag for entry in plan.entries for tag in _tags_of(entry)}
    contact = f"  {ON_CALL}: {written(list(tell) or [NOBODY_YET])}\n"
    parts = [
        _HEAD,
        "dependencies:\n" + "\n".join([*dependencies, *machine]),
        *([_left_out(plan)] if plan.left_out else ()),
        _SEVERITIES,
        _RULES_HEAD + "".join(_rules(tags)),
        *([_REMEDIES_HEAD + "\n".join("".join(_remedy(each)) for each in remedies)] if remedies else ()),
        _LIMITS,
        _CONTACTS_HEAD + contact,
    ]
    return "\n".join(parts)


def _dependency(entry: Entry, remedy: str) -> str:
    what = f"{_TITLES[entry.kind]}: " if entry.kind in _TITLES else ""
    lines = [*_above(f"{what}{entry.about}", "  "), f"  {written(entry.name)}:"]
    for choice in entry.choices:
        chosen = Choice(choice.key, remedy, choice.why) if choice.key == "remedy" and remedy else choice
        lines += _line(chosen)
    for note in entry.notes:
        lines += _above(note, "    ")
    return "".join(f"{line}\n" for line in lines)


def _line(choice: Choice) -> Iterator[str]:
    """The reason beside it where there is room, else above it."""
    line = f"    {choice.key}: {written(choice.value)}"
    why = comment(choice.why)
    beside = _beside(line, why)
    if why and len(beside) > WIDTH:
        yield from _above(why, "    ")
    yield beside if why and len(beside) <= WIDTH else line


def _above(text: str, indent: str) -> Sequence[str]:
    return textwrap.wrap(
        comment(text), WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ", break_on_hyphens=False
    )


def _left_out(plan: Plan) -> str:
    lines = ["  # Not watched:"]
    for name, why in plan.left_out.items():
        lines += _above(f"- {name}: {why}", "  ")
    return "".join(f"{line}\n" for line in lines)


def _tags_of(entry: Entry) -> Sequence[str]:
    tags = entry.value("tags")
    return [tags] if isinstance(tags, str) else [tag for tag in tags or () if isinstance(tag, str)]


def _rules(tags: set[str]) -> Iterator[str]:
    """A rule may name only tags that something has."""
    yield "  - name: data-at-risk\n    title: Data at risk\n"
    yield f"    when: {_ON_DATA if 'data' in tags else _ON_REASONS}\n    severity: SEV1\n"
    if "core" in tags:
        yield "  - {name: complete-outage, when: {down: {all: core}}, severity: SEV1}\n"
    yield "  # All that runs, and takes connections only elsewhere: the network or this host, and not they.\n"
    yield (
        "  - {name: cannot-be-reached, when: {reason: unreachable_from_here}, severity: SEV1, "
        "title: Cannot be reached from here}\n"
    )
    yield "  - {name: disk-full, when: {reason: disk_full}, severity: SEV2, title: Disk full}\n"
    yield "  - {name: hardware-at-risk, when: {category: integrity}, severity: SEV2, title: Hardware at risk}\n"
    if "core" in tags:
        yield "  - {name: core-down, when: {health: down, tags: [core]}, severity: SEV2}\n"
        yield "  - {name: core-unseen, when: {category: blind, tags: [core]}, severity: SEV3}\n"
    yield "  - {name: down, when: {health: down}, severity: SEV3}\n"
    yield "  - {name: actions-held, when: {reason: docker_unreachable}, severity: SEV3}\n"
    hot = "reason: [temperature_high, gpu_throttled]"
    yield f"  - {{name: runs-hot, when: {{{hot}}}, severity: SEV3, title: Hardware runs hot}}\n"
    if "core" in tags:
        yield "  - {name: slow, when: {health: degraded, tags: [core]}, severity: SEV3}\n"
    yield "  - {name: anything-else, severity: SEV4}\n"


def _remedy(remedy: Remedy) -> Iterator[str]:
    shape = remedy.shape
    lines = [*_above(remedy.why or shape.about, "  "), f"  {written(remedy.name)}:"]
    lines += ["    when: {category: fault}", "    steps:", "      - do: docker.restart"]
    lines.append(_beside(f"        stop_timeout: {duration(remedy.stop)}", "then Docker kills it"))
    lines.append(f"        attempts: {shape.attempts}")
    if shape.backoff:
        lines.append(f"        backoff: {shape.backoff}")
    healthy = "healthy by then, or the attempt has failed"
    lines.append(_beside(f"        verify_within: {duration(remedy.verify)}", healthy))
    lines.append(f"      - {{do: escalate, to: {ON_CALL}}}")
    lines.append(_beside(f"    budget: {shape.budget}", "for each dependency: whatever happens, never more than this"))
    yield from (f"{line}\n" for line in lines)


def _beside(line: str, why: str) -> str:
    return f"{f'{line}  '.ljust(_COLUMN - 1)}# {why}"
