"""Find the sender of a request: a participant by its token, a person by token or session, or an unidentified caller.

Three planes of trust stay apart (identity digest §4.1): a participant's self-issued token never opens the management
API, a person's token is never accepted as another node's, and only the routes for data read the tokens of data
addresses.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.types import Scope

from node.base.errors import NotAllowed, Unauthenticated
from node.identity.accounts.throttle import place
from node.identity.identification import IdentifyPerson
from node.identity.model import ANONYMOUS, Caller
from node.identity.participants import IdentifyParticipant
from node.operation.consumption import Consumption, Load

COOKIE: Final = "hansa_session"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_MEMO: Final = "hansa.caller"
_REFUSED_BY_LIMIT: Final = (429, 503)

Authenticator = Callable[[HTTPConnection], Awaitable[Caller | None]]
"""A plug-in: returns the caller, or None if it does not handle this kind of request. Raises ``Unauthenticated``."""


class Callers:
    """Identifies callers, once for each request: checking a token uses it up.

    ``origin`` is the scheme and host under which people use the portal; a session that comes from a page of another
    origin does not change anything (CSRF). ``authenticators`` are asked before anything else; ``welcome`` raises if a
    participant that an authenticator knows is blocked.
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
        """Return a function like ``identify``. If the caller is one of our own people, it first calls ``look``, which
        reads the credentials that this node holds now: people act with these."""

        async def identify(request: HTTPConnection) -> Caller:
            caller = await self.identify(request)
            if caller.is_person:
                await look()
            return caller

        return identify

    async def identify(self, request: HTTPConnection) -> Caller:
        """Return the sender of ``request``; ``ANONYMOUS`` if it has neither a token nor a session that is still
        valid.

        Raises ``Unauthenticated`` for an invalid token: it is never treated like a missing one.
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
        """Return the participant behind ``request``. Raises ``Unauthenticated`` for everybody else."""
        caller = await self.identify(request)
        if not caller.is_participant:
            raise Unauthenticated(
                "only participants may send this request", remedy="send a self-issued ID token (DCP 1.0 §4.3)"
            )
        return caller

    async def person(self, request: HTTPConnection) -> Caller:
        """Return the person behind ``request``. Raises ``Unauthenticated``. The use cases check the person's
        permissions."""
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
            # A browser sends a session long after it has expired; its owner is then a visitor again.
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
        """Check that a session acts only for pages of our own origin (Fetch metadata, or the Origin header)."""
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
    """Return the address of the caller: as the server sees it, or, behind a trusted proxy, as the proxy reports
    it."""
    return place(request.client.host) if request.client is not None else ""


def _origin_of(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        standard = {"http": 80, "https": 443}.get(parts.scheme)
        return parts.scheme, parts.hostname or "", parts.port or standard
    except ValueError:
        return "", "", None


def count_load(consumption: Consumption) -> Callable[[Scope, int, int, float], None]:
    """Return the function that adds a request with its status, bytes and seconds to the work of its caller."""

    def note(scope: Scope, status: int, sent_bytes: int, seconds: float) -> None:
        caller = caller_of(scope)
        if caller is not None:
            is_query = str(scope["path"]).endswith("/sparql")
            refusals = int(status in _REFUSED_BY_LIMIT)
            load = Load(requests=1, queries=int(is_query), refusals=refusals, sent_bytes=sent_bytes, seconds=seconds)
            consumption.note(caller, load)

    return note


def caller_of(scope: Scope) -> Caller | None:
    """Return who sent the request of ``scope``; None if the node did not ask. Who brought an invalid token is a
    stranger."""
    memo = scope.get(_MEMO)
    return memo if memo is None or isinstance(memo, Caller) else ANONYMOUS
