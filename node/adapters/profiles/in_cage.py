"""The function for data files that runs in the cage: it reads a file by its content, and returns its profile.

Nothing is loaded here that a child does not need: the process from which children are forked imports this module.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from node.base.errors import InvalidInput
from node.semantics.profiles.model import Profile
from node.semantics.sheets import what_it_is

READABLE: Final = (
    "CSV, TSV, Parquet, XLSX, GeoJSON, GeoPackage, a Shapefile in a zip file, NetCDF, GTFS, CityJSON, "
    "3D Tiles (tileset.json, or a zip file with it)"
)
"""The formats that can be profiled."""

_HEAD: Final = 64 * 1024
_GRIDS: Final = (b"CDF\x01", b"CDF\x02", b"CDF\x05", b"\x89HDF\r\n\x1a\n")
"""NetCDF: classic, with 64-bit offsets, with 64-bit data, and as HDF5."""
_OTHERS: Final = (
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"\x00\x00\x27\x0a", "Shapefile without its table"),
)


def profile(message: dict[str, Any], _blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Target ``profiles.profile``: the profile of the file at ``path``, which was called ``name``.

    Raises ``InvalidInput`` with the readable formats for any other file, and for a damaged one.
    """
    path, name = Path(message["path"]), str(message["name"])
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head.strip():
        raise InvalidInput("the file is empty", remedy="give a file with data")
    try:
        return _reader(head, name)(path, name).to_json(), []
    except InvalidInput as error:
        # Where a node keeps its files is not for others to know.
        raise InvalidInput(error.detail.replace(str(path), name), remedy=error.remedy) from error


def _reader(head: bytes, name: str) -> Callable[[Path, str], Profile]:
    for magic, other in _OTHERS:
        if head.startswith(magic):
            raise _unreadable(f"the file is in the format {other}")
    if head.startswith(_GRIDS):
        from node.adapters.profiles.grids import grid

        return grid
    kind = what_it_is(head)
    if kind == "parquet":
        from node.adapters.profiles.tables import parquet

        return parquet
    if kind == "sqlite":
        from node.adapters.profiles.layers import geopackage

        return geopackage
    if kind == "zip":
        from node.adapters.profiles.archives import archive

        return archive
    if kind:
        from node.semantics.findings.tables import NotATable

        raise _unreadable(NotATable(kind).text("en"))
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if text[:1] in (b"{", b"[") and not name.lower().endswith((".csv", ".tsv", ".tab")):
        from node.adapters.profiles.trees import tree

        return tree
    from node.adapters.profiles.tables import profile_text_table

    return profile_text_table


def _unreadable(what: str) -> InvalidInput:
    return InvalidInput(f"{what}; no draft can be made from it", remedy=f"give one of: {READABLE}")
