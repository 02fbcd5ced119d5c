"""Decisions about the use of data that this node has received under an agreement."""

from __future__ import annotations

from typing import Any

from anyio.to_thread import run_sync

from node.base.work import UnitOfWork
from node.negotiation.model import Agreement
from node.negotiation.uses import Uses
from node.policy.model import Decision
from node.policy.situations import Situations


class ReceivedDecisions:
    """Decides by the agreement, with this node's current credentials."""

    def __init__(self, uow: UnitOfWork, uses: Uses, situations: Situations) -> None:
        self._uow = uow
        self._uses = uses
        self._situations = situations

    async def __call__(self, agreement: Agreement) -> Decision:
        facts = await run_sync(self._facts, agreement)
        caller = await self._situations.ourselves.look()
        return self._situations.judge(agreement.body, caller, provider=agreement.provider, facts=facts)

    def _facts(self, agreement: Agreement) -> dict[str, Any]:
        """Return the number of uses so far: the arrival of the data was a use, working with them here is not."""
        with self._uow.read() as tx:
            return self._uses.facts(tx, agreement)
