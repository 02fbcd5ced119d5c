"""The functions for scenes that run in the cage: the objects of a file, and a tile of a set of tiles."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from node.adapters.profiles.archives import outermost
from node.adapters.profiles.scenes.city import read_city
from node.adapters.profiles.scenes.tiles import member, read_tiles
from node.adapters.profiles.trees import document
from node.base.errors import InvalidInput

_DOWNLOAD: Final = "download the file, and open it in another program"
_ZIP: Final = b"PK\x03\x04"
_MOST_MEMBERS: Final = 100_000


def read(message: dict[str, Any], _blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Target ``scenes.read``: facts and objects of the CityJSON or 3D Tiles at ``path``, which was called ``name``.

    ``most`` and ``corners`` bound the answer. Raises ``InvalidInput`` for any other file.
    """
    path, name = Path(message["path"]), str(message["name"])
    most, corners = int(message["most"]), int(message["corners"])
    with _hide_place(path, name):
        with path.open("rb") as file:
            is_archive = file.read(4) == _ZIP
        if is_archive:
            with zipfile.ZipFile(path) as archive:
                description = _description(archive)
                content = _document(member(archive, description))
                facts, scene = read_tiles(content, archive, description, most)
            return facts, [scene]
        content = document(path)
        if not isinstance(content, dict):
            raise _other()
        if content.get("type") == "CityJSON":
            facts, scene = read_city(content, most, corners)
        elif "root" in content and isinstance(content.get("asset"), dict):
            facts, scene = read_tiles(content, None, "tileset.json", most)
        else:
            raise _other()
        return facts, [scene]


def tile(message: dict[str, Any], _blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Target ``scenes.tile``: the file ``member`` of the set of tiles at ``path``. Raises ``InvalidInput``,
    ``NotFound`` and ``TooLarge``."""
    path, name = Path(message["path"]), str(message["name"])
    with _hide_place(path, name), zipfile.ZipFile(path) as archive:
        _description(archive)
        return {}, [member(archive, str(message["member"]))]


@contextmanager
def _hide_place(path: Path, name: str) -> Iterator[None]:
    try:
        yield
    except InvalidInput as error:
        # Where a node keeps its files is not for others to know.
        raise InvalidInput(error.detail.replace(str(path), name), remedy=error.remedy or _DOWNLOAD) from error
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError) as error:
        raise InvalidInput("the file is damaged, or too deeply nested", remedy="export it again") from error


def _description(archive: zipfile.ZipFile) -> str:
    names = archive.namelist()
    if len(names) > _MOST_MEMBERS:
        raise InvalidInput(f"the zip file has more than {_MOST_MEMBERS} files", remedy="make larger tiles")
    description = outermost(names)
    if not description:
        raise InvalidInput("the zip file has no tileset.json, so it has no view in 3D")
    return description


def _document(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except ValueError as error:
        raise InvalidInput(f"tileset.json is not JSON: {error}", remedy="export it again") from error
    if not isinstance(content, dict):
        raise InvalidInput("tileset.json describes no set of tiles", remedy="export it again")
    return content


def _other() -> InvalidInput:
    return InvalidInput("the file is not CityJSON or 3D Tiles, so it has no view in 3D")
