"""Models for tests of running them: published with their code at real nodes, called over HTTP."""

from __future__ import annotations

import hashlib
from typing import Any

from tests.nodes import Running

STREETS: list[dict[str, Any]] = [
    {"segmentId": "b", "length": 250.0},
    {"segmentId": "a", "length": 1000.0},
]
TIMES = [{"segmentId": "a", "minutes": 12.0}, {"segmentId": "b", "minutes": 3.0}]

WALKING = '''
import time
from typing import Annotated, TypedDict
from node.sdk import Decimals, Range, Unit, caveat, model, progress

class Street(TypedDict):
    segmentId: str
    length: Annotated[float, Unit("m"), Range(1, 5000), "length of the street"]

class Time(TypedDict):
    segmentId: str
    minutes: Annotated[float, Unit("min"), Decimals(2), "time on foot"]

@model(version="1.0.0", output="times")
def walking(
    streets: list[Street],
    speed: Annotated[float, Unit("km/h"), Range(2, 7), "speed on foot"] = 5.0,
    pause: Annotated[float, Unit("s"), Range(0, 60), "seconds to think"] = 0.0,
) -> list[Time]:
    """Time on foot of each street."""
    print("on my way")
    for step in range(int(pause * 20)):
        progress(int(100 * step / (pause * 20)), f"step {step}")
        time.sleep(0.05)
    if speed < 2.5:
        caveat("This is slow.", code="slow")
    if speed == 6.66:
        raise ValueError("the devil is in it")
    return [{"segmentId": s["segmentId"], "minutes": s["length"] / (speed * 1000 / 60)} for s in streets]
'''

COUNTING = '''
from typing import Annotated, TypedDict
from node.sdk import Decimals, Unit, model

class House(TypedDict):
    houseId: str
    street: str
    residents: Annotated[float, Unit("{residents}"), "people who live there"]

class Street(TypedDict):
    street: str
    residents: Annotated[float, Unit("{residents}"), Decimals(0), "people who live there"]

@model(version="1.0.0", output="streets")
def counting(houses: list[House]) -> list[Street]:
    """People of each street."""
    found = {}
    for house in houses:
        found[house["street"]] = found.get(house["street"], 0) + house["residents"]
    return [{"street": street, "residents": count} for street, count in found.items()]
'''


GRID = '''
from typing import Annotated, TypedDict
from node.sdk import Decimals, Range, Unit, model

class Cell(TypedDict):
    name: str
    mode: str
    area: Annotated[float, Unit("km2"), Decimals(3)]
    count: Annotated[int, Unit("1")]
    busy: bool

@model(version="1.0.0", output="cells")
def grid(
    bbox: Annotated[list[float], Unit("deg"), Range(-180, 180), "west, south, east, north"],
    cell: Annotated[float, Unit("m"), Range(10, 1000)],
    names: list[str] = ["x"],
    weights: Annotated[list[float], Unit("1")] = [],
    label: str = "cell",
    busy: bool = False,
) -> list[Cell]:
    """Cells of a rectangle."""
    west, south, east, north = bbox
    area = (east - west) * (north - south)
    return [{"name": n, "mode": label, "area": area, "count": len(weights), "busy": busy} for n in names]
'''


def publish_model(
    node: Running,
    slug: str = "walking",
    *,
    code: str | None = WALKING,
    conditions: Any = "open",
    audience: str | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """Publish a model with its code; what the API answered."""
    with node.client() as client:
        members: dict[str, Any] = {**card(slug), **fields}
        if code is not None:
            path = node.folder / f"{slug}.py"
            path.write_text(code)
            client.upload(path)
            members["code"] = {"name": path.name, "sha256": hashlib.sha256(code.encode()).hexdigest()}
        submission: dict[str, Any] = {"fields": members, "conditions": conditions}
        if audience is not None:
            submission["audience"] = audience
        return client.publish(submission)


def card(slug: str) -> dict[str, Any]:
    """What only people know of a model."""
    return {
        "kind": "model",
        "id": slug,
        "title": slug.replace("-", " ").capitalize(),
        "description": "Computes figures of streets, made up for a test.",
        "contact": {"name": "Mobility department", "email": "mobility@example.org"},
        "owner": {"name": "Mobility department"},
        "theme": "TRAN",
        "license": "CC-BY-4.0",
        "version": "1.0.0",
        "method": {"en": "Length by speed."},
        "validity": {"text": {"en": "Streets of a city."}},
        "intended_use": {"en": "Tests."},
        "limits": {"en": "Knows no hills."},
        "guideline": {"en": "Compare, do not quote."},
        "risk": {"level": "low", "description": {"en": "May be believed."}},
        "calibration": {"text": {"en": "Not calibrated."}},
        "deterministic": True,
    }
