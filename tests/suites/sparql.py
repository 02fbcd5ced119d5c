"""The W3C's SPARQL 1.1 suite against the query end point's parts: the guard, the engine and the writer of results.

Evaluation and syntax of queries are tested, and the writers of results. Updates, the graph store protocol, federation
(``SERVICE``) and whole regimes of entailment are not offered by Hansa, so their tests are not applicable.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from pyoxigraph import (
    BlankNode,
    CanonicalizationAlgorithm,
    Dataset,
    Literal,
    NamedNode,
    Quad,
    QueryBoolean,
    QueryResultsFormat,
    RdfFormat,
    Store,
    parse,
    parse_query_results,
)

from node.adapters.graph.in_cage import evaluate
from node.base.errors import HansaError
from node.semantics.sparql import guard, result_type
from node.vocab.namespaces import RDF, XSD
from tests.suites.manifests import MF, Outcome, Verdict, entries, manifests, objects, path, statements, value

QT: Final = "http://www.w3.org/2001/sw/DataAccess/tests/test-query#"
RS: Final = "http://www.w3.org/2001/sw/DataAccess/tests/result-set#"
DEFAULT: Final = "urn:hansa:suite:default"
_NUMBERS: Final = {f"{XSD}{name}" for name in ("integer", "decimal", "double", "float", "int", "long", "short")}
_RESULTS: Final = {".srx": QueryResultsFormat.XML, ".srj": QueryResultsFormat.JSON, ".tsv": QueryResultsFormat.TSV}
_WRITTEN: Final = {
    ".srx": "application/sparql-results+xml",
    ".tsv": "text/tab-separated-values",
    ".csv": "text/csv",
}
_NOT_OFFERED: Final = {
    "UpdateEvaluationTest": "updates are not offered",
    "PositiveUpdateSyntaxTest11": "updates are not offered",
    "NegativeUpdateSyntaxTest11": "updates are not offered",
    "GraphStoreProtocolTest": "the graph store protocol is not offered",
    "ProtocolTest": "the test describes requests in words; tests of the end point are in tests/integration",
    "ServiceDescriptionTest": "the test describes requests in words; tests of the end point are in tests/integration",
}
_FOLDERS: Final = {
    "entailment": "the suite is for whole regimes; entailment=rl is tested beside owlrl, in tests/unit/semantics",
    "service": "SERVICE is refused",
    "syntax-fed": "SERVICE is refused",
}
Row = dict[str, object]


def outcomes(folder: Path) -> Iterator[Outcome]:
    """Yield the outcome of each test of the suite in ``folder`` (``sparql11/sparql11``)."""
    for manifest in manifests(folder / "manifest-all.ttl"):
        for graph, test in entries(manifest):
            yield _outcome(f"{manifest.parent.name}/{test.value.rpartition('#')[2]}", graph, test, manifest)


def _outcome(name: str, graph: Dataset, test: NamedNode, manifest: Path) -> Outcome:
    kind = value(graph, test, f"{RDF}type").value.removeprefix(MF)
    reason = _NOT_OFFERED.get(kind) or _FOLDERS.get(manifest.parent.name)
    if reason:
        return Outcome(name, Verdict.NOT_APPLICABLE, reason)
    action = value(graph, test, f"{MF}action")
    if kind in ("PositiveSyntaxTest11", "NegativeSyntaxTest11"):
        return _syntax(name, path(action), valid=kind.startswith("Positive"))
    query = path(value(graph, action, f"{QT}query"))
    try:
        return _evaluation(name, query, graph, action, path(value(graph, test, f"{MF}result")))
    except HansaError as error:
        return Outcome(name, Verdict.FAILED, f"refused: {error.detail}")


def _syntax(name: str, query: Path, *, valid: bool) -> Outcome:
    try:
        answer(Store(), query, [], "")
    except HansaError as error:
        # What the engine can read but not evaluate, such as an unknown function, has passed as syntax.
        readable = isinstance(error.__cause__, RuntimeError)
        passed = readable if valid else not readable
        return Outcome(name, Verdict.PASSED) if passed else Outcome(name, Verdict.FAILED, f"refused: {error.detail}")
    return Outcome(name, Verdict.PASSED) if valid else Outcome(name, Verdict.FAILED, "accepted, and must be refused")


def answer(store: Store, query: Path, named: list[str], accept: str) -> bytes:
    """Return the answer to a query, as the end point would give it over these graphs."""
    text = query.read_text(encoding="utf-8")
    form = guard(text)
    return evaluate(
        store,
        f"BASE <{query.as_uri()}>\n{text}",
        default=[DEFAULT],
        names=named,
        media_type=result_type(form, accept or "application/n-triples, application/sparql-results+json"),
    )


def _evaluation(name: str, query: Path, graph: Dataset, action: object, result: Path) -> Outcome:
    store = Store()
    named = []
    for data in objects(graph, action, f"{QT}data"):
        store.extend(Quad(*_triple(quad), NamedNode(DEFAULT)) for quad in statements(path(data)))
    for data in objects(graph, action, f"{QT}graphData"):
        store.extend(Quad(*_triple(quad), data) for quad in statements(path(data)))
        named.append(data.value)
    form = guard(query.read_text(encoding="utf-8"))
    accept = _WRITTEN.get(result.suffix, "application/sparql-results+json")
    body = answer(store, query, named, "application/n-triples" if form.gives_graph else accept)
    ordered = "ORDER BY" in query.read_text(encoding="utf-8").upper()
    if form.gives_graph:
        same = _canonical(parse(body, format=RdfFormat.N_TRIPLES)) == _canonical(statements(result))
    elif result.suffix == ".csv":
        same = _cells(body) == _cells(result.read_bytes())
    else:
        actual = parse_query_results(body, format=QueryResultsFormat.from_media_type(accept))
        same = _same(actual, result, ordered=ordered)
    return Outcome(name, Verdict.PASSED) if same else Outcome(name, Verdict.FAILED, "another result than expected")


def _triple(quad: Quad) -> tuple:
    return quad.subject, quad.predicate, quad.object


def _cells(body: bytes) -> Counter[frozenset[tuple[str, str]]]:
    """Return the rows by the names of their columns: ``SELECT *`` leaves the order of columns open."""
    rows = csv.DictReader(io.StringIO(body.decode(), newline=""))
    return Counter(
        frozenset((name, "_:" if cell.startswith("_:") else cell) for name, cell in row.items()) for row in rows
    )


def _same(actual: object, result: Path, *, ordered: bool) -> bool:
    if result.suffix in (".ttl", ".rdf"):
        graph = statements(result)
        expected = [_of_graph(graph, row) for row in _solutions(graph)]
    else:
        read = parse_query_results(result.read_bytes(), format=_RESULTS[result.suffix])
        if isinstance(read, QueryBoolean) or isinstance(actual, QueryBoolean):
            return read == actual
        expected = [_of_solution(read.variables, row) for row in read]
    rows = [_of_solution(actual.variables, row) for row in actual]
    return _canonical(_statements(rows, ordered)) == _canonical(_statements(expected, ordered))


def _solutions(graph: Dataset) -> list:
    return [quad.object for quad in graph if quad.predicate.value == f"{RS}solution"]


def _of_graph(graph: Dataset, row: object) -> Row:
    bindings = objects(graph, row, f"{RS}binding")
    return {value(graph, node, f"{RS}variable").value: value(graph, node, f"{RS}value") for node in bindings}


def _of_solution(variables: Iterable, row: object) -> Row:
    return {variable.value: row[variable] for variable in variables if row[variable] is not None}


def _statements(rows: list[Row], ordered: bool) -> Iterator[Quad]:
    """Yield the rows as a graph, so that blank nodes are compared by their place and not by their name."""
    for number, row in enumerate(rows):
        node = BlankNode()
        yield Quad(node, NamedNode("urn:row"), Literal(str(number) if ordered else ""))
        for name, term in row.items():
            yield Quad(node, NamedNode(f"urn:column:{name}"), term)


def _canonical(quads: Iterable) -> list[str]:
    graph = Dataset(Quad(quad.subject, quad.predicate, _plain(quad.object)) for quad in quads)
    graph.canonicalize(CanonicalizationAlgorithm.RDFC_1_0)
    return sorted(str(quad) for quad in graph)


def _plain(term: object) -> object:
    """Return a number or truth value in one spelling: ``1.0`` and ``1`` are the same decimal."""
    if isinstance(term, Literal) and term.datatype.value == f"{XSD}boolean":
        return Literal(term.value in ("1", "true"))
    if not isinstance(term, Literal) or term.datatype.value not in _NUMBERS:
        return term
    try:
        return Literal(repr(float(term.value)), datatype=term.datatype)
    except ValueError:
        return term
