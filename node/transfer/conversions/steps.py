"""The transformations that a conversion is made through: those of an offer, each in one version."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from node.base.errors import InvalidInput
from node.base.work import Transaction
from node.catalogue.model import PUBLIC, Record
from node.catalogue.ports import RecordStore
from node.semantics.conversions import MOST_OFFERED, Wish
from node.semantics.model import File

FindChain = Callable[[Record, str, Sequence[Record]], Sequence[Record]]
"""Returns those of some transformations that lead from a dataset to a schema (its address), one after the other; none
if they do not. Raises ``InvalidInput`` if the dataset conforms to it already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedStep:
    """A version of a transformation; ``sha256`` is that of its description in canonical form."""

    iri: str
    version: int
    sha256: str

    def to_json(self) -> dict[str, Any]:
        return {"transformation": self.iri, "version": self.version, "sha256": self.sha256}


class OfferedSteps:
    """Finds the transformations that a consumer asks for among those that the publisher offers."""

    def __init__(self, records: RecordStore, find_chain: FindChain) -> None:
        self._records = records
        self._find_chain = find_chain

    def find(self, tx: Transaction, wish: Wish, file: File, dataset: Record) -> tuple[PinnedStep, ...]:
        """Return the transformations for ``wish``, in the order in which they are carried out; none for a wish
        without them. Raises ``InvalidInput`` if the publisher of ``dataset`` does not offer them for ``file``."""
        if not wish.is_transformed:
            return ()
        if not file.through:
            raise InvalidInput(
                f"the publisher gives {file.name} through no transformation",
                remedy="get the file as it is, and carry out the transformation on it: hansa transform",
            )
        choices = {}
        for iri in file.through[:MOST_OFFERED]:
            record = self._records.get(tx, iri)
            if record is not None and is_usable(record, dataset):
                choices[iri] = record
        if wish.schema:
            chain = self._find_chain(dataset, wish.schema, list(choices.values()))
            if not chain:
                raise InvalidInput(
                    f"no transformations that the publisher offers lead from {file.name} to {wish.schema}",
                    remedy=f"name one of those that are offered: {', '.join(choices) or 'none is left'}",
                )
        else:
            for iri in wish.through:
                if iri not in file.through:
                    others = ", ".join(file.through)
                    raise InvalidInput(f"the publisher gives {file.name} through {others}, and not through {iri}")
                if iri not in choices:
                    raise InvalidInput(f"the transformation {iri} is no longer in the catalogue of the provider")
            chain = [choices[iri] for iri in wish.through]
        return tuple(PinnedStep(iri=step.iri, version=step.version, sha256=step.sha256) for step in chain)


def is_usable(transformation: Record, dataset: Record) -> bool:
    """Return whether a record is a transformation that everybody who sees ``dataset`` may know."""
    return (
        transformation.kind == "transformation"
        and not transformation.withdrawn
        and (transformation.origin == dataset.origin or transformation.audience == PUBLIC)
    )
