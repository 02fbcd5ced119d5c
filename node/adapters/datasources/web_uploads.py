"""Files that arrive at a web server: PUT at their address, or POST with a key by which a repetition is recognised.

``If-None-Match`` keeps what somebody else put there. What is at a place is read and hashed before it is replaced or
deleted: nothing depends on what a server says about its content.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final

from node.adapters.datasources.requests import FIRST_BYTE, at, fetch
from node.adapters.egress.client import Answer, Egress, Lane
from node.base.errors import HansaError, InvalidInput, LocalFault, NotFound, PeerUnreachable
from node.datasources.errors import (
    DataSourceRefuses,
    DataSourceSlow,
    DataSourceUnreachable,
    EarlierContent,
    SinkOccupied,
    SinkRefuses,
)
from node.datasources.model import Setup
from node.datasources.sinks import WAIT, Parcel, check_place
from node.exchange.offloop import off_loop

METHOD: Final = "method"
"""The option of a web server that says how data are sent to it: ``put`` or ``post``."""
_METHODS: Final = ("put", "post")
_PIECE: Final = 256 * 1024
_IDLE: Final = 30.0
_ANSWERING: Final = 300.0
_SLOWEST: Final = 1024
_MOST_ANSWER: Final = 64 * 1024
_KNOWN_TYPE: Final = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,100}", re.ASCII)
_LONGER: Final = "longer"
_BY_HAND: Final = "delete it by hand, and say so: hansa shipment removed"


def method_of(setup: Setup) -> str:
    """Return how data are sent to a web server. Raises ``InvalidInput``."""
    method = setup.options.get(METHOD, "put")
    if method not in _METHODS:
        raise InvalidInput(f"{METHOD} is put or post", remedy=f"such as {METHOD}=post, or leave it out")
    return method


@dataclass(frozen=True, slots=True)
class _Content:
    """The content at a place. ``sha256`` is empty if this node may not read it, and ``_LONGER`` if it is longer than
    anything that is expected there."""

    sha256: str
    etag: str = ""


class WebUploads:
    """Puts files on a web server, and deletes them there (``node.datasources.sinks.SinkConnection``)."""

    def __init__(self, egress: Egress, address: str, headers: Mapping[str, str], method: str) -> None:
        """``headers`` show the credentials."""
        self._egress = egress
        self._address = address
        self._headers = dict(headers)
        self._method = method

    @property
    def is_replacing(self) -> bool:
        """See ``SinkConnection.is_replacing``. What a server makes of a POST is unknown, so it replaces nothing."""
        return self._method == "put"

    async def upload(self, parcel: Parcel) -> bool:
        """See ``SinkConnection.deposit``. A repeated POST has the same ``Idempotency-Key``."""
        url = at(self._address, check_place(parcel.path))
        headers = _description_headers(parcel)
        if self._method == "post":
            key = {"Idempotency-Key": f'"{parcel.id}"'}
            _require(await self._send("POST", url, parcel, {**headers, **key}), parcel.path)
            return True
        # Without an earlier version, only the same file is of interest.
        content = await self._look(url, most=None if parcel.replaces else parcel.size)
        if content is not None and content.sha256 == parcel.sha256:
            return False
        if content is not None and content.sha256:
            if content.sha256 != parcel.replaces:
                raise _occupation(parcel.path, EarlierContent)
            condition = {"If-Match": content.etag} if content.etag else {}
        else:
            condition = {"If-None-Match": "*"}
        _require(await self._send("PUT", url, parcel, {**headers, **condition}), parcel.path)
        return True

    async def delete(self, path: str, sha256: str) -> bool:
        """See ``SinkConnection.remove``."""
        url = at(self._address, check_place(path))
        content = await self._look(url)
        if content is None and self._method == "put":
            return False
        if content is None or not content.sha256:
            raise SinkRefuses("this node cannot see what became of it at the server", remedy=_BY_HAND)
        if content.sha256 != sha256:
            raise SinkOccupied(
                f"{path} was changed since this node sent it", remedy="look at it, and delete it by hand"
            )
        condition = {"If-Match": content.etag} if content.etag else {}
        answer = await self._request("DELETE", url, condition)
        if answer.status in (404, 410):
            return False
        if answer.status in (405, 501):
            raise SinkRefuses("the server lets nobody delete", remedy=_BY_HAND)
        _require(answer, path)
        return True

    async def _look(self, url: str, *, most: int | None = None) -> _Content | None:
        """Return what is at a place; None if the server says that nothing is. It is read to ``most`` bytes, or to
        the length that the server states."""
        answer = await self._request("HEAD", url, {})
        if answer.status in (404, 410):
            return None
        if not 200 <= answer.status < 300:
            if answer.status in (408, 425, 429) or (answer.status >= 500 and answer.status != 501):
                _require(answer, "")
            return _Content("")
        digest = hashlib.sha256()
        try:
            async with fetch(self._egress, url, {**self._headers, "Accept": "*/*"}) as extract:
                count = 0
                async for chunk in extract.chunks:
                    count += len(chunk)
                    if most is not None and count > most:
                        return _Content(_LONGER, extract.etag or "")
                    await off_loop(digest.update, chunk)
                return _Content(digest.hexdigest(), extract.etag or "")
        except NotFound:
            return None

    async def _send(self, method: str, url: str, parcel: Parcel, headers: Mapping[str, str]) -> Answer:
        file = await off_loop(os.open, parcel.file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return await self._egress.upload(
                method,
                url,
                headers={**self._headers, **headers},
                chunks=_pieces(file, parcel.size),
                size=parcel.size,
                idle=_IDLE,
                answering=_ANSWERING,
                slowest=_SLOWEST,
                max_bytes=_MOST_ANSWER,
                lane=Lane.DATA_SOURCES,
            )
        except PeerUnreachable as error:
            raise _translate(error) from error
        finally:
            await off_loop(os.close, file)

    async def _request(self, method: str, url: str, headers: Mapping[str, str]) -> Answer:
        try:
            return await self._egress.request(
                method,
                url,
                headers={**self._headers, **headers},
                timeout=FIRST_BYTE,
                max_bytes=_MOST_ANSWER,
                allow_redirects=0,
                lane=Lane.DATA_SOURCES,
            )
        except PeerUnreachable as error:
            raise _translate(error) from error


def _description_headers(parcel: Parcel) -> dict[str, str]:
    digest = base64.b64encode(bytes.fromhex(parcel.sha256)).decode("ascii")
    is_known = _KNOWN_TYPE.fullmatch(parcel.media_type) is not None
    return {
        "Content-Type": parcel.media_type if is_known else "application/octet-stream",
        "Content-Digest": f"sha-256=:{digest}:",  # RFC 9530, 2
    }


async def _pieces(file: int, size: int) -> AsyncIterator[bytes]:
    start = 0
    while start < size:
        piece = await off_loop(os.pread, file, min(_PIECE, size - start), start)
        if not piece:
            raise LocalFault("the received file became shorter while it was sent")
        start += len(piece)
        yield piece


def _translate(error: PeerUnreachable) -> HansaError:
    if "redirect" in error.detail:
        return _redirect_refusal()
    detail = error.detail.replace("the peer's", "the data source's").replace("the peer", "the data source")
    kind = DataSourceSlow if "in time" in detail else DataSourceUnreachable
    return kind(detail, remedy="this node tries again")


def _redirect_refusal() -> SinkRefuses:
    return SinkRefuses(
        "the data source answers with a redirect, which this node does not follow",
        remedy="its steward gives the final address: hansa source add",
    )


def _occupation(path: str, kind: type[SinkOccupied] = SinkOccupied) -> SinkOccupied:
    return kind(f"there is something else at {path} already", remedy="choose another place, or move what is there")


def _require(answer: Answer, path: str) -> None:
    """Raise unless the server did it: what may pass as unreachable, what will not as a refusal."""
    match answer.status:
        case status if 200 <= status < 300:
            return
        case status if 300 <= status < 400:
            raise _redirect_refusal()
        case 401 | 403 | 407:
            raise DataSourceRefuses(
                f"the data source refuses the credentials of this node, or that it writes (status {answer.status})",
                remedy="its steward gives others: hansa source add",
            )
        case 409 | 412:
            raise _occupation(path)
        case 413:
            raise SinkRefuses(
                "the file is larger than the data source takes",
                remedy="have its limit raised, then try again, or send it elsewhere",
            )
        case 429 | 503:
            raise DataSourceSlow(
                f"the data source is busy (status {answer.status})",
                remedy="this node tries again",
                facts={WAIT: answer.headers.get("Retry-After", "")[:100]},
            )
        case 507:
            raise DataSourceUnreachable("the data source is full", remedy="make room there: this node tries again")
        case status if status in (408, 425) or (status >= 500 and status != 501):
            raise DataSourceUnreachable(
                f"the data source answers with status {status}", remedy="this node tries again"
            )
        case status:
            raise SinkRefuses(
                f"the data source does not take the data (status {status})", remedy="check its address and rights"
            )
