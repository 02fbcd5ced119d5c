"""Limits of a connection before its caller is identified: size and time of headers, pace of what follows.

The server's own parser collects the headers of a request however long they are, and waits for their end however long
that takes: a stranger could fill the memory with one socket, and occupy all connections with a thousand idle ones.
"""

from __future__ import annotations

import asyncio
import ipaddress
import resource
from typing import Any, ClassVar, Final

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from node.identity.accounts.throttle import is_here, place

MAX_HEAD: Final = 64 * 1024
"""Bytes that may come in a row outside a body: a request line with its header fields."""

BEAT: Final = 30.0
"""Seconds between two checks of a connection. A request that began in the second half is checked the next time."""

SLOWEST: Final = 1024
"""Bytes of a body that must arrive between two checks, as long as the application wants more."""

MOST_FILES: Final = 16_384
"""Open files that a node requests from the system; connections may take three quarters of the number granted."""

_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: 31\r\nconnection: close\r\n\r\n"
    b"The head of the request is long"
)

PARTING: Final = 1.0
"""Seconds for which a connection over the limit is kept, so that its caller can read the reason."""

_TOO_MANY: Final = b"Your address has as many connections to this node as one address may have. Try again later."
_COME_AGAIN: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\nconnection: close\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n\r\n%s" % (len(_TOO_MANY), _TOO_MANY)
)


class Exemptions:
    """Decides whether the connections of an address are exempt from counting: those of this machine, and of
    ``proxies`` in the form of the setting ``trusted_proxies`` (addresses and networks with commas between, or
    ``*``)."""

    def __init__(self, proxies: str = "") -> None:
        self._named = [one.strip() for one in proxies.split(",")]
        self._networks = [network for one in self._named if (network := _network(one)) is not None]

    def __call__(self, host: str) -> bool:
        if "*" in self._named or host in self._named or is_here(place(host)):
            return True
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return False
        return any(address in network for network in self._networks)


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


class BoundedConnection(HttpToolsProtocol):
    """A connection of the server that is closed if it sends without end or stands still.

    Beyond ``most`` connections at a time further ones are closed at once, so that files can still be opened. Beyond
    ``most_per_address`` a further connection replaces one of the same address that is idle between requests; if none
    is idle, its caller is asked to come again. Addresses for which ``passes`` is true are not counted: those of
    reverse proxies, which stand for all their callers.
    """

    most: ClassVar[int] = 768
    most_per_address: ClassVar[int] = 512
    passes: ClassVar[Exemptions] = Exemptions()
    by_address: ClassVar[dict[str, dict[HttpToolsProtocol, None]]] = {}
    """The counted connections, the oldest first."""

    transport: asyncio.Transport
    flow: FlowControl

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._between = 0
        self._body = 0
        self._receiving = True
        self._began = 0.0
        self._unsent = 0
        self._drained = False
        self._adrift = False
        self._looking: asyncio.TimerHandle | None = None
        self._address = ""
        self._surplus = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.most:
            transport.abort()
            return
        if self._finds_place():
            self._looking = asyncio.get_running_loop().call_later(BEAT, self._look)
            return
        self._surplus = True
        transport.write(_COME_AGAIN)
        self._looking = asyncio.get_running_loop().call_later(PARTING, transport.abort)

    def _finds_place(self) -> bool:
        """Count this connection at its address. Return False if the address has reached its limit and all its
        connections are in use."""
        host = self.client[0] if self.client else ""
        if self.passes(host):
            return True
        self._address = place(host)
        mine = self.by_address.setdefault(self._address, {})
        if len(mine) >= self.most_per_address:
            resting = next((one for one in mine if one.timeout_keep_alive_task is not None), None)
            if resting is None:
                return False
            del mine[resting]
            resting.transport.close()
        mine[self] = None
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        if self._looking is not None:
            self._looking.cancel()
        mine = self.by_address.get(self._address)
        if mine is not None:
            mine.pop(self, None)
            if not mine:
                del self.by_address[self._address]
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._surplus:
            return
        before = self._body
        self._between += len(data)
        super().data_received(data)
        if self._between > MAX_HEAD and self._body == before and not self.transport.is_closing():
            if self.cycle is None or self.cycle.response_complete:
                self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._receiving = True
        self._began = asyncio.get_running_loop().time()

    def on_headers_complete(self) -> None:
        self._between = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._between = 0
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._between = 0
        self._receiving = False
        super().on_message_complete()

    def resume_writing(self) -> None:
        self._drained = True
        super().resume_writing()

    def _look(self) -> None:
        """End the connection if no expected bytes have come or gone since the last check."""
        unsent = self.transport.get_write_buffer_size()
        unread = unsent and unsent == self._unsent and not self._drained
        adrift = self._is_adrift()
        if unread or self._stands_still() or (adrift and self._adrift):
            self.transport.abort()
            return
        self._adrift = adrift
        self._drained, self._body, self._unsent = False, 0, unsent
        self._looking = asyncio.get_running_loop().call_later(BEAT, self._look)

    def _is_adrift(self) -> bool:
        """Return whether no request is under way and the server's own timer is not running: bytes that began no
        request, such as empty lines, have stopped it."""
        answering = self.cycle is not None and not self.cycle.response_complete
        return not self._receiving and not answering and self.timeout_keep_alive_task is None

    def _stands_still(self) -> bool:
        answering = self.cycle is not None and not self.cycle.response_complete
        asked_to_wait = self.flow.read_paused or (answering and self.cycle.waiting_for_100_continue)
        has_had_time = asyncio.get_running_loop().time() - self._began > BEAT / 2
        return self._receiving and has_had_time and not asked_to_wait and self._body < SLOWEST


def room_for_connections() -> int:
    """Return the number of connections there is room for, after raising the system's limit of open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = MOST_FILES if hard == resource.RLIM_INFINITY else min(MOST_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        soft = limit
    return (MOST_FILES if soft == resource.RLIM_INFINITY else soft) * 3 // 4
