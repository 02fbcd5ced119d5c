"""Data through transformations on their way to a consumer: the part that the agreement gives, step by step.

The rows go from one child of the cage to the next; the node itself does not read them. The part is made before: a
transformation sees nothing that the consumer may not see.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from node.base.errors import HansaError, InvalidInput, NotFound, Overloaded, TooLarge
from node.base.work import UnitOfWork
from node.cage.model import has_full_queue
from node.catalogue.model import Record
from node.catalogue.ports import RecordStore
from node.exchange.ports import AssetStore
from node.scenarios.model import Port, Transformation
from node.scenarios.records.cards import dataset_port, transformation_of
from node.scenarios.transformations.chains import find_chains
from node.scenarios.transformations.transformer import SettledRows, Transformer
from node.semantics.conversions import ENDINGS, MEDIA_TYPES, RESULT, Wish
from node.semantics.profiles.table_queries_client import TablePart
from node.transfer.conversions.model import Convert, Order, Product
from node.transfer.conversions.steps import PinnedStep

LARGEST: Final = 32 << 20
"""Bytes of a part, as CSV or GeoJSON, that goes through a transformation."""
_PLACES: Final = (".geojson", ".gpkg")
_WHOLE: Final = TablePart(None, (), (), "", b"")
_REMEDY: Final = "get the file as it is, and carry out the transformation on it: hansa transform"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertThrough:
    """Makes conversions, those through transformations too. ``convert`` makes those without; ``place`` returns the
    path of a SHA-256."""

    convert: Convert
    transformer: Transformer
    assets: AssetStore
    place: Callable[[str], Path]
    work: UnitOfWork
    records: RecordStore

    async def __call__(self, order: Order) -> Product:
        """Make the file of ``order``. Raises as ``convert``, and the same for rows that do not go through a
        transformation."""
        if not order.steps:
            return await self.convert(order)
        cards = await asyncio.to_thread(self._cards, order.steps)
        part, form = await self._part(order)
        if part.size > LARGEST:
            raise TooLarge(
                f"the part has {part.size >> 20} MB, and up to {LARGEST >> 20} MB go through a transformation",
                remedy=_REMEDY,
            )
        form, body, steps = await asyncio.to_thread(self._carry_out, cards, order.steps, part.sha256, form)
        result = await self.assets.take_in(_pieces(body), limit=max(len(body), 1), trial=True)
        report = {
            "rows": steps[-1]["rows"],
            "crs": "EPSG:4326" if form == "geojson" else "",
            "losses": [],
            "tools": part.report["tools"],
        }
        product = Product(sha256=result.sha256, size=result.size, report=report)
        if form != order.wish.format:
            name = f"{RESULT}{ENDINGS[form]}"
            wish = Wish(order.wish.format)
            product = await self.convert(Order(sha256=product.sha256, name=name, wish=wish, part=_WHOLE))
        return replace(product, report={**product.report, "steps": steps})

    async def _part(self, order: Order) -> tuple[Product, str]:
        """Return the part of the source, and its format: GeoJSON for a file with places, so that rows have geometries
        as everywhere, else CSV."""
        order = replace(order, steps=())
        if order.name.casefold().endswith(_PLACES):
            try:
                return await self.convert(replace(order, wish=Wish("geojson"))), "geojson"
            except InvalidInput:
                # The part has no geometry, or the file none whose place is known.
                pass
        return await self.convert(replace(order, wish=Wish("csv"))), "csv"

    def _cards(self, steps: Sequence[PinnedStep]) -> list[Transformation]:
        with self.work.read() as tx:
            records = [self.records.get(tx, step.iri, version=step.version) for step in steps]
        cards = [transformation_of(record) for record in records if record is not None]
        if len(cards) < len(steps):
            raise NotFound(
                "a transformation is no longer in the catalogue of the provider",
                remedy="get the file as it is, or ask the publisher",
            )
        return cards

    def _carry_out(
        self, cards: Sequence[Transformation], steps: Sequence[PinnedStep], sha256: str, form: str
    ) -> tuple[str, bytes, list[dict[str, Any]]]:
        """Return the format and bytes of the file, and the steps, as a consumer is told about them."""
        report: list[dict[str, Any]] = []
        try:
            rows = self.transformer.read(self.place(sha256).resolve(), MEDIA_TYPES[form])
            for card, step in zip(cards, steps, strict=True):
                result: SettledRows = self.transformer.carry(card, rows)
                rows = result.body
                report.append({**step.to_json(), **_facts(card, result)})
            form, body = self.transformer.write(rows)
        except HansaError as error:
            if isinstance(error, Overloaded) and not has_full_queue(error):
                raise Overloaded(
                    f"the transformation needs more time or memory than there is for one: {error.detail}",
                    remedy=_REMEDY,
                    facts=error.facts,
                ) from error
            if len(cards) > 1 and not isinstance(error, Overloaded):
                detail = f"transformation {min(len(report) + 1, len(cards))} of {len(cards)}: {error.detail}"
                raise type(error)(detail, remedy=error.remedy, facts=error.facts) from error
            raise
        return form, body, report


def _facts(card: Transformation, result: SettledRows) -> Mapping[str, Any]:
    facts = {"language": card.language, "rows": result.count, "output": result.sha256}
    return facts if card.deterministic else {**facts, "deterministic": False}


def chain_to_schema(dataset: Record, schema: str, transformations: Sequence[Record]) -> Sequence[Record]:
    """Return those of ``transformations`` that lead from ``dataset`` to ``schema``, one after the other, the cheapest
    chain; none if they do not. Raises ``InvalidInput`` if the dataset conforms to it already."""
    source = dataset_port(dataset, "")
    if schema in source.schemas:
        raise InvalidInput(f"{dataset.title()} conforms to {schema} already", remedy="get the file as it is")
    cards = []
    for record in transformations:
        try:
            cards.append(transformation_of(record))
        except InvalidInput:
            continue
    chains = find_chains(source, Port(role="", schemas=(schema,)), cards)
    by_iri = {record.iri: record for record in transformations}
    return [by_iri[step.transformation.iri] for step in chains[0].steps] if chains else []


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    yield body
