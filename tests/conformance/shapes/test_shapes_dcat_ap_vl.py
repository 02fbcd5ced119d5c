"""Our Flemish shapes state the cardinalities of the published standard (the shared table read from its Turtle)."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import lru_cache

import pytest
import rdflib

from node.semantics.resources import read
from node.vocab.namespaces import PREFIXES
from tests.artefacts import SHARED, data

SH = rdflib.Namespace("http://www.w3.org/ns/shacl#")
TABLE = "shapes/dcat-ap-vl/dcat-ap-vl-2026-02-24-cardinalities.tsv"


def obligations() -> Iterator[tuple[str, str, str, str]]:
    """Target, path, min, max of every obligation; rows that the table itself marks as defects are none."""
    path = SHARED / "data" / TABLE
    if not path.exists():
        return
    with path.open(encoding="utf-8") as rows:
        for row in csv.DictReader(rows, delimiter="\t"):
            if row["min"] == "1" and "defect" not in row["target"]:
                yield row["target"], row["path"].split(" ")[0], row["min"], row["max"]


@lru_cache(maxsize=1)
def stated() -> dict[tuple[str, str], tuple[str, str]]:
    """(class, path) → (least, most) as our file states them; "n" where there is no upper bound."""
    graph = rdflib.Graph().parse(data=read("shapes", "dcat-ap-vl.ttl"), format="turtle")
    counts_by_path = {}
    for shape, class_ in graph.subject_objects(SH.targetClass):
        for rule in graph.objects(shape, SH.property):
            counts = (str(graph.value(rule, SH.minCount) or "0"), str(graph.value(rule, SH.maxCount) or "n"))
            counts_by_path[(str(class_), str(graph.value(rule, SH.path)))] = counts
    return counts_by_path


def iri(name: str) -> str:
    prefix, _, local = name.partition(":")
    return PREFIXES[prefix] + local


@pytest.mark.parametrize("row", list(obligations()), ids=lambda row: f"{row[0]} {row[1]}")
def test_obligation_is_stated(row: tuple[str, str, str, str]) -> None:
    target, path, least, most = row
    # The profile states the publisher once, for every resource; without inference each class must state it.
    targets = ("dcat:Dataset", "dcat:DataService") if target == "dcat:Resource" else (target,)
    for class_ in targets:
        assert stated()[(iri(class_), iri(path))] == (least, "n" if most in ("n", "-") else most)


def test_nothing_is_demanded_that_the_standard_does_not() -> None:
    data(TABLE)
    demanded = {(iri(target), iri(path)) for target, path, _, _ in obligations()}
    demanded |= {(iri(class_), iri("dct:publisher")) for class_ in ("dcat:Dataset", "dcat:DataService")}
    assert {key for key, (least, _) in stated().items() if least == "1"} <= demanded
