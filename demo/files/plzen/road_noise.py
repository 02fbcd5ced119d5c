"""Road noise of Plzeň: the level Lden at façades, from the vehicles in the street in front.

Emission after RLS-90 (Richtlinien für den Lärmschutz an Straßen, 1990), spreading by distance, attenuation by green,
and the level of day, evening and night after Directive 2002/49/EC, Annex I. Illustrative, not CNOSSOS: no
reflections, no slopes, no weather. Levels are never averaged: energies are added.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated, Final, Literal, TypedDict

from node.sdk import Crs, Decimals, Kind, Range, Step, Unit, caveat, model

BACKGROUND: Final = 35.0
"""dB(A) that a city has without any street nearby. It keeps the level of a silent street a number."""

CAR_SPEEDS: Final = (30.0, 130.0)
LORRY_SPEEDS: Final = (30.0, 80.0)
"""km/h for which RLS-90 was made; beyond, the nearest speed is reckoned with."""

Part = Literal["day", "evening", "night"]
PARTS: Final[dict[Part, tuple[float, float]]] = {"day": (12, 0.0), "evening": (4, 5.0), "night": (8, 10.0)}
"""Hours and penalty (dB) of the parts of the day, after 2002/49/EC."""

VEHICLE_FLOW: Final = "https://w3id.org/hansa/model#VehicleFlow"
A_WEIGHTED: Final = "https://w3id.org/hansa/model#AWeightedLevel"


class Flow(TypedDict):
    """Vehicles in a street, by part of the day."""

    segmentId: str
    partOfDay: Part
    light: Annotated[float, Unit("{vehicles}/h"), Kind(VEHICLE_FLOW), Range(0), "cars and vans"]
    heavy: Annotated[float, Unit("{vehicles}/h"), Kind(VEHICLE_FLOW), Range(0), "lorries"]
    speed: Annotated[float | None, Unit("km/h"), Range(*CAR_SPEEDS), "mean speed; empty where nothing drives"]


class Receptor(TypedDict):
    """A façade, and the street in front of it."""

    receptorId: str
    segmentId: str
    distance_m: Annotated[float, Unit("m"), Range(5, 200), "from the middle of the street"]
    greenAttenuation_dB: Annotated[float, Unit("dB"), Range(0, 10), "by green between street and façade"]
    residents: Annotated[float, Unit("{persons}"), Range(0)]


class Level(TypedDict):
    """The noise at a façade."""

    receptorId: str
    Lden: Annotated[
        float, Unit("dB[SPL]"), Kind(A_WEIGHTED), Decimals(1), "A-weighted level of day, evening and night"
    ]
    residents: Annotated[float, Unit("{persons}"), Decimals(0)]


def emission(vehicles: float, heavy_percent: float, speed: float) -> float:
    """Mean level at 25 m from the street, in dB(A): Lm25 + Dv of RLS-90.

    ``vehicles`` per hour (more than none), the share of heavy ones in percent, and the speed in km/h.
    """
    return level_25(vehicles, heavy_percent) + speed_correction(heavy_percent, speed)


def level_25(vehicles: float, heavy_percent: float) -> float:
    """Lm25 of RLS-90: at 100 km/h (lorries 80)."""
    return 37.3 + 10 * math.log10(vehicles * (1 + 0.082 * heavy_percent))


def speed_correction(heavy_percent: float, speed: float) -> float:
    """Dv of RLS-90, in dB."""
    cars, lorries = _within(speed, CAR_SPEEDS), _within(speed, LORRY_SPEEDS)
    car = 27.7 + 10 * math.log10(1 + (0.02 * cars) ** 3)
    lorry = 23.1 + 12.5 * math.log10(lorries)
    mixed = (100 + (10 ** (0.1 * (lorry - car)) - 1) * heavy_percent) / (100 + 8.23 * heavy_percent)
    return car - 37.3 + 10 * math.log10(mixed)


def spreading(distance: float) -> float:
    """Ds of RLS-90, in dB: distance and air, relative to 25 m from a long street. The ground is left out."""
    return 15.8 - 10 * math.log10(distance) - 0.0142 * math.pow(distance, 0.9)


def day_evening_night(levels: dict[Part, float]) -> float:
    """Lden of the levels of the three parts of the day, in dB."""
    weighed = [hours * energy(levels[part] + penalty) for part, (hours, penalty) in PARTS.items()]
    return 10 * math.log10(math.fsum(weighed) / 24)


def energy(level: float) -> float:
    """Return a level as an energy, relative to that of 0 dB."""
    return math.pow(10, level / 10)


@model(version="1.0.0", output="levels", title="Road noise")
def road_noise(
    flows: Annotated[list[Flow], Step("PT1H"), "vehicles in an hour of each part of the day"],
    receptors: Annotated[list[Receptor], Crs("EPSG:4326"), "façades with residents"],
    greenFactor: Annotated[float, Unit("1"), Range(0, 2), "multiplies the attenuation by green"] = 1.0,  # noqa: N803
) -> Annotated[list[Level], "level at each façade"]:
    """Compute the noise level Lden at façades from the flow and speed of the vehicles in the street in front."""
    # Several rows for one street and part of the day are several streams of vehicles: their energies add up.
    streets: dict[str, dict[Part, list[float]]] = {}
    for row in flows:
        parts = streets.setdefault(row["segmentId"], {})
        vehicles = row["light"] + row["heavy"]
        if vehicles > 0 and row["speed"] is not None:
            level = emission(vehicles, 100 * row["heavy"] / vehicles, row["speed"])
            parts.setdefault(row["partOfDay"], []).append(energy(level))
    _tell_unknown(streets, receptors)
    return [
        {
            "receptorId": receptor["receptorId"],
            "Lden": _at(receptor, streets.get(receptor["segmentId"], {}), greenFactor),
            "residents": receptor["residents"],
        }
        for receptor in receptors
    ]


def _at(receptor: Receptor, street: dict[Part, list[float]], green_factor: float) -> float:
    lost = spreading(max(1.0, receptor["distance_m"])) - green_factor * receptor["greenAttenuation_dB"]
    carried, rest = energy(lost), energy(BACKGROUND)
    return day_evening_night(
        {part: 10 * math.log10(math.fsum((rest, *(carried * one for one in street.get(part, ()))))) for part in PARTS}
    )


def _tell_unknown(streets: Iterable[str], receptors: list[Receptor]) -> None:
    known = set(streets)
    silent = sum(receptor["segmentId"] not in known for receptor in receptors)
    if silent:
        caveat(
            f"{silent} of {len(receptors)} receptors stand at a street without flows: they hear the background",
            code="no-flow-at-receptor",
            receptors=silent,
        )


def _within(speed: float, bounds: tuple[float, float]) -> float:
    return min(max(speed, bounds[0]), bounds[1])
