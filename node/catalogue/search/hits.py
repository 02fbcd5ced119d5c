"""A page of results of a search, as its caller sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from node.base.clock import stamp
from node.catalogue.access import AccessCode, word
from node.catalogue.model import Record
from node.catalogue.search.copies import copy_json
from node.catalogue.search.vocabulary_labels import OntologyLabels


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueHit:
    """A record in a list of results, with the access and conditions that the caller is shown, and the other records
    that describe the same asset (``copies``). ``points`` are those of the quality of a dataset's description."""

    record: Record
    access: AccessCode
    conditions: str
    snippet: str = ""
    copies: tuple[Record, ...] = ()
    points: int | None = None

    def to_json(self, language: str) -> dict[str, Any]:
        record = self.record
        return {
            "iri": record.iri,
            "kind": record.kind,
            "title": record.title(language),
            "description": record.description(language),
            "publisher": record.publisher,
            "publisherName": record.publisher_name,
            "origin": record.origin,
            "imported": record.harvest_origin is not None,
            "access": str(self.access),
            "accessWord": word(self.access, language),
            "conditions": self.conditions,
            "at": stamp(record.at),
            "version": record.version,
            "snippet": self.snippet,
            "points": self.points,
            "alsoAt": [copy_json(copy, language) for copy in self.copies],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueHits:
    """A page of results. Counts in ``facets`` cover all hits that the caller may see.

    ``cursor`` is for the next page; empty after the last one.
    ``other_labels`` are the labels by which the search looked too. ``is_partial``: the index is being filled, and
    results are missing.
    """

    total: int
    offset: int
    limit: int
    hits: tuple[CatalogueHit, ...]
    facets: dict[str, dict[str, int]]
    cursor: str = ""
    other_labels: tuple[OntologyLabels, ...] = ()
    is_partial: bool = False

    def to_json(self, language: str) -> dict[str, Any]:
        return {
            "total": self.total,
            "offset": self.offset,
            "limit": self.limit,
            "hits": [hit.to_json(language) for hit in self.hits],
            "facets": self.facets,
            "cursor": self.cursor or None,
            "widened": [labels.to_json(language) for labels in self.other_labels],
            "partial": self.is_partial,
        }
