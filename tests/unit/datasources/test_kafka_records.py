"""Batches of Kafka's records: read as they were written, and refused in words where they cannot be."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from contextlib import suppress

import cramjam
import pytest
from aiokafka.record._crc32c import crc
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from node.adapters.datasources.brokers.kafka.records import MOST_UNPACKED, Batch, batches
from node.base.errors import InvalidInput

HEADER = 61
RECORDS = [(b"a", b"1"), (None, b"2"), (b"c", None), (b"", b"")]


def build(*records: tuple[bytes | None, bytes | None], codec: int = 0) -> bytes:
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, 0, 1 << 30)
    for place, (key, value) in enumerate(records):
        builder.append(place, 0, key, value, [("header", b"x")])
    return bytes(builder.build())


def sealed(batch: bytes, content: bytes, attributes: int = 0) -> bytes:
    """The batch with other content, whose size and checksum fit."""
    body = struct.pack(">h", attributes) + batch[23:HEADER] + content
    size = struct.pack(">i", HEADER - 12 + len(content))
    return batch[:8] + size + batch[12:17] + struct.pack(">I", crc(body) & 0xFFFFFFFF) + body


def only(content: bytes) -> Batch:
    (batch,) = batches(content)
    return batch


@pytest.mark.parametrize("codec", range(5))
def test_records_are_read_as_they_were_written_however_they_are_compressed(codec: int) -> None:
    batch = only(build(*RECORDS, codec=codec))
    assert [(record.key, record.value) for record in batch.records()] == RECORDS
    assert [record.offset for record in batch.records()] == [0, 1, 2, 3]
    assert (batch.first, batch.following, batch.is_intact) == (0, 4, True)


def test_snappy_as_one_block_is_read_too() -> None:
    plain = build(*RECORDS)
    packed = sealed(plain, bytes(cramjam.snappy.compress_raw(plain[HEADER:])), attributes=2)
    assert [record.value for record in only(packed).records()] == [value for _, value in RECORDS]


@pytest.mark.parametrize(
    ("codec", "pack"),
    [
        (1, gzip.compress),
        (2, lambda content: bytes(cramjam.snappy.compress_raw(content))),
        (3, lambda content: bytes(cramjam.lz4.compress(content))),
        (4, lambda content: bytes(cramjam.zstd.compress(content))),
    ],
)
def test_a_batch_that_unpacks_to_more_than_it_may_is_refused(codec: int, pack: Callable[[bytes], bytes]) -> None:
    batch = only(sealed(build(*RECORDS), pack(b"\0" * (MOST_UNPACKED + 1)), attributes=codec))
    assert batch.is_intact
    with pytest.raises(InvalidInput) as caught:
        list(batch.records())
    assert "16 MB" in caught.value.detail
    assert caught.value.remedy
    for garbage in (b"", b"\xff" * 40, pack(b"text")[:-2]):
        with pytest.raises(InvalidInput):
            list(only(sealed(build(*RECORDS), garbage, attributes=codec)).records())


def test_what_is_damaged_old_or_unknown_is_said_to_be() -> None:
    whole = bytearray(build(*RECORDS))
    whole[-1] ^= 1
    for content, word in (
        (bytes(whole), "checksum"),
        (sealed(build(*RECORDS), b"", attributes=7), "unknown"),
        (struct.pack(">qiibb", 5, 14, 0, 1, 0) + bytes(8), "0.11"),
        (struct.pack(">qiibb", 5, 106, 0, 1, 0) + b"\xff" * 100, "0.11"),
        (sealed(build(*RECORDS), b"\xff" * 12), "cannot be read"),
        (sealed(build(*RECORDS), b"\x0a\x00\x00\x00\x7f\x00"), "cannot be read"),
        # Records without room for their parts, and one outside the places of its batch.
        (sealed(build(*RECORDS), bytes(40)), "cannot be read"),
        (sealed(build(*RECORDS), b"\x0c\x00\x00\x14\x01\x01\x00" * 4), "cannot be read"),
    ):
        with pytest.raises(InvalidInput) as caught:
            list(only(content).records())
        assert word in caught.value.detail


def test_a_batch_that_is_cut_off_waits_for_the_next_answer() -> None:
    whole = build(*RECORDS)
    assert len(list(batches(whole + whole[:-1]))) == 1
    assert list(batches(whole[:30])) == []
    for place in range(12, 17):
        assert list(batches(bytes.fromhex("00150000000000000000001f008b00000000")[:place])) == []
    assert list(batches(b"")) == []


def test_sizes_and_places_that_there_are_not_are_refused() -> None:
    whole = build(*RECORDS)
    for content in (
        whole[:8] + struct.pack(">i", -5) + whole[12:],
        whole[:8] + struct.pack(">i", 6) + whole[12:],
        struct.pack(">q", -1) + whole[8:],
        whole[:23] + struct.pack(">i", -9) + whole[27:],
    ):
        with pytest.raises(InvalidInput):
            list(batches(content))


@given(st.binary(max_size=400), st.integers(0, 300), st.booleans())
def test_whatever_comes_is_read_or_refused(noise: bytes, place: int, fits: bool) -> None:
    whole = build(*RECORDS)
    content = sealed(whole, noise, attributes=place % 8) if fits else whole[:place] + noise
    with suppress(InvalidInput):
        for batch in batches(content):
            list(batch.records())
