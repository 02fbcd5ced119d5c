"""The end of a delivery: a received file is checked, opened if it was sealed, and only then gets its name.

The files are in one folder, under an id that this node made: ``<id>.part`` grows while bytes arrive; ``<id>.opening``
is the plaintext of a sealed file while it is checked; ``<id>/<name>`` is the verified file, with the sealed file
``<id>/<name>.age`` beside it. The verified name is given last, so a file with this name is always verified, and
every step can be repeated after a crash.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from itertools import islice
from pathlib import Path
from typing import Final

from node.base.crashpoints import crashpoint
from node.base.disk import sync_folder
from node.base.errors import InvalidInput
from node.exchange.age import Opener
from node.exchange.delivery import SEALED_ENDING
from node.exchange.manifest import Manifest
from node.exchange.names import safe_name
from node.exchange.offloop import off_loop, open_off_loop
from node.exchange.sealkeys import SealIdentity
from node.exchange.spool import PartFile

_PIECES_AT_ONCE: Final = 16


class NotWhatWasSigned(InvalidInput):
    """Size or hash differ from the manifest that the provider signed."""

    code = "wrong-bytes"
    title = "The bytes do not match the manifest"


class Arrival:
    """The files of one delivery. ``id`` must be a name that this node made."""

    def __init__(self, folder: Path, id: str) -> None:  # noqa: A002
        self.folder = folder
        self.part = folder / f"{id}.part"
        self.opening = folder / f"{id}.opening"
        self.home = folder / id

    async def accept(self, manifest: Manifest, identity: SealIdentity) -> Path:
        """Verify the received file against ``manifest``, and return the path of the verified file.

        Raises ``NotWhatWasSigned``, or ``Unsealable`` if a sealed file does not open: no file then has the verified
        name. Raises ``NotFound`` if no file arrived.
        """
        name = safe_name(manifest.name)
        final, sealed = self.home / name, self.home / (name + SEALED_ENDING)
        target = sealed if manifest.sealed else final
        source = await open_off_loop(
            PartFile, PartFile.close, self.part if self.part.exists() else target, create=False
        )
        try:
            if manifest.sealed:
                if source.size != manifest.sealed.size:
                    raise NotWhatWasSigned("the size of the sealed file differs from the manifest")
                opening = await open_off_loop(self._new_opening, PartFile.close)
                try:
                    await self._check(source, manifest, Opener(identity), opening)
                    await off_loop(opening.sync)
                finally:
                    opening.close()
            else:
                await self._check(source, manifest, None, None)
                await off_loop(source.sync)
            crashpoint("delivery.D4")
            await off_loop(self._name, source.path, target, final)
        finally:
            source.close()
        return final

    async def keep(self, wish: str) -> Path:
        """Give an arrived file without a manifest its name, without verifying it. Raises ``NotFound``."""
        final = self.home / safe_name(wish)
        source = await open_off_loop(
            PartFile, PartFile.close, self.part if self.part.exists() else final, create=False
        )
        try:
            await off_loop(source.sync)
            await off_loop(self._name, source.path, final, final)
        finally:
            source.close()
        return final

    def discard(self) -> None:
        """Remove a file that was not accepted."""
        for path in (self.part, self.opening):
            path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove all files of the delivery, also the one with the verified name: its acceptance was not recorded."""
        self.discard()
        if self.home.is_dir():
            for path in self.home.iterdir():
                path.unlink(missing_ok=True)
            self.home.rmdir()

    async def _check(self, source: PartFile, manifest: Manifest, opener: Opener | None, out: PartFile | None) -> None:
        digest = hashlib.sha256()
        size = 0

        def take(plain: bytes) -> None:
            nonlocal size
            size += len(plain)
            digest.update(plain)
            if out is not None:
                out.append(plain)

        pieces = source.pieces()

        def step() -> bool:
            some = False
            for piece in islice(pieces, _PIECES_AT_ONCE):
                take(opener.feed(piece) if opener else piece)
                some = True
            return some

        while await off_loop(step):
            pass  # A few pieces at a time, so that a cancellation need not wait long.
        if opener is not None:
            await off_loop(lambda: take(opener.finish()))
        if size != manifest.size:
            raise NotWhatWasSigned("the number of bytes differs from the manifest")
        if not hmac.compare_digest(digest.hexdigest(), manifest.sha256):
            raise NotWhatWasSigned("the SHA-256 differs from the one that the provider signed")

    def _new_opening(self) -> PartFile:
        opening = PartFile(self.opening)
        opening.truncate(0)
        return opening

    def _name(self, part: Path, target: Path, final: Path) -> None:
        if not self.home.is_dir():
            self.home.mkdir(mode=0o700)
            sync_folder(self.folder)
        if part != target:
            os.replace(part, target)
        if target != final:
            os.replace(self.opening, final)
        crashpoint("delivery.D5")
        sync_folder(self.home)
        sync_folder(self.folder)
        crashpoint("delivery.D6")
