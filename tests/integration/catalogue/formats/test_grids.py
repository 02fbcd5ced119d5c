"""Drafts of NetCDF files: variables as columns, with the titles, units, times and places that the file has."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
import yaml

from node.adapters.profiles.grids import grid
from node.base.errors import HansaError, InvalidInput
from node.cage.cage import Cage
from node.semantics.profiles.cage_client import profile_sync
from node.semantics.profiles.description import description_of
from node.semantics.profiles.model import Profile, TableProfile

BELGE_LAMBERT = 'PROJCRS["BD72 / Belgian Lambert 72",BASEGEOGCRS["BD72",ID["EPSG",4313]],ID["EPSG",31370]]'


@pytest.fixture(scope="module")
def cage() -> Iterator[Cage]:
    with Cage(width=1) as started:
        yield started


def air(path: Path, form: str = "NETCDF4", *, hours: int = 48, east: float = 3.6) -> None:
    """Two days of nitrogen dioxide on a grid over Ghent, with a mask of land and water."""
    with netCDF4.Dataset(path, "w", format=form) as dataset:
        dataset.title = "Air quality: Ghent"
        dataset.summary = "Hourly nitrogen dioxide by the city's model # version 2"
        dataset.license = "CC BY 4.0"
        for name, size in (("time", hours), ("lat", 4), ("lon", 5), ("nv", 2)):
            dataset.createDimension(name, size)
        time = dataset.createVariable("time", "f8", ("time",))
        time.units, time.calendar, time.bounds = "hours since 2026-11-01 00:00:00", "standard", "time_bnds"
        time[:] = np.arange(hours)
        dataset.createVariable("time_bnds", "f8", ("time", "nv"))[:] = 0
        for name, first, unit in (("lat", 51.0, "degrees_north"), ("lon", east, "degrees_east")):
            axis = dataset.createVariable(name, "f4", (name,))
            axis.units, axis.long_name = unit, f"{name} of the middle of a cell"
            axis[:] = first + 0.01 * np.arange(axis.size)
        crs = dataset.createVariable("crs", "i4", ())
        crs.grid_mapping_name, crs.epsg_code = "latitude_longitude", "EPSG:4326"
        amount = dataset.createVariable("no2", "f4", ("time", "lat", "lon"), fill_value=-999.0)
        amount.units, amount.standard_name, amount.grid_mapping = (
            "ug m-3", "mass_concentration_of_nitrogen_dioxide_in_air", "crs",
        )  # fmt: skip
        cells = np.arange(hours * 20, dtype="f4").reshape(hours, 4, 5)
        cells[0, 0, :3], cells[1, 0, 0] = -999.0, np.nan
        amount[:] = cells
        mask = dataset.createVariable("mask", "i1", ("lat", "lon"))
        mask.long_name, mask.flag_meanings = "kind of surface", "water built_land"
        mask.flag_values = np.array([0, 1], dtype="i1")
        mask[:] = np.arange(20).reshape(4, 5) % 2


def stations(path: Path) -> None:
    """A classic file: names of stations as rows of characters."""
    with netCDF4.Dataset(path, "w", format="NETCDF3_CLASSIC") as dataset:
        dataset.createDimension("station", 3)
        dataset.createDimension("length", 12)
        dataset.createVariable("station_name", "S1", ("station", "length"))[:] = netCDF4.stringtochar(
            np.array(["Ledeberg", "Zuid", "Dampoort"], dtype="S12")
        )
        level = dataset.createVariable("level", "i2", ("station",))
        level.units, level.scale_factor, level.long_name = "m", 0.01, "level of the water"
        level[:] = np.array([1.25, 2.5, 3.75])


def table(profile: Profile, name: str) -> TableProfile:
    return next(table for table in profile.tables if table.name == name)


@pytest.mark.parametrize("form", ["NETCDF4", "NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA"])
def test_each_form_has_the_same_profile(cage: Cage, tmp_path: Path, form: str) -> None:
    air(tmp_path / "air.nc", form)
    profile = profile_sync(cage, tmp_path / "air.nc", "air.nc")
    assert (profile.format, profile.crs) == ("NetCDF", "EPSG:4326")
    assert profile.title == "Air quality: Ghent"
    assert (profile.begins, profile.ends, profile.step) == ("2026-11-01T00:00:00", "2026-11-02T23:00:00", "PT1H")
    assert profile.bbox == (3.6, 51.0, 3.64, 51.03)
    assert [table.name for table in profile.tables] == ["time × lat × lon", "lat × lon"]
    whole = table(profile, "time × lat × lon")
    assert (whole.rows, whole.read) == (960, None)
    time, lat, _, amount = whole.columns
    assert (time.type, time.minimum, time.maximum) == ("datetime", "2026-11-01T00:00:00", "2026-11-02T23:00:00")
    assert (lat.unit, lat.meaning) == ("deg", "lat of the middle of a cell")
    assert (amount.type, amount.unit, amount.empty) == ("number", "ug/m3", 4)
    assert (amount.minimum, amount.maximum) == ("3", "959")
    assert amount.meaning == "mass concentration of nitrogen dioxide in air"
    mask = table(profile, "lat × lon").columns[-1]
    assert (mask.name, mask.type, mask.distinct) == ("mask", "integer", 2)
    assert mask.meaning == "kind of surface (0 = water, 1 = built land)"
    assert profile.notes == ("the file names its licence: CC BY 4.0",)


def test_texts_and_packed_numbers_of_a_classic_file(cage: Cage, tmp_path: Path) -> None:
    stations(tmp_path / "levels.nc")
    profile = profile_sync(cage, tmp_path / "levels.nc", "levels.nc")
    (only,) = profile.tables
    name, level = only.columns
    assert (only.name, only.rows) == ("", 3)
    assert (name.type, name.values, name.complete) == ("text", ("Dampoort", "Ledeberg", "Zuid"), True)
    assert (level.type, level.unit, level.minimum, level.maximum) == ("number", "m", "1.25", "3.75")
    assert profile.notes == ("the file does not say where it is, in degrees",)


def test_the_draft_is_valid_yaml_with_the_words_of_the_file(cage: Cage, tmp_path: Path) -> None:
    air(tmp_path / "air.nc")
    profile = profile_sync(cage, tmp_path / "air.nc", "air.nc")
    draft = yaml.safe_load(description_of(profile, "air.nc", command="hansa publish air.yaml"))
    assert draft["title"] == "Air quality: Ghent"
    assert draft["description"] == "Hourly nitrogen dioxide by the city's model # version 2"
    first, second = draft["files"][0]["tables"]
    assert (first["name"], second["name"]) == ("time × lat × lon", "lat × lon")
    assert first["columns"][3]["description"] == "mass concentration of nitrogen dioxide in air"


def test_longitudes_to_three_hundred_and_sixty(cage: Cage, tmp_path: Path) -> None:
    air(tmp_path / "air.nc", east=359.99)
    assert profile_sync(cage, tmp_path / "air.nc", "air.nc").bbox == pytest.approx(
        (-0.01, 51.0, 0.03, 51.03), abs=1e-4
    )


def edit(change: Callable[[Any], Any]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        air(path)
        with netCDF4.Dataset(path, "a") as dataset:
            change(dataset)

    return write


def projected(dataset: Any) -> None:
    for name in ("lat", "lon"):
        dataset[name].units = "m"
    dataset["crs"].delncattr("epsg_code")
    dataset["crs"].crs_wkt = BELGE_LAMBERT
    dataset.setncatts(
        {"geospatial_lon_min": 3.5, "geospatial_lat_min": 50.9, "geospatial_lon_max": 3.9, "geospatial_lat_max": 51.2}
    )


def test_a_projected_grid_is_where_its_attributes_say(cage: Cage, tmp_path: Path) -> None:
    edit(projected)(tmp_path / "air.nc")
    profile = profile_sync(cage, tmp_path / "air.nc", "air.nc")
    assert (profile.crs, profile.bbox) == ("EPSG:31370", (3.5, 50.9, 3.9, 51.2))


STRANGE: dict[str, tuple[Callable[[Any], Any], str]] = {
    "calendar": (lambda dataset: dataset["time"].setncattr("calendar", "360_day"), "are in the calendar 360_day"),
    "units": (lambda dataset: dataset["time"].setncattr("units", "fortnights since Easter"), "cannot be read"),
    "number": (lambda dataset: dataset["time"].setncattr("calendar", np.arange(3)), "are in the calendar [0, 1, 2]"),
    "far": (lambda dataset: dataset["time"].setncattr("units", "days since 99999999-01-01"), "cannot be read"),
}


@pytest.mark.parametrize("name", STRANGE)
def test_times_that_cannot_be_read_are_said(cage: Cage, tmp_path: Path, name: str) -> None:
    change, words = STRANGE[name]
    edit(change)(tmp_path / "air.nc")
    profile = profile_sync(cage, tmp_path / "air.nc", "air.nc")
    assert profile.begins == profile.ends == profile.step == ""
    assert any(words in note for note in profile.notes)
    assert table(profile, "time × lat × lon").columns[0].type == "number"


def test_a_large_grid_is_read_in_part_and_says_so(cage: Cage, tmp_path: Path) -> None:
    with netCDF4.Dataset(tmp_path / "large.nc", "w") as dataset:
        for name, size in (("layer", 20), ("y", 3000), ("x", 1100)):
            dataset.createDimension(name, size)
        dataset.createVariable("depth", "i2", ("layer", "y", "x"), zlib=True, complevel=1)[:] = 7
    profile = profile_sync(cage, tmp_path / "large.nc", "large.nc")
    (only,) = profile.tables
    assert only.rows == 66_000_000
    assert only.read is not None
    assert 60_000_000 <= only.read < 64_000_000
    assert (only.columns[0].minimum, only.columns[0].distinct) == ("7", 1)


def test_groups_are_paths(cage: Cage, tmp_path: Path) -> None:
    with netCDF4.Dataset(tmp_path / "groups.nc", "w") as dataset:
        group = dataset.createGroup("model").createGroup("run")
        group.createDimension("n", 2)
        group.createVariable("speed", "f4", ("n",))[:] = [1, 2]
    (only,) = profile_sync(cage, tmp_path / "groups.nc", "groups.nc").tables
    assert [column.name for column in only.columns] == ["model/run/speed"]


def test_groups_with_dimensions_of_the_same_name_are_kept_apart(cage: Cage, tmp_path: Path) -> None:
    with netCDF4.Dataset(tmp_path / "groups.nc", "w") as dataset:
        dataset.createDimension("n", 2)
        dataset.createVariable("speed", "f4", ("n",))[:] = [1, 2]
        group = dataset.createGroup("other")
        group.createDimension("n", 3)
        group.createVariable("speed", "f4", ("n",))[:] = [1, 2, 3]
    tables = profile_sync(cage, tmp_path / "groups.nc", "groups.nc").tables
    assert {table.name: table.rows for table in tables} == {"n": 2, "other/n": 3}


def people(path: Path) -> None:
    """Dates of birth and owners, as counts of days and flags."""
    with netCDF4.Dataset(path, "w") as dataset:
        dataset.createDimension("n", 2)
        birth = dataset.createVariable("date_of_birth", "i4", ("n",))
        birth.units = "days since 1950-01-01"
        birth[:] = [3000, 9000]
        keeper = dataset.createVariable("keeper", "i1", ("n",))
        keeper.flag_values, keeper.flag_meanings = np.array([0, 1], dtype="i1"), "Jan_Peeters Marie_Dubois"
        keeper[:] = [0, 1]


def test_personal_data_become_a_question_and_show_nothing(cage: Cage, tmp_path: Path) -> None:
    people(tmp_path / "people.nc")
    profile = profile_sync(cage, tmp_path / "people.nc", "people.nc")
    assert [column.name for _, column in profile.suspects] == ["date_of_birth", "keeper"]
    assert profile.begins == profile.ends == ""
    draft = description_of(profile, "people.nc", command="hansa publish people.yaml")
    assert "personal_data:          # yes or no" in draft
    for secret in ("1958", "1974", "Peeters", "3000"):
        assert secret not in draft, secret


def series(dataset: Any) -> None:
    """A long series, packed along time: each block holds all moments of a few places."""
    dataset.createDimension("time", 4000)
    dataset.createDimension("place", 400)
    level = dataset.createVariable("level_m", "f4", ("time", "place"), zlib=True, chunksizes=(4000, 10))
    level.units = "inch"
    level[:] = 1e-5


def ragged(dataset: Any) -> None:
    dataset.createDimension("n", 2)
    dataset.createVariable("lists", dataset.createVLType(np.int32, "list"), ("n",))[0] = np.array([1, 2], dtype="i4")
    dataset.createVariable("none", "f4", ("n",))


def test_unusual_files_are_profiled_all_the_same(cage: Cage, tmp_path: Path) -> None:
    for name, fill in (("series.nc", series), ("ragged.nc", ragged)):
        with netCDF4.Dataset(tmp_path / name, "w") as dataset:
            fill(dataset)
    (only,) = profile_sync(cage, tmp_path / "series.nc", "series.nc").tables
    assert (only.rows, only.read) == (1_600_000, None)
    assert only.columns[0].unit == "", "an inch is no metre, whatever the name says"
    profile = profile_sync(cage, tmp_path / "ragged.nc", "ragged.nc")
    assert [column.type for column in profile.tables[0].columns] == ["json", "number"]
    profile = profile_sync(cage, tmp_path / "series.nc", "series.nc")
    draft = yaml.safe_load(description_of(profile, "series.nc", command="x"))
    assert draft["files"][0]["tables"][0]["columns"][0]["minimum"] == pytest.approx(1e-5)


def test_a_grid_over_the_date_line_gets_no_place(cage: Cage, tmp_path: Path) -> None:
    air(tmp_path / "air.nc", east=179.99)
    profile = profile_sync(cage, tmp_path / "air.nc", "air.nc")
    assert profile.bbox is None
    assert "it crosses the 180th meridian: its place is for you to write" in profile.notes


def with_external_bytes(path: Path, other: Path) -> None:
    """A file of HDF5 whose variable has its bytes in another file (HDF5, external storage)."""
    (name,) = (Path(netCDF4.__file__).parent.parent / "netcdf4.libs").glob("libhdf5-*")
    hdf5 = ctypes.CDLL(str(name))
    number = ctypes.c_int64
    for function in ("H5Fcreate", "H5Screate_simple", "H5Pcreate", "H5Dcreate2"):
        getattr(hdf5, function).restype = number
    hdf5.H5open()
    file = hdf5.H5Fcreate(str(path).encode(), ctypes.c_uint(2), number(0), number(0))
    space = hdf5.H5Screate_simple(1, (ctypes.c_uint64 * 1)(32), None)
    kind = number(hdf5_constant(hdf5, "H5P_CLS_DATASET_CREATE_ID_g"))
    properties = hdf5.H5Pcreate(kind)
    assert hdf5.H5Pset_external(number(properties), str(other).encode(), ctypes.c_long(0), ctypes.c_uint64(32)) == 0
    byte = number(hdf5_constant(hdf5, "H5T_STD_U8LE_g"))
    data = hdf5.H5Dcreate2(
        number(file), b"v", byte, number(space), number(0), number(properties), number(0)
    )  # fmt: skip
    assert data > 0
    hdf5.H5Dclose(number(data))
    hdf5.H5Fclose(number(file))


def hdf5_constant(hdf5: ctypes.CDLL, name: str) -> int:
    return ctypes.c_int64.in_dll(hdf5, name).value


def test_data_in_another_file_are_not_read(cage: Cage, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_bytes(b"zz the content of another file z")
    with_external_bytes(tmp_path / "outside.nc", tmp_path / "secret.txt")
    with netCDF4.Dataset(tmp_path / "outside.nc") as dataset:
        assert ord("z") in dataset["v"][:], "the library reads the other file, where it can"
    with pytest.raises(InvalidInput) as refusal:
        profile_sync(cage, tmp_path / "outside.nc", "outside.nc")
    assert str(tmp_path) not in refusal.value.detail
    # A process that could read other files, for want of a kernel that hides them, reads none of this kind.
    with pytest.raises(InvalidInput, match="can name other files"):
        grid(tmp_path / "outside.nc", "outside.nc")


def huge_chunk(path: Path) -> None:
    """One compressed piece that unpacks to 1.2 GB, more than a child of the cage may have."""
    with netCDF4.Dataset(path, "w") as dataset:
        size = 150_000_000
        dataset.createDimension("x", size)
        values = dataset.createVariable("a", "f8", ("x",), zlib=True, complevel=1, shuffle=False, chunksizes=(size,))
        values[:10] = 1


def cut(path: Path) -> None:
    air(path)
    path.write_bytes(path.read_bytes()[:5000])


HARMFUL: dict[str, Callable[[Path], Any]] = {
    "head.nc": lambda path: path.write_bytes(b"CDF\x01\0\0"),
    "hdf.nc": lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + b"\xff" * 4000),
    "cut.nc": cut,
    "empty.nc": lambda path: netCDF4.Dataset(path, "w").close(),
    "counts.nc": lambda path: path.write_bytes(b"CDF\x01\0\0\0\0\0\0\0\x0a\x7f\xff\xff\xff" + b"\0" * 100),
}


@pytest.mark.parametrize("name", HARMFUL)
def test_a_damaged_grid_is_refused_with_a_reason(cage: Cage, tmp_path: Path, name: str) -> None:
    HARMFUL[name](tmp_path / name)
    with pytest.raises(InvalidInput) as refusal:
        profile_sync(cage, tmp_path / name, name)
    assert "NetCDF file" in refusal.value.detail
    assert str(tmp_path) not in refusal.value.detail
    assert refusal.value.remedy


def test_a_piece_larger_than_the_memory_costs_one_request(cage: Cage, tmp_path: Path) -> None:
    huge_chunk(tmp_path / "huge.nc")
    with pytest.raises(HansaError) as refusal:
        profile_sync(cage, tmp_path / "huge.nc", "huge.nc")
    assert refusal.value.remedy
    air(tmp_path / "air.nc")
    assert profile_sync(cage, tmp_path / "air.nc", "air.nc").title, "the next one is served"


def test_moments_are_those_of_the_library() -> None:
    """Rounding to seconds does not move a moment: floats of days are no exact seconds."""
    from node.adapters.profiles.grid_times import Calendar

    calendar = Calendar(units="days since 2026-01-01", name="")
    start = datetime(2026, 1, 1)
    for minute in range(0, 1440 * 3, 7):
        assert calendar.moment(minute / 1440) == start + timedelta(minutes=minute)
