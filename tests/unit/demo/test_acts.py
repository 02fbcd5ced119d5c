"""The parts of the demonstration that need no node: what it prints, and the files that its cities change."""

from __future__ import annotations

import csv
import io
import threading

import pytest
from pyoxigraph import Dataset, RdfFormat, parse, serialize

from demo import data
from demo.nodes import FILES
from demo.output import Failed, StepOutput
from demo.vocabulary import careful, careless
from node.semantics.ontologies.changes import compare
from node.semantics.ontologies.terms import Vocabulary, inspect

GENT = "https://data.gent.example"


def vocabulary(text: str) -> Vocabulary:
    statements = Dataset(parse(text.replace("{gent}", GENT), format=RdfFormat.TURTLE))
    nquads = serialize(statements, format=RdfFormat.N_QUADS)
    assert nquads is not None
    return inspect(nquads, f"{GENT}/ontologies/mobility")


def test_acts_side_by_side_are_printed_one_after_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    output = StepOutput()
    second_ended = threading.Event()

    def first(part: StepOutput) -> str:
        assert second_ended.wait(20)
        part.check(True, "first")
        return "a"

    def second(part: StepOutput) -> str:
        part.show_command("gent", "hansa second")
        part.check(True, "second")
        second_ended.set()
        return "b"

    assert output.side_by_side(first, second) == ["a", "b"]
    assert output.checks == 2
    printed = capsys.readouterr().out
    assert printed.index("first") < printed.index("hansa second") < printed.index("✓ second")


def test_an_act_that_fails_beside_another_fails_the_demonstration(capsys: pytest.CaptureFixture[str]) -> None:
    output = StepOutput()
    with pytest.raises(Failed, match="broken"):
        output.side_by_side(lambda part: part.check(False, "broken"), lambda part: part.check(True, "whole"))
    assert "✗ broken" in capsys.readouterr().out


def test_the_careless_version_of_the_vocabulary_breaks_and_the_careful_one_does_not() -> None:
    first = (FILES / "gent" / "mobility-ontology.ttl").read_text("utf-8")
    breaking = {change.what: change.breaking for change in compare(vocabulary(first), vocabulary(careless(first)))}
    assert breaking == {"removed": True, "renamed": True}
    harmless = {change.what: change.breaking for change in compare(vocabulary(first), vocabulary(careful(first)))}
    assert harmless == {"deprecated": False, "added": False}


def test_the_trips_of_the_peak_are_between_nodes_of_the_network() -> None:
    segments = data.network(1, "plzen", data.PLZEN)
    text = data.peak_table(1, segments)
    assert text == data.peak_table(1, segments)
    nodes = {segment.start for segment in segments}
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["zdroj"] for row in rows} | {row["cil_uzel"] for row in rows} <= nodes
    assert not {row["cil_obvod"] for row in rows} & nodes
