"""Access tokens for our own credentials, and the tokens that accompany our requests.

A self-issued token may carry, in ``token``, the permission to query our credential service (DCP 1.0 §4.3.1).
The protocol does not define its content: here it is a short statement (verifier, scopes, expiry), encrypted and
authenticated under the key that never leaves the key ring. Nothing has to be stored. Every process of the node can
check a token, and only they can read or make one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from node.base.clock import Clock
from node.base.errors import HansaError, Unauthenticated
from node.base.jsons import canonical, read_object
from node.identity.jose import b64url, unb64url
from node.identity.messages import BY_TYPE, WALLET_MARK, Scope, read_scope
from node.identity.ports import KeyRing
from node.identity.tokens import make_token

_PURPOSE: Final = "presentation"
_SKEW: Final = 30
EVERYTHING: Final = str(Scope(BY_TYPE, "*"))


class AccessTokens:
    """Grants and checks access to our credentials. Each token is bound to one verifier and a few minutes."""

    def __init__(self, keyring: KeyRing, clock: Clock, *, lifetime: timedelta = timedelta(minutes=5)) -> None:
        self._keyring = keyring
        self._clock = clock
        self._lifetime = lifetime

    def grant(self, verifier: str, scopes: Sequence[str] = ()) -> str:
        """Return a token that lets ``verifier`` query the credentials in ``scopes``; all credentials if it is
        empty."""
        scope_texts = [str(read_scope(scope)) for scope in scopes] or [EVERYTHING]
        expires = int((self._clock.now() + self._lifetime).timestamp())
        statement = {"use": _PURPOSE, "for": verifier, "scope": scope_texts, "exp": expires}
        return b64url(self._keyring.wrap(canonical(statement)))

    def check(self, token: str | None, verifier: str) -> tuple[Scope, ...]:
        """Return the scopes that ``token`` grants to ``verifier``. Raises ``Unauthenticated`` if it grants none."""
        refusal = Unauthenticated("the token claim gives no access to the credentials of this node")
        if not token:
            raise refusal
        try:
            statement = read_object(self._keyring.unwrap(unb64url(token)))
        except HansaError:
            raise refusal from None
        if statement.get("use") != _PURPOSE or statement.get("for") != verifier:
            raise refusal
        if statement["exp"] + _SKEW <= self._clock.now().timestamp():
            raise Unauthenticated("the token claim has expired")
        return tuple(read_scope(scope) for scope in statement["scope"])


class OutgoingTokens:
    """Makes the token for each outgoing request, with a fresh ``jti`` even if the same body is sent again.

    ``scopes`` returns the scopes that a request grants by default: no scopes mean the whole wallet. ``wallet_mark``
    changes with our credentials, so that a peer that has seen them asks for them again at once.
    """

    def __init__(
        self,
        keyring: KeyRing,
        clock: Clock,
        access: AccessTokens,
        *,
        scopes: Callable[[], Sequence[str]] = tuple,
        wallet_mark: Callable[[], str] = str,
    ) -> None:
        self._keyring = keyring
        self._clock = clock
        self._access = access
        self._scopes = scopes
        self._wallet_mark = wallet_mark

    def bearer(self, audience: str, scopes: Sequence[str] = ()) -> str:
        """Return the token (without ``Bearer``) for a request to ``audience``, which may query our credentials."""
        grant = self._access.grant(audience, tuple(scopes) or tuple(self._scopes()))
        mark = self._wallet_mark()
        return make_token(
            self._keyring,
            audience,
            self._clock.now(),
            access_token=grant,
            extra={WALLET_MARK: mark} if mark else None,
        )

    def answering(self, audience: str, access_token: str | None) -> str:
        """Return the token for a request that uses the access token from ``audience``, or that needs none."""
        return make_token(self._keyring, audience, self._clock.now(), access_token=access_token)
