"""Who calls? A participant's token, and the credentials that stand behind it (DCP 1.0 §4.3, §5)."""

from __future__ import annotations

from collections.abc import Sequence

from node.base.clock import Clock
from node.base.errors import ForbiddenAddress, InvalidInput, TooLarge, Unauthenticated
from node.identity.blocks import Blocks
from node.identity.credentials.requested_presentations import Presentations, Presented
from node.identity.credentials.verification import VerifyCredentials
from node.identity.documents import checked_against
from node.identity.model import Caller, Credential, Rejected
from node.identity.ports import Peers
from node.identity.replay import ReplayGuard
from node.identity.tokens import IdToken, read_token, verify_token


class IdentifyParticipant:
    """Turns the ``Authorization`` of another node into a ``Caller``.

    Everybody without valid credentials of all ``required_types`` is turned away; normally there are none, and it is
    for policies to say what a caller may do.
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
        """The caller behind an ``Authorization`` header.

        A token without the ``token`` claim identifies a participant that shows no credentials. Raises
        ``Unauthenticated`` where token or presentation does not hold, ``PeerUnreachable`` where the caller
        cannot be asked just now, ``Overloaded`` where too many callers are being asked already.
        """
        token = await self.authenticate(authorization)
        caller = await self._judge(token.issuer, await self._presentations.of(token))
        missing = self._required.difference(*(credential.types for credential in caller.credentials))
        if missing:
            raise Unauthenticated(f"a valid {sorted(missing)[0]} is required here")
        return caller

    async def authenticate(self, authorization: str | None) -> IdToken:
        """The verified token alone, for doors that need no credentials; its ``jti`` is used up by this.

        Raises ``Unauthenticated``, ``PeerUnreachable`` where the caller's DID document cannot be fetched, and
        ``NotAllowed`` where ``blocks`` has it.
        """
        token = read_token(bearer_of(authorization), audience=self._me, now=self._clock.now())
        try:
            verified = await checked_against(
                self._peers, token.issuer, lambda document: verify_token(token, document)
            )
        except (InvalidInput, ForbiddenAddress, TooLarge) as error:
            raise Unauthenticated(f"the DID of the token cannot be resolved: {error.detail}") from error
        if not await self._replay.use(verified.issuer, verified.jti, verified.expires):
            raise Unauthenticated("the token was used before", remedy="make a fresh token for each request")
        await self._require_not_blocked(verified.issuer)
        return verified

    async def recheck(self, did: str) -> Caller:
        """The participant as it stands at this moment, from what it presented last and fresh status lists.

        For accesses that come with another kind of token, such as the bytes of a transfer; works after a
        restart, since presentations are kept. A participant that never presented anything has no credentials.
        Raises ``NotAllowed`` where ``blocks`` has it.
        """
        await self._require_not_blocked(did)
        return await self._judge(did, await self._presentations.last(did))

    async def _require_not_blocked(self, did: str) -> None:
        if self._blocks is not None:
            await self._blocks.require_welcome(did)

    async def _judge(self, did: str, presented: Presented) -> Caller:
        outcomes = [await self._verifier.check_status(credential) for credential in presented.credentials]
        return Caller(
            did=did,
            credentials=tuple(outcome for outcome in outcomes if isinstance(outcome, Credential)),
            rejected=(*presented.rejected, *(outcome for outcome in outcomes if isinstance(outcome, Rejected))),
        )


def bearer_of(authorization: str | None) -> str:
    """The token in an ``Authorization: Bearer`` header. Raises ``Unauthenticated``."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("no token", remedy="send the header Authorization: Bearer <token>")
    return token.strip()
