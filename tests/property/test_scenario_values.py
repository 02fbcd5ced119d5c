"""The values of scenarios come out of JSON as they went in, whatever is in them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.base.errors import LocalFault
from node.scenarios import model, run_model
from node.scenarios.serialization import from_json, to_json

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda within: st.lists(within, max_size=3) | st.dictionaries(WORDS, within, max_size=3),
    max_leaves=6,
)
SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    str: WORDS,
    int: st.integers(-(2**53), 2**53),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    Any: JSON,
    datetime: st.datetimes(timezones=st.just(UTC)),
    timedelta: st.integers(0, 10**9).map(lambda seconds: timedelta(seconds=seconds)),
}


@cache
def of(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a declared type."""
    if kind in SIMPLE:
        return SIMPLE[kind]
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return st.one_of([st.none() if one is NoneType else of(one) for one in arguments])
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(of(arguments[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*map(of, arguments))
    if origin is not None and issubclass(origin, Mapping):
        return st.dictionaries(WORDS, of(arguments[1]), max_size=2)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    assert is_dataclass(kind), f"no values of {kind} are known here"
    hints, made = get_type_hints(kind), kind if isinstance(kind, type) else type(kind)
    return st.builds(made, **{field.name: of(hints[field.name]) for field in fields(kind)})


KINDS = (run_model.Job, run_model.Run, model.Layer, model.Template, model.Binding, model.Model, model.Transformation)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_there_and_back(kind: Any, data: st.DataObject) -> None:
    value = data.draw(of(kind))
    text = json.dumps(to_json(value), allow_nan=False)
    assert from_json(kind, json.loads(text)) == value


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=3, deadline=None)
@given(data=st.data())
def test_a_member_that_is_missing_takes_its_default_or_is_named(kind: Any, data: st.DataObject) -> None:
    whole = to_json(data.draw(of(kind)))
    for field in fields(kind):
        body = {name: member for name, member in whole.items() if name != field.name}
        if field.default is MISSING and field.default_factory is MISSING:
            with pytest.raises(LocalFault, match=field.name):
                from_json(kind, body)
        else:
            from_json(kind, body)


def test_what_a_newer_one_wrote_is_passed_over() -> None:
    indicator = model.Indicator(name="hours", titles={"en": "Hours"})
    assert from_json(model.Indicator, {**to_json(indicator), "colour": "green"}) == indicator
