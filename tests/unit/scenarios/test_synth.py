"""Stand-ins: like the data, and none of the data."""

from __future__ import annotations

import json
import math
import random
from bisect import bisect_left, bisect_right
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import correlation, quantiles
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo import data as demo
from node.base.errors import InvalidInput
from node.cli.exits import DONE, REFUSED
from node.cli.main import run
from node.cli.output import Mode
from node.cli.yamls import read_description
from node.scenarios.model import GEOMETRY, Rows
from node.scenarios.synthetic.files import csv_of
from node.scenarios.synthetic.marginals import OTHER, RARE, ColumnType
from node.scenarios.synthetic.names import names_like, whole_numbers_like
from node.scenarios.synthetic.tables import stand_in
from node.scenarios.tables import geometries
from node.scenarios.tables.rows import check_key, read_rows
from node.semantics.in_cage import describe

GEOJSON = "application/geo+json"


def houses(count: int = 400, seed: int = 7) -> list[dict[str, Any]]:
    """Made for these tests: figures that go together, a category, a rare one, an identifier, a name."""
    chance = random.Random(seed)
    rows = []
    for number in range(count):
        area = chance.lognormvariate(4.6, 0.4)
        storeys = min(1 + int(area / 60), 6)
        rows.append(
            {
                "houseId": f"gent-house-{number:04d}",
                "owner": "".join(chance.choice("abcdefgh") for _ in range(8)).title(),
                "area": round(area, 1),
                "residents": 10 * round(area / 40 + chance.random()),
                "storeys": storeys,
                "heating": chance.choice(["gas"] * 6 + ["district"] * 3 + ["wood"]) if number > 2 else "peat",
                "monument": chance.random() < 0.2,
                "built": None if chance.random() < 0.25 else 1900 + int(chance.random() * 120),
            }
        )
    return rows


def flows(days: int = 2, places: int = 6) -> Rows:
    chance = random.Random(3)
    start = datetime(2026, 10, 1, tzinfo=UTC)
    rows = []
    for place in range(places):
        for hour in range(24 * days):
            at = start + timedelta(hours=hour)
            peak = 400 * math.exp(-(((hour % 24) - 8) ** 2) / 8)
            for kind, share in (("passengerCar", 0.9), ("lorry", 0.1)):
                rows.append(
                    {
                        "segmentId": f"seg-{place:02d}",
                        "from": at.isoformat().replace("+00:00", "Z"),
                        "to": (at + timedelta(hours=1)).isoformat().replace("+00:00", "Z"),
                        "vehicleType": kind,
                        "intensity": int((20 + peak) * share * (0.8 + 0.4 * chance.random())),
                    }
                )
    return rows


def column(rows: Rows, name: str) -> list[Any]:
    return [row[name] for row in rows if row.get(name) is not None]


def ranks(values: list[float]) -> list[float]:
    return [
        (bisect_left(ordered, value) + bisect_right(ordered, value)) / 2
        for ordered in [sorted(values)]
        for value in values
    ]


def test_the_same_seed_gives_the_same_rows_and_another_seed_others() -> None:
    rows = houses()
    assert stand_in(rows, seed=5) == stand_in(rows, seed=5)
    assert stand_in(rows, seed=5).rows != stand_in(rows, seed=6).rows
    assert csv_of(stand_in(rows, seed=5)) == csv_of(stand_in(list(rows), seed=5))


def test_columns_types_and_marginals_are_close() -> None:
    rows = houses(1000)
    table = stand_in(rows, count=2000)
    assert len(table.rows) + table.left_out == 2000
    assert table.columns == tuple(rows[0])
    for name in ("area", "residents", "built"):
        real, synthetic = (quantiles(column(some, name), n=10) for some in (rows, table.rows))
        spread = max(column(rows, name)) - min(column(rows, name))
        assert all(abs(a - b) < spread * 0.05 for a, b in zip(real, synthetic, strict=True)), name
    assert all(isinstance(row["residents"], int) and row["residents"] % 10 == 0 for row in table.rows)
    assert all(round(row["area"], 1) == row["area"] for row in table.rows)
    assert {type(row["monument"]) for row in table.rows} == {bool}
    for heating in ("gas", "district", "wood"):
        before, after = (Counter(column(some, "heating"))[heating] / len(some) for some in (rows, table.rows))
        assert abs(before - after) < 0.05
    missing = 1 - len(column(table.rows, "built")) / len(table.rows)
    assert abs(missing - 0.25) < 0.05


def test_what_rises_together_rises_together() -> None:
    rows = houses(1000)
    table = stand_in(rows)
    for one, other in (("area", "residents"), ("area", "storeys")):
        real, synthetic = (
            correlation(ranks(column(some, one)), ranks(column(some, other))) for some in (rows, table.rows)
        )
        assert real > 0.7
        assert abs(real - synthetic) < 0.12


def test_no_name_and_no_row_is_copied_and_extremes_are_cut() -> None:
    rows = houses()
    rows[17]["area"] = 9999.9
    table = stand_in(rows)
    assert table.kinds["houseId"] == table.kinds["owner"] == ColumnType.NAMES
    for name in ("houseId", "owner"):
        assert not set(column(table.rows, name)) & set(column(rows, name))
    assert len(set(column(table.rows, "houseId"))) == len(table.rows)
    assert all(row["houseId"].startswith("gent-house-") and len(row["houseId"]) == 15 for row in table.rows)
    seen = ("area", "residents", "storeys", "heating", "monument", "built")
    real = {tuple(row[name] for name in seen) for row in rows}
    assert not [row for row in table.rows if tuple(row[name] for name in seen) in real]
    assert max(column(table.rows, "area")) < 9999.9
    assert min(column(table.rows, "area")) > min(column(rows, "area"))


def test_rare_categories_are_folded() -> None:
    table = stand_in(houses())
    assert "peat" not in column(table.rows, "heating")
    assert set(column(table.rows, "heating")) <= {"gas", "district", "wood", OTHER}
    assert table.rare_values["heating"] == 1
    rare = [{"kind": "a"}] * 30 + [{"kind": name} for name in "bcdefg"]
    assert set(column(stand_in(rare).rows, "kind")) <= {"a", OTHER}


def test_a_column_of_texts_that_are_all_different_is_made_up() -> None:
    rows = [{"address": f"{street} {number}"} for street in ("Kerkstraat", "Veldweg") for number in range(1, 16)]
    made = stand_in(rows)
    assert not set(column(made.rows, "address")) & set(column(rows, "address"))


@pytest.mark.parametrize("count", [0, 1, 19])
def test_fewer_than_twenty_rows_are_refused(count: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        stand_in(houses(count))
    assert "single rows" in caught.value.detail
    assert caught.value.remedy
    assert len(stand_in(houses(20)).rows) == 20


def test_a_count_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidInput):
        stand_in(houses(), count=0)


def test_a_key_of_several_columns_stays_one_and_times_stay_on_their_step() -> None:
    rows = flows()
    table = stand_in(rows)
    assert len(table.rows) == len(rows)
    check_key(table.rows, ("segmentId", "from", "vehicleType"))
    assert not set(column(table.rows, "segmentId")) & set(column(rows, "segmentId"))
    assert set(column(table.rows, "from")) == set(column(rows, "from"))
    for row in table.rows:
        start, end = (datetime.fromisoformat(row[name]) for name in ("from", "to"))
        assert end - start == timedelta(hours=1)
    assert len(column(stand_in(rows, count=3 * len(rows)).rows, "from")) == 3 * len(rows)


def test_the_peak_of_a_day_is_kept_where_the_hours_are_levels() -> None:
    made = stand_in(flows(days=1, places=12)).rows
    by_hour: dict[str, list[int]] = {}
    for row in made:
        if row["vehicleType"] == "passengerCar":
            by_hour.setdefault(row["from"][11:13], []).append(row["intensity"])
    means = {hour: sum(found) / len(found) for hour, found in by_hour.items()}
    assert means["08"] > 3 * means["20"]


def test_a_series_of_moments_goes_on_by_its_step() -> None:
    start = datetime(2026, 3, 28, 22, tzinfo=UTC)
    rows = [
        {"at": (start + timedelta(minutes=15 * number)).isoformat(timespec="minutes"), "level": float(number % 7)}
        for number in range(300)
    ]
    made = column(stand_in(rows, count=400).rows, "at")
    assert made[:300] == [row["at"] for row in rows]
    assert datetime.fromisoformat(made[399]) == start + timedelta(minutes=15 * 399)


class TestTheDemonstrationsFiles:
    def test_receptors_keep_their_extent_and_none_their_place(self) -> None:
        segments = demo.network(1, "plzen", demo.PLZEN)
        rows = read_rows(demo.receptors(1, "plzen", segments).encode(), GEOJSON)
        table = stand_in(rows)
        here, there = geometries.extent(rows), geometries.extent(table.rows)
        assert here is not None
        assert there is not None
        wide = max(here[2] - here[0], here[3] - here[1])
        assert all(abs(a - b) < wide * 0.12 for a, b in zip(here, there, strict=True))
        real = {tuple(row[GEOMETRY]["coordinates"]) for row in rows}
        assert not [row for row in table.rows if tuple(row[GEOMETRY]["coordinates"]) in real]
        assert {row[GEOMETRY]["type"] for row in table.rows} == {"Point"}

    def test_streets_become_straight_lines_and_areas_rectangles(self) -> None:
        rows = read_rows(demo.network_geojson(demo.network(1)).encode(), GEOJSON)
        made = stand_in(rows).rows
        assert {row[GEOMETRY]["type"] for row in made} == {"LineString"}
        square = {"type": "Polygon", "coordinates": [[[3.7, 51.0], [3.71, 51.0], [3.71, 51.01], [3.7, 51.0]]]}
        areas = [{"name": "x", GEOMETRY: square}] * 25
        for row in stand_in(areas).rows:
            assert geometries.check(row[GEOMETRY])["type"] == "Polygon"

    def test_it_is_the_same_table_to_a_reader(self) -> None:
        rows = read_rows(demo.od_table(1, demo.network(1)).encode(), "text/csv")
        again = read_rows(csv_of(stand_in(rows)).encode(), "text/csv")
        assert [set(row) for row in again] == [set(rows[0])] * len(rows)
        check_key(again, ("origin", "destination"))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "a": st.none() | st.integers(-(10**6), 10**6) | st.floats(allow_nan=False, allow_infinity=False),
                "b": st.none() | st.sampled_from(["x", "y", "z"]) | st.text(max_size=3),
                "c": st.none() | st.booleans(),
                "d": st.sampled_from(["2026-01-01", "2026-01-08", "2026-03-05"]),
            }
        ),
        min_size=20,
        max_size=40,
    ),
    st.integers(0, 3),
)
def test_any_table_has_a_stand_in(rows: list[dict[str, Any]], seed: int) -> None:
    table = stand_in(rows, seed=seed)
    assert len(table.rows) + table.left_out == len(rows)
    texts = Counter(row["b"] for row in rows)
    for row in table.rows:
        assert set(row) == {"a", "b", "c", "d"}
        assert row["b"] is None or row["b"] == OTHER or texts[row["b"]] == 0 or texts[row["b"]] >= RARE
        assert row["a"] is None or math.isfinite(row["a"])


@given(st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=20, unique=True), st.integers(1, 40))
def test_made_up_names_are_new_and_different(values: list[str], count: int) -> None:
    made = names_like(values, count, random.Random(1).random)
    assert len(set(made)) == count
    assert not set(made) & set(values)


def test_numbers_that_name_things_keep_their_width() -> None:
    assert whole_numbers_like([1001, 1002, 2000], 3) == [1000, 1003, 1004]
    assert names_like(["S1", "S2", "S3"], 2, random.Random(1).random) == ["S4", "S5"]
    assert names_like(["A-01", "A-02"], 2, random.Random(1).random) == ["A-03", "A-04"]


class TestTheVerb:
    @pytest.fixture(autouse=True)
    def _plain(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Mode, "json", False)
        monkeypatch.setattr(Mode, "debug", False)

    def test_it_writes_the_file_and_a_description_that_can_be_published(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        data = tmp_path / "houses.csv"
        header = ",".join(houses()[0])
        lines = [",".join("" if value is None else str(value).lower() for value in row.values()) for row in houses()]
        data.write_text("\n".join([header, *lines]), "utf-8")
        (tmp_path / "houses.yaml").write_text(
            "kind: dataset\ntitle: Houses\ntheme: [REGI]\nlicense: CC-BY-4.0\n"
            "contact: {name: Housing, email: housing@gent.example}\n",
            "utf-8",
        )
        assert run(["synth", str(data), "--rows", "50", "--seed", "4"]) == DONE
        said = capsys.readouterr()
        assert "houses-stand-in.csv written" in said.out
        assert "does not prove anonymity" in said.err
        file_path = tmp_path / "houses-stand-in.csv"
        assert len(file_path.read_text("utf-8").splitlines()) <= 51
        fields, lines_ = read_description(tmp_path / "houses-stand-in.yaml")
        assert "no proof of anonymity" in " ".join(str(fields["description"]).split())
        file = {"name": file_path.name, "mediaType": "text/csv", "size": 1, "sha256": "0" * 64}
        submission = {
            "kind": None,
            "mediaType": None,
            "fields": {**fields, "__lines__": lines_},
            "files": [file],
            "conditions": None,
            "audience": None,
            "iri": None,
        }
        setting = {"base": "https://gent.example", "me": "did:web:gent.example", "myName": "Gent", "language": "en"}
        answer, _ = describe({"submission": submission, **setting, "advised": [], "enforced": []}, [])
        assert [one for one in answer["findings"] if one["severity"] == "violation"] == []
        assert run(["synth", str(data)]) == REFUSED, "it never writes over a file"

    def test_geojson_and_json_for_scripts(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        data = tmp_path / "network.geojson"
        data.write_text(demo.network_geojson(demo.network(1)), "utf-8")
        out = tmp_path / "sub.geojson"
        assert run(["--json", "synth", str(data), "-o", str(out)]) == DONE
        answer = json.loads(capsys.readouterr().out)
        assert answer["file"] == str(out)
        assert {one["name"]: one["kept"] for one in answer["columns"]}["geometry"] == "geometry"
        again = read_rows(out.read_bytes(), GEOJSON)
        assert len(again) == answer["rows"] == 40

    @pytest.mark.parametrize(("name", "content"), [("a.txt", "x"), ("few.csv", "a,b\n1,2\n"), ("broken.csv", "")])
    def test_what_it_cannot_do_it_says(self, tmp_path: Path, name: str, content: str) -> None:
        (tmp_path / name).write_text(content, "utf-8")
        assert run(["synth", str(tmp_path / name)]) == REFUSED
        assert run(["synth", str(tmp_path / "nothing.csv")]) == REFUSED
        assert [path.name for path in tmp_path.iterdir()] == [name]
