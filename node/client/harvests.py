"""Harvesting on a schedule, from the caller's side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from node.client.scenarios import Speaks

PATH = "/api/harvests"
LINES = 500
"""The lines of a report that one request returns."""


class Harvests:
    """The sources of one node. All methods raise ``Refusal`` if the node refuses, ``PeerUnreachable``."""

    def __init__(self, client: Speaks) -> None:
        self._client = client

    def all(self) -> list[dict[str, Any]]:
        """Return every source with its newest run."""
        return list(self._client.call("GET", PATH))

    def add(self, name: str, url: str, every: str, **options: Any) -> dict[str, Any]:
        """Harvest ``url`` every so often. ``options`` are members of ``PUT /api/harvests/{name}``."""
        return dict(self._client.call("PUT", _path(name), json={"url": url, "every": every, **options}))

    def source(self, name: str) -> dict[str, Any]:
        """Return a source and its runs."""
        return dict(self._client.call("GET", _path(name)))

    def run(self, name: str) -> dict[str, Any]:
        """Begin a run now."""
        return dict(self._client.call("POST", f"{_path(name)}/run"))

    def pause(self, name: str) -> dict[str, Any]:
        """Pause a source: no further runs begin."""
        return dict(self._client.call("POST", f"{_path(name)}/pause"))

    def resume(self, name: str) -> dict[str, Any]:
        """Begin a run now, and continue by the schedule."""
        return dict(self._client.call("POST", f"{_path(name)}/resume"))

    def remove(self, name: str) -> None:
        """Stop harvesting the source."""
        self._client.call("DELETE", _path(name))

    def report(self, name: str, run: str = "latest", **params: Any) -> dict[str, Any]:
        """Return the figures of a run and the first lines of its report. ``params`` are those of the address."""
        return dict(self._client.call("GET", f"{_path(name)}/runs/{quote(run, safe='')}", params=params))

    def lines(self, name: str, run: str, **params: Any) -> Iterator[dict[str, Any]]:
        """Yield every line of a report that fits ``params``."""
        offset: int | None = 0
        while offset is not None:
            page = self.report(name, run, offset=offset, limit=LINES, **params)
            yield from page["records"]
            offset = page["next"]


def _path(name: str) -> str:
    return f"{PATH}/{quote(name, safe='')}"
