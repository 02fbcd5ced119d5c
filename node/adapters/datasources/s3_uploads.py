"""Files that arrive in a bucket: one request for a small one, parts for a large one.

S3 shows an object when it is complete, and never before. Its metadata name the SHA-256 of its content, by which it is
recognised; ``If-None-Match`` and ``If-Match`` keep what somebody else put there a moment ago. The parts that are at
the bucket are noted, so that an upload continues after a crash. A bucket with versioning keeps what is overwritten or
deleted: there, this node deletes the versions that it sent.
"""

from __future__ import annotations

import hashlib
import html
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

from node.adapters.datasources.signatures import EMPTY, path_of, query_of
from node.adapters.datasources.uploads import (
    IDLE,
    PIECE,
    SLOWEST,
    change,
    content_type,
    occupation,
    pieces,
    require_done,
    unreachable,
)
from node.adapters.egress.client import Answer, Egress, Lane
from node.base.errors import PeerUnreachable
from node.datasources.errors import DataSourceUnreachable, EarlierContent, SinkRefuses
from node.datasources.sinks import Note, Parcel, check_place
from node.exchange.offloop import off_loop

SMALL: Final = 16 << 20
"""Up to this size, a file is sent in one request; the least size of a part, too."""
_MOST_PARTS: Final = 9_000
_COMPLETING: Final = 300.0
"""Seconds in which a service joins the parts of a large object."""
_MOST_ANSWER: Final = 1 << 20
_HASH: Final = "x-amz-meta-sha256"
_VERSION: Final = "x-amz-version-id"
_MARKER: Final = "x-amz-delete-marker"
_NULL: Final = "null"
"""The version of an object that was stored while the bucket kept none."""
_BY_HAND_BEFORE: Final = "delete it by hand, say so of its shipment (hansa shipment removed), and try again"
_BY_HAND: Final = "delete all its versions by hand, and say so: hansa shipment removed"
_UPLOAD: Final = re.compile(r"<UploadId>([^<]{1,2000})</UploadId>")
_CODE: Final = re.compile(r"<Code>([A-Za-z0-9]{1,80})</Code>")


class Sign(Protocol):
    """Signs a request to the bucket."""

    def __call__(
        self, url: str, method: str = "GET", headers: Mapping[str, str] | None = None, sha256: str = EMPTY
    ) -> dict[str, str]: ...


class _NoSuchUpload(Exception):
    """The bucket does not know the upload any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    """The object of a key. ``sha256`` is what the object states: "" if it states nothing, None if there is no object.
    ``version`` is empty in a bucket that keeps none; behind a delete marker (``is_marked``) there may be versions."""

    sha256: str | None
    etag: str = ""
    version: str = ""
    is_marked: bool = False


class BucketUploads:
    """Puts files into a bucket, and deletes them there (``node.datasources.sinks.SinkConnection``)."""

    def __init__(self, egress: Egress, bucket: str, prefix: str, sign: Sign, *, small: int = SMALL) -> None:
        """``bucket`` is the address of the bucket, with a slash; ``prefix`` begins each key."""
        self._egress = egress
        self._bucket = bucket
        self._prefix = prefix
        self._sign = sign
        self._small = small

    async def upload(self, parcel: Parcel, note: Note) -> bool:
        """See ``SinkConnection.deposit``."""
        url = self._url(parcel.path)
        content = await self._look(url)
        if content.sha256 == parcel.sha256:
            await self.abort(parcel)
            await self._delete_former(url, parcel, str(parcel.progress.get("former", "")), content)
            return False
        if content.sha256 is not None and (not content.sha256 or content.sha256 != parcel.replaces):
            raise occupation(parcel.path, EarlierContent)
        if content.version and parcel.progress.get("former") != content.version:
            parcel = replace(parcel, progress={**parcel.progress, "former": content.version})
            await note(parcel.progress)
        if parcel.size <= self._small:
            await self._put_whole(url, parcel, content)
        else:
            await self._put_parts(url, parcel, note, content)
        if content.sha256 is not None:
            await self._delete_former(url, parcel, content.version, await self._look(url))
        return True

    async def abort(self, parcel: Parcel) -> None:
        """See ``SinkConnection.abandon``."""
        upload = parcel.progress.get("upload")
        if upload:
            address = f"{self._url(parcel.path)}?{query_of({'uploadId': upload})}"
            answer = await self._request("DELETE", address)
            if answer.status != 404:
                _require(answer, parcel.path)

    async def delete(self, path: str, sha256: str) -> bool:
        """See ``SinkConnection.remove``."""
        url = self._url(path)
        content = await self._look(url)
        if content.sha256 is None:
            if content.is_marked:
                raise SinkRefuses(f"{path} was deleted in a bucket that may keep versions of it", remedy=_BY_HAND)
            return False
        if content.sha256 != sha256:
            raise change(path)
        if content.version:
            remedy = "its steward gives the right (s3:DeleteObjectVersion), and you try again; or " + _BY_HAND
            await self._delete_version(url, content.version, path, remedy)
            rest = await self._look(url)
            if rest.sha256 is not None or rest.is_marked:
                raise SinkRefuses(f"the bucket keeps earlier versions of {path}", remedy=_BY_HAND)
            return True
        answer = await self._request("DELETE", url)
        _require(answer, path)
        if answer.headers.get(_MARKER) == "true" or answer.headers.get(_VERSION, _NULL) != _NULL:
            raise SinkRefuses(f"the bucket keeps versions of {path}", remedy=_BY_HAND)
        return True

    async def _look(self, url: str) -> _Content:
        answer = await self._request("HEAD", url)
        if answer.status == 404:
            return _Content(sha256=None, is_marked=answer.headers.get(_MARKER) == "true")
        _require(answer, "")
        headers = answer.headers
        return _Content(
            sha256=headers.get(_HASH, ""),
            etag=headers.get("etag", "")[:200],
            version=headers.get(_VERSION, "")[:1024],
        )

    async def _delete_former(self, url: str, parcel: Parcel, former: str, content: _Content) -> None:
        """Delete the version that was replaced, of which ``content`` took the place. Without versions, or if the
        bucket keeps none any more, nothing is left of it."""
        if former and former != content.version and (former != _NULL or content.version):
            await self._delete_version(url, former, parcel.path, _BY_HAND_BEFORE)
        elif not former and parcel.replaces and content.version not in ("", _NULL):
            raise SinkRefuses(f"the bucket may keep an earlier version of {parcel.path}", remedy=_BY_HAND_BEFORE)

    async def _delete_version(self, url: str, version: str, path: str, remedy: str) -> None:
        answer = await self._request("DELETE", f"{url}?{query_of({'versionId': version})}")
        if answer.status == 404:
            return
        if answer.status in (400, 401, 403, 405, 501):
            raise SinkRefuses(
                f"the bucket keeps versions of {path}, and does not let this node delete its own ({_code(answer)})",
                remedy=remedy,
            )
        _require(answer, path)

    async def _put_whole(self, url: str, parcel: Parcel, content: _Content) -> None:
        headers = {**_description_headers(parcel), **_condition(content)}
        answer = await self._send(url, parcel, 0, parcel.size, headers, parcel.sha256)
        if answer.status == 404 and content.sha256 is not None and _code(answer) != "NoSuchBucket":
            raise _removal()
        _require(answer, parcel.path)

    async def _put_parts(self, url: str, parcel: Parcel, note: Note, content: _Content) -> None:
        size = max(self._small, -(-parcel.size // _MOST_PARTS))
        progress = dict(parcel.progress) if parcel.progress.get("size") == size else {}
        for _ in range(2):
            if not progress.get("upload"):
                former = {"former": content.version} if content.version else {}
                progress = {**former, "upload": await self._begin(url, parcel), "size": size, "parts": []}
                await note(progress)
            try:
                await self._continue(url, parcel, note, progress, content)
                return
            except _NoSuchUpload:
                # Its end may have been reached by an attempt that did not hear the answer.
                if (await self._look(url)).sha256 == parcel.sha256:
                    return
                progress = {}
        raise DataSourceUnreachable("the bucket forgets the parts of an upload", remedy="try again later")

    async def _continue(
        self, url: str, parcel: Parcel, note: Note, progress: Mapping[str, object], content: _Content
    ) -> None:
        upload, size = str(progress["upload"]), int(str(progress["size"]))
        tags = [str(tag) for tag in progress["parts"]]  # type: ignore[attr-defined]
        for number in range(len(tags), -(-parcel.size // size)):
            start, end = number * size, min((number + 1) * size, parcel.size)
            query = query_of({"partNumber": str(number + 1), "uploadId": upload})
            digest = await off_loop(_sha256, parcel, start, end)
            answer = await self._send(f"{url}?{query}", parcel, start, end, {}, digest)
            _require_upload(answer, parcel.path)
            tags.append(answer.headers.get("etag", "")[:200])
            await note({**progress, "parts": tags})
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{html.escape(tag, quote=False)}</ETag></Part>"
            for number, tag in enumerate(tags, 1)
        )
        body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        address = f"{url}?{query_of({'uploadId': upload})}"
        # The parts took long, and not every service heeds a condition here.
        await self._require_same(url, parcel, content)
        answer = await self._request("POST", address, body=body, headers=_condition(content), seconds=_COMPLETING)
        _require_upload(answer, parcel.path)
        if b"<Error>" in answer.body:
            raise DataSourceUnreachable(f"the bucket could not join the parts ({_code(answer)})")

    async def _require_same(self, url: str, parcel: Parcel, content: _Content) -> None:
        """Raise if something else than ``content`` is at the place by now; the parcel itself may be."""
        latest = await self._look(url)
        if latest.sha256 is None and content.sha256 is not None:
            raise _removal()
        if latest.sha256 not in (None, parcel.sha256) and latest != content:
            raise occupation(parcel.path)

    async def _begin(self, url: str, parcel: Parcel) -> str:
        answer = await self._request(
            "POST", f"{url}?{query_of({'uploads': ''})}", headers=_description_headers(parcel)
        )
        _require(answer, parcel.path)
        match = _UPLOAD.search(answer.body.decode("utf-8", "replace"))
        if match is None:
            raise DataSourceUnreachable("the data source is no S3 service", remedy="check the address of the bucket")
        return html.unescape(match[1])

    async def _send(
        self, url: str, parcel: Parcel, start: int, end: int, headers: Mapping[str, str], sha256: str
    ) -> Answer:
        file = await off_loop(os.open, parcel.file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return await self._egress.upload(
                "PUT",
                url,
                headers=self._sign(url, "PUT", headers, sha256),
                chunks=pieces(file, start, end),
                size=end - start,
                idle=IDLE,
                answering=IDLE,
                slowest=SLOWEST,
                max_bytes=_MOST_ANSWER,
                lane=Lane.DATA_SOURCES,
            )
        except PeerUnreachable as error:
            raise unreachable(error) from error
        finally:
            await off_loop(os.close, file)

    async def _request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        seconds: float = IDLE,
    ) -> Answer:
        sha256 = hashlib.sha256(body).hexdigest()
        try:
            return await self._egress.request(
                method,
                url,
                headers=self._sign(url, method, headers or {}, sha256),
                body=body or None,
                timeout=seconds,
                max_bytes=_MOST_ANSWER,
                allow_redirects=0,
                lane=Lane.DATA_SOURCES,
            )
        except PeerUnreachable as error:
            raise unreachable(error) from error

    def _url(self, path: str) -> str:
        return f"{self._bucket}{path_of(self._prefix + check_place(path))}"


def _description_headers(parcel: Parcel) -> dict[str, str]:
    return {"Content-Type": content_type(parcel), _HASH: parcel.sha256}


def _condition(content: _Content) -> dict[str, str]:
    if content.sha256 is None:
        return {"If-None-Match": "*"}
    return {"If-Match": content.etag} if content.etag else {}


def _sha256(parcel: Parcel, start: int, end: int) -> str:
    digest = hashlib.sha256()
    with parcel.file.open("rb") as file:
        file.seek(start)
        while start < end and (piece := file.read(min(PIECE, end - start))):
            digest.update(piece)
            start += len(piece)
    return digest.hexdigest()


def _removal() -> DataSourceUnreachable:
    return DataSourceUnreachable("the earlier version was deleted meanwhile", remedy="this node tries again")


def _code(answer: Answer) -> str:
    match = _CODE.search(answer.body.decode("utf-8", "replace"))
    return match[1] if match else f"status {answer.status}"


def _require_upload(answer: Answer, path: str) -> None:
    if answer.status == 404 and _code(answer) != "NoSuchBucket":
        raise _NoSuchUpload
    _require(answer, path)


def _require(answer: Answer, path: str) -> None:
    """Raise unless the service did it. In S3, 409 is a conflict of two requests that passes."""
    require_done(answer, path, _code(answer))
