"""A process for pygeoapi that gives the same rows in the form that it is asked for: loaded by pygeoapi itself."""

from __future__ import annotations

from typing import Any

from pygeoapi.process.base import BaseProcessor, ProcessorExecuteError  # type: ignore[import-not-found]

ROWS = [{"id": "a", "minutes": 12}, {"id": "b", "minutes": 5}]
FORMS = {
    "named": {"id": "times", "value": ROWS},
    "map": {"times": ROWS},
    "list": ROWS,
    "object": ROWS[0],
    "features": {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "properties": row, "geometry": None} for row in ROWS],
    },
}
METADATA = {
    "version": "1.0.0",
    "id": "forms",
    "title": {"en": "Forms"},
    "description": {"en": "Rows in the form that is asked for."},
    "keywords": ["forms"],
    "links": [],
    "inputs": {"form": {"title": "form", "schema": {"type": "string"}, "minOccurs": 1, "maxOccurs": 1}},
    "outputs": {"times": {"title": "times", "schema": {"type": "array"}}},
    "example": {"inputs": {"form": "list"}},
}


class Forms(BaseProcessor):  # type: ignore[misc]
    """Refuses any other form by name."""

    control: tuple[str, ...] = ("sync-execute", "async-execute")

    def __init__(self, definition: dict[str, Any]) -> None:
        super().__init__(definition, {**METADATA, "jobControlOptions": list(self.control)})

    def execute(self, data: dict[str, Any], outputs: Any = None) -> tuple[str, Any]:
        if data.get("form") not in FORMS:
            raise ProcessorExecuteError(f"there is no form {data.get('form')}")
        return "application/json", FORMS[data["form"]]


class AtOnce(Forms):
    """The same without jobs."""

    control = ("sync-execute",)
