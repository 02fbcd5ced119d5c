"""Sealing at any offset, opening from any pieces, and noticing whatever happened in between."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.kdf import scrypt

from node.base.errors import InvalidInput, LocalFault
from node.exchange.age import CHUNK, SEALED_CHUNK, Opener, PayloadInvalid, SealPlan, SealSecrets
from node.exchange.age_header import (
    MAX_HEADER,
    HeaderForged,
    HeaderInvalid,
    NotForUs,
    Unsealable,
    find_header,
    write_header,
)
from node.exchange.sealkeys import SealIdentity, X25519Identity
from tests.fakes.stores.assets import stream

EDGES = (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK, 2 * CHUNK + 1, 17 * CHUNK, 17 * CHUNK + 5)

ME = X25519Identity(bytes(range(32)))
OTHER = X25519Identity(bytes(range(1, 33)))


def content(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def plan_for(source: bytes, recipient: X25519Identity = ME) -> SealPlan:
    sha256 = hashlib.sha256(source).hexdigest()
    return SealPlan(SealSecrets.fresh(recipient.seal_public_key(), sha256, len(source)))


async def sealed_part(plan: SealPlan, source: bytes, start: int, end: int, piece: int = 100_000) -> bytes:
    async def read(first: int, last: int) -> AsyncIterator[bytes]:
        return stream(source[at : min(at + piece, last)] for at in range(first, last, piece))

    return b"".join([part async for part in plan.sealed_range(start, end, read)])


async def seal(source: bytes, plan: SealPlan | None = None) -> bytes:
    plan = plan or plan_for(source)
    return await sealed_part(plan, source, 0, plan.sealed_size)


def opened(sealed: bytes, identity: SealIdentity = ME, step: int | None = None) -> bytes:
    opener = Opener(identity)
    step = step or max(1, len(sealed))
    plain = b"".join(opener.feed(sealed[at : at + step]) for at in range(0, len(sealed), step))
    return plain + opener.finish()


@pytest.mark.parametrize("size", EDGES)
async def test_what_was_sealed_opens(size: int) -> None:
    source = content(size)
    plan = plan_for(source)
    sealed = await seal(source, plan)
    assert len(sealed) == plan.sealed_size
    for step in (None, 1 << 20, CHUNK, SEALED_CHUNK, 4099):
        assert opened(sealed, step=step) == source


async def test_byte_by_byte() -> None:
    source = content(300)
    assert opened(await seal(source), step=1) == source


@pytest.mark.parametrize("size", [0, 1, CHUNK, CHUNK + 1, 3 * CHUNK + 17])
async def test_every_class_of_range_equals_the_same_part_of_the_whole(size: int) -> None:
    source = content(size)
    plan = plan_for(source)
    whole = await seal(source, plan)
    head = len(plan.prefix)
    cuts = {0, 1, head - 17, head - 1, head, head + 1, plan.sealed_size - 1, plan.sealed_size}
    for chunk in range(plan.chunks + 1):
        cuts |= {head + chunk * SEALED_CHUNK + offset for offset in (-17, -16, -1, 0, 1)}
    places = sorted(cut for cut in cuts if 0 <= cut <= plan.sealed_size)
    for start in places:
        for end in (start, start + 1, *places[-3:], plan.sealed_size):
            if start <= end <= plan.sealed_size:
                assert await sealed_part(plan, source, start, end) == whole[start:end], (start, end)


async def test_random_ranges_equal_the_same_part_of_the_whole() -> None:
    source = content(40 * CHUNK + 123)
    plan = plan_for(source)
    whole = await seal(source, plan)
    chance = random.Random(7)
    for _ in range(40):
        start, end = sorted(chance.randrange(plan.sealed_size + 1) for _ in range(2))
        assert (
            await sealed_part(plan, source, start, end, piece=chance.choice([999, 65_536, 1 << 20]))
            == whole[start:end]
        )


async def test_the_same_secrets_give_the_same_file_in_another_process() -> None:
    source = content(CHUNK + 9)
    secrets = SealSecrets.fresh(ME.seal_public_key(), hashlib.sha256(source).hexdigest(), len(source))
    again = SealSecrets.unpack(secrets.pack())
    assert again == secrets
    first, second = SealPlan(secrets), SealPlan(again)
    assert (first.id, first.sealed_size) == (second.id, second.sealed_size)
    assert await seal(source, first) == await seal(source, second)


def test_fresh_secrets_differ_and_tell_their_source_apart() -> None:
    mine = ME.seal_public_key()
    first, second = (SealSecrets.fresh(mine, "a" * 64, 5) for _ in range(2))
    assert (
        len({first.file_key, second.file_key})
        == len({first.nonce, second.nonce})
        == len({first.ephemeral, second.ephemeral})
        == 2
    )
    assert SealPlan(first).id != SealPlan(second).id
    assert first.fits(mine, "a" * 64, 5)
    assert not first.fits(mine, "b" * 64, 5)
    assert not first.fits(mine, "a" * 64, 6)
    assert not first.fits(OTHER.seal_public_key(), "a" * 64, 5)


@pytest.mark.parametrize("packed", [b"", b"\x01" * 20, b"\x02" + bytes(136)])
def test_foreign_bytes_are_not_unpacked(packed: bytes) -> None:
    with pytest.raises(LocalFault):
        SealSecrets.unpack(packed)


@pytest.mark.parametrize("change", [-1, 1])
async def test_a_source_of_another_size_is_noticed(change: int) -> None:
    source = content(CHUNK + 10)
    plan = plan_for(source)

    async def read(first: int, last: int) -> AsyncIterator[bytes]:
        return stream([content(last - first + change)])

    with pytest.raises(LocalFault):
        [part async for part in plan.sealed_range(0, plan.sealed_size, read)]


async def test_a_range_beyond_the_file_is_our_own_mistake() -> None:
    plan = plan_for(b"abc")
    for start, end in ((-1, 5), (5, 4), (0, plan.sealed_size + 1)):
        with pytest.raises(LocalFault):
            await sealed_part(plan, b"abc", start, end)


async def test_another_recipient_does_not_open_it() -> None:
    with pytest.raises(NotForUs, match="X25519"):
        opened(await seal(b"secret"), OTHER)


@pytest.mark.parametrize("point", [bytes(32), b"\x01" + bytes(31)])
def test_a_recipient_of_low_order_is_refused(point: bytes) -> None:
    with pytest.raises(InvalidInput):
        SealPlan(SealSecrets.fresh(point, "a" * 64, 1))


@pytest.mark.parametrize("size", [0, 1, CHUNK, 3 * CHUNK, 3 * CHUNK + 100])
async def test_a_file_that_is_cut_anywhere_does_not_open(size: int) -> None:
    """Row 58: truncated at each chunk boundary and one byte to both sides of it."""
    source = content(size)
    plan = plan_for(source)
    sealed = await seal(source, plan)
    head = len(plan.prefix)
    cuts = {0, 1, head - 17, head - 16, head - 1, head, head + 1, len(sealed) - 1, len(sealed) - 16}
    for chunk in range(plan.chunks + 1):
        cuts |= {head + chunk * SEALED_CHUNK + offset for offset in (-1, 0, 1)}
    for cut in sorted(cut for cut in cuts if 0 <= cut < len(sealed)):
        with pytest.raises(Unsealable):
            opened(sealed[:cut])


@pytest.mark.parametrize("extra", [1, 15, 16, 17, SEALED_CHUNK])
@pytest.mark.parametrize("size", [0, 10, CHUNK, CHUNK + 1])
async def test_bytes_behind_the_end_are_noticed(size: int, extra: int) -> None:
    with pytest.raises(PayloadInvalid):
        opened(await seal(content(size)) + bytes(extra))


async def test_every_flipped_bit_is_noticed() -> None:
    """Every byte of header, nonce and a short payload; of a long one the bytes around each boundary."""
    short = await seal(b"forty-two")
    for place in range(len(short)):
        flipped = bytearray(short)
        flipped[place] ^= 1 << (place % 8)
        with pytest.raises(Unsealable):
            opened(bytes(flipped))
    source = content(2 * CHUNK + 5)
    plan = plan_for(source)
    long = await seal(source, plan)
    for boundary in (0, SEALED_CHUNK, 2 * SEALED_CHUNK):
        for offset in (-17, -16, -1, 0, 1):
            flipped = bytearray(long)
            flipped[min(len(plan.prefix) + boundary + offset, len(long) - 1)] ^= 0x80
            with pytest.raises(Unsealable):
                opened(bytes(flipped))


async def test_chunks_do_not_change_places() -> None:
    source = content(3 * CHUNK)
    plan = plan_for(source)
    sealed = await seal(source, plan)
    head = len(plan.prefix)
    first, second = sealed[head : head + SEALED_CHUNK], sealed[head + SEALED_CHUNK : head + 2 * SEALED_CHUNK]
    with pytest.raises(PayloadInvalid):
        opened(sealed[:head] + second + first + sealed[head + 2 * SEALED_CHUNK :])
    with pytest.raises(PayloadInvalid):
        opened(sealed[:head] + first + first + sealed[head + 2 * SEALED_CHUNK :])


async def test_the_payload_of_another_file_does_not_fit() -> None:
    one, two = content(500), content(501)
    plan_one, plan_two = plan_for(one), plan_for(two)
    sealed_one, sealed_two = await seal(one, plan_one), await seal(two, plan_two)
    with pytest.raises(PayloadInvalid):
        opened(sealed_one[: len(plan_one.prefix)] + sealed_two[len(plan_two.prefix) :])


async def test_a_header_with_another_mac_is_forged() -> None:
    sealed = await seal(b"x")
    other = write_header(os.urandom(16), os.urandom(32), ME.seal_public_key())
    header = find_header(sealed)
    assert header is not None
    mac = other.splitlines()[-1]
    with pytest.raises(HeaderForged):
        opened(sealed[: header.size].replace(sealed[: header.size].splitlines()[-1], mac) + sealed[header.size :])


def test_nothing_is_computed_for_a_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row 59 and F13: a work factor of 30 would cost terabytes."""

    def computed(*_: object, **__: object) -> None:
        pytest.fail("a key was derived from a passphrase")

    monkeypatch.setattr(hashlib, "scrypt", computed)
    monkeypatch.setattr(scrypt, "Scrypt", computed)
    header = (
        b"age-encryption.org/v1\n-> scrypt rF0/NwblUHHTpgQgRpe5CQ 30\n" + b"A" * 43 + b"\n--- " + b"A" * 43 + b"\n"
    )
    with pytest.raises(HeaderInvalid, match="passphrase"):
        opened(header + bytes(100))


async def test_stanzas_of_plug_ins_are_passed_over_and_start_nothing() -> None:
    plug_in = b"age-encryption.org/v1\n-> ../../bin/sh -c id\n\n--- " + b"A" * 43 + b"\n"
    with pytest.raises(NotForUs, match=r"\.\./\.\./bin/sh"):
        opened(plug_in + bytes(100))


def test_many_stanzas_are_refused_at_once() -> None:
    many = b"age-encryption.org/v1\n" + b"-> grease\n\n" * 21 + b"--- " + b"A" * 43 + b"\n"
    with pytest.raises(HeaderInvalid, match="20 stanzas"):
        opened(many)
    endless, opener = b"age-encryption.org/v1\n" + b"-> grease\n\n" * 100_000, Opener(ME)
    pieces = (endless[at : at + 1024] for at in range(0, len(endless), 1024))
    with pytest.raises(HeaderInvalid):
        all(opener.feed(piece) == b"" for piece in pieces)
    assert len(b"".join(pieces)) >= len(endless) - MAX_HEADER - 1024, "it need not be there in full to be refused"


def test_a_header_without_end_is_not_collected() -> None:
    opener = Opener(ME)
    opener.feed(b"age-encryption.org/v1\n")

    def go_on() -> None:
        for _ in range(1000):
            opener.feed(b"A" * 1000)

    with pytest.raises(HeaderInvalid, match="longer"):
        go_on()
    assert len(opener._buffer) <= MAX_HEADER + 2000


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (b"PK\x03\x04", "not age"),
        (b"-----BEGIN AGE ENCRYPTED FILE-----\n", "armored"),
        (b"age-encryption.org/v2\n", "not"),
    ],
)
def test_other_files_are_told_apart(start: bytes, message: str) -> None:
    with pytest.raises(HeaderInvalid, match=message):
        Opener(ME).feed(start)


@pytest.mark.parametrize("size", [0, 5])
def test_nothing_and_nearly_nothing(size: int) -> None:
    with pytest.raises(HeaderInvalid):
        opened(b"age-encryption"[:size])


async def test_the_bytes_before_the_fault_are_told_but_not_returned() -> None:
    source = content(2 * CHUNK)
    plan = plan_for(source)
    sealed = await seal(source, plan)
    with pytest.raises(PayloadInvalid) as fault:
        opened(sealed[: len(plan.prefix) + SEALED_CHUNK])
    assert fault.value.authentic == source[:CHUNK]


async def test_a_plan_for_another_source_has_another_size_and_name() -> None:
    secrets = SealSecrets.fresh(ME.seal_public_key(), "a" * 64, 10)
    assert SealPlan(replace(secrets, size=11)).sealed_size == SealPlan(secrets).sealed_size + 1
    assert SealPlan(replace(secrets, nonce=os.urandom(16))).id != SealPlan(secrets).id
