"""Files that arrive at a web server: PUT at their address, or POST with a key by which a repetition is recognised.

``If-None-Match`` keeps what somebody else put there. What is at a place is read and hashed before it is replaced or
deleted: nothing depends on what a server says about its content.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from node.adapters.datasources.requests import FIRST_BYTE, at, fetch
from node.adapters.datasources.uploads import (
    IDLE,
    SLOWEST,
    change,
    content_type,
    occupation,
    pieces,
    require_done,
    unreachable,
)
from node.adapters.egress.client import Answer, Egress, Lane
from node.base.errors import InvalidInput, NotFound, PeerUnreachable
from node.datasources.errors import EarlierContent, SinkRefuses
from node.datasources.model import Setup
from node.datasources.sinks import Parcel, check_place
from node.exchange.offloop import off_loop

METHOD: Final = "method"
"""The option of a web server that says how data are sent to it: ``put`` or ``post``."""
_METHODS: Final = ("put", "post")
_ANSWERING: Final = 300.0
_MOST_ANSWER: Final = 64 * 1024
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
                raise occupation(parcel.path, EarlierContent)
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
            raise change(path)
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
                chunks=pieces(file, 0, parcel.size),
                size=parcel.size,
                idle=IDLE,
                answering=_ANSWERING,
                slowest=SLOWEST,
                max_bytes=_MOST_ANSWER,
                lane=Lane.DATA_SOURCES,
            )
        except PeerUnreachable as error:
            raise unreachable(error) from error
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
            raise unreachable(error) from error


def _description_headers(parcel: Parcel) -> dict[str, str]:
    digest = base64.b64encode(bytes.fromhex(parcel.sha256)).decode("ascii")
    return {
        "Content-Type": content_type(parcel),
        "Content-Digest": f"sha-256=:{digest}:",  # RFC 9530, 2
    }


def _require(answer: Answer, path: str) -> None:
    """Raise unless the server did it. A server on the web says by 409, too, that something else is there."""
    if answer.status == 409:
        raise occupation(path)
    require_done(answer, path)
