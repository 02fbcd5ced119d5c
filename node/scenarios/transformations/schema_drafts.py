"""Draft a schema from what is in the catalogue: a dataset with described columns, a model, a class of an ontology."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from node.base.errors import InvalidInput, NotFound
from node.catalogue.browse import Browse
from node.catalogue.meaning.terms import TermDetails
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.scenarios.transformations.schema_fields import end_of_record
from node.semantics.schemas.drafts import of_class, of_columns

MOST_CLASSES: Final = 30
"""Classes above one that are looked through for properties."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaDraft:
    """A draft: the JSON Schema, a title for it, and the class that it describes (empty if there is none)."""

    title: str
    schema: dict[str, Any]
    describes: str = ""

    def to_json(self) -> dict[str, Any]:
        members = {"title": self.title, "definition": self.schema}
        return {**members, "describes": self.describes} if self.describes else members


class DraftSchema:
    """Drafts schemas. Nothing is kept."""

    def __init__(self, *, browse: Browse) -> None:
        self._browse = browse

    async def __call__(self, iri: str, caller: Caller, *, language: str = "en") -> SchemaDraft:
        """Return the draft of a schema for rows like those of ``iri``: a dataset, a model (its only output), or a
        class of an ontology, with the properties of the classes above it.

        Raises ``NotAllowed``, ``NotFound`` if there is neither an asset nor a class of this address, and
        ``InvalidInput`` if it has no columns or properties.
        """
        require(caller, UseCase.PUBLISH)
        try:
            record = await self._browse.record(iri, caller)
        except NotFound:
            return await self._of_class(iri, caller, language)
        end = end_of_record(record, as_source=True)
        columns = [
            {
                "name": field.name,
                "type": next(iter(sorted(field.types)), ""),
                "unit": field.unit,
                "term": field.term or field.quantity,
                "title": field.labels[0] if field.labels else "",
                "required": field.required,
            }
            for field in end.fields
        ]
        return SchemaDraft(title=record.title(), schema=of_columns(columns))

    async def _of_class(self, iri: str, caller: Caller, language: str) -> SchemaDraft:
        details = [await self._browse.terms.term(iri, caller)]
        if details[0].term.kind != "class":
            raise InvalidInput(
                f"{details[0].term.label(language)} is no class", remedy="name a class of an ontology, or a dataset"
            )
        ahead, classes = list(details[0].term.wider), {iri}
        while ahead and len(details) < MOST_CLASSES:
            above = ahead.pop(0)
            if above in classes:
                continue
            classes.add(above)
            try:
                details.append(await self._browse.terms.term(above, caller))
            except NotFound:
                continue
            ahead += details[-1].term.wider
        properties = [
            (term.iri, term.label(language), _text(term.definitions, language), term.range)
            for view in details
            for term in await self._properties(view, caller)
        ]
        if not properties:
            raise InvalidInput(
                f"no property says that it applies to {details[0].term.label(language)}",
                remedy="choose another class, or give its properties a domain (rdfs:domain)",
            )
        unique = list({address: entry for entry in reversed(properties) for address in entry[:1]}.values())[::-1]
        restrictions = [rule for view in details for rule in view.term.restrictions]
        return SchemaDraft(
            title=details[0].term.label(language), schema=of_class(unique, restrictions), describes=iri
        )

    async def _properties(self, view: TermDetails, caller: Caller) -> list[Any]:
        """Return the properties of a class: those with it as domain, and those that its restrictions name."""
        terms = list(view.properties)
        property_iris = {term.iri for term in terms}
        for rule in view.term.restrictions:
            if rule.property_ not in property_iris:
                property_iris.add(rule.property_)
                try:
                    terms.append((await self._browse.terms.term(rule.property_, caller)).term)
                except NotFound:
                    continue
        return terms


def _text(texts: Any, language: str) -> str:
    return str(texts.get(language) or texts.get("en") or next(iter(texts.values()), ""))
