"""Change the node's own keys: replace them, and revoke a key as of a moment. Each change is entered in the ledger.

The key folder changes first, in one step, and the ledger after it. If a process ends in between, the node works with
its new keys; the missing entry is added at the next change or at the next start (``settle``).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Protocol

from node.base.clock import Clock
from node.base.crashpoints import crashpoint
from node.base.errors import LocalFault
from node.base.jsons import canonical, read_object
from node.base.work import UnitOfWork
from node.identity.model import Caller
from node.identity.periods import KeyKind, KnownKey
from node.identity.ports import Notes
from node.identity.roles import UseCase, require
from node.ledger.model import EntryKind
from node.ledger.ports import Append

NOTE: Final = "keys"


class ChangeableRing(Protocol):
    """A key ring with replaceable keys."""

    did: str

    def known_keys(self) -> Sequence[KnownKey]:
        """Return the public half of all keys."""

    def rotate(self, kinds: Sequence[KeyKind], at: datetime) -> Sequence[KnownKey]:
        """Make new keys of these kinds, in use from ``at``, and return them."""

    def revoke(self, kid: str, as_of: datetime, reason: str, now: datetime) -> Sequence[KnownKey]:
        """Revoke this key as of ``as_of``. Raises ``NotFound``, ``InvalidInput``, ``Conflict``."""


class ChangeKeys:
    """The use cases of an operator for the node's keys."""

    def __init__(self, uow: UnitOfWork, notes: Notes, keyring: ChangeableRing, append: Append, clock: Clock) -> None:
        self._uow = uow
        self._notes = notes
        self._ring = keyring
        self._append = append
        self._clock = clock

    def all(self) -> list[KnownKey]:
        """Return all keys: those in use first, then former ones, the latest first."""
        keys = list(reversed(self._ring.known_keys()))
        return sorted(keys, key=lambda key: (key.state != "in use", list(KeyKind).index(key.kind)))

    def rotate(self, kinds: Sequence[KeyKind], by: Caller) -> list[KnownKey]:
        """Make new keys of these kinds, in use at once; signatures of the old ones stay verifiable.

        Raises ``NotAllowed``.
        """
        require(by, UseCase.CHANGE_KEYS)
        self.settle(by.name)
        new_keys = list(self._ring.rotate(kinds, self._clock.now()))
        crashpoint("keys K6")
        self.settle(by.name)
        return new_keys

    def revoke(self, kid: str, as_of: datetime, reason: str, by: Caller) -> list[KnownKey]:
        """Revoke a key as of a moment; a key that is in use is replaced in the same step.

        Raises ``NotAllowed``, ``NotFound`` for an unknown key, ``InvalidInput`` for a moment in the future,
        ``Conflict`` if it was revoked as of an earlier moment.
        """
        require(by, UseCase.CHANGE_KEYS)
        self.settle(by.name)
        keys = list(self._ring.revoke(kid, as_of, reason, self._clock.now()))
        crashpoint("keys K6")
        self.settle(by.name)
        return keys

    def _list(self) -> Sequence[KnownKey]:
        return self._ring.known_keys()

    def settle(self, by: str = "node") -> int:
        """Enter changes of the keys that are missing in the ledger. Return how many changes were entered.

        Raises ``LocalFault`` if the keys here are older than those in the ledger: they were changed on another server
        of the same node.
        """
        now = [key.to_json() for key in self._ring.known_keys()]
        with self._uow.begin() as tx:
            note = self._notes.get(tx, NOTE)
            if note is None:
                # The first call: the keys that the node was created with are not a change.
                before: dict[str, Any] = {key["id"]: key for key in now if not (key["since"] or key["until"])}
            else:
                before = {key["id"]: key for key in read_object(note)["keys"]}
                self._require_not_older(now, before)
            keys = [key for key in now if before.get(key["id"]) != key]
            for key in keys:
                self._append(
                    tx, EntryKind.NODE, self._ring.did + key["id"], by, {"event": "key", **_without_nothing(key)}
                )
            if keys or note is None:
                self._notes.put(tx, NOTE, canonical({"keys": now}).decode())
        return len(keys)

    def _require_not_older(self, now: Sequence[dict[str, Any]], before: dict[str, Any]) -> None:
        here = {key["id"]: key for key in now}
        for name, key in before.items():
            if name not in here or any(key[end] and not here[name][end] for end in ("until", "revoked")):
                raise LocalFault(
                    f"the keys in this process's folder are older than those that this node uses: {name} was changed",
                    remedy="copy keys/ from the server on which they were changed, or link to it, and start again",
                )


def _without_nothing(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
