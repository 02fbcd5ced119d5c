"""Units: whatever is written is read or refused in words, and comparing has no direction that is better."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from node.base.errors import InvalidInput
from node.scenarios.tables.unitcodes import ATOMS, BASES, LEVELS, OFFSETS, PREFIXES
from node.scenarios.tables.units import Relation, compare, convert, parse

symbols = st.sampled_from([*(one[0] for one in ATOMS), *BASES])
metric = st.sampled_from([*(one[0] for one in ATOMS if one[1]), *BASES])
simple = st.one_of(
    symbols,
    st.builds(lambda prefix, unit: prefix + unit, st.sampled_from(list(PREFIXES)), metric),
    st.integers(1, 999).map(str),
    st.sampled_from(["{veh}", "{PCU}", "km{road}"]),
)
powers = st.builds(
    lambda unit, power: f"{unit}{power}", symbols.filter(lambda one: one[-1] not in "*^"), st.integers(-3, 3)
)
terms = st.recursive(
    st.one_of(simple, powers),
    lambda inner: st.builds(lambda a, sign, b: f"({a}{sign}{b})", inner, st.sampled_from("./"), inner),
    max_leaves=5,
)
special = st.sampled_from([*OFFSETS, *LEVELS, *(f"d{one}" for one in LEVELS)])
letters = st.text(st.sampled_from("kmhsgdBCel[]{}()./*10-+ /%'µuEURvA€"), max_size=12)


def valid(code: str) -> bool:
    try:
        parse(code)
    except InvalidInput:
        return False
    return True


@given(st.one_of(st.text(max_size=20), letters))
def test_any_text_is_a_unit_or_refused_in_words(code: str) -> None:
    if valid(code):
        assert parse(code).factor > 0
        return
    with pytest.raises(InvalidInput) as refused:
        parse(code)
    assert refused.value.remedy
    if guess := refused.value.facts.get("meant"):
        parse(guess)


@given(terms, terms)
def test_products_do_not_depend_on_their_order(a: str, b: str) -> None:
    # A product may be out of range although its quotient is not: the range is that of the whole code.
    assume(valid(a) and valid(b) and valid(f"{a}.{b}") and valid(f"({a}.{b})/{b}"))
    assert compare(f"{a}.{b}", f"{b}.{a}").relation is Relation.SAME
    assert not compare(f"{a}.{b}", f"{b}.{a}").words_differ
    assert parse(f"({a}.{b})/{b}").dimension == parse(a).dimension
    assert parse(f"({a}.{b})/{b}").factor == parse(a).factor


@given(st.one_of(terms, special), st.one_of(terms, special), st.floats(-1e6, 1e6))
def test_comparing_back_undoes_comparing(a: str, b: str, value: float) -> None:
    assume(valid(a) and valid(b))
    there, back = compare(a, b), compare(b, a)
    assert (there.relation, there.words_differ, there.words_missing) == (
        back.relation, back.words_differ, back.words_missing,
    )  # fmt: skip
    assert compare(a, a).relation is Relation.SAME
    if there.relation is Relation.INCOMPATIBLE:
        return
    assert there.factor * back.factor == 1
    with suppress(InvalidInput):
        again = convert(convert(value, a, b), b, a)
        assert abs(again - value) <= 1e-9 * max(1.0, abs(value), abs(float(there.offset / there.factor)))
