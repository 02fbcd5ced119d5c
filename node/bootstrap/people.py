"""Identity put together: who we are to others, who others are to us."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from anyio.to_thread import run_sync

from node.adapters.peers.http import HttpPeers
from node.base.errors import InvalidInput
from node.base.work import Transaction
from node.bootstrap.parts import Note, Parts, own_rulebook
from node.catalogue.joining import Allegiance
from node.identity.accounts.accounts import Accounts, SignIn, token_hash
from node.identity.accounts.secondfactor import SecondFactor
from node.identity.blocking import Blocks
from node.identity.credentials.access_tokens import AccessTokens, OutgoingTokens
from node.identity.credentials.issuance import (
    DecideApplication,
    DeliverCredential,
    ReceiveApplication,
    Supported,
    claims_of,
)
from node.identity.credentials.membership import RequestCredential
from node.identity.credentials.revocation import RevokeCredential, StatusLists
from node.identity.credentials.trust import TrustList
from node.identity.credentials.verification import VerifyCredentials
from node.identity.credentials.wallet import Wallet
from node.identity.documents import build_document, key_for, sealing_key
from node.identity.identifying import IdentifyPerson
from node.identity.jose import read_jws, verify_jws
from node.identity.messages import VC20, type_scope
from node.identity.model import Application, ApplicationState, Caller, Credential, DidDocument, Rejected
from node.identity.participants import INCOMPLETE_MAX_AGE, IdentifyParticipant
from node.ledger.model import EntryKind
from node.policy.visible import AudienceRule
from node.settings import Settings


class LedgerJournal:
    """Identity's journal in the ledger."""

    def __init__(self, note: Note, kind: EntryKind = EntryKind.MEMBERSHIP) -> None:
        self._note = note
        self._kind = kind

    def note(self, tx: Transaction, *, subject: str, by: str, body: dict[str, Any]) -> None:
        """One entry, in the caller's transaction."""
        self._note(tx, self._kind, subject, by, body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuing:
    """The issuer's side, where the node admits members."""

    receive: ReceiveApplication
    decide: DecideApplication
    revoke: RevokeCredential
    lists: StatusLists


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """All of identity."""

    allegiance: Allegiance
    trust: TrustList
    peers: HttpPeers
    tokens: OutgoingTokens
    participants: IdentifyParticipant
    blocks: Blocks
    persons: IdentifyPerson
    accounts: Accounts
    sign_in: SignIn
    second_factor: SecondFactor
    wallet: Wallet
    requests: RequestCredential
    issuing: Issuing | None
    deliver: DeliverCredential
    own_document: Callable[[], DidDocument]

    @property
    def document(self) -> DidDocument:
        """Our own DID document, with the keys of this moment."""
        return self.own_document()


def identity(parts: Parts, note: Note) -> People:
    """Put identity together."""
    settings, stores, clock, keyring = parts.settings, parts.stores, parts.clock, parts.keyring

    def document() -> DidDocument:
        # Made anew each time: another process of this node may have changed its keys a moment ago.
        return DidDocument(id=keyring.did, raw=build_document(keyring, parts.base, issuer=settings.issuer))

    configured = _configured_trust(parts)
    trust = TrustList(configured)
    allegiance = Allegiance(
        uow=stores.uow,
        notes=stores.meta,
        trust=trust,
        configured=configured,
        region=settings.region,
        own=parts.me if settings.issuer else None,
    )
    allegiance.load()
    journal = LedgerJournal(note)
    terminal = _terminal_token(parts)
    second_factor = SecondFactor(
        stores.uow,
        stores.identity,
        keyring,
        clock,
        issuer=settings.name,
        journal=LedgerJournal(note, EntryKind.NODE),
    )
    lists = StatusLists(stores.uow, stores.identity, keyring, clock, parts.base)
    access = AccessTokens(keyring, clock)
    held: list[Wallet] = []
    tokens = OutgoingTokens(
        keyring,
        clock,
        access,
        scopes=lambda: [type_scope(name) for name in trust.types()],
        wallet_mark=lambda: held[0].mark() if held else "",
    )
    peers = HttpPeers(
        parts.egress,
        tokens,
        clock,
        own_document=document,
        own_status_list=lists.behind,
        own_status_prefix=f"{parts.base}/status/",
    )
    verifier = VerifyCredentials(
        peers,
        clock,
        trust,
        status_max_age=settings.status_max_age,
        allow_unsigned_status_list=settings.unsigned_status_lists,
    )
    wallet = Wallet(
        stores.uow,
        stores.identity,
        peers,
        keyring,
        clock,
        access,
        verifier,
        journal=journal,
        refuse_excess=settings.refuse_excess_scopes,
    )
    held.append(wallet)
    blocks = Blocks(stores.uow, stores.meta, journal, clock, me=parts.me)
    return People(
        allegiance=allegiance,
        trust=trust,
        peers=peers,
        tokens=tokens,
        participants=IdentifyParticipant(
            stores.uow,
            stores.identity,
            peers,
            keyring,
            clock,
            trust,
            notes=stores.meta,
            blocks=blocks,
            verifier=verifier,
            status_max_age=settings.status_max_age,
            required_types=settings.required_credentials,
            presentation_max_age=settings.presentation_max_age,
            # Whoever wants presentations fresh wants those fresh in which something was missing, and those whose
            # holder cannot be reached, too.
            incomplete_max_age=min(INCOMPLETE_MAX_AGE, settings.presentation_max_age),
            presentation_grace=10 * settings.presentation_max_age,
        ),
        blocks=blocks,
        persons=IdentifyPerson(
            stores.uow,
            stores.identity,
            clock,
            keyring.did,
            terminal_token=terminal,
            required=settings.second_factor == "required",
        ),
        accounts=Accounts(
            stores.uow,
            stores.identity,
            clock,
            journal=LedgerJournal(note, EntryKind.NODE),
            terminal_token=terminal,
            token_days=settings.token_days,
        ),
        sign_in=SignIn(stores.uow, stores.identity, clock, second_factor=second_factor),
        second_factor=second_factor,
        wallet=wallet,
        requests=RequestCredential(stores.uow, stores.identity, peers, keyring, clock, journal=journal),
        issuing=_issuing(parts, peers, lists, journal) if settings.issuer else None,
        deliver=DeliverCredential(peers),
        own_document=document,
    )


def _terminal_token(parts: Parts) -> str | None:
    """The hash of the API token in the data folder, where there is one."""
    file = parts.places.token
    return token_hash(file.read_text("ascii").strip()) if file.is_file() else None


def _configured_trust(parts: Parts) -> dict[str, tuple[str, ...]]:
    settings = parts.settings
    trust = {name: tuple(dids) for name, dids in settings.trust.items()}
    own = (*((settings.region,) if settings.region else ()), *((parts.me,) if settings.issuer else ()))
    for name in (*settings.issues, *settings.audiences.values()):
        if own:
            trust[name] = tuple(dict.fromkeys((*trust.get(name, ()), *own)))
    return trust


def _supported(settings: Settings, credential_type: str) -> Supported:
    profile = settings.credential_profiles.get(credential_type, VC20)
    return Supported(
        credential_type=credential_type, profile=profile, format=settings.credential_formats.get(profile, "")
    )


def _issuing(parts: Parts, peers: HttpPeers, lists: StatusLists, journal: LedgerJournal) -> Issuing:
    stores, settings = parts.stores, parts.settings
    supported = [_supported(settings, name) for name in settings.issues]

    def claims(application: Application, entry: Supported, issuer: str) -> dict[str, Any]:
        said = claims_of(application, entry, issuer)
        contact = application.accession.get("contact")
        return {**said, **({"contact": contact} if contact else {})}

    return Issuing(
        receive=ReceiveApplication(
            stores.uow,
            stores.identity,
            peers,
            parts.keyring,
            parts.clock,
            supported,
            parts.base,
            journal=journal,
        ),
        decide=DecideApplication(
            stores.uow,
            stores.identity,
            stores.outbox,
            parts.keyring,
            parts.clock,
            supported,
            parts.base,
            claims=claims,
            journal=journal,
        ),
        revoke=RevokeCredential(stores.uow, stores.identity, parts.clock, lists, journal=journal),
        lists=lists,
    )


class Admissions:
    """The issuer's decisions, as ``node.negotiation.decisions`` wants them. ``admitted`` is told the new member."""

    def __init__(
        self,
        parts: Parts,
        issuing: Issuing,
        *,
        wake: Callable[[], None],
        admitted: Callable[[str, str], Awaitable[None]],
    ) -> None:
        self._parts = parts
        self._issuing = issuing
        self._wake = wake
        self._admitted = admitted

    def waiting(self) -> list[Application]:
        """Applications that nobody has decided."""
        stores = self._parts.stores
        with stores.uow.read() as tx:
            return list(stores.identity.applications(tx, ApplicationState.RECEIVED))

    async def decide(self, application_id: str, *, approve: bool, by: str, reason: str | None) -> Application:
        """Admit or refuse."""
        if approve:
            await run_sync(lambda: self._issuing.decide.approve(application_id, by))
        else:
            why = reason or "the application was not accepted"
            await run_sync(lambda: self._issuing.decide.reject(application_id, by, why))
        self._wake()
        decided = await run_sync(self._find, application_id)
        if approve:
            await self._admitted(decided.holder, by)
        return decided

    def _find(self, application_id: str) -> Application:
        stores = self._parts.stores
        with stores.uow.read() as tx:
            found = stores.identity.application(tx, application_id)
        assert found is not None, "it was decided a moment ago"
        return found


class RulebookInForce:
    """The rulebook that agreements name: a region's own, else that of the region which was joined.

    A region's own is looked up at most once a second: decisions about whole pages of results ask for it.
    """

    def __init__(self, parts: Parts, people: People) -> None:
        self._parts = parts
        self._people = people
        self._own: dict[str, Any] | None = None
        self._looked = -1.0

    def __call__(self) -> dict[str, Any] | None:
        if not self._parts.settings.issuer:
            return self._people.allegiance.rulebook
        now = time.monotonic()
        if now - self._looked > 1.0:
            self._own, self._looked = own_rulebook(self._parts.stores, self._parts.me), now
        return self._own


class Ourselves:
    """This node as its peers see it: its DID with the credentials that it holds and that stand."""

    def __init__(self, me: str, wallet: Wallet) -> None:
        self._me = me
        self._wallet = wallet
        self._seen = Caller(did=me)

    async def look(self) -> Caller:
        """Fresh, status lists asked."""
        checked = await self._wallet.check_status()
        self._seen = Caller(
            did=self._me,
            credentials=tuple(one for one in checked if isinstance(one, Credential)),
            rejected=tuple(one for one in checked if isinstance(one, Rejected)),
        )
        return self._seen

    @property
    def seen(self) -> Caller:
        """As it was when it last looked."""
        return self._seen


def audience_rules(parts: Parts, trust: TrustList) -> tuple[AudienceRule, ...]:
    """The audiences of the settings, with the issuers that count now."""
    return tuple(
        AudienceRule(name=name, credential_type=kind, issuers=tuple(sorted(trust.issuers(kind))))
        for name, kind in parts.settings.audiences.items()
    )


def verify_signature(text: str, signer: DidDocument) -> bytes:
    """The payload of a compact JWS by a key of ``signer`` that may assert (DID Core §5.3.2). Raises."""
    jws = read_jws(text)
    if jws.kid_did not in (None, signer.id):
        raise InvalidInput("the signature names another signer's key")
    verify_jws(jws, key_for(signer, jws.kid, "assertionMethod"))
    return jws.payload


def seal_key(document: DidDocument) -> bytes | None:
    """The X25519 key that the document lists for sealing."""
    return sealing_key(document)
