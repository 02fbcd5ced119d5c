"""Limits of one caged call."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

ORDER: Final = struct.Struct("=Bd")
"""A fork server's order for a call: the place of its target among the sorted names, and its seconds on the wall."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of one child: address space in bytes, processor seconds, seconds on the wall, bytes of answer."""

    memory: int = 1 << 30
    cpu: int = 10
    wall: float = 5.0
    answer: int = 64 << 20


PARSE = Limits(cpu=6, wall=6.0)
QUERY = Limits(cpu=6, wall=5.0, answer=16 << 20)
