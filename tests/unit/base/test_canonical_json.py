"""Canonical JSON, with fractions and without, by the examples of RFC 8785 and as hashes were made before."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.base import jsons
from node.base.jsons import canonical, canonical_text, digest, number


@pytest.mark.parametrize(
    ("bits", "written"),
    [
        # RFC 8785, Appendix B
        ("0000000000000000", "0"), ("8000000000000000", "0"), ("0000000000000001", "5e-324"),
        ("8000000000000001", "-5e-324"), ("7fefffffffffffff", "1.7976931348623157e+308"),
        ("ffefffffffffffff", "-1.7976931348623157e+308"), ("4340000000000000", "9007199254740992"),
        ("c340000000000000", "-9007199254740992"), ("4430000000000000", "295147905179352830000"),
        ("44b52d02c7e14af5", "9.999999999999997e+22"), ("44b52d02c7e14af6", "1e+23"),
        ("44b52d02c7e14af7", "1.0000000000000001e+23"), ("444b1ae4d6e2ef4e", "999999999999999700000"),
        ("444b1ae4d6e2ef4f", "999999999999999900000"), ("444b1ae4d6e2ef50", "1e+21"),
        ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"), ("3eb0c6f7a0b5ed8d", "0.000001"),
        ("41b3de4355555553", "333333333.3333332"), ("41b3de4355555554", "333333333.33333325"),
        ("41b3de4355555555", "333333333.3333333"), ("41b3de4355555556", "333333333.3333334"),
        ("41b3de4355555557", "333333333.33333343"), ("becbf647612f3696", "-0.0000033333333333333333"),
        ("43143ff3c1cb0959", "1424953923781206.2"),
    ],
)  # fmt: skip
def test_numbers(bits: str, written: str) -> None:
    (value,) = struct.unpack(">d", bytes.fromhex(bits))
    assert number(value) == written


def test_the_example_of_the_rfc() -> None:
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"\u002f",
        "literals": [None, True, False],
    }
    assert canonical_text(value, fractions=True) == (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


def test_members_stand_in_the_order_of_utf_16() -> None:
    value = {"\ufb33": 1, "\U0001f600": 2, "ö": 3, "1": 4}
    assert canonical_text(value, fractions=True) == '{"1":4,"ö":3,"\U0001f600":2,"\ufb33":1}'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, b"x", [object()]])
def test_what_is_no_json_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="no"):
        canonical_text(value, fractions=True)


json_values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text(st.characters(exclude_categories=["Cs"]))
    ),
    lambda inner: st.one_of(
        st.lists(inner), st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=3), inner)
    ),
    max_leaves=10,
)


def names(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.text(max_size=3), inner)


@given(json_values)
def test_without_fractions_it_is_the_form_that_we_sign(value: Any) -> None:
    assert canonical(value, fractions=True) == canonical(value)
    assert digest(value, fractions=True) == digest(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_read_as_itself(value: float) -> None:
    assert float(json.loads(canonical_text(value, fractions=True))) == value


def test_whole_numbers_of_any_size_are_hashed_as_they_are() -> None:
    assert canonical([2**53, -(2**53)]) == b"[9007199254740992,-9007199254740992]"
    assert canonical([2**63 - 1], fractions=True) == b"[9223372036854775807]"
    with pytest.raises(ValueError, match="2\\^53"):
        canonical([2**63 - 1])


def test_a_fraction_is_never_signed() -> None:
    assert canonical({"a": 0.5}, fractions=True) == b'{"a":0.5}'
    with pytest.raises(ValueError, match="fraction"):
        canonical({"a": 0.5})


def test_hashes_are_what_they_were_when_two_writers_made_them() -> None:
    signed = {"b": [1, True, None, 2.0, '\u2028\x7f"\\'], "a": {"\U0001f600": -0.0, "\ufb33": (2**53,)}}
    hashed = {"rows": [{"a": 0.1, "b": 1e21, "c": -1e-7, "d": 123456789012345680.0}], "wide": 2**60, "same": signed}
    assert digest(signed) == "e7e8042fa88632a2a0c18e96dea9877ba426949da02fa24b4792b8f47bc2c782"
    assert digest(hashed, fractions=True) == "34814c5f7e63de288df9fd84a5df1ecb1104d8025e3e74924c91cfdb5b9b119b"


@given(st.recursive(json_values | st.floats() | st.integers(), lambda inner: st.lists(inner) | names(inner)))
def test_the_compiled_encoder_writes_the_same_or_nothing(value: Any) -> None:
    try:
        expected = jsons._write(value, False)
    except ValueError:
        expected = None
    assert jsons._written_at_once(value) in (expected, None)
    if expected is not None:
        assert canonical_text(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        {"b": [1, -2, None, True], "a": {"é": "127.0.0.1:80", "n": 999999999999999}, "c": "1.5, 2e3 and [3"},
        {"at": "2026-11-21T12:00:00.123456Z", "id": "urn:uuid:1e3", "": '\x00\x1f\u2028"'},
        [(1, 2), "text"],
    ],
)
def test_what_we_sign_is_written_by_the_compiled_encoder(value: Any) -> None:
    assert jsons._written_at_once(value) == jsons._write(value, False)


@pytest.mark.parametrize(
    "value", [1.0, [1.5], {"a": 1e22}, 2**53, -(10**16), [0, -0.0], {"\U0001f600": 1, "\ufb33": 2}, {"a": {1, 2}}]
)
def test_what_the_compiled_encoder_writes_otherwise_is_left_to_us(value: Any) -> None:
    assert jsons._written_at_once(value) is None
