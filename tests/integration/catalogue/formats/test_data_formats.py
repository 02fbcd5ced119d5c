"""Drafts of files in each format that can be profiled: columns, place and time, as the file has them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from struct import pack
from typing import Any

import duckdb
import numpy as np
import pytest
from pyogrio import raw

from node.base.errors import InvalidInput
from node.cage.cage import Cage
from node.semantics.profiles.cage_client import profile_sync
from node.semantics.profiles.description import description_of
from node.semantics.profiles.model import Profile


@pytest.fixture(scope="module")
def cage() -> Iterator[Cage]:
    with Cage(width=1) as found:
        yield found


def layer(path: Path, driver: str, *, crs: str | None = "EPSG:31370", start: tuple[float, float]) -> None:
    """Twenty points near Ghent with a name, a count with gaps, and a measure."""
    step = 1.0 if start[0] > 180 else 0.001
    points = [pack("<BIdd", 1, 1, start[0] + place * step, start[1] + place * step) for place in range(20)]
    names = np.array([f"wijk {place % 4}" for place in range(20)], dtype=object)
    measures = np.array([place / 2 for place in range(20)])
    raw.write(
        path,
        np.array(points, dtype=object) if driver != "XLSX" else None,
        [names, np.arange(20), measures],
        ["wijk", "aantal", "db"],
        geometry_type="Point" if driver != "XLSX" else None,
        crs=crs,
        driver=driver,
        layer="punten",
    )


def shapefile(path: Path) -> None:
    folder = path.parent / "parts"
    folder.mkdir()
    layer(folder / "punten.shp", "ESRI Shapefile", start=(104000, 193000))
    with zipfile.ZipFile(path, "w") as archive:
        for part in folder.iterdir():
            archive.write(part, f"map/{part.name}")


def timetable(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("agency.txt", "agency_id,agency_name\n1,De Lijn\n")
        archive.writestr(
            "stops.txt", "stop_id,stop_name,stop_lat,stop_lon\n01,Ledeberg,51.04,3.74\n02,Zuid,51.05,3.73\n"
        )
        archive.writestr("routes.txt", "route_id,route_short_name\n1,2\n")
        archive.writestr("trips.txt", "trip_id,route_id\n1,1\n")
        archive.writestr("calendar.txt", "service_id,start_date,end_date\nA,20260101,20261231\n")


CITY = {
    "type": "CityJSON",
    "version": "2.0",
    "transform": {"scale": [0.001] * 3, "translate": [84000, 446000, 0]},
    "CityObjects": {"b1": {"type": "Building", "attributes": {"hoogte": 12.5}}, "b2": {"type": "Building"}},
    "vertices": [[0, 0, 0], [1000, 1000, 5]],
    "metadata": {"referenceSystem": "https://www.opengis.net/def/crs/EPSG/0/7415", "title": "Gent in 3D"},
}
TILES = {"asset": {"version": "1.1"}, "root": {"boundingVolume": {"region": [0.0645, 0.8905, 0.0652, 0.8912, 0, 9]}}}


def parquet(path: Path) -> None:
    duckdb.connect().execute(
        "COPY (SELECT range AS n, 'w' || (range % 3) AS wijk, DATE '2026-01-01' + CAST(range AS INTEGER) AS dag "
        f"FROM range(50)) TO '{path}' (FORMAT parquet)"
    )


def columns(profile: Profile) -> dict[str, tuple[str, str, str]]:
    return {
        column.name: (column.type, column.minimum, column.maximum)
        for table in profile.tables
        for column in table.columns
    }


LAYERS: dict[str, Callable[[Path], Any]] = {
    "punten.gpkg": lambda path: layer(path, "GPKG", start=(104000, 193000)),
    "punten.geojson": lambda path: layer(path, "GeoJSON", crs="EPSG:4326", start=(3.71, 51.045)),
    "punten.zip": shapefile,
}


@pytest.mark.parametrize("name", LAYERS)
def test_files_with_places(cage: Cage, tmp_path: Path, name: str) -> None:
    LAYERS[name](tmp_path / name)
    profile = profile_sync(cage, tmp_path / name, name)
    assert columns(profile) == {
        "wijk": ("text", "", ""),
        "aantal": ("integer", "0", "19"),
        "db": ("number", "0", "9.5"),
    }
    assert profile.tables[0].columns[0].values == ("wijk 0", "wijk 1", "wijk 2", "wijk 3")
    assert profile.crs == ("EPSG:4326" if name.endswith("geojson") else "EPSG:31370")
    assert profile.geometry == "Point"
    assert profile.bbox is not None
    west, south, east, north = profile.bbox
    assert 3.70 < west < east < 3.74
    assert 51.04 < south < north < 51.07


def test_a_file_is_read_by_its_content(cage: Cage, tmp_path: Path) -> None:
    """A node keeps files under their hash: there is no extension to go by."""
    layer(tmp_path / "punten.gpkg", "GPKG", start=(104000, 193000))
    (tmp_path / "punten.gpkg").rename(tmp_path / "a1b2c3")
    assert profile_sync(cage, tmp_path / "a1b2c3", "punten.gpkg").format == "GeoPackage"


def test_a_workbook(cage: Cage, tmp_path: Path) -> None:
    layer(tmp_path / "blad.xlsx", "XLSX", crs=None, start=(0, 0))
    profile = profile_sync(cage, tmp_path / "blad.xlsx", "blad.xlsx")
    assert (profile.format, profile.bbox, profile.crs) == ("XLSX", None, "")
    assert columns(profile)["db"] == ("number", "0", "9.5")


def test_parquet(cage: Cage, tmp_path: Path) -> None:
    parquet(tmp_path / "dagen.parquet")
    profile = profile_sync(cage, tmp_path / "dagen.parquet", "dagen.parquet")
    assert columns(profile)["n"] == ("integer", "0", "49")
    assert (profile.begins, profile.ends, profile.step) == ("2026-01-01", "2026-02-19", "P1D")
    assert profile.tables[0].columns[1].values == ("w0", "w1", "w2")


def test_a_timetable(cage: Cage, tmp_path: Path) -> None:
    timetable(tmp_path / "lijn.zip")
    profile = profile_sync(cage, tmp_path / "lijn.zip", "lijn.zip")
    assert profile.format == "GTFS"
    assert [table.name for table in profile.tables] == ["agency", "calendar", "routes", "stops", "trips"]
    assert (profile.begins, profile.ends) == ("2026-01-01", "2026-12-31")
    assert profile.bbox == (3.73, 51.04, 3.74, 51.05)
    stops = profile.tables[3]
    assert [column.type for column in stops.columns] == ["text", "text", "number", "number"]
    assert stops.columns[1].values == ("Ledeberg", "Zuid")


def test_city_models_and_tiles(cage: Cage, tmp_path: Path) -> None:
    (tmp_path / "city.json").write_text(json.dumps(CITY))
    city = profile_sync(cage, tmp_path / "city.json", "city.json")
    assert (city.format, city.crs, city.notes) == ("CityJSON", "EPSG:7415", ("it has 2 Building",))
    assert columns(city)["hoogte"] == ("number", "12.5", "12.5")
    assert city.title == "Gent in 3D"
    assert city.bbox == pytest.approx((4.35333, 51.99784, 4.35334, 51.99784), abs=1.5e-5)
    # What GDAL does not know, it takes for degrees: coordinates that could be some are no place.
    unknown = CITY | {
        "transform": {"scale": [0.001] * 3, "translate": [1, 2, 0]},
        "metadata": {"referenceSystem": "https://www.opengis.net/def/crs/EPSG/0/999999"},
    }
    (tmp_path / "nowhere.json").write_text(json.dumps(unknown))
    assert profile_sync(cage, tmp_path / "nowhere.json", "nowhere.json").bbox is None
    (tmp_path / "tileset.json").write_text(json.dumps(TILES))
    tiles = profile_sync(cage, tmp_path / "tileset.json", "tileset.json")
    assert (tiles.format, tiles.words()) == ("3D Tiles", "")
    assert tiles.bbox == (3.69558, 51.02189, 3.73568, 51.062)


@pytest.mark.parametrize("folder", ["", "city/"])
def test_packed_tiles(cage: Cage, tmp_path: Path, folder: str) -> None:
    """As they are handed on: the description in a zip file with thousands of tiles, and further ones below it."""
    with zipfile.ZipFile(tmp_path / "tiles.zip", "w") as archive:
        archive.writestr(f"{folder}district/tileset.json", json.dumps(TILES | {"asset": {"version": "9"}}))
        archive.writestr(f"{folder}tileset.json", json.dumps(TILES))
        for number in range(2_500):
            archive.writestr(f"{folder}tiles/{number}.glb", b"glTF")
    tiles = profile_sync(cage, tmp_path / "tiles.zip", "tiles.zip")
    assert tiles.bbox == (3.69558, 51.02189, 3.73568, 51.062)
    assert (tiles.format, tiles.notes[1:]) == ("3D Tiles", ("2500 files with tiles",))
    assert tiles.notes[0].endswith(TILES["asset"]["version"])
    with zipfile.ZipFile(tmp_path / "broken.zip", "w") as archive:
        archive.writestr("tileset.json", "[1, 2]")
    with pytest.raises(InvalidInput, match="an error of form"):
        profile_sync(cage, tmp_path / "broken.zip", "broken.zip")


def test_an_estimate_is_rounded_and_says_so(cage: Cage, tmp_path: Path) -> None:
    """Different values of a large table are estimated: five digits would be a false precision."""
    rows = "".join(f"{number % 45000},{number % 7},{'x' * 150}\n" for number in range(60_000))
    (tmp_path / "large.csv").write_text(f"place,class,note\n{rows}", "utf-8")
    profile = profile_sync(cage, tmp_path / "large.csv", "large.csv")
    place, kind, _ = profile.tables[0].columns
    assert place.is_estimate
    assert place.distinct % 1000 == 0
    assert place.distinct == pytest.approx(45_000, rel=0.2)
    assert (kind.distinct, kind.is_estimate) == (7, False)
    draft = description_of(profile, "large.csv", command="hansa publish large.yaml")
    assert f"distinct: {place.distinct}   # about" in draft


def test_decimal_commas_are_numbers(cage: Cage, tmp_path: Path) -> None:
    (tmp_path / "meting.csv").write_text("plaats;pm10 (µg/m³)\nKouter;12,5\nKorenmarkt;8,25\n", "utf-8")
    (column,) = profile_sync(cage, tmp_path / "meting.csv", "meting.csv").tables[0].columns[1:]
    assert (column.type, column.minimum, column.maximum, column.unit) == ("number", "8.25", "12.5", "ug/m3")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_moments_with_a_time_zone(cage: Cage, tmp_path: Path, ending: str) -> None:
    """They are moments of UTC in the draft, whatever their offset."""
    path = tmp_path / f"counts.{ending}"
    path.write_text("hour,bikes\n2026-01-01T00:00:00Z,5\n2026-01-01T02:00:00+01:00,7\n2026-01-01T02:00:00Z,6\n")
    if ending == "parquet":
        rows = f"SELECT hour::TIMESTAMPTZ AS hour, bikes FROM read_csv('{path}', all_varchar = true)"
        text = path.rename(tmp_path / "counts.txt")
        duckdb.execute(f"COPY ({rows.replace(str(path), str(text))}) TO '{path}'")
    profile = profile_sync(cage, path, path.name)
    assert columns(profile)["hour"] == ("datetime", "2026-01-01T00:00:00", "2026-01-01T02:00:00")
    assert (profile.begins, profile.ends, profile.step) == ("2026-01-01T00:00:00", "2026-01-01T02:00:00", "PT1H")


def test_infinite_numbers_bound_nothing(cage: Cage, tmp_path: Path) -> None:
    numbers = "SELECT * FROM (VALUES ('-inf'::DOUBLE, 'inf'::FLOAT), (1.5, 'inf'), ('nan', 'inf'), (4, NULL)) t(n, m)"
    duckdb.sql(f"COPY ({numbers}) TO '{tmp_path / 'flow.parquet'}' (FORMAT parquet)")
    flow, endless = profile_sync(cage, tmp_path / "flow.parquet", "flow.parquet").tables[0].columns
    assert (flow.type, flow.minimum, flow.maximum, flow.empty) == ("number", "1.5", "4", 1)
    assert (endless.type, endless.minimum, endless.maximum, endless.empty) == ("number", "", "", 1)
    (tmp_path / "flow.json").write_text('[{"n": 2}, {"n": Infinity}, {"n": 0.5}, {"n": NaN}, {"n": 7}]')
    (column,) = profile_sync(cage, tmp_path / "flow.json", "flow.json").tables[0].columns
    assert (column.type, column.minimum, column.maximum, column.empty) == ("number", "0.5", "7", 1)


def test_a_large_table_takes_little_memory(cage: Cage, tmp_path: Path) -> None:
    """A rare value of a column with few is found, the types hold for all rows, and nothing is read into memory."""
    path = tmp_path / "large.csv"
    with path.open("w") as file:
        file.write("n,wijk\n")
        for start in range(0, 300_000, 1000):
            file.write("".join(f"{n},wijk {n % 7}\n" for n in range(start, start + 1000)))
        file.write("n/a,Ledeberg\n")
    profile = profile_sync(cage, path, path.name)
    number, district = profile.tables[0].columns
    assert profile.tables[0].rows == 300_001
    assert number.type == "text"
    assert "Ledeberg" in district.values
    assert (district.distinct, district.complete) == (8, True)
