"""Further profiles of DCAT-AP that a node may check, as advice or as an obligation, when an asset is published."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

PROFILES: Final[Mapping[str, str]] = MappingProxyType({"dcat-ap-vl": "dcat-ap-vl.ttl"})
"""Name in the settings → file of shapes."""
