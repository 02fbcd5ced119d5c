"""Steps in time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.base.errors import InvalidInput
from node.scenarios.tables.spans import Order, compare_steps, parse_step, step_text, step_words


@pytest.mark.parametrize(
    ("text", "seconds", "canonical", "words"),
    [
        ("PT15M", 900, "PT15M", "a quarter of an hour"),
        ("PT1H", 3600, "PT1H", "an hour"),
        ("PT60M", 3600, "PT1H", "an hour"),
        ("P1D", 86400, "P1D", "a day"),
        ("PT24H", 86400, "P1D", "a day"),
        ("P1DT2H", 93600, "P1DT2H", "26 hours"),
        ("PT5M", 300, "PT5M", "5 minutes"),
        ("PT0.25S", 0.25, "PT0.25S", "0.25 seconds"),
        (" PT90S ", 90, "PT1M30S", "90 seconds"),
    ],
)
def test_durations(text: str, seconds: float, canonical: str, words: str) -> None:
    step = parse_step(text)
    assert step.total_seconds() == seconds
    assert step_text(step) == canonical
    assert step_words(step) == words


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1DT", "P1M", "P1Y", "P1W", "15 min", "PT0S", "-PT1H", "PT1.5H", "PT1H2"]
)
def test_what_is_no_step_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not a time step") as refused:
        parse_step(text)
    assert "PT15M" in refused.value.remedy
    assert ("no fixed length" in refused.value.detail) is (text in ("P1M", "P1Y", "P1W"))


@pytest.mark.parametrize(
    ("a", "b", "order"),
    [
        ("PT60M", "PT1H", Order.SAME),
        ("PT15M", "PT1H", Order.FINER),
        ("P1D", "PT1H", Order.COARSER),
        ("PT25M", "PT1H", Order.ASKEW),
        ("PT1H", "PT25M", Order.ASKEW),
    ],
)
def test_steps_compare(a: str, b: str, order: Order) -> None:
    assert compare_steps(parse_step(a), parse_step(b)) is order


@given(st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=9999)))
def test_every_step_is_read_as_it_is_written(step: timedelta) -> None:
    assert parse_step(step_text(step)) == step


@given(st.text(max_size=12))
def test_any_text_is_a_step_or_refused(text: str) -> None:
    try:
        step = parse_step(text)
    except InvalidInput:
        return
    assert step > timedelta()
