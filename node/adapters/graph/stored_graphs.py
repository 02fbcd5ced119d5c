"""The function for questions in SPARQL about stored files that runs in the cage.

The files are read into a store in memory that holds nothing else, so no graph of anything else can be named. Nothing
is fetched: the engine has no way out of the cage, and the contexts of JSON-LD are those that come with the node.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pyoxigraph import NamedNode, Quad, RdfFormat, Store
from pyoxigraph import parse as read_quads

from node.adapters.graph.in_cage import evaluate
from node.base.errors import InvalidInput, TooLarge
from node.semantics.documents import MEDIA_TYPES, Syntax, scan, unreadable

_SCANNED: Final = (RdfFormat.RDF_XML, RdfFormat.JSON_LD)
_TRIPLES: Final = (RdfFormat.TURTLE, RdfFormat.N_TRIPLES, RdfFormat.RDF_XML)
"""The syntaxes of one graph: the engine reads them into it by itself."""

_cache: list[tuple[str, Store]] = []
"""The store of the last question: a child that stays is only ever asked about the same files."""


def ask(message: dict[str, Any], _blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Target ``graph.ask_files``: the answer to ``query`` in ``mediaType`` about ``sources``, each of which has
    ``path``, ``syntax``, ``name``, and ``iri``, the name of its graph.

    ``default`` are the graphs of the default graph, ``named`` those that can be named, with ``inner`` the graphs
    that the files name too. Raises ``InvalidInput`` and ``TooLarge``, with the fact ``ran`` if the graphs were
    searched.
    """
    store = _store(message["sources"], keep_names=message["inner"])
    names = set(message["named"])
    if message["inner"]:
        names |= {graph.value for graph in store.named_graphs() if isinstance(graph, NamedNode)}
    try:
        body = evaluate(
            store,
            message["query"],
            default=message["default"],
            names=sorted(names),
            media_type=message["mediaType"],
        )
    except (InvalidInput, TooLarge) as error:
        # What cannot be read was not searched.
        if not isinstance(error.__cause__, SyntaxError):
            error.facts["ran"] = True
        raise
    return {}, [body]


def _store(sources: list[Mapping[str, str]], *, keep_names: bool) -> Store:
    key = json.dumps([sources, keep_names])
    if not _cache or _cache[0][0] != key:
        _cache.clear()
        store = Store()
        for source in sources:
            _load(store, source, keep_names=keep_names)
        _cache.append((key, store))
    return _cache[0][1]


def _load(store: Store, source: Mapping[str, str], *, keep_names: bool) -> None:
    """Add the statements of a file to its graph. Raises ``InvalidInput`` if it cannot be read."""
    syntax, graph = MEDIA_TYPES[source["syntax"]], NamedNode(source["iri"])
    content: dict[str, Any] = {"path": source["path"]}
    try:
        if syntax.format in _SCANNED:
            content = {"input": scan(Path(source["path"]).read_bytes(), syntax)}
        if syntax.format in _TRIPLES:
            store.load(**content, format=syntax.format, base_iri=source["iri"], to_graph=graph)
        else:
            store.extend(_quads(content, syntax, graph, keep_names=keep_names))
    except SyntaxError as error:
        raise _damage(source, unreadable(error, syntax)) from None
    except InvalidInput as error:
        raise _damage(source, error) from None


def _quads(content: Mapping[str, Any], syntax: Syntax, graph: NamedNode, *, keep_names: bool) -> Iterator[Quad]:
    """Yield the statements of all graphs of a file for one graph, with ``keep_names`` for their own graphs too."""
    for quad in read_quads(**content, format=syntax.format, base_iri=graph.value):
        yield Quad(quad.subject, quad.predicate, quad.object, graph)
        if keep_names and isinstance(quad.graph_name, NamedNode):
            yield quad


def _damage(source: Mapping[str, str], error: InvalidInput) -> InvalidInput:
    return InvalidInput(
        f"{source['name']} cannot be read as RDF: {error.detail}"[:600],
        remedy="ask the provider to publish the file again, or get it as it is",
    )
