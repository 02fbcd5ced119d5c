"""The room of a worker for further tasks: its lanes, and the number of lengthy ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence

from node.base.work import Task


class Places:
    """The places that are free at one look at the queue. A task that ``takes`` accepts has its place from then on."""

    def __init__(
        self,
        running: Iterable[Task],
        *,
        resting: Collection[str],
        width: Callable[[Task], int],
        lengthy: Sequence[str],
        most_lengthy: int,
    ) -> None:
        """``resting``: lanes of which no task is taken. ``width`` returns how many tasks may run in a task's lane.
        ``most_lengthy``: so many tasks of the topics ``lengthy`` may run."""
        self._width = width
        self._lengthy = lengthy
        self._most_lengthy = most_lengthy
        self._in_lane: Counter[str] = Counter()
        self._lengthy_tasks = 0
        self._full = set(resting)
        self.passed_over = 0
        """The number of tasks that were refused a place."""
        for task in running:
            self._add(task)

    @property
    def full_lanes(self) -> list[str]:
        """Return the lanes that rest, or have no place left."""
        return sorted(self._full)

    @property
    def full_topics(self) -> Sequence[str]:
        """Return the topics that have no place left."""
        return self._lengthy if self._lengthy_tasks >= self._most_lengthy else ()

    def takes(self, task: Task) -> bool:
        """Give ``task`` a place; return whether there was one. A lane or topic that has refused a task is full."""
        if task.lane in self._full or task.topic in self.full_topics:
            self.passed_over += 1
            return False
        self._add(task)
        return True

    def _add(self, task: Task) -> None:
        self._in_lane[task.lane] += 1
        self._lengthy_tasks += task.topic in self._lengthy
        if self._in_lane[task.lane] >= self._width(task):
            self._full.add(task.lane)
