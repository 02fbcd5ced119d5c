"""Requests to data sources over HTTP: through the node's one way out, with the source's own credentials.

Redirects are not followed: a redirect of a source could lead a credential, or a reader, to another place.
"""

from __future__ import annotations

import asyncio
import base64
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from node.adapters.egress.bodies import Speed
from node.adapters.egress.client import Egress, Lane, Stream
from node.base.errors import HansaError, InvalidInput, NotFound, PeerUnreachable, TooLarge
from node.datasources.errors import DataSourceRefuses, DataSourceSlow, DataSourceUnreachable, NoSuchRange
from node.datasources.model import Credentials, Scheme
from node.datasources.ports import Extract, Span

FIRST_BYTE: Final = 30.0
IDLE: Final = 20.0
SLOWEST: Final = 256
"""Bytes a second that a source must send at least: a slower one would hold its place for ever."""
_WINDOW: Final = 60.0
_RANGE: Final = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.ASCII)
_ETAG: Final = re.compile(r'"[\x21\x23-\x7e]{1,200}"', re.ASCII)
_KEPT: Final = ("content-crs",)
_SAFE: Final = "!$'()*,;:@+=~-._"


def check_address(egress: Egress, address: str) -> str:
    """Return the address of a source, ending with ``/``. Raises ``InvalidInput``, ``ForbiddenAddress``."""
    try:
        parts = urlsplit(address)
        place = parts.hostname
    except ValueError:
        place = None
    if not place or parts.query or parts.fragment or "?" in address or "#" in address:
        raise InvalidInput(
            "this is no web address of a data source", remedy="such as https://gis.example/api/, without a query"
        )
    egress.check_url(address)
    return address.rstrip("/") + "/"


def at(address: str, *places: str, parameters: tuple[tuple[str, str], ...] = ()) -> str:
    """Return the URL of a place below ``address``; slashes separate the pieces of a place."""
    path = "/".join(quote(piece, safe=_SAFE) for place in places if place for piece in place.split("/"))
    query = f"?{urlencode(parameters)}" if parameters else ""
    return f"{address}{path}{query}"


def credential_headers(credentials: Credentials) -> dict[str, str]:
    """Return the headers that show the credentials."""
    match credentials.scheme:
        case Scheme.BASIC:
            pair = f"{credentials.name}:{credentials.secret}".encode()
            return {"Authorization": f"Basic {base64.b64encode(pair).decode('ascii')}"}
        case Scheme.BEARER:
            return {"Authorization": f"Bearer {credentials.secret}"}
        case Scheme.HEADER:
            return {credentials.name: credentials.secret}
        case _:
            return {}


@asynccontextmanager
async def fetch(
    egress: Egress,
    url: str,
    headers: Mapping[str, str],
    *,
    span: Span | None = None,
    parameters: bool = False,
    headers_kept: tuple[str, ...] = _KEPT,
) -> AsyncIterator[Extract]:
    """Yield the answer of a source. ``parameters``: the URL has a reader's query, so a 400 is the reader's mistake.
    ``headers_kept`` names the headers that the answer keeps.

    Raises the errors of ``DataConnection``.
    """
    all_headers = {**headers, **({"Range": span.header} if span is not None else {})}
    # Not two nested generators: what the reader raises must not be taken for an error of the source.
    context = egress.stream(
        "GET", url, headers=all_headers, timeout=FIRST_BYTE, idle=IDLE, allow_redirects=0, lane=Lane.DATA_SOURCES
    )
    try:
        stream = await context.__aenter__()
    except PeerUnreachable as error:
        raise translate(error) from error
    try:
        _require_success(stream, parameters=parameters)
        yield _extract(stream, span, headers_kept)
    finally:
        await context.__aexit__(None, None, None)


async def document(
    egress: Egress,
    url: str,
    headers: Mapping[str, str],
    *,
    most: int,
    parameters: bool = False,
    headers_kept: tuple[str, ...] = _KEPT,
) -> tuple[bytes, Extract]:
    """Return a whole document of at most ``most`` bytes, and its headers. Raises ``TooLarge`` beyond that."""
    async with fetch(egress, url, headers, parameters=parameters, headers_kept=headers_kept) as extract:
        body = bytearray()
        async for chunk in extract.chunks:
            body += chunk
            if len(body) > most:
                raise TooLarge(
                    f"the data source sends a document of more than {most >> 20} MB at once",
                    remedy="ask for less at once: a smaller limit, or a smaller box",
                )
        return bytes(body), extract


def translate(error: PeerUnreachable) -> DataSourceUnreachable:
    """Return the error of the way out as an error of a source, in words for readers."""
    if isinstance(error, DataSourceUnreachable):
        return error
    detail = error.detail.replace("the peer's", "the data source's").replace("the peer", "the data source")
    if "in time" in detail:
        return DataSourceSlow(detail, remedy="try again later")
    if "redirects" in detail:
        return DataSourceUnreachable(
            "the data source answers with a redirect, which this node does not follow",
            remedy="its steward gives the final address: hansa source add",
        )
    return DataSourceUnreachable(detail, remedy="try again later")


def _require_success(stream: Stream, *, parameters: bool) -> None:
    match stream.status:
        case 200 | 206:
            return
        case 401 | 403 | 407:
            raise DataSourceRefuses(
                f"the data source refuses the credentials of this node (status {stream.status})",
                remedy="its steward gives new ones: hansa source add",
            )
        case 404 | 410:
            raise NotFound("the data source has nothing under this name", remedy="ask its steward: hansa source test")
        case 501:
            raise NotFound("the data source does not offer this", remedy="ask its steward: hansa source test")
        case 416:
            raise NoSuchRange("the file has no bytes there", remedy="ask for a range within the file")
        case 400 | 406 | 414 | 422 if parameters:
            raise InvalidInput(
                f"the data source does not understand the query (status {stream.status})",
                remedy="check the parameters of the address",
            )
        case 429 | 503:
            raise DataSourceSlow("the data source is busy", remedy="try again in a minute")
        case _:
            raise DataSourceUnreachable(
                f"the data source answers with status {stream.status}", remedy="ask its steward: hansa source test"
            )


def _extract(stream: Stream, span: Span | None, headers_kept: tuple[str, ...]) -> Extract:
    headers = stream.headers
    length = headers.get("content-length", "")
    size = int(length) if length.isascii() and length.isdigit() and len(length) < 19 else None
    start, total = 0, size
    # A part in another unit is no part of the bytes: of a history, a period (ETSI GS CIM 009 §6.3.10).
    is_part = stream.status == 206 and not ("content-range" in headers_kept and span is None)
    if is_part:
        start, end, total = _part(headers.get("content-range", ""), span)
        if size is not None and size != end - start:
            raise DataSourceUnreachable("the data source contradicts itself about the size of its answer")
        size = end - start
    etag = headers.get("etag", "")
    return Extract(
        media_type=headers.get("content-type", "")[:200],
        chunks=_check_size(stream.chunks, size),
        start=start,
        size=size,
        total=total,
        is_part=is_part,
        etag=etag if _ETAG.fullmatch(etag) else None,
        headers={name: text for name in headers_kept if (text := _header(headers, name))},
    )


def _header(headers: Mapping[str, str], name: str) -> str:
    """Return a header; if it is there several times, with commas (RFC 9110 §5.3)."""
    return ", ".join(value for key, value in headers.items() if key.lower() == name)


def _part(header: str, span: Span | None) -> tuple[int, int, int | None]:
    """Return first byte, end and total of a partial answer. Raises if it is not the part that was asked for."""
    match = _RANGE.fullmatch(header)
    if match is None or span is None:
        raise DataSourceUnreachable("the data source sends a part that this node did not ask for")
    start, end = int(match[1]), int(match[2]) + 1
    total = None if match[3] == "*" else int(match[3])
    if total is None:
        right = span.start == start and (span.end is None or end <= span.end)
    else:
        right = (start, end) == span.within(total)
    if not right or start >= end:
        raise DataSourceUnreachable("the data source sends a different part than requested")
    return start, end, total


async def _check_size(chunks: AsyncIterator[bytes], size: int | None) -> AsyncIterator[bytes]:
    """Yield exactly ``size`` bytes. Raises ``DataSourceUnreachable`` if there are others, or they come too slowly."""
    speed = Speed(_WINDOW, SLOWEST, "the data source sends too slowly")
    count = 0
    stream = aiter(chunks)
    while True:
        start = time.monotonic()
        try:
            chunk = await anext(stream, b"")
            speed.count(len(chunk), time.monotonic() - start)
        except PeerUnreachable as error:
            raise translate(error) from error
        except (HansaError, asyncio.CancelledError):
            raise
        if not chunk:
            break
        count += len(chunk)
        if size is not None and count > size:
            raise DataSourceUnreachable("the data source sends more bytes than it announced")
        yield chunk
    if size is not None and count != size:
        raise DataSourceUnreachable("the data source broke off before the end")
