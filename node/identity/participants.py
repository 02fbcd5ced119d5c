"""Identify a participant by its token and its credentials (DCP 1.0 §4.3, §5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from node.base.clock import Clock
from node.base.errors import ForbiddenAddress, InvalidInput, TooLarge, Unauthenticated
from node.identity.blocks import Blocks
from node.identity.credentials.requested_presentations import Presentations, PresentedCredentials
from node.identity.credentials.verification import VerifyCredentials
from node.identity.documents import checked_against
from node.identity.model import Caller, Credential, Rejection
from node.identity.ports import Peers
from node.identity.replay import ReplayGuard
from node.identity.tokens import IdToken, read_token, verify_token


class IdentifyParticipant:
    """Turns the ``Authorization`` of another node into a ``Caller``.

    A caller without valid credentials of all ``required_types`` is refused. Normally this is empty, and policies
    decide what a caller may do.
    """

    def __init__(
        self,
        *,
        peers: Peers,
        clock: Clock,
        me: str,
        presentations: Presentations,
        verifier: VerifyCredentials,
        replay: ReplayGuard,
        blocks: Blocks | None = None,
        required_types: Sequence[str] = (),
    ) -> None:
        self._peers = peers
        self._clock = clock
        self._me = me
        self._presentations = presentations
        self._verifier = verifier
        self._replay = replay
        self._blocks = blocks
        self._required = frozenset(required_types)

    async def identify(self, authorization: str | None) -> Caller:
        """Return the caller behind an ``Authorization`` header.

        A token without the ``token`` claim identifies a participant that shows no credentials. Raises
        ``Unauthenticated`` if token or presentation is not valid, ``PeerUnreachable`` if the caller cannot be
        queried now, ``Overloaded`` if too many callers are being queried already.
        """
        token = await self.authenticate(authorization)
        caller = await self._judge(token.issuer, await self._presentations.of(token))
        missing = self._required.difference(*(credential.types for credential in caller.credentials))
        if missing:
            raise Unauthenticated(f"a valid {sorted(missing)[0]} is required here")
        return caller

    async def authenticate(self, authorization: str | None) -> IdToken:
        """Return only the verified token, for routes that need no credentials; this uses up its ``jti``.

        Raises ``Unauthenticated``, ``PeerUnreachable`` if the caller's DID document cannot be fetched, and
        ``NotAllowed`` if the caller is blocked.
        """
        claims = await self.verify(authorization)
        await self._require_not_blocked(claims.issuer)
        return claims

    async def verify(self, authorization: str | None) -> IdToken:
        """Return the verified token, also of a participant that is blocked: who gets a message of ours has to be able
        to ask who we are. Raises as ``authenticate``, but for ``NotAllowed``."""
        token = read_token(bearer_of(authorization), audience=self._me, now=self._clock.now())
        try:
            claims = await checked_against(self._peers, token.issuer, lambda document: verify_token(token, document))
        except (InvalidInput, ForbiddenAddress, TooLarge) as error:
            raise Unauthenticated(f"the DID of the token cannot be resolved: {error.detail}") from error
        if not await self._replay.use(claims.issuer, claims.jti, claims.expires):
            raise Unauthenticated("the token was used before", remedy="make a fresh token for each request")
        return claims

    async def recheck(self, did: str, texts: Sequence[str] = ()) -> Caller:
        """Return the participant's present state, from its last presentation and fresh status lists. ``texts`` are
        further credentials of it: those that this node issued, and that it need not have shown.

        For accesses with another kind of token, such as the bytes of a transfer. It works after a restart, since
        presentations are kept. A participant that never presented anything has no credentials.
        Raises ``NotAllowed`` if the participant is blocked.
        """
        await self._require_not_blocked(did)
        caller = await self._judge(did, await self._presentations.last(did))
        known = {credential.id for credential in caller.credentials}
        others = [await self._verifier.verify_text(text, did) for text in texts]
        more = [one for one in others if isinstance(one, Credential) and one.id not in known]
        return replace(caller, credentials=(*caller.credentials, *more)) if more else caller

    async def _require_not_blocked(self, did: str) -> None:
        if self._blocks is not None:
            await self._blocks.require_welcome(did)

    async def _judge(self, did: str, presentation: PresentedCredentials) -> Caller:
        outcomes = [await self._verifier.check_status(credential) for credential in presentation.credentials]
        return Caller(
            did=did,
            credentials=tuple(outcome for outcome in outcomes if isinstance(outcome, Credential)),
            rejections=(
                *presentation.rejections,
                *(outcome for outcome in outcomes if isinstance(outcome, Rejection)),
            ),
        )


def bearer_of(authorization: str | None) -> str:
    """Return the token in an ``Authorization: Bearer`` header. Raises ``Unauthenticated``."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("no token", remedy="send the header Authorization: Bearer <token>")
    return token.strip()
