"""Ontologies and schemas: comparing, inferring, classifying, checking rows, each beside a library."""

from __future__ import annotations

import csv
import importlib
import importlib.util
import io
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import jsonschema
import pyoxigraph
import rdflib
from rdflib.compare import graph_diff, to_isomorphic

from node.adapters.reasoner.hermit import HermitReasoner
from node.cage.cage import Cage
from node.semantics.entailment import entail
from node.semantics.ontologies import changes
from node.semantics.ontologies.consistency import Verdict
from node.semantics.ontologies.terms import inspect
from node.semantics.schemas.file_check import FileCheck
from node.vocab.namespaces import OWL, RDF, RDFS
from tests.bench.report import Figure

SCHEMA: Final = {
    "type": "object",
    "required": ["segment", "intensity"],
    "properties": {
        "segment": {"type": "string", "maxLength": 12},
        "intensity": {"type": "integer", "minimum": 0},
        "speed": {"type": "number", "maximum": 130},
    },
}
_IRI: Final = "https://data.example/o"
_SLOWER: Final = 50
"""One row in so many goes through the baseline: it would take minutes."""


def measure(rows: int = 1_000_000, classes: int = 1_000, members: int = 2_000) -> list[Figure]:
    """``meaning_…``: seconds, and rows a second. Baselines: rdflib, owlrl, owlready2 alone, jsonschema, and
    frictionless where it is installed."""
    figures = [_difference(classes), _closure(classes // 5, members)]
    if shutil.which("java") is not None:
        figures.append(_classification(classes))
    figures.append(_checking(rows))
    if importlib.util.find_spec("frictionless") is None:
        print("not beside frictionless, which is not installed: .venv/bin/pip install frictionless")
        return figures
    return [*figures, _checking_beside_frictionless(rows)]


def _ontology(classes: int, without: int = 0, members: int = 0) -> bytes:
    """A hierarchy of classes with labels; every ``without``-th has another label; ``members`` are spread."""
    chance = random.Random(7)
    lines = [f"<{_IRI}> <{RDF}type> <{OWL}Ontology> ."]
    for number in range(classes):
        name = f"<{_IRI}#C{number}>"
        label = f"other {number}" if without and number % without == 1 else f"class {number}"
        lines += [f"{name} <{RDF}type> <{OWL}Class> .", f'{name} <{RDFS}label> "{label}"@en .']
        if number:
            lines.append(f"{name} <{RDFS}subClassOf> <{_IRI}#C{chance.randrange(number)}> .")
    lines += [f"<{_IRI}#m{number}> <{RDF}type> <{_IRI}#C{chance.randrange(classes)}> ." for number in range(members)]
    return ("\n".join(lines) + "\n").encode()


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _difference(classes: int) -> Figure:
    before, after = _ontology(classes), _ontology(classes, without=50)
    differences = changes.compare(inspect(before, _IRI), inspect(after, _IRI))
    assert len(differences) >= classes // 50

    def baseline() -> None:
        graphs = [to_isomorphic(rdflib.Graph().parse(data=text, format="nt")) for text in (before, after)]
        _, removals, _ = graph_diff(*graphs)
        assert len(removals) == classes // 50

    value = _seconds(lambda: changes.compare(inspect(before, _IRI), inspect(after, _IRI)))
    return _figure("meaning_difference_s", value, classes, "rdflib graph_diff", _seconds(baseline))


def _closure(classes: int, members: int) -> Figure:
    text = _ontology(classes, members=members)
    statements = {quad.triple for quad in pyoxigraph.parse(text, format=pyoxigraph.RdfFormat.N_TRIPLES)}
    owlrl: Any = importlib.import_module("owlrl")
    graph = rdflib.Graph().parse(data=text, format="nt")
    baseline = _seconds(lambda: owlrl.DeductiveClosure(owlrl.OWLRL_Semantics).expand(graph))
    value = _seconds(lambda: entail(statements))
    ours = {triple for triple in entail(statements) if triple.predicate.value == f"{RDF}type"}
    for triple in ours:
        assert (rdflib.URIRef(triple.subject.value), rdflib.RDF.type, rdflib.URIRef(triple.object.value)) in graph
    return _figure("meaning_closure_s", value, len(statements), "owlrl OWL 2 RL", baseline)


def _classification(classes: int) -> Figure:
    text = _ontology(classes)
    reasoner = HermitReasoner()
    verdicts: list[Verdict] = []
    value = _seconds(lambda: verdicts.append(reasoner(text, _IRI).verdict))
    assert verdicts == [Verdict.CONSISTENT]
    owlready2: Any = importlib.import_module("owlready2")

    def baseline() -> None:
        world = owlready2.World()
        ontology = world.get_ontology(_IRI).load(fileobj=io.BytesIO(text))
        with ontology:
            owlready2.sync_reasoner_hermit(world, debug=0)

    return _figure("meaning_classification_s", value, classes, "owlready2 alone, not confined", _seconds(baseline))


def _checking(rows: int) -> Figure:
    with tempfile.TemporaryDirectory(prefix="hansa-bench-") as scratch, Cage(width=1) as cage:
        path = _table(Path(scratch), rows)
        reports: list[Any] = []
        value = rows / _seconds(lambda: reports.append(FileCheck(cage)(path, SCHEMA)))
        assert (reports[0].rows, reports[0].count) == (rows, 0)
        sample = max(1, rows // _SLOWER)
        validator = jsonschema.Draft202012Validator(SCHEMA)

        def baseline() -> None:
            with path.open(encoding="utf-8", newline="") as file:
                assert all(validator.is_valid(row) for row in _rows(file, sample))

        return _figure(
            "meaning_rows_checked_per_s", value, rows, "jsonschema, row by row", sample / _seconds(baseline),
            unit="rows/s", lower_is_better=False,
        )  # fmt: skip


def _checking_beside_frictionless(rows: int) -> Figure:
    """Both check every row of one file. Table Schema cannot say all of JSON Schema: here the same rules are said."""
    frictionless: Any = importlib.import_module("frictionless")
    fields = [
        {"name": "segment", "type": "string", "constraints": {"required": True, "maxLength": 12}},
        {"name": "intensity", "type": "integer", "constraints": {"required": True, "minimum": 0}},
        {"name": "speed", "type": "number", "constraints": {"maximum": 130}},
    ]
    with tempfile.TemporaryDirectory(prefix="hansa-bench-") as scratch, Cage(width=1) as cage:
        path = _table(Path(scratch), rows)
        value = rows / _seconds(lambda: FileCheck(cage)(path, SCHEMA))

        def baseline() -> None:
            schema = frictionless.Schema.from_descriptor({"fields": fields})
            resource = frictionless.Resource(path=path.name, basepath=scratch, schema=schema)
            assert frictionless.validate(resource).valid

        return _figure(
            "meaning_rows_checked_beside_frictionless_per_s", value, rows, "frictionless", rows / _seconds(baseline),
            unit="rows/s", lower_is_better=False,
        )  # fmt: skip


def _table(folder: Path, rows: int) -> Path:
    """Write a table whose rows conform to ``SCHEMA``."""
    path = folder / "rows.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("segment", "intensity", "speed"))
        writer.writerows((f"s{number % 999}", number % 77, number % 120 + 0.5) for number in range(rows))
    return path


def _rows(file: Any, count: int) -> Iterator[dict[str, Any]]:
    for _, row in zip(range(count), csv.DictReader(file), strict=False):
        yield {"segment": row["segment"], "intensity": int(row["intensity"]), "speed": float(row["speed"])}


def _figure(
    metric: str, value: float, n: int, name: str, baseline: float, *, unit: str = "s", lower_is_better: bool = True
) -> Figure:
    return Figure(
        metric=metric, value=value, unit=unit, n=n, baseline_name=name, baseline_value=baseline,
        lower_is_better=lower_is_better,
    )  # fmt: skip
