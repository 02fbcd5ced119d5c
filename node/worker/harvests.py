"""Tasks of scheduled harvests: few work at a time (``node.catalogue.harvest.places``)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from node.base.errors import Conflict
from node.base.work import Task
from node.catalogue.harvest.places import Places
from node.worker.outcomes import Again, Done, Outcome

if TYPE_CHECKING:
    from node.catalogue.harvest.scheduled_runs import ScheduledRuns

LATER: Final = 60.0
"""Seconds until a source that is being harvested by hand is checked again."""


class HarvestHandler:
    """``node.worker.loop.Handler``: carries out the run that a task names. The run itself records how it ended, so a
    task never fails."""

    def __init__(self, runs: ScheduledRuns) -> None:
        self._runs = runs
        self._places = Places()

    async def __call__(self, task: Task) -> Outcome:
        async with self._places.hold():
            try:
                conclusion = await self._runs.carry_out(task.subject, task.id)
            except Conflict as error:
                return Again(error.detail, after=LATER)
        return Done(apply=conclusion, hold=partial(self._runs.lock, task.subject))
