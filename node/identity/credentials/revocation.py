"""Revoke credentials that we issued, and publish the status lists (Bitstring Status List 1.0)."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import anyio
import anyio.to_thread

from node.base.clock import Clock, is_younger
from node.base.errors import InvalidInput, NotFound
from node.base.work import UnitOfWork
from node.identity.credentials.status import BITSTRING, ELDER, issue_list
from node.identity.model import Caller, IssuedCredential
from node.identity.ports import IdentityStore, KeyRing
from node.identity.roles import UseCase, require
from node.ledger.model import EntryKind
from node.ledger.ports import Append

_ELDER_SUFFIX: Final = ".sl2021"
_LISTS_KEPT: Final = 64


def list_url(public_url: str, list_id: int, kind: str = BITSTRING) -> str:
    """Return the address of the list; the older kind of entry has a document of its own over the same bits."""
    suffix = _ELDER_SUFFIX if kind == ELDER else ""
    return f"{public_url.rstrip('/')}/status/{list_id}{suffix}"


@dataclass(frozen=True, slots=True)
class _SignedList:
    document: str
    at: datetime


class StatusLists:
    """Serves the status lists of this node, signed anew whenever they are older than ``max_age`` seconds."""

    def __init__(
        self,
        uow: UnitOfWork,
        store: IdentityStore,
        keyring: KeyRing,
        clock: Clock,
        public_url: str,
        *,
        max_age: float = 1.0,
    ) -> None:
        self._uow = uow
        self._store = store
        self._keyring = keyring
        self._clock = clock
        self._public_url = public_url
        self._max_age = timedelta(seconds=max_age)
        self._cache: OrderedDict[str, _SignedList] = OrderedDict()
        self._threads = anyio.CapacityLimiter(2)

    async def document(self, name: str) -> str:
        """Return the signed list of this name (JWT). Raises ``NotFound`` if no credential was issued on the list."""
        document = self._cache.get(name)
        if document is not None and is_younger(document.at, self._clock.now(), self._max_age):
            return document.document
        document = await anyio.to_thread.run_sync(self._make, name, limiter=self._threads)
        self._cache[name] = document
        self._cache.move_to_end(name)
        if len(self._cache) > _LISTS_KEPT:
            self._cache.popitem(last=False)
        return document.document

    async def behind(self, url: str) -> str:
        """Return the signed list at this address: for credentials that this node itself has issued."""
        return await self.document(url.rpartition("/")[2])

    def forget(self) -> None:
        """Drop the cached lists after a revocation, so that the next reader gets a new list."""
        self._cache.clear()

    def _make(self, name: str) -> _SignedList:
        number = name.removesuffix(_ELDER_SUFFIX)
        if not (number.isascii() and number.isdigit() and len(number) <= 9):
            raise NotFound("there is no such status list")
        list_id, kind = int(number), ELDER if name.endswith(_ELDER_SUFFIX) else BITSTRING
        with self._uow.read() as tx:
            on_list = [
                credential for credential in self._store.issued_credentials(tx) if credential.list_id == list_id
            ]
            indexes = self._store.revoked_indexes(tx, list_id)
        if not on_list:
            raise NotFound("there is no such status list")
        since = {credential.index: credential.revoked_at for credential in on_list}
        now = self._clock.now()
        url = list_url(self._public_url, list_id, kind)
        bits = {index: since.get(index) for index in indexes}
        return _SignedList(issue_list(self._keyring, url, bits, now, kind=kind), now)


class RevokeCredential:
    """Ends a credential before its time. Synchronous: call it in a thread."""

    def __init__(
        self,
        uow: UnitOfWork,
        store: IdentityStore,
        clock: Clock,
        lists: StatusLists,
        *,
        append: Append | None = None,
    ) -> None:
        self._uow = uow
        self._store = store
        self._clock = clock
        self._lists = lists
        self._append = append

    def revoke(self, credential_id: str, why: str, by: Caller) -> IssuedCredential:
        """Set the bit of the credential and record the reason; revoking again changes nothing.

        Raises ``NotAllowed``, ``NotFound``, ``InvalidInput``.
        """
        require(by, UseCase.REVOKE)
        if not why.strip():
            raise InvalidInput("a revocation needs a reason", remedy="say why: the holder will ask")
        with self._uow.begin() as tx:
            before = [
                credential for credential in self._store.issued_credentials(tx) if credential.id == credential_id
            ]
            if not before:
                raise NotFound("this node issued no such credential")
            if before[0].revoked_at is not None:
                return before[0]
            credential_before = self._store.revoke(tx, credential_id, self._clock.now(), why.strip()[:1000])
            if credential_before is None:
                raise NotFound("this node issued no such credential")
            if self._append is not None:
                self._append(
                    tx,
                    EntryKind.MEMBERSHIP,
                    credential_before.holder,
                    by.name,
                    {
                        "event": "revoked",
                        "credential": credential_before.id,
                        "type": credential_before.type,
                        "holder": credential_before.holder,
                        "reason": why.strip()[:1000],
                    },
                )
            tx.after_commit(self._lists.forget)
        return credential_before
