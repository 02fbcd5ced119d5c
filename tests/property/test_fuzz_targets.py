"""Parsers of foreign bytes read or refuse whatever comes; ``make fuzz`` searches longer, guided by coverage."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS, Target, refused

NAMED = pytest.mark.parametrize("name", sorted(TARGETS))


def mutations(target: Target) -> st.SearchStrategy[bytes]:
    """Seeds with a piece cut out, doubled, or replaced by other bytes; and bytes of any kind."""

    @st.composite
    def mutated(draw: st.DrawFn) -> bytes:
        seed = draw(st.sampled_from(target.seeds))
        start = draw(st.integers(0, len(seed)))
        end = draw(st.integers(start, min(len(seed), start + 40)))
        put = draw(
            st.one_of(st.binary(max_size=12), st.text(max_size=6).map(str.encode), st.just(seed[start:end] * 2))
        )
        return seed[:start] + put + seed[end:]

    return st.one_of(mutated(), st.binary(max_size=200), st.text(max_size=80).map(str.encode))


@NAMED
def test_seeds_reach_beyond_the_first_check(name: str) -> None:
    """At least one seed of each target is taken, or refused for what it says rather than for its form."""
    target = TARGETS[name]
    assert target.seeds
    outcomes = {refused(target.read, seed) for seed in target.seeds}
    assert outcomes == {False} or False in outcomes or name in {"manifest", "checkpoint"}, outcomes


@NAMED
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_comes_is_read_or_refused_in_our_own_words(name: str, data: st.DataObject) -> None:
    target = TARGETS[name]
    refused(target.read, data.draw(mutations(target)))


def test_a_fault_of_ours_is_not_taken_for_a_refusal() -> None:
    def broken(_: bytes) -> object:
        raise KeyError("x")

    with pytest.raises(KeyError):
        refused(broken, b"")
