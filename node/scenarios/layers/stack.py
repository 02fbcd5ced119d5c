"""Change layers on the inputs of a run: those of the dataset and file, in their order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Final

from node.base.errors import InvalidInput
from node.scenarios.layers.changes import apply, overlaps
from node.scenarios.model import BoundInput, Layer, Rows

SHOWN: Final = 3
"""The number of places that are named if two layers change the same."""


def of_input(bound: BoundInput, layers: Sequence[Layer]) -> list[Layer]:
    """Return the layers for the dataset and file of ``bound``, in their order."""
    return [layer for layer in layers if layer.target == bound.iri and layer.file == bound.file]


def apply_layers(bound: BoundInput, rows: Rows | None, layers: Sequence[Layer]) -> Rows:
    """Return ``rows`` of ``bound`` with ``layers`` applied. ``rows`` is None if they are not here.

    Raises ``InvalidInput`` if a change does not fit, if the layers identify rows by different members, and if the
    data stay with their owner.
    """
    if rows is None:
        raise InvalidInput(
            f"the data of {bound.role} stay with their owner: a change layer cannot be put on them",
            remedy="remove the layer, or choose data that this node may read",
            facts={"case": "in-place", "input": bound.role},
        )
    rows_after = apply(rows, layers[0].key, layers)
    if rows_after.conflicts:
        first, count = rows_after.conflicts[0], len(rows_after.conflicts)
        told = "a change does not fit the data" if count == 1 else f"{count} changes do not fit the data"
        raise InvalidInput(
            f"{told}: {first.sentence}",
            remedy="compare the three values of each change, and decide: hansa layer show",
            facts={
                "conflicts": [conflict.to_json() for conflict in rows_after.conflicts],
                "case": first.case,
                "row": first.id,
                "member": first.field,
                "seen": first.seen,
                "now": first.now,
                "wanted": first.meant,
                "more": count - 1,
            },
        )
    return rows_after.rows


def overlapping(layers: Sequence[Layer]) -> Iterator[tuple[Layer, Layer, str]]:
    """Yield pairs of layers that change the same thing, the later one second, with a description of the place."""
    for earlier, later in combinations(layers, 2):
        pairs = overlaps(earlier, later)
        if pairs:
            named = [f"{member} of {row}" if member else row for row, member in pairs[:SHOWN]]
            further = f" and {len(pairs) - SHOWN} more" if len(pairs) > SHOWN else ""
            yield earlier, later, ", ".join(named) + further
