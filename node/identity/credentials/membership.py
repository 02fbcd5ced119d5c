"""Request a credential from a region: the city's side of issuance (DCP 1.0 §6.4).

The request has the accession, as a member of our own: the rulebook and version that the applicant accepts, and the
applicant's legal name. It is signed, so that the region can prove later what was accepted
(governance digest §3: signed accession). Other issuers ignore the member.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import anyio
import anyio.to_thread

from node.base.clock import Clock
from node.base.errors import Conflict, HansaError, InvalidInput, PeerUnreachable
from node.base.ids import new_urn
from node.base.jsons import canonical, read_object
from node.base.work import Transaction, UnitOfWork
from node.identity.did import did_of
from node.identity.documents import UnknownKey, key_for
from node.identity.jose import read_jws, verify_jws
from node.identity.messages import ACCESSION, SIGNATURE, credential_request
from node.identity.model import DidDocument
from node.identity.ports import IdentityStore, KeyRing, Peers
from node.ledger.model import EntryKind
from node.ledger.ports import Append

_TYP: Final = "hansa-accession+jws"
_MEMBERS: Final = ("rulebook", "version", "sha256", "legalName", "contact")
OPEN: Final = frozenset({"REQUESTED", "RECEIVED"})
"""The states of a request that its issuer has not decided."""
WITHDRAWN: Final = "WITHDRAWN"
"""The state of a request when this node has left the region: nothing that answers it is taken any more."""
REJECTED: Final = "REJECTED"
"""The state of a request that its issuer has refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accession:
    """The rulebook that an applicant accepts, with its legal name and contact."""

    rulebook: str
    version: str
    sha256: str
    legal_name: str
    contact: str

    def to_json(self) -> dict[str, str]:
        return {
            "rulebook": self.rulebook,
            "version": self.version,
            "sha256": self.sha256,
            "legalName": self.legal_name,
            "contact": self.contact,
        }


class RequestCredential:
    """Sends our application to an issuer. The request is stored before it is sent, so that every answer finds it."""

    def __init__(
        self,
        uow: UnitOfWork,
        store: IdentityStore,
        peers: Peers,
        keyring: KeyRing,
        clock: Clock,
        *,
        append: Append | None = None,
    ) -> None:
        self._uow = uow
        self._store = store
        self._peers = peers
        self._keyring = keyring
        self._clock = clock
        self._append = append
        self._threads = anyio.CapacityLimiter(2)

    async def request(self, issuer: str, credential_type: str, accession: Accession) -> str:
        """Request a credential from ``issuer`` (its DID or base URL). Return the ``holderPid`` of the request.

        While a request is open, another call repeats it. Raises ``InvalidInput`` if the issuer has no such
        credential, ``PeerUnreachable``, or ``Conflict`` if it refuses to take the request.
        """
        did = issuer if issuer.startswith("did:") else did_of(issuer)
        document = await self._peers.did_document(did)
        if document.service("IssuerService") is None:
            raise InvalidInput(f"{did} issues no credentials: its DID document has no IssuerService")
        metadata = await self._peers.issuer_metadata(document)
        offer = _offer_of(metadata, credential_type)
        holder_pid: str = await self._in_thread(lambda: self._note(did, credential_type, accession))
        signed = sign_accession(self._keyring, did, holder_pid, accession.to_json())
        message = credential_request(holder_pid, [offer], **{ACCESSION: accession.to_json(), SIGNATURE: signed})
        try:
            issuer_pid = await self._peers.request_credentials(document, message)
        except (PeerUnreachable, Conflict) as error:
            reason = error.detail
            await self._in_thread(lambda: self._update(holder_pid, state="FAILED", reason=reason))
            raise
        await self._in_thread(lambda: self._update(holder_pid, state="RECEIVED", issuer_pid=issuer_pid))
        return holder_pid

    def require_not_withdrawn(self, tx: Transaction, holder_pid: str) -> None:
        """Raise ``Conflict`` if a person left the region after this request was made."""
        requests = self._store.requests(tx, lock=True)
        states = [request["state"] for request in requests if request["holder_pid"] == holder_pid]
        if WITHDRAWN in states:
            raise Conflict(
                "this node left the region while it applied: the application is withdrawn",
                remedy="to join it all the same, apply again",
                facts={"case": "left-meanwhile"},
            )

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        return await anyio.to_thread.run_sync(work, limiter=self._threads)

    def _note(self, issuer: str, credential_type: str, accession: Accession) -> str:
        with self._uow.begin() as tx:
            for request in self._store.requests(tx):
                same = request["issuer"] == issuer and request["credential_type"] == credential_type
                if same and request["state"] in OPEN:
                    return str(request["holder_pid"])
            holder_pid = new_urn()
            self._store.note_request(
                tx,
                holder_pid=holder_pid,
                issuer=issuer,
                credential_type=credential_type,
                at=self._clock.now(),
            )
            if self._append is not None:
                body = {"event": "requested", "issuer": issuer, "type": credential_type}
                self._append(
                    tx,
                    EntryKind.MEMBERSHIP,
                    holder_pid,
                    self._keyring.did,
                    {**body, "accession": accession.to_json()},
                )
            return holder_pid

    def _update(
        self, holder_pid: str, *, state: str, issuer_pid: str | None = None, reason: str | None = None
    ) -> None:
        with self._uow.begin() as tx:
            requests = self._store.requests(tx, lock=True)
            now = [request["state"] for request in requests if request["holder_pid"] == holder_pid]
            if now and now[0] not in OPEN | {"FAILED"}:
                return  # the issuer decided before its acknowledgement was recorded
            self._store.update_request(tx, holder_pid, state=state, issuer_pid=issuer_pid, reason=reason)


def _offer_of(metadata: dict[str, Any], credential_type: str) -> str:
    entries = metadata.get("credentialsSupported")
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and entry.get("credentialType") == credential_type:
            identifier = entry.get("id")
            if isinstance(identifier, str) and identifier:
                return identifier
    raise InvalidInput(f"the issuer has no {credential_type}", remedy="look at its /metadata for what it issues")


def sign_accession(keyring: KeyRing, issuer: str, holder_pid: str, accession: dict[str, Any]) -> str:
    """Return our signature over the accession, bound to this issuer and this request."""
    return keyring.sign_jws({"typ": _TYP}, canonical(_signed_facts(keyring.did, issuer, holder_pid, accession)))


def verify_accession(message: dict[str, Any], *, holder: DidDocument, issuer: str) -> dict[str, Any]:
    """Return the accession in a CredentialRequestMessage with its signature; empty if the message has none.

    Raises ``InvalidInput`` if it is incomplete, altered, or not signed by ``holder``.
    """
    accession, signature = message.get(ACCESSION), message.get(SIGNATURE)
    if accession is None:
        return {}
    if not isinstance(accession, dict) or not isinstance(signature, str):
        raise InvalidInput("the accession is not a signed object")
    missing = [name for name in _MEMBERS if not isinstance(accession.get(name), str)]
    if missing or set(accession) != set(_MEMBERS) or any(len(accession[name]) > 1000 for name in _MEMBERS):
        raise InvalidInput(f"the accession needs exactly {', '.join(_MEMBERS)}, as texts")
    try:
        jws = read_jws(signature)
        if jws.typ != _TYP or jws.kid_did != holder.id:
            raise InvalidInput("the accession is not signed by its applicant")
        verify_jws(jws, key_for(holder, jws.kid, "assertionMethod"))
        statement = read_object(jws.payload)
    except UnknownKey:
        raise
    except HansaError as error:
        raise InvalidInput(f"the signature of the accession is not valid: {error.detail}") from error
    if statement != _signed_facts(holder.id, issuer, str(message.get("holderPid")), accession):
        raise InvalidInput("the accession is not the one that was signed")
    return {**accession, "signature": signature}


def _signed_facts(holder: str, issuer: str, holder_pid: str, accession: dict[str, Any]) -> dict[str, Any]:
    return {"holder": holder, "issuer": issuer, "holderPid": holder_pid, "accession": accession}
