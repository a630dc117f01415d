"""What is to be looked at again, and when: by name, each once, at monotonic seconds."""

from __future__ import annotations

from heapq import heappop, heappush


class Agenda:
    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        """With what was put elsewhere since: that is left out when its time comes."""

    def put(self, name: str, at: float | None) -> None:
        """In the place of what was planned for it; None: nothing is."""
        if at is None:
            self._due.pop(name, None)
        elif self._due.get(name) != at:
            self._due[name] = at
            heappush(self._heap, (at, name))

    def planned(self, name: str) -> float | None:
        return self._due.get(name)

    def take(self, now: float) -> list[str]:
        """What is due by then; it is planned no more."""
        taken = []
        while self.next() is not None and self._heap[0][0] <= now:
            _, name = heappop(self._heap)
            del self._due[name]
            taken.append(name)
        return taken

    def next(self) -> float | None:
        """When the first is due; None when nothing is planned."""
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None
