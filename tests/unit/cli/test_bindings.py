"""Bindings as they are typed, and where two of them differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from node.base.errors import InvalidInput
from node.cli.bindings import binding, differences, pair_indicators, with_windows
from node.cli.run_progress import after, figure

FILE = """\
scenario: scenario/bridge
inputs:
  network: {dataset: dataset/roads, file: roads.csv}
  trips: dataset/trips
parameters: {demand: 1.0}
layers: [closed]
"""


def typed(
    scenario: str = "scenario/bridge",
    *,
    inputs: tuple[str, ...] = (),
    sets: tuple[str, ...] = (),
    layers: tuple[str, ...] = (),
    in_place: tuple[str, ...] = (),
    windows: tuple[str, ...] = (),
) -> dict[str, Any]:
    return binding(scenario, inputs, sets, layers, in_place, windows)


class TestInputs:
    @pytest.mark.parametrize(
        ("text", "members"),
        [
            ("dataset/roads", {"dataset": "dataset/roads"}),
            ("dataset/roads@2", {"dataset": "dataset/roads", "version": 2}),
            ("dataset/roads#a b.csv", {"dataset": "dataset/roads", "file": "a b.csv"}),
            ("dataset/roads@12#a@b#c.csv", {"dataset": "dataset/roads", "version": 12, "file": "a@b#c.csv"}),
            ("https://x.example:8/datasets/y@3", {"dataset": "https://x.example:8/datasets/y", "version": 3}),
            ("a=b", {"dataset": "a=b"}),
        ],
    )
    def test_address_version_and_file(self, text: str, members: dict[str, Any]) -> None:
        assert typed(inputs=(f"network={text}",)) == {"scenario": "scenario/bridge", "inputs": {"network": members}}

    @pytest.mark.parametrize("text", ["network", "=dataset/roads", "network=", ""])
    def test_half_an_option(self, text: str) -> None:
        with pytest.raises(InvalidInput, match="there is no name, or no value") as refused:
            typed(inputs=(text,))
        assert refused.value.remedy == "write --input role=dataset/NAME"

    @pytest.mark.parametrize("version", ["new", "-1", "1.5", "²", "٣", ""])
    def test_what_is_no_version(self, version: str) -> None:
        with pytest.raises(InvalidInput, match="is not a version"):
            typed(inputs=(f"network=dataset/roads@{version}",))

    def test_in_place(self) -> None:
        bound = typed(inputs=("network=dataset/roads@2",), in_place=("network",))
        assert bound["inputs"]["network"] == {"dataset": "dataset/roads", "version": 2, "inPlace": True}
        with pytest.raises(InvalidInput, match="--in-place trips: that input is not bound"):
            typed(inputs=("network=dataset/roads",), in_place=("trips",))

    def test_windows(self) -> None:
        bound = typed(inputs=("counts=dataset/counters",), windows=("counts=10m",))
        assert bound["inputs"]["counts"] == {"dataset": "dataset/counters", "window": "10m"}
        with pytest.raises(InvalidInput, match="--window trips: that input is not bound"):
            typed(inputs=("counts=dataset/counters",), windows=("trips=10m",))
        with pytest.raises(InvalidInput, match="there is no name"):
            typed(inputs=("counts=dataset/counters",), windows=("10m",))

    def test_a_checked_window_is_the_one_that_runs(self) -> None:
        window = {"from": "a", "to": "b", "position": "7", "count": 2}
        checked = {
            "inputs": {
                "counts": {"dataset": "https://x.example/datasets/counters", "window": window},
                "network": {"dataset": "https://x.example/datasets/roads"},
            }
        }
        wanted = {"scenario": "s", "inputs": {"counts": {"dataset": "dataset/counters", "window": "10m"}}}
        assert with_windows(wanted, checked) == {
            "scenario": "s",
            "inputs": {
                "counts": {"dataset": "dataset/counters", "window": {"from": "a", "to": "b", "position": "7"}}
            },
        }
        assert with_windows({"scenario": "s"}, {"inputs": {}}) == {"scenario": "s"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("1.50", 1.5),
        ("true", True),
        ("null", None),
        ('"1"', "1"),
        ("[1, 2]", [1, 2]),
        ("summer", "summer"),
        ("007", "007"),
        ("a=b", "a=b"),
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
        ("[" * 100_000, "[" * 100_000),
    ],
)
def test_values(text: str, value: Any) -> None:
    read = typed(sets=(f"x={text}",))["parameters"]["x"]
    assert (type(read), read) == (type(value), value)


class TestFiles:
    def test_options_change_what_a_file_says(self, tmp_path: Path) -> None:
        path = tmp_path / "run.yaml"
        path.write_text(FILE)
        assert typed(str(path)) == {
            "scenario": "scenario/bridge",
            "inputs": {"network": {"dataset": "dataset/roads", "file": "roads.csv"}, "trips": "dataset/trips"},
            "parameters": {"demand": 1.0},
            "layers": ["closed"],
        }
        changed = typed(
            str(path),
            inputs=("trips=dataset/other@3",),
            sets=("demand=2",),
            layers=("slow",),
            in_place=("network", "trips"),
        )
        assert changed["inputs"] == {
            "network": {"dataset": "dataset/roads", "file": "roads.csv", "inPlace": True},
            "trips": {"dataset": "dataset/other", "version": 3, "inPlace": True},
        }
        assert (changed["parameters"], changed["layers"]) == ({"demand": 2}, ["closed", "slow"])

    def test_members_that_are_empty(self, tmp_path: Path) -> None:
        path = tmp_path / "run.yaml"
        path.write_text("scenario: scenario/bridge\ninputs:\nparameters:\nlayers:\n")
        bound = typed(str(path), inputs=("a=dataset/b",), sets=("x=1",), layers=("l",))
        assert bound == {
            "scenario": "scenario/bridge",
            "inputs": {"a": {"dataset": "dataset/b"}},
            "parameters": {"x": 1},
            "layers": ["l"],
        }

    @pytest.mark.parametrize("text", ["inputs: [1]\n", "parameters: 5\n", "layers: closed\n"])
    def test_members_that_options_cannot_change(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "run.yaml"
        path.write_text(f"scenario: x\n{text}")
        with pytest.raises(InvalidInput, match="is not a list"):
            typed(str(path), inputs=("a=dataset/b",), sets=("x=1",), layers=("l",))

    def test_an_input_that_is_none(self, tmp_path: Path) -> None:
        path = tmp_path / "run.yaml"
        path.write_text("scenario: x\ninputs: {a: 5}\n")
        with pytest.raises(InvalidInput, match="input a is neither"):
            typed(str(path), in_place=("a",))

    def test_a_file_that_is_not_there(self) -> None:
        with pytest.raises(InvalidInput, match=r"there is no file run\.yaml"):
            typed("run.yaml")

    def test_an_address_is_no_file(self) -> None:
        assert typed("scenario/bridge") == {"scenario": "scenario/bridge"}
        assert typed("scenario/bridge@2") == {"scenario": "scenario/bridge", "version": 2}
        assert typed("https://els@x.example/scenarios/a") == {"scenario": "https://els@x.example/scenarios/a"}
        assert typed("7") == {"scenario": "7"}


def bound(**members: Any) -> dict[str, Any]:
    return {
        "scenario": "https://x/scenarios/s",
        "version": 1,
        "inputs": {"flows": {"dataset": "https://x/datasets/d", "version": 1, "file": "d.csv", "inPlace": False}},
        "steps": {"flows": {"uses": "https://x/models/m", "version": 1}},
        "parameters": {"flows": 1.0},
        "layers": [],
        **members,
    }


class TestDifferences:
    def test_none(self) -> None:
        assert differences(bound(), bound()) == {}

    def test_each_part_by_its_own_name(self) -> None:
        other = bound(
            version=2,
            inputs={"flows": {"dataset": "https://x/datasets/d", "version": 2, "file": "d.csv", "inPlace": True}},
            steps={"flows": {"uses": "https://x/models/other", "version": 1}},
            parameters={"flows": 2.0, "more": True},
            layers=["ab" * 32, "cd" * 32],
        )
        assert differences(bound(), other) == {
            "scenario": ("https://x/scenarios/s version 1", "https://x/scenarios/s version 2"),
            "input flows": (
                "https://x/datasets/d version 1 d.csv",
                "https://x/datasets/d version 2 d.csv, stays with its owner",
            ),
            "step flows": ("https://x/models/m version 1", "https://x/models/other version 1"),
            "parameter flows": ("1.0", "2.0"),
            "parameter more": ("–", "True"),
            "layers": ("–", "abababababab, cdcdcdcdcdcd"),
        }

    def test_what_only_one_has(self) -> None:
        assert differences(bound(), bound(inputs={}))["input flows"][1] == "–"

    def test_indicators_of_either(self) -> None:
        left = [{"name": "hours", "after": 1.0}, {"name": "people", "after": 2}]
        right = [{"name": "people", "after": 3}, {"name": "noise", "after": 0}]
        assert pair_indicators(left, right) == [("hours", 1.0, None), ("people", 2, 3), ("noise", None, 0)]


def test_figures() -> None:
    assert [figure(one) for one in (None, 0, 1234567, 1234.5, 0.1, "x")] == [
        "–", "0", "1,234,567", "1,234.5", "0.1", "x",
    ]  # fmt: skip


def test_what_is_new_in_a_log() -> None:
    assert after("", ["a", "b"]) == ["a", "b"]
    assert after("a", ["a", "b", "c"]) == ["b", "c"]
    assert after("c", ["a", "b", "c"]) == []
    assert after("", []) == []
    # A long log loses its beginning, as long as it is.
    assert after("b", ["c", "d"]) == ["c", "d"]
    assert after("a", ["a", "x", "a", "y"]) == ["y"]
