"""The policy file and the secret files that it names: a change of any of them is a reload.

Secrets are rotated while we run, by a rename, by another target of a link (Kubernetes), by a write in place (Vault's
agent). What is written in place is empty or half for a moment, and what is replaced can be missing for one.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from nemo_watchdog.file_state import FileState, file_state
from nemo_watchdog.policy.secrets import files_in


class PolicyFiles:
    """What `changed` compares with is what was there when it was made, or taken last. All of it blocks."""

    def __init__(self, policy: Path) -> None:
        self._path = policy
        self._names: tuple[str, ...] = ()
        self.take()

    def take(self) -> None:
        """What is there now is about to be read."""
        self._policy = file_state(self._path)
        with suppress(OSError, ValueError):
            self._names = tuple(sorted(files_in(self._path.read_text("utf-8", "replace"))))
        self._taken = self._looked = self._secrets()

    def changed(self) -> str:
        """What has changed since, for people; empty when nothing has. A secret file must have settled: see above."""
        if file_state(self._path) != self._policy:
            self.take()
            return "the policy file changed"
        before, self._looked = self._looked, self._secrets()
        if self._looked == self._taken or self._looked != before:
            return ""
        self.take()
        return "a secret file changed"

    def _secrets(self) -> tuple[FileState | None, ...]:
        return tuple(file_state(Path(name)) for name in self._names)
