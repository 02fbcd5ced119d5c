"""Revoke and suspend credentials that we issued, and publish the status lists (Bitstring Status List 1.0)."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import anyio
import anyio.to_thread

from node.base.clock import Clock, is_younger
from node.base.errors import Conflict, InvalidInput, NotFound
from node.base.work import Transaction, UnitOfWork
from node.identity.credentials.credentials import read_credential
from node.identity.credentials.status import BITSTRING, ELDER, REVOCATION, SUSPENSION, issue_list, read_entries
from node.identity.model import Caller, IssuedCredential
from node.identity.ports import IdentityStore, KeyRing
from node.identity.roles import UseCase, require
from node.ledger.model import EntryKind
from node.ledger.ports import Append

_ELDER_SUFFIX: Final = ".sl2021"
_SUSPENSION_SUFFIX: Final = ".suspension"
_LISTS_KEPT: Final = 64


def list_url(public_url: str, list_id: int, kind: str = BITSTRING, *, purpose: str = REVOCATION) -> str:
    """Return the address of the list of a purpose; the older kind of entry has a document of its own over the same
    bits."""
    suffix = (_SUSPENSION_SUFFIX if purpose == SUSPENSION else "") + (_ELDER_SUFFIX if kind == ELDER else "")
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
        number = name.removesuffix(_ELDER_SUFFIX).removesuffix(_SUSPENSION_SUFFIX)
        if not (number.isascii() and number.isdigit() and len(number) <= 9):
            raise NotFound("there is no such status list")
        list_id, kind = int(number), ELDER if name.endswith(_ELDER_SUFFIX) else BITSTRING
        purpose = SUSPENSION if _SUSPENSION_SUFFIX in name else REVOCATION
        url = list_url(self._public_url, list_id, kind, purpose=purpose)
        if not url.endswith(f"/{name}"):
            raise NotFound("there is no such status list")
        with self._uow.read() as tx:
            on_list = [
                credential for credential in self._store.issued_credentials(tx) if credential.list_id == list_id
            ]
        if not on_list:
            raise NotFound("there is no such status list")
        moments = {
            credential.index: credential.suspended_at if purpose == SUSPENSION else credential.revoked_at
            for credential in on_list
        }
        bits = {index: at for index, at in moments.items() if at is not None}
        now = self._clock.now()
        return _SignedList(issue_list(self._keyring, url, bits, now, kind=kind, purpose=purpose), now)


class ChangeCredentialStatus:
    """Revokes credentials, and suspends and reinstates them. Synchronous: call it in a thread.

    A revocation is for ever; a suspended credential does not count until it is reinstated (Bitstring Status
    List 1.0 §2.2, ``statusPurpose``). Each change is in the ledger with its reason.
    """

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
        """Revoke a credential; revoking again changes nothing. Raises ``NotAllowed``, ``NotFound``,
        ``InvalidInput``."""
        require(by, UseCase.REVOKE)
        reason = _reason(why, "a revocation")
        with self._uow.begin() as tx:
            before = self._credential(tx, credential_id)
            if before.revoked_at is not None:
                return before
            credential = self._store.revoke(tx, credential_id, self._clock.now(), reason)
            return self._record(tx, credential, "revoked", reason, by)

    def suspend(self, credential_id: str, why: str, by: Caller) -> IssuedCredential:
        """Suspend a credential until it is reinstated; suspending again changes nothing.

        Raises ``NotAllowed``, ``NotFound``, ``InvalidInput``, and ``Conflict`` if it is revoked, or was issued
        without an entry for suspension.
        """
        require(by, UseCase.REVOKE)
        reason = _reason(why, "a suspension")
        with self._uow.begin() as tx:
            before = self._credential(tx, credential_id)
            if before.suspended_at is not None:
                return before
            if before.revoked_at is not None:
                raise Conflict("the credential is revoked already", remedy="a revocation is for ever: nothing to do")
            if not can_be_suspended(before):
                raise Conflict(
                    "this credential was issued without an entry for suspension",
                    remedy="let the holder apply again, or revoke it: hansa revoke",
                )
            credential = self._store.suspend(tx, credential_id, self._clock.now(), reason)
            return self._record(tx, credential, "suspended", reason, by)

    def reinstate(self, credential_id: str, by: Caller) -> IssuedCredential:
        """Let a suspended credential count again; one that is not suspended is returned as it is.

        Raises ``NotAllowed``, ``NotFound``, and ``Conflict`` if it is revoked.
        """
        require(by, UseCase.REVOKE)
        with self._uow.begin() as tx:
            before = self._credential(tx, credential_id)
            if before.revoked_at is not None:
                raise Conflict("the credential is revoked, which is for ever", remedy="let the holder apply again")
            if before.suspended_at is None:
                return before
            credential = self._store.suspend(tx, credential_id, None, None)
            return self._record(tx, credential, "reinstated", "", by)

    def _credential(self, tx: Transaction, credential_id: str) -> IssuedCredential:
        for credential in self._store.issued_credentials(tx):
            if credential.id == credential_id:
                return credential
        raise NotFound("this node issued no such credential")

    def _record(
        self, tx: Transaction, credential: IssuedCredential | None, event: str, reason: str, by: Caller
    ) -> IssuedCredential:
        if credential is None:
            raise NotFound("this node issued no such credential")
        if self._append is not None:
            body = {
                "event": event,
                "credential": credential.id,
                "type": credential.type,
                "holder": credential.holder,
                **({"reason": reason} if reason else {}),
            }
            self._append(tx, EntryKind.MEMBERSHIP, credential.holder, by.name, body)
        tx.after_commit(self._lists.forget)
        return credential


def can_be_suspended(credential: IssuedCredential) -> bool:
    """Return whether a credential states an entry for suspension; those of nodes before it was known do not."""
    try:
        entries = read_entries(read_credential(credential.jwt).body.get("credentialStatus"))
    except InvalidInput:
        return False
    return any(entry.purpose == SUSPENSION for entry in entries)


def _reason(why: str, what: str) -> str:
    if not why.strip():
        raise InvalidInput(f"{what} needs a reason", remedy="say why: the holder will ask")
    return why.strip()[:1000]
