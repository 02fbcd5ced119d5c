"""Rows through a SPARQL CONSTRUCT, in the cage, as a step of a chain does it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.base.errors import HansaError, InvalidInput
from node.cage.cage import Cage
from node.scenarios.chain.wiring import run_transformation
from node.scenarios.model import Transformation
from node.scenarios.tables.rows import canonical_json
from node.scenarios.transformations.transformer import Transformer
from node.semantics.constructions import construct

COPY = "CONSTRUCT { ?row to:a ?a ; to:b ?b } WHERE { ?row from:a ?a OPTIONAL { ?row from:b ?b } }"
ENDS = {"source": "http://a.example/s#", "target": "http://a.example/t#"}


@pytest.fixture(scope="module")
def cage() -> Iterator[Cage]:
    with Cage(width=1) as opened:
        yield opened


def card(definition: Any, language: str = "SPARQL CONSTRUCT") -> Transformation:
    return Transformation(
        iri="http://a.example/x",
        version=1,
        titles={},
        language=language,
        definition=definition,
        sources=("http://a.example/s",),
        targets=("http://a.example/t",),
    )


def test_a_step_of_a_chain_is_carried_out_in_the_cage(cage: Cage) -> None:
    rows = [{"a": 1, "b": "x"}, {"a": 2.5, "b": None}]
    outcome = run_transformation(card(COPY), {"in": "source"}, {"in": rows}, Transformer(cage))
    assert outcome.outputs == {"in": [{"a": 1, "b": "x"}, {"a": 2.5}]}


def test_a_language_that_the_node_does_not_know_is_refused(cage: Cage) -> None:
    with pytest.raises(HansaError, match="cannot carry out transformations in XSLT"):
        Transformer(cage).check(card("<x/>", "XSLT"))


values = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8)
values |= st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300)


@given(st.lists(st.fixed_dictionaries({"a": st.integers(-1000, 1000), "b": values}), max_size=8))
def test_values_come_out_as_they_went_in(rows: list[dict[str, Any]]) -> None:
    result = construct(COPY, rows, **ENDS)
    expected = [{name: value for name, value in row.items() if value is not None} for row in rows]
    assert canonical_json(result) == canonical_json(expected)
    assert construct(COPY, list(reversed(rows)), **ENDS) == result


def test_names_of_columns_may_have_any_letters() -> None:
    query = "CONSTRUCT { ?row <http://a.example/t#Größe%20%28m%29> ?a } WHERE { ?row from:Größe%20%28m%29 ?a }"
    assert construct(query, [{"Größe (m)": 1}], **ENDS) == [{"Größe (m)": 1}]


def test_sums_are_exact() -> None:
    query = "CONSTRUCT { [] to:a ?sum } WHERE { SELECT (SUM(?a) AS ?sum) WHERE { ?row from:a ?a } }"
    assert construct(query, [{"a": 0.1}, {"a": 0.2}], **ENDS) == [{"a": 0.3}]


@pytest.mark.parametrize(
    "query",
    [
        "CONSTRUCT { [] to:a [] } WHERE { ?row from:a ?a }",
        "CONSTRUCT { [] to:a ?b } WHERE { ?row from:a ?a BIND(xsd:double('NaN') AS ?b) }",
        "CONSTRUCT { [] to:a ?b } FROM <file:///etc/passwd> WHERE { ?row from:a ?a BIND(<x:f>(?a) AS ?b) } LIMIT x",
        "CONSTRUCT { [] from:a ?a } WHERE { ?row from:a ?a }",
    ],
)
def test_results_that_are_no_rows_are_refused(query: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        construct(query, [{"a": 1}], **ENDS)
    assert caught.value.remedy
