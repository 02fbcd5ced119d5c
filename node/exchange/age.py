"""The payload of an age v1 file: seal it at any offset, open it as it arrives.

age-encryption.org/v1, "Payload": after the header 16 bytes of nonce, then STREAM (Hoang et al.) in chunks of
64 KiB, each ChaCha20-Poly1305 under a counter; the last byte of the counter marks the final chunk. Since chunks are
independent, a ``SealPlan`` makes any range of the sealed file from the matching range of the source: this lets an
HTTP range request over ciphertext resume.

A plan must never seal two different sources: the same file key and counter would encrypt two plaintexts. Stored
secrets of a plan are bound to the SHA-256 of its source (``SealSecrets``); another source needs new secrets.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from node.base.errors import LocalFault
from node.exchange.age_header import (
    FILE_KEY_SIZE,
    NONCE_SIZE,
    HeaderInvalid,
    Unsealable,
    derive,
    find_header,
    open_header,
    write_header,
)
from node.exchange.offloop import close_stream, off_loop
from node.exchange.sealkeys import KEY_SIZE, SealIdentity

CHUNK: Final = 64 * 1024
TAG: Final = 16
SEALED_CHUNK: Final = CHUNK + TAG

_BATCH: Final = 16 * CHUNK
"""Sealed at once in a thread: enough that the change of thread costs little, and little enough for the CPU cache."""

ReadSource = Callable[[int, int], Awaitable[AsyncIterator[bytes]]]
"""Returns the source's bytes from the first number to before the second, in pieces of any size."""


class PayloadInvalid(Unsealable):
    """The payload was cut, extended or changed. ``authentic`` is the plaintext opened just before the fault."""

    def __init__(self, detail: str, authentic: bytes = b"") -> None:
        super().__init__(detail)
        self.authentic = authentic


@dataclass(frozen=True, slots=True)
class SealSecrets:
    """The secrets that a plan needs after a restart, bound to one recipient and one source.

    ``pack`` returns the bytes that are stored wrapped with the transfer, and ``unpack`` reads them.
    """

    file_key: bytes = field(repr=False)
    ephemeral: bytes = field(repr=False)
    nonce: bytes = field(repr=False)
    recipient: bytes
    source_sha256: str
    size: int

    @classmethod
    def fresh(cls, recipient: bytes, source_sha256: str, size: int) -> SealSecrets:
        """Return new random secrets."""
        return cls(
            os.urandom(FILE_KEY_SIZE), os.urandom(KEY_SIZE), os.urandom(NONCE_SIZE), recipient, source_sha256, size
        )

    def fits(self, recipient: bytes, source_sha256: str, size: int) -> bool:
        """Return whether these secrets may seal that source for that recipient."""
        return (self.recipient, self.source_sha256, self.size) == (recipient, source_sha256, size)

    def pack(self) -> bytes:
        return _PACKED.pack(
            1, self.file_key, self.ephemeral, self.nonce, self.recipient, bytes.fromhex(self.source_sha256), self.size
        )

    @classmethod
    def unpack(cls, body: bytes) -> SealSecrets:
        """Read the result of ``pack``. Raises ``LocalFault`` for other bytes."""
        if len(body) != _PACKED.size or body[0] != 1:
            raise LocalFault("the stored sealing secrets cannot be read")
        _, file_key, ephemeral, nonce, recipient, sha256, size = _PACKED.unpack(body)
        return cls(file_key, ephemeral, nonce, recipient, sha256.hex(), size)


_PACKED: Final = struct.Struct(f">B{FILE_KEY_SIZE}s{KEY_SIZE}s{NONCE_SIZE}s{KEY_SIZE}s32sQ")


class SealPlan:
    """One source sealed for one recipient, as a file that can be read at any offset.

    ``prefix`` are the bytes before the first chunk (header and nonce), ``sealed_size`` the size of the whole
    file, ``id`` a name for exactly this sealing that reveals no secret.
    """

    def __init__(self, secrets: SealSecrets) -> None:
        """Raises ``InvalidInput`` if the recipient's key is a point of low order."""
        self.size = secrets.size
        self.recipient = secrets.recipient
        header = write_header(secrets.file_key, secrets.ephemeral, secrets.recipient)
        self.prefix = header + secrets.nonce
        self.chunks = max(1, -(-secrets.size // CHUNK))
        self.sealed_size = len(self.prefix) + secrets.size + self.chunks * TAG
        self.id = hashlib.sha256(self.prefix).hexdigest()[:32]
        self._aead = payload_aead(secrets.file_key, secrets.nonce)

    async def sealed_range(self, start: int, end: int, read_source: ReadSource) -> AsyncIterator[bytes]:
        """Yield the sealed file's bytes from ``start`` to before ``end``.

        Raises ``LocalFault`` if the source yields more or fewer bytes than the plan was made for.
        """
        if not 0 <= start <= end <= self.sealed_size:
            raise LocalFault("the requested range is outside the sealed file")
        head = self.prefix[start:end]
        if head:
            yield head
        begin = max(start - len(self.prefix), 0)
        stop = end - len(self.prefix)
        if stop <= begin:
            return
        chunk, skip = divmod(begin, SEALED_CHUNK)
        last = (stop - 1) // SEALED_CHUNK
        rest = stop - begin
        async with aclosing(self._sealed_chunks(chunk, last, read_source)) as chunks:
            async for sealed in chunks:
                piece = sealed[skip : skip + rest] if skip or rest < len(sealed) else sealed
                skip = 0
                rest -= len(piece)
                yield piece

    async def _sealed_chunks(self, first: int, last: int, read_source: ReadSource) -> AsyncGenerator[bytes, None]:
        begin, stop = first * CHUNK, min((last + 1) * CHUNK, self.size)
        rest, chunk, got = b"", first, 0
        pieces = await read_source(begin, stop)
        try:
            async for piece in pieces:
                got += len(piece)
                source = rest + piece if rest else piece
                whole = len(source) - len(source) % CHUNK
                rest = source[whole:]
                for start in range(0, whole, _BATCH):
                    batch = memoryview(source)[start : min(start + _BATCH, whole)]
                    yield await off_loop(self.seal_chunks, chunk, batch)
                    chunk += len(batch) // CHUNK
        finally:
            await close_stream(pieces)
        if got != stop - begin:
            raise LocalFault(f"the source returned {got} bytes instead of {stop - begin}")
        if rest or not got:
            yield await off_loop(self.seal_chunks, chunk, memoryview(rest))

    def seal_chunks(self, first: int, source: memoryview) -> bytes:
        """Seal whole chunks of the source, starting with chunk number ``first``."""
        count, final = max(1, -(-len(source) // CHUNK)), self.chunks - 1
        ciphertext = bytearray(len(source) + count * TAG)
        with memoryview(ciphertext) as target:
            for place in range(count):
                number, chunk = first + place, source[place * CHUNK : (place + 1) * CHUNK]
                with target[place * SEALED_CHUNK : place * SEALED_CHUNK + len(chunk) + TAG] as room:
                    self._aead.encrypt_into(payload_nonce(number, final=number == final), chunk, None, room)
        return bytes(ciphertext)


class Opener:
    """Opens a sealed file from pieces of any size.

    ``feed`` returns the authentic plaintext so far and ``finish`` the rest. The file as a whole is authentic only
    after ``finish`` has returned: do not show it before.
    """

    def __init__(self, identity: SealIdentity) -> None:
        self._identity = identity
        self._buffer = bytearray()
        self._aead: ChaCha20Poly1305 | None = None
        self._counter = 0

    def feed(self, data: bytes) -> bytes:
        """Return the plaintext that ``data`` completes. Raises ``HeaderInvalid``, ``HeaderForged``, ``NotForUs`` or
        ``PayloadInvalid``."""
        return b"".join(self.chunks(data))

    def chunks(self, data: bytes) -> list[bytes]:
        """Return the chunks of plaintext that ``data`` completes. Raises as ``feed`` does."""
        self._buffer += data
        aead = self._aead or self._read_prefix(complete=False)
        return self._open_chunks(aead) if aead else []

    def finish(self) -> bytes:
        """End the input. Raises as ``feed`` does, and ``PayloadInvalid`` if the end is missing."""
        aead = self._aead or self._read_prefix(complete=True)
        assert aead is not None
        return b"".join(self._open_chunks(aead)) + self._open_last(aead)

    def _read_prefix(self, *, complete: bool) -> ChaCha20Poly1305 | None:
        header = find_header(self._buffer, complete=complete)
        if header is None:
            return None
        after = header.size + NONCE_SIZE
        if len(self._buffer) < after:
            if complete:
                raise HeaderInvalid("the file ends within the nonce of its payload")
            return None
        file_key = open_header(header, self._identity)
        self._aead = payload_aead(file_key, bytes(self._buffer[header.size : after]))
        del self._buffer[:after]
        return self._aead

    def _open_chunks(self, aead: ChaCha20Poly1305) -> list[bytes]:
        """Open every chunk that is followed by more bytes, and so cannot be the last."""
        count = max(0, len(self._buffer) - 1) // SEALED_CHUNK
        chunks: list[bytes] = []
        # The view is released before the buffer changes its size.
        with memoryview(self._buffer) as view:
            for place in range(count):
                with view[place * SEALED_CHUNK : (place + 1) * SEALED_CHUNK] as chunk:
                    chunks.append(self._open_chunk(aead, chunk, chunks))
        del self._buffer[: count * SEALED_CHUNK]
        return chunks

    def _open_chunk(self, aead: ChaCha20Poly1305, chunk: memoryview, earlier: list[bytes]) -> bytes:
        plain = _try_open(aead, self._counter, chunk, final=False)
        if plain is None:
            last = _try_open(aead, self._counter, chunk, final=True)
            if last is None:
                raise PayloadInvalid(f"chunk {self._counter} of the payload was changed", b"".join(earlier))
            raise PayloadInvalid("bytes follow the last chunk of the payload", b"".join([*earlier, last]))
        self._counter += 1
        return plain

    def _open_last(self, aead: ChaCha20Poly1305) -> bytes:
        chunk = bytes(self._buffer)
        if len(chunk) < TAG:
            raise PayloadInvalid("the payload is cut off")
        if len(chunk) == TAG and self._counter > 0:
            raise PayloadInvalid("the last chunk of the payload is empty")
        plain = _try_open(aead, self._counter, chunk, final=True)
        if plain is not None:
            return plain
        if len(chunk) == SEALED_CHUNK:
            whole = _try_open(aead, self._counter, chunk, final=False)
            if whole is not None:
                raise PayloadInvalid("the payload is cut off between two chunks", whole)
        raise PayloadInvalid("the last chunk of the payload was cut off or changed")


def _try_open(aead: ChaCha20Poly1305, counter: int, chunk: bytes | memoryview, *, final: bool) -> bytes | None:
    try:
        return aead.decrypt(payload_nonce(counter, final=final), chunk, None)
    except InvalidTag:
        return None


def payload_aead(file_key: bytes, nonce: bytes) -> ChaCha20Poly1305:
    """Return the cipher of a payload (age-encryption.org/v1, "Payload")."""
    return ChaCha20Poly1305(derive(file_key, nonce, b"payload"))


def payload_nonce(counter: int, *, final: bool) -> bytes:
    """Return the nonce of a chunk: its number, and whether it is the last."""
    return counter.to_bytes(11, "big") + (b"\x01" if final else b"\x00")
