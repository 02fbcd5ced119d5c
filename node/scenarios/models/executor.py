"""Models run wherever they live: here, or under contract at their owner's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from node.scenarios.model import Model, Rows
from node.scenarios.models.local import Perform
from node.scenarios.models.remote import CallUnderContract
from node.scenarios.models.visits import Visitor
from node.scenarios.ports import Outcome, Progress, Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecuteModels:
    """``node.scenarios.ports.Executor``: for this node's own people, whose runs are durable themselves."""

    perform: Perform
    call: CallUnderContract
    me: str

    async def execute(
        self,
        model: Model,
        inputs: Mapping[str, Rows | Reference],
        parameters: Mapping[str, Any],
        *,
        key: str,
        progress: Progress | None = None,
    ) -> Outcome:
        """See ``Executor.execute``."""
        if model.origin != self.me:
            return await self.call(model, inputs, parameters, key=key, progress=progress)
        performed = await self.perform(model, inputs, parameters, Visitor(), key=key, progress=progress)
        return performed.outcome
