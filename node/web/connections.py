"""What one connection may cost before anybody has asked who it is: size and time of heads, pace of what follows.

The server's own parser collects the head of a request however long it is, and waits for its end however long that
takes: a stranger with one socket could fill the memory, and with a thousand idle ones occupy all connections.
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
"""Bytes that may come in a row without being part of a body: a request line with its header fields."""

BEAT: Final = 30.0
"""Seconds between two looks at a connection. What began in the second half of them is looked at the next time."""

SLOWEST: Final = 1024
"""Bytes of a body that have to come between two looks, as long as the application wants more."""

WANTED_FILES: Final = 16_384
"""Open files that a node asks the system for; connections may take three quarters of what it gets."""

_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: 31\r\nconnection: close\r\n\r\n"
    b"The head of the request is long"
)

PARTING: Final = 1.0
"""Seconds for which a connection that is one too many is kept, so that its caller can read why."""

_TOO_MANY: Final = b"Your address has as many connections to this node as one address may have. Try again later."
_COME_AGAIN: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\nconnection: close\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n\r\n%s" % (len(_TOO_MANY), _TOO_MANY)
)


class Passing:
    """Tells of an address whether its connections are not counted: this machine's own, and those of ``proxies``, as
    the setting ``trusted_proxies`` names them (addresses and networks with commas between, or ``*``)."""

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
    """A connection of the server that is ended where it takes without end or stands still.

    Beyond ``most`` connections at a time further ones are hung up on, so that files can still be opened. Beyond
    ``most_per_address`` a further one takes the place of one of the same address that is at rest between requests;
    where none is, its caller is told to come again. Addresses for which ``passes`` is true are not counted: those of
    reverse proxies, behind which everybody is.
    """

    most: ClassVar[int] = 768
    most_per_address: ClassVar[int] = 512
    passes: ClassVar[Passing] = Passing()
    by_address: ClassVar[dict[str, dict[HttpToolsProtocol, None]]] = {}
    """The connections that are counted, the oldest first."""

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
        """Count this connection at its address. False where the address has as many as it may, and all are in use."""
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
        """End the connection where nothing that is due has come or gone since the last look."""
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
        """Whether no request is under way and the server does not wait for the end of the rest either: its timer was
        stopped by bytes with which no request began, such as empty lines."""
        answering = self.cycle is not None and not self.cycle.response_complete
        return not self._receiving and not answering and self.timeout_keep_alive_task is None

    def _stands_still(self) -> bool:
        answering = self.cycle is not None and not self.cycle.response_complete
        asked_to_wait = self.flow.read_paused or (answering and self.cycle.waiting_for_100_continue)
        has_had_time = asyncio.get_running_loop().time() - self._began > BEAT / 2
        return self._receiving and has_had_time and not asked_to_wait and self._body < SLOWEST


def room_for_connections() -> int:
    """How many connections there is room for, once the system has been asked for more open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = WANTED_FILES if hard == resource.RLIM_INFINITY else min(WANTED_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        soft = limit
    return (WANTED_FILES if soft == resource.RLIM_INFINITY else soft) * 3 // 4
