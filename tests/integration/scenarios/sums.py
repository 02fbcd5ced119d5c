"""A scenario without a model: one input, a transformation, and the sum of a column."""

from __future__ import annotations

from typing import Any

from tests.nodes import Running, described

MAPPING = "column mapping"


def publish_counting(
    at: Running, slug: str, role: str, column: str, unit: str, *, gives: str, in_unit: str, language: str = MAPPING
) -> str:
    """Publish a scenario whose input ``role`` has ``column`` in ``unit``, and whose figure is the sum of it as
    ``gives`` in ``in_unit``; return its address. As a conversion of units, ``gives`` is ``column``."""
    mapping = {"units": {column: unit}, "keep": ["station"], gives: {"rename": column, "unit": in_unit}}
    transformation: dict[str, Any] = {
        **described(f"{slug}-mapping"),
        "kind": "transformation",
        "version": "1.0.0",
        "language": language,
        "from": "schema/before",
        "to": "schema/after",
        "definition": mapping if language == MAPPING else {column: {"from": unit, "to": in_unit}},
    }
    scenario: dict[str, Any] = {
        **described(slug),
        "kind": "scenario",
        "version": "1.0.0",
        "goal": {"en": "Less."},
        "inputs": [
            {
                "role": role,
                "title": {"en": role.capitalize()},
                "description": {"en": "Observations."},
                "variables": [{"name": column, "unit": unit, "description": {"en": "What is counted."}}],
            }
        ],
        "parameters": [],
        "indicators": [
            {
                "name": gives,
                "title": {"en": gives.capitalize()},
                "unit": in_unit,
                "better": "lower",
                "definition": {"of": "sums.rows", "sum": gives},
            }
        ],
        "chain": [
            {"name": "sums", "uses": f"transformation/{slug}-mapping", "inputs": {"rows": role}, "position": 1},
        ],
    }
    with at.client() as client:
        client.publish({"fields": transformation, "conditions": "open"})
        return str(client.publish({"fields": scenario, "conditions": "open"})["iri"])
