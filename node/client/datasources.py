"""Data sources, from the caller's side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from node.client.calls import C_co, Call, CallGroup, document, endpoint, nothing

PATH = "/api/sources"


class DataSourceCalls(CallGroup[C_co]):
    """The data sources of one node. All methods raise ``Refusal`` if the node refuses, ``PeerUnreachable``."""

    @endpoint
    def all(self) -> Call[dict[str, Any]]:
        """Return all data sources, and the kinds that the node can read."""
        return document("GET", PATH)

    @endpoint
    def add(
        self,
        /,
        name: str,
        kind: str,
        address: str,
        *,
        options: Mapping[str, str] | None = None,
        credentials: Mapping[str, str] | None = None,
    ) -> Call[dict[str, Any]]:
        """Register a data source, or replace it. ``credentials`` has scheme, name and secret."""
        body = {"kind": kind, "address": address, "options": dict(options or {})}
        if credentials is not None:
            body["credentials"] = dict(credentials)
        return document("PUT", _path(name), json=body)

    @endpoint
    def source(self, name: str) -> Call[dict[str, Any]]:
        """Return a data source."""
        return document("GET", _path(name))

    @endpoint
    def test(self, name: str, *, item: str = "", language: str = "en") -> Call[dict[str, Any]]:
        """Try a data source; return what works, and what the node could offer from it."""
        params = {"item": item, "language": language}
        return document("POST", f"{_path(name)}/test", params=params, timeout=120.0)

    @endpoint
    def remove(self, name: str) -> Call[None]:
        """Forget a data source."""
        return nothing("DELETE", _path(name))


def _path(name: str) -> str:
    return f"{PATH}/{quote(name, safe='')}"
