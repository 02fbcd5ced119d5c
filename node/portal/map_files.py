"""The files that maps and views in 3D in a browser need, taken from npm when Hansa was built: libraries, base map.

They are not part of the source, and a node runs without them: its maps are then drawings of the server only. A wheel
carries them as ``node/_data/assets``; a checkout has them in ``build/assets``, where ``scripts/assets`` puts them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LIBRARY: Final = "maplibre-gl.mjs"
WORKER: Final = "maplibre-gl-worker.mjs"
ARCHIVES: Final = "pmtiles.mjs"
BASE_MAP: Final = "base-map.pmtiles"
SCENES: Final = "scenes.mjs"
"""The library of views in 3D."""
SCENE_TILES: Final = "scene-tiles.mjs"
"""The further library for 3D Tiles. Both import ``SCENE_CORE``."""
SCENE_CORE: Final = "scene-core.mjs"
LICENCES: Final = "LICENCES.txt"

_MANIFEST: Final = "assets.json"
_SCRIPTS: Final = "text/javascript; charset=utf-8"
_MEDIA_TYPES: Final[Mapping[str, str]] = {
    LIBRARY: _SCRIPTS,
    WORKER: _SCRIPTS,
    ARCHIVES: _SCRIPTS,
    SCENES: _SCRIPTS,
    SCENE_TILES: _SCRIPTS,
    SCENE_CORE: _SCRIPTS,
    BASE_MAP: "application/vnd.pmtiles",
    LICENCES: "text/plain; charset=utf-8",
}
_PACKAGE: Final = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class MapFile:
    """A file as it is sent: ``gzip`` is the same compressed, if it is there."""

    path: Path
    media_type: str
    gzip: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MapFiles:
    """The files in ``folder``, with a city's own base map (``base_map``, a PMTiles file) instead of Natural Earth.

    ``attribution`` is what a map says of the source of its base map. ``digest`` changes with the files.
    """

    folder: Path
    attribution: str
    digest: str
    base_map: Path | None = None

    @property
    def has_scenes(self) -> bool:
        """Return whether the library of views in 3D is there."""
        return all((self.folder / name).is_file() for name in (SCENES, SCENE_TILES, SCENE_CORE))

    @property
    def land(self) -> Path:
        """Return the file with land and borders for drawings of the server; older builds lack it."""
        return self.folder / "land.json"

    def file(self, name: str) -> MapFile | None:
        """Return a file by its name; None for any other name."""
        if name not in _MEDIA_TYPES:
            return None
        if name in (SCENES, SCENE_TILES, SCENE_CORE) and not self.has_scenes:
            return None
        path = self.base_map if name == BASE_MAP and self.base_map else self.folder / name
        gzip = path.with_name(f"{path.name}.gz")
        return MapFile(
            path=path,
            media_type=_MEDIA_TYPES[name],
            gzip=gzip if _MEDIA_TYPES[name] == _SCRIPTS and gzip.is_file() else None,
        )


def built_files(*, base_map: Path | None = None, attribution: str = "") -> MapFiles | None:
    """Return the files that Hansa was built with; None if it was built without."""
    for folder in (_PACKAGE / "_data" / "assets", _PACKAGE.parent / "build" / "assets"):
        if (folder / _MANIFEST).is_file():
            return map_files(folder, base_map=base_map, attribution=attribution)
    return None


def map_files(folder: Path, *, base_map: Path | None = None, attribution: str = "") -> MapFiles:
    """Return the files in ``folder``, which ``scripts/assets`` has made."""
    text = (folder / _MANIFEST).read_bytes()
    digest = hashlib.sha256(text)
    if base_map is not None:
        state = base_map.stat()
        digest.update(f"{base_map} {state.st_size} {state.st_mtime_ns}".encode())
    source = str(json.loads(text).get("attribution", "")) if base_map is None else ""
    return MapFiles(folder=folder, base_map=base_map, attribution=attribution or source, digest=digest.hexdigest())
