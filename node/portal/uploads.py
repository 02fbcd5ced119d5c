"""A form with a file: ``multipart/form-data`` (RFC 7578), read as it arrives.

The fields come before the file, so that a form can be refused before its file is read; browsers send the controls of
a form in their order. One file is read, and it is never held in memory.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

from starlette.requests import Request

from node.base.errors import InvalidInput, TooLarge, UnsupportedMediaType

MAX_HEAD: Final = 8 * 1024
"""Bytes of the headers of a part, and of a field."""
MAX_PARTS: Final = 20

_BOUNDARY: Final = re.compile(r"""boundary=(?:"([^"\r\n]{1,70})"|([^\s;"]{1,70}))""", re.IGNORECASE)
_NAME: Final = re.compile(r'[;\s]name="([^"\r\n]*)"', re.IGNORECASE)
_FILE_NAME: Final = re.compile(r'[;\s]filename="([^"\r\n]*)"', re.IGNORECASE)


@dataclass(slots=True)
class Upload:
    """The fields before the file, its name as the browser states it, and its bytes, to be read once."""

    fields: dict[str, str] = field(default_factory=dict)
    name: str = ""
    chunks: AsyncIterator[bytes] | None = None


async def read_upload(request: Request) -> Upload:
    """Return the fields and the file of a form. ``chunks`` is None if the form has no file.

    Raises ``UnsupportedMediaType`` for another form, ``TooLarge`` for long fields, ``InvalidInput`` for a form that
    breaks off; ``chunks`` raises it too.
    """
    kind = request.headers.get("content-type", "")
    boundary = _BOUNDARY.search(kind)
    if not kind.lower().startswith("multipart/form-data") or boundary is None:
        raise UnsupportedMediaType("a form with a file is sent as multipart/form-data")
    reader = _Reader(request.stream(), b"\r\n--" + (boundary[1] or boundary[2]).encode("latin-1"))
    upload = Upload()
    for _ in range(MAX_PARTS):
        head = await reader.head()
        if head is None:
            return upload
        name, file_name = _NAME.search(head), _FILE_NAME.search(head)
        if file_name is not None:
            # Browsers write a quotation mark in a name as %22, and nothing else in another way.
            upload.name, upload.chunks = file_name[1].replace("%22", '"'), reader.content()
            return upload
        value = b"".join([piece async for piece in reader.content(MAX_HEAD)]).decode("utf-8", errors="replace")
        if name is not None:
            upload.fields.setdefault(name[1], value)
    raise TooLarge("the form has too many fields")


class _Reader:
    """Reads the parts of a body, which ``delimiter`` separates."""

    def __init__(self, stream: AsyncIterator[bytes], delimiter: bytes) -> None:
        self._stream = stream
        self._delimiter = delimiter
        # The first delimiter may lack the line end before it.
        self._buffer = bytearray(b"\r\n")
        self._is_before_first = True

    async def head(self) -> str | None:
        """Return the headers of the next part; None after the last one."""
        if self._is_before_first:
            self._is_before_first = False
            async for _ in self.content(MAX_HEAD):
                pass
        while len(self._buffer) < 2:
            await self._more()
        if self._buffer.startswith(b"--"):
            return None
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > MAX_HEAD:
                raise _unreadable()
            await self._more()
        head = bytes(self._buffer[:end]).decode("utf-8", errors="replace")
        del self._buffer[: end + 4]
        return head

    async def content(self, limit: int | None = None) -> AsyncIterator[bytes]:
        """Yield the content of the part, up to the next delimiter, which is read too."""
        size, overlap = 0, len(self._delimiter) - 1
        while True:
            end = self._buffer.find(self._delimiter)
            length = end if end >= 0 else max(0, len(self._buffer) - overlap)
            size += length
            if limit is not None and size > limit:
                raise TooLarge("a field of the form is too long", remedy="shorten the text", facts={"case": "field"})
            if length:
                yield bytes(self._buffer[:length])
                del self._buffer[:length]
            if end >= 0:
                del self._buffer[: len(self._delimiter)]
                return
            await self._more()

    async def _more(self) -> None:
        async for chunk in self._stream:
            if chunk:
                self._buffer += chunk
                return
        raise _unreadable()


def _unreadable() -> InvalidInput:
    return InvalidInput("the form is not readable", remedy="send it again from the page", facts={"case": "form"})
