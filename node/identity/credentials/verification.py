"""Check whether a credential counts, here and now: issuer, signature, dates, schema, status.

The pure checks are in ``credentials`` and ``status``; this module fetches the documents for them, through the
``Peers`` port, and only from parties that the rulebook names: for an issuer that is not trusted for the type, nothing
is fetched. Status lists are read only from their issuer's own address.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from node.base.clock import Clock, stamp
from node.base.errors import Overloaded, PeerUnreachable, RemoteFault
from node.identity.credentials.credentials import (
    Unacceptable,
    UnverifiedCredential,
    read_credential,
    status_member,
    verify_credential,
)
from node.identity.credentials.schemas import check_schema
from node.identity.credentials.status import (
    SUSPENSION,
    BadStatusList,
    StatusEntry,
    StatusList,
    check_status,
    read_entries,
    read_list,
)
from node.identity.credentials.trust import Trust
from node.identity.did import same_party
from node.identity.documents import checked_against
from node.identity.model import Credential, Rejection
from node.identity.ports import Peers

_LISTS_KEPT = 256
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _ReadStatusList:
    """A status list as it was last read: the document, its parsed form, the moment of fetching."""

    document: str | dict[str, Any]
    status: StatusList
    at: datetime


class VerifyCredentials:
    """Checks whether credentials count. It fetches documents, but stores nothing durably.

    ``status_max_age`` bounds the age of a status list in seconds: a revocation takes effect on the next access after
    that time. While an issuer cannot be reached, its last list is used for ``status_grace`` seconds; after that, its
    credentials do not count.
    """

    def __init__(
        self,
        peers: Peers,
        clock: Clock,
        trust: Trust,
        *,
        status_max_age: float = 60.0,
        status_grace: float = 600.0,
        allow_unsigned_status_list: bool = False,
    ) -> None:
        self._peers = peers
        self._clock = clock
        self._trust = trust
        self._status_max_age = status_max_age
        self._status_grace = timedelta(seconds=status_grace)
        self._allow_unsigned = allow_unsigned_status_list
        self._lists: OrderedDict[str, _ReadStatusList] = OrderedDict()

    async def verify(self, credential: UnverifiedCredential, holder: str) -> Credential | Rejection:
        """Check everything but the status, which is checked at each access: see ``check_status``.

        The result has only the types that the issuer is trusted for.
        """
        types = self._trusted_types(credential.types, credential.issuer)
        if not types:
            return Rejection.of(credential, f"{credential.issuer} is not trusted to issue it")
        try:
            credential_in_force = await checked_against(
                self._peers,
                credential.issuer,
                lambda document: verify_credential(credential, issuer=document, holder=holder, now=self._clock.now()),
            )
            await self._check_schemas(credential)
        except (PeerUnreachable, Overloaded):
            return Rejection.of(credential, f"its issuer {credential.issuer} cannot be reached", transient=True)
        except RemoteFault as error:
            return Rejection.of(credential, error.detail)
        return replace(credential_in_force, types=types)

    async def verify_text(self, jwt: str, holder: str) -> Credential | Rejection:
        """Like ``verify``, for a credential that was stored as text."""
        try:
            return await self.verify(read_credential(jwt), holder)
        except Unacceptable as error:
            return Rejection(types=(), issuer="", why=error.detail)

    async def check_status(self, credential: Credential) -> Credential | Rejection:
        """Check whether a verified credential counts at this moment: trust, dates, status."""
        types = self._trusted_types(credential.types, credential.issuer)
        if not types:
            return Rejection.of(credential, f"{credential.issuer} is not trusted to issue it any more")
        return await self.in_force(replace(credential, types=types))

    async def in_force(self, credential: Credential) -> Credential | Rejection:
        """Check that a verified credential is neither expired nor revoked; trust in its issuer is not checked."""
        now = self._clock.now()
        if credential.valid_until is not None and credential.valid_until <= now:
            return Rejection.of(
                credential,
                f"it expired on {stamp(credential.valid_until)}",
                since=credential.valid_until,
                status="expired",
            )
        try:
            for entry in read_entries(status_member(credential)):
                status = await self._status_list(entry, credential.issuer, now)
                if check_status(entry, status):
                    what = "suspended" if entry.purpose == SUSPENSION else "revoked"
                    return Rejection.of(
                        credential,
                        f"it was {what} by its issuer",
                        since=status.since.get(entry.index, now),
                        status=what,
                    )
        except (PeerUnreachable, Overloaded):
            return Rejection.of(
                credential, f"its status cannot be read: {credential.issuer} does not answer", transient=True
            )
        except RemoteFault as error:
            return Rejection.of(credential, f"its status cannot be told: {error.detail}")
        return credential

    def _trusted_types(self, types: tuple[str, ...], issuer: str) -> tuple[str, ...]:
        return tuple(name for name in types if issuer in self._trust.issuers(name))

    async def _status_list(self, entry: StatusEntry, issuer: str, now: datetime) -> StatusList:
        entry_of_list = self._lists.get(entry.url)
        document = await self._peers.did_document(issuer)
        if not same_party(entry.url, document):
            raise BadStatusList("the status list does not lie with the issuer of the credential")
        try:
            body = await self._peers.status_list(entry.url, max_age=self._status_max_age)
        except PeerUnreachable:
            if entry_of_list is None or not self._may_stand_in(entry_of_list, issuer, now):
                raise
            return entry_of_list.status
        if (
            entry_of_list is None
            or entry_of_list.document != body
            or entry_of_list.status.issuer != issuer
            or _over(entry_of_list, now)
        ):
            status = await checked_against(
                self._peers,
                issuer,
                lambda issuer_document: read_list(
                    body, issuer=issuer_document, now=now, allow_unsigned=self._allow_unsigned
                ),
            )
        else:
            status = entry_of_list.status
        self._lists[entry.url] = _ReadStatusList(body, status, now)
        self._lists.move_to_end(entry.url)
        if len(self._lists) > _LISTS_KEPT:
            self._lists.popitem(last=False)
        return status

    def _may_stand_in(self, copy: _ReadStatusList, issuer: str, now: datetime) -> bool:
        return copy.status.issuer == issuer and now - copy.at <= self._status_grace and not _over(copy, now)

    async def _check_schemas(self, credential: UnverifiedCredential) -> None:
        """Check each subject against the credential's own schemas (DCP 1.0 §5.4.3), read from the issuer's
        address."""
        urls = credential.schema_urls
        if not urls:
            return
        document = await self._peers.did_document(credential.issuer)
        subjects = credential.body.get("credentialSubject")
        for url in urls:
            if not same_party(url, document):
                raise Unacceptable("its schema does not lie with its issuer")
            schema = await self._peers.json_document(url)
            for subject in subjects if isinstance(subjects, list) else [subjects]:
                check_schema(schema, subject)


def _over(copy: _ReadStatusList, now: datetime) -> bool:
    return copy.status.valid_until is not None and copy.status.valid_until <= now
