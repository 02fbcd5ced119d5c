"""Identify the person who calls the management API, and the language of the answer."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from fastapi import Request

from node.catalogue.representations import language_in
from node.identity.model import Caller


class Person(Protocol):
    """Identifies a person of this node; raises ``Unauthenticated``."""

    def __call__(self, request: Request) -> Awaitable[Caller]: ...


def language_of(request: Request, language: str) -> str:
    """Return the language of an answer: ``language`` of the query, else the one that the reader prefers."""
    return language_in(language or request.headers.get("accept-language"))
