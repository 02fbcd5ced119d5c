"""The strict reader refuses what JSON parsers disagree about; the canonical writer is RFC 8785."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.base.errors import InvalidInput
from node.base.jsons import canonical, compile_encoder, decode, digest, read_json, read_object

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1e400}',
        b'{"a": 1, "a": 2}',
        b'{"a": "\\ud800"}',
        b"[" * 100_000,
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b"1" * 5000,
    ],
    ids=[
        "empty",
        "cut",
        "not-utf8",
        "nan",
        "infinity",
        "overflow",
        "duplicate",
        "surrogate",
        "deep",
        "deeper-than-32",
        "huge-integer",
    ],
)
def test_strict_reader_refuses(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_json(body)


def test_brackets_in_strings_are_not_depth() -> None:
    text = json.dumps({"a": "[" * 500 + '\\"{'})
    assert read_json(text) == {"a": "[" * 500 + '\\"{'}


def test_an_object_is_asked_for() -> None:
    with pytest.raises(InvalidInput):
        read_object(b"[1]")


def test_members_are_sorted_by_utf16_code_units() -> None:
    # RFC 8785 §3.2.3: U+FB33 sorts after the surrogate pair of U+1F600, unlike by code point.
    assert canonical({"\ufb33": 1, "\U0001f600": 2}).decode() == '{"\U0001f600":2,"\ufb33":1}'


def test_fractions_and_great_integers_have_no_canonical_form() -> None:
    for value in (0.5, 2**53 + 1, object()):
        with pytest.raises(ValueError, match=r"canonical|JSON|place"):
            canonical({"a": value})


@given(VALUES)
def test_canonical_form_reads_back_and_is_stable(value: object) -> None:
    written = canonical(value)
    assert read_json(written) == value
    assert canonical(read_json(written)) == written
    assert len(digest(value)) == 64


@given(
    st.recursive(st.floats(allow_nan=False, allow_infinity=False) | VALUES, st.lists), st.booleans(), st.booleans()
)
def test_a_compiled_encoder_writes_what_the_encoder_writes(
    value: object, ensure_ascii: bool, sort_keys: bool
) -> None:
    encoder = json.JSONEncoder(ensure_ascii=ensure_ascii, sort_keys=sort_keys, allow_nan=False, separators=(",", ":"))
    assert compile_encoder(encoder)(value) == encoder.encode(value)


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], {"a": object()}, {("a",): 1}])
def test_a_compiled_encoder_refuses_what_the_encoder_refuses(value: object) -> None:
    encoder = json.JSONEncoder(allow_nan=False, separators=(",", ":"))
    with pytest.raises((TypeError, ValueError)) as expected:
        encoder.encode(value)
    with pytest.raises(expected.type):
        compile_encoder(encoder)(value)


@given(st.recursive(st.floats(allow_nan=False) | VALUES, st.lists))
def test_our_own_json_is_read_as_the_standard_library_reads_it(value: object) -> None:
    for indent in (None, 1):
        assert decode(json.dumps(value, indent=indent)) == value
        assert decode(f" {json.dumps(value, indent=indent)}\n") == value


@pytest.mark.parametrize("text", ["", "{", "{} {}", "[1,", "tru", "nothing"])
def test_what_is_not_one_value_is_not_read_as_our_own(text: str) -> None:
    with pytest.raises(ValueError, match=r"line 1"):
        decode(text)
