"""The policy as the rest of the program sees it: checked, complete, in base units (seconds, ratios from 0 to 1).

The defaults of the policy language are the defaults of these classes; nothing else repeats their numbers.

`loader` makes a `Policy` from text or raises every problem at once; nothing here can be half valid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from nemo_watchdog.durations import duration
from nemo_watchdog.model import (
    CONTAINER,
    Autonomy,
    Category,
    Footprint,
    OnCleanExit,
    RunState,
    Severity,
    Target,
    WhenUnsure,
)
from nemo_watchdog.policy.condition import Condition, StepCondition
from nemo_watchdog.policy.people import Contact, NextInLine, Telling
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.policy.windows import MaintenanceWindow
from nemo_watchdog.redaction.redactor import Redactor

ALLOWANCE = 60.0
"""Seconds that an action may take beyond what its own options give it, unless the policy says otherwise."""


NOTHING_KNOWN = Redactor()
"""It goes by rules alone."""

CORE_TAG = "core"
"""What the users of the platform notice the lack of at once."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """`count` failures among the last `window` looks; `3` in the policy is 3 of 3, that is in a row."""

    count: int
    window: int


@dataclass(frozen=True, slots=True)
class Budget:
    """At most `count` actions in any `window` seconds."""

    count: int
    window: float

    def __str__(self) -> str:
        return f"{self.count} per {duration(self.window)}"


@dataclass(frozen=True, slots=True)
class Backoff:
    """The least gap in seconds after attempt n: initial * factor**(n-1), at most `max`, varied by ±`jitter` (ratio)."""

    initial: float = 5.0
    factor: float = 2.0
    max: float = 300.0
    jitter: float = 0.2


@dataclass(frozen=True, slots=True)
class ActionStep:
    """One rung that acts. `action` is the name in the catalog, such as `docker.restart`."""

    action: str
    key: str
    """What a reloaded policy knows this step by: unique in its remedy, and independent of where it stands."""
    target_kind: str = CONTAINER
    helps: frozenset[Category] = frozenset({Category.FAULT})
    """The only kinds of failure that the action can mend."""
    options: Any = None
    """The action's own checked options."""
    attempts: int = 1
    backoff: Backoff = field(default_factory=Backoff)
    verify_within: float = 60.0
    timeout: float = ALLOWANCE
    """Of the whole call; longer than the action may take by its own options."""
    may_take: float = 0.0
    """By its own options: for so long a restart lets the container stop before it is killed."""
    when: StepCondition = field(default_factory=StepCondition)
    """The troubles that it is for."""
    states: frozenset[RunState] = frozenset()
    """Of its container, in which the action can do anything; empty: in all of them."""
    destroys: bool = True
    """What a person would want to see of the trouble may be gone after it."""
    skip_after_useless: int = 0
    """It is not tried any more where so many uses in a row did not help; 0: always."""
    digest: str = ""
    """Of its options: the same after every start, and no secret is in it."""
    footprint: Footprint = field(default_factory=Footprint)
    """What it leaves in Docker's states and events."""
    unpauses_after: float | None = None
    """Seconds for which a container must have been paused before it is let go on; None: it lets nothing go on."""
    proves_after: float | None = None
    """Seconds for which an image must have served to be one that it goes back to; None: it goes back to none."""
    reaches_container: bool = False
    """It may stop and start the dependency's container though its target is something else."""
    settles: bool = False
    """It leaves behind what its verdict must end."""
    also: Literal["dependents"] | tuple[str, ...] = ()
    """What runs of these is restarted after its container; `dependents`: what uses the network of that."""

    @property
    def is_for_some(self) -> bool:
        """Not for every trouble that its remedy is for."""
        seldom = self.skip_after_useless > 0 or self.proves_after is not None
        return bool(self.states) or self.when != StepCondition() or seldom


@dataclass(frozen=True, slots=True)
class EscalateStep:
    """One rung that tells a person: the contact `to`."""

    to: str
    key: str = "escalate"


Step = ActionStep | EscalateStep


@dataclass(frozen=True, slots=True)
class Remedy:
    name: str
    steps: tuple[Step, ...]
    budget: Budget
    """Per dependency that uses the remedy; `Limits.budget` is for all actions together."""
    when: Condition = field(default_factory=Condition)


@dataclass(frozen=True, slots=True)
class Rule:
    """One classification rule; the first that matches decides."""

    name: str
    severity: Severity
    when: Condition = field(default_factory=Condition)
    notify: tuple[str, ...] = ()
    title: str = ""
    """Shown instead of the severity's; empty for that one."""


@dataclass(frozen=True, slots=True)
class SeveritySpec:
    title: str
    respond_within: float
    notify: tuple[str, ...] = ()
    escalate: tuple[NextInLine, ...] = ()
    """Who is told, one after the other, while nobody answers. The first waits for `respond_within`."""
    remind_every: float | None = None
    """Seconds between reminders to the last one who was told, while nobody answers; None: no reminder."""


@dataclass(frozen=True, slots=True)
class Flapping:
    """When it flaps: of the last `window` seconds the share of changes reaches `high`, and until it is below `low`."""

    window: float = 1200.0
    high: float = 0.25
    low: float = 0.05


@dataclass(frozen=True, slots=True)
class BusyWhile:
    """A sign that somebody is at work: a `file` that exists, a `lock` that is held, a `dependency` that looks good."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Public:
    """The component that users know a dependency by; what has the same name is one to them."""

    name: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Dependency:
    """One watched thing. Durations in seconds. `options` is the probe's own checked options model."""

    name: str
    probe: str
    options: Any
    container: str | None = None
    selector: str = ""
    """How its container is known, for people; empty where the policy names it."""
    unselected: str = ""
    """Why none is meant by that now; `container` is a name then that none can have."""
    needs: tuple[str, ...] = ()
    """Each of these must serve."""
    needs_any: tuple[tuple[str, ...], ...] = ()
    """Of each of these groups, one must serve."""
    tags: frozenset[str] = frozenset()
    remedy: str | None = None
    autonomy: Autonomy = Autonomy.ACT
    """Already the lower of the policy's ceiling and the dependency's own."""
    interval: float = 10.0
    confirm_interval: float = 1.0
    timeout: float = 3.0
    down_after: Threshold = field(default_factory=lambda: Threshold(3, 3))
    up_after: int = 2
    startup_grace: float = 30.0
    learn_startup: bool = True
    """Whether the grace is longer where starts were seen to take longer."""
    overload_grace: float = 120.0
    """How long a look that got no answer in time means overloaded while the container works."""
    when_unsure: WhenUnsure = WhenUnsure.HOLD
    on_clean_exit: OnCleanExit = OnCleanExit.START
    busy_for: float | None = None
    """How long it may be busy before a person must look; None for what `BUSY_FOR` gives the reason."""
    flapping: Flapping | None = Flapping()
    """None: nobody asks whether it flaps."""
    busy_while: tuple[BusyWhile, ...] = ()
    """While one of these is seen, a restart that is due waits."""
    work_for: float = 3600.0
    """How long a restart that is due waits for work in progress before a person is told."""
    public: Public | None = None
    """None: users are told nothing of it."""
    digest: str = ""
    """Of its address and of what is expected there: the same after every start, and no secret is in it."""
    targets: Mapping[str, Target] = field(default_factory=dict)
    """What each acting step of its remedy acts on here, by the step's key."""
    keeps_data: bool = False
    """What it keeps may be lost to a start at the wrong moment, or by another version."""


def is_same_target(old: Dependency, new: Dependency) -> bool:
    """Whether both look at the same thing: with a rotated secret, or a new container, it is the same one."""
    return (old.probe, _target(old.options), _known_by(old)) == (new.probe, _target(new.options), _known_by(new))


def _known_by(spec: Dependency) -> str | None:
    return spec.selector or spec.container


def _target(value: Any) -> Any:
    """Of a probe's options, whatever model they are, all but rotated secrets."""
    if isinstance(value, Secret):
        return value.leads_to
    if isinstance(value, Mapping):
        return {key: _target(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_target(each) for each in value]
    if hasattr(type(value), "model_fields"):
        return type(value), _target(vars(value)), getattr(value, "__pydantic_extra__", None)
    return value


@dataclass(frozen=True, slots=True)
class Storm:
    """When more than `share`, and at least `least`, of what carries the tag `of` (None: of all) fail together.

    That is no further apart than `within` seconds. It lasts `hold` seconds at least, unless all serve again.
    """

    share: float = 0.5
    least: int = 3
    of: str | None = None
    within: float = 30.0
    hold: float = 120.0


@dataclass(frozen=True, slots=True)
class Limits:
    budget: Budget = field(default_factory=lambda: Budget(10, 3600.0))
    concurrent_actions: int = 1
    min_healthy: Mapping[str, int] = field(default_factory=dict)
    """By tag: how many containers that carry it must serve before one that runs is restarted."""
    storm: Storm | None = None
    """None where it is turned off; a policy that says nothing has the defaults of `Storm`."""
    evidence_within: float = 5.0
    """Seconds that an action waits at most for what it would destroy to be written down; 0: nothing is."""


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """One that hears of every incident; what is empty is not given. Its `url` holds no user and no password."""

    url: str
    username: str = ""
    password: Secret = field(default_factory=lambda: Secret(""))
    bearer: Secret = field(default_factory=lambda: Secret(""))
    ca: str = ""
    """PEM file of the authorities to trust instead of the system's."""
    silences: bool = False
    """What is silenced there is not told to people here either."""


@dataclass(frozen=True, slots=True)
class Deadman:
    """A service that calls people when it hears nothing more; it hears from us every so many seconds."""

    url: Secret
    every: float = 60.0


@dataclass(frozen=True, slots=True)
class Retention:
    """For how long (seconds) what is over is kept, and how many bytes of evidence."""

    records: float = 90 * 86400.0
    """Of the journal what is over, and looks."""
    evidence: float = 30 * 86400.0
    evidence_size: int = 2**30


@dataclass(frozen=True, slots=True)
class Suggestions:
    """For how many seconds a proposal can be approved, and after a rejection the same is not proposed again."""

    expire: float = 3600.0
    reject_holds: float = 3600.0


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that an operator tunes. Mappings keep the order of the file."""

    dependencies: Mapping[str, Dependency]
    severities: Mapping[Severity, SeveritySpec]
    classification: tuple[Rule, ...]
    remedies: Mapping[str, Remedy] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    autonomy: Autonomy = Autonomy.ACT
    contacts: Mapping[str, Contact] = field(default_factory=dict)
    """What is told to one without an address is logged."""
    alertmanager: tuple[Alertmanager, ...] = ()
    deadman: Deadman | None = None
    maintenance: tuple[MaintenanceWindow, ...] = ()
    retention: Retention = Retention()
    telling: Telling = field(default_factory=Telling)
    suggestions: Suggestions = Suggestions()
    templates: Mapping[str, str] = field(default_factory=dict)
    """Of messages, by their names, such as `body.j2`; see `templates`."""
    discovers: bool = False
    """Whether the labels of containers bring more dependencies."""
    selects: frozenset[str] = frozenset()
    """The labels by which it knows containers."""
    discovered: Mapping[str, str] = field(default_factory=dict)
    """Those that they have brought, with the container of each."""
    unused_labels: tuple[str, ...] = ()
    """Why labels are not used, for people; no secret is in it."""
    document: Any = field(default=None, repr=False, compare=False)
    """What the file says, as plain values: for those who tell what a reload changed. Secrets are in it."""
    redactor: Redactor = field(default=NOTHING_KNOWN, repr=False, compare=False)
    """Knows the secrets of this policy."""

    @property
    def asks_labels(self) -> bool:
        """Whether the labels of containers change it."""
        return self.discovers or bool(self.selects)
