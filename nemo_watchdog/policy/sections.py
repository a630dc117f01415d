"""The language of the policy file, part by part: which keys there are, and what may stand at each.

One model for each kind of entry; unknown keys are errors. What a model cannot see (names that must exist elsewhere, the
own options of a probe or an action) is checked by `loader` and what it calls. Field descriptions are what editors show.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, RootModel, model_validator
from pydantic_core import PydanticCustomError

from nemo_watchdog.durations import duration
from nemo_watchdog.model import Autonomy, Category, Health, OnCleanExit, Reason, Severity, WhenUnsure
from nemo_watchdog.policy.policy import ALLOWANCE, ActionStep, Backoff, Dependency, Limits, Secret
from nemo_watchdog.policy.units import (
    SECRET_ERROR,
    BudgetText,
    Duration,
    Interval,
    SecretText,
    ThresholdText,
    Whole,
    duration_within,
    number_within,
    wrong,
)

Model = TypeVar("Model", bound=BaseModel)

_DEPENDENCY = Dependency("", "", None)
_STEP = ActionStep("", "")
_BACKOFF = Backoff()
_LIMITS = Limits()
"""Where the defaults stand: each number is there and nowhere else."""

ESCALATE = "escalate"
"""What stands after `do:` in a step that tells a person; the name of no action."""

MINUTE = 60.0
HOUR = 3600.0
DAY = 86400.0

NAME_PATTERN = r"^[a-z0-9][a-z0-9_-]{0,62}$"
_NAME = re.compile(NAME_PATTERN[1:-1])
_CONTAINER = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}")
_CONTAINER_ID = re.compile(r"[0-9a-f]{64}")


def check_name(name: str) -> str:
    """A name as dependencies, tags, remedies, rules and contacts have it: fit for a metric's label and a URL."""
    if not _NAME.fullmatch(name):
        raise wrong("a name is 1 to 63 of a-z, 0-9, `-` and `_`, and begins with a letter or digit")
    return name


def _check_container(name: str) -> str:
    if not _CONTAINER.fullmatch(name):
        raise wrong("expected the name of a container, as `docker ps` shows it")
    if _CONTAINER_ID.fullmatch(name):
        raise wrong(
            "expected the name of a container, not its id: it would be a second target beside "
            "its name, and its successor has another"
        )
    return name


def _check_http_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
        credentials = "@" in parts.netloc
        _ = parts.port
    except ValueError:
        good, credentials = False, False
    if not good or credentials:
        more = ": a user and password in it are not supported yet" if credentials else ""
        raise PydanticCustomError(
            SECRET_ERROR, "{text}", {"text": f"expected a URL such as `http://127.0.0.1:9093`{more}"}
        )
    return url


def _check_address(address: Secret) -> Secret:
    if address and "://" not in address.reveal():
        raise PydanticCustomError(SECRET_ERROR, "expected an Apprise URL such as `mailto://...` or `slack://...`")
    return address


def _version(value: Any) -> Any:
    if value != 1 or isinstance(value, bool):
        raise wrong("expected `1`, the only version of the policy language so far")
    return value


def _listed(value: Any) -> Any:
    """One is a list of one."""
    return [value] if isinstance(value, str) else value


def _one_or_many(kind: Any) -> Any:
    return BeforeValidator(_listed, json_schema_input_type=kind | list[kind])


def _range(smallest: int, largest: int) -> Any:
    # the bounds stand in the JSON Schema as well, where a `Field(ge=...)` after a validator of ours would be lost
    extra: dict[str, Any] = {"minimum": smallest, "maximum": largest}
    return (AfterValidator(number_within(smallest, largest)), Field(json_schema_extra=extra))


def _number(value: Any) -> float:
    """A number, also as the text that an expansion gives."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value, re.ASCII):
        return float(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise wrong("expected a number")


def _limited(smallest: float, largest: float) -> Callable[[Any], float]:
    within = number_within(smallest, largest)
    return lambda value: within(_number(value))


Name = Annotated[str, AfterValidator(check_name), Field(json_schema_extra={"pattern": NAME_PATTERN})]
ContainerName = Annotated[str, AfterValidator(_check_container)]
Attempts = Annotated[Whole, *_range(1, 100)]
Timeout = Annotated[Duration, AfterValidator(duration_within(0.001, 5 * MINUTE))]
Grace = Annotated[Duration, AfterValidator(duration_within(0.0, DAY))]
Patience = Annotated[Duration, AfterValidator(duration_within(1.0, 30 * DAY))]
Window = Annotated[Duration, AfterValidator(duration_within(1.0, DAY))]
Names = Annotated[list[Name], _one_or_many(Name)]
HttpUrl = Annotated[str, AfterValidator(_check_http_url)]
Addresses = Annotated[list[Annotated[SecretText, AfterValidator(_check_address)]], _one_or_many(str)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)


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
    busy_for: Patience | None = Field(
        None, description="How long it may be busy before a person must look; by the reason when it is not given."
    )
    when_unsure: WhenUnsure = Field(
        _DEPENDENCY.when_unsure, description="When nobody can tell who ended its container: hold it, or restart it."
    )


class DependencySection(Section):
    """What every dependency may have; its other keys belong to its probe. What is not given comes from `defaults`."""

    probe: str = Field(description="How to look at it.")
    container: ContainerName | None = Field(None, description="The container that a remedy may restart.")
    needs: Names = Field(default_factory=list, description="Dependencies that must be up for this one to work.")
    tags: Names = Field(default_factory=list, description="Words that rules choose by.")
    remedy: str | None = Field(None, description="What to do about it, by the name in `remedies`.")
    autonomy: Autonomy = Field(_DEPENDENCY.autonomy, description="A lower ceiling than the policy's, for this one.")
    interval: Interval | None = Field(None, description="Between looks while all is well, 100ms or more.")
    confirm_interval: Interval | None = Field(None, description="Between looks while a change is being confirmed.")
    timeout: Timeout | None = Field(None, description="Of one look, at most 5m.")
    down_after: ThresholdText | None = Field(None, description='Failures in a row, such as 3, or "3 of 5".')
    up_after: Attempts | None = Field(None, description="Successes in a row.")
    startup_grace: Grace | None = Field(None, description="After a start: how long a failing look means starting.")
    busy_for: Patience | None = Field(None, description="How long it may be busy before a person must look.")
    when_unsure: WhenUnsure | None = Field(
        None, description="When nobody can tell who ended its container: hold it, or restart it."
    )
    overload_grace: Grace | None = Field(
        None,
        description="How long what works and gives no answer in time is overloaded and no fault; 0s: not at all.",
    )
    on_clean_exit: OnCleanExit | None = Field(
        None, description="When its container ends by itself with exit code 0: hold it, or start it again."
    )


class SeveritySection(Section):
    title: str = Field(description="What people call it.")
    respond_within: Annotated[Duration, AfterValidator(duration_within(1.0, 30 * DAY))] = Field(
        description="Told with the opening: by when a person should have looked. Nothing follows when it is over."
    )
    notify: Names = Field(default_factory=list, description="Contacts to tell.")


class DownSection(Section):
    """Exactly one of the two."""

    all: str | None = Field(None, description="Holds when every dependency with this tag is down.")
    any: str | None = Field(None, description="Holds when at least one dependency with this tag is down.")

    @model_validator(mode="after")
    def _one(self) -> DownSection:
        if (self.all is None) == (self.any is None):
            raise wrong("expected one of `{all: TAG}` and `{any: TAG}`")
        return self


class WhenSection(Section):
    """Every part that is given must hold; nothing given always holds."""

    health: Annotated[list[Health], _one_or_many(Health)] = Field(default_factory=list)
    category: Annotated[list[Category], _one_or_many(Category)] = Field(default_factory=list)
    reason: Annotated[list[Reason], _one_or_many(Reason)] = Field(default_factory=list)
    tags: Names = Field(default_factory=list, description="It carries every one of these tags.")
    dependencies: Names = Field(default_factory=list, description="It is one of these.")
    down: DownSection | None = Field(None, description="Looks at all dependencies with a tag.")


class RuleSection(Section):
    """One rule of the classification; the first that matches decides."""

    name: Name
    severity: Severity
    when: WhenSection = Field(default_factory=WhenSection, description="Left out, it always holds.")
    notify: Names = Field(default_factory=list, description="Contacts to tell besides the severity's.")


class BackoffSection(Section):
    """The gap after attempt n is initial * factor^(n-1), at most max, varied by jitter."""

    initial: Window = Field(_BACKOFF.initial, description="After the first attempt.")
    factor: Annotated[float, BeforeValidator(_limited(1, 100))] = Field(_BACKOFF.factor, description="From 1 to 100.")
    max: Window = Field(_BACKOFF.max, description="No gap is longer.")
    jitter: Annotated[float, BeforeValidator(_limited(0, 1))] = Field(_BACKOFF.jitter, description="From 0 to 1.")

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


class LimitsSection(Section):
    budget: BudgetText = Field(_LIMITS.budget, description="All actions of all remedies together.")
    concurrent_actions: Attempts = Field(_LIMITS.concurrent_actions, description="Actions that may run at once.")
    storm: Any = None
    """Refused by the loader: the program does not carry it out yet."""


class ContactSection(RootModel[Addresses]):
    """Apprise URLs; without one its messages are only logged."""


class AlertmanagerSection(RootModel[Annotated[list[HttpUrl], _one_or_many(str)]]):
    """Base URLs of Alertmanagers, each told everything."""


class TopSection(Section):
    """The keys of the file. The entries of each section are checked one by one, with the models above."""

    version: Annotated[Literal[1], BeforeValidator(_version)] = Field(description="Of the policy language.")
    autonomy: Autonomy = Field(Autonomy.ACT, description="The most that it may do by itself: observe, suggest or act.")
    defaults: Any = None
    dependencies: Any
    severities: Any = None
    classification: Any = None
    remedies: Any = None
    limits: Any = None
    maintenance: Any = None
    contacts: Any = None
    alertmanager: Any = None


class PolicyFile(TopSection):
    """A policy of Nemo Watchdog."""

    defaults: ProbeDefaults | None = Field(None, description="For every dependency that does not say otherwise.")
    severities: dict[Severity, SeveritySection] | None = Field(None, description="All four, SEV1 to SEV4.")
    classification: list[RuleSection] | None = Field(None, description="The first rule that matches decides.")
    remedies: dict[Name, RemedySection] | None = Field(None, description="What to do, step by step.")
    limits: LimitsSection | None = Field(None, description="For all remedies together.")
    contacts: dict[Name, ContactSection] | None = Field(None, description="Who can be told, by name.")
    alertmanager: AlertmanagerSection | None = None
