"""Request presentations from participants, verify them, and keep them for a while (DCP 1.0 §5).

To identify a caller, we may have to fetch its DID document, query its credential service, and fetch its issuer's
status list before we answer. These requests are awaited on the event loop, outside threads and transactions: a
handler in a thread could wait for a peer that waits for one of our threads, and neither would ever go on.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import anyio
import anyio.to_thread

from node.base.clock import Clock, is_younger, moment, stamp
from node.base.errors import ForbiddenAddress, InvalidInput, Overloaded, PeerUnreachable, TooLarge, Unauthenticated
from node.base.jsons import canonical, read_object
from node.base.work import UnitOfWork
from node.identity.credentials.credentials import UnverifiedCredential
from node.identity.credentials.presentations import (
    MAX_CREDENTIALS,
    MAX_PRESENTATIONS,
    read_presentation,
    verify_presentation,
)
from node.identity.credentials.trust import Trust
from node.identity.credentials.verification import VerifyCredentials
from node.identity.documents import checked_against
from node.identity.messages import type_scope
from node.identity.model import Credential, Rejection
from node.identity.ports import Notes, Peers
from node.identity.shared_requests import SharedRequests
from node.identity.tokens import IdToken

_PEERS_KEPT: Final = 2048
_INCOMPLETE: Final = timedelta(seconds=5)
"""The time for which an incomplete presentation is used: the missing credentials may be issued at any moment."""
_GRACES: Final = 10
"""The multiple of the maximum age at which a presentation is still used if no new one is available."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentedCredentials:
    """The verified credentials that a participant showed last; their status is checked again at each access.

    ``wallet`` is the mark of its wallet at that time, ``trust`` our trusted issuers by type at that time.
    ``complete``: no credential that counts here was missing. ``settled``: no check failed for a temporary reason.
    """

    at: datetime
    credentials: tuple[Credential, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    wallet: str | None = None
    trust: tuple[tuple[str, frozenset[str]], ...] = ()
    complete: bool = False
    settled: bool = True

    @property
    def texts(self) -> frozenset[str]:
        """Return the credentials as received."""
        return frozenset(credential.jwt for credential in self.credentials)


class Presentations:
    """Requests the credentials of participants, and keeps them.

    A presentation is used for ``max_age`` seconds, or for five if credentials were missing that may have been issued
    since. If the peer sends a wallet mark in the token, the mark shows at once whether the credentials have changed.
    ``notes`` keeps the presented credentials across restarts.
    """

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        notes: Notes,
        peers: Peers,
        verifier: VerifyCredentials,
        trust: Trust,
        clock: Clock,
        me: str,
        required_types: Sequence[str] = (),
        max_age: float = 60.0,
        max_queries: int = 64,
        max_waiting: int = 512,
    ) -> None:
        """``required_types`` are requested in addition to the types in ``trust``."""
        self._uow = uow
        self._notes = notes
        self._peers = peers
        self._verifier = verifier
        self._trust = trust
        self._clock = clock
        self._me = me
        self._required = tuple(sorted(required_types))
        self._max_age = timedelta(seconds=max_age)
        # A smaller maximum age also applies to incomplete presentations and to those of unreachable holders.
        self._incomplete_max_age = min(_INCOMPLETE, self._max_age)
        self._grace = _GRACES * self._max_age
        self._recent: OrderedDict[str, PresentedCredentials] = OrderedDict()
        self._requests: SharedRequests[PresentedCredentials] = SharedRequests()
        self._queries = asyncio.Semaphore(max_queries)
        self._max_waiting = max_waiting
        self._waiting = 0
        self._threads = anyio.CapacityLimiter(4)

    async def of(self, token: IdToken) -> PresentedCredentials:
        """Return the credentials that the sender of ``token`` shows now; none if its token allows no query.

        Raises ``Unauthenticated`` if the presentation is not valid, ``PeerUnreachable`` if the participant cannot be
        queried now, ``Overloaded`` if too many queries are running already.
        """
        if token.access_token is None or not self._credential_types():
            return PresentedCredentials(at=self._clock.now())
        credentials = self._recent.get(token.issuer)
        if credentials is not None and self._is_fresh(credentials, token):
            return credentials
        try:
            return await self._requests.join(f"{token.issuer} {token.wallet}", lambda: self._query_in_turn(token))
        except PeerUnreachable:
            # The participant has just called us, so it is running: its last presentation still identifies it.
            if credentials is not None and is_younger(credentials.at, self._clock.now(), self._grace):
                return credentials
            raise

    async def last(self, did: str) -> PresentedCredentials:
        """Return the credentials that the participant showed last, also before a restart; none if it showed none."""
        return self._recent.get(did) or await self._recall(did)

    def _is_fresh(self, presentation: PresentedCredentials, token: IdToken) -> bool:
        if presentation.trust != self._trust_mark():
            return False
        known_wallet = token.wallet is not None and presentation.settled
        if known_wallet and presentation.wallet != token.wallet:
            return False
        long = presentation.complete or known_wallet
        return is_younger(presentation.at, self._clock.now(), self._max_age if long else self._incomplete_max_age)

    def _trust_mark(self) -> tuple[tuple[str, frozenset[str]], ...]:
        return tuple((name, self._trust.issuers(name)) for name in self._trust.types())

    def _credential_types(self) -> tuple[str, ...]:
        names = dict.fromkeys((*self._trust.types(), *self._required))
        return tuple(type_scope(name) for name in names)

    async def _query_in_turn(self, token: IdToken) -> PresentedCredentials:
        if self._waiting >= self._max_waiting:
            raise Overloaded("too many participants are being identified at once")
        self._waiting += 1
        try:
            async with self._queries:
                credentials = await self._query(token)
        finally:
            self._waiting -= 1
        before = self._recent.get(token.issuer)
        self._remember(token.issuer, credentials)
        if before is None or before.texts != credentials.texts:
            await anyio.to_thread.run_sync(self._keep, token.issuer, credentials, limiter=self._threads)
        return credentials

    async def _query(self, token: IdToken) -> PresentedCredentials:
        """Query the holder's credential service and verify its answer (DCP 1.0 §5.4)."""
        assert token.access_token is not None
        now = self._clock.now()
        document = await self._peers.did_document(token.issuer)
        if document.service("CredentialService") is None:
            return PresentedCredentials(at=now, wallet=token.wallet, trust=self._trust_mark())
        try:
            entries = await self._peers.presentations(document, token.access_token, self._credential_types())
        except (InvalidInput, ForbiddenAddress, TooLarge) as error:
            raise Unauthenticated(f"the caller's credential service is of no use: {error.detail}") from error
        if len(entries) > MAX_PRESENTATIONS:
            raise Unauthenticated(f"more than {MAX_PRESENTATIONS} presentations were shown")
        credentials_by_id: dict[str, UnverifiedCredential] = {}
        rejections: list[Rejection] = []
        for entry in entries:
            presentation = read_presentation(entry)
            await checked_against(
                self._peers,
                token.issuer,
                lambda document, one=presentation: verify_presentation(  # type: ignore[misc]
                    one, holder=document, audience=self._me, now=now
                ),
            )
            credentials_by_id.update((credential.jws.text, credential) for credential in presentation.credentials)
            rejections.extend(presentation.unreadable)
        if len(credentials_by_id) > MAX_CREDENTIALS:
            raise Unauthenticated(f"more than {MAX_CREDENTIALS} credentials were shown")
        outcomes = [
            await self._verifier.verify(presentation, token.issuer) for presentation in credentials_by_id.values()
        ]
        credentials = tuple(outcome for outcome in outcomes if isinstance(outcome, Credential))
        rejections.extend(outcome for outcome in outcomes if isinstance(outcome, Rejection))
        have = {name for credential in credentials for name in credential.types}
        return PresentedCredentials(
            at=now,
            credentials=credentials,
            rejections=tuple(rejections),
            wallet=token.wallet,
            trust=self._trust_mark(),
            complete=have.issuperset(self._trust.types()),
            settled=not any(rejection.transient for rejection in rejections),
        )

    async def _recall(self, did: str) -> PresentedCredentials:
        presentation = await anyio.to_thread.run_sync(self._stored_presentation, did, limiter=self._threads)
        if presentation is None:
            return PresentedCredentials(at=self._clock.now())
        texts, at = presentation
        outcomes = [await self._verifier.verify_text(text, did) for text in texts]
        credentials = PresentedCredentials(
            at=at,
            credentials=tuple(outcome for outcome in outcomes if isinstance(outcome, Credential)),
            rejections=tuple(outcome for outcome in outcomes if isinstance(outcome, Rejection)),
        )
        if not any(rejection.transient for rejection in credentials.rejections):
            self._remember(did, credentials)
        return credentials

    def _remember(self, did: str, presentation: PresentedCredentials) -> None:
        self._recent[did] = presentation
        self._recent.move_to_end(did)
        if len(self._recent) > _PEERS_KEPT:
            self._recent.popitem(last=False)

    def _keep(self, did: str, presentation: PresentedCredentials) -> None:
        note = canonical({"at": stamp(presentation.at), "credentials": sorted(presentation.texts)}).decode()
        with self._uow.begin() as tx:
            self._notes.put(tx, _note_key(did), note)

    def _stored_presentation(self, did: str) -> tuple[Sequence[str], datetime] | None:
        with self._uow.read() as tx:
            note = self._notes.get(tx, _note_key(did))
        if note is None:
            return None
        body = read_object(note)
        return body["credentials"], moment(body["at"])


def _note_key(did: str) -> str:
    return f"presentation {did}"
