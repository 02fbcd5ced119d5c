"""The events of accounts in the node's ledger."""

from __future__ import annotations

from typing import Any, Final

from node.base.work import Transaction
from node.ledger.model import EntryKind
from node.ledger.ports import Append

SUBJECT: Final = "account "
"""The subject of an entry about an account, before its login."""


class AccountEvents:
    """Writes what happens to accounts to the ledger; ``append`` None: nothing is written, as while a node is made."""

    def __init__(self, append: Append | None) -> None:
        self._append = append

    def __call__(self, tx: Transaction, login: str, by: str, event: str, **facts: Any) -> None:
        """Write ``event`` of the account ``login``, done by the person ``by``, with further ``facts``."""
        if self._append is not None:
            self._append(tx, EntryKind.NODE, f"{SUBJECT}{login}", by, {"event": event, **facts})
