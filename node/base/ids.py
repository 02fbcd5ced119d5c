"""Identifiers that we make ourselves."""

from __future__ import annotations

import os
import time
import uuid


def new_uuid() -> uuid.UUID:
    """Return a version 7 UUID (RFC 9562 §5.7): it begins with the time, so that database keys arrive in order."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | int.from_bytes(os.urandom(10), "big")
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return uuid.UUID(int=value)


def new_urn() -> str:
    """Return a fresh ``urn:uuid:`` IRI."""
    return f"urn:uuid:{new_uuid()}"
