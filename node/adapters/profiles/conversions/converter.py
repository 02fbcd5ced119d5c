"""Convert a stored file in a confined process, and store what it makes."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from anyio.to_thread import run_sync

from node.base.clock import Clock
from node.base.errors import InvalidInput, LocalFault, Overloaded, TooLarge
from node.cage.programs import keeps_from_files, run_module
from node.exchange.offloop import off_loop
from node.exchange.ports import AssetStore
from node.semantics.conversions import ENDINGS, RESULT
from node.transfer.conversions.model import Order, Product

_MODULE: Final = "node.adapters.profiles.conversions.process"
_MEMORY: Final = 2 << 30
"""Address space of the process; it uses a part of it."""
_PIECE: Final = 1 << 20
_ABANDONED: Final = 3600.0
_AS_IT_IS: Final = "get the file as it is, or ask the publisher"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfinedConverter:
    """Makes conversions. ``place`` returns the path of a SHA-256, or raises ``NotFound``; ``folder`` is where the
    processes work; ``most_bytes`` and ``seconds`` limit each of them."""

    assets: AssetStore
    place: Callable[[str], Path]
    folder: Path
    most_bytes: int
    seconds: float
    clock: Clock

    async def __call__(self, order: Order) -> Product:
        """Make the file of ``order`` and store it, for a day.

        Raises ``InvalidInput`` for data of which it cannot be made, ``TooLarge`` for a source or a result beyond the
        limit, ``Overloaded`` if it takes too long or this machine cannot confine the process, and ``LocalFault``.
        """
        if not keeps_from_files():
            raise Overloaded("this machine cannot confine a conversion (Landlock is missing)", remedy=_AS_IT_IS)
        source = (await run_sync(self.place, order.sha256)).resolve()
        size = (await run_sync(source.stat)).st_size
        if size > self.most_bytes:
            raise TooLarge(
                f"the file has {size >> 20} MB, and the provider converts files of up to {self.most_bytes >> 20} MB",
                remedy="get it as it is",
            )
        folder = await run_sync(self._new_folder)
        try:
            await run_sync(self._run, order, source, folder)
            report = json.loads(await run_sync((folder / "report.json").read_bytes))
            if "refusal" in report:
                raise _refusal(report["refusal"])
            target = folder / f"{RESULT}{ENDINGS[order.wish.format]}"
            result = await self.assets.take_in(_pieces(target), limit=self.most_bytes, trial=True)
        finally:
            await run_sync(lambda: shutil.rmtree(folder, ignore_errors=True))
        return Product(sha256=result.sha256, size=result.size, report=report)

    def _new_folder(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in self.folder.iterdir():
            if left.lstat().st_mtime < self.clock.now().timestamp() - _ABANDONED - self.seconds:
                shutil.rmtree(left, ignore_errors=True)
        return Path(tempfile.mkdtemp(dir=self.folder))

    def _run(self, order: Order, source: Path, folder: Path) -> None:
        part = order.part
        request = {
            "path": str(source),
            "name": order.name,
            "format": order.wish.format,
            "crs": order.wish.crs,
            "stated_crs": order.stated_crs,
            "columns": None if part.columns is None else list(part.columns),
            "rows": [list(row) for row in part.rows],
            "forms": list(part.forms),
            "group": part.group,
            "key": part.key.hex(),
            "most_bytes": self.most_bytes,
            "seconds": int(self.seconds) + 1,
            "memory": _MEMORY,
        }
        descriptor = os.open(folder / "request.json", os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(request, file)
        try:
            run_module(_MODULE, folder, seconds=self.seconds, remedy=_AS_IT_IS)
        except LocalFault as error:
            # It was ended by its limits: processor time, or memory that an engine did not ask for politely.
            raise Overloaded(
                "the conversion needs more time or memory than there is for one", remedy=_AS_IT_IS
            ) from error
        finally:
            (folder / "request.json").unlink(missing_ok=True)


def _refusal(members: dict[str, Any]) -> InvalidInput | TooLarge:
    kind = TooLarge if members["code"] == TooLarge.code else InvalidInput
    return kind(str(members["detail"]), remedy=members["remedy"])


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    file = await run_sync(path.open, "rb")
    try:
        while piece := await off_loop(file.read, _PIECE):
            yield piece
    finally:
        file.close()
