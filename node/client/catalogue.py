"""Finding and reading assets, from the caller's side."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any


class CatalogueCalls(ABC):
    """The part of a client that is about the catalogue."""

    @abstractmethod
    def _send(self, method: str, url: str, **options: Any) -> Any:
        """Return the node's answer. Raises ``Refusal``, ``PeerUnreachable``."""

    @abstractmethod
    def _get(self, url: str, *, params: Any = None) -> Any:
        """Return the JSON value at ``url``. Raises as ``_send``."""

    def search(self, text: str = "", *, region: bool = False, **facets: Any) -> dict[str, Any]:
        """Search: ``kind, theme, keyword, publisher, access, format, license, node``, ``bbox, since, until``,
        ``offset, limit, sort, lang``; with ``region`` in the region's catalogue, as this node.

        ``since`` and ``until`` are a day, a month or a year. Raises ``Refusal`` for an unknown facet.
        """
        for name, parameter in (("since", "from"), ("until", "to")):
            if name in facets:
                facets[parameter] = facets.pop(name)
        params: dict[str, Any] = {"q": text}
        params.update({name: value for name, value in facets.items() if value not in (None, "", [], ())})
        return dict(self._get("/api/region/search" if region else "/api/catalogue/search", params=params))

    def record(
        self, iri: str, *, version: int | None = None, as_of: str | None = None, language: str = "en"
    ) -> dict[str, Any]:
        """Return an asset as JSON, with its texts in ``language`` where they are there."""
        params: dict[str, Any] = {"iri": iri, "lang": language}
        if version is not None:
            params["version"] = version
        if as_of is not None:
            params["asOf"] = as_of
        return dict(self._get("/api/catalogue/record", params=params))

    def versions(self, iri: str) -> list[dict[str, Any]]:
        """Return all versions of an asset that the caller may see."""
        return list(self._get("/api/catalogue/versions", params={"iri": iri})["versions"])

    def changes(self, iri: str, *, before: int | None = None, after: int | None = None) -> dict[str, Any]:
        """Return the differences between two versions of an asset; by default the newest and the one before it."""
        numbers = {"from": before, "to": after}
        params = {"iri": iri, **{name: number for name, number in numbers.items() if number is not None}}
        return dict(self._get("/api/catalogue/changes", params=params))

    def sparql(
        self,
        query: str,
        *,
        accept: str = "application/sparql-results+json",
        as_of: str | None = None,
        region: bool = False,
    ) -> bytes:
        """Return the unchanged answer of the SPARQL end point (of the region's, with ``region``)."""
        answer = self._send(
            "POST",
            "/api/region/sparql" if region else "/sparql",
            data={"query": query},
            headers={"Accept": accept},
            params={"asOf": as_of} if as_of else {},
        )
        return bytes(answer.content)
