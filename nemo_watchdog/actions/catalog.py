"""The registry: what a policy may write after `do:`. One line an action; its module loads when it is first asked for.

Loading late keeps what an action speaks with out of processes that never do it. Each module has a `KIND`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from inspect import getdoc
from typing import cast

from nemo_watchdog.ports import ActionKind


class Registry(Mapping[str, ActionKind]):
    """Actions by name, in the order in which they are listed."""

    def __init__(self, modules: Mapping[str, str]) -> None:
        self._modules = dict(modules)

    def __getitem__(self, name: str) -> ActionKind:
        return cast("ActionKind", import_module(self._modules[name]).KIND)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


ACTIONS: Mapping[str, ActionKind] = Registry(
    {
        "command": "nemo_watchdog.actions.command",
        "compose.up": "nemo_watchdog.actions.compose.up",
        "docker.kill": "nemo_watchdog.actions.docker.kill",
        "docker.recreate": "nemo_watchdog.actions.docker.recreate",
        "docker.restart": "nemo_watchdog.actions.docker.restart",
        "docker.rollback": "nemo_watchdog.actions.docker.rollback",
        "docker.start": "nemo_watchdog.actions.docker.start",
        "docker.unpause": "nemo_watchdog.actions.docker.unpause",
        "systemd.reload": "nemo_watchdog.actions.systemd.reload",
        "systemd.restart": "nemo_watchdog.actions.systemd.restart",
        "systemd.start": "nemo_watchdog.actions.systemd.start",
        "webhook": "nemo_watchdog.actions.webhook",
    }
)


def actions_table(kinds: Mapping[str, ActionKind]) -> str:
    """These actions as the table that stands in `docs/actions.md`."""
    lines = ["| `do` | what it does | acts on a | needs | helps with a |", "| --- | --- | --- | --- | --- |"]
    for name, kind in sorted(kinds.items()):
        what = (getdoc(kind.options) or "").partition("\n")[0]
        needs = ", ".join(f"`{key}`" for key in kind.needs) or "nothing"
        helps = ", ".join(f"`{category}`" for category in sorted(kind.helps))
        lines.append(f"| [{name}](actions/{name}.md) | {what} | {kind.target_kind} | {needs} | {helps} |")
    return "\n".join(lines) + "\n"
