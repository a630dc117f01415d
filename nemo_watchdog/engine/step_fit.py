"""Whether a step of a remedy is for the trouble of now. Pure."""

from __future__ import annotations

from nemo_watchdog.durations import duration
from nemo_watchdog.engine.gate_words import told
from nemo_watchdog.engine.health import Tracker
from nemo_watchdog.engine.listing import listed
from nemo_watchdog.engine.memory import Memory, Use
from nemo_watchdog.engine.state import Durable
from nemo_watchdog.model import CONTAINER, RunState
from nemo_watchdog.policy.policy import ActionStep

_NOT_SEEN = frozenset({RunState.UNREACHABLE, RunState.MISSING, RunState.REMOVING})


def why_skipped(step: ActionStep, tracker: Tracker, durable: Durable) -> str:
    """Why the ladder goes past it; empty where it is for this trouble, or where nobody knows what it is."""
    state, container = tracker.state, tracker.container
    if step.when.reason and state.reason is not None and state.reason not in step.when.reason:
        return f"it is for {_any_of(step.when.reason)}, and this is {state.reason}"
    if step.when.category and state.category is not None and state.category not in step.when.category:
        return f"it is for what is {_any_of(step.when.category)}, and this is {state.category}"
    if why := _by_experience(step, tracker, durable.memory) or _by_image(step, tracker, durable):
        return why
    if container is None or container.state in _NOT_SEEN:
        return ""
    if step.states and step.target_kind == CONTAINER and container.state not in step.states:
        return f"it acts on a container that is {_any_of(step.states)}, and this one is {container.state}"
    return ""


def use_of(step: ActionStep, tracker: Tracker) -> Use:
    """What it would be used for now."""
    return Use(tracker.spec.name, tracker.image, tracker.state.reason or "", step.action, step.digest)


def _by_experience(step: ActionStep, tracker: Tracker, memory: Memory) -> str:
    use = use_of(step, tracker)
    if not use.reason:
        return ""
    uses, bound = memory.of(use), step.when.helped
    if bound is not None and not bound.holds(uses.helped):
        return f"it is for what it has helped {bound.written} times, and it has helped {uses.helped} for {use.reason}"
    if not 0 < step.skip_after_useless <= uses.useless:
        return ""
    if uses.useless == 1:
        return f"it did not help when it was last used for {use.reason}"
    return f"it helped in none of its last {uses.useless} uses for {use.reason}"


def _by_image(step: ActionStep, tracker: Tracker, durable: Durable) -> str:
    """Of one that goes back to a proven image: whether there is another one than now."""
    if step.proves_after is None:
        return ""
    proven = durable.proven_images.get(tracker.spec.container or "")
    if proven is None or proven.served < step.proves_after:
        return f"no image of its container has been seen to serve for {duration(step.proves_after)} yet"
    if not tracker.image:
        return "which image its container has now is not known"
    if tracker.image == proven.image:
        return f"the image has not changed since it was proven at {told(proven.at.utc)}"
    return ""


def _any_of(words: frozenset[str]) -> str:
    return listed(sorted(map(str, words)), "or")
