"""Open the access of a transfer, to bytes or to a model: grants, their tokens, new tokens for old grants."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from node.base.clock import Clock
from node.base.errors import InvalidInput, NotFound, Unauthenticated
from node.base.work import Transaction, UnitOfWork
from node.catalogue.model import Record
from node.exchange.age import SealPlan, SealSecrets
from node.exchange.offloop import off_loop
from node.identity.model import Caller
from node.identity.ports import KeyRing
from node.negotiation.model import Agreement
from node.negotiation.ports import AgreementStore
from node.semantics.model import File
from node.transfer.addresses import execute_address, live_address, process_url, pull_address, query_address
from node.transfer.conversions.content import Content
from node.transfer.conversions.model import Conversion
from node.transfer.model import AccessGrant, Transfer
from node.transfer.ports import GrantStore, TransferStore
from node.transfer.preconditions import Access, demands_sealing, require_standing
from node.transfer.tokens import token_hash
from node.vocab.dsp import ASKED

TOKEN_LIFETIME: Final = timedelta(minutes=15)
LIVE_LIFETIME: Final = timedelta(hours=12)
"""People put the token of live data, or of a table that they ask, into other programs, which cannot renew it. Each
read is authorised anyway."""


class GrantAccess:
    """Makes the grant of a transfer that starts."""

    def __init__(
        self,
        grants: GrantStore,
        keyring: KeyRing,
        clock: Clock,
        *,
        public_url: str,
        lifetime: timedelta = TOKEN_LIFETIME,
    ) -> None:
        self._grants = grants
        self._keyring = keyring
        self._clock = clock
        self._public_url = public_url
        self._lifetime = lifetime

    def grant(
        self,
        tx: Transaction,
        transfer: Transfer,
        agreement: Agreement,
        record: Record,
        file: File | None,
        *,
        recipient_seal_key: bytes | None,
        conversion: Conversion | None = None,
        now: datetime | None = None,
    ) -> tuple[AccessGrant, dict[str, Any]]:
        """Store the grant; return it with the DataAddress for the TransferStartMessage: the one place with the token.

        ``conversion`` made the ``file``, if it is none of the description. Without a ``file`` it opens the execution
        of a model; the answers of a model are not sealed.
        ``recipient_seal_key`` is the X25519 key from the consumer's DID document if the offer or the agreement
        requires sealing, else None. A transfer that starts again (after a suspension) keeps its sealing secrets as
        long as file and recipient are the same, so that the consumer can resume; otherwise it gets new ones. Raises
        ``InvalidInput`` if sealing is required and there is no usable key.
        """
        if file is None:
            recipient_seal_key = None
        elif recipient_seal_key is None and demands_sealing(record, agreement):
            raise InvalidInput(
                "the conditions demand sealed delivery, and the consumer's DID document has no sealing key",
                remedy="publish an X25519 key under keyAgreement in the DID document",
            )
        now = now or self._clock.now()
        asks = transfer.format in ASKED
        before = self._grants.by_transfer(tx, transfer.pid)
        secret, fits = (None, True) if file is None else self._secrets(before, file, recipient_seal_key)
        token, grant = self._with_token(
            AccessGrant(
                transfer=transfer.pid,
                agreement=agreement.id,
                recipient=agreement.consumer,
                dataset=record.iri,
                version=record.version,
                file_sha256=file.sha256 if file else "",
                file_size=file.size if file else 0,
                file_name=file.name if file else "",
                media_type=file.media_type if file else "",
                sealed=recipient_seal_key is not None,
                token_sha256="",
                expires=now,
                secrets=secret,
                source=file.place[0] if file and file.is_live else "",
                item=file.place[1] if file and file.is_live else "",
                accesses=before.accesses if before and fits else 0,
                conversion=conversion.facts if conversion is not None else None,
            ),
            now,
            asks=asks,
        )
        self._grants.put(tx, grant)
        return grant, self.data_address(grant, token, asks=asks)

    def open(self, tx: Transaction, transfer: Transfer, agreement: Agreement, content: Content) -> dict[str, Any]:
        """Store the grant of ``content``; return the DataAddress with the token. Raises the errors of ``grant``."""
        return self.grant(
            tx,
            transfer,
            agreement,
            content.record,
            content.file,
            recipient_seal_key=content.seal_key,
            conversion=content.conversion,
        )[1]

    def renew(self, tx: Transaction, grant: AccessGrant, now: datetime, *, asks: bool = False) -> dict[str, Any]:
        """Return the DataAddress with a new token for the same grant; the old token becomes void. ``asks``: it is of
        a transfer that asks a table."""
        token, renewed = self._with_token(grant, now, asks=asks)
        self._grants.put(tx, renewed)
        return self.data_address(renewed, token, asks=asks)

    def data_address(self, grant: AccessGrant, token: str, *, asks: bool = False) -> dict[str, Any]:
        """Return the DSP 2025-1 DataAddress, HTTP with a bearer token: of the bytes, of the answers about a table, or
        of the process that runs the model."""
        if asks:
            return query_address(self._public_url, grant.transfer, token=token, expires=grant.expires)
        if grant.executes:
            process = process_url(self._public_url, grant.dataset)
            return execute_address(self._public_url, grant.transfer, process, token=token, expires=grant.expires)
        if grant.is_live:
            return live_address(self._public_url, grant.transfer, token=token, expires=grant.expires)
        return pull_address(self._public_url, grant.transfer, token=token, expires=grant.expires)

    def _with_token(self, grant: AccessGrant, now: datetime, *, asks: bool) -> tuple[str, AccessGrant]:
        token = secrets.token_urlsafe(32)
        lifetime = max(self._lifetime, LIVE_LIFETIME) if grant.is_live or asks else self._lifetime
        return token, replace(grant, token_sha256=token_hash(token), expires=now + lifetime)

    def _secrets(self, before: AccessGrant | None, file: File, recipient: bytes | None) -> tuple[bytes | None, bool]:
        """Return wrapped secrets for this file and recipient, and whether the bytes on the wire stay the same."""
        if recipient is None:
            same = before is not None and not before.sealed and before.file_sha256 == file.sha256
            return None, same
        if before is not None and before.secrets is not None:
            known = SealSecrets.unpack(self._keyring.unwrap(before.secrets))
            if known.fits(recipient, file.sha256, file.size):
                return before.secrets, True
        fresh = SealSecrets.fresh(recipient, file.sha256, file.size)
        SealPlan(fresh)  # refuses a key of low order now, not at the first read
        return self._keyring.wrap(fresh.pack()), False


class RefreshToken:
    """Issues a new token to a consumer that proves its identity itself, not with the old token."""

    def __init__(
        self,
        work: UnitOfWork,
        *,
        transfers: TransferStore,
        agreements: AgreementStore,
        grants: GrantStore,
        access: GrantAccess,
        clock: Clock,
    ) -> None:
        self._work = work
        self._transfers = transfers
        self._agreements = agreements
        self._grants = grants
        self._access = access
        self._clock = clock

    async def __call__(self, caller: Caller, transfer_pid: str) -> dict[str, Any]:
        """Return the DataAddress with a new token.

        Raises ``Unauthenticated`` for an unidentified caller, ``NotFound`` if the process is not the caller's, and
        ``NotAllowed`` with the reasons if transfer or agreement are not in force. The policy is not checked here,
        because every read checks it.
        """
        if not caller.is_participant:
            raise Unauthenticated("a participant's token is missing", remedy="send your self-issued ID token")
        return await off_loop(self._renew, caller, transfer_pid)

    def _renew(self, caller: Caller, pid: str) -> dict[str, Any]:
        with self._work.begin() as tx:
            grant = self._grants.by_transfer(tx, pid)
            if grant is None or grant.recipient != caller.did:
                raise NotFound
            transfer = self._transfers.get(tx, pid)
            agreement = self._agreements.get(tx, grant.agreement)
            if transfer is None or agreement is None:
                raise NotFound
            now = self._clock.now()
            require_standing(Access(transfer=transfer, grant=grant, agreement=agreement, at=now))
            return self._access.renew(tx, grant, now, asks=transfer.format in ASKED)
