"""RML's cases as morph-kgc ships them (RML core over CSV, JSON and XML; R2RML's are for databases), and pairs of
YARRRML and RML as the parser of its authors ships them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from pyoxigraph import CanonicalizationAlgorithm, Dataset, Literal, NamedNode, RdfFormat, parse

from node.base.errors import HansaError
from node.scenarios.tables.rows import read_rows
from node.semantics.rml.engine import statements
from node.semantics.rml.model import Join, Mapping, TermMap
from node.semantics.rml.records import Input
from node.semantics.rml.turtle import read_turtle
from node.semantics.rml.yarrrml import read_yarrrml
from node.vocab.namespaces import RDF
from tests.suites.manifests import Outcome, Verdict
from tests.suites.packages import npm_package, source_distribution

MORPH: Final = ("morph-kgc", "2.10.0")
PARSER: Final = ("@rmlio/yarrrml-parser", "1.12.2")
_TYPES: Final = {".csv": "text/csv", ".tsv": "text/tab-separated-values"}
_OTHERS: Final = (".xlsx", ".ods", ".feather", ".dta", ".parquet")
_NOT_HERE: Final = ("not carried out here", "query", "functions are", "reads its input, and nothing else")


def outcomes() -> Iterator[Outcome]:
    """Yield the outcome of each case. Raises ``Absent``."""
    folder = source_distribution(*MORPH) / "test" / "rml-core"
    for case in sorted(path.parent for path in folder.glob("*/*/mapping.ttl")):
        name = str(case.relative_to(folder))
        if any(file.suffix in _OTHERS for file in case.iterdir()):
            yield Outcome(name, Verdict.NOT_APPLICABLE, "a format of files that mappings do not read from bytes")
            continue
        yield _outcome(name, case)


def _outcome(name: str, case: Path) -> Outcome:
    # The cases name their files from the folder of their project: here, by the name of each file.
    text = re.sub(r'"test/[^"]*/([^"/]+)"', r'"\1"', (case / "mapping.ttl").read_text("utf-8"))
    inputs = {path.name: _input(path) for path in case.iterdir() if path.suffix in (*_TYPES, ".json", ".xml")}
    scripts = "".join(path.read_text("utf-8") for path in case.glob("test*.py"))
    try:
        lines = statements(read_turtle(text), inputs)
    except HansaError as error:
        refused = "assert False" in scripts
        return Outcome(name, Verdict.PASSED) if refused else Outcome(name, Verdict.FAILED, error.detail)
    if "assert False" in scripts:
        return Outcome(name, Verdict.FAILED, "it is not refused")
    expected = _canonical(next(case.glob("output.n*")).read_bytes())
    if _canonical("".join(lines).encode()) == expected:
        return Outcome(name, Verdict.PASSED)
    return Outcome(name, Verdict.FAILED, "other statements")


def _input(path: Path) -> Input:
    body = path.read_bytes()
    if path.suffix == ".xml":
        return Input(xml=body)
    if path.suffix == ".json":
        return Input(document=lambda: json.loads(body))
    return Input(rows=lambda: read_rows(body, _TYPES[path.suffix]))


def _canonical(nquads: bytes) -> set[str]:
    dataset = Dataset(parse(nquads, format=RdfFormat.N_QUADS))
    dataset.canonicalize(CanonicalizationAlgorithm.UNSTABLE)
    return {str(quad) for quad in dataset}


def pairs() -> Iterator[Outcome]:
    """Yield for each pair of YARRRML and RML whether both mean the same mapping. Raises ``Absent``."""
    folder = npm_package(*PARSER) / "test"
    for short in sorted([*folder.rglob("*.yarrrml"), *folder.rglob("*.yml")]):
        long = short.with_suffix(".rml.ttl")
        long = long if long.exists() else short.parent / "mapping.rml.ttl"
        if long.exists():
            yield _pair(str(short.relative_to(folder)), short, long)


def _pair(name: str, short: Path, long: Path) -> Outcome:
    try:
        mapping = read_yarrrml(short.read_text("utf-8"))
        other = read_turtle(long.read_text("utf-8"))
    except HansaError as error:
        refused = any(words in error.detail for words in _NOT_HERE) or "fn_" in error.detail
        verdict = Verdict.NOT_APPLICABLE if refused else Verdict.FAILED
        return Outcome(name, verdict, "functions, targets and databases" if refused else error.detail)
    same = _meaning(mapping) == _meaning(other)
    return Outcome(name, Verdict.PASSED) if same else Outcome(name, Verdict.FAILED, "another mapping")


def _meaning(mapping: Mapping) -> list[str]:
    """Return what the triples maps do, in an order of its own, whatever they are called."""

    def parts(name: str) -> Iterator[str]:
        triples_map = mapping.maps[name]
        kind = TermMap(expression=NamedNode(f"{RDF}type"), term_type="iri")
        for part in triples_map.predicate_objects:
            yield from (
                repr((predicate, _plain(value, mapping), sorted(map(repr, part.graphs))))
                for predicate in part.predicates
                for value in part.objects
            )
        for one in triples_map.classes:
            yield repr((kind, repr(TermMap(expression=one, term_type="iri")), []))

    return sorted(
        repr((one.source, one.subject, sorted(map(repr, one.graphs)), sorted(parts(one.name))))
        for one in mapping.maps.values()
    )


def _plain(value: TermMap | Join, mapping: Mapping) -> str:
    if isinstance(value, Join):
        parent = mapping.maps.get(value.parent)
        return repr(("join", parent and (parent.source, parent.subject), value.conditions))
    if isinstance(value.datatype, NamedNode):
        value = replace(value, datatype=Literal(value.datatype.value))
    return repr(value)
