"""The descriptions of SPARQL end points for programs (SPARQL 1.1 Service Description)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import MappingProxyType
from typing import Final

from node.catalogue.nquads import iri_term, line, literal_term
from node.semantics.documents import serialise
from node.semantics.sparql import GRAPH_TYPES, RESULT_TYPES
from node.vocab.namespaces import DCT, RDF

SD: Final = "http://www.w3.org/ns/sparql-service-description#"
_FORMATS: Final = "http://www.w3.org/ns/formats/"
_FORMAT_NAMES: Final = MappingProxyType(
    {
        "application/sparql-results+json": "SPARQL_Results_JSON",
        "application/sparql-results+xml": "SPARQL_Results_XML",
        "text/csv": "SPARQL_Results_CSV",
        "text/tab-separated-values": "SPARQL_Results_TSV",
        "text/turtle": "Turtle",
        "application/n-triples": "N-Triples",
        "application/ld+json": "JSON-LD",
        "application/rdf+xml": "RDF_XML",
    }
)
"""The names of the formats of results at ``http://www.w3.org/ns/formats/``."""

_ENTAILED: Final = (
    "The same, with what follows from the statements that the caller may see: RDFS, and of OWL 2 RL equal, inverse, "
    "symmetric and transitive properties, unions and intersections of classes, and owl:sameAs."
)


def describe_graphs(endpoint: str, *, names: Sequence[str], media_type: str) -> bytes:
    """Return the description of an ``endpoint`` of which each caller may ask its own named graphs, those with
    ``names``; the default graph is all of them together."""
    service, dataset, graph = "_:service", "_:dataset", "_:graph"
    statements = [
        *_basics(endpoint, service, dataset, graph),
    ]
    for number, name in enumerate(names):
        statements += [
            (dataset, f"{SD}namedGraph", f"_:named{number}"),
            (f"_:named{number}", f"{RDF}type", iri_term(f"{SD}NamedGraph")),
            (f"_:named{number}", f"{SD}name", iri_term(name)),
        ]
    return _serialise(statements, media_type)


def describe_service(endpoint: str, *, catalogue: str, media_type: str) -> bytes:
    """Return the description of ``endpoint`` (its address), which queries the ``catalogue`` (address), in the syntax
    ``media_type``, one of ``GRAPH_TYPES``."""
    service, reasoner, dataset, graph = "_:service", "_:reasoner", "_:dataset", "_:graph"
    statements = [
        *_basics(endpoint, service, dataset, graph),
        (reasoner, f"{RDF}type", iri_term(f"{SD}Service")),
        (reasoner, f"{SD}endpoint", iri_term(f"{endpoint}?entailment=rl")),
        (reasoner, f"{SD}supportedLanguage", iri_term(f"{SD}SPARQL11Query")),
        (reasoner, f"{SD}defaultEntailmentRegime", iri_term("http://www.w3.org/ns/entailment/OWL-RDF-Based")),
        (reasoner, f"{SD}defaultSupportedEntailmentProfile", iri_term("http://www.w3.org/ns/owl-profile/RL")),
        (reasoner, f"{DCT}description", literal_term(_ENTAILED, language="en")),
        (reasoner, f"{SD}defaultDataset", dataset),
        (graph, f"{DCT}source", iri_term(catalogue)),
        (graph, f"{DCT}description", literal_term("The assets that the caller may see.", language="en")),
    ]
    return _serialise(statements, media_type)


def _basics(endpoint: str, service: str, dataset: str, graph: str) -> list[tuple[str, str, str]]:
    """Return what every description says: the language and formats of ``endpoint``, and its data set."""
    return [
        (service, f"{RDF}type", iri_term(f"{SD}Service")),
        (service, f"{SD}endpoint", iri_term(endpoint)),
        (service, f"{SD}supportedLanguage", iri_term(f"{SD}SPARQL11Query")),
        (service, f"{SD}feature", iri_term(f"{SD}UnionDefaultGraph")),
        (service, f"{SD}defaultEntailmentRegime", iri_term("http://www.w3.org/ns/entailment/Simple")),
        *(
            (service, f"{SD}resultFormat", iri_term(_FORMATS + _FORMAT_NAMES[name]))
            for name in (*RESULT_TYPES, *GRAPH_TYPES)
        ),
        (service, f"{SD}defaultDataset", dataset),
        (dataset, f"{RDF}type", iri_term(f"{SD}Dataset")),
        (dataset, f"{SD}defaultGraph", graph),
        (graph, f"{RDF}type", iri_term(f"{SD}Graph")),
    ]


def _serialise(statements: Iterable[tuple[str, str, str]], media_type: str) -> bytes:
    lines = (line(subject, iri_term(predicate), value) for subject, predicate, value in statements)
    return serialise("".join(f"{text}\n" for text in lines).encode(), media_type)
