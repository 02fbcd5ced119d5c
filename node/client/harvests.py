"""Harvesting on a schedule, from the caller's side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import httpx2

from node.client.calls import C_co, Call, CallGroup, Page, document, endpoint, listing, nothing, rows

PATH = "/api/harvests"
VALUES = "/api/values"
LINES = 500
"""The lines of a report that one request returns."""


class Harvests(CallGroup[C_co]):
    """The sources of one node. All methods raise ``Refusal`` if the node refuses, ``PeerUnreachable``."""

    @endpoint
    def all(self) -> Call[list[dict[str, Any]]]:
        """Return every source with its newest run."""
        return rows("GET", PATH)

    @endpoint
    def add(self, /, name: str, url: str, every: str, **options: Any) -> Call[dict[str, Any]]:
        """Harvest ``url`` every so often. ``options`` are members of ``PUT /api/harvests/{name}``."""
        return document("PUT", _path(name), json={"url": url, "every": every, **options})

    @endpoint
    def source(self, name: str) -> Call[dict[str, Any]]:
        """Return a source and its runs."""
        return document("GET", _path(name))

    @endpoint
    def run(self, name: str) -> Call[dict[str, Any]]:
        """Begin a run now."""
        return document("POST", f"{_path(name)}/run")

    @endpoint
    def pause(self, name: str) -> Call[dict[str, Any]]:
        """Pause a source: no further runs begin."""
        return document("POST", f"{_path(name)}/pause")

    @endpoint
    def resume(self, name: str) -> Call[dict[str, Any]]:
        """Begin a run now, and continue by the schedule."""
        return document("POST", f"{_path(name)}/resume")

    @endpoint
    def remove(self, name: str) -> Call[None]:
        """Stop harvesting the source."""
        return nothing("DELETE", _path(name))

    @endpoint
    def report(self, /, name: str, run: str = "latest", **params: Any) -> Call[dict[str, Any]]:
        """Return the figures of a run and the first lines of its report. ``params`` are those of the address."""
        return document("GET", f"{_path(name)}/runs/{quote(run, safe='')}", params=params)

    @listing
    def lines(self, /, name: str, run: str, **params: Any) -> Call[Page[dict[str, Any]]]:
        """Yield every line of a report that fits ``params``."""
        return _page_of_lines(f"{_path(name)}/runs/{quote(run, safe='')}", params, 0)

    @endpoint
    def contacts(self, name: str, run: str = "latest") -> Call[list[dict[str, Any]]]:
        """Return the e-mail addresses that records of a run name as contact or publisher."""
        return rows("GET", f"{_path(name)}/runs/{quote(run, safe='')}/contacts")

    @endpoint
    def sent_reports(self, name: str) -> Call[list[dict[str, Any]]]:
        """Return the reports of a source that were sent, newest first."""
        return rows("GET", f"{_path(name)}/reports")

    @endpoint
    def send_report(
        self, name: str, run: str = "latest", *, to: Sequence[str] = (), language: str = ""
    ) -> Call[dict[str, Any]]:
        """Send the report of a run to these addresses; without any, only make a link. The answer has the link."""
        members = {"to": list(to), "language": language}
        return document("POST", f"{_path(name)}/runs/{quote(run, safe='')}/reports", json=members)

    @endpoint
    def value_tables(self) -> Call[list[dict[str, Any]]]:
        """Return every source that has values on no code list, with their number."""
        return rows("GET", VALUES)

    @endpoint
    def values(self, source: str) -> Call[dict[str, Any]]:
        """Return the value table of a source, or of a harvest by its name."""
        return document("GET", f"{VALUES}/table", params={"source": source})

    @endpoint
    def choose(self, source: str, choices: Sequence[tuple[str, str, str]]) -> Call[dict[str, Any]]:
        """Choose what values of a source mean; each choice is a field, a text and a code. Return the table."""
        members = [dict(zip(("field", "text", "value"), choice, strict=True)) for choice in choices]
        return document("PUT", f"{VALUES}/table", params={"source": source}, json={"choices": members})


def _page_of_lines(url: str, params: dict[str, Any], offset: int) -> Call[Page[dict[str, Any]]]:
    def read(answer: httpx2.Response) -> Page[dict[str, Any]]:
        report = answer.json()
        following = report["next"]
        return Page(report["records"], None if following is None else _page_of_lines(url, params, following))

    return Call("GET", url, read, {"params": {**params, "offset": offset, "limit": LINES}})


def _path(name: str) -> str:
    return f"{PATH}/{quote(name, safe='')}"
