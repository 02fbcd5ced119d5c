"""From a request to its sender: a participant by its token, a person by token or session, or an unidentified
caller.

Three planes of trust stay apart (identity digest §4.1): a participant's self-issued token never opens the
management API, a person's token is never accepted as another node's, and the tokens of data addresses are read by
their own door only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from node.base.errors import NotAllowed, Unauthenticated
from node.identity.accounts.throttle import place
from node.identity.identification import IdentifyPerson
from node.identity.model import ANONYMOUS, Caller
from node.identity.participants import IdentifyParticipant

COOKIE: Final = "hansa_session"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_MEMO: Final = "hansa.caller"

Authenticator = Callable[[HTTPConnection], Awaitable[Caller | None]]
"""A plug-in: the caller, or None where the request is none of its business. Raises ``Unauthenticated``."""


class Callers:
    """Identifies callers, once for each request: a token is used up by being looked at.

    ``origin`` is the scheme and host under which people use the portal; a session that comes from a page of
    another origin does not change anything (CSRF). ``authenticators`` are asked before anything else; ``welcome``
    raises where a participant that one of them knows is blocked.
    """

    def __init__(
        self,
        participants: IdentifyParticipant,
        people: IdentifyPerson,
        *,
        authenticators: Sequence[Authenticator] = (),
        welcome: Callable[[str], Awaitable[None]] | None = None,
        origin: str | None = None,
    ) -> None:
        self._participants = participants
        self._people = people
        self._authenticators = tuple(authenticators)
        self._welcome = welcome
        self._origin = _origin_of(origin) if origin else None

    def identify_and(self, look: Callable[[], Awaitable[object]]) -> Callable[[HTTPConnection], Awaitable[Caller]]:
        """As ``identify``; where one of our own people asks, ``look`` reads what this node holds now, which they ask
        with."""

        async def identify(request: HTTPConnection) -> Caller:
            caller = await self.identify(request)
            if caller.is_person:
                await look()
            return caller

        return identify

    async def identify(self, request: HTTPConnection) -> Caller:
        """The sender of ``request``; ``ANONYMOUS`` where it brings nothing.

        Raises ``Unauthenticated`` where it brings something that does not hold: an invalid token is never treated
        like no token.
        """
        memo = request.scope.get(_MEMO)
        if isinstance(memo, Caller):
            return memo
        if isinstance(memo, Exception):
            raise memo.with_traceback(None)
        try:
            caller = replace(await self._identify(request), address=_address_of(request))
        except Exception as error:
            request.scope[_MEMO] = error
            raise
        request.scope[_MEMO] = caller
        return caller

    async def participant(self, request: HTTPConnection) -> Caller:
        """The participant behind ``request``. Raises ``Unauthenticated`` for everybody else."""
        caller = await self.identify(request)
        if not caller.is_participant:
            raise Unauthenticated(
                "only participants may send this request", remedy="send a self-issued ID token (DCP 1.0 §4.3)"
            )
        return caller

    async def person(self, request: HTTPConnection) -> Caller:
        """The person behind ``request``. Raises ``Unauthenticated``. What the person may do, use cases ask."""
        caller = await self.identify(request)
        if not caller.is_person:
            raise Unauthenticated("sign in first", remedy="send an API token, or sign in to the portal")
        return caller

    async def _identify(self, request: HTTPConnection) -> Caller:
        for authenticator in self._authenticators:
            caller = await authenticator(request)
            if caller is not None:
                if caller.is_participant and self._welcome is not None:
                    await self._welcome(str(caller.did))
                return caller
        values = request.headers.getlist("authorization")
        if len(values) > 1:
            raise Unauthenticated("the request has more than one Authorization header")
        if values:
            return await self._by_authorization(values[0])
        session = request.cookies.get(COOKIE)
        if not session:
            return ANONYMOUS
        self._check_origin(request)
        try:
            return await self._people.by_session(session)
        except Unauthenticated:
            # A session that is over is what a browser sends long after; its owner is a visitor again.
            return ANONYMOUS

    async def _by_authorization(self, authorization: str) -> Caller:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated("the Authorization header is not valid", remedy="use Bearer <token>")
        token = token.strip()
        if token.count(".") == 2:  # a JWS; API tokens have no dots
            return await self._participants.identify(authorization)
        return await self._people.by_token(token)

    def _check_origin(self, request: HTTPConnection) -> None:
        """A session only acts for pages of our own origin (Fetch metadata, or the Origin header)."""
        if request.scope.get("method", "GET") in _SAFE:
            return
        site = request.headers.get("sec-fetch-site")
        origin = request.headers.get("origin")
        foreign = site not in (None, "same-origin", "none") or (
            origin is not None and self._origin is not None and _origin_of(origin) != self._origin
        )
        if foreign:
            raise NotAllowed("the request comes from a page of another site")


def _address_of(request: HTTPConnection) -> str:
    """Return the address of the caller: as the server sees it, or behind a trusted proxy as that one says."""
    return place(request.client.host) if request.client is not None else ""


def _origin_of(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        standard = {"http": 80, "https": 443}.get(parts.scheme)
        return parts.scheme, parts.hostname or "", parts.port or standard
    except ValueError:
        return "", "", None
