"""Scenarios for tests of running them: published at real nodes, over a model of another node."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Protocol

from node.client import HansaClient
from tests.models import WALKING, card
from tests.nodes import described, until

STREETS = b"segmentId,length\nb,250\na,1000\n"
MORE_STREETS = b"segmentId,length\nb,300\na,1000\n"
PATIENCE = 60.0


class Speaks(Protocol):
    """A node of any kind: in this process, or in one of its own."""

    @property
    def url(self) -> str: ...

    @property
    def folder(self) -> Path: ...

    def client(self) -> HansaClient: ...


def publish_walking(at: Speaks, *, conditions: Any = "open") -> str:
    """The model of ``tests.models``, with its code; its IRI."""
    path = at.folder / "walking.py"
    path.write_text(WALKING)
    code = {"name": path.name, "sha256": hashlib.sha256(WALKING.encode()).hexdigest()}
    with at.client() as client:
        client.upload(path)
        fields = {**card("walking"), "code": code}
        return str(client.publish({"fields": fields, "conditions": conditions})["iri"])


def publish_streets(at: Speaks, data: bytes = STREETS, slug: str = "streets", **about: Any) -> str:
    """The streets, or another version of them; their IRI. ``about`` says more of their file."""
    path = at.folder / "streets.csv"
    path.write_bytes(data)
    file = {
        "name": path.name,
        "mediaType": "text/csv",
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        **about,
    }
    with at.client() as client:
        client.upload(path)
        return str(client.publish({"fields": described(slug), "files": [file], "conditions": "open"})["iri"])


def publish_scenario(at: Speaks, model: str) -> str:
    """Streets, a transformation and a scenario over ``model``; the scenario's IRI."""
    publish_streets(at)
    with at.client() as client:
        for fields in (TRANSFORMATION, scenario(model)):
            iri = client.publish({"fields": fields, "conditions": "open"})["iri"]
    return str(iri)


TRANSFORMATION: dict[str, Any] = {
    **described("minutes-to-seconds"),
    "kind": "transformation",
    "version": "1.0.0",
    "language": "column mapping",
    "from": "schema/minutes",
    "to": "schema/seconds",
    "definition": {"units": {"minutes": "min"}, "keep": ["segmentId"], "seconds": {"rename": "minutes", "unit": "s"}},
}


def scenario(model: str) -> dict[str, Any]:
    """The fields of a scenario: streets are walked by ``model``, and the minutes become seconds."""
    return {
        **described("walks"),
        "kind": "scenario",
        "title": {"en": "A walk through the streets", "nl": "Een wandeling"},
        "version": "1.0.0",
        "goal": {"en": "Less time."},
        "inputs": [
            {
                "role": "streets",
                "title": {"en": "Streets"},
                "description": {"en": "Streets."},
                "variables": [{"name": "length", "unit": "m", "description": {"en": "Length."}}],
            }
        ],
        "parameters": [
            {
                "name": "speed",
                "unit": "km/h",
                "default": 5.0,
                "min": 2,
                "max": 7,
                "description": {"en": "Speed on foot."},
            }
        ],
        "indicators": [
            {
                "name": "seconds",
                "title": {"en": "Seconds"},
                "unit": "s",
                "better": "lower",
                "definition": {"of": "seconds.times", "sum": "seconds"},
            }
        ],
        "chain": [
            {"name": "walk", "uses": model, "inputs": {"streets": "streets"}, "position": 1},
            {
                "name": "seconds",
                "uses": "transformation/minutes-to-seconds",
                "inputs": {"times": "walk.times"},
                "position": 2,
            },
        ],
    }


def streets_binding(**parameters: Any) -> dict[str, Any]:
    """A binding to the node's own streets."""
    return {
        "scenario": "scenario/walks",
        "inputs": {"streets": "dataset/streets"},
        **({"parameters": parameters} if parameters else {}),
    }


def layer() -> dict[str, Any]:
    """The long street halved."""
    return {
        "title": "A shorter street",
        "reason": "A bridge",
        "target": "dataset/streets",
        "operations": [{"op": "update", "id": "a", "before": {"length": 1000}, "set": {"length": 500}}],
    }


def ended(at: Speaks, pid: str) -> dict[str, Any]:
    """The run, once it has ended."""

    def look() -> dict[str, Any] | None:
        with at.client() as client:
            run = client.scenarios.run(pid, wait=5)
        return run if run["state"] in ("successful", "failed", "dismissed") else None

    return until("the run ends", look, PATIENCE)


def run(at: Speaks, binding: dict[str, Any] | None = None) -> dict[str, Any]:
    """Start a run and wait for its end."""
    with at.client() as client:
        pid = client.scenarios.start(binding or streets_binding())["pid"]
    return ended(at, pid)
