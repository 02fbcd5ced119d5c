"""Triples are compared as the engine of the graph returns them."""

from __future__ import annotations

from pyoxigraph import BlankNode, Literal, NamedNode, Quad, Store, Triple

from node.adapters.graph.update import as_stored
from node.vocab.namespaces import RDF, XSD

TEXTS = (
    "05",
    "5",
    "+5.0",
    "5e0",
    "true",
    "1",
    "2026-11-22T01:02:03.000Z",
    "2026-11-22+01:00",
    "P1DT24H",
    "no number",
)
DATATYPES = ("integer", "decimal", "double", "boolean", "dateTime", "date", "duration", "anyURI", "string")


def test_all_terms_come_as_the_engine_returns_them() -> None:
    typed = [Literal(text, datatype=NamedNode(XSD + name)) for text in TEXTS for name in DATATYPES]
    tagged = [Literal("05", language=tag) for tag in ("en", "EN-gb", "nl")]
    others = [Literal("05"), Literal("e\u0301"), Literal("{}", datatype=NamedNode(f"{RDF}JSON")), BlankNode("b")]
    about = NamedNode("urn:a")
    triples = [Triple(about, about, term) for term in (*typed, *tagged, *others, NamedNode("urn:05"))]
    store = Store()
    store.extend(Quad(triple.subject, triple.predicate, triple.object, about) for triple in triples)
    stored = {quad.triple for quad in store}
    assert stored != set(triples), "the engine rewrites some"
    assert as_stored(triples) == as_stored([*triples, *triples]) == stored
    assert as_stored([]) == set()
