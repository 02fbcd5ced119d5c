"""Read the pages of a source on the web politely, one after the other.

The reader obeys ``robots.txt`` (RFC 9309), also its delay between requests. A source need not send a page again that
did not change (``ETag``, ``Last-Modified``). A busy source is asked again after the delay that it states, at most
three times.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from node.base.errors import InvalidInput, PeerUnreachable
from node.catalogue.harvest.endings import MEDIA_TYPES
from node.catalogue.harvest.places import giving_way
from node.catalogue.harvest.source_addresses import is_items
from node.catalogue.harvest.source_state import PageState
from node.semantics.harvest.cage_client import MAX_BYTES
from node.semantics.harvest.refusals import source_fault
from node.semantics.harvest.xml.requests import entrance

AGENT: Final = "hansa"
ACCEPT: Final = (
    "text/turtle, application/rdf+xml;q=0.9, application/ld+json;q=0.8, application/n-triples;q=0.7, "
    "application/json;q=0.6, application/xml;q=0.5, */*;q=0.1"
)
ACCEPT_XML: Final = "application/xml, text/xml;q=0.9, */*;q=0.1"
ACCEPT_RECORDS: Final = "application/geo+json, application/json;q=0.9"
"""For OGC API Records, which offers its items as JSON-LD too, without the descriptions."""
TRIES: Final = 4
LONGEST_WAIT: Final = 120.0
"""The longest wait, in seconds, that a source may demand; if it demands more, the harvest ends."""
LONGEST_DELAY: Final = 30.0
"""Seconds between two requests at most, even if ``robots.txt`` asks for more."""
MAX_ROBOTS: Final = 1 << 20
"""The most bytes of ``robots.txt`` that are read: programs have to read at least half as many (RFC 9309, 2.5)."""
_PLAIN: Final = {"Accept-Encoding": "identity"}
"""pycsw, which answers every address, cuts off what it compresses."""
_MOMENT: Final = re.compile(
    rb"<(?:[\w.-]{1,40}:)?SearchStatus\s[^<>]{0,200}>|<(?:[\w.-]{1,40}:)?responseDate>[^<>]{0,40}<"
    rb'|\s(?:expires|elapsedTime)="[^"]{0,40}"'
)
"""The time of an answer of CSW or OAI-PMH, which differs at each request."""
_BUSY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})

_TYPES: Final = {
    "text/turtle": "text/turtle",
    "application/x-turtle": "text/turtle",
    "application/rdf+xml": "application/rdf+xml",
    "application/xml": "application/rdf+xml",
    "text/xml": "application/rdf+xml",
    "application/ld+json": "application/ld+json",
    "application/json": "application/ld+json",
    "application/geo+json": "application/ld+json",
    "application/n-triples": "application/n-triples",
    "application/n-quads": "application/n-quads",
    "application/trig": "application/trig",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer of the source. ``url`` is its address after redirects."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    url: str


Get = Callable[[str, Mapping[str, str], int], Coroutine[Any, Any, Answer]]
"""Request an address with these headers and accept at most so many bytes. Raises ``ForbiddenAddress``,
``PeerUnreachable`` and ``TooLarge``."""
Pause = Callable[[float], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page that changed since it was read last, or that was never read. ``sha256`` is the hash of its ``body``
    without the time at which the source wrote it."""

    body: bytes = field(repr=False)
    sha256: str
    media_type: str
    url: str
    etag: str = ""
    modified: str = ""
    immutable: bool = False


class Reader:
    """Reads pages of one source."""

    def __init__(self, get: Get, pause: Pause = asyncio.sleep) -> None:
        self._get = get
        self._pause = pause
        self._delay = 0.0
        self._asked = False

    async def require_permission(self, url: str, *, agreed: bool) -> None:
        """Raise ``InvalidInput`` if ``robots.txt`` excludes programs and the publisher has not ``agreed``.

        The delay between requests in ``robots.txt`` is obeyed in both cases.
        """
        # Imported here: it brings a client for HTTP along, and many nodes never harvest.
        from urllib.robotparser import RobotFileParser

        parts = urlsplit(url)
        robots = urlunsplit((parts.scheme, parts.netloc, "/robots.txt", "", ""))
        answer = await giving_way(self._get(robots, _PLAIN, MAX_ROBOTS))
        rules = RobotFileParser()
        if answer.status == 200:
            rules.parse(answer.body.decode("utf-8", errors="replace").splitlines())
        elif answer.status >= 500:
            raise source_fault(PeerUnreachable, "robots", host=parts.netloc, status=answer.status)
        else:
            rules.parse([])
        delay = rules.crawl_delay(AGENT)
        self._delay = min(float(delay), LONGEST_DELAY) if delay else 0.0
        if not agreed and not rules.can_fetch(AGENT, url):
            raise source_fault(InvalidInput, "forbidden", host=parts.netloc, path=parts.path)

    async def read(self, url: str, previous: PageState | None) -> Page | None:
        """Return the page at ``url``; None if it has not changed since ``previous`` was stored.

        Raises ``PeerUnreachable`` if the page cannot be fetched, ``InvalidInput`` if it is not a catalogue.
        """
        if previous is not None and previous.immutable and previous.sha256:
            return None
        headers = {"Accept": ACCEPT_RECORDS if is_items(url) else ACCEPT}
        if entrance(url):
            headers = {"Accept": ACCEPT_XML, **_PLAIN}
        if previous is not None and previous.etag:
            headers["If-None-Match"] = previous.etag
        elif previous is not None and previous.modified:
            headers["If-Modified-Since"] = previous.modified
        answer = await self._patiently(url, headers)
        if answer.status == 304 and previous is not None:
            return None
        if answer.status != 200:
            raise source_fault(PeerUnreachable, "status", address=url, status=answer.status)
        page = Page(
            body=answer.body,
            media_type=_media_type(answer),
            # In a thread: a page may have 256 MB.
            sha256=await asyncio.to_thread(_fingerprint, answer.body),
            url=answer.url,
            etag=answer.headers.get("ETag", "")[:512],
            modified=answer.headers.get("Last-Modified", "")[:64],
            immutable="immutable" in answer.headers.get("Cache-Control", "").lower().replace(" ", "").split(","),
        )
        return None if previous is not None and previous.sha256 == page.sha256 else page

    async def _patiently(self, url: str, headers: Mapping[str, str]) -> Answer:
        if self._asked and self._delay:
            await giving_way(self._pause(self._delay))
        self._asked = True
        for attempt in range(1, TRIES + 1):
            wait = float(2**attempt)
            try:
                answer = await giving_way(self._get(url, headers, MAX_BYTES))
            except PeerUnreachable:
                if attempt == TRIES:
                    raise
            else:
                if answer.status not in _BUSY or attempt == TRIES:
                    return answer
                header = answer.headers.get("Retry-After", "").strip()
                wait = float(header) if header.isdecimal() else wait
                if wait > LONGEST_WAIT:
                    raise source_fault(PeerUnreachable, "wait", address=url, seconds=header)
            await giving_way(self._pause(wait))
        raise AssertionError("the last attempt returns or raises")


_EXAMPLES: Final = {
    "ckan": "https://data.example/api/3",
    "records": "https://data.example/collections/metadata/items",
    "csw": "https://data.example/csw",
    "oai": "https://data.example/oai",
}
"""Addresses as a source may have them."""


def _fingerprint(body: bytes) -> str:
    return hashlib.sha256(_MOMENT.sub(b"", body)).hexdigest()


def _media_type(answer: Answer) -> str:
    header = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    ending = PurePosixPath(urlsplit(answer.url).path).suffix.lower()
    media_type = _TYPES.get(header) or (MEDIA_TYPES.get(ending) if header != "text/html" else None)
    if media_type is None:
        if not header:
            raise source_fault(InvalidInput, "no-type", address=answer.url, **_EXAMPLES)
        raise source_fault(InvalidInput, "type", address=answer.url, type=header, **_EXAMPLES)
    return media_type
