"""The check of a delivery against its manifest, while the bytes arrive or later.

Bytes are taken in their order. Those of a sealed file are opened, and their plaintext is written into a file of its
own. What was taken is known to be right only after ``finish``.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from pathlib import Path

from node.base.errors import InvalidInput
from node.exchange.age import Opener
from node.exchange.manifest import Manifest
from node.exchange.sealkeys import SealIdentity
from node.exchange.spool import PartFile


class NotWhatWasSigned(InvalidInput):
    """Size or hash differ from the manifest that the provider signed."""

    code = "wrong-bytes"
    title = "The bytes do not match the manifest"


class Examination:
    """One check. ``position`` is the number of bytes that it has taken. All calls block, and one runs at a time."""

    def __init__(self, manifest: Manifest, identity: SealIdentity, opening: Path) -> None:
        """``opening``: the file for the plaintext of a sealed delivery, which begins empty. Raises ``Conflict`` if
        another process has it open."""
        self.position = 0
        self._manifest = manifest
        self._digest = hashlib.sha256()
        self._size = 0
        self._opener: Opener | None = None
        self._opening: PartFile | None = None
        if manifest.sealed:
            self._opener = Opener(identity)
            self._opening = PartFile(opening)
            self._opening.truncate(0)

    def take(self, pieces: Sequence[bytes]) -> None:
        """Take the bytes that follow. Raises ``Unsealable`` if they do not open."""
        for piece in pieces:
            self.position += len(piece)
            self._keep([piece] if self._opener is None else self._opener.chunks(piece))

    def finish(self) -> None:
        """Judge the whole, and sync the plaintext. Raises ``Unsealable`` or ``NotWhatWasSigned``."""
        if self._opener is not None:
            self._keep([self._opener.finish()])
        if self._size != self._manifest.size:
            raise NotWhatWasSigned("the number of bytes differs from the manifest")
        if not hmac.compare_digest(self._digest.hexdigest(), self._manifest.sha256):
            raise NotWhatWasSigned("the SHA-256 differs from the one that the provider signed")
        self.sync()

    def sync(self) -> None:
        """Sync the plaintext, so that little is left to sync at the end."""
        if self._opening is not None:
            self._opening.sync()

    def close(self) -> None:
        """Release the file."""
        if self._opening is not None:
            self._opening.close()
            self._opening = None

    def _keep(self, plain: Iterable[bytes]) -> None:
        pieces = list(plain)
        for piece in pieces:
            self._size += len(piece)
            self._digest.update(piece)
        if self._opening is not None:
            self._opening.extend(pieces)
