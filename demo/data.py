"""The demonstration's data, made by a seeded generator: the same seed gives the same bytes.

Nothing here was measured anywhere. Streets are a grid laid over the map of Ghent and Plzeň.
"""

from __future__ import annotations

import csv
import io
import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

GENT = (3.7174, 51.0543)
PLZEN = (13.3776, 49.7475)
COLUMNS = 6
ROWS = 3
BRIDGES = (((1, 1), (1, 2)), ((4, 1), (4, 2)))
"""A river runs between the second and the third row of the grid; there are two bridges."""

COUNTERS = ("gent-seg-006", "gent-seg-007", "gent-seg-008", "gent-seg-016")
"""Segments with a counter that delivers live."""

QUARTERS_PER_DAY = 96
CLASSES = ("passengerCar", "van", "lorry", "bicycle")
HEADER = (
    "refRoadSegment,dateObservedFrom,dateObservedTo,laneDirection,vehicleType,"
    "intensity,averageVehicleSpeed,occupancy,quality\n"
)


@dataclass(frozen=True, slots=True)
class Segment:
    """A directed road segment between two nodes of the grid; coordinates in EPSG:4326."""

    id: str
    start: str
    end: str
    length_m: int
    capacity_vph: int
    freeflow_kmh: int
    is_bridge: bool
    line: tuple[tuple[float, float], tuple[float, float]]


def network(seed: int, city: str = "gent", centre: tuple[float, float] = GENT) -> list[Segment]:
    """Forty directed segments on a grid, each street in both directions; one of Ghent's is the bridge of the
    demonstration.

    Every node can be reached from every other, also when one bridge is closed.
    """
    chance = random.Random(f"{seed} network {city}")  # noqa: S311 - made-up data, not secrets
    at = {
        (column, row): (
            round(centre[0] + (column - (COLUMNS - 1) / 2) * 0.0056 + chance.uniform(-6e-4, 6e-4), 6),
            round(centre[1] + (row - (ROWS - 1) / 2) * 0.0036 + chance.uniform(-5e-4, 5e-4), 6),
        )
        for column in range(COLUMNS)
        for row in range(ROWS)
    }
    edges = [((c, r), (c + 1, r)) for r in range(ROWS) for c in range(COLUMNS - 1)]
    edges += [*BRIDGES, *(((c, 0), (c, 1)) for c in (0, 2, 5))]
    capacities = {edge: chance.choice((600, 800, 900)) for edge in edges}
    segments = []
    for number, (a, b) in enumerate([*edges, *(pair[::-1] for pair in edges)], 1):
        edge = (min(a, b), max(a, b))
        main = a[1] == b[1] == 1 or edge in BRIDGES
        segments.append(
            Segment(
                id=f"{city}-seg-{number:03}",
                start=f"{city}-node-{a[0]}{a[1]}",
                end=f"{city}-node-{b[0]}{b[1]}",
                length_m=round(_metres(at[a], at[b])),
                capacity_vph=1800 if main else capacities[edge],
                freeflow_kmh=50 if main else 30,
                is_bridge=edge in BRIDGES,
                line=(at[a], at[b]),
            )
        )
    return segments


def network_geojson(segments: list[Segment]) -> str:
    """Return the network as GeoJSON (RFC 7946)."""
    features = [
        {
            "type": "Feature",
            "id": segment.id,
            "geometry": {"type": "LineString", "coordinates": [list(segment.line[0]), list(segment.line[1])]},
            "properties": {
                "segmentId": segment.id,
                "from": segment.start,
                "to": segment.end,
                "length_m": segment.length_m,
                "capacity_vph": segment.capacity_vph,
                "freeflow_kmh": segment.freeflow_kmh,
                "isBridge": segment.is_bridge,
            },
        }
        for segment in segments
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}, indent=1)


def od_table(seed: int, segments: list[Segment], city: str = "gent") -> str:
    """An origin–destination table: trips in the morning peak hour between the grid's nodes."""
    chance = random.Random(f"{seed} od {city}")  # noqa: S311 - made-up data, not secrets
    nodes = sorted({segment.start for segment in segments} | {segment.end for segment in segments})
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["origin", "destination", "trips_per_hour"])
    for origin in nodes:
        for destination in nodes:
            if origin != destination and chance.random() < 0.4:
                writer.writerow([origin, destination, chance.randint(5, 80)])
    return out.getvalue()


def peak_table(seed: int, segments: list[Segment], city: str = "plzen") -> str:
    """Return the trips in a quarter of an hour of the morning peak in Plzeň's names: origin, the district and the
    node of the destination, vehicles."""
    chance = random.Random(f"{seed} peak {city}")  # noqa: S311 - made-up data, not secrets
    nodes = sorted({segment.start for segment in segments} | {segment.end for segment in segments})
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["zdroj", "cil_obvod", "cil_uzel", "jizdy_15min"])
    for origin in nodes:
        for destination in nodes:
            if origin != destination and chance.random() < 0.4:
                district = f"{city}-{int(destination[-2]) // 2 + 1}"
                writer.writerow([origin, district, destination, chance.randint(1, 20)])
    return out.getvalue()


def counts(seed: int, segments: list[Segment], *, start: datetime, days: int) -> Iterator[str]:
    """Yield traffic counts as pieces of CSV, one row for each segment, quarter of an hour and vehicle class.

    One sensor is silent for two days and another counts too much for a week; the descriptions state this.
    """
    chance = random.Random(f"{seed} counts")  # noqa: S311 - made-up data, not secrets
    share = dict(zip(CLASSES, (0.72, 0.13, 0.05, 0.10), strict=True))
    base = {segment.id: chance.uniform(0.25, 0.8) * segment.capacity_vph / 4 for segment in segments}
    speed = {segment.id: segment.freeflow_kmh for segment in segments}
    silent, damage = segments[4].id, segments[11].id
    yield HEADER
    for quarter in range(days * QUARTERS_PER_DAY):
        begins = start + timedelta(minutes=15 * quarter)
        ends = begins + timedelta(minutes=15)
        shape = _day_shape(begins)
        times = f"{begins:%Y-%m-%dT%H:%M:%SZ},{ends:%Y-%m-%dT%H:%M:%SZ}"
        lines = []
        for segment in segments:
            if segment.id == silent and 10 <= begins.day <= 11:
                continue
            factor = 3.0 if segment.id == damage and begins.day <= 7 else 1.0
            level = base[segment.id] * shape * (0.85 + 0.3 * chance.random())
            kmh = speed[segment.id] * (1 - 0.35 * min(1.0, level * 4 / segment.capacity_vph))
            for name in CLASSES:
                count = int(level * share[name] * factor)
                lines.append(
                    f"{segment.id},{times},forward,{name},{count},{kmh if name != 'bicycle' else 17.0:.1f},"
                    f"{min(0.99, count / 260):.3f},{'suspect' if factor > 1 else 'ok'}\n"
                )
        yield "".join(lines)


def readings(seed: int) -> Iterator[list[dict[str, Any]]]:
    """Yield the vehicles that each counter has counted since it last delivered, and their mean speed, without end."""
    chance = random.Random(f"{seed} counters")  # noqa: S311 - made-up data, not secrets
    while True:
        yield [
            {"segmentId": name, "vehicles": chance.randint(0, 9), "speed": round(chance.uniform(25, 52), 1)}
            for name in COUNTERS
        ]


def receptors(seed: int, city: str, segments: list[Segment], count: int = 40) -> str:
    """Return noise receptors as GeoJSON: façades beside the streets, residents rounded to ten, without addresses."""
    chance = random.Random(f"{seed} receptors {city}")  # noqa: S311 - made-up data, not secrets
    features = []
    for number in range(1, count + 1):
        street = chance.choice(segments)
        distance = chance.randint(8, 60)
        features.append(
            {
                "type": "Feature",
                "id": f"{city}-rec-{number:03}",
                "geometry": {"type": "Point", "coordinates": _beside(street, chance.uniform(0.1, 0.9), distance)},
                "properties": {
                    "receptorId": f"{city}-rec-{number:03}",
                    "segmentId": street.id,
                    "storeys": chance.randint(2, 6),
                    "residents": chance.randint(0, 12) * 10,
                    "distance_m": distance,
                    "greenAttenuation_dB": round(chance.uniform(0, 3), 1),
                    "quietArea": chance.random() < 0.15,
                },
            }
        )
    return json.dumps({"type": "FeatureCollection", "features": features}, indent=1)


def write_counts(
    path: Path, seed: int, segments: list[Segment], *, days: int, sample: Path, sample_rows: int = 100
) -> int:
    """Write the counts and, beside them, their first rows as an open sample; return the number of rows."""
    rows = 0
    head: list[str] = []
    with path.open("w", encoding="utf-8", newline="") as file:
        for piece in counts(seed, segments, start=datetime(2026, 10, 1, tzinfo=UTC), days=days):
            file.write(piece)
            rows += piece.count("\n")
            if len(head) <= sample_rows:
                head += piece.splitlines(keepends=True)
    sample.write_text("".join(head[: sample_rows + 1]), "utf-8")
    return rows - 1


def _day_shape(moment: datetime) -> float:
    """Return how busy a quarter of an hour is, 0 to 1: two peaks on working days, one on other days."""
    hour = moment.hour + moment.minute / 60
    if moment.weekday() < 5:
        peaks = math.exp(-((hour - 8) ** 2) / 3) + 0.9 * math.exp(-((hour - 17) ** 2) / 4)
    else:
        peaks = 0.7 * math.exp(-((hour - 14) ** 2) / 12)
    return 0.06 + 0.94 * min(1.0, peaks)


def _metres(a: tuple[float, float], b: tuple[float, float]) -> float:
    x = (b[0] - a[0]) * 111_320 * math.cos(math.radians(a[1]))
    return math.hypot(x, (b[1] - a[1]) * 110_540)


def _beside(street: Segment, along: float, metres: float) -> list[float]:
    """Return the place ``metres`` to the right of a street, ``along`` its length (0 to 1)."""
    (x0, y0), (x1, y1) = street.line
    scale = 111_320 * math.cos(math.radians(y0))
    east, north = (x1 - x0) * scale, (y1 - y0) * 110_540
    length = math.hypot(east, north)
    return [
        round(x0 + along * (x1 - x0) + metres * north / length / scale, 5),
        round(y0 + along * (y1 - y0) - metres * east / length / 110_540, 5),
    ]
