"""Where other people's files are: read by tests, never copied into the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("HANSA_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def data(relative: str) -> Path:
    """The file or folder below ``shared/data``; skips the test with a reason where it is absent."""
    path = SHARED / "data" / relative
    if not path.exists():
        pytest.skip(f"{relative} is not at hand: set HANSA_SHARED to the folder of official artefacts")
    return path
