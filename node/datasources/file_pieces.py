"""Received files, read in pieces by a child of the cage that keeps its place for one reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from node.base.errors import LocalFault, Overloaded
from node.cage.model import AsyncCage, Limits, has_full_queue, remedy_against_limits
from node.exchange.offloop import off_loop
from node.semantics.profiles.cage_client import OWN_GROUP

LIMITS: Final = Limits(memory=1536 << 20, cpu=120, wall=120.0, answer=64 << 20)
"""The limits of one piece."""
_TAB_SEPARATED: Final = "text/tab-separated-values"


class FilePieces:
    """A file as ``target`` of the cage reads it. ``reader`` names who reads: a child keeps its place for the same
    reader."""

    def __init__(self, cage: AsyncCage, target: str, file: Path, media_type: str, reader: str) -> None:
        self._cage = cage
        self._target = target
        self._file = file
        self._name = "data.tsv" if media_type.startswith(_TAB_SEPARATED) else "data"
        self._reader = reader
        self._path = ""

    async def read(self, start: int, **options: Any) -> tuple[dict[str, Any], list[bytes]]:
        """Return the facts and the content of the piece that begins at ``start``. Raises ``InvalidInput`` for a file
        that the target cannot read, ``Overloaded`` for one that takes too much, and ``LocalFault`` if this node is
        busy."""
        self._path = self._path or str(await off_loop(self._file.resolve))
        message = {"path": self._path, "name": self._name, "start": start, **options}
        try:
            with remedy_against_limits("send it to a folder or a bucket instead"):
                return await self._cage.call(
                    self._target,
                    message,
                    limits=LIMITS,
                    readable=[self._path, OWN_GROUP],
                    patience=LIMITS.wall,
                    shared_by=self._reader,
                )
        except Overloaded as error:
            if has_full_queue(error):
                raise LocalFault("this node is busy with other files") from error
            raise
