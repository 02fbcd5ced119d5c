"""Zip files: workbooks, Shapefiles, timetables and 3D Tiles, with limits on what they unpack to.

Sizes in the directory of an archive are its own word, so reading stops at the stated size in any case.
"""

from __future__ import annotations

import zipfile
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Final

from node.base.errors import InvalidInput, TooLarge
from node.semantics.profiles.model import MAX_TABLES, Profile
from node.semantics.profiles.places import around

_MEMBERS: Final = 2_000
_TILES: Final = 100_000
"""Files of a set of tiles: only its description is read, but for the list of files."""
_UNPACKED: Final = 2 << 30
_WORKBOOK: Final = 256 << 20
"""Bytes of an unpacked workbook: it is read into memory as a whole."""
_RATIO: Final = 200
"""The factor by which a file may be larger than its archive; tables of text shrink to a twentieth."""

_SHAPE: Final = b"\x00\x00\x27\x0a"
_TILESET: Final = "tileset.json"
_TIMETABLE: Final = ("agency.txt", "stops.txt", "routes.txt", "trips.txt")


def archive(path: Path, name: str) -> Profile:
    """Return the profile of what is in a zip file. Raises ``InvalidInput`` and ``TooLarge``."""
    try:
        with zipfile.ZipFile(path) as unpacked:
            return _profile(path, name, unpacked)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError) as error:
        raise InvalidInput(f"the zip file is damaged: {error}", remedy="pack it again, without a password") from error


def _profile(path: Path, name: str, archive: zipfile.ZipFile) -> Profile:
    members = archive.infolist()
    names = {member.filename: member for member in members}
    tileset = outermost(names)
    most = _TILES if tileset else _MEMBERS
    if len(members) > most:
        raise TooLarge(f"the zip file has more than {most} files", remedy="give the files one by one")
    if tileset:
        from node.adapters.profiles.trees import packed_tiles

        return packed_tiles(archive, tileset)
    workbook = "xl/workbook.xml" in names
    _check_sizes(members, _WORKBOOK if workbook else _UNPACKED)
    if workbook:
        from node.adapters.profiles.layers import spreadsheet

        return spreadsheet(path)
    if all(file in names for file in _TIMETABLE):
        from node.adapters.profiles.timetables import timetable

        return timetable(path, archive)
    shapes = sorted(file for file in names if file.lower().endswith(".shp"))
    if shapes:
        return _shapefiles(path, archive, shapes)
    inside = ", ".join(sorted(names)[:5]) or "nothing"
    raise InvalidInput(
        f"the zip file has no Shapefile, no timetable (GTFS), no workbook and no 3D Tiles: {inside[:160]}",
        remedy="unpack it, and give the data file itself",
    )


def outermost(names: Collection[str]) -> str:
    """Return the description of a set of 3D Tiles that the others are below; empty if there is none."""
    sets = [name for name in names if name.rpartition("/")[2] == _TILESET]
    return min(sets, key=lambda name: (name.count("/"), name), default="")


def _check_sizes(members: list[zipfile.ZipInfo], most: int) -> None:
    total = sum(member.file_size for member in members)
    compressed_size = sum(member.compress_size for member in members)
    if total > most or (total > 1 << 20 and total > _RATIO * max(compressed_size, 1)):
        raise TooLarge(
            f"the zip file unpacks to {total} bytes, from {compressed_size}",
            remedy="unpack it, and give the data file itself",
        )


def _shapefiles(path: Path, archive: zipfile.ZipFile, shapes: list[str]) -> Profile:
    from node.adapters.profiles.layers import profile_layers

    profiles = []
    for shape in shapes[:MAX_TABLES]:
        with archive.open(shape) as file:
            genuine = file.read(4) == _SHAPE
        if not genuine or "}" in shape:
            # GDAL would look for other drivers, which follow links to other files.
            raise InvalidInput(f"{shape[:100]} is not a Shapefile", remedy="export it again")
        layers = profile_layers(f"/vsizip/{{{path}}}/{shape}", "Shapefile")
        name = Path(shape).stem if len(shapes) > 1 else ""
        profiles.append(replace(layers, tables=tuple(replace(table, name=name) for table in layers.tables)))
    boxes = [layers.bbox for layers in profiles if layers.bbox]
    return replace(
        profiles[0],
        tables=tuple(table for layers in profiles for table in layers.tables),
        bbox=around(boxes),
        crs=next((layers.crs for layers in profiles if layers.crs), ""),
        geometry=", ".join(dict.fromkeys(layers.geometry for layers in profiles if layers.geometry)),
        notes=tuple(note for layers in profiles for note in layers.notes),
    )
