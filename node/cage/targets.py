"""All functions that may run in the cage, in one table.

A target is named by text because the cage is below the rooms that contain these functions: the import linter cannot
see these edges, so a test imports each of them. A target has the signature ``def target(message: dict[str, Any],
blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]``, takes and returns JSON values and bytes only, and raises
``node.base.errors`` for errors of the caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TARGETS: Final[Mapping[str, str]] = {
    "entities.load": "node.adapters.profiles.entity_loads:load",
    "features.query": "node.adapters.profiles.filters.features:ask",
    "graph.ask_files": "node.adapters.graph.stored_graphs:ask",
    "graph.infer": "node.adapters.graph.in_cage:draw_inferences",
    "graph.query": "node.adapters.graph.in_cage:query",
    "graph.query_records": "node.adapters.graph.in_cage:query_records",
    "scenarios.look_at_libraries": "node.scenarios.models.in_cage:look_at_libraries",
    "scenarios.run_function": "node.scenarios.models.in_cage:run_function",
    "scenarios.run_model": "node.scenarios.models.in_cage:run",
    "profiles.profile": "node.adapters.profiles.in_cage:profile",
    "table.query": "node.adapters.profiles.table_queries:ask",
    "scenes.read": "node.adapters.profiles.scenes.in_cage:read",
    "scenes.tile": "node.adapters.profiles.scenes.in_cage:tile",
    "semantics.check_file": "node.semantics.schemas.file_check:caged_check",
    "semantics.construct": "node.semantics.constructions:caged_construct",
    "semantics.cut": "node.semantics.harvest.in_cage:cut_file",
    "semantics.describe": "node.semantics.in_cage:describe",
    "semantics.describe_all": "node.semantics.in_cage:describe_all",
    "semantics.describe_model": "node.scenarios.models.in_cage:describe_code",
    "semantics.examine": "node.semantics.harvest.in_cage:examine_batch",
    "semantics.frame": "node.semantics.framings:caged_frame",
    "semantics.match": "node.semantics.schemas.patterns:caged_match",
    "semantics.read_schema": "node.semantics.schemas.languages.readers:caged_read",
    "semantics.parse": "node.semantics.documents:caged_parse",
    "transformations.coordinates": "node.adapters.profiles.coordinates:move",
    "transformations.map": "node.scenarios.transformations.in_cage:map_columns",
    "transformations.parquet": "node.adapters.profiles.parquet_rows:read_file",
    "transformations.read": "node.scenarios.transformations.in_cage:read_file",
    "transformations.rml": "node.scenarios.transformations.rml_in_cage:map_statements",
    "transformations.settle": "node.scenarios.transformations.in_cage:settle",
    "transformations.write": "node.scenarios.transformations.in_cage:write_file",
    "transformations.select": "node.adapters.profiles.row_queries:caged_select",
    "tables.features": "node.adapters.profiles.features:read",
    "tables.load": "node.adapters.profiles.table_loads:load",
    "tables.outline": "node.scenarios.tables.outlines:outline",
    "tables.read": "node.adapters.profiles.rows:read",
}

CODE: Final = frozenset(
    {
        "scenarios.look_at_libraries",
        "scenarios.run_function",
        "scenarios.run_model",
        "semantics.describe_model",
    }
)
"""Targets that run a stranger's code: they need more barriers (``node.cage.barriers``), and see less."""
