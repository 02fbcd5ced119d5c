"""Carry out transformations: a column mapping here, a SPARQL CONSTRUCT in the cage."""

from __future__ import annotations

import json
from typing import Final

from node.base.errors import InvalidInput, UnsupportedMediaType
from node.cage.model import Limits, SyncCage
from node.scenarios.chain.interfaces import COLUMN_MAPPING, SPARQL
from node.scenarios.model import Rows, Transformation
from node.scenarios.tables.mapping import transform
from node.scenarios.tables.mapping_grammar import parse_mapping
from node.semantics.constructions import check_query, namespace_of

TARGET: Final = "semantics.construct"
CONSTRUCT: Final = Limits(memory=1 << 30, cpu=40, wall=60.0, answer=64 << 20)


class Transformer:
    """Carries out transformations. It blocks."""

    def __init__(self, cage: SyncCage) -> None:
        self._cage = cage

    def __call__(self, card: Transformation, rows: Rows) -> Rows:
        """Return the rows that ``card`` makes of ``rows``. The same rows give the same result.

        Raises ``InvalidInput`` if its definition or the rows do not allow it, ``UnsupportedMediaType`` for a language
        that this node does not know, and ``TooLarge`` and ``Overloaded`` beyond the limits of the cage.
        """
        if card.language == COLUMN_MAPPING:
            return transform(card.definition, rows)
        query = _query(card)
        message = {"query": query, "source": namespace_of(card.sources), "target": namespace_of(card.targets)}
        blob = json.dumps([dict(row) for row in rows]).encode()
        _, (body,) = self._cage.call_sync(TARGET, message, [blob], limits=CONSTRUCT)
        return list(json.loads(body))

    def check(self, card: Transformation) -> None:
        """Raise ``InvalidInput`` if the definition of ``card`` cannot be carried out, whatever the rows are."""
        if card.language == COLUMN_MAPPING:
            parse_mapping(card.definition)
            return
        check_query(_query(card))
        self(card, [])


def _query(card: Transformation) -> str:
    if card.language != SPARQL:
        raise UnsupportedMediaType(
            f"this node cannot carry out transformations in {card.language or 'a language without a name'}",
            remedy=f"write it as {COLUMN_MAPPING} or {SPARQL}",
        )
    if not isinstance(card.definition, str):
        raise InvalidInput("the definition is no query", remedy="write CONSTRUCT { … } WHERE { … }")
    return card.definition
