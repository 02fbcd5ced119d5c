"""Data files that were made to harm: each costs one request, with a reason and a remedy, and shows nothing else."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from pyogrio import raw

from node.base.errors import HansaError
from node.cage.cage import Cage
from node.cli.main import run
from node.semantics.profiles.cage_client import profile_sync

SECRET = "the content of another file"
SPIED = ("root:", SECRET)
"""What only another file of this machine has."""


@pytest.fixture(scope="module")
def cage() -> Iterator[Cage]:
    with Cage(width=1) as found:
        yield found


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good GeoPackage, to be spoilt."""
    path = tmp_path_factory.mktemp("good") / "places.gpkg"
    points = np.array([struct.pack("<BIdd", 1, 1, 104000 + x, 193000 + x) for x in range(20)], dtype=object)
    names = np.array([f"place {x}" for x in range(20)], dtype=object)
    raw.write(path, points, [names], ["naam"], geometry_type="Point", crs="EPSG:31370", driver="GPKG", layer="places")
    return path


def repeated(path: Path, piece: bytes, times: int, head: bytes = b"") -> None:
    with path.open("wb") as file:
        file.write(head)
        for _ in range(times):
            file.write(piece)


def zipped(path: Path, **members: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), body)


def refused(cage: Cage, path: Path) -> HansaError:
    """The refusal: it has a remedy, and does not say where the file is, or what is in another one."""
    with pytest.raises(HansaError) as found:
        profile_sync(cage, path, path.name)
    error = found.value
    assert error.status < 504
    assert error.remedy
    told = error.detail + error.remedy
    assert str(path.parent) not in told
    assert not any(text in told for text in SPIED)
    return error


MB = 1 << 20
VRT = b'<OGRVRTDataSource><OGRVRTLayer name="passwd"><SrcDataSource>CSV:/etc/passwd</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>'  # noqa: E501

REFUSED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "line.csv": (lambda path: repeated(path, b"a" * MB, 200), "the first line has more than"),
    "million.csv": (lambda path: path.write_text(",".join(f"c{n}" for n in range(1_000_000))), "the first line has"),
    "wide.csv": (lambda path: path.write_text(",".join(f"c{n}" for n in range(50_000)) + "\n"), "50000 columns"),
    "nul.csv": (lambda path: path.write_bytes(b"a,b\n1,\0\n"), "it is a binary file"),
    "page.csv": (lambda path: path.write_bytes(b"<!DOCTYPE html><html>"), "it is a web page"),
    "nothing.csv": (lambda path: path.write_bytes(b" \n"), "the file is empty"),
    "picture.nc": (lambda path: path.write_bytes(b"II*\x00" + bytes(99)), "in the format TIFF"),
    "grid.nc": (lambda path: path.write_bytes(b"CDF\x01\0\0"), "the NetCDF file is damaged"),
    "bomb.zip": (lambda path: zipped(path, a_shp=bytes(50 * MB)), "the zip file unpacks to"),
    "bomb.xlsx": (lambda path: zipped(path, xl__workbook_xml=b"<x/>", a=bytes(50 * MB)), "the zip file unpacks to"),
    "others.zip": (lambda path: zipped(path, readme_md=b"x"), "has no Shapefile, no timetable"),
    "broken.zip": (lambda path: path.write_bytes(b"PK\x03\x04" + b"\0" * 200), "the zip file is damaged"),
    "links.zip": (lambda path: zipped(path, a_shp=VRT), "a.shp is not a Shapefile"),
    "lies.parquet": (lambda path: path.write_bytes(b"PAR1" + b"\xff" * 99 + b"\xff\xff\xff\x7fPAR1"), "is damaged"),
    "deep.geojson": (lambda path: path.write_text('{"type":"FeatureCollection","x":' + "[" * 200_000), "damaged"),
    "deep.json": (lambda path: path.write_text('{"a":' + "[" * 200_000), "nested too deeply"),
    "city.json": (lambda path: path.write_text('{"type":"CityJSON","CityObjects":[1]}'), "an error of form"),
    "tiles.json": (
        lambda path: path.write_text('{"asset":{},"root":{"boundingVolume":{"region":["x"]}}}'),
        "an error of form",
    ),
    "other.json": (lambda path: path.write_text('{"a": 1}'), "not GeoJSON, CityJSON, 3D Tiles"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_harmful_file_is_refused_with_a_reason(cage: Cage, tmp_path: Path, name: str) -> None:
    write, reason = REFUSED[name]
    write(tmp_path / name)
    assert reason in refused(cage, tmp_path / name).detail


POISON: dict[str, tuple[str, ...]] = {
    "code": ("CREATE VIEW bad AS SELECT load_extension('/tmp/x.so') AS a, 1 AS fid",),
    "other-file": ("CREATE VIEW bad AS SELECT readfile('/etc/passwd') AS a, 1 AS fid",),
    "virtual-table": (
        "PRAGMA writable_schema = 1",
        "INSERT INTO sqlite_master VALUES ('table', 'bad', 'bad', 0, "
        "'CREATE VIRTUAL TABLE bad USING VirtualOGR(''CSV:/etc/passwd'')')",
    ),
}


@pytest.mark.parametrize("kind", POISON)
def test_a_poisoned_geopackage_reads_nothing_else(cage: Cage, tmp_path: Path, places: Path, kind: str) -> None:
    path = tmp_path / "places.gpkg"
    shutil.copy(places, path)
    base = sqlite3.connect(path)
    for statement in POISON[kind]:
        base.execute(statement)
    base.execute("INSERT INTO gpkg_contents (table_name, data_type, identifier) VALUES ('bad', 'attributes', 'bad')")
    base.commit()
    base.close()
    assert "GeoPackage file is damaged" in refused(cage, path).detail


def test_triggers_of_a_geopackage_do_not_run(cage: Cage, tmp_path: Path, places: Path) -> None:
    path = tmp_path / "places.gpkg"
    shutil.copy(places, path)
    base = sqlite3.connect(path)
    base.execute("CREATE TRIGGER bad AFTER INSERT ON places BEGIN DELETE FROM places; END")
    base.commit()
    base.close()
    before = path.read_bytes()
    profile = profile_sync(cage, path, path.name)
    assert profile.tables[0].rows == 20
    assert path.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["places.gpkg"]


def test_a_database_that_is_no_geopackage(cage: Cage, tmp_path: Path) -> None:
    base = sqlite3.connect(tmp_path / "people.gpkg")
    base.execute("CREATE TABLE people (name)")
    base.commit()
    base.close()
    assert "not a GeoPackage" in refused(cage, tmp_path / "people.gpkg").detail


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder whose path is short."""
    with TemporaryDirectory() as folder:
        yield Path(folder)


def test_a_table_cannot_name_another_file(cage: Cage, tmp_path: Path, short_path: Path) -> None:
    """Names of files, commands and queries in a table are its text, whatever stands beside it."""
    secret = short_path / "secret.csv"  # A longer text is no example.
    secret.write_text(f"a\n{SECRET}\n")
    header = f'"read_text(\'{secret}\')","x""; ATTACH \'{secret}\' AS s; --","=cmd|\' /C calc\'!A0"'
    (tmp_path / "table.csv").write_text(f"{header}\n{secret},'; DROP TABLE x--,=1+1\n")
    profile = profile_sync(cage, tmp_path / "table.csv", "table.csv")
    first, second, third = profile.tables[0].columns
    assert first.values == (str(secret),)
    assert second.name.startswith('x"; ATTACH')
    assert third.values == ("=1+1",)
    assert SECRET not in json.dumps(profile.to_json())


def test_a_table_in_another_encoding_is_read_and_said(cage: Cage, tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes("prijs;naam\n5,5 \x80;Café\n".encode("latin-1"))
    profile = profile_sync(cage, tmp_path / "latin.csv", "latin.csv")
    assert profile.tables[0].columns[0].values == ("5,5 €",)
    assert "Windows-1252" in profile.notes[0]


def test_a_limit_has_a_remedy_for_files(cage: Cage, tmp_path: Path) -> None:
    (tmp_path / "deep.json").write_text('{"a":' + "[" * 200_000)
    assert "describe it by hand" in refused(cage, tmp_path / "deep.json").remedy


def test_publishing_starts_from_a_file_that_cannot_be_profiled(tmp_path: Path) -> None:
    zipped(tmp_path / "bomb.zip", a_shp=bytes(50 * MB))
    assert run(["draft", str(tmp_path / "bomb.zip")]) != 0
    assert not (tmp_path / "bomb.yaml").exists()
    assert run(["publish", str(tmp_path / "bomb.zip")]) == 0
    assert "tables:" not in (tmp_path / "bomb.yaml").read_text("utf-8")


def test_lines_that_do_not_fit_are_said(cage: Cage, tmp_path: Path) -> None:
    (tmp_path / "ragged.csv").write_text("a,b\n1,2\n3\n4,5,6\n7,8\n")
    profile = profile_sync(cage, tmp_path / "ragged.csv", "ragged.csv")
    assert profile.notes == ("some lines do not fit the table and were left out",)
