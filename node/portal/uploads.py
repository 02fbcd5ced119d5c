"""A form with a file: ``multipart/form-data`` (RFC 7578), read as it arrives.

The fields come before the file, so that a form can be refused before its file is read; browsers send the controls of
a form in their order. One file is read, and it is never held in memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from node.base.errors import InvalidInput, TooLarge, UnsupportedMediaType

MAX_FIELD: Final = 8 * 1024
"""Bytes of a field."""
MAX_PARTS: Final = 20


@dataclass(slots=True)
class Upload:
    """The fields before the file, its name as the browser states it, and its bytes, to be read once."""

    fields: dict[str, str] = field(default_factory=dict)
    name: str = ""
    chunks: AsyncIterator[bytes] | None = None


@dataclass(frozen=True, slots=True)
class _Head:
    """The beginning of a part. ``file_name`` is None for a field."""

    name: str
    file_name: str | None


_PartEnd = None
_Event = _Head | bytes | None
"""The beginning of a part, some of its bytes, or its end."""


async def read_upload(request: Request) -> Upload:
    """Return the fields and the file of a form. ``chunks`` is None if the form has no file.

    Raises ``UnsupportedMediaType`` for another form, ``TooLarge`` for long fields, ``InvalidInput`` for a form that
    breaks off; ``chunks`` raises it too.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise UnsupportedMediaType(
            "a form with a file is sent as multipart/form-data", remedy="send the form of the page"
        )
    upload, name, value, parts = Upload(), "", bytearray(), 0
    events = _events(request.stream(), boundary)
    async for event in events:
        if isinstance(event, _Head):
            if event.file_name is not None:
                upload.name, upload.chunks = event.file_name, _content(events)
                return upload
            parts += 1
            if parts > MAX_PARTS:
                raise TooLarge("the form has too many fields", remedy="send fewer fields")
            name, value = event.name, bytearray()
        elif event is _PartEnd:
            upload.fields.setdefault(name, value.decode("utf-8", errors="replace"))
        else:
            value += event
            if len(value) > MAX_FIELD:
                raise TooLarge("a field of the form is too long", remedy="shorten the text", facts={"case": "field"})
    return upload


async def _content(events: AsyncIterator[_Event]) -> AsyncIterator[bytes]:
    """Yield the bytes of the part that has begun."""
    async for event in events:
        if not isinstance(event, bytes):
            return
        yield event


async def _events(stream: AsyncIterator[bytes], boundary: bytes) -> AsyncIterator[_Event]:
    """Yield what a body has, up to its end. Raises ``InvalidInput`` if it is not such a form, or breaks off."""
    form = _Form(boundary)
    async for chunk in stream:
        form.read(chunk)
        while form.events:
            yield form.events.popleft()
        if form.is_complete:
            return
    raise _unreadable()


class _Form:
    """Turns the calls of the parser into events."""

    def __init__(self, boundary: bytes) -> None:
        self.events: deque[_Event] = deque()
        self.is_complete = False
        self._header = bytearray()
        self._value = bytearray()
        self._disposition = b""
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begins,
                "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                "on_header_end": self._header_ends,
                "on_headers_finished": self._headers_end,
                "on_part_data": lambda data, start, end: self.events.append(bytes(data[start:end])),
                "on_part_end": lambda: self.events.append(_PartEnd),
                "on_end": self._end,
            },
        )

    def read(self, chunk: bytes) -> None:
        """Add the events in ``chunk``. Raises ``InvalidInput``."""
        try:
            self._parser.write(chunk)
        except MultipartParseError as error:
            raise _unreadable() from error

    def _part_begins(self) -> None:
        self._disposition = b""

    def _header_ends(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _headers_end(self) -> None:
        _, options = parse_options_header(self._disposition)
        file_name = options.get(b"filename")
        # Browsers write a quotation mark in a name as %22, and nothing else in another way.
        self.events.append(
            _Head(
                name=_text(options.get(b"name", b"")),
                file_name=None if file_name is None else _text(file_name).replace("%22", '"'),
            )
        )

    def _end(self) -> None:
        self.is_complete = True


def _text(value: bytes) -> str:
    return value.decode("utf-8", errors="replace")


def _unreadable() -> InvalidInput:
    return InvalidInput("the form is not readable", remedy="send it again from the page", facts={"case": "form"})
