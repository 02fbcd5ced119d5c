"""Scales, maps, chains and differences: what the pictures say is what the figures say."""

from __future__ import annotations

import math
import re
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.portal.drawing.chain import Link, chain
from node.portal.drawing.maps import LEAST_HEIGHT, MOST_FOCUSABLE, MOST_HEIGHT, WIDTH, Mark, draw
from node.portal.drawing.scale import CHANGES, change_scale, value_scale
from node.portal.runs.edits import parse_geometry, spell_geometry
from node.portal.theme import contrast
from node.scenarios.chain.differences import Figure, added_up, changes, figures_by_feature, places, shape
from node.scenarios.model import Variable
from tests.fakes.portal.scenarios import hourly, levels, network, quarters, receptors

FINITE = st.floats(min_value=-1e9, max_value=1e9, allow_nan=False)


def svg(inside: str) -> ElementTree.Element:
    return ElementTree.fromstring(f"<svg>{inside}</svg>")


# scales ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "decimals", "breaks"),
    [
        ([0.3, 0.9, 1.4, 2.4], 1, (0.5, 1, 2)),
        ([12, -80, 240, 30], 0, (50, 100, 200)),
        # One bridge loses everything; the rest still shows.
        ([-1800, *range(20, 220, 10)], 0, (50, 100, 200)),
        # Nothing below what the figures mean is a change.
        ([0.1, 0.2, -0.1], 1, (0.1, 0.2, 0.5)),
        ([0.004, -0.003], 1, (0.1, 0.2, 0.5)),
        ([], 0, (1, 2, 5)),
        ([math.nan, math.inf], None, (0.2, 0.5, 1)),
        ([5e-324], None, (5e-324, 1e-323, 2e-323)),
    ],
)
def test_breaks_are_round_and_fit(sizes: list[float], decimals: int | None, breaks: tuple[float, ...]) -> None:
    assert change_scale(sizes, decimals).breaks == breaks


@given(st.lists(FINITE, max_size=30), st.none() | st.integers(0, 4))
def test_changes_are_mirrored_and_noise_is_no_change(figures: list[float], decimals: int | None) -> None:
    scale = change_scale(figures, decimals)
    assert list(scale.breaks) == sorted(set(scale.breaks))
    assert scale.class_of(0) == 0
    for figure in figures:
        assert scale.class_of(-figure) == -scale.class_of(figure)
        assert scale.colour(figure) in CHANGES.values()
        if decimals is not None and abs(figure) < 10.0**-decimals * 0.99:
            assert scale.class_of(figure) == 0
    assert [number for number, _, _ in scale.classes()] == [3, 2, 1, 0, -1, -2, -3]


@given(st.lists(FINITE, min_size=1, max_size=30))
def test_values_fall_into_five_classes(figures: list[float]) -> None:
    scale = value_scale(figures)
    assert len(scale.breaks) == 4
    assert list(scale.breaks) == sorted(scale.breaks)
    assert {scale.class_of(one) for one in figures} <= set(range(5))


def test_what_changed_more_is_wider_and_every_edge_can_be_seen() -> None:
    scale = change_scale([-300, 50, 120, 300], 0)
    widths = [scale.width(size) for size in (0, 60, 120, 300)]
    assert widths == sorted(set(widths))
    assert contrast("#59636b", "#ffffff") > 4.5


# maps --------------------------------------------------------------------------------------------------------


def line(*points: tuple[float, float]) -> dict[str, Any]:
    return {"type": "LineString", "coordinates": [list(point) for point in points]}


def test_a_street_with_two_directions_has_two_lines_side_by_side() -> None:
    there, back = line((3.70, 51.05), (3.74, 51.05)), line((3.74, 51.05), (3.70, 51.05))
    other = line((3.70, 51.04), (3.74, 51.06))
    picture = draw(
        [
            Mark(id=name, geometry=shape, words=name, colour="#b35806")
            for name, shape in (("there", there), ("back", back), ("other", other))
        ]
    )
    assert picture is not None
    by_title = {
        path.find("title").text: re.findall(r"-?[\d.]+", path.get("d", ""))  # type: ignore[union-attr]
        for path in svg(picture.inside).iter("path")
        if path.find("title") is not None
    }
    # Each keeps to the right: eastbound below (y grows downwards), westbound above.
    assert float(by_title["there"][1]) - float(by_title["back"][1]) == pytest.approx(10)
    assert picture.width == WIDTH
    assert LEAST_HEIGHT <= picture.height <= MOST_HEIGHT


def test_everything_lies_within_the_drawing_with_one_decimal() -> None:
    marks = [
        Mark(id=row["segmentId"], geometry=row["geometry"], words=row["segmentId"], colour="#f1a340")
        for row in network()
    ]
    marks += [
        Mark(id=row["receptorId"], geometry=row["geometry"], words="r", colour="#998ec3") for row in receptors()
    ]
    picture = draw(marks)
    assert picture is not None
    assert picture.count == len(marks)
    data = " ".join(path.get("d", "") for path in svg(picture.inside).iter("path"))
    numbers = re.findall(r"([ML ])(-?\d+\.\d+)", data)
    assert numbers
    assert all(re.fullmatch(r"\d+\.\d", number) for _, number in numbers)
    assert all(0 <= float(number) <= WIDTH for _, number in numbers)


def test_many_features_leave_the_keyboard_to_the_table() -> None:
    def drawn(count: int) -> str:
        marks = [
            Mark(id=str(n), geometry=line((3, 51), (3.1, 51 + n / 999)), words="w", link="?row=1")
            for n in range(count)
        ]
        picture = draw(marks)
        assert picture is not None
        return picture.inside

    assert "tabindex" not in drawn(MOST_FOCUSABLE)
    assert drawn(MOST_FOCUSABLE + 1).count('tabindex="-1"') == MOST_FOCUSABLE + 1


@pytest.mark.parametrize(
    "geometry",
    [
        {},
        {"type": "LineString"},
        {"type": "LineString", "coordinates": [[3.7, "x"]]},
        {"type": "Point", "coordinates": [181, 2]},
        {"type": "Point", "coordinates": [math.nan, 2]},
        {"type": "Feature", "geometry": {"type": "Unknown"}},
        {"type": "LineString", "coordinates": 7},
        {"type": "LineString", "coordinates": []},
    ],
)
def test_what_is_no_place_is_not_drawn(geometry: dict[str, Any]) -> None:
    good = Mark(id="good", geometry=line((3.7, 51), (3.8, 51.1)), words="good")
    picture = draw([Mark(id="bad", geometry=geometry, words="bad"), good])
    assert picture is not None
    assert picture.count == 1
    assert draw([Mark(id="bad", geometry=geometry, words="bad")]) is None


def test_words_and_links_of_strangers_stay_words() -> None:
    nasty = '"><script>alert(1)</script>'
    picture = draw([Mark(id=nasty, geometry=line((1, 2), (3, 4)), words=nasty, colour="#fff", link=f"?row={nasty}")])
    assert picture is not None
    assert "<script" not in picture.inside
    assert {element.tag for element in svg(picture.inside).iter()} == {"svg", "a", "path", "title"}


# differences -------------------------------------------------------------------------------------------------

NETWORK, RECEPTORS = places("network", network()), places("receptors", receptors())


def figure(of: str, name: str, unit: str) -> Figure:
    return Figure(of=of, variable=Variable(name=name, unit=unit))


def test_rows_are_about_what_differs_most_and_are_divided_by_the_rest() -> None:
    assert NETWORK is not None
    assert RECEPTORS is not None
    flows = hourly(closed=True)
    inputs = [NETWORK, RECEPTORS]
    assert shape(flows, inputs).key == "segmentId"
    assert shape(flows, inputs).parts == {"partOfDay": ("day", "evening", "night")}
    assert shape(levels(flows), inputs).key == "receptorId"
    assert set(shape(quarters(flows), inputs).parts) == {"quarter", "vehicleType"}
    # A receptor names its street, but is about itself; that street divides nothing.
    assert shape(receptors(), inputs).key == "receptorId"
    assert shape(receptors(), inputs).parts == {}


def test_parts_are_added_averaged_or_taken_by_their_energy() -> None:
    rows = [{"id": "a", "part": part, "x": value} for part, value in (("day", 60.0), ("night", 50.0))]
    keyed = shape([*rows, {"id": "b", "part": "day", "x": 1.0}, {"id": "c", "part": "day", "x": 1.0}])
    assert figures_by_feature(rows, figure("s.o", "x", "h"), keyed, {})["a"] == 110
    assert figures_by_feature(rows, figure("s.o", "x", "km/h"), keyed, {})["a"] == 55
    assert figures_by_feature(rows, figure("s.o", "x", "dB[SPL]"), keyed, {})["a"] == pytest.approx(57.404, abs=1e-3)
    assert figures_by_feature(rows, figure("s.o", "x", "dB[SPL]"), keyed, {"part": "night"})["a"] == 50
    assert [added_up(unit) for unit in ("h", "{vehicles}", "{vehicles}/h", "%", "Cel", None)] == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]


def test_what_is_only_on_one_side_has_no_change() -> None:
    found = {change.id: change.by for change in changes({"a": 1.0, "b": 2.0}, {"b": 1.5, "c": 3.0})}
    assert found == {"a": None, "b": -0.5, "c": None}
    assert [change.before for change in changes(None, {"a": 1.0})] == [None]


# chains ------------------------------------------------------------------------------------------------------


def test_the_chain_names_steps_cities_and_wires() -> None:
    links = [
        Link(name="assign", title="Traffic assignment", word="Model", where="Gent", wires=(("network", "network"),)),
        Link(name="hourly", title="A" * 80, word="Transformation", where="Gent", wires=(("flows", "assign.flows"),)),
        Link(
            name="noise",
            title="<b>Road noise</b>",
            word="Model",
            where="Plzeň",
            remote=True,
            wires=(("flows", "hourly.out"), ("raw", "assign.flows"), ("receptors", "receptors")),
        ),
    ]
    drawing = chain(links, {"network": "Wegennet", "receptors": ""}, missing=frozenset({"receptors"}))
    tree = svg(drawing.inside)
    texts = [element.text for element in tree.iter("text")]
    for said in ("network", "receptors", "Traffic assignment", "<b>Road noise</b>", "Model · Plzeň", "out → flows"):
        assert said in texts, said
    assert [g.get("class") for g in tree.iter("g")].count("step remote") == 1
    assert [g.get("class") for g in tree.iter("g")].count("role bare") == 1
    for rect in tree.iter("rect"):
        assert 0 <= float(rect.get("y", "-1")) <= drawing.height - float(rect.get("height", "0"))
        assert 0 <= float(rect.get("x", "-1")) <= drawing.width - float(rect.get("width", "0"))


def test_a_chain_without_steps_is_drawn_too() -> None:
    assert chain([], {"network": ""}).height > 0


# places ------------------------------------------------------------------------------------------------------


def test_places_are_read_as_they_are_spelled() -> None:
    rows = network()
    assert parse_geometry(spell_geometry(rows[0]["geometry"]), rows) == rows[0]["geometry"]
    assert parse_geometry("3.7 51.0", rows) == {"type": "Point", "coordinates": [3.7, 51.0]}
    assert parse_geometry("anything", [{"id": "no geometry"}]) is None
