"""Batches of records, as brokers keep and send them (Kafka's message format 2), read with bounds.

Each batch has a header of 61 bytes, with its size, a checksum and how it is compressed, and then its records.
Producers compress what brokers only pass on, so a small batch may unpack to a huge one: it is unpacked up to
``MOST_UNPACKED``.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import cramjam
from aiokafka.record.util import calc_crc32c

from node.base.errors import InvalidInput

MOST_UNPACKED: Final = 16 << 20
"""Bytes of the records of a batch, when they are unpacked."""
_HEADER: Final = struct.Struct(">qiibIhiqqqhii")
_OVERHEAD: Final = 12
"""Bytes of a batch before those that its size counts."""
_CHECKED_FROM: Final = 21
"""The place of the first byte under the checksum."""
_FORMAT: Final = 2
_FORMAT_PLACE: Final = 16
_LEAST: Final = 5
"""Bytes that the size of a message counts at least, in every format: up to the byte that says which it is."""
_CODEC: Final = 0x07
_TRANSACTIONAL: Final = 0x10
_CONTROL: Final = 0x20
_ABORT: Final = 0
_GZIP: Final = 31
"""For zlib: a gzip header, and the largest window."""
_OFTEN_ENOUGH: Final = 1 << 16
_RATIO: Final = 16
_XERIAL: Final = b"\x82SNAPPY\x00"
_XERIAL_HEADER: Final = 16


@dataclass(frozen=True, slots=True)
class Record:
    """A record: its place in the partition, its key and its value, None for none of them."""

    offset: int
    key: bytes | None = field(repr=False)
    value: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch with the places that it covers: from ``first`` to before ``following``."""

    first: int
    following: int
    producer: int
    attributes: int
    form: int
    count: int
    is_intact: bool
    content: memoryview = field(repr=False)

    @property
    def is_transactional(self) -> bool:
        return bool(self.attributes & _TRANSACTIONAL)

    @property
    def is_control(self) -> bool:
        """Return whether it ends a transaction, and is no message."""
        return bool(self.attributes & _CONTROL)

    @property
    def is_abortion(self) -> bool:
        """Return whether it says that a transaction is void."""
        if not self.is_control:
            return False
        key = next(iter(self.records()), Record(0, None, None)).key or b""
        return len(key) >= 4 and int.from_bytes(key[2:4]) == _ABORT

    def records(self) -> Iterator[Record]:
        """Return the records. Raises ``InvalidInput`` for what cannot be read, with the reason."""
        if self.form != _FORMAT:
            raise InvalidInput("it has a format from before Kafka 0.11", remedy="let the producer use a newer one")
        if not self.is_intact:
            raise InvalidInput("its checksum does not fit: it is damaged", remedy="look into the disk of the broker")
        content = _unpack(self.content, self.attributes & _CODEC)
        place = 0
        try:
            for _ in range(self.count):
                size, place = _number(content, place)
                end = place + size
                if size < 0 or end > len(content):
                    raise IndexError
                record = _record(content, place, end, self.first)
                if not self.first <= record.offset < self.following:
                    raise ValueError
                yield record
                place = end
        except (IndexError, ValueError) as error:
            raise InvalidInput("its records cannot be read", remedy="look into the program that sent it") from error


def batches(content: bytes) -> Iterator[Batch]:
    """Return the whole batches of an answer; its last one may be cut off. Raises ``InvalidInput`` if sizes do not
    fit."""
    view = memoryview(content)
    place = 0
    while place + _OVERHEAD <= len(view):
        size = int.from_bytes(view[place + 8 : place + _OVERHEAD], signed=True)
        end = place + _OVERHEAD + size
        if size < _LEAST:
            raise InvalidInput("the broker sends a batch that is too short", remedy="look into the broker")
        if end > len(view):
            return
        yield _batch(view[place:end])
        place = end


def _batch(batch: memoryview) -> Batch:
    """Return a batch, or a message of an earlier format, which stands alone. Raises ``InvalidInput``."""
    if batch[_FORMAT_PLACE] < _FORMAT:
        first, last, form = int.from_bytes(batch[:8], signed=True), 0, batch[_FORMAT_PLACE]
        checksum, attributes, producer, count, content = 0, 0, -1, 1, batch[:0]
    elif len(batch) < _HEADER.size:
        raise InvalidInput("the broker sends a batch that is too short", remedy="look into the broker")
    else:
        first, _, _, form, checksum, attributes, last, _, _, producer, _, _, count = _HEADER.unpack_from(batch)
        content = batch[_HEADER.size :]
    if last < 0 or first < 0:
        raise InvalidInput("the broker sends places that there are not", remedy="look into the broker")
    return Batch(
        first=first,
        following=first + last + 1,
        producer=producer,
        attributes=attributes,
        form=form,
        count=count,
        is_intact=form != _FORMAT or calc_crc32c(batch[_CHECKED_FROM:]) == checksum,
        content=content,
    )


def _record(content: bytes, place: int, end: int, first: int) -> Record:
    """Return the record from ``place`` to ``end``: attributes, time, offset, key, value; headers are passed over."""
    _, place = _number(content, place + 1)
    delta, place = _number(content, place)
    key, place = _bytes(content, place, end)
    value, place = _bytes(content, place, end)
    if place > end:
        raise IndexError
    return Record(first + delta, key, value)


def _bytes(content: bytes, place: int, end: int) -> tuple[bytes | None, int]:
    size, place = _number(content, place)
    if size < 0:
        return None, place
    if place + size > end:
        raise IndexError
    return content[place : place + size], place + size


def _number(content: bytes, place: int) -> tuple[int, int]:
    """Return a number of variable length in zigzag form, and the place behind it."""
    value = shift = 0
    while True:
        byte = content[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), place
        shift += 7
        if shift > 63:
            raise ValueError


def _unpack(content: memoryview, codec: int) -> bytes:
    """Return records as they are without compression. Raises ``InvalidInput``."""
    try:
        match codec:
            case 0:
                return bytes(content)
            case 1:
                return _gunzip(content)
            case 2:
                return _unsnap(bytes(content))
            case 3:
                return _into(cramjam.lz4.decompress_into, content)
            case 4:
                return _into(cramjam.zstd.decompress_into, content)
    except (zlib.error, cramjam.DecompressionError, OverflowError, ValueError) as error:
        raise InvalidInput(
            f"it cannot be unpacked, or has more than {MOST_UNPACKED >> 20} MB", remedy="send smaller batches"
        ) from error
    raise InvalidInput("it is compressed in a way that is unknown", remedy="use gzip, Snappy, LZ4 or Zstandard")


def _gunzip(content: memoryview) -> bytes:
    unpacker = zlib.decompressobj(_GZIP)
    result = unpacker.decompress(content, MOST_UNPACKED)
    if not unpacker.eof:
        raise ValueError
    return result


def _unsnap(content: bytes) -> bytes:
    """Unpack Snappy: one block, or blocks with their sizes behind the header of the Java library."""
    if not content.startswith(_XERIAL):
        return _unsnap_blocks([content])
    blocks, place = [], _XERIAL_HEADER
    while place < len(content):
        size = int.from_bytes(content[place : place + 4], signed=True)
        if size < 0 or place + 4 + size > len(content):
            raise ValueError
        blocks.append(content[place + 4 : place + 4 + size])
        place += 4 + size
    return _unsnap_blocks(blocks)


def _unsnap_blocks(blocks: list[bytes]) -> bytes:
    if sum(cramjam.snappy.decompress_raw_len(block) for block in blocks) > MOST_UNPACKED:
        raise ValueError
    return b"".join(bytes(cramjam.snappy.decompress_raw(block)) for block in blocks)


def _into(unpack: Callable[[bytes, bytearray], int], content: memoryview) -> bytes:
    """Unpack into a room of a size that usually does; else into the largest, which takes time to make."""
    source = bytes(content)
    room = bytearray(min(MOST_UNPACKED, _OFTEN_ENOUGH + _RATIO * len(source)))
    try:
        return bytes(room[: unpack(source, room)])
    except cramjam.DecompressionError:
        if len(room) == MOST_UNPACKED:
            raise
    room = bytearray(MOST_UNPACKED)
    return bytes(room[: unpack(source, room)])
