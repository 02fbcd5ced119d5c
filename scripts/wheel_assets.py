"""Puts the files of maps into a wheel (``node/_data/assets``) where ``MAP_ASSETS`` names the folder that has them.

``scripts/assets`` makes the folder; ``scripts/release`` and the Dockerfile name it. A wheel without them is
whole, too: its nodes draw their maps without a base map.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WheelAssets(BuildHookInterface):
    """Adds the files to the wheel, but not to an installation of a checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        folder = os.environ.get("MAP_ASSETS", "")
        if not folder or version == "editable":
            return
        if not (Path(folder) / "assets.json").is_file():
            raise FileNotFoundError(f"MAP_ASSETS names {folder}, which has no assets: run scripts/assets")
        build_data["force_include"][str(Path(folder).resolve())] = "node/_data/assets"
