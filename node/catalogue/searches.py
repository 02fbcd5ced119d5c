"""Searches of the catalogue and their results."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from node.catalogue.model import Period


class Order(StrEnum):
    """The orders of results. Without words, ``BEST`` is ``NEWEST``."""

    BEST = "best"
    NEWEST = "newest"
    OLDEST = "oldest"
    QUALITY = "quality"
    """By the points of the description, the most first; those without points last."""
    POOREST = "poorest"
    PUBLISHED = "published"
    """In the order of publication here, oldest first: the only order that changes in the meantime do not disturb."""
    ADDED = "added"
    """In the order of publication here, the last one first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A search: free text and facets. Facet values of one facet are alternatives, facets narrow each other.

    ``bbox`` and ``period`` match assets with an area or a time that touches them.
    """

    text: str = ""
    kinds: tuple[str, ...] = ()
    themes: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    publishers: tuple[str, ...] = ()
    access: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    licences: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    spatials: tuple[str, ...] = ()
    years: tuple[str, ...] = ()
    qualities: tuple[str, ...] = ()
    language: str = "en"
    bbox: tuple[float, float, float, float] | None = None
    period: Period | None = None
    offset: int = 0
    limit: int = 20
    order: Order = Order.BEST
    cursor: str = ""
    """The text of ``CatalogueHits.cursor``: continue after that page, in the same order."""
    phrases: tuple[str, ...] = ()
    """Texts of which at least one must occur as it is: its words one after the other, without other forms of them."""
    iris: tuple[str, ...] = ()
    """The addresses of the only records that may be found; empty for all."""
    identifiers: tuple[str, ...] = ()
    """The same by identifiers that their sources gave them."""
    widens: bool = True
    """Also search for the other labels that vocabularies of the catalogue have for words of the text."""

    @property
    def facets(self) -> dict[str, tuple[str, ...]]:
        """Facet → the chosen values. The names are those of the counts in ``Results`` and of the parameters."""
        return {
            "kind": self.kinds,
            "theme": self.themes,
            "publisher": self.publishers,
            "access": self.access,
            "keyword": self.keywords,
            "format": self.formats,
            "license": self.licences,
            "node": self.nodes,
            "spatial": self.spatials,
            "year": self.years,
            "quality": self.qualities,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherLabel:
    """A label by which a search also looks, in its ``language`` ("" if unknown), for the ``words`` of the search."""

    words: str
    label: str
    language: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One result: the IRI of the record, its score, a piece of its text with the words marked by « », the IRIs of
    the other records of the same asset (see ``SearchIndex.copies``), and the points of its description."""

    iri: str
    score: float
    snippet: str = ""
    copies: tuple[str, ...] = ()
    points: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """The end of a page: the ``place`` of its last record in the order of the search, and the way of finding words
    that the search had to take (``stage``), which further pages keep to. ``labels`` are the marks of the labels that
    widened the first page, and may widen further pages; None: any label may.

    Sorted by relevance, records have no place of their own: ``place`` is then that of the last record that had been
    published when the first page was read, ``state`` the number of the index's state at that time, which it may
    still know, and ``offset`` the number of hits up to here.
    """

    place: int
    stage: int = 0
    labels: frozenset[bytes] | None = None
    offset: int = 0
    state: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """A page of hits, the exact total, and facet → value → count over all hits that the caller may see.

    ``next`` is the cursor for the next page; None after the last one.
    """

    total: int
    hits: tuple[Hit, ...]
    facets: dict[str, dict[str, int]]
    next: Cursor | None = None
