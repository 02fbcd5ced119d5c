"""Change the keys of a node that is not running."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from node.base.clock import SystemClock, moment
from node.bootstrap.parts import open_keys, open_stores
from node.bootstrap.people import change_keys
from node.identity.did import check_identity
from node.identity.model import Caller, UserRole
from node.identity.periods import KeyKind
from node.identity.rotation import ChangeKeys
from node.ledger.usecases import LedgerWriter
from node.settings import load

TERMINAL: Final = Caller(account="terminal", roles=frozenset({UserRole.OPERATOR}))
"""The caller at the terminal: a person who can read the data folder of a node operates the node."""


class KeysInFolder:
    """The keys of a node that is not running, with the methods of the client of its API."""

    def __init__(self, change: ChangeKeys) -> None:
        self._change = change

    def keys(self) -> list[dict[str, Any]]:
        """Return all keys."""
        return [key.to_json() for key in self._change.all()]

    def rotate_keys(self, kinds: list[str]) -> list[dict[str, Any]]:
        """Make new keys of these kinds."""
        return [key.to_json() for key in self._change.rotate([KeyKind(kind) for kind in kinds], TERMINAL)]

    def revoke_key(self, key: str, as_of: str, reason: str) -> list[dict[str, Any]]:
        """Revoke a key as of a moment."""
        return [one.to_json() for one in self._change.revoke(key, moment(as_of), reason, TERMINAL)]


@contextmanager
def keys_of(folder: Path) -> Iterator[KeysInFolder]:
    """Yield the keys of the node in ``folder``; new ledger entries are numbered at the next start of the node. Raises
    ``LocalFault``."""
    settings = load(folder)
    keyring = open_keys(settings)
    check_identity(keyring.did, settings.public_url)
    stores = open_stores(settings)
    clock = SystemClock()
    try:
        yield KeysInFolder(change_keys(stores, keyring, LedgerWriter(stores.ledger, clock), clock))
    finally:
        stores.uow.close()
