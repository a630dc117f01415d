"""The language of the policy file, part by part: which keys there are, and what may stand at each.

One model for each kind of entry; unknown keys are errors. What a model cannot see (names that must exist elsewhere, the
own options of a probe or an action) is checked by `loader` and what it calls. Field descriptions are what editors show.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from nemo_watchdog.durations import duration
from nemo_watchdog.model import Autonomy, OnCleanExit, Severity, WhenUnsure
from nemo_watchdog.policy.alertmanagers import AlertmanagerSection
from nemo_watchdog.policy.busy_while import MOST_SIGNS, BusyWhileSection
from nemo_watchdog.policy.contacts import ContactSection
from nemo_watchdog.policy.deadman import DeadmanSection
from nemo_watchdog.policy.fields import (
    DAY,
    Attempts,
    Grace,
    Name,
    Names,
    Patience,
    Section,
    Timeout,
    Window,
    limited,
)
from nemo_watchdog.policy.flapping import FlappingSection
from nemo_watchdog.policy.maintenance import MaintenanceSection
from nemo_watchdog.policy.needs import Needs
from nemo_watchdog.policy.policy import ALLOWANCE, ActionStep, Backoff, Dependency, Limits
from nemo_watchdog.policy.public import PublicSection
from nemo_watchdog.policy.retention import RetentionSection
from nemo_watchdog.policy.selectors import ContainerRef
from nemo_watchdog.policy.step_when import StepWhenSection
from nemo_watchdog.policy.storm import StormSection, StormSwitch
from nemo_watchdog.policy.suggestions import SuggestionsSection
from nemo_watchdog.policy.telling import Answer, Line, NotificationsSection
from nemo_watchdog.policy.units import (
    BudgetText,
    Duration,
    Interval,
    ThresholdText,
    Whole,
    duration_within,
    number_within,
    wrong,
)
from nemo_watchdog.policy.when import WhenSection

Model = TypeVar("Model", bound=BaseModel)

_DEPENDENCY = Dependency("", "", None)
_STEP = ActionStep("", "")
_BACKOFF = Backoff()
_LIMITS = Limits()
"""Where the defaults stand: each number is there and nowhere else."""

ESCALATE = "escalate"
"""What stands after `do:` in a step that tells a person; the name of no action."""


def _version(value: Any) -> Any:
    if value != 1 or isinstance(value, bool):
        raise wrong("expected `1`, the only version of the policy language so far")
    return value


class ProbeDefaults(Section):
    """How often and how long to look, and how many looks make a change of health."""

    interval: Interval = Field(_DEPENDENCY.interval, description="Between looks while all is well, 100ms or more.")
    confirm_interval: Interval = Field(
        _DEPENDENCY.confirm_interval, description="Between looks while a change of health is being confirmed."
    )
    timeout: Timeout = Field(_DEPENDENCY.timeout, description="Of one look, at most 5m.")
    down_after: ThresholdText = Field(_DEPENDENCY.down_after, description='Failures in a row, such as 3, or "3 of 5".')
    up_after: Attempts = Field(_DEPENDENCY.up_after, description="Successes in a row.")
    startup_grace: Grace = Field(
        _DEPENDENCY.startup_grace, description="After its container starts: how long a failing look means starting."
    )
    learn_startup: bool = Field(
        _DEPENDENCY.learn_startup, description="Starts that were seen to take longer make that grace longer."
    )
    busy_for: Patience | None = Field(
        None, description="How long it may be busy before a person must look; by the reason when it is not given."
    )
    work_for: Patience = Field(
        _DEPENDENCY.work_for,
        description="How long a restart that is due waits for work in progress before a person must look.",
    )
    when_unsure: WhenUnsure = Field(
        _DEPENDENCY.when_unsure, description="When nobody can tell who ended its container: hold it, or restart it."
    )
    flapping: FlappingSection = Field(
        default_factory=FlappingSection, description="When it goes down and comes back too often; false: never asked."
    )


class DependencySection(Section):
    """What every dependency may have; its other keys belong to its probe. What is not given comes from `defaults`."""

    probe: str = Field(description="How to look at it.")
    container: ContainerRef | None = Field(
        None, description="The container that a remedy may act on: its name, or how it is known."
    )
    needs: Needs = Field(
        default_factory=list,
        description="Dependencies that must be up for this one to work; of `{any: [a, b]}` one is enough.",
    )
    tags: Names = Field(default_factory=list, description="Words that rules choose by.")
    remedy: str | None = Field(None, description="What to do about it, by the name in `remedies`.")
    autonomy: Autonomy = Field(_DEPENDENCY.autonomy, description="A lower ceiling than the policy's, for this one.")
    interval: Interval | None = Field(None, description="Between looks while all is well, 100ms or more.")
    confirm_interval: Interval | None = Field(None, description="Between looks while a change is being confirmed.")
    timeout: Timeout | None = Field(None, description="Of one look, at most 5m.")
    down_after: ThresholdText | None = Field(None, description='Failures in a row, such as 3, or "3 of 5".')
    up_after: Attempts | None = Field(None, description="Successes in a row.")
    startup_grace: Grace | None = Field(None, description="After a start: how long a failing look means starting.")
    learn_startup: bool | None = Field(None, description="Starts that were seen to take longer make that grace longer.")
    busy_for: Patience | None = Field(None, description="How long it may be busy before a person must look.")
    busy_while: Annotated[list[BusyWhileSection], Field(max_length=MOST_SIGNS)] = Field(
        default_factory=list, description="Signs that somebody is at work: while one is seen, a restart waits."
    )
    work_for: Patience | None = Field(
        None, description="How long a restart that is due waits for work in progress before a person must look."
    )
    when_unsure: WhenUnsure | None = Field(
        None, description="When nobody can tell who ended its container: hold it, or restart it."
    )
    overload_grace: Grace | None = Field(
        None,
        description="How long what works and gives no answer in time is overloaded and no fault; 0s: not at all.",
    )
    flapping: FlappingSection | None = Field(
        None, description="When it goes down and comes back too often; false: never asked."
    )
    on_clean_exit: OnCleanExit | None = Field(
        None, description="When its container ends by itself with exit code 0: hold it, or start it again."
    )
    public: PublicSection | None = Field(
        None, description="Which part of the platform users know it by; left out: they are told nothing of it."
    )

    @property
    def container_name(self) -> str | None:
        """What Docker is asked for, once the loader has found which container is meant."""
        return self.container if isinstance(self.container, str) else None


class SeveritySection(Section):
    title: str = Field(description="What people call it.")
    respond_within: Annotated[Duration, AfterValidator(duration_within(1.0, 30 * DAY))] = Field(
        description="By when a person must have answered; then the first of `escalate` is told."
    )
    notify: Names = Field(default_factory=list, description="Contacts to tell.")
    escalate: Line = Field(default_factory=list, description="Contacts to tell, in turn, while nobody answers.")
    remind_every: Answer | None = Field(
        None, description="While nobody answers, the last of them is told again so often; left out: never."
    )


class RuleSection(Section):
    """One rule of the classification; the first that matches decides."""

    name: Name
    severity: Severity
    when: WhenSection = Field(default_factory=WhenSection, description="Left out, it always holds.")
    notify: Names = Field(default_factory=list, description="Contacts to tell besides the severity's.")
    title: Annotated[str, Field(min_length=1, max_length=80)] | None = Field(
        None, description="What people call it, instead of the severity's title."
    )


class BackoffSection(Section):
    """The gap after attempt n is initial * factor^(n-1), at most max, varied by jitter."""

    initial: Window = Field(_BACKOFF.initial, description="After the first attempt.")
    factor: Annotated[float, BeforeValidator(limited(1, 100))] = Field(_BACKOFF.factor, description="From 1 to 100.")
    max: Window = Field(_BACKOFF.max, description="No gap is longer.")
    jitter: Annotated[float, BeforeValidator(limited(0, 1))] = Field(_BACKOFF.jitter, description="From 0 to 1.")

    @model_validator(mode="after")
    def _ordered(self) -> BackoffSection:
        if self.max < self.initial:
            raise wrong("`max` must be at least `initial`")
        return self


class ActionSection(Section):
    """What every step that acts may have; its other keys belong to its action."""

    do: str = Field(description="What to do.")
    attempts: Attempts = Field(_STEP.attempts, description="Then the next step comes.")
    backoff: BackoffSection = Field(default_factory=BackoffSection)
    when: StepWhenSection = Field(default_factory=StepWhenSection, description="Left out: all that its remedy is for.")
    also: Literal["dependents"] | list[Name] = Field(
        default_factory=list,
        description="What runs of these is restarted after it; `dependents`: what uses its container's network.",
    )
    verify_within: Window = Field(_STEP.verify_within, description="Healthy by then, or the attempt has failed.")
    timeout: Window | None = Field(
        None,
        description=f"Of the whole call; unless given, {duration(ALLOWANCE)} more than its own options give it.",
    )


class EscalateSection(Section):
    """Tell a person."""

    do: Literal["escalate"]
    to: str = Field(description="The contact.")


MOST_STEPS = 20


class RemedySection(Section):
    steps: Annotated[list[Any], Field(min_length=1, max_length=MOST_STEPS)]
    """Checked one by one by `steps`, with the two models above."""
    budget: BudgetText = Field(description="The most actions for each dependency that uses it, such as `5 per 1h`.")
    when: WhenSection = Field(default_factory=WhenSection, description="Left out: `{category: fault}`.")
    skip_after_useless: Annotated[Whole, AfterValidator(number_within(0, 100))] = Field(
        _STEP.skip_after_useless,
        json_schema_extra={"minimum": 0, "maximum": 100},
        description="A step is not tried any more where so many uses in a row did not help; 0: always.",
    )


class LimitsSection(Section):
    budget: BudgetText = Field(_LIMITS.budget, description="All actions of all remedies together.")
    concurrent_actions: Attempts = Field(_LIMITS.concurrent_actions, description="Actions that may run at once.")
    min_healthy: dict[Name, Attempts] = Field(
        default_factory=dict,
        description="By tag: of what carries it, so many must serve before one that runs is restarted.",
    )
    evidence_within: Annotated[Duration, AfterValidator(duration_within(0.0, 60.0))] = Field(
        _LIMITS.evidence_within,
        description="An action waits at most so long for what it would destroy to be written down; 0s: nothing is.",
    )
    storm: StormSwitch = Field(
        default_factory=StormSection, description="When much fails together; `false` turns it off."
    )


class TopSection(Section):
    """The keys of the file. The entries of each section are checked one by one, with the models above."""

    version: Annotated[Literal[1], BeforeValidator(_version)] = Field(description="The policy language's version: `1`.")
    autonomy: Autonomy = Field(Autonomy.ACT, description="The most that it may do by itself: observe, suggest or act.")
    discover: Literal["labels"] | None = Field(
        None, description="`labels`: containers that carry labels `nemo-watchdog.KEY` are watched as well."
    )
    defaults: Any = None
    dependencies: Any
    severities: Any = None
    classification: Any = None
    remedies: Any = None
    limits: Any = None
    maintenance: Any = None
    contacts: Any = None
    notifications: Any = None
    alertmanager: Any = None
    deadman: Any = None
    retention: Any = None
    suggestions: Any = None


class PolicyFile(TopSection):
    """A policy of Nemo Watchdog."""

    defaults: ProbeDefaults | None = Field(None, description="For every dependency that does not say otherwise.")
    severities: dict[Severity, SeveritySection] | None = Field(None, description="All four, SEV1 to SEV4.")
    classification: list[RuleSection] | None = Field(None, description="The first rule that matches decides.")
    remedies: dict[Name, RemedySection] | None = Field(None, description="What to do, step by step.")
    limits: LimitsSection | None = Field(None, description="For all remedies together.")
    maintenance: list[MaintenanceSection] | None = Field(None, description="Work that is planned.")
    contacts: dict[Name, ContactSection] | None = Field(None, description="Who can be told, by name.")
    notifications: NotificationsSection | None = Field(None, description="How people are told.")
    alertmanager: AlertmanagerSection | None = None
    deadman: DeadmanSection | None = Field(None, description="Who calls people when the watchdog falls silent.")
    retention: RetentionSection | None = Field(None, description="For how long is kept what is over.")
    suggestions: SuggestionsSection | None = Field(None, description="What a person is asked to allow.")
