"""The wallet: credentials that others issued to us, and their presentation to verifiers (DCP 1.0 §5, §6.5).

``receive`` takes a credential from an issuer, ``answer`` shows a verifier the granted credentials. Neither calls a
party that may be waiting for our answer, except to fetch DID documents, and serving these waits for nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import anyio
import anyio.to_thread

from node.base.clock import Clock
from node.base.errors import Conflict, InvalidInput, NotAllowed, NotFound
from node.base.work import UnitOfWork
from node.identity.credentials.access_tokens import AccessTokens
from node.identity.credentials.credentials import profile_of, read_credential, verify_credential
from node.identity.credentials.membership import WITHDRAWN
from node.identity.credentials.presentations import make_presentation
from node.identity.credentials.verification import VerifyCredentials
from node.identity.documents import UnknownKey
from node.identity.messages import (
    BY_TYPE,
    FORMATS,
    VC11,
    VC20,
    NotSupported,
    Scope,
    check_type,
    covered_scopes,
    list_member,
    presentation_response,
    read_scope,
    text_member,
)
from node.identity.model import Credential, Rejection
from node.identity.ports import IdentityStore, KeyRing, Peers
from node.identity.tokens import IdToken
from node.ledger.model import EntryKind
from node.ledger.ports import Append


class Wallet:
    """Holds this node's credentials. ``mark`` changes whenever they do; see ``OutgoingTokens``.

    With ``refuse_excess``, a query for more than was granted is refused, as release 1.0.0-RC6 of the conformance kit
    demands; in DCP 1.0.1, the excess is left out silently.
    """

    def __init__(
        self,
        uow: UnitOfWork,
        store: IdentityStore,
        peers: Peers,
        keyring: KeyRing,
        clock: Clock,
        access: AccessTokens,
        verifier: VerifyCredentials,
        *,
        append: Append | None = None,
        refuse_excess: bool = False,
    ) -> None:
        self._uow = uow
        self._store = store
        self._peers = peers
        self._keyring = keyring
        self._clock = clock
        self._access = access
        self._verifier = verifier
        self._append = append
        self._refuse_excess = refuse_excess
        self._mark = ""
        self._threads = anyio.CapacityLimiter(4)

    def mark(self) -> str:
        """Return a short text that changes with the content of the wallet; empty before ``refresh``."""
        return self._mark

    async def refresh(self) -> None:
        """Read the wallet, once, when the node starts."""
        await self.credentials()

    async def credentials(self) -> Sequence[Credential]:
        """Return all credentials that we hold, including expired and revoked ones."""
        credentials = await anyio.to_thread.run_sync(self._read, limiter=self._threads)
        self._mark = _mark_of(credentials)
        return credentials

    async def check_status(self) -> list[Credential | Rejection]:
        """Return the credentials that we hold with their status: a revoked credential has a reason and a moment."""
        return [await self.check(credential) for credential in await self.credentials()]

    async def check(self, credential: Credential) -> Credential | Rejection:
        """Return a credential that we hold with its status."""
        return await self._verifier.in_force(credential)

    async def requests(self) -> Sequence[dict[str, Any]]:
        """Return our requests to issuers, and their outcomes."""
        return await anyio.to_thread.run_sync(self._read_requests, limiter=self._threads)

    async def answer(self, token: IdToken, message: dict[str, Any]) -> dict[str, Any]:
        """Return the PresentationResponseMessage to a PresentationQueryMessage (DCP 1.0 §5.4).

        Credentials that were not granted or have expired are left out silently. Raises ``InvalidInput`` if the
        message is not a query, ``NotSupported`` for a presentation definition, ``Unauthenticated`` if the token claim
        gives ``token.issuer`` no access, ``NotAllowed`` for more than was granted if ``refuse_excess`` is on.
        """
        scopes = _scopes(message)
        granted = self._access.check(token.access_token, token.issuer)
        scopes_to_show = covered_scopes(scopes, granted)
        if self._refuse_excess and len(scopes_to_show) < len(set(scopes)):
            raise NotAllowed("the token claim does not grant what is asked for")
        now = self._clock.now()
        credentials = [
            credential
            for credential in await self.credentials()
            if (credential.valid_until is None or credential.valid_until > now)
            and any(_asked_for(credential, scope) for scope in scopes_to_show)
        ]
        presentations = []
        for profile in (VC20, VC11):  # a presentation is homogeneous: one data model, one proof (§5.4.2)
            texts = [credential.jwt for credential in credentials if profile_of(credential.jwt) == profile]
            if texts:
                presentations.append(make_presentation(self._keyring, token.issuer, texts, now, profile=profile))
        return presentation_response(presentations)

    async def receive(self, token: IdToken, message: dict[str, Any]) -> None:
        """Take a CredentialMessage (DCP 1.0 §6.5): store its credentials, or the reason for a rejection.

        The sender must be the issuer that we asked; each credential must be issued and signed by it, and be about us.
        The same message again changes nothing. Raises ``InvalidInput``, ``NotFound`` if we requested nothing,
        ``Conflict`` if a rejection follows an issue.
        """
        check_type(message, "CredentialMessage")
        holder_pid = text_member(message, "holderPid")
        issuer_pid = text_member(message, "issuerPid")
        status = message.get("status")
        if status not in ("ISSUED", "REJECTED"):
            raise InvalidInput("status of the CredentialMessage must be ISSUED or REJECTED")
        credentials = []
        if status == "ISSUED":
            for container in list_member(message, "credentials"):
                credentials.append(await self._verify(container, token.issuer))
        reason = message.get("rejectionReason")
        is_new = await anyio.to_thread.run_sync(
            lambda: self._keep(
                token.issuer,
                holder_pid,
                issuer_pid,
                credentials,
                str(reason)[:1000] if status == "REJECTED" and reason is not None else None,
                rejected=status == "REJECTED",
            ),
            limiter=self._threads,
        )
        self._mark = _mark_of(is_new)

    async def receive_offer(self, token: IdToken, message: dict[str, Any]) -> tuple[str, ...]:
        """Return the ids in a CredentialOfferMessage (DCP 1.0 §6.6). An offer is not binding: people decide whether
        to request a credential."""
        check_type(message, "CredentialOfferMessage")
        if text_member(message, "issuer") != token.issuer:
            raise InvalidInput("the offer names another issuer than its sender")
        entries = list_member(message, "credentials")
        if not all(isinstance(entry, dict) and isinstance(entry.get("id"), str) for entry in entries):
            raise InvalidInput("each credential of the offer needs an id")
        return tuple(entry["id"] for entry in entries)

    async def _verify(self, container: Any, issuer: str) -> Credential:
        if not isinstance(container, dict):
            raise InvalidInput("each credential must be an object with credentialType, payload and format")
        text_member(container, "credentialType")
        if container.get("format") not in FORMATS:
            raise InvalidInput("the format of a credential is not one that this node reads")
        credential = read_credential(container.get("payload"))
        if credential.issuer != issuer:
            raise InvalidInput("a credential was issued by another party than the sender")
        if not credential.id:
            raise InvalidInput("a credential has no id")
        now = self._clock.now()
        document = await self._peers.did_document(issuer)
        try:
            return verify_credential(credential, issuer=document, holder=self._keyring.did, now=now)
        except UnknownKey:
            document = await self._peers.did_document(issuer, fresh=True)
            return verify_credential(credential, issuer=document, holder=self._keyring.did, now=now)

    def _read(self) -> Sequence[Credential]:
        with self._uow.read() as tx:
            return self._store.credentials(tx)

    def _read_requests(self) -> Sequence[dict[str, Any]]:
        with self._uow.read() as tx:
            return self._store.requests(tx)

    def _keep(
        self,
        issuer: str,
        holder_pid: str,
        issuer_pid: str,
        credentials: Sequence[Credential],
        reason: str | None,
        *,
        rejected: bool,
    ) -> Sequence[Credential]:
        now = self._clock.now()
        with self._uow.begin() as tx:
            requests = [
                request
                for request in self._store.requests(tx, lock=True)
                if request["holder_pid"] == holder_pid and request["issuer"] == issuer
            ]
            if not requests:
                raise NotFound("this node asked that issuer for nothing under this holderPid")
            state = requests[0]["state"]
            if state == WITHDRAWN:
                raise Conflict("this node has withdrawn its request: it has left the region")
            if rejected and state == "ISSUED":
                raise Conflict("the credential was issued already")
            have = {credential.id for credential in self._store.credentials(tx)}
            news = [credential for credential in credentials if credential.id not in have]
            for credential in news:
                self._store.keep_credential(tx, credential, now)
            outcome = "REJECTED" if rejected else "ISSUED"
            if news or state != outcome:
                self._store.update_request(tx, holder_pid, state=outcome, issuer_pid=issuer_pid, reason=reason)
                if self._append is not None:
                    self._append(
                        tx,
                        EntryKind.MEMBERSHIP,
                        holder_pid,
                        issuer,
                        {
                            "event": "credential-received" if not rejected else "request-rejected",
                            "issuer": issuer,
                            "credentials": [credential.id for credential in news],
                            "types": sorted({name for credential in news for name in credential.types}),
                            **({"reason": reason} if reason else {}),
                        },
                    )
            return self._store.credentials(tx)


def _scopes(message: dict[str, Any]) -> tuple[Scope, ...]:
    check_type(message, "PresentationQueryMessage")
    scope, definition = message.get("scope"), message.get("presentationDefinition")
    if "scope" in message and "presentationDefinition" in message:
        raise InvalidInput("a query has either scope or presentationDefinition, not both")
    if "presentationDefinition" in message:
        if not isinstance(definition, dict) or not definition.get("input_descriptors"):
            raise InvalidInput("the presentation definition is empty")
        raise NotSupported("presentation definitions are not supported", remedy="ask by scope")
    if not isinstance(scope, list) or not 0 < len(scope) <= 50:
        raise InvalidInput("a query needs 1 to 50 scopes")
    return tuple(read_scope(text) for text in scope)


def _asked_for(credential: Credential, scope: Scope) -> bool:
    if scope.kind == BY_TYPE:
        return credential.has_type(scope.value)
    return credential.id == scope.value


def _mark_of(credentials: Iterable[Credential]) -> str:
    ids = "\n".join(sorted(f"{credential.issuer} {credential.id}" for credential in credentials))
    return hashlib.sha256(ids.encode()).hexdigest()[:16]
