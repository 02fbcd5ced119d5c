"""The use of an agreement that a call of a model is."""

from __future__ import annotations

from node.base.errors import NotAllowed
from node.base.work import Transaction
from node.transfer.access import AuthoriseAccess
from node.transfer.preconditions import Access


class CallUse:
    """Counts an allowed call as soon as its job is made."""

    def __init__(self, authorise: AuthoriseAccess, access: Access) -> None:
        self._authorise = authorise
        self._access = access
        self._refused: NotAllowed | None = None

    def __call__(self, tx: Transaction, job: str) -> None:
        """Count the call in the transaction that makes ``job``. Raises ``NotAllowed`` with the reasons, and counts
        nothing then."""
        try:
            self._authorise.take_call(tx, self._access, job)
        except NotAllowed as refusal:
            self._refused = refusal
            raise

    async def record_refusal(self, refusal: NotAllowed) -> None:
        """Record the refusal in the ledger if it is the refusal of this call, and not of reading its input."""
        if refusal is self._refused:
            await self._authorise.note_refusal(self._access, "call", refusal)
