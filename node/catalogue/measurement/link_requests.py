"""Ask politely whether an address works: HEAD first, then the first byte; never what ``robots.txt`` excludes.

Many servers answer HEAD with an error although they serve the address (405, 404, 500), so an error is believed only
if a GET gives it too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from node.base.delivery import wait_of
from node.base.errors import ForbiddenAddress, HansaError

if TYPE_CHECKING:
    from urllib.robotparser import RobotFileParser

AGENT: Final = "hansa"
SPACING: Final = 2.0
"""Seconds between two requests to one host, at least."""
LONGEST_DELAY: Final = 30.0
"""Seconds between two requests at most, even if ``robots.txt`` asks for more."""
MAX_ROBOTS: Final = 1 << 19
LONGEST_WAIT: Final = 86_400.0
"""Seconds after which a host that is busy is asked again, at most."""
SHORTEST_WAIT: Final = 60.0
"""The same at least: a host that is busy and says 0 is not asked with each turn."""
BUSY_WAIT: Final = 3_600.0
"""The same where the host does not say how long."""
_ASK_LATER: Final = frozenset({408, 425, 429})
_UNSATISFIABLE: Final = 416


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """The answer to a request: its status and headers, and as much of the body as was asked for."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


Send = Callable[[str, str, Mapping[str, str], int], Awaitable[Probe]]
"""(method, address, headers, bytes of the body to read) → answer. Raises ``ForbiddenAddress`` for an address that
this node may not dial, ``PeerUnreachable`` if nothing answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkAnswer:
    """The result of one check. ``works`` is None if it gives no verdict; ``wait`` is the time in seconds for which
    the host wants no requests."""

    works: bool | None
    status: int = 0
    reason: str = ""
    wait: float = 0.0


class HostVisit:
    """Requests to one host, one after the other, with a pause between them."""

    def __init__(self, send: Send, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._send = send
        self._pause = pause
        self._delay = 0.0
        self._rules: dict[str, RobotFileParser | None] = {}

    async def check(self, address: str, now: datetime) -> LinkAnswer:
        """Return whether ``address`` works."""
        try:
            rules = await self._robots(address)
            if rules is None or not rules.can_fetch(AGENT, address):
                return LinkAnswer(works=None, reason="robots")
            probe = await self._request("HEAD", address, {}, 0)
            if _is_busy(probe):
                return _busy(probe, now)
            if probe.status >= 400:
                probe = await self._request("GET", address, {"Range": "bytes=0-0"}, 1)
        except ForbiddenAddress:
            return LinkAnswer(works=None, reason="forbidden")
        except (HansaError, TimeoutError):
            return LinkAnswer(works=None, reason="unreachable")
        if _is_busy(probe):
            return _busy(probe, now)
        if probe.status >= 500:
            return LinkAnswer(works=None, status=probe.status, reason="status")
        # An empty file has no first byte.
        works = probe.status < 400 or probe.status == _UNSATISFIABLE
        return LinkAnswer(works=works, status=probe.status, reason="status")

    async def _robots(self, address: str) -> RobotFileParser | None:
        """Return the rules of the host for programs; None if it does not give them now (RFC 9309 §2.3.1.4)."""
        # Imported here: it brings a client for HTTP along, and many nodes never check links.
        from urllib.robotparser import RobotFileParser

        parts = urlsplit(address)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._rules:
            probe = await self._request("GET", f"{origin}/robots.txt", {}, MAX_ROBOTS)
            rules = RobotFileParser()
            rules.parse(probe.body.decode("utf-8", errors="replace").splitlines() if probe.status == 200 else [])
            delay = rules.crawl_delay(AGENT)
            self._delay = min(max(SPACING, float(delay or 0)), LONGEST_DELAY)
            self._rules[origin] = None if probe.status >= 500 else rules
        return self._rules[origin]

    async def _request(self, method: str, address: str, headers: Mapping[str, str], size: int) -> Probe:
        await self._pause(self._delay)
        self._delay = max(self._delay, SPACING)
        return await self._send(method, address, headers, size)


def _is_busy(probe: Probe) -> bool:
    return probe.status in _ASK_LATER or (probe.status == 503 and "Retry-After" in probe.headers)


def _busy(probe: Probe, now: datetime) -> LinkAnswer:
    wait = wait_of(probe.headers.get("Retry-After"), now, most=LONGEST_WAIT, otherwise=BUSY_WAIT)
    return LinkAnswer(works=None, status=probe.status, reason="busy", wait=max(wait, SHORTEST_WAIT))
