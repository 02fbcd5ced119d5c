"""Numbers of versions of assets."""

from __future__ import annotations

from typing import Final

LAST_VERSION: Final = 2**31 - 1
"""The largest number of a version that can be requested."""
