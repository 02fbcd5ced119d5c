"""Importing catalogues of others, from the caller's side."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any


class ImportCalls(ABC):
    """The part of a client that is about importing."""

    @abstractmethod
    def _stream(self, method: str, url: str, **options: Any) -> AbstractContextManager[Any]:
        """Yield the node's answer while it arrives. Raises ``Refusal``, ``PeerUnreachable``."""

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
    ) -> Iterator[dict[str, Any]]:
        """Harvest the catalogue at ``url``; yields as ``import_file`` does. ``agreed``: the publisher agreed,
        regardless of robots.txt. ``fewer``: withdraw vanished records even if they are more than half."""
        params: dict[str, Any] = {"url": url, "language": language, "check": check, "source": source}
        params |= {"rule": list(rules), "agreed": agreed, "fewer": fewer}
        if audience:
            params["audience"] = audience
        with self._stream("POST", "/api/imports", params=params, timeout=None) as answer:
            for line in answer.iter_lines():
                if line:
                    yield json.loads(line)

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
    ) -> Iterator[dict[str, Any]]:
        """Import a catalogue file; yields ``opened``, a ``record`` for each, and ``closed``: see ``POST
        /api/imports``. The import ends when the iteration stops."""
        params: dict[str, Any] = {"name": path.stem, "language": language, "check": check}
        params |= {"source": source, "base": base, "rule": list(rules)}
        if audience:
            params["audience"] = audience
        with path.open("rb") as file:
            headers = {"Content-Type": media_type, "Content-Length": str(path.stat().st_size)}
            with self._stream(
                "POST", "/api/imports", params=params, content=file, headers=headers, timeout=None
            ) as answer:
                for line in answer.iter_lines():
                    if line:
                        yield json.loads(line)
