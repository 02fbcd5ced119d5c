"""The client for every request that this node sends.

A request connects to the address that was checked: our own resolver resolves names, all answers are checked, and each
socket is checked once more when it is made, which also catches literals. We follow redirects ourselves and check each
hop like the first. No proxy from the environment, no cookies, no netrc; sizes are counted after decompression, and
time over the whole request.

Connections are pooled in *lanes* that do not share a limit. A message may wait for its answer until the receiver has
asked us for our credentials, and that until we have fetched its DID document: if those three shared one pool, enough
messages would leave no connection for the request that they all wait for.
"""

from __future__ import annotations

import asyncio
import io
import json as jsons
import socket
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from node.adapters.egress.addresses import AddressRules, Lookup, Target
from node.adapters.egress.bodies import ErrorTranslation, Refused, Speed, chunks_of, read, timed_upload
from node.base.errors import ForbiddenAddress, HansaError, InvalidInput, PeerUnreachable
from node.base.jsons import read_json
from node.identity.did import DEFAULT_PORTS, is_loopback

if TYPE_CHECKING:
    # Loaded with the first outgoing request (``Egress._open``): a node that waits for others does not need it.
    import aiohttp
    from aiohttp.connector import AddrInfoType
    from yarl import URL

MAX_REDIRECTS: Final = 3
CONNECT_SECONDS: Final = 5.0
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_SAFE: Final = frozenset({"GET", "HEAD"})
_PIECE: Final = 256 * 1024


class Lane(StrEnum):
    """Pools of connections, in their order: a request in one lane may wait for a request in the next."""

    NOTICES = "notices"
    BYTES = "bytes"
    DATA_SOURCES = "data sources"
    MESSAGES = "messages"
    PRESENTATIONS = "presentations"
    DOCUMENTS = "documents"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer of a peer. ``headers`` are looked up without regard to case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    url: str

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Return the body as JSON. Raises ``PeerUnreachable`` if it is not JSON."""
        try:
            return read_json(self.body)
        except InvalidInput as error:
            raise PeerUnreachable(f"the peer's answer is not JSON: {error.detail}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """An answer with a body that is still arriving. Iterate ``chunks`` inside the context that returned it."""

    status: int
    headers: Mapping[str, str]
    url: str
    chunks: AsyncIterator[bytes] = field(repr=False)


class Egress:
    """Sends requests. Make it anywhere; sessions open inside the event loop that first uses it.

    ``per_host`` bounds the connections to one peer in each lane, so that a dead peer delays no other peer.
    ``allow_loopback``, ``ports`` and ``allow_networks`` are those of ``AddressRules``.
    """

    def __init__(
        self,
        *,
        allow_loopback: bool = False,
        ports: Iterable[int] = DEFAULT_PORTS,
        allow_networks: Iterable[str] = (),
        per_host: int = 32,
        total: int = 256,
        lookup: Lookup | None = None,
        user_agent: str = "hansa",
    ) -> None:
        self.rules = AddressRules(allow_loopback=allow_loopback, ports=ports, allow_networks=allow_networks)
        self._per_host = per_host
        self._total = total
        self._lookup = lookup or _look_up
        self._user_agent = user_agent
        self._sessions: dict[Lane, aiohttp.ClientSession] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def check_url(self, url: str) -> None:
        """Check early what is checked again when the address is dialled. Raises ``ForbiddenAddress``."""
        self.rules.check_url(url)

    def check_host(self, host: str) -> None:
        """Check a host name, or a number, by the rules of the hosts of web addresses: for protocols other than HTTP.
        Raises ``ForbiddenAddress``."""
        self.rules.check_url(f"https://{f'[{host}]' if ':' in host else host}/")

    def is_loopback(self, host: str) -> bool:
        """Return whether ``host`` is this machine, and this node may connect to it."""
        return self.rules.allow_loopback and is_loopback(host)

    async def addresses(self, host: str, port: int) -> list[str]:
        """Return the addresses of ``host``, all of which this node may connect to: for a protocol other than HTTP,
        whose library must then connect to one of them. Raises ``ForbiddenAddress``, ``PeerUnreachable``."""
        from node.adapters.egress.resolver import CheckedResolver

        self.check_host(host)
        try:
            results = await CheckedResolver(self.rules, self._lookup, CONNECT_SECONDS).resolve(host, port)
        except (OSError, TimeoutError) as error:
            raise PeerUnreachable("the peer cannot be reached: its name is unknown") from error
        return [str(result["host"]) for result in results]

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        json: Any = None,
        timeout: float = 30.0,  # noqa: ASYNC109 - one deadline for all hops, reading and inflating
        max_bytes: int = 1024 * 1024,
        allow_redirects: int = MAX_REDIRECTS,
        lane: Lane = Lane.MESSAGES,
    ) -> Answer:
        """Send one request and read the whole answer, whatever its status.

        ``timeout`` bounds everything together, ``max_bytes`` the body after decompression. Raises
        ``ForbiddenAddress``, ``PeerUnreachable`` or ``TooLarge``.
        """
        all_headers = {"Accept-Encoding": "gzip", **(headers or {})}
        if json is not None:
            body = jsons.dumps(json, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
            all_headers.setdefault("Content-Type", "application/json")
        with ErrorTranslation(url):
            async with asyncio.timeout(timeout):
                response, at = await self._follow(method, url, all_headers, body, allow_redirects, lane)
                async with response:
                    content = await read(response, max_bytes)
                    return Answer(status=response.status, headers=response.headers, body=content, url=at)

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes,
        timeout: float = 30.0,  # noqa: ASYNC109 - one deadline for connecting, sending and the answer
        lane: Lane = Lane.MESSAGES,
    ) -> tuple[int, Mapping[str, str]]:
        """Send one request, and return the status and the headers of its answer, whatever they are: the content is
        not read, and redirects are not followed. Raises the errors of ``request``."""
        target = self.rules.check_url(url)
        with ErrorTranslation(url):
            async with asyncio.timeout(timeout):
                response = await self._session(lane).request(
                    method, _as_seen_by_client(target), headers=headers, data=_in_pieces(body), allow_redirects=False
                )
                # A connection whose answer has not ended is closed.
                response.release()
                return response.status, response.headers

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout: float = 30.0,  # noqa: ASYNC109 - one deadline for all hops, reading and inflating
        idle: float = 30.0,
        allow_redirects: int = MAX_REDIRECTS,
        lane: Lane = Lane.BYTES,
    ) -> AsyncIterator[Stream]:
        """Send one request and yield the body as it arrives, without encoding, so that ranges count bytes.

        ``timeout`` bounds the time to the first byte of the answer, ``idle`` each pause after that. Raises the errors
        of ``request``, also while chunks are read.
        """
        all_headers = {**(headers or {}), "Accept-Encoding": "identity"}
        with ErrorTranslation(url):
            async with asyncio.timeout(timeout):
                response, at = await self._follow(method, url, all_headers, body, allow_redirects, lane)
        async with response:
            encoding = response.headers.get("Content-Encoding", "identity").lower()
            if encoding != "identity":
                raise PeerUnreachable(
                    f"the peer encodes its answer as {encoding[:20]}, which this node did not request"
                )
            yield Stream(
                status=response.status,
                headers=response.headers,
                url=at,
                chunks=chunks_of(response, url, idle),
            )

    async def upload(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        chunks: AsyncIterator[bytes],
        size: int,
        idle: float = 30.0,
        answering: float = 0.0,
        window: float = 60.0,
        slowest: int = 0,
        max_bytes: int = 64 * 1024,
        lane: Lane = Lane.BYTES,
    ) -> Answer:
        """Send a body of ``size`` bytes piece by piece, and read the answer. Redirects are returned, not followed.

        ``idle`` bounds each pause in which the peer takes nothing, and with ``answering`` seconds more the wait for
        its answer. ``slowest``: the bytes a second that it must take at least, over each ``window`` of seconds in
        which we wait for it. Raises the errors of ``request``, and our errors that ``chunks`` raises.
        """
        import aiohttp

        target = self.rules.check_url(url)
        errors: list[HansaError] = []
        all_headers = {**headers, "Content-Length": str(size), "Accept-Encoding": "identity"}
        with ErrorTranslation(url):
            try:
                async with asyncio.timeout(idle) as deadline:
                    speed = Speed(window, slowest)
                    pieces = timed_upload(chunks, deadline, idle, answering, speed, errors)
                    response = await self._session(lane).request(
                        method, _as_seen_by_client(target), headers=all_headers, data=pieces, allow_redirects=False
                    )
                    async with response:
                        content = await read(response, max_bytes)
                        return Answer(status=response.status, headers=response.headers, body=content, url=target.url)
            except (aiohttp.ClientError, OSError, TimeoutError):
                # Whatever ended the body, the client library raises its own error.
                if errors:
                    raise errors[0] from None
                raise

    async def close(self) -> None:
        """Close all connections."""
        sessions, self._sessions = list(self._sessions.values()), {}
        for session in sessions:
            await session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _follow(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        body: bytes | None,
        redirects: int,
        lane: Lane,
    ) -> tuple[aiohttp.ClientResponse, str]:
        """Send, and follow redirects of safe methods: each hop is checked as if it were the first."""
        first = target = self.rules.check_url(url)
        for hop in range(redirects + 1):
            response = await self._session(lane).request(
                method,
                _as_seen_by_client(target),
                headers=headers,
                data=_in_pieces(body),
                allow_redirects=False,
            )
            location = response.headers.get("Location")
            if response.status not in _REDIRECTS or not location:
                return response, target.url
            response.close()
            if method not in _SAFE:
                # RFC 9110 §15.4 leaves it to the client; a message or a credential is sent to one address only.
                raise PeerUnreachable("the peer answers a message with a redirect")
            if hop == redirects:
                break
            before, target = target, self._next(target, location)
            if target.is_loopback and not first.is_loopback:
                raise ForbiddenAddress("the peer redirects to this machine")
            if target.origin != before.origin:
                headers = {name: value for name, value in headers.items() if not _is_secret(name)}
        raise PeerUnreachable(f"the peer redirects more than {redirects} times")

    def _next(self, target: Target, location: str) -> Target:
        from yarl import URL

        try:
            address = URL(target.url, encoded=True).join(URL(location, encoded=True))
        except ValueError as error:
            raise ForbiddenAddress("the peer redirects to something that is not an address") from error
        following = self.rules.check_url(str(address.with_fragment(None)))
        if target.scheme == "https" and following.scheme != "https":
            raise ForbiddenAddress("the peer redirects from https to http")
        return following

    def _session(self, lane: Lane) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._sessions = loop, {}
        session = self._sessions.get(lane)
        if session is None or session.closed:
            session = self._sessions[lane] = self._open()
        return session

    def _open(self) -> aiohttp.ClientSession:
        import aiohttp

        from node.adapters.egress.resolver import CheckedResolver

        connector = aiohttp.TCPConnector(
            resolver=CheckedResolver(self.rules, self._lookup, CONNECT_SECONDS),
            socket_factory=self._make_socket,
            family=socket.AF_UNSPEC,
            limit=self._total,
            limit_per_host=self._per_host,
            ttl_dns_cache=10,
            # Shorter than servers keep idle connections, so that a message rarely meets a closed one.
            keepalive_timeout=4.0,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            headers={"User-Agent": self._user_agent, "Accept": "*/*"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            read_bufsize=256 * 1024,
        )

    def _make_socket(self, info: AddrInfoType) -> socket.socket:
        family, kind, proto, _, place = info
        try:
            self.rules.check_address(ip_address(str(place[0]).partition("%")[0]))
        except ForbiddenAddress as error:
            raise Refused(error.detail) from error
        # TCP is stated because asyncio turns Nagle's algorithm off only for such sockets: it costs 40 ms a message.
        return socket.socket(family, kind, proto or socket.IPPROTO_TCP)


def _as_seen_by_client(target: Target) -> URL:
    """Return the URL for the client library. Raises ``ForbiddenAddress`` if the library reads it differently."""
    from yarl import URL

    url = URL(target.url, encoded=True)
    if (url.scheme, url.host, url.port) != target.origin or url.user is not None:
        raise ForbiddenAddress("the address is ambiguous")
    return url


def _in_pieces(body: bytes | None) -> bytes | io.BytesIO | None:
    """Return a large body as a file, which the client library sends piece by piece, so that the loop stays free."""
    return io.BytesIO(body) if body is not None and len(body) > _PIECE else body


def _is_secret(header: str) -> bool:
    return header.lower() in ("authorization", "cookie", "proxy-authorization", "x-api-key")


async def _look_up(host: str, port: int) -> Sequence[tuple[int, str]]:
    infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, str(place[0])) for family, _, _, _, place in infos]
