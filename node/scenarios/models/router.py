"""Models run where they live: here, or under contract at their owner's node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from node.scenarios.model import Model, Rows
from node.scenarios.models.local import LocalModels
from node.scenarios.models.remote import ContractModels
from node.scenarios.models.visits import Visitor
from node.scenarios.ports import Outcome, Progress, Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRouter:
    """``node.scenarios.ports.ModelExecutor``: executes a model where it lives."""

    local: LocalModels
    contract: ContractModels
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
        """See ``ModelExecutor.execute``."""
        if model.origin != self.me:
            return await self.contract.execute(model, inputs, parameters, key=key, progress=progress)
        local = await self.local.execute(model, inputs, parameters, Visitor(), key=key, progress=progress)
        return local.outcome
