"""The demonstration's models against figures that others published, and against themselves."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from demo import data
from node.sdk import call, find_model

FILES = Path(data.__file__).parent / "files"
Rows = list[dict[str, Any]]
BRIDGE = "gent-seg-017"


def loaded(path: str) -> types.ModuleType:
    """The model as the cage runs it: from its source, leaving nothing beside it."""
    module = types.ModuleType(f"demo_{Path(path).stem}")
    sys.modules[module.__name__] = module
    exec(compile((FILES / path).read_bytes(), path, "exec", dont_inherit=True), module.__dict__)
    return module


@pytest.fixture(scope="module")
def assignment() -> Any:
    return loaded("gent/traffic_assignment.py")


@pytest.fixture(scope="module")
def noise() -> Any:
    return loaded("plzen/road_noise.py")


def braess(assignment: Any, *, middle: bool) -> tuple[list[float], float, float]:
    """The network of Braess (1968) with demand 6: flows, total time, gap."""
    link = assignment.Link
    # 10 v, 50 + v, 50 + v, 10 v and 10 + v, written as t0 (1 + alpha v / 1).
    links = [link("1", "3", 1e-8, 1, 1e9, 1), link("1", "4", 50, 1, 0.02, 1)]
    links += [link("3", "2", 50, 1, 0.02, 1), link("4", "2", 1e-8, 1, 1e9, 1)]
    if middle:
        links.append(link("3", "4", 10, 1, 0.1, 1))
    solved = assignment.Assignment(links, {("1", "2"): 6.0})
    gap = solved.solve()
    return solved.flows(), math.fsum(one.flow * one.cost for one in links), gap


def test_the_equilibrium_is_that_of_braess(assignment: Any) -> None:
    flows, total, gap = braess(assignment, middle=True)
    assert flows == pytest.approx([4, 2, 2, 4, 2], abs=1e-6)
    assert total == pytest.approx(552, abs=1e-5)
    assert gap <= 1e-10
    flows, total, _ = braess(assignment, middle=False)
    assert flows == pytest.approx([3, 3, 3, 3], abs=1e-6)
    assert total == pytest.approx(498, abs=1e-5), "closing a road makes everybody faster"


def test_travel_time_follows_the_bpr_function(assignment: Any) -> None:
    link = assignment.Link("a", "b", 0.1, 1000)
    for flow, expected in ((0, 0.1), (500, 0.1 * (1 + 0.15 / 16)), (1000, 0.115), (2000, 0.1 * (1 + 0.15 * 16))):
        link.load(float(flow))
        assert link.cost == pytest.approx(expected, rel=1e-12)
    link.load(800.0)
    step = 1e-3
    before = link.cost
    slope = link.slope
    link.load(800.0 + step)
    assert (link.cost - before) / step == pytest.approx(slope, rel=1e-4)


def city(name: str, seed: int = 2026) -> tuple[list[data.Segment], Rows, Rows, Rows]:
    segments = data.network(seed, name, {"gent": data.GENT, "plzen": data.PLZEN}[name])
    network = [one["properties"] for one in json.loads(data.network_geojson(segments))["features"]]
    trips = list(csv.DictReader(io.StringIO(data.od_table(seed, segments, name))))
    receptors = [one["properties"] for one in json.loads(data.receptors(seed, name, segments))["features"]]
    return segments, network, trips, receptors


def closed(network: Rows, segment: str) -> Rows:
    return [{**row, "capacity_vph": 0} if row["segmentId"] == segment else row for row in network]


def peak(flows: Rows) -> dict[str, float]:
    """Vehicles in the hour from eight, by segment."""
    peaks: dict[str, float] = {}
    for row in flows:
        if row["quarter"][:3] == "08:":
            peaks[row["segmentId"]] = peaks.get(row["segmentId"], 0.0) + row["intensity"]
    return peaks


def test_a_run_tells_at_most_ten_times_how_far_it_is(assignment: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    messages: list[str] = []
    monkeypatch.setattr(assignment, "progress", lambda percent, text: messages.append(text))
    _, network, trips, _ = city("gent")
    call(find_model(assignment), {"network": network, "trips": trips}, {})
    assert len(messages) <= 10
    assert (messages[0], messages[-1]) == ("demand at 5% of the busiest hour", "demand at 100% of the busiest hour")


def test_every_trip_arrives_and_the_answer_is_the_same_each_time(assignment: Any) -> None:
    model = find_model(assignment)
    segments, network, trips, _ = city("gent")
    result = call(model, {"network": network, "trips": trips})
    flows = result.outputs["flows"]
    assert len(flows) == 40 * 96 * 3
    assert result.caveats == []
    assert call(model, {"network": network, "trips": trips}).outputs["flows"] == flows
    # What flows into a node and starts there flows out of it or ends there.
    busy, balance = peak(flows), {node: 0.0 for one in segments for node in (one.start, one.end)}
    for one in segments:
        balance[one.start] -= busy[one.id]
        balance[one.end] += busy[one.id]
    for row in trips:
        balance[row["origin"]] += float(row["trips_per_hour"])
        balance[row["destination"]] -= float(row["trips_per_hour"])
    assert max(map(abs, balance.values())) < 0.5, "within the rounding of the rows"
    hours = math.fsum(row["vehicleHours"] for row in flows)
    assert 1000 < hours < 4000


def test_a_closed_bridge_carries_nothing_and_costs_time(assignment: Any) -> None:
    model = find_model(assignment)
    _, network, trips, _ = city("gent")
    before = call(model, {"network": network, "trips": trips}).outputs["flows"]
    after = call(model, {"network": closed(network, BRIDGE), "trips": trips})
    assert peak(before)[BRIDGE] > 300, "the bridge of the story is used"
    assert peak(after.outputs["flows"])[BRIDGE] == 0
    assert after.caveats == [], "there is another bridge"
    spent = [math.fsum(row["vehicleHours"] for row in rows) for rows in (before, after.outputs["flows"])]
    assert spent[1] > spent[0] * 1.02


def test_trips_without_an_open_road_are_told(assignment: Any) -> None:
    model = find_model(assignment)
    _, network, trips, _ = city("gent")
    without = [row for row in network if not row["isBridge"]]
    result = call(model, {"network": without, "trips": trips})
    (caveat,) = result.caveats
    assert caveat["code"] == "unserved-trips"
    assert 0 < caveat["facts"]["trips"] < sum(float(row["trips_per_hour"]) for row in trips)
    assert "find no open road" in caveat["sentence"]
    nowhere = [{"origin": "here", "destination": "there", "trips_per_hour": 10}]
    result = call(model, {"network": network, "trips": nowhere})
    assert result.caveats[0]["facts"] == {"trips": 10, "pairs": 1}
    assert {row["intensity"] for row in result.outputs["flows"]} == {0.0}
    assert call(model, {"network": [], "trips": []}).outputs["flows"] == []


def test_more_demand_is_slower(assignment: Any) -> None:
    model = find_model(assignment)
    _, network, trips, _ = city("plzen")
    given = {"network": network, "trips": trips}
    once, twice = (call(model, given, {"demandFactor": factor}).outputs["flows"] for factor in (1, 2))
    assert min(row["averageVehicleSpeed"] for row in twice) < min(row["averageVehicleSpeed"] for row in once)
    assert sum(peak(twice).values()) > 1.9 * sum(peak(once).values())


def test_emission_and_spreading_are_those_of_rls_90(noise: Any) -> None:
    heavy = 400 / 123
    assert noise.level_25(1230, heavy) == pytest.approx(69.22567, abs=5e-6)
    assert noise.speed_correction(heavy, 30) == pytest.approx(-7.68939, abs=5e-6)
    assert noise.emission(1230, heavy, 30) == pytest.approx(61.53628, abs=5e-6)
    assert noise.spreading(50) == pytest.approx(-1.66983, abs=5e-6)
    assert noise.speed_correction(heavy, 12) == noise.speed_correction(heavy, 30), "beyond the range, its edge"
    assert noise.speed_correction(0, 100) == pytest.approx(0, abs=0.1), "cars at 100 km/h are the reference"


def test_the_level_of_day_evening_and_night_weighs_energies(noise: Any) -> None:
    lden = noise.day_evening_night
    assert lden({"day": 60, "evening": 55, "night": 50}) == pytest.approx(60, abs=1e-9)
    averaged = (12 * 70 + 4 * (40 + 5) + 8 * (40 + 10)) / 24
    assert lden({"day": 70, "evening": 40, "night": 40}) > averaged + 7, "loud hours count, levels are not averaged"


def hourly(segment: str, *, light: float = 400, heavy: float = 20, speed: float | None = 50) -> Rows:
    return [
        {"segmentId": segment, "partOfDay": part, "light": light, "heavy": heavy, "speed": speed}
        for part in ("day", "evening", "night")
    ]


def receptor(**changes: Any) -> dict[str, Any]:
    row = {"receptorId": "r", "segmentId": "s", "distance_m": 20, "greenAttenuation_dB": 2.0, "residents": 30}
    return {**row, **changes}


def level(noise: Any, flows: Rows, *, green: float = 1.0, **changes: Any) -> float:
    answer = call(find_model(noise), {"flows": flows, "receptors": [receptor(**changes)]}, {"greenFactor": green})
    (row,) = answer.outputs["levels"]
    assert row["residents"] == 30
    return float(row["Lden"])


def test_noise_grows_with_traffic_and_falls_with_distance_speed_and_green(noise: Any) -> None:
    base = level(noise, hourly("s"))
    assert 60 < base < 75
    assert level(noise, hourly("s", light=800, heavy=40)) == pytest.approx(base + 3, abs=0.11), "twice the vehicles"
    assert level(noise, hourly("s") + hourly("s")) == pytest.approx(base + 3, abs=0.11), "two streams: energies add"
    assert level(noise, hourly("s"), distance_m=80) < base - 5
    assert level(noise, hourly("s", speed=30)) < base - 2
    assert level(noise, hourly("s"), green=2.0) == pytest.approx(base - 2, abs=0.11)
    assert level(noise, hourly("s", heavy=200)) > base + 3


def test_a_street_without_vehicles_is_quiet_and_says_why(noise: Any) -> None:
    quiet = level(noise, hourly("s", light=0, heavy=0, speed=None))
    assert quiet == pytest.approx(41.4, abs=0.05), "35 dB all day and night, weighed as Lden"
    model = find_model(noise)
    result = call(model, {"flows": hourly("other"), "receptors": [receptor(), receptor(segmentId="other")]})
    assert result.outputs["levels"][0]["Lden"] == quiet
    assert result.caveats[0]["facts"] == {"receptors": 1}


def test_speeds_outside_the_range_are_warned_of(noise: Any) -> None:
    result = call(find_model(noise), {"flows": hourly("s", speed=24.5), "receptors": [receptor()]})
    (told,) = result.caveats
    assert told["code"] == "outside-validity"
    assert "speed of flows leaves the range of validity 30–130 km/h in 3 of 3 rows" in told["sentence"]


@pytest.mark.parametrize("name", ["gent", "plzen"])
def test_the_cities_are_made_alike_from_a_seed(name: str) -> None:
    segments, network, trips, receptors = city(name)
    assert (len(segments), len(network), len(receptors)) == (40, 40, 40)
    assert city(name)[1:] == (network, trips, receptors)
    known = {one.id for one in segments}
    assert {row["segmentId"] for row in receptors} <= known
    assert all(row["residents"] % 10 == 0 for row in receptors)
    assert any(row["residents"] == 0 for row in receptors), "something for the rule of small cells to hold back"
    assert sum(one.is_bridge for one in segments) == 4
    reversed_ = {(one.end, one.start) for one in segments}
    assert {(one.start, one.end) for one in segments} == reversed_, "each street in both directions"


def test_another_seed_gives_another_city() -> None:
    assert city("gent", 1)[1] != city("gent", 2)[1]
