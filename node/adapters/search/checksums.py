"""Checks that the files of an index are those that the engine wrote.

The engine ends each file of a segment with a footer (JSON with the CRC-32 of the content before it, its length, a
magic number), and never checks it: a flipped bit would give a wrong hit, or none. Files that no commit names are
skipped: a killed process leaves some behind, half written.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

_MAGIC: Final = 1337
_END: Final = struct.Struct("<II")
_PIECE: Final = 1 << 20
_LONGEST_FOOTER: Final = 4096


def check(folder: Path) -> None:
    """Compare every file that the newest commit names with its checksum. Raises ``ValueError``, or ``OSError``.

    A folder without a commit is valid: it is still empty.
    """
    meta = folder / "meta.json"
    if not meta.exists():
        return
    try:
        files = [path for segment in json.loads(meta.read_bytes())["segments"] for path in _files(folder, segment)]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("meta.json was changed since the node wrote it") from error
    for path in files:
        _check_file(path)


def _files(folder: Path, segment: dict[str, Any]) -> Iterator[Path]:
    name = str(segment["segment_id"]).replace("-", "")
    deletes = segment.get("deletes")
    wanted = f"{name}.{deletes['opstamp']}.del" if deletes else ""
    for path in folder.glob(f"{name}.*"):
        if not path.name.endswith(".del") or path.name == wanted:
            yield path


def _check_file(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - _END.size))
        end = file.read()
        length, magic = _END.unpack(end) if len(end) == _END.size else (0, 0)
        body = size - _END.size - length
        if magic != _MAGIC or length > _LONGEST_FOOTER or body < 0:
            raise ValueError(f"{path.name} has no footer")
        file.seek(body)
        checksums = json.loads(file.read(length))["crc"]
        file.seek(0)
        actual, rest = 0, body
        while rest:
            piece = file.read(min(_PIECE, rest))
            if not piece:
                raise ValueError(f"{path.name} is shorter than written")
            actual, rest = zlib.crc32(piece, actual), rest - len(piece)
    if actual != checksums:
        raise ValueError(
            f"{path.name} was changed since the node wrote it: its checksum is {actual}, not {checksums}"
        )
