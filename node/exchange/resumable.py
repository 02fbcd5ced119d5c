"""Files that arrive in pieces: a transfer that broke off goes on where it stopped.

What has arrived is kept for a few days, also when the node ends. A piece with a checksum counts when it is whole and
equal to it; a piece without one counts as far as it came.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import re
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

from node.base.clock import Clock, moment, stamp
from node.base.disk import sync_folder
from node.base.errors import Conflict, InvalidInput, NoRoom, NotFound, RemoteFault, TooLarge, TooMany
from node.base.ids import new_uuid
from node.exchange.names import safe_name
from node.exchange.offloop import off_loop, open_off_loop
from node.exchange.spool import READ_SIZE, PartFile, disk_fault
from node.identity.model import Caller
from node.identity.roles import UseCase, require

P = ParamSpec("P")
R = TypeVar("R")

ALGORITHMS: Final = ("sha1", "sha256")
"""Of checksums; tus 1.0 asks every server for SHA-1."""
MOST: Final = 20
"""Unfinished files of one person."""
AGE: Final = timedelta(days=3)
"""Unfinished files that nobody went on with for so long are removed."""
SILENCE: Final = 20.0
"""Seconds without a byte after which a piece ends, so that its sender can go on over a new connection."""
MOST_MARK: Final = 200
"""Characters of a sender's own mark."""

_RECORDED: Final = 32 << 20
"""Bytes of a piece without a checksum after which it is recorded what has arrived."""
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class ChecksumMismatch(RemoteFault):
    """A piece is not what its sender sent: nothing of it was kept. The status is that of tus 1.0."""

    code = "checksum-mismatch"
    status = 460
    title = "The piece arrived changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumableUpload:
    """A file of ``size`` bytes of which ``received`` are here. ``mark`` is the sender's own text by which it
    recognises the file when it goes on; ``at`` is when something arrived last."""

    id: str
    account: str
    name: str
    size: int
    received: int
    at: datetime
    mark: str = ""

    @property
    def is_complete(self) -> bool:
        return self.received == self.size

    @property
    def until(self) -> datetime:
        """Return when it is removed unless something arrives."""
        return self.at + AGE

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "account": self.account,
            "name": self.name,
            "size": self.size,
            "received": self.received,
            "at": stamp(self.at),
            "mark": self.mark,
        }

    @classmethod
    def from_json(cls, members: dict[str, Any]) -> ResumableUpload:
        return cls(**{**members, "at": moment(members["at"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Checksum:
    """The checksum of one piece, by an algorithm of ``ALGORITHMS``."""

    algorithm: str
    digest: bytes

    @classmethod
    def parse(cls, text: str) -> Checksum:
        """Read ``algorithm base64`` (tus 1.0, Upload-Checksum). Raises ``InvalidInput``."""
        algorithm, _, value = text.strip().partition(" ")
        try:
            digest = base64.b64decode(value.strip(), validate=True)
        except ValueError:
            digest = b""
        if algorithm not in ALGORITHMS or len(digest) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
            raise InvalidInput(
                "the checksum is not one that this node reads",
                remedy=f"send one of {', '.join(ALGORITHMS)} in base64",
            )
        return cls(algorithm=algorithm, digest=digest)


class ResumableUploads:
    """Keeps what has arrived in ``folder``. Each person sees their own files only."""

    def __init__(self, folder: Path, *, clock: Clock, limit: int, silence: float = SILENCE) -> None:
        """``limit`` is of one file, in bytes."""
        self._folder = folder
        self._clock = clock
        self.limit = limit
        self._silence = silence

    def require_role(self, by: Caller) -> None:
        """Raises ``NotAllowed`` if ``by`` may not send files: for doors that refuse before they read anything."""
        require(by, UseCase.PUBLISH)

    async def mine(self, by: Caller) -> Sequence[ResumableUpload]:
        """Return the files of ``by``, the newest first. Raises ``NotAllowed``."""
        self.require_role(by)
        uploads = await off_loop(self._all)
        return [upload for upload in uploads if self._is_of(upload, by)]

    async def begin(self, name: str, size: int, by: Caller, *, mark: str = "") -> ResumableUpload:
        """Return a file of which nothing has arrived. Raises ``NotAllowed``, ``TooLarge``, ``TooMany``, ``NoRoom``,
        and ``InvalidInput`` for an empty file."""
        mine = await self.mine(by)
        if size > self.limit:
            raise too_large(self.limit)
        if size < 1:
            raise InvalidInput("the file is empty", remedy="choose another file", facts={"case": "empty-file"})
        if len(mine) >= MOST:
            raise TooMany(
                f"you have {len(mine)} unfinished files already",
                remedy="go on with one of them, or remove it",
                facts={"case": "uploads", "count": len(mine)},
            )
        upload = ResumableUpload(
            id=str(new_uuid()),
            account=str(by.account),
            name=safe_name(name),
            size=size,
            received=0,
            at=self._clock.now(),
            mark=mark[:MOST_MARK],
        )
        await off_loop(self._make, upload)
        return upload

    async def find(self, upload_id: str, by: Caller) -> ResumableUpload:
        """Return a file of ``by``. Raises ``NotAllowed``, and ``NotFound`` also for files of others."""
        self.require_role(by)
        upload = await off_loop(self._read, upload_id)
        if upload is None or not self._is_of(upload, by):
            raise NotFound("this upload does not exist, or it has expired", remedy="begin again")
        return upload

    async def append(
        self,
        upload_id: str,
        offset: int,
        chunks: AsyncIterator[bytes],
        by: Caller,
        *,
        checksum: Checksum | None = None,
    ) -> ResumableUpload:
        """Take a piece that begins at ``offset``, and return the file as it is then.

        Raises the errors of ``find``, ``Conflict`` if ``offset`` is not what has arrived, if another request is
        sending, or if nothing arrives for a while, ``TooLarge`` for bytes beyond the size, ``ChecksumMismatch``, and
        the errors of ``chunks``. What arrived before is kept in any case.
        """
        await self.find(upload_id, by)
        try:
            part = await open_off_loop(PartFile, PartFile.close, self._place(upload_id, "part"), create=False)
        except Conflict as error:
            raise Conflict("another request is sending this file", remedy="wait for its end, then go on") from error
        try:
            # Read again: another request may have ended between our look and our lock.
            upload = await self.find(upload_id, by)
            if offset != upload.received:
                raise Conflict(
                    f"{upload.received} bytes have arrived, and this piece begins at {offset}",
                    remedy=f"go on at {upload.received}",
                    facts={"case": "offset", "offset": upload.received},
                )
            await _on_disk(part.truncate, upload.received)
            return await self._fill(part, upload, chunks, checksum)
        finally:
            await off_loop(part.close)

    async def _fill(
        self, part: PartFile, upload: ResumableUpload, chunks: AsyncIterator[bytes], checksum: Checksum | None
    ) -> ResumableUpload:
        digest = hashlib.new(checksum.algorithm, usedforsecurity=False) if checksum else None
        buffer, gap = bytearray(), 0
        try:
            async for chunk in self._in_time(chunks):
                if part.size + len(buffer) + len(chunk) > upload.size:
                    raise TooLarge(
                        f"the file was announced with {upload.size} bytes", remedy="begin again with its real size"
                    )
                buffer += chunk
                if len(buffer) >= READ_SIZE:
                    gap += len(buffer)
                    await _on_disk(_write, part, digest, buffer)
                if digest is None and gap >= _RECORDED:
                    upload, gap = await self._record(part, upload), 0
        except BaseException:
            if digest is None:
                await _on_disk(_write, part, digest, buffer)
                await self._record(part, upload)
            raise
        await _on_disk(_write, part, digest, buffer)
        if checksum is not None and digest is not None and digest.digest() != checksum.digest:
            raise ChecksumMismatch("the piece arrived changed, and was thrown away", remedy="send it again")
        return await self._record(part, upload)

    async def _in_time(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        pieces = aiter(chunks)
        while True:
            try:
                async with asyncio.timeout(self._silence):
                    chunk = await anext(pieces)
            except StopAsyncIteration:
                return
            except TimeoutError as error:
                raise Conflict(
                    f"nothing arrived for {self._silence:g} seconds", remedy="ask what has arrived, and go on there"
                ) from error
            yield chunk

    async def _record(self, part: PartFile, upload: ResumableUpload) -> ResumableUpload:
        """Bring what has arrived to the disk, and then the number of its bytes."""
        size = await _on_disk(part.sync)
        upload = replace(upload, received=size, at=self._clock.now())
        await _on_disk(self._write, upload)
        return upload

    async def remove(self, upload_id: str, by: Caller) -> None:
        """Remove a file of ``by``. Raises the errors of ``find``."""
        await self.find(upload_id, by)
        await off_loop(self._remove, upload_id)

    async def take(self, upload_id: str, by: Caller) -> tuple[str, AsyncIterator[bytes]]:
        """Return the name and the bytes of a complete file; it stays until it is removed. Raises the errors of
        ``find``, and ``Conflict`` if something is missing."""
        upload = await self.find(upload_id, by)
        if not upload.is_complete:
            raise Conflict(
                f"{upload.received} of {upload.size} bytes have arrived",
                remedy="send the rest first",
                facts={"case": "upload-incomplete"},
            )
        return upload.name, self._chunks(upload_id)

    async def _chunks(self, upload_id: str) -> AsyncIterator[bytes]:
        part = await open_off_loop(PartFile, PartFile.close, self._place(upload_id, "part"), create=False)
        try:
            pieces = part.pieces()
            while piece := await off_loop(next, pieces, b""):
                yield piece
        finally:
            await off_loop(part.close)

    def forget_old(self) -> int:
        """Remove files that nobody went on with; return how many. It blocks."""
        now = self._clock.now()
        old = [upload.id for upload in self._all() if upload.until < now]
        for upload_id in old:
            self._remove(upload_id)
        return len(old)

    def _is_of(self, upload: ResumableUpload, by: Caller) -> bool:
        return upload.account == str(by.account) and upload.until >= self._clock.now()

    def _all(self) -> list[ResumableUpload]:
        names = [path.stem for path in self._folder.glob("*.json")] if self._folder.is_dir() else []
        uploads = [upload for name in names if (upload := self._read(name)) is not None]
        return sorted(uploads, key=lambda upload: upload.at, reverse=True)

    def _read(self, upload_id: str) -> ResumableUpload | None:
        with suppress(FileNotFoundError, NotFound):
            return ResumableUpload.from_json(json.loads(self._place(upload_id, "json").read_text("utf-8")))
        return None

    def _make(self, upload: ResumableUpload) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if shutil.disk_usage(self._folder).free < upload.size:
                raise NoRoom(
                    "there is no room for this file on the disk of this node",
                    remedy="the operator must free disk space; then try again",
                )
            PartFile(self._place(upload.id, "part")).close()
            self._write(upload)
        except OSError as error:
            raise disk_fault("the file could not be begun", error) from error

    def _write(self, upload: ResumableUpload) -> None:
        target = self._place(upload.id, "json")
        fresh = target.with_suffix(".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(upload.to_json(), file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(target)
        sync_folder(self._folder)

    def _remove(self, upload_id: str) -> None:
        # The record first: bytes without one are no upload any more.
        for ending in ("json", "part", "new"):
            self._place(upload_id, ending).unlink(missing_ok=True)

    def _place(self, upload_id: str, ending: str) -> Path:
        if not _ID.fullmatch(upload_id):
            raise NotFound("this upload does not exist, or it has expired", remedy="begin again")
        return self._folder / f"{upload_id}.{ending}"


def too_large(limit: int) -> TooLarge:
    """Return the error about a file of more than ``limit`` bytes."""
    return TooLarge(
        f"this node accepts files of at most {limit} bytes",
        remedy="split the data into several files",
        facts={"case": "file", "megabytes": limit // 1_000_000},
    )


async def _on_disk(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Do ``work`` in a thread. Raises ``NoRoom`` or ``LocalFault`` for errors of the disk: those of the stream that
    is being written are its sender's."""
    try:
        return await off_loop(work, *args, **kwargs)
    except OSError as error:
        raise disk_fault("the file could not be stored", error) from error


def _write(part: PartFile, digest: hashlib._Hash | None, buffer: bytearray) -> None:
    if digest is not None:
        digest.update(buffer)
    part.append(buffer)
    buffer.clear()
