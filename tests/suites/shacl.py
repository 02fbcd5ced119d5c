"""The W3C's SHACL suite against the shapes engine as ``node.semantics.validation.shapes`` uses it.

A test passes if the engine reports the same results: focus node, path, value, source shape, component and severity of
each. Paths that are more than a property are not compared, because a report of Hansa names only properties; nor are
source shapes without an IRI.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pyoxigraph import BlankNode, Dataset, NamedNode, RdfFormat, serialize

from node.base.errors import HansaError
from node.semantics.validation.shapes import Shapes
from node.vocab.namespaces import SH, local_name
from tests.suites.manifests import MF, Outcome, Verdict, entries, manifests, objects, path, statements, value

SHT: Final = "http://www.w3.org/ns/shacl-test#"
Row = tuple[str, ...]


def outcomes(folder: Path, part: str = "core") -> Iterator[Outcome]:
    """Yield the outcome of each test of one part of the suite in ``folder`` (``shacl-2017/tests``)."""
    for manifest in manifests(folder / part / "manifest.ttl"):
        for graph, test in entries(manifest):
            name = f"{manifest.parent.name}/{test.value.rpartition('/')[2].removesuffix('.ttl')}"
            yield _outcome(name, graph, test, manifest)


def _outcome(name: str, graph: Dataset, test: NamedNode, manifest: Path) -> Outcome:
    action, result = value(graph, test, f"{MF}action"), value(graph, test, f"{MF}result")
    data, shapes = (
        graph if path(place) == manifest else statements(path(place))
        for place in (value(graph, action, f"{SHT}dataGraph"), value(graph, action, f"{SHT}shapesGraph"))
    )
    failure = result == NamedNode(f"{SHT}Failure")
    try:
        compiled = Shapes([serialize([quad.triple for quad in shapes], format=RdfFormat.TURTLE)])
        breaches = compiled.breaches(serialize([quad.triple for quad in data], format=RdfFormat.N_TRIPLES))
    except (HansaError, ValueError) as error:
        if failure:
            return Outcome(name, Verdict.PASSED)
        return Outcome(name, Verdict.FAILED, f"refused: {error}")
    if failure:
        return Outcome(name, Verdict.FAILED, "these shapes must be refused, and are not")
    expected = Counter(_row(graph, node) for node in objects(graph, result, f"{SH}result"))
    actual = Counter(
        (breach.focus, breach.path, breach.value, _named(breach.shape), breach.component, breach.severity)
        for breach in breaches
    )
    if actual == expected:
        return Outcome(name, Verdict.PASSED)
    missing, further = expected - actual, actual - expected
    return Outcome(
        name, Verdict.FAILED, f"missing: {sorted(missing.elements())}; not expected: {sorted(further.elements())}"
    )


def _row(graph: Dataset, result: object) -> Row:
    def of(name: str) -> str:
        return _text(value(graph, result, f"{SH}{name}"))

    way = value(graph, result, f"{SH}resultPath")
    return (
        of("focusNode"),
        way.value if isinstance(way, NamedNode) else "",
        of("value"),
        _named(of("sourceShape")),
        of("sourceConstraintComponent"),
        local_name(of("resultSeverity")).casefold(),
    )


def _named(name: str) -> str:
    return "" if name.startswith("_:") else name


def _text(term: object) -> str:
    return "" if term is None else f"_:{term.value}" if isinstance(term, BlankNode) else str(term.value)
