"""Answers of the form about a dataset: the form in which they are stored, and those that cannot be used."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from node.base.errors import InvalidInput
from node.catalogue.drafts.answer_faults import answer_faults, refuse
from node.catalogue.drafts.answer_forms import CODE_LISTS, edges_of, place_field, uniform


def test_each_spelling_of_a_term_is_kept_as_its_code() -> None:
    for name, codes in CODE_LISTS.items():
        for code in codes:
            for text in (code.code, code.iri, *code.labels.values()):
                assert uniform({name: text}) == {name: code.code}, text
    assert uniform({"license": "mine", "language": ""}) == {"license": "mine", "language": ""}
    assert uniform({"license": "https://example.org/terms"}) == {"license": "https://example.org/terms"}


def edges(*numbers: str) -> dict[str, str]:
    return dict(zip(("west", "south", "east", "north"), numbers, strict=True))


@pytest.mark.parametrize(
    ("answers", "form"),
    [
        ({"spatial": "3.6, 51, 3.8, 51.10"}, edges("3.6", "51", "3.8", "51.1")),
        ({"spatial": "[3.6 51 3.8 51.1]"}, edges("3.6", "51", "3.8", "51.1")),
        ({"spatial": "Gent"}, {"spatial": "Gent"}),
        ({"spatial": "a, b, c, d"}, {"spatial": "a, b, c, d"}),
        ({"spatial": "1, 2, 3, 4", **edges("3", "51", "4", "52")},) * 2,
        (edges("3,60", " 51 ", "+3.8", "−0"), edges("3.6", "51", "3.8", "0")),
        (edges("x  y", "10", "100", "1e5"), edges("x y", "10", "100", "1e5")),
        ({"from": "2026-11-01T00:00"}, {"from": "2026-11-01T00:00:00"}),
        ({"from": "2026-11", "until": "soon"}, {"from": "2026-11", "until": "soon"}),
    ],
)
def test_places_and_moments_are_kept_in_one_form(answers: dict[str, str], form: dict[str, str]) -> None:
    assert uniform(answers) == form
    assert uniform(form) == form


@pytest.mark.parametrize(
    ("answers", "field"),
    [
        ({}, None),
        ({"spatial": "Gent"}, "Gent"),
        (edges("3.6", "51", "3.8", "51.1"), [3.6, 51.0, 3.8, 51.1]),
        (
            {"spatial": "Harbour", **edges("3.6", "51", "3.8", "51.1")},
            {"name": "Harbour", "bbox": [3.6, 51, 3.8, 51.1]},
        ),
        ({"spatial": "Harbour", **edges("3.8", "51", "3.6", "51.1")}, "Harbour"),
    ],
)
def test_a_place_is_a_name_edges_or_both(answers: dict[str, str], field: Any) -> None:
    assert place_field(answers) == field


def test_edges_are_those_of_an_area_on_the_earth() -> None:
    assert edges_of(edges("-180", "-90", "180", "90")) == [Decimal(edge) for edge in (-180, -90, 180, 90)]
    for wrong in (
        edges("1", "1", "1", "2"),
        edges("1", "2", "2", "1"),
        edges("-181", "1", "2", "3"),
        edges("1", "", "2", "3"),
    ):
        assert edges_of(wrong) is None


@pytest.mark.parametrize(
    ("answers", "faults"),
    [
        ({}, []),
        (edges("3.6", "51", "3.8", "51.1"), []),
        (edges("3.8", "51", "3.6", "51.1"), [("east", "west-east")]),
        (edges("3.6", "52", "3.8", "51.1"), [("north", "south-north")]),
        (edges("3.6", "", "3.8", ""), [("south", "edge"), ("north", "edge")]),
        (edges("west", "91", "181", "51.1"), [("west", "number"), ("south", "degrees"), ("east", "degrees")]),
        ({"from": "2026-11-20", "until": "2026-11-19"}, [("until", "backwards")]),
        ({"from": "2026-11-20", "until": "2026-11"}, []),
        ({"from": "2026-11-20", "until": "2025"}, [("until", "backwards")]),
        ({"from": "2026-11-20T10:00:00", "until": "2026-11-20T09:00:00"}, [("until", "backwards")]),
        ({"from": "2026-11-20T10:00:00", "until": "2026-11-20"}, []),
        ({"from": "2026-11-20"}, []),
        ({"until": "2026-02-30"}, [("until", "date")]),
        ({"theme": "Transport", "license": "https://example.org/terms"}, []),
        ({"theme": "https://example.org/themes/1"}, [("theme", "word")]),
        ({"frequency": "every hours", "license": "mine"}, [("license", "word"), ("frequency", "word")]),
    ],
)
def test_faults_stand_at_their_controls(answers: dict[str, str], faults: list[tuple[str, str]]) -> None:
    assert [(fault.control, fault.case) for fault in answer_faults(answers)] == faults


def test_a_word_that_is_not_in_the_list_has_near_terms() -> None:
    (fault,) = answer_faults({"frequency": "weeklyy"})
    assert fault.terms[0].code == "WEEKLY"
    (fault,) = answer_faults({"theme": "???"})
    assert fault.terms == ()


def test_only_changed_controls_are_checked() -> None:
    answers = {"theme": "https://example.org/themes/1", **edges("3.8", "51", "3.6", "51.1")}
    assert answer_faults(answers, {"title"}) == []
    assert [fault.control for fault in answer_faults(answers, {"spatial"})] == ["east"]
    refuse([])
    with pytest.raises(InvalidInput) as error:
        refuse(answer_faults(answers))
    assert error.value.facts == {"field": "theme"}
