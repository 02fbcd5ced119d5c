"""Importing catalogues of others, from the caller's side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from node.client.calls import Call, document, lines

PATH = "/api/imports"


class ImportCalls:
    """The part of a client that is about importing."""

    @lines
    def harvest(
        self,
        url: str,
        *,
        source: str = "",
        audience: str | None = None,
        rules: Sequence[str] = (),
        check: bool = False,
        agreed: bool = False,
        fewer: bool = False,
        language: str = "en",
    ) -> Call[dict[str, Any]]:
        """Harvest the catalogue at ``url``; yields as ``import_file`` does. ``agreed``: the publisher agreed,
        regardless of robots.txt. ``fewer``: withdraw vanished records even if they are more than half."""
        params: dict[str, Any] = {"url": url, "language": language, "check": check, "source": source}
        params |= {"rule": list(rules), "agreed": agreed, "fewer": fewer}
        return document("POST", PATH, params=params | ({"audience": audience} if audience else {}), timeout=None)

    @lines
    def import_file(
        self,
        path: Path,
        *,
        media_type: str,
        source: str = "",
        base: str = "",
        audience: str | None = None,
        rules: Sequence[str] = (),
        check: bool = False,
        language: str = "en",
    ) -> Call[dict[str, Any]]:
        """Import a catalogue file; yields ``opened``, a ``record`` for each, and ``closed``: see ``POST
        /api/imports``. The import ends when the iteration stops."""
        params: dict[str, Any] = {"name": path.stem, "language": language, "check": check}
        params |= {"source": source, "base": base, "rule": list(rules)}
        headers = {"Content-Type": media_type, "Content-Length": str(path.stat().st_size)}
        options = {"params": params | ({"audience": audience} if audience else {}), "headers": headers}
        return replace(document("POST", PATH, **options, timeout=None), body=path)
