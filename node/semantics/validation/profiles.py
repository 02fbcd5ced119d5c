"""Further profiles of DCAT-AP whose demands a node may report, or enforce, when an asset is published."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

PROFILES: Final[Mapping[str, str]] = MappingProxyType({"dcat-ap-vl": "dcat-ap-vl.ttl"})
"""The names that settings use → file of shapes."""
