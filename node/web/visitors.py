"""Limits of simultaneous requests by visitors: an unidentified caller is counted by its address.

Reading the catalogue costs work, and a new name costs a visitor nothing. Therefore visitors' requests have places of
their own, given out by turns among addresses: an address with many callers only waits for itself, and people of the
node and members wait for no visitor. A place is held until the answer begins. Sending it, at the pace of the reader,
takes no place, but the number of open requests of one address is limited, too. Callers with the same address, behind
a proxy of a city, share its places: the limit is on simultaneous work, not on the number of requests in an hour.

All readers, people and members too, read in the few threads for reading (``node.base.threads``): no write waits for
them.

Other routes either cost almost nothing, or count in their own way;
``tests/integration/crowds/test_visitors.py`` names each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Final

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from node.base.errors import HansaError, TooMany
from node.base.fairqueue import FairQueue, Place
from node.base.threads import Reader, reading_for
from node.identity.accounts.throttle import is_here, place
from node.identity.model import ANONYMOUS, Caller
from node.semantics.kinds import KINDS
from node.vocab.dsp import VERSIONS

READING: Final = (
    "/api/catalogue/",
    "/api/members",
    "/feed",
    "/search",
    "/record",
    "/registry/",
    "/schema/registry",
    "/term",
    "/members",
    "/about",
    "/catalog",
    "/sitemap",
    "/dsp/catalog",
    "/federation/",
    "/docs/",
    "/openapi.json",
    *(f"{version.path}/catalog" for version in VERSIONS.values()),
    *(f"/{kind.plural}/" for kind in KINDS.values()),
)
"""Beginnings of paths that anybody may read and that cost work. The start page is counted as well."""

_PLACE: Final = "hansa.place"

LONGEST_WAIT: Final = 10.0
"""Seconds that a visitor's request waits for its turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitorBounds:
    """Requests in work at once, for one address and for all visitors, and open requests of one address, including
    those that wait and those with answers still being sent."""

    work_per_address: int = 8
    work_in_all: int = 24
    open_per_address: int = 256


def leave_place(scope: Scope) -> None:
    """Give back the place of a visitor's request, whose answer is to wait and costs no work meanwhile."""
    held = scope.get(_PLACE)
    if isinstance(held, Place):
        held.leave()


class VisitorLimits:
    """ASGI middleware. ``path`` is the path of the public URL; ``refuse`` makes the answer of an error."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        identify: Callable[[HTTPConnection], Awaitable[Caller]],
        refuse: Callable[[Request, Exception], Awaitable[Response]],
        bounds: VisitorBounds,
        path: str = "",
        longest_wait: float = LONGEST_WAIT,
    ) -> None:
        self._app = app
        self._identify = identify
        self._refuse = refuse
        self._path = path
        self._bounds = bounds
        self._open: Counter[str] = Counter()
        self._queue = FairQueue(places=bounds.work_in_all, bound=self._bound, longest_wait=longest_wait)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._counts(scope):
            await self._app(scope, receive, send)
            return
        caller = await self._caller(scope)
        address = place(scope["client"][0]) if scope.get("client") else ""
        reader = Reader(address if caller.is_stranger else caller.name, caller.is_stranger)
        with reading_for(reader) if _reads(scope) else nullcontext():
            if caller.is_stranger:
                await self._take_turn(address, scope, receive, send)
            else:
                await self._app(scope, receive, send)

    async def _take_turn(self, address: str, scope: Scope, receive: Receive, send: Send) -> None:
        self._open[address] += 1
        place: Place | None = None

        async def send_leaving(message: Message) -> None:
            if message["type"] == "http.response.start" and place is not None:
                place.leave()
            await send(message)

        try:
            try:
                self._require_few(address)
                place = scope[_PLACE] = await self._queue.enter(address)
            except HansaError as error:
                answer = await self._refuse(Request(scope, receive), error)
                await answer(scope, receive, send)
                return
            await self._app(scope, receive, send_leaving)
        finally:
            if place is not None:
                place.leave()
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]

    def _counts(self, scope: Scope) -> bool:
        inside = str(scope["path"]).removeprefix(self._path)
        return inside == "/" or inside.startswith(READING)

    async def _caller(self, scope: Scope) -> Caller:
        try:
            # The result is kept with the request: a route that identifies the caller later gets the same caller, or
            # the same refusal.
            return await self._identify(HTTPConnection(scope))
        except HansaError:
            return ANONYMOUS

    def _bound(self, address: str) -> int:
        # Requests from this machine come from nodes in trials, and from a reverse proxy that does not report its
        # caller.
        return self._bounds.work_in_all if is_here(address) else self._bounds.work_per_address

    def _require_few(self, address: str) -> None:
        most = self._bounds.open_per_address
        if self._open[address] > most and not is_here(address):
            raise TooMany(
                f"{most} requests from your address are open, which is the limit",
                remedy="wait for their answers, or sign in",
            )


def _reads(scope: Scope) -> bool:
    """Return whether the request only reads."""
    return scope["method"] in ("GET", "HEAD") or str(scope["path"]).endswith("/catalog/request")
