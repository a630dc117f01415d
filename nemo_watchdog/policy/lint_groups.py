"""Advice on what stands in for each other: a group that is none, and a number that nothing can reach."""

from __future__ import annotations

from collections.abc import Iterator

from nemo_watchdog.policy.policy import Policy


def groups_advice(policy: Policy) -> Iterator[tuple[str, str]]:
    """Path and message."""
    for name, spec in policy.dependencies.items():
        path = f"dependencies.{name}.needs"
        for group in spec.needs_any:
            either = " or ".join(f"`{each}`" for each in group)
            if len(group) == 1:
                yield path, f"a group of one is no choice: write {either} without `any`, or name what stands in for it"
            elif always := [each for each in group if each in spec.needs]:
                yield path, f"it needs `{always[0]}` in any case, so the group {either} holds nothing open"
            elif _containers(policy, group) == 1:
                yield path, f"{either} are in one container: what is done to one is done to all"
    for tag, least in policy.limits.min_healthy.items():
        tagged = [name for name, spec in policy.dependencies.items() if tag in spec.tags]
        if least >= (of := _containers(policy, tagged)):
            message = (
                f"{of} carry the tag `{tag}`, and {least} of them must serve while one is restarted: none that runs is "
                "ever restarted, so give a smaller number"
            )
            yield f"limits.min_healthy.{tag}", message


def _containers(policy: Policy, names: tuple[str, ...] | list[str]) -> int:
    """How many members these are; what has no container is one by itself."""
    specs = [policy.dependencies[name] for name in names]
    return len({spec.container for spec in specs if spec.container}) + sum(not spec.container for spec in specs)
