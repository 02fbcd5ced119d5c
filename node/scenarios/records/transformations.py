"""The transformations that a caller may see."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from node.base.errors import InvalidInput
from node.catalogue.browse import Browse
from node.catalogue.searches import Query
from node.identity.model import Caller
from node.scenarios.model import Transformation
from node.scenarios.records.cards import transformation_of

log = logging.getLogger("hansa.runs")

MOST_KNOWN: Final = 100


class KnownTransformations:
    """Finds transformations in the catalogue; one with an unreadable card is left out and logged."""

    def __init__(self, browse: Browse) -> None:
        self._browse = browse

    async def __call__(self, caller: Caller) -> Sequence[Transformation]:
        page = await self._browse.search(Query(kinds=("transformation",), limit=MOST_KNOWN), caller)
        readable = []
        for hit in page.hits:
            try:
                readable.append(transformation_of(hit.record))
            except InvalidInput as error:
                log.info("%s cannot be used as a transformation: %s", hit.record.iri, error.detail)
        return readable
