"""Errors of a server as it states them: only their meaning passes, not their words, which may name places inside."""

from __future__ import annotations

from node.adapters.datasources.ogc.keywords import refusal
from node.base.errors import InvalidInput


def complaint() -> InvalidInput:
    """Return the error for a request that the server does not accept."""
    return refusal(
        "value", "the data source does not understand the request", "check the values of the parameters", "request"
    )
