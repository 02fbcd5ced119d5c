"""Execute requests: forms that are read, what is refused, and the one form in which a request is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.base.errors import InvalidInput, TooLarge
from node.scenarios.model import Model, Parameter, Port, Variable
from node.scenarios.models.requests import MOST_BYTES, read_input, read_request, write_request
from node.scenarios.ports import Reference

ROWS = [{"id": "a", "length": 5}, {"id": "b", "length": None}]
MODEL = Model(
    iri="https://ghent.example/models/walking",
    version=1,
    origin="did:web:ghent.example",
    titles={"en": "Walking"},
    inputs=(
        Port(role="streets", variables=(Variable(name="length", unit="m"),)),
        Port(role="stairs", required=False),
    ),
    outputs=(Port(role="times"), Port(role="costs")),
    parameters=(Parameter(name="speed", unit="km/h", default=5, minimum=2, maximum=7), Parameter(name="mode")),
)


def body(inputs: Any = None, **members: Any) -> bytes:
    return json.dumps({"inputs": {"streets": ROWS} if inputs is None else inputs, **members}).encode()


FEATURES = {
    "type": "FeatureCollection",
    "features": [
        {"type": "Feature", "id": "a", "geometry": {"type": "Point", "coordinates": [3.7, 51]}, "properties": ROWS[0]}
    ],
}


class TestForms:
    @pytest.mark.parametrize("value", [ROWS, {"value": ROWS}, {"value": ROWS, "mediaType": "application/json"}])
    def test_rows(self, value: Any) -> None:
        assert read_request(MODEL, body({"streets": value})).inputs == {"streets": ROWS}

    @pytest.mark.parametrize("value", [FEATURES, {"value": FEATURES}])
    def test_features(self, value: Any) -> None:
        (row,) = read_input("streets", value)  # type: ignore[misc]
        assert row["length"] == 5
        assert row["geometry"] == {"type": "Point", "coordinates": [3.7, 51]}

    def test_a_reference(self) -> None:
        value = {"href": "https://ghent.example/datasets/roads#v12", "file": "a.csv"}
        assert read_input("streets", value) == Reference(
            iri="https://ghent.example/datasets/roads", version=12, file="a.csv"
        )
        assert read_input("streets", {"href": "https://ghent.example/d#v1"}) == Reference(
            iri="https://ghent.example/d", version=1, file=""
        )

    @pytest.mark.parametrize(
        "value",
        [
            {"href": "https://ghent.example/d"},
            {"href": "https://ghent.example/d#v0"},
            {"href": "file:///etc/passwd#v1"},
            {"href": "https://ghent.example/d#v1", "file": ["a"]},
            {"href": 7},
            "rows",
            [1, 2],
            {"value": "x"},
            None,
        ],
    )
    def test_what_is_neither(self, value: Any) -> None:
        with pytest.raises(InvalidInput, match="input streets"):
            read_input("streets", value)

    def test_parameters_with_and_without_a_value_object(self) -> None:
        read = read_request(MODEL, body({"streets": ROWS, "speed": {"value": 3}, "mode": {"by": "foot"}}))
        assert read.parameters == {"speed": 3, "mode": {"by": "foot"}}

    def test_outputs(self) -> None:
        assert read_request(MODEL, body()).outputs is None
        assert read_request(MODEL, body(outputs={})).outputs is None
        assert read_request(MODEL, body(outputs={"costs": {}, "times": {}})).outputs == ("times", "costs")


class TestRefusals:
    @pytest.mark.parametrize(
        ("request_", "detail", "remedy"),
        [
            (body({}), "input streets is missing", "inputs: streets, stairs"),
            (body({"streets": ROWS, "x": 1, "a": 2}), "the process has no input a, x", "parameters: mode, speed"),
            (body({"streets": [{"id": "a"}]}), "the rows of streets have no length", "they have: id"),
            (body({"streets": ROWS, "speed": 9}), "speed is 9 km/h", "at most 7"),
            (body(outputs={"noise": {}}), "the process has no output noise", "outputs: times, costs"),
            (body(outputs=["times"]), "outputs is not an object", "outputs"),
            (body(outputs={"times": {"transmissionMode": "reference"}}), "only by value", "remove transmissionMode"),
            (body(response="xml"), "neither raw nor document", "document"),
            (body(subscriber={"successUri": "http://127.0.0.1/"}), "sends no callbacks", "status"),
            (body(job="1"), "has no member job", "inputs"),
            (b"[]", "one JSON object", "object"),
        ],
    )
    def test_names_what_is_wrong_and_what_there_is(self, request_: bytes, detail: str, remedy: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            read_request(MODEL, request_)
        assert detail in refused.value.detail
        assert remedy in refused.value.remedy

    def test_more_than_it_takes(self) -> None:
        with pytest.raises(TooLarge, match="64 MB"):
            read_request(MODEL, b" " * (MOST_BYTES + 1))
        with pytest.raises(TooLarge, match="values"):
            read_request(MODEL, b'{"inputs":{"streets":[' + b"{}," * 2_500_000 + b"{}]}}")


NUMBERS = st.none() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
INPUTS = st.lists(st.fixed_dictionaries({"length": NUMBERS}, optional={"é": st.text(max_size=3)}), max_size=4)


@given(INPUTS, st.floats(2, 7), st.sampled_from(["raw", "document"]), st.sampled_from([None, {"times": {}}]))
def test_what_is_kept_is_what_was_asked_and_always_the_same(
    rows: list[dict[str, Any]], speed: float, response: str, outputs: Any
) -> None:
    asked = {"streets": rows, "speed": speed, "stairs": {"href": "https://x.example/d#v1"}}
    first = read_request(MODEL, body(asked, response=response, outputs=outputs))
    turned = read_request(MODEL, body(dict(reversed(asked.items())), outputs=outputs, response=response))
    assert write_request(first) == write_request(turned)
    assert read_request(MODEL, write_request(first)) == first
