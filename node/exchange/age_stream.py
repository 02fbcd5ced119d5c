"""Write and read an age v1 file in one go, as a stream: for our own files of unknown size.

The memory use does not depend on the size. Each piece that is read is authentic; the file is known to be complete
only when the stream has ended without an error.
"""

from __future__ import annotations

import io
import os
from typing import BinaryIO, Final

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from node.base.errors import InvalidInput
from node.exchange.age import CHUNK, Opener, payload_aead, payload_nonce
from node.exchange.age_header import FILE_KEY_SIZE, NONCE_SIZE, VERSION_LINE, write_header
from node.exchange.sealkeys import KEY_SIZE, SealIdentity, X25519Identity, read_identity

_PIECE: Final = 1 << 20


class SealingFile(io.RawIOBase):
    """Seals the bytes that are written to it into ``out``, which stays open. The file is complete after ``close``."""

    def __init__(self, out: BinaryIO, recipient: bytes) -> None:
        """Raises ``InvalidInput`` if the recipient's key is a point of low order."""
        super().__init__()
        file_key, nonce = os.urandom(FILE_KEY_SIZE), os.urandom(NONCE_SIZE)
        out.write(write_header(file_key, os.urandom(KEY_SIZE), recipient) + nonce)
        self._out = out
        self._aead: ChaCha20Poly1305 = payload_aead(file_key, nonce)
        self._buffer = bytearray()
        self._chunk = 0

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        view = memoryview(data).cast("B")  # type: ignore[arg-type]
        for start in range(0, len(view), _PIECE):
            self._buffer += view[start : start + _PIECE]
            # The last chunk has a mark of its own, so a chunk is kept back until more bytes or the end follow.
            while len(self._buffer) > CHUNK:
                self._seal(bytes(memoryview(self._buffer)[:CHUNK]), final=False)
                del self._buffer[:CHUNK]
        return len(view)

    def close(self) -> None:
        if not self.closed:
            self._seal(bytes(self._buffer), final=True)
            self._buffer.clear()
        super().close()

    def abandon(self) -> None:
        """Close without the last chunk, so that a reader sees that the file is incomplete."""
        super().close()

    def _seal(self, plain: bytes, *, final: bool) -> None:
        self._out.write(self._aead.encrypt(payload_nonce(self._chunk, final=final), plain, None))
        self._chunk += 1


class OpeningFile(io.RawIOBase):
    """Opens ``source``, sealed for ``identity``, while it is read. Reading raises the errors of ``Opener``."""

    def __init__(self, source: BinaryIO, identity: SealIdentity) -> None:
        super().__init__()
        self._source = source
        self._opener = Opener(identity)
        self._plain = bytearray()
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, target: object, /) -> int:
        view = memoryview(target).cast("B")  # type: ignore[arg-type]
        while not self._plain and not self._ended:
            data = self._source.read(_PIECE)
            self._plain += self._opener.feed(data) if data else self._opener.finish()
            self._ended = not data
        count = min(len(view), len(self._plain))
        view[:count] = self._plain[:count]
        del self._plain[:count]
        return count


def is_sealed(start: bytes) -> bool:
    """Return whether a file that begins with ``start`` is an age file."""
    return start.startswith(VERSION_LINE)


def identity_in(text: str) -> SealIdentity:
    """Return the single X25519 identity in an identity file (``age-keygen``); skip comments and blank lines.

    Raises ``InvalidInput`` if there is none, or more than one.
    """
    lines = [line.strip() for line in text.splitlines()]
    identities = [line for line in lines if line and not line.startswith("#")]
    if len(identities) != 1:
        raise InvalidInput(
            "an identity file has one line that begins with AGE-SECRET-KEY-1",
            remedy="name the file that age-keygen wrote",
        )
    return X25519Identity(read_identity(identities[0]))
