"""The part of the graph view that runs in the cage: it evaluates a stranger's query.

The graphs that the caller may see come from our code and are always named, for the default graph and for ``GRAPH``:
the engine then ignores any ``FROM`` of the query. With these two lists given, no other way into the store is known
(tried: GRAPH, FROM, FROM NAMED, EXISTS, sub-selects, DESCRIBE, ASK).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial
from itertools import islice
from typing import Any

from pyoxigraph import BlankNode, DefaultGraph, NamedNode, RdfFormat, Store, Triple
from pyoxigraph import serialize as serialize_triples

from node.adapters.graph.joins import plan_joins
from node.adapters.graph.names import ALL, NOBODY, audience_graph, in_graph
from node.adapters.graph.results import serialize
from node.base.errors import InvalidInput, LocalFault
from node.semantics.documents import relabel
from node.semantics.entailment import MOST_STATEMENTS, entail, infer
from node.vocab.namespaces import PREFIXES

DAMAGED = "the graph store on the disk is damaged"
"""The detail of the fault for a damaged store; the follower of the ledger then builds the store again."""

_CORRUPTION = "Corruption: "
"""The beginning of the engine's message about a block with a wrong checksum."""


def query(message: dict[str, Any], blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Target ``graph.query``: ``store`` (folder of a checkpoint), ``default`` and ``named`` (IRIs of graphs),
    ``query``, ``mediaType``, and ``entailment``: whether what follows from these statements is found too.
    """
    try:
        store = _open_store(message["store"])
    except RuntimeError as error:
        raise LocalFault(DAMAGED) from error
    if message.get("entailment"):
        return {}, [_evaluate_entailed(_statements(store, message["default"]), message)]
    body = evaluate(
        store,
        message["query"],
        default=message["default"],
        names=message["named"],
        media_type=message["mediaType"],
        plan=_plan(message["store"], message["query"], tuple(message["default"])),
    )
    return {}, [body]


def draw_inferences(message: dict[str, Any], blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Target ``graph.infer``: what follows from the statements in the graphs ``default`` of a checkpoint, as
    N-Triples; the answer is their ``Reach``."""
    try:
        store = _open_store(message["store"])
        graphs = [NamedNode(name) for name in message["default"]]

        def find(subject: Any, property_: Any, value: Any) -> Iterator[Triple]:
            for graph in graphs:
                for quad in store.quads_for_pattern(subject, property_, value, graph):
                    yield quad.triple

        inferences, reach = infer(find)
    except RuntimeError as error:
        raise LocalFault(DAMAGED) from error
    answer = {
        "properties": sorted(reach.properties),
        "classes": sorted(reach.classes),
        "names": sorted(reach.names),
        "anyClass": reach.any_class,
    }
    return answer, [serialize_triples(inferences, format=RdfFormat.N_TRIPLES) or b""]


@lru_cache(maxsize=64)
def _plan(folder: str, text: str, graphs: tuple[str, ...]) -> str:
    """Return the query as it is evaluated over a checkpoint, for all who ask the same."""
    try:
        return plan_joins(_open_store(folder), text, [NamedNode(name) for name in graphs] or [NOBODY])
    except (RuntimeError, PermissionError):
        return text  # the evaluation meets the same fault, and reports it


def _statements(store: Store, graphs: list[str]) -> set[Triple]:
    """Return the statements of ``graphs``, as many as inferences are drawn from and one more."""
    quads = (quad for graph in graphs for quad in store.quads_for_pattern(None, None, None, NamedNode(graph)))
    return {quad.triple for quad in islice(quads, MOST_STATEMENTS + 1)}


def _evaluate_entailed(statements: set[Triple], message: dict[str, Any]) -> bytes:
    """Return the result over ``statements`` and what follows from them, which is all that this store holds."""
    store = Store()
    for part in (statements, entail(statements)):
        store.bulk_extend(in_graph(statement, ALL) for statement in part)
    return evaluate(store, message["query"], default=[ALL.value], names=[], media_type=message["mediaType"])


@lru_cache(maxsize=1)
def _open_store(folder: str) -> Store:
    """Return the checkpoint in ``folder``, which never changes: a child that is kept opens it once."""
    return Store.read_only(folder)


def query_records(message: dict[str, Any], blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Target ``graph.query_records``: the same over the records in ``blobs``.

    ``records`` has (IRI, audience) of each blob, which is its canonical N-Quads.
    """
    if message.get("entailment"):
        pairs = zip(message["records"], blobs, strict=True)
        statements = {triple for (iri, _), nquads in pairs for triple in relabel(nquads, iri)}
        return {}, [_evaluate_entailed(statements, message)]
    store = Store()
    graphs = {audience: audience_graph(audience) for _, audience in message["records"]}
    for (iri, audience), nquads in zip(message["records"], blobs, strict=True):
        for triple in relabel(nquads, iri):
            store.extend((in_graph(triple, ALL), in_graph(triple, graphs[audience])))
    body = evaluate(
        store,
        message["query"],
        default=[ALL.value],
        names=sorted(graph.value for graph in graphs.values()),
        media_type=message["mediaType"],
    )
    return {}, [body]


def evaluate(
    store: Store, text: str, *, default: list[str], names: list[str], media_type: str, plan: str = ""
) -> bytes:
    """Return the result of the query ``text`` over these graphs and nothing else; ``plan`` is the same query in
    another form.

    Raises ``InvalidInput`` and ``TooLarge``, and ``LocalFault`` with ``DAMAGED``.
    """
    default_graph: list[NamedNode | BlankNode | DefaultGraph] = [NamedNode(name) for name in default]
    named_graphs: list[NamedNode | BlankNode] = [NamedNode(name) for name in names]
    try:
        ask = partial(
            store.query,
            prefixes=PREFIXES,
            default_graph=default_graph or [NOBODY],
            named_graphs=named_graphs or [NOBODY],
        )
        try:
            results = ask(plan or text)
        except SyntaxError:
            results = ask(text)  # its error tells the place in the caller's text
        return serialize(results, media_type)
    except SyntaxError as error:
        raise _unreadable(error) from error
    except (RuntimeError, PermissionError) as error:
        # At the beginning, where no part of the query can stand.
        if str(error).startswith(_CORRUPTION):
            raise LocalFault(DAMAGED) from error
        # The engine cannot evaluate this: a function it does not know, or a call out, which the cage forbids.
        raise InvalidInput(
            f"the query cannot be evaluated: {str(error)[:300]}", remedy="use the functions of SPARQL 1.1"
        ) from error


def _unreadable(error: SyntaxError) -> InvalidInput:
    reason = (error.msg or "it is not SPARQL 1.1").strip()
    facts = {"line": error.lineno, "column": error.offset} if error.lineno else {}
    return InvalidInput(
        f"the query cannot be read: {reason[:500]}",
        remedy="check the query at that place; prefixes such as dcat: and dct: are known already",
        facts=facts,
    )
