"""The end of a delivery: a received file is checked, opened if it was sealed, and only then gets its name.

The files are in one folder, under an id that this node made: ``<id>.part`` grows while bytes arrive; ``<id>.opening``
is the plaintext of a sealed file while it is checked; ``<id>/<name>`` is the verified file, with the sealed file
``<id>/<name>.age`` beside it. The verified name is given last, so a file with this name is always verified, and
every step can be repeated after a crash.
"""

from __future__ import annotations

import os
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Final

from node.base.crashpoints import crashpoint
from node.base.disk import sync_folder
from node.exchange.delivery import SEALED_ENDING
from node.exchange.examination import Examination, NotWhatWasSigned
from node.exchange.manifest import Manifest
from node.exchange.names import safe_name
from node.exchange.offloop import off_loop, open_off_loop
from node.exchange.sealkeys import SealIdentity
from node.exchange.spool import PartFile

_PIECES_AT_ONCE: Final = 16


class Arrival:
    """The files of one delivery. ``id`` must be a name that this node made."""

    def __init__(self, folder: Path, id: str) -> None:  # noqa: A002
        self.folder = folder
        self.part = folder / f"{id}.part"
        self.opening = folder / f"{id}.opening"
        self.home = folder / id

    def examine(self, manifest: Manifest, identity: SealIdentity) -> Examination:
        """Begin the check of the file that arrives. Blocks; to be closed."""
        return Examination(manifest, identity, self.opening)

    async def accept(
        self, manifest: Manifest, identity: SealIdentity, examination: Examination | None = None
    ) -> Path:
        """Verify the received file against ``manifest``, and return the path of the verified file. ``examination`` is
        the check of its first bytes, if they were checked on arrival; the caller closes it.

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
            if manifest.sealed and source.size != manifest.sealed.size:
                raise NotWhatWasSigned("the size of the sealed file differs from the manifest")
            if examination is None:
                late = await open_off_loop(self.examine, Examination.close, manifest, identity)
                with closing(late):
                    await self._finish(source, late)
            else:
                await self._finish(source, examination)
            if not manifest.sealed:
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

    async def _finish(self, source: PartFile, examination: Examination) -> None:
        pieces = source.pieces(examination.position)

        def step() -> bool:
            batch = list(islice(pieces, _PIECES_AT_ONCE))
            examination.take(batch)
            return bool(batch)

        while await off_loop(step):
            pass  # A few pieces at a time, so that a cancellation need not wait long.
        await off_loop(examination.finish)

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
