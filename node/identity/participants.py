"""Who calls? A participant's token, and the credentials that stand behind it (DCP 1.0 §4.3, §5).

To know a caller we may have to call it back, before we answer: its DID document, its credential service, its
issuer's status list. All of that is awaited on the event loop, outside threads and transactions, since a
handler that waited in a thread for a peer which waits for one of our threads would wait for ever.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import anyio
import anyio.to_thread

from node.base.clock import Clock, is_younger, moment, stamp
from node.base.errors import (
    ForbiddenAddress,
    InvalidInput,
    Overloaded,
    PeerUnreachable,
    TooLarge,
    Unauthenticated,
)
from node.base.jsons import canonical, read_object
from node.base.work import UnitOfWork
from node.identity.blocking import Blocks
from node.identity.credentials.credentials import UnverifiedCredential
from node.identity.credentials.presentations import (
    MAX_CREDENTIALS,
    MAX_PRESENTATIONS,
    read_presentation,
    verify_presentation,
)
from node.identity.credentials.trust import Trust
from node.identity.credentials.verification import VerifyCredentials
from node.identity.documents import UnknownKey
from node.identity.flights import Flights
from node.identity.messages import type_scope
from node.identity.model import Caller, Credential, DidDocument, Rejected
from node.identity.ports import IdentityStore, KeyRing, Notes, Peers
from node.identity.replay import ReplayGuard
from node.identity.tokens import IdToken, read_token, verify_token

_PEERS_KEPT = 2048
INCOMPLETE_MAX_AGE = 5.0
"""Seconds for which a presentation is used in which something was missing that may be issued any moment."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a participant showed us last, verified; the status is asked again at each access.

    ``wallet`` is the mark of its wallet then, ``trust`` whom we believed what; ``complete`` tells that nothing
    was missing that counts here, ``settled`` that nothing failed for a reason that passes by itself.
    """

    at: datetime
    credentials: tuple[Credential, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    wallet: str | None = None
    trust: tuple[tuple[str, frozenset[str]], ...] = ()
    complete: bool = False
    settled: bool = True


class IdentifyParticipant:
    """Turns the ``Authorization`` of another node into a ``Caller``.

    A presentation is used for ``presentation_max_age`` seconds, or for ``incomplete_max_age`` where
    credentials were missing that may have been issued since; a wallet mark in the token, where the peer sends
    one, settles the question at once. Everybody without valid credentials of all ``required_types`` is turned
    away; normally there are none, and it is for policies to say what a caller may do. ``notes`` keeps what was
    presented across restarts; without it ``recheck`` knows only those who called since.
    """

    def __init__(
        self,
        uow: UnitOfWork,
        store: IdentityStore,
        peers: Peers,
        keyring: KeyRing,
        clock: Clock,
        trust: Trust,
        *,
        notes: Notes | None = None,
        blocks: Blocks | None = None,
        verifier: VerifyCredentials | None = None,
        replay: ReplayGuard | None = None,
        scopes: Sequence[str] = (),
        required_types: Sequence[str] = (),
        status_max_age: float = 60.0,
        presentation_max_age: float = 60.0,
        incomplete_max_age: float = INCOMPLETE_MAX_AGE,
        presentation_grace: float = 600.0,
        max_queries: int = 64,
        max_waiting: int = 512,
    ) -> None:
        self._uow = uow
        self._notes = notes
        self._blocks = blocks
        self._peers = peers
        self._did = keyring.did
        self._clock = clock
        self._trust = trust
        self._verifier = verifier or VerifyCredentials(peers, clock, trust, status_max_age=status_max_age)
        self._replay = replay or ReplayGuard(uow, store, clock)
        self._scopes = tuple(scopes)
        self._required = frozenset(required_types)
        self._max_age = timedelta(seconds=presentation_max_age)
        self._incomplete_max_age = timedelta(seconds=incomplete_max_age)
        self._grace = timedelta(seconds=presentation_grace)
        self._held: OrderedDict[str, Held] = OrderedDict()
        self._flights: Flights[Held] = Flights()
        self._queries = asyncio.Semaphore(max_queries)
        self._max_waiting = max_waiting
        self._waiting = 0
        self._threads = anyio.CapacityLimiter(4)

    async def identify(self, authorization: str | None) -> Caller:
        """The caller behind an ``Authorization`` header.

        A token without the ``token`` claim identifies a participant that shows no credentials. Raises
        ``Unauthenticated`` where token or presentation does not hold, ``PeerUnreachable`` where the caller
        cannot be asked just now, ``Overloaded`` where too many callers are being asked already.
        """
        token = await self.authenticate(authorization)
        caller = await self._judge(token.issuer, await self._presented(token))
        missing = self._required.difference(*(credential.types for credential in caller.credentials))
        if missing:
            raise Unauthenticated(f"a valid {sorted(missing)[0]} is required here")
        return caller

    async def authenticate(self, authorization: str | None) -> IdToken:
        """The verified token alone, for doors that need no credentials; its ``jti`` is used up by this.

        Raises ``Unauthenticated``, ``PeerUnreachable`` where the caller's DID document cannot be fetched, and
        ``NotAllowed`` where ``blocks`` has it.
        """
        token = read_token(bearer_of(authorization), audience=self._did, now=self._clock.now())
        try:
            verified = await self._with_document(token.issuer, lambda document: verify_token(token, document))
        except (InvalidInput, ForbiddenAddress, TooLarge) as error:
            raise Unauthenticated(f"the DID of the token cannot be resolved: {error.detail}") from error
        if not await self._replay.use(verified.issuer, verified.jti, verified.expires):
            raise Unauthenticated("the token was used before", remedy="make a fresh token for each request")
        await self._require_welcome(verified.issuer)
        return verified

    async def _require_welcome(self, did: str) -> None:
        if self._blocks is not None:
            await self._blocks.require_welcome(did)

    async def recheck(self, did: str) -> Caller:
        """The participant as it stands at this moment, from what it presented last and fresh status lists.

        For accesses that come with another kind of token, such as the bytes of a transfer; works after a
        restart, since presentations are kept. A participant that never presented anything has no credentials.
        Raises ``NotAllowed`` where ``blocks`` has it.
        """
        await self._require_welcome(did)
        presented = self._held.get(did) or await self._recalled(did)
        return await self._judge(did, presented)

    def forget(self, did: str) -> None:
        """Ask this participant for its credentials again when it calls next."""
        self._held.pop(did, None)

    async def _presented(self, token: IdToken) -> Held:
        if token.access_token is None or not self._wanted():
            return Held(at=self._clock.now())
        presented = self._held.get(token.issuer)
        if presented is not None and self._is_fresh(presented, token):
            return presented
        try:
            return await self._flights.join(f"{token.issuer} {token.wallet}", lambda: self._query_in_turn(token))
        except PeerUnreachable:
            # It did call us, so it lives: what it showed a moment ago still says who it is.
            if presented is not None and is_younger(presented.at, self._clock.now(), self._grace):
                return presented
            raise

    def _is_fresh(self, presented: Held, token: IdToken) -> bool:
        if presented.trust != self._trust_mark():
            return False
        known_wallet = token.wallet is not None and presented.settled
        if known_wallet and presented.wallet != token.wallet:
            return False
        long = presented.complete or known_wallet
        return is_younger(presented.at, self._clock.now(), self._max_age if long else self._incomplete_max_age)

    def _trust_mark(self) -> tuple[tuple[str, frozenset[str]], ...]:
        return tuple((name, self._trust.issuers(name)) for name in self._trust.types())

    def _wanted(self) -> tuple[str, ...]:
        names = dict.fromkeys((*self._trust.types(), *sorted(self._required)))
        return self._scopes or tuple(type_scope(name) for name in names)

    async def _query_in_turn(self, token: IdToken) -> Held:
        if self._waiting >= self._max_waiting:
            raise Overloaded("too many participants are being identified at once")
        self._waiting += 1
        try:
            async with self._queries:
                presented = await self._query(token)
        finally:
            self._waiting -= 1
        before = self._held.get(token.issuer)
        self._remember(token.issuer, presented)
        if before is None or _texts(before) != _texts(presented):
            await anyio.to_thread.run_sync(self._keep, token.issuer, presented, limiter=self._threads)
        return presented

    async def _query(self, token: IdToken) -> Held:
        """Ask the holder's credential service and verify what it shows (DCP 1.0 §5.4)."""
        assert token.access_token is not None
        now = self._clock.now()
        document = await self._peers.did_document(token.issuer)
        if document.service("CredentialService") is None:
            return Held(at=now, wallet=token.wallet, trust=self._trust_mark())
        try:
            entries = await self._peers.presentations(document, token.access_token, self._wanted())
        except (InvalidInput, ForbiddenAddress, TooLarge) as error:
            raise Unauthenticated(f"the caller's credential service is of no use: {error.detail}") from error
        if len(entries) > MAX_PRESENTATIONS:
            raise Unauthenticated(f"more than {MAX_PRESENTATIONS} presentations were shown")
        shown: dict[str, UnverifiedCredential] = {}
        rejected: list[Rejected] = []
        for entry in entries:
            presentation = read_presentation(entry)
            await self._with_document(
                token.issuer,
                lambda document, one=presentation: verify_presentation(  # type: ignore[misc]
                    one, holder=document, audience=self._did, now=now
                ),
            )
            shown.update((credential.jws.text, credential) for credential in presentation.credentials)
            rejected.extend(presentation.unreadable)
        if len(shown) > MAX_CREDENTIALS:
            raise Unauthenticated(f"more than {MAX_CREDENTIALS} credentials were shown")
        outcomes = [await self._verifier.verify(presentation, token.issuer) for presentation in shown.values()]
        credentials = tuple(outcome for outcome in outcomes if isinstance(outcome, Credential))
        rejected.extend(outcome for outcome in outcomes if isinstance(outcome, Rejected))
        have = {name for credential in credentials for name in credential.types}
        return Held(
            at=now,
            credentials=credentials,
            rejected=tuple(rejected),
            wallet=token.wallet,
            trust=self._trust_mark(),
            complete=have.issuperset(self._trust.types()),
            settled=not any(rejection.transient for rejection in rejected),
        )

    async def _judge(self, did: str, presented: Held) -> Caller:
        outcomes = [await self._verifier.check_status(credential) for credential in presented.credentials]
        return Caller(
            did=did,
            credentials=tuple(outcome for outcome in outcomes if isinstance(outcome, Credential)),
            rejected=(*presented.rejected, *(outcome for outcome in outcomes if isinstance(outcome, Rejected))),
        )

    async def _with_document(self, did: str, check: Callable[[DidDocument], T]) -> T:
        """``check`` with the DID document of ``did``, and once more with a fresh copy where a key is unknown."""
        try:
            return check(await self._peers.did_document(did))
        except UnknownKey:
            return check(await self._peers.did_document(did, fresh=True))

    async def _recalled(self, did: str) -> Held:
        stored = await anyio.to_thread.run_sync(self._kept, did, limiter=self._threads)
        if stored is None:
            return Held(at=self._clock.now())
        texts, at = stored
        outcomes = [await self._verifier.verify_text(text, did) for text in texts]
        presented = Held(
            at=at,
            credentials=tuple(outcome for outcome in outcomes if isinstance(outcome, Credential)),
            rejected=tuple(outcome for outcome in outcomes if isinstance(outcome, Rejected)),
        )
        if not any(rejection.transient for rejection in presented.rejected):
            self._remember(did, presented)
        return presented

    def _remember(self, did: str, presented: Held) -> None:
        self._held[did] = presented
        self._held.move_to_end(did)
        if len(self._held) > _PEERS_KEPT:
            self._held.popitem(last=False)

    def _keep(self, did: str, presented: Held) -> None:
        if self._notes is None:
            return
        note = canonical({"at": stamp(presented.at), "credentials": sorted(_texts(presented))}).decode()
        with self._uow.begin() as tx:
            self._notes.put(tx, _note_key(did), note)

    def _kept(self, did: str) -> tuple[Sequence[str], datetime] | None:
        if self._notes is None:
            return None
        with self._uow.read() as tx:
            note = self._notes.get(tx, _note_key(did))
        if note is None:
            return None
        body = read_object(note)
        return body["credentials"], moment(body["at"])


def _note_key(did: str) -> str:
    return f"presentation {did}"


def _texts(presented: Held) -> frozenset[str]:
    return frozenset(credential.jwt for credential in presented.credentials)


def bearer_of(authorization: str | None) -> str:
    """The token in an ``Authorization: Bearer`` header. Raises ``Unauthenticated``."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("no token", remedy="send the header Authorization: Bearer <token>")
    return token.strip()
