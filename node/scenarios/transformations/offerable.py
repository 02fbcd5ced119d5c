"""Find the transformations that a publisher can offer for a file: those that read the columns that it has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from node.base.errors import InvalidInput, NotFound
from node.catalogue.browse import Browse
from node.catalogue.model import PUBLIC, Record
from node.catalogue.searches import Query
from node.identity.model import Caller
from node.scenarios.chain.interfaces import admits, input_ports, results_of
from node.scenarios.model import Port, Transformation, Variable
from node.scenarios.records.cards import dataset_port, transformation_of
from node.scenarios.records.transformations import MOST_KNOWN
from node.scenarios.transformations.schema_fields import end_of_record, known_unit, schemas_that_describe
from node.semantics.profiles.model import Profile

SCHEMAS: Final = 100
"""Schemas of transformations that are read to compare their fields with columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferableTransformation:
    """A transformation that a file may be given through. ``fits``: it reads the columns that the file has; others are
    there because they were chosen before."""

    iri: str
    titles: Mapping[str, str]
    language: str
    fits: bool


class FindOfferable:
    """Finds transformations for the form about a dataset."""

    def __init__(self, browse: Browse) -> None:
        self._browse = browse

    async def __call__(
        self, source: Profile | Record | None, caller: Caller, *, selection: Sequence[str] = ()
    ) -> Sequence[OfferableTransformation]:
        """Return the transformations that fit a file or a dataset, and those of ``selection``, in the order of their
        titles; only those that everybody may see who sees a dataset of this node."""
        cards = await self._cards(caller, selection)
        ports = await self._ports(source, caller)
        schemas = await self._schemas(cards, caller)
        return await asyncio.to_thread(_offerable, cards, ports, schemas, frozenset(selection))

    async def _cards(self, caller: Caller, selection: Sequence[str]) -> list[Transformation]:
        page = await self._browse.search(Query(kinds=("transformation",), limit=MOST_KNOWN), caller)
        records = {hit.record.iri: hit.record for hit in page.hits}
        for iri in selection:
            if iri not in records and (record := await self._record(iri, caller)) is not None:
                records[iri] = record
        cards = []
        for record in records.values():
            try:
                if record.kind == "transformation" and (record.origin == caller.did or record.audience == PUBLIC):
                    cards.append(transformation_of(record))
            except InvalidInput:
                continue
        return cards

    async def _ports(self, source: Profile | Record | None, caller: Caller) -> list[Port]:
        if isinstance(source, Profile):
            return [
                Port(role="", variables=tuple(_variable(column.name, column.unit) for column in table.columns))
                for table in source.tables
            ]
        if source is None:
            return []
        port = dataset_port(source, "")
        ports = [port]
        if not port.variables:
            ports += [
                replace(described, schemas=port.schemas)
                for iri in schemas_that_describe(source)
                if (described := await self._schema(iri, caller)) is not None
            ]
        return ports

    async def _schemas(self, cards: Sequence[Transformation], caller: Caller) -> dict[str, Port]:
        """Return the fields of the schemas that transformations without columns of their own read, by address."""
        iris = [iri for card in cards for port in input_ports(card) if not port.variables for iri in port.schemas]
        ports = {iri: await self._schema(iri, caller) for iri in list(dict.fromkeys(iris))[:SCHEMAS]}
        return {iri: port for iri, port in ports.items() if port is not None}

    async def _schema(self, iri: str, caller: Caller) -> Port | None:
        record = await self._record(iri, caller)
        try:
            return None if record is None else await asyncio.to_thread(port_of_schema, record)
        except InvalidInput:
            return None

    async def _record(self, iri: str, caller: Caller) -> Record | None:
        try:
            return await self._browse.record(iri, caller)
        except (InvalidInput, NotFound):
            return None


def port_of_schema(record: Record) -> Port:
    """Return the fields of a schema. Raises ``InvalidInput`` if it says nothing of them."""
    return end_of_record(record, as_source=False).port()


def _variable(name: str, unit: str) -> Variable:
    return Variable(name=name, unit=known_unit(unit), quantity=None, required=True)


def _offerable(
    cards: Sequence[Transformation], ports: Sequence[Port], schemas: Mapping[str, Port], selection: frozenset[str]
) -> list[OfferableTransformation]:
    fitting = those_that_fit(cards, ports, schemas.get, offers=selection)
    transformations = [
        OfferableTransformation(iri=card.iri, titles=card.titles, language=card.language, fits=card.iri in fitting)
        for card in cards
    ]
    chosen = [one for one in transformations if one.fits or one.iri in selection]
    return sorted(chosen, key=lambda one: (next(iter(one.titles.values()), one.iri).casefold(), one.iri))


def those_that_fit(
    cards: Sequence[Transformation],
    sources: Sequence[Port],
    fields_of: Callable[[str], Port | None],
    *,
    offers: frozenset[str],
) -> frozenset[str]:
    """Return the addresses of those of ``cards`` that read rows of ``sources``, or what one of the ``offers`` makes
    of them: a consumer may ask for several, one after the other. ``fields_of`` returns the fields of a schema, None
    if they are not known."""
    fitting: set[str] = set()
    ports = list(sources)
    while ports:
        port = ports.pop()
        for card in cards:
            if card.iri not in fitting and _reads(card, port, fields_of):
                fitting.add(card.iri)
                ports += results_of(card, port) if card.iri in offers else ()
    return frozenset(fitting)


def _reads(card: Transformation, source: Port, fields_of: Callable[[str], Port | None]) -> bool:
    for port in input_ports(card):
        if admits(source, port):
            return True
        if not port.variables:
            described = (fields_of(iri) for iri in port.schemas)
            if any(fields is not None and admits(source, fields) for fields in described):
                return True
    return False
