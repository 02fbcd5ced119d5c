"""Read mappings that are written in Turtle: RML of 2014 and of the W3C's community group, and R2RML.

The three vocabularies share most local names, so a property is looked up by its local name in all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Prefixes
from typing import Final

from pyoxigraph import BlankNode, Literal, NamedNode, RdfFormat, Triple, parse

from node.base.errors import InvalidInput, TooLarge
from node.semantics.documents import TURTLE, syntax_of, unreadable
from node.semantics.rml.expressions import r2rml_template
from node.semantics.rml.model import (
    BLANK,
    CSV,
    IRI,
    JSON,
    LITERAL,
    XML,
    Expression,
    Join,
    LogicalSource,
    Mapping,
    PredicateObjects,
    Reference,
    TermMap,
    TriplesMap,
)
from node.semantics.rml.terms import check_iri, check_language
from node.vocab.namespaces import local_name

MOST_BYTES: Final = 1 << 20
MOST_STATEMENTS: Final = 20_000
RR: Final = "http://www.w3.org/ns/r2rml#"
RML_2014: Final = "http://semweb.mmlab.be/ns/rml#"
RML: Final = "http://w3id.org/rml/"
_NO_BASE: Final = "urn:mapping:here"
_VOCABULARIES: Final = (RML, RR, RML_2014)
_FUNCTIONS: Final = (
    "functionExecution", "functionValue", "returnMap", "gather", "gatherAs", "quotedTriplesMap", "starMap",
    "subjectFunction",
)  # fmt: skip
_TERM_TYPES: Final = {
    "IRI": IRI, "UnsafeIRI": IRI, "URI": IRI, "UnsafeURI": IRI, "BlankNode": BLANK, "Literal": LITERAL,
}  # fmt: skip
_FORMS: Final = {"CSV": CSV, "JSONPath": JSON, "XPath": XML, "Table": CSV, "SQL2008Table": CSV, "Rows": CSV}
_SOURCES: Final = (
    "path",
    "url",
    "jdbcDSN",
    "root",
    "endpoint",
    "endpointURL",
    "hasTarget",
    "downloadURL",
    "contentUrl",
)

Node = NamedNode | BlankNode
Object = Node | Literal


def read_turtle(text: str, prefixes: str = "") -> Mapping:
    """Return the mapping in ``text``; ``prefixes`` are declarations that stand before it.

    Raises ``InvalidInput`` with the place, for what is no mapping, and for functions and queries, ``TooLarge``.
    """
    if len(text) > MOST_BYTES:
        raise TooLarge(f"a mapping has at most {MOST_BYTES >> 10} KB", remedy="write a shorter one")
    graph: defaultdict[Node, list[tuple[str, Object]]] = defaultdict(list)
    # The parser gives nodes without a name another one each time; they become names of blank nodes in the result.
    names: dict[BlankNode, BlankNode] = {}
    reader = parse(f"{prefixes} {text}".encode(), format=RdfFormat.TURTLE, base_iri=_NO_BASE)
    try:
        for count, quad in enumerate(reader):
            if count >= MOST_STATEMENTS:
                raise TooLarge(f"a mapping has at most {MOST_STATEMENTS} statements", remedy="write a shorter one")
            subject, value = quad.subject, quad.object
            if isinstance(subject, BlankNode):
                subject = names.setdefault(subject, BlankNode(f"n{len(names)}"))
            if isinstance(value, BlankNode):
                value = names.setdefault(value, BlankNode(f"n{len(names)}"))
            if not isinstance(subject, Triple) and not isinstance(value, Triple):
                graph[subject].append((quad.predicate.value, value))
    except SyntaxError as error:
        raise unreadable(error, syntax_of(TURTLE)) from error
    base = reader.base_iri
    return _Reader(graph, "" if base in (None, _NO_BASE) else str(base)).mapping()


def declarations(prefixes: Prefixes[str, str]) -> str:
    """Return the declarations of ``prefixes``, in one line."""
    return " ".join(f"@prefix {name}: <{address}> ." for name, address in prefixes.items())


class _Reader:
    def __init__(self, graph: defaultdict[Node, list[tuple[str, Object]]], base: str) -> None:
        self._graph = graph
        self._base = base

    def mapping(self) -> Mapping:
        maps: dict[str, TriplesMap] = {}
        for node in sorted(self._graph, key=str):
            if self._objects(node, "logicalSource", "logicalTable") and (
                self._objects(node, "subjectMap", "subject", "predicateObjectMap")
            ):
                maps[_name(node)] = self._triples_map(node)
        if not maps:
            raise InvalidInput(
                "the definition has no triples map", remedy="write rml:logicalSource, rml:subjectMap and so on"
            )
        bases = [value.value for node in self._graph for value in self._objects(node, "baseIRI")]
        return Mapping(maps=maps, base=bases[0] if bases else self._base)

    def _triples_map(self, node: Node) -> TriplesMap:
        name = _name(node)
        subjects = self._objects(node, "subjectMap", "subject")
        if len(subjects) != 1:
            raise InvalidInput(f"{name[:80]} has {len(subjects)} subject maps", remedy="give each triples map one")
        shortcut = bool(self._objects(node, "subject"))
        subject = self._term_map(subjects[0], IRI, constant=shortcut)
        if subject.term_type == LITERAL:
            raise InvalidInput(f"the subjects of {name[:80]} are literals", remedy="make IRIs or blank nodes of them")
        inner = _node(subjects[0]) if not shortcut else None
        classes = self._objects(inner, "class") if inner is not None else []
        graphs = self._maps(inner, "graph", IRI) if inner is not None else []
        return TriplesMap(
            name=name,
            source=self._source(node),
            subject=subject,
            classes=tuple(classes),
            graphs=tuple(_not_literals(graphs, "graph")),
            predicate_objects=tuple(
                self._predicate_objects(_node(part)) for part in self._objects(node, "predicateObjectMap")
            ),
        )

    def _predicate_objects(self, node: Node) -> PredicateObjects:
        predicates = self._maps(node, "predicate", IRI)
        if any(one.term_type != IRI for one in predicates):
            raise InvalidInput("a predicate is no IRI", remedy="make an IRI of it")
        objects: list[TermMap | Join] = []
        for value in self._objects(node, "object"):
            objects.append(self._term_map(value, LITERAL, constant=True))
        for value in self._objects(node, "objectMap"):
            parents = self._objects(_node(value), "parentTriplesMap")
            objects.append(self._join(_node(value), parents[0]) if parents else self._term_map(value, LITERAL))
        if not predicates or not objects:
            raise InvalidInput("a predicate-object map lacks a predicate or an object", remedy="give it both")
        graphs = _not_literals(self._maps(node, "graph", IRI), "graph")
        return PredicateObjects(predicates=tuple(predicates), objects=tuple(objects), graphs=tuple(graphs))

    def _maps(self, node: Node, name: str, kind: str) -> list[TermMap]:
        """Return what ``name`` (constants) and ``nameMap`` of a node say."""
        constants = [self._term_map(value, kind, constant=True) for value in self._objects(node, name)]
        return constants + [self._term_map(value, kind) for value in self._objects(node, f"{name}Map")]

    def _join(self, node: Node, parent: Object) -> Join:
        conditions = []
        for value in self._objects(node, "joinCondition"):
            pair = [self._side(_node(value), side) for side in ("child", "parent")]
            conditions.append((pair[0], pair[1]))
        return Join(parent=_name(parent), conditions=tuple(conditions))

    def _side(self, node: Node, side: str) -> Expression:
        plain = self._objects(node, side)
        if plain:
            return Reference(plain[0].value)
        maps = self._objects(node, f"{side}Map")
        expression = self._expression(_node(maps[0])) if maps else None
        if expression is None:
            raise InvalidInput(f"a join condition lacks its {side}", remedy="write child and parent")
        return expression

    def _term_map(self, value: Object, kind: str, *, constant: bool = False) -> TermMap:
        if constant:
            return TermMap(expression=value, term_type=_kind_of(value))
        node = _node(value)
        for name in _FUNCTIONS:
            if self._objects(node, name):
                raise InvalidInput(
                    "the mapping calls a function, gathers values or quotes statements: not carried out here",
                    remedy="do this in a transformation before or after it, in SQL, SPARQL or Python",
                )
        expression = self._expression(node)
        language = self._first_expression(node, "language", "languageMap")
        datatype = self._first_expression(node, "datatype", "datatypeMap")
        kinds = self._objects(node, "termType")
        if isinstance(expression, Literal) and kinds and _TERM_TYPES.get(local_name(kinds[0].value)) == IRI:
            expression = NamedNode(check_iri(expression.value))
        if isinstance(expression, NamedNode | BlankNode | Literal):
            return TermMap(expression=expression, term_type=_kind_of(expression))
        plain = isinstance(expression, Reference) or language is not None or datatype is not None
        term_type = (
            _TERM_TYPES.get(local_name(kinds[0].value), "")
            if kinds
            else (LITERAL if kind == LITERAL and plain else IRI)
        )
        if not term_type or (expression is None and term_type != BLANK):
            raise InvalidInput(
                f"{_name(node)[:80]} is no term map", remedy="give it a constant, a reference or a template"
            )
        if isinstance(language, Literal):
            check_language(language.value)
        if isinstance(datatype, NamedNode | Literal):
            check_iri(datatype.value)
        if term_type != LITERAL:
            language = datatype = None
        return TermMap(expression=expression, term_type=term_type, language=language, datatype=datatype)

    def _first_expression(self, node: Node, name: str, map_name: str) -> Expression | None:
        constants = self._objects(node, name)
        if constants:
            return constants[0]
        maps = self._objects(node, map_name)
        return self._expression(_node(maps[0])) if maps else None

    def _expression(self, node: Node) -> Expression | None:
        expressions: list[Expression] = list(self._objects(node, "constant"))
        expressions += [Reference(value.value) for value in self._objects(node, "reference", "column")]
        expressions += [r2rml_template(value.value) for value in self._objects(node, "template")]
        if len(expressions) > 1:
            raise InvalidInput(
                f"{_name(node)[:80]} has a constant, a reference and a template at once", remedy="keep one of them"
            )
        return expressions[0] if expressions else None

    def _source(self, node: Node) -> LogicalSource:
        values = self._objects(node, "logicalSource", "logicalTable")
        if len(values) > 1:
            raise InvalidInput(f"{_name(node)[:80]} has {len(values)} sources", remedy="give it one")
        source = _node(values[0])
        if self._objects(source, "query", "sqlQuery"):
            raise InvalidInput(
                "the mapping has a query for a database: a mapping reads its input, and nothing else",
                remedy="do this in a transformation in SQL before it",
            )
        iterators = self._objects(source, "iterator")
        forms = self._objects(source, "referenceFormulation")
        form = _FORMS.get(local_name(forms[0].value), "") if forms else JSON if iterators else CSV
        if not form:
            raise InvalidInput(
                f"the reference formulation {str(forms[0])[:120]} is not known here",
                remedy="use rml:CSV, rml:JSONPath or rml:XPath",
            )
        names = self._objects(source, "source", "tableName")
        name = self._source_name(names[0]) if names else ""
        iterator = iterators[0].value if iterators and form != CSV else ""
        return LogicalSource(name=name or "a source without a name", form=form, iterator=iterator)

    def _source_name(self, value: Object) -> str:
        """Return the name of a source, or the address in its description."""
        if isinstance(value, Literal):
            return value.value
        for predicate, part in self._graph.get(value, ()):
            if local_name(predicate) in _SOURCES and (isinstance(part, Literal) or local_name(predicate) != "root"):
                return part.value
        return value.value if isinstance(value, NamedNode) else "a described source"

    def _objects(self, node: Node, *names: str) -> list[Object]:
        properties = {f"{vocabulary}{name}" for vocabulary in _VOCABULARIES for name in names}
        return [value for predicate, value in self._graph.get(node, ()) if predicate in properties]


def _kind_of(value: Object) -> str:
    return IRI if isinstance(value, NamedNode) else BLANK if isinstance(value, BlankNode) else LITERAL


def _not_literals(maps: Iterable[TermMap], what: str) -> Iterator[TermMap]:
    for term_map in maps:
        if term_map.term_type == LITERAL:
            raise InvalidInput(f"a {what} is a literal", remedy="make an IRI of it")
        yield term_map


def _node(value: Object) -> Node:
    if isinstance(value, Literal):
        raise InvalidInput(f"{value.value[:80]!r} stands where a node should", remedy="write […] or an IRI there")
    return value


def _name(node: Object) -> str:
    return node.value if isinstance(node, NamedNode) else str(node)
