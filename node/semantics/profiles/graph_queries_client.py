"""From the paths of stored RDF files to the answer to a question in SPARQL.

All reading happens in the cage (``node.adapters.graph.stored_graphs``).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from node.base.errors import InvalidInput
from node.cage.model import AsyncCage, Limits, remedy_against_limits
from node.semantics.documents import MEDIA_TYPES
from node.semantics.sparql import guard, result_type
from node.semantics.sparql_graphs import QueryGraphs

TARGET: Final = "graph.ask_files"
LIMITS: Final = Limits(memory=1536 << 20, cpu=20, wall=20.0, answer=18 << 20)
"""The limits of one question: address space, processor seconds, seconds, bytes of the answer. A million statements
take some three seconds and 400 MB."""

LONGEST: Final = 4000
"""Characters of the longest question: the ledger keeps its whole text."""

MOST_ROWS: Final = 10_000
"""Rows or statements of the longest answer (``node.adapters.graph.results``)."""

FORMS: Final = {
    "json": "application/sparql-results+json, application/ld+json",
    "csv": "text/csv, text/turtle",
    "turtle": "text/turtle",
}
"""The forms of an answer, with the media types that they ask for: of results, and of statements."""
_REMEDY: Final = "ask for less: name the properties, begin with the most selective pattern, add a LIMIT"


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphQuestion:
    """A question in SPARQL to graphs. ``accept`` (an ``Accept`` header) chooses the form of its answer.

    Raises ``InvalidInput`` and ``TooLarge`` for a text that is no question: an update, ``SERVICE``, or one beyond the
    limits of ``node.semantics.sparql``.
    """

    sparql: str
    accept: str = ""
    media_type: str = field(init=False)

    def __post_init__(self) -> None:
        if not self.sparql.strip():
            raise InvalidInput("there is no question", remedy="such as: SELECT * WHERE { ?s ?p ?o } LIMIT 10")
        if len(self.sparql) > LONGEST:
            raise InvalidInput(f"the question has more than {LONGEST} characters", remedy="ask a shorter one")
        object.__setattr__(self, "media_type", result_type(guard(self.sparql), self.accept))

    @classmethod
    def in_form(cls, sparql: str, form: str) -> GraphQuestion:
        """Return the question with an answer in one of ``FORMS``. Raises ``InvalidInput`` for another form."""
        if form not in FORMS:
            raise InvalidInput(f"there is no form {form[:20]!r} of answers", remedy=f"use {' or '.join(FORMS)}")
        return cls(sparql=sparql, accept=FORMS[form])

    @property
    def text(self) -> str:
        """The question as the ledger keeps it."""
        return self.sparql


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphFile:
    """A stored file of the graph ``iri``, with its name for people."""

    iri: str
    sha256: str
    name: str
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphAnswer:
    """The answer: its bytes, and their media type."""

    body: bytes = field(repr=False)
    media_type: str


def is_graph_file(name: str, media_type: str) -> bool:
    """Return whether a file is RDF, by its media type or the ending of its name."""
    return syntax_of_file(name, media_type) != ""


def syntax_of_file(name: str, media_type: str) -> str:
    """Return the media type of RDF in which a file is written; empty if it is not RDF."""
    stated = media_type.partition(";")[0].strip().lower()
    if stated in MEDIA_TYPES:
        return stated
    ending = f".{name.lower().rpartition('.')[2]}"
    return next((syntax for syntax, known in MEDIA_TYPES.items() if ending in known.suffixes), "")


class StoredGraphs:
    """Questions to the graphs of this node. ``place`` returns the path of a SHA-256, or raises ``NotFound``."""

    def __init__(self, cage: AsyncCage, place: Callable[[str], Path]) -> None:
        self._cage = cage
        self._place = place

    async def __call__(
        self, files: Sequence[GraphFile], question: GraphQuestion, graphs: QueryGraphs, *, inner: bool = False
    ) -> GraphAnswer:
        """Return the answer about these files and nothing else. ``graphs`` are the graphs of which its default graph
        is put together, and those that it may name; with ``inner`` also those that are named in the files.

        Raises ``InvalidInput`` for a question that cannot be answered, and ``TooLarge``, both with the fact ``ran``
        if the graphs were searched; ``Overloaded``.
        """
        paths = [str((await asyncio.to_thread(self._place, file.sha256)).resolve()) for file in files]
        sources = [
            {"path": path, "iri": file.iri, "name": file.name, "syntax": syntax_of_file(file.name, file.media_type)}
            for path, file in zip(paths, files, strict=True)
        ]
        message: dict[str, Any] = {
            "sources": sources,
            "inner": inner,
            "default": list(graphs.default),
            "named": list(graphs.names),
            "query": question.sparql,
            "mediaType": question.media_type,
        }
        # A child that has answered may answer others who may have the same files (decision 0025).
        shared_by = f"graphs {hashlib.sha256(json.dumps([sources, inner]).encode()).hexdigest()}"
        with remedy_against_limits(_REMEDY):
            _, (body,) = await self._cage.call(
                TARGET, message, limits=LIMITS, readable=paths, patience=LIMITS.wall, shared_by=shared_by
            )
        return GraphAnswer(body=body, media_type=question.media_type)
