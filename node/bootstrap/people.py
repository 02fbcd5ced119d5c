"""Puts identity together: how this node proves who it is, and how it identifies others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from node.adapters.keys import FileKeyRing
from node.adapters.oidc.client import OidcProviders
from node.adapters.peers.http import HttpPeers
from node.base.clock import Clock
from node.base.work import Transaction
from node.bootstrap.parts import Parts, Stores
from node.catalogue.accession import Allegiance
from node.identity.accounts.accounts import Accounts
from node.identity.accounts.hashes import stored_token_hash
from node.identity.accounts.invitations import Invitations
from node.identity.accounts.oversight import AccountOversight
from node.identity.accounts.provider_sign_in import SignInByProvider
from node.identity.accounts.secondfactor import SecondFactor
from node.identity.accounts.sign_in import SignIn
from node.identity.blocks import Blocks
from node.identity.credentials.access_tokens import AccessTokens, OutgoingTokens
from node.identity.credentials.admissions import Admissions
from node.identity.credentials.issuance import (
    DecideApplication,
    DeliverCredential,
    ReceiveApplication,
    SupportedCredential,
    claims_with_contact,
)
from node.identity.credentials.membership import RequestCredential
from node.identity.credentials.requested_presentations import Presentations
from node.identity.credentials.revocation import ChangeCredentialStatus, StatusLists
from node.identity.credentials.trust import TrustList, configured_trust
from node.identity.credentials.verification import VerifyCredentials
from node.identity.credentials.wallet import Wallet
from node.identity.documents import OwnDocument
from node.identity.identification import IdentifyPerson
from node.identity.messages import VC20, type_scope
from node.identity.model import DidDocument
from node.identity.participants import IdentifyParticipant
from node.identity.replay import ReplayGuard
from node.identity.rotation import ChangeKeys
from node.ledger.ports import Append
from node.settings import Settings
from node.settings.providers import provider_of


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerParts:
    """The parts of an issuer, for a node that admits members."""

    receive: ReceiveApplication
    decide: DecideApplication
    status: ChangeCredentialStatus
    lists: StatusLists


@dataclass(frozen=True, slots=True, kw_only=True)
class UserParts:
    """The parts for the users of this node: who they are, how they sign in, how their accounts are looked after."""

    persons: IdentifyPerson
    accounts: Accounts
    oversight: AccountOversight
    invitations: Invitations
    provider_sign_in: SignInByProvider
    sign_in: SignIn
    second_factor: SecondFactor


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """All of identity."""

    allegiance: Allegiance
    trust: TrustList
    peers: HttpPeers
    tokens: OutgoingTokens
    participants: IdentifyParticipant
    blocks: Blocks
    users: UserParts
    wallet: Wallet
    requests: RequestCredential
    issuing: IssuerParts | None
    deliver: DeliverCredential
    own_document: Callable[[], DidDocument]

    @property
    def document(self) -> DidDocument:
        """Return our own DID document, with the present keys."""
        return self.own_document()


def _trust(parts: Parts) -> tuple[TrustList, Allegiance]:
    settings, own = parts.settings, parts.me if parts.settings.issuer else None
    trust_from_settings = configured_trust(
        settings.trust, (*settings.issues, *settings.audiences.values()), region=settings.region, issuer=own
    )
    trust = TrustList(trust_from_settings)
    return trust, Allegiance(
        uow=parts.stores.uow,
        notes=parts.stores.meta,
        trust=trust,
        settings=trust_from_settings,
        region=settings.region,
        own=own,
    )


def identity(parts: Parts, append: Append) -> People:
    """Put identity together."""
    settings, stores, clock, keyring = parts.settings, parts.stores, parts.clock, parts.keyring
    own_document = OwnDocument(keyring, parts.base, issuer=settings.issuer)
    trust, allegiance = _trust(parts)
    allegiance.load()
    lists = StatusLists(stores.uow, stores.identity, keyring, clock, parts.base)
    access = AccessTokens(keyring, clock)
    wallets: list[Wallet] = []
    tokens = OutgoingTokens(
        keyring,
        clock,
        access,
        scopes=lambda: [type_scope(name) for name in trust.types()],
        wallet_mark=lambda: wallets[0].mark() if wallets else "",
    )
    peers = HttpPeers(
        parts.egress,
        tokens,
        clock,
        own_document=own_document,
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
        append=append,
        refuse_excess=settings.refuse_excess_scopes,
    )
    wallets.append(wallet)
    blocks = Blocks(stores.uow, stores.meta, append, clock, me=parts.me, alone=settings.is_embedded)
    return People(
        allegiance=allegiance,
        trust=trust,
        peers=peers,
        tokens=tokens,
        participants=_participants(parts, peers, trust, blocks, verifier),
        blocks=blocks,
        users=_users(parts, append),
        wallet=wallet,
        requests=RequestCredential(stores.uow, stores.identity, peers, keyring, clock, append=append),
        issuing=_issuing(parts, peers, lists, append) if settings.issuer else None,
        deliver=DeliverCredential(peers),
        own_document=own_document,
    )


def _users(parts: Parts, append: Append) -> UserParts:
    stores, clock = parts.stores, parts.clock
    accounts = _accounts(parts, append)
    second_factor = SecondFactor(
        stores.uow, stores.identity, parts.keyring, clock, issuer=parts.settings.name, append=append
    )
    return UserParts(
        persons=_persons(parts),
        accounts=accounts,
        oversight=AccountOversight(
            stores.uow,
            stores.identity,
            stores.ledger,
            clock,
            append=append,
            on_removal=lambda tx, login: _forget_person(stores, tx, login),
        ),
        invitations=_invitations(parts, accounts, append),
        provider_sign_in=_provider_sign_in(parts, append),
        sign_in=SignIn(stores.uow, stores.identity, clock, second_factor=second_factor),
        second_factor=second_factor,
    )


def _forget_person(stores: Stores, tx: Transaction, login: str) -> None:
    stores.catalogue.subscriptions.drop_person(tx, login)
    stores.catalogue.questions.forget_person(tx, login)


def _persons(parts: Parts) -> IdentifyPerson:
    settings, stores, clock, keyring = parts.settings, parts.stores, parts.clock, parts.keyring
    return IdentifyPerson(
        stores.uow,
        stores.identity,
        clock,
        keyring.did,
        terminal_token=stored_token_hash(parts.places.token),
        required=settings.second_factor == "required",
    )


def _accounts(parts: Parts, append: Append) -> Accounts:
    settings, stores, clock = parts.settings, parts.stores, parts.clock
    return Accounts(
        stores.uow,
        stores.identity,
        clock,
        append=append,
        terminal_token=stored_token_hash(parts.places.token),
        token_days=settings.token_days,
    )


def _invitations(parts: Parts, accounts: Accounts, append: Append) -> Invitations:
    stores = parts.stores
    return Invitations(
        stores.uow,
        stores.identity,
        parts.clock,
        accounts,
        base=parts.base,
        append=append,
        terminal_token=stored_token_hash(parts.places.token),
    )


def _provider_sign_in(parts: Parts, append: Append) -> SignInByProvider:
    settings, stores, clock = parts.settings, parts.stores, parts.clock
    return SignInByProvider(
        stores.uow,
        stores.identity,
        parts.keyring,
        clock,
        OidcProviders(parts.egress, clock),
        [provider_of(name, one, settings.folder) for name, one in settings.identity_providers.items()],
        base=parts.base,
        append=append,
    )


def _participants(
    parts: Parts, peers: HttpPeers, trust: TrustList, blocks: Blocks, verifier: VerifyCredentials
) -> IdentifyParticipant:
    settings, stores, clock = parts.settings, parts.stores, parts.clock
    return IdentifyParticipant(
        peers=peers,
        clock=clock,
        me=parts.me,
        presentations=Presentations(
            uow=stores.uow,
            notes=stores.meta,
            peers=peers,
            verifier=verifier,
            trust=trust,
            clock=clock,
            me=parts.me,
            required_types=settings.required_credentials,
            max_age=settings.presentation_max_age,
        ),
        verifier=verifier,
        replay=ReplayGuard(stores.uow, stores.identity, clock),
        blocks=blocks,
        required_types=settings.required_credentials,
    )


def _supported_credential(settings: Settings, credential_type: str) -> SupportedCredential:
    profile = settings.credential_profiles.get(credential_type, VC20)
    return SupportedCredential(
        credential_type=credential_type, profile=profile, format=settings.credential_formats.get(profile, "")
    )


def _issuing(parts: Parts, peers: HttpPeers, lists: StatusLists, append: Append) -> IssuerParts:
    stores, settings = parts.stores, parts.settings
    credentials = [_supported_credential(settings, name) for name in settings.issues]

    return IssuerParts(
        receive=ReceiveApplication(
            stores.uow,
            stores.identity,
            peers,
            parts.keyring,
            parts.clock,
            credentials,
            parts.base,
            append=append,
        ),
        decide=DecideApplication(
            stores.uow,
            stores.identity,
            stores.outbox,
            parts.keyring,
            parts.clock,
            credentials,
            parts.base,
            claims=claims_with_contact,
            append=append,
        ),
        status=ChangeCredentialStatus(stores.uow, stores.identity, parts.clock, lists, append=append),
        lists=lists,
    )


def admissions(
    parts: Parts,
    people: People,
    *,
    wake: Callable[[], None],
    on_admission: Callable[[str, str], Awaitable[None]],
) -> Admissions | None:
    """Return the use case for decisions about applications; None if the node is not an issuer."""
    if people.issuing is None:
        return None
    return Admissions(
        uow=parts.stores.uow,
        store=parts.stores.identity,
        application=people.issuing.decide,
        wake=wake,
        on_admission=on_admission,
    )


def change_keys(stores: Stores, keyring: FileKeyRing, append: Append, clock: Clock) -> ChangeKeys:
    """Return the use case, over these stores and this ring."""
    return ChangeKeys(stores.uow, stores.meta, keyring, append, clock)
