"""Mappings as they are carried out, whatever they were written in: RML, R2RML or YARRRML."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from pyoxigraph import BlankNode, Literal, NamedNode

CSV: Final = "csv"
JSON: Final = "json"
XML: Final = "xml"

IRI: Final = "iri"
BLANK: Final = "blank node"
LITERAL: Final = "literal"

Constant = NamedNode | BlankNode | Literal


@dataclass(frozen=True, slots=True)
class Reference:
    """The values of a column, a JSONPath or an XPath of each record."""

    path: str


@dataclass(frozen=True, slots=True)
class Template:
    """Texts and references, joined."""

    parts: tuple[str | Reference, ...]


Expression = Constant | Reference | Template


@dataclass(frozen=True, slots=True, kw_only=True)
class TermMap:
    """The way in which terms are made; ``term_type`` is ``IRI``, ``BLANK`` or ``LITERAL``. An ``expression`` of None
    is a blank node of its own for each record."""

    expression: Expression | None
    term_type: str
    language: Expression | None = None
    datatype: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """The subjects of another triples map: of the records for which each pair of expressions has the same value; of
    the same record if there are no pairs."""

    parent: str
    conditions: tuple[tuple[Expression, Expression], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PredicateObjects:
    """Each predicate with each object, in each graph."""

    predicates: tuple[TermMap, ...]
    objects: tuple[TermMap | Join, ...]
    graphs: tuple[TermMap, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogicalSource:
    """The place of records: the name of a source, ``CSV``, ``JSON`` or ``XML``, and which parts are records."""

    name: str
    form: str = ""
    iterator: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriplesMap:
    """Statements to make of each record of a source."""

    name: str
    source: LogicalSource
    subject: TermMap
    classes: tuple[Constant, ...] = ()
    graphs: tuple[TermMap, ...] = ()
    predicate_objects: tuple[PredicateObjects, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """Triples maps by name. ``base`` comes before references that are no whole IRI."""

    maps: dict[str, TriplesMap] = field(default_factory=dict)
    base: str = ""
