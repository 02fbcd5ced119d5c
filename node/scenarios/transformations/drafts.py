"""Draft the mapping between two assets of the catalogue, with the chains that exist; save it as a transformation."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.base.errors import InvalidInput, NotFound, TooMany
from node.base.jsons import read_object
from node.base.turnstile import Turnstile
from node.catalogue.browse import Browse
from node.catalogue.model import Publication
from node.catalogue.publication.publish import Publish
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.scenarios.chain.interfaces import COLUMN_MAPPING
from node.scenarios.model import Transformation
from node.scenarios.tables.mapping_grammar import parse_mapping
from node.scenarios.transformations.chains import TransformationChain, find_chains
from node.scenarios.transformations.column_matches import Alignments, propose
from node.scenarios.transformations.mapping_proposal import MappingProposal
from node.scenarios.transformations.schema_fields import (
    MappingEnd,
    end_of_record,
    schemas_that_describe,
    with_labels,
)
from node.semantics.model import Submission

TERMS: Final = 100
"""Terms whose labels are looked up for one draft."""
AT_ONCE: Final = 2
MOST_CALLERS: Final = 32
LONGEST: Final = 100_000
"""Characters of a definition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingOrder:
    """The assets between which a mapping is asked for, with the role of a model's output or input, and the columns
    that a person chose for fields of the target."""

    source: str
    target: str
    source_role: str = ""
    target_role: str = ""
    choices: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingDraft:
    """A proposed mapping, and the chains of transformations that lead the same way."""

    proposal: MappingProposal
    chains: tuple[TransformationChain, ...]

    def to_json(self, language: str) -> dict[str, Any]:
        chains = [chain.to_json(language) for chain in self.chains]
        return {**self.proposal.to_json(language), "chains": chains}


class DraftMapping:
    """Drafts mappings between assets that the caller may see, and publishes them as transformations."""

    def __init__(
        self,
        *,
        browse: Browse,
        publish: Publish,
        transformations: Callable[[Caller], Awaitable[Sequence[Transformation]]],
    ) -> None:
        """``transformations`` returns the transformations that a caller may see."""
        self._browse = browse
        self._publish = publish
        self._transformations = transformations
        self._turnstile = Turnstile(
            at_once=AT_ONCE,
            most=MOST_CALLERS,
            refusal=lambda: TooMany("many mappings are being drafted just now", remedy="try again in a minute"),
        )

    async def __call__(self, order: MappingOrder, caller: Caller) -> MappingDraft:
        """Return the draft for ``order``. Raises ``NotAllowed``, ``NotFound``, ``InvalidInput`` if one of them does
        not say which fields it has, and ``TooMany``."""
        require(caller, UseCase.PUBLISH)
        if not order.source or not order.target:
            raise InvalidInput(
                "two assets are needed", remedy="name the address of a schema, dataset or model for each end"
            )
        with self._turnstile.admission():
            source = await self._end(order.source, order.source_role, caller, as_source=True)
            target = await self._end(order.target, order.target_role, caller, as_source=False)
            cards = await self._transformations(caller)
            terms = {field.term for field in source.fields if field.term}
            partners = await self._browse.terms.partners(terms, caller) if terms else {}
            async with self._turnstile.turn:
                return await asyncio.to_thread(_draft, source, target, order.choices, cards, partners)

    async def publish(self, fields: Mapping[str, str], caller: Caller) -> Publication:
        """Publish a corrected mapping as a transformation: ``definition`` (JSON), ``from``, ``to``, ``title``,
        ``id``, ``description``. Raises as ``Publish.publish``; ``InvalidInput`` for a definition that is none."""
        require(caller, UseCase.PUBLISH)
        text = fields.get("definition", "")
        if len(text) > LONGEST:
            raise InvalidInput(f"the definition has more than {LONGEST} characters", remedy="map fewer columns")
        definition = read_object(text)
        parse_mapping(definition)
        description: dict[str, Any] = {
            "kind": "transformation",
            "version": "1",
            "language": COLUMN_MAPPING,
            "definition": definition,
        }
        for name in ("id", "title", "description", "from", "to"):
            if fields.get(name, "").strip():
                description[name] = fields[name].strip()
        return await self._publish.publish(Submission(kind="transformation", fields=description), caller)

    async def _end(self, iri: str, role: str, caller: Caller, *, as_source: bool) -> MappingEnd:
        record = await self._browse.record(iri, caller)
        try:
            end = await asyncio.to_thread(end_of_record, record, role, as_source=as_source)
        except InvalidInput:
            schema = await self._schema_of(schemas_that_describe(record), caller)
            if schema is None:
                raise
            end = schema
        terms = tuple(dict.fromkeys(field.term for field in end.fields if field.term))[:TERMS]
        return with_labels(end, await self._browse.terms.labels(terms, caller)) if terms else end

    async def _schema_of(self, schemas: Sequence[str], caller: Caller) -> MappingEnd | None:
        """Return the first of ``schemas`` that is in the catalogue, for a dataset without columns of its own."""
        for iri in schemas:
            try:
                record = await self._browse.record(iri, caller)
                return await asyncio.to_thread(end_of_record, record, "", as_source=True)
            except (NotFound, InvalidInput):
                continue
        return None


def _draft(
    source: MappingEnd,
    target: MappingEnd,
    choices: Mapping[str, str],
    transformations: Sequence[Transformation],
    alignments: Alignments,
) -> MappingDraft:
    proposal = propose(source, target, choices=choices, alignments=alignments)
    chains = find_chains(source.port(), target.port(), transformations)
    return MappingDraft(proposal=proposal, chains=tuple(chains))
