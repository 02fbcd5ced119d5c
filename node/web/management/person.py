"""Identify the person who calls the management API."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from fastapi import Request

from node.identity.model import Caller


class Person(Protocol):
    """Identifies a person of this node; raises ``Unauthenticated``."""

    def __call__(self, request: Request) -> Awaitable[Caller]: ...
