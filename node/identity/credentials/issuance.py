"""Issue credentials: the region's side (DCP 1.0 §6).

A request becomes an ``Application``; a person decides. The message to the applicant is a task of topic
``credential``, written in the same transaction as the decision; delivery is repeated until it succeeds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

import anyio
import anyio.to_thread

from node.base.clock import Clock
from node.base.errors import Conflict, InvalidInput, NotFound, TooMany
from node.base.ids import new_urn, new_uuid
from node.base.jsons import canonical, read_object
from node.base.work import Outbox, Task, Transaction, UnitOfWork
from node.identity.credentials.credentials import Statement, issue_credential
from node.identity.credentials.membership import verify_accession
from node.identity.credentials.revocation import list_url
from node.identity.credentials.status import BITSTRING, ELDER, REVOCATION, SUSPENSION, entry_for
from node.identity.credentials.subjectschemas import schema_url, subject_schema
from node.identity.documents import UnknownKey
from node.identity.messages import (
    VC11,
    VC20,
    check_type,
    credential_message,
    credential_status,
    issuer_metadata,
    list_member,
    text_member,
)
from node.identity.model import Application, ApplicationState, IssuedCredential
from node.identity.ports import IdentityStore, KeyRing, Peers
from node.identity.tokens import IdToken
from node.ledger.model import EntryKind
from node.ledger.ports import Append

TOPIC: Final = "credential"

MAX_WAITING: Final = 50
"""The most undecided applications of one participant: a person reads each, and it stays in the ledger for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportedCredential:
    """A credential that this node issues: its type, its form, and the role that it states.

    ``format`` is the ``format`` of the container of a delivered credential: the profile's alias, unless the holders
    expect another word for it (``jwt``, ``VC1_0_JWT``).
    """

    credential_type: str
    role: str = "member"
    profile: str = VC20
    format: str = ""

    @property
    def word(self) -> str:
        return self.format or self.profile

    def object_id(self, public_url: str) -> str:
        return f"{public_url.rstrip('/')}/issuer/metadata#{self.credential_type}"

    def to_json(self, public_url: str) -> dict[str, Any]:
        """Return the CredentialObject (DCP 1.0 §6.7)."""
        return {
            "id": self.object_id(public_url),
            "type": "CredentialObject",
            "credentialType": self.credential_type,
            "credentialSchema": schema_url(public_url, self.credential_type),
            "offerReason": "membership",
            "bindingMethods": ["did:web"],
            "profile": self.profile,
        }


class ReceiveApplication:
    """Receives credential requests, and answers applicants about the status of their requests."""

    def __init__(
        self,
        uow: UnitOfWork,
        store: IdentityStore,
        peers: Peers,
        keyring: KeyRing,
        clock: Clock,
        credential_types: Collection[SupportedCredential],
        public_url: str,
        *,
        append: Append | None = None,
    ) -> None:
        self._uow = uow
        self._store = store
        self._peers = peers
        self._keyring = keyring
        self._clock = clock
        self._credential_types = tuple(credential_types)
        self._public_url = public_url
        self._append = append
        self._threads = anyio.CapacityLimiter(4)

    def metadata(self) -> dict[str, Any]:
        """Return the IssuerMetadata (DCP 1.0 §6.7), which is open to everybody."""
        return issuer_metadata(
            self._keyring.did, [entry.to_json(self._public_url) for entry in self._credential_types]
        )

    def schema(self, credential_type: str) -> dict[str, Any]:
        """Return the schema of the claims in credentials of this type; it is open to everybody. Raises
        ``NotFound``."""
        if credential_type not in {entry.credential_type for entry in self._credential_types}:
            raise NotFound("this node issues no such credential")
        return subject_schema(self._public_url, credential_type)

    async def receive(self, token: IdToken, message: dict[str, Any]) -> Application:
        """Return the application of a CredentialRequestMessage (DCP 1.0 §6.4); a repeated message gets the first one.

        Raises ``InvalidInput`` for a message that is not a CredentialRequestMessage, requests a credential that is
        not issued here, or has an accession that its sender did not sign; ``TooMany`` beyond ``MAX_WAITING``.
        """
        check_type(message, "CredentialRequestMessage")
        holder_pid = text_member(message, "holderPid")
        types = [self._type_of(entry) for entry in list_member(message, "credentials")]
        document = await self._peers.did_document(token.issuer)
        try:
            accession = verify_accession(message, holder=document, issuer=self._keyring.did)
        except UnknownKey:
            document = await self._peers.did_document(token.issuer, fresh=True)
            accession = verify_accession(message, holder=document, issuer=self._keyring.did)
        application = Application(
            id=str(new_uuid()),
            holder=token.issuer,
            holder_pid=holder_pid,
            credential_type=" ".join(dict.fromkeys(types)),
            accession=accession,
            state=ApplicationState.RECEIVED,
            at=self._clock.now(),
        )
        return await anyio.to_thread.run_sync(self._add, application, limiter=self._threads)

    async def status(self, token: IdToken, application_id: str) -> dict[str, Any]:
        """Return the CredentialStatus to the applicant; raise ``NotFound`` for everyone else (§6.8)."""
        application = await anyio.to_thread.run_sync(self._find, application_id, limiter=self._threads)
        if application is None or application.holder != token.issuer:
            raise NotFound("you have no application with this id")
        return credential_status(
            issuer_pid=application.id, holder_pid=application.holder_pid, status=str(application.state)
        )

    def _type_of(self, entry: Any) -> str:
        type_id = entry.get("id") if isinstance(entry, dict) else None
        for offered in self._credential_types:
            if type_id in (offered.object_id(self._public_url), offered.credential_type):
                return offered.credential_type
        raise InvalidInput("a credential was asked for that this node does not issue")

    def _add(self, application: Application) -> Application:
        with self._uow.begin() as tx:
            known = self._store.application_by_holder(tx, application.holder, application.holder_pid)
            if known is not None:
                return known
            waiting = self._store.applications(tx, ApplicationState.RECEIVED)
            if (
                sum(waiting_application.holder == application.holder for waiting_application in waiting)
                >= MAX_WAITING
            ):
                raise TooMany(
                    "too many applications of yours wait for a decision", remedy="wait until a person has decided"
                )
            self._store.add_application(tx, application)
            _record(self._append, tx, application, by=application.holder, event="applied")
            return application

    def _find(self, application_id: str) -> Application | None:
        with self._uow.read() as tx:
            return self._store.application(tx, application_id)


def claims_of(application: Application, credential_type: SupportedCredential, issuer: str) -> dict[str, Any]:
    """Return the claims of a membership credential: names from the accession, the role from us."""
    accession = application.accession
    claims = {
        "legalName": accession.get("legalName"),
        "rulebook": accession.get("rulebook"),
        "rulebookVersion": accession.get("version"),
    }
    return {
        **{name: value for name, value in claims.items() if value},
        "memberOf": issuer,
        "role": credential_type.role,
    }


class DecideApplication:
    """A person's decision about an application. Synchronous: call it in a thread.

    State, issued credentials, ledger entry and the message to the applicant commit together.
    """

    def __init__(
        self,
        uow: UnitOfWork,
        store: IdentityStore,
        outbox: Outbox,
        keyring: KeyRing,
        clock: Clock,
        credential_types: Collection[SupportedCredential],
        public_url: str,
        *,
        lifetime: timedelta = timedelta(days=365),
        claims: Callable[[Application, SupportedCredential, str], dict[str, Any]] = claims_of,
        append: Append | None = None,
    ) -> None:
        self._uow = uow
        self._store = store
        self._outbox = outbox
        self._keyring = keyring
        self._clock = clock
        self._credential_types = {entry.credential_type: entry for entry in credential_types}
        self._public_url = public_url
        self._lifetime = lifetime
        self._claims = claims
        self._append = append

    def approve(self, application_id: str, by: str) -> Sequence[IssuedCredential]:
        """Issue the requested credentials; ``by`` is the person. Raises ``NotFound``, and ``Conflict`` if the
        application was rejected.

        Approving once more returns the credentials that were issued then.
        """
        with self._uow.begin() as tx:
            application = self._open(tx, application_id)
            if application.state is ApplicationState.ISSUED:
                return [
                    credential
                    for credential in self._store.issued_credentials(tx, application.holder)
                    if _from(credential, application)
                ]
            if application.state is ApplicationState.REJECTED:
                raise Conflict("the application was rejected already")
            credentials = [self._issue(tx, application, name) for name in application.types]
            message = credential_message(
                issuer_pid=application.id,
                holder_pid=application.holder_pid,
                credentials=[
                    (credential.type, credential.jwt, self._credential_types[credential.type].word)
                    for credential in credentials
                ],
            )
            self._record_decision(tx, application, ApplicationState.ISSUED, by, None, message)
            return credentials

    def reject(self, application_id: str, by: str, reason: str) -> None:
        """Refuse, with a reason for the applicant. Raises ``NotFound``, ``Conflict``."""
        with self._uow.begin() as tx:
            application = self._open(tx, application_id)
            if application.state is ApplicationState.REJECTED:
                return
            if application.state is ApplicationState.ISSUED:
                raise Conflict("the credential was issued already", remedy="revoke it instead")
            message = credential_message(
                issuer_pid=application.id, holder_pid=application.holder_pid, rejection=reason
            )
            self._record_decision(tx, application, ApplicationState.REJECTED, by, reason, message)

    def _open(self, tx: Transaction, application_id: str) -> Application:
        application = self._store.application(tx, application_id)
        if application is None:
            raise NotFound("there is no such application")
        return application

    def _issue(self, tx: Transaction, application: Application, credential_type: str) -> IssuedCredential:
        entry = self._credential_types.get(credential_type)
        if entry is None:
            raise InvalidInput(f"this node does not issue {credential_type}")
        now = self._clock.now().replace(microsecond=0)
        list_id, index = self._store.next_status_index(tx)
        kind = ELDER if entry.profile == VC11 else BITSTRING
        statement = Statement(
            id=new_urn(),
            type=credential_type,
            subject=application.holder,
            claims=self._claims(application, entry, self._keyring.did),
            valid_from=now,
            valid_until=now + self._lifetime,
            status=[
                entry_for(
                    list_url(self._public_url, list_id, kind, purpose=purpose), index, kind=kind, purpose=purpose
                )
                # Readers of the older profile, the kit of DCP among them, take one status for each credential.
                for purpose in ((REVOCATION,) if kind == ELDER else (REVOCATION, SUSPENSION))
            ],
        )
        credential = IssuedCredential(
            id=statement.id,
            holder=application.holder,
            type=credential_type,
            jwt=issue_credential(self._keyring, statement, profile=entry.profile),
            list_id=list_id,
            index=index,
            at=now,
            valid_until=statement.valid_until,
        )
        self._store.add_issued(tx, credential)
        return credential

    def _record_decision(
        self,
        tx: Transaction,
        application: Application,
        state: ApplicationState,
        by: str,
        reason: str | None,
        message: dict[str, Any],
    ) -> None:
        now = self._clock.now()
        decision = replace(application, state=state, decided_by=by, decided_at=now, reason=reason)
        self._store.save_application(tx, decision)
        self._outbox.put(
            tx,
            Task(
                id=f"{TOPIC}:{application.id}",
                topic=TOPIC,
                lane=application.holder,
                subject=application.id,
                body=canonical(message),
                due=now,
            ),
        )
        _record(self._append, tx, decision, by=by, event=str(state).lower())


def claims_with_contact(application: Application, entry: SupportedCredential, issuer: str) -> dict[str, Any]:
    """Like ``claims_of``, with the contact that the applicant gave."""
    contact = application.accession.get("contact")
    return {**claims_of(application, entry, issuer), **({"contact": contact} if contact else {})}


class DeliverCredential:
    """Handles tasks of topic ``credential``: posts the message to the holder's credential service (§6.5)."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers

    async def deliver(self, task: Task) -> None:
        """Deliver the message. Raises ``PeerUnreachable`` (try again) or ``Conflict`` (the holder will never take
        it)."""
        holder = await self._peers.did_document(task.lane)
        await self._peers.deliver_credentials(holder, read_object(task.body))


def _from(credential: IssuedCredential, application: Application) -> bool:
    return credential.type in application.types and (
        application.decided_at is None or credential.at >= application.decided_at.replace(microsecond=0)
    )


def _record(append: Append | None, tx: Transaction, application: Application, *, by: str, event: str) -> None:
    if append is None:
        return
    body: dict[str, Any] = {
        "event": event,
        "application": application.id,
        "holder": application.holder,
        "types": list(application.types),
    }
    if event == "applied":
        body["accession"] = application.accession
    if application.reason:
        body["reason"] = application.reason
    append(tx, EntryKind.MEMBERSHIP, application.holder, by, body)
