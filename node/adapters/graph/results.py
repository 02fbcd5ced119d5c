"""Query results as bytes, within limits. Runs in the cage."""

from __future__ import annotations

import csv
import io
import itertools
import json
from typing import Final

from pyoxigraph import (
    QueryBoolean,
    QueryResultsFormat,
    QuerySolutions,
    QueryTriples,
    Triple,
)

from node.base.errors import InvalidInput, TooLarge
from node.semantics.documents import serialize as document
from node.semantics.profiles.graph_queries_client import MOST_ROWS

MAX_ROWS: Final = MOST_ROWS
MAX_BYTES: Final = 16 << 20

_PAGE: Final = "add a LIMIT, and an OFFSET with ORDER BY to read on"

_RESULT_FORMATS: Final = {
    "application/sparql-results+json": QueryResultsFormat.JSON,
    "application/sparql-results+xml": QueryResultsFormat.XML,
    "text/csv": QueryResultsFormat.CSV,
    "text/tab-separated-values": QueryResultsFormat.TSV,
}


def serialize(results: QuerySolutions | QueryBoolean | QueryTriples, media_type: str) -> bytes:
    """Return ``results`` in ``media_type``. Raises ``TooLarge`` beyond ``MAX_ROWS`` or ``MAX_BYTES``."""
    if isinstance(results, QueryTriples):
        return _graph(results, media_type)
    sink = _BoundedBuffer()
    format_ = _RESULT_FORMATS[media_type]
    if isinstance(results, QueryBoolean) and format_ in (QueryResultsFormat.CSV, QueryResultsFormat.TSV):
        # SPARQL 1.1 CSV and TSV define no ASK results; a single cell holds the same.
        return b"true\n" if results else b"false\n"
    try:
        results.serialize(sink, format=format_)
    except _Full:
        raise TooLarge(f"the result is larger than {MAX_BYTES >> 20} MB", remedy=_PAGE) from None
    body = sink.getvalue()
    if isinstance(results, QuerySolutions) and _rows(body, media_type) > MAX_ROWS:
        raise TooLarge(f"the result has more than {MAX_ROWS} rows", remedy=_PAGE)
    return body


class _Full(Exception):
    pass


class _BoundedBuffer(io.BytesIO):
    def write(self, piece: object) -> int:
        count = super().write(piece)  # type: ignore[arg-type]
        if self.tell() > MAX_BYTES:
            raise _Full
        return count


def _rows(body: bytes, media_type: str) -> int:
    """Return the number of rows in a finished result: exact, since a query's own LIMIT must not be touched."""
    if len(body) <= MAX_ROWS:
        return 0  # no row takes less than a byte
    if media_type == "application/sparql-results+json":
        return len(json.loads(body)["results"]["bindings"])
    if media_type == "application/sparql-results+xml":
        return body.count(b"<result>")
    if media_type == "text/csv":
        return sum(1 for _ in csv.reader(io.StringIO(body.decode(), newline=""))) - 1
    return body.count(b"\n") - 1


def _graph(results: QueryTriples, media_type: str) -> bytes:
    solutions: list[Triple] = list(itertools.islice(results, MAX_ROWS + 1))
    if len(solutions) > MAX_ROWS:
        raise TooLarge(f"the result has more than {MAX_ROWS} triples", remedy=_PAGE)
    triples = list(dict.fromkeys(solutions))
    if any(isinstance(triple.object, Triple) for triple in triples):
        raise InvalidInput("the result quotes triples; this is RDF 1.2, which this node does not write")
    body = document(triples, media_type)
    if len(body) > MAX_BYTES:
        raise TooLarge(f"the result is larger than {MAX_BYTES >> 20} MB", remedy=_PAGE)
    return body


def with_charset(media_type: str) -> str:
    """Return the media type of an answer, with the charset of texts."""
    return f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type
