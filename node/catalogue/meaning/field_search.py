"""Find the assets with a field that means a term: by their own columns, or by the schema that they conform to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.base.errors import InvalidInput
from node.base.work import UnitOfWork
from node.catalogue.links import RESULTS_JSON, Ask
from node.catalogue.meaning.terms import TermSearch
from node.catalogue.model import Record
from node.catalogue.nquads import iri_term
from node.catalogue.ports import RecordStore
from node.catalogue.visibility import Visibility
from node.identity.model import Caller
from node.vocab.namespaces import CSVW, DCAT, DCT, QUDT

MOST: Final = 200
"""Fields of one answer."""
_TERMS: Final = 12
"""Terms that one question looks for: the one that is asked for, and those aligned with it."""
_ROWS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class MeaningfulField:
    """A field of ``record`` that means ``term``: its name and unit, and the schema that says so, if not itself."""

    record: Record
    name: str
    term: str
    unit: str = ""
    schema: str = ""

    def to_json(self) -> dict[str, Any]:
        members: dict[str, Any] = {
            "iri": self.record.iri,
            "kind": self.record.kind,
            "titles": dict(self.record.titles),
            "publisherName": self.record.publisher_name,
            "field": self.name,
            "term": self.term,
        }
        members |= {word: getattr(self, word) for word in ("unit", "schema") if getattr(self, word)}
        return members


class FieldSearch:
    """Finds fields by their meaning, as far as the caller may see the assets."""

    def __init__(
        self, *, uow: UnitOfWork, records: RecordStore, visibility: Visibility, terms: TermSearch, ask: Ask | None
    ) -> None:
        self._uow = uow
        self._records = records
        self._visibility = visibility
        self._terms = terms
        self._ask = ask

    async def __call__(self, meaning: str, caller: Caller) -> Sequence[MeaningfulField]:
        """Return the fields that mean ``meaning``: the address of a term, or a word of its label or name. Terms that
        are aligned with it count too; datasets come first.

        Raises ``InvalidInput`` for an unusable text, and the errors of the engine.
        """
        iris = await self._meanings(meaning.strip(), caller)
        if self._ask is None or not iris:
            return ()
        body, _ = await self._ask(_query(iris), caller, RESULTS_JSON)
        rows = json.loads(body)["results"]["bindings"]
        return await asyncio.to_thread(self._fields, rows, caller)

    async def _meanings(self, meaning: str, caller: Caller) -> list[str]:
        if "://" in meaning or meaning.startswith("urn:"):
            if len(meaning) > 300 or not iri_term(meaning):
                raise InvalidInput("that is no address of a term", remedy="write the address, or a word of its label")
            iris = [meaning]
        else:
            _, matches = await self._terms.search(meaning, caller, limit=_TERMS)
            iris = [match.term.iri for match in matches if match.term.kind in ("property", "concept", "class")]
            iris += await self._by_name(meaning, caller)
        partners = await self._terms.partners(iris, caller)
        return list(dict.fromkeys([*iris, *(iri for one in iris for iri in sorted(partners.get(one, ())))]))[:_TERMS]

    async def _by_name(self, name: str, caller: Caller) -> list[str]:
        """Return terms with the local name ``name`` that fields have, though no ontology here defines them."""
        if self._ask is None or not name.isalnum():
            return []
        query = (
            f"SELECT DISTINCT ?t WHERE {{ ?c <{CSVW}propertyUrl> ?t . "
            f'FILTER(STRENDS(LCASE(STR(?t)), "/{name.casefold()}") || STRENDS(LCASE(STR(?t)), "#{name.casefold()}")) '
            f"}} LIMIT {_TERMS}"
        )
        body, _ = await self._ask(query, caller, RESULTS_JSON)
        return [row["t"]["value"] for row in json.loads(body)["results"]["bindings"] if row["t"]["type"] == "uri"]

    def _fields(self, rows: Sequence[Mapping[str, Any]], caller: Caller) -> Sequence[MeaningfulField]:
        fields: dict[tuple[str, str], MeaningfulField] = {}
        heads: dict[str, Record | None] = {}
        with self._uow.read() as tx:
            for row in rows:
                values = {name: cell["value"] for name, cell in row.items()}
                iri = values["asset"].partition("#")[0].partition("/files/")[0]
                if iri not in heads:
                    heads[iri] = self._records.get(tx, iri)
                head = heads[iri]
                if head is None or head.withdrawn or not self._visibility.may_see(head, caller):
                    continue
                schema = values.get("schema", "")
                field = MeaningfulField(
                    record=head,
                    name=values.get("name", ""),
                    term=values["term"],
                    unit=values.get("unit", ""),
                    schema="" if schema == iri else schema,
                )
                fields.setdefault((iri, field.name), field)
        return sorted(fields.values(), key=_rank)[:MOST]


def _rank(field: MeaningfulField) -> tuple[bool, str, str]:
    return field.record.kind != "dataset", field.record.iri, field.name


def _query(iris: Sequence[str]) -> str:
    """Return the query. ``iri_term`` refuses every character that could end an IRI."""
    values = f"VALUES ?term {{ {' '.join(map(iri_term, iris))} }}"
    column = f"?column <{CSVW}propertyUrl> ?term . OPTIONAL {{ ?column <{CSVW}name> ?name }} "
    column += f"OPTIONAL {{ ?column <{QUDT}ucumCode> ?unit }}"
    return (
        f"SELECT DISTINCT ?asset ?schema ?name ?unit ?term WHERE {{ {values} {column} "
        f"{{ ?file <{CSVW}tableSchema> ?table . ?table <{CSVW}column> ?column . ?asset <{DCAT}distribution> ?file }} "
        f"UNION {{ ?schema <{CSVW}column> ?column . FILTER NOT EXISTS {{ ?f <{CSVW}tableSchema> ?schema }} "
        f"BIND(?schema AS ?asset) }} "
        f"UNION {{ ?schema <{CSVW}column> ?column . ?asset <{DCT}conformsTo> ?schema . "
        f"FILTER NOT EXISTS {{ ?owner <{DCAT}distribution> ?asset }} }} "
        f"UNION {{ ?schema <{CSVW}column> ?column . ?file <{DCT}conformsTo> ?schema . "
        f"?asset <{DCAT}distribution> ?file }} "
        f"}} LIMIT {_ROWS}"
    )
