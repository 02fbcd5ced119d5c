"""Read mappings in YARRRML 1.0, a short form of RML in YAML.

Functions (but ``equal`` in the condition of a join), targets and credentials are refused: a mapping has one input and
one output.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Named
from itertools import product
from typing import Any, Final

from pyoxigraph import BlankNode, Literal, NamedNode

from node.base.errors import InvalidInput, TooLarge
from node.semantics.rml.expressions import yarrrml_template
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
    Template,
    TermMap,
    TriplesMap,
)
from node.semantics.rml.terms import check_iri, check_language
from node.vocab.namespaces import PREFIXES, RDF

MOST_BYTES: Final = 1 << 20
MOST_MAPS: Final = 500
MOST_NESTING: Final = 200
INPUT: Final = "input"
_FORMS: Final = {"csv": CSV, "tsv": CSV, "jsonpath": JSON, "json": JSON, "xpath": XML, "xml": XML}
_KEYS: Final = {
    "sources": ("sources", "source"),
    "subjects": ("subjects", "subject", "s"),
    "predicateobjects": ("predicateobjects", "predicateobject", "po"),
    "predicates": ("predicates", "predicate", "p"),
    "objects": ("objects", "object", "o"),
    "graphs": ("graphs", "graph", "g"),
}
_SIDES: Final = {"str1": "child", "str2": "parent", "grel:valueParameter": "child", "grel:valueParameter2": "parent"}
_EQUAL: Final = ("equal", "idlab-fn:equal")


def read_yarrrml(text: str, prefixes: Named[str, str] | None = None) -> Mapping:
    """Return the mapping in ``text``; ``prefixes`` are known besides those that it declares.

    Raises ``InvalidInput`` with the name of the mapping for what is no YARRRML or is not carried out, ``TooLarge``.
    """
    if len(text) > MOST_BYTES:
        raise TooLarge(f"a mapping has at most {MOST_BYTES >> 10} KB", remedy="write a shorter one")
    document = _yaml(text)
    for name in ("targets", "functions", "external"):
        if document.get(name):
            raise InvalidInput(f"{name} are not carried out here", remedy=f"leave {name} out")
    reader = _Reader(document, {**PREFIXES, **(prefixes or {})})
    mappings = document.get("mappings", document.get("mapping"))
    if not isinstance(mappings, Named) or not mappings:
        raise InvalidInput("there are no mappings", remedy="write mappings: with sources, s: and po:")
    if len(mappings) > MOST_MAPS:
        raise TooLarge(f"there are more than {MOST_MAPS} mappings", remedy="write a shorter one")
    maps: dict[str, TriplesMap] = {}
    for name, body in mappings.items():
        try:
            maps.update((part.name, part) for part in reader.triples_maps(str(name), body))
        except InvalidInput as error:
            raise InvalidInput(f"mapping {name}: {error.detail}"[:400], remedy=error.remedy) from error
    base = document.get("base")
    return Mapping(maps=reader.with_all_parents(maps), base=str(base) if base else "")


def _yaml(text: str) -> Named[str, Any]:
    """Return a document of YAML without aliases: a few of them can mean gigabytes. All values are texts."""
    import yaml

    if _nesting(text) > MOST_NESTING:
        raise TooLarge(f"brackets are nested more than {MOST_NESTING} deep", remedy="write a flatter mapping")
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.AliasEvent):
                raise InvalidInput("aliases (*name) of YAML are not read here", remedy="write the value out")
        document = yaml.load(text, Loader=yaml.CBaseLoader)  # noqa: S506 - texts, lists and objects only
    except (yaml.YAMLError, RecursionError) as error:
        raise InvalidInput(
            f"the mapping is no YAML: {' '.join(str(error).split())[:200]}", remedy="correct it at that place"
        ) from error
    if not isinstance(document, Named):
        raise InvalidInput("the mapping is no object", remedy="write prefixes: and mappings:")
    return document


def _nesting(text: str) -> int:
    """Return how deep brackets are nested, also those in texts: the time that YAML takes grows with its square."""
    depth = deepest = 0
    for match in re.finditer(r"[\[\]{}]", text):
        depth = depth + 1 if match[0] in "[{" else max(0, depth - 1)
        deepest = max(deepest, depth)
    return deepest


class _Reader:
    def __init__(self, document: Named[str, Any], prefixes: Named[str, str]) -> None:
        own_prefixes = document.get("prefixes") or {}
        if not isinstance(own_prefixes, Named):
            raise InvalidInput("prefixes is no object", remedy="write a name and an address in each line")
        self._own_prefixes = {str(name): str(value) for name, value in own_prefixes.items()}
        self._prefixes = {**prefixes, **self._own_prefixes}
        self._sources = document.get("sources") or {}
        self._parts: dict[str, list[str]] = {}

    def triples_maps(self, name: str, body: Any) -> Iterator[TriplesMap]:
        """Yield a triples map for each source and each subject of a mapping."""
        if not isinstance(body, Named):
            raise InvalidInput("it is no object", remedy="write s: and po:")
        _refuse(body, ("condition", "targets"))
        sources = [self._source(part) for part in _list(_value(body, "sources"))] or [LogicalSource(name=INPUT)]
        subjects = [self._subject(part) for part in _list(_value(body, "subjects"))]
        subjects = subjects or [(TermMap(expression=None, term_type=BLANK), ())]
        graphs = tuple(self._term(part, IRI) for part in _list(_value(body, "graphs")))
        parts = [self._predicate_objects(part) for part in _predicate_objects(_value(body, "predicateobjects"))]
        pairs = list(product(sources, subjects))
        self._parts[name] = [name if len(pairs) == 1 else f"{name} {number}" for number in range(1, len(pairs) + 1)]
        for part_name, (source, (subject, own_graphs)) in zip(self._parts[name], pairs, strict=True):
            yield TriplesMap(
                name=part_name,
                source=source,
                subject=subject,
                graphs=(*graphs, *own_graphs),
                predicate_objects=tuple(parts),
            )

    def with_all_parents(self, maps: dict[str, TriplesMap]) -> dict[str, TriplesMap]:
        """Return ``maps`` with each join to a mapping as joins to all of its triples maps."""

        def objects_of(values: Sequence[TermMap | Join]) -> Iterator[TermMap | Join]:
            for value in values:
                if isinstance(value, Join):
                    for name in self._parts.get(value.parent, [value.parent]):
                        yield Join(parent=name, conditions=value.conditions)
                else:
                    yield value

        def with_joins(triples_map: TriplesMap) -> TriplesMap:
            parts = tuple(
                PredicateObjects(
                    predicates=part.predicates, objects=tuple(objects_of(part.objects)), graphs=part.graphs
                )
                for part in triples_map.predicate_objects
            )
            return TriplesMap(
                name=triples_map.name,
                source=triples_map.source,
                subject=triples_map.subject,
                graphs=triples_map.graphs,
                predicate_objects=parts,
            )

        return {name: with_joins(triples_map) for name, triples_map in maps.items()}

    def _source(self, value: Any) -> LogicalSource:
        if isinstance(value, str) and isinstance(self._sources, Named) and value in self._sources:
            value = self._sources[value]
        if isinstance(value, Named):
            for name in ("query", "queryFormulation", "credentials", "type"):
                if value.get(name) and (name != "type" or value[name] != "localfile"):
                    raise InvalidInput(
                        f"a source has {name}: a mapping reads its input, and nothing else",
                        remedy=f"write ['{INPUT}~csv'] or ['{INPUT}~jsonpath', '$.rows[*]']",
                    )
            name, form = str(value.get("access", INPUT)), str(value.get("referenceFormulation", ""))
            iterator = value.get("iterator", "")
        elif isinstance(value, list) and value and all(isinstance(part, str) for part in value):
            (name, _, form), iterator = value[0].rpartition("~") if "~" in value[0] else (value[0], "", ""), ""
            iterator = value[1] if len(value) > 1 else ""
        elif isinstance(value, str):
            name, form, iterator = value, "", ""
        else:
            raise InvalidInput("a source is neither a name nor a list", remedy=f"write ['{INPUT}~csv']")
        form = form.strip().casefold() or ("jsonpath" if iterator else "csv")
        if form not in _FORMS:
            raise InvalidInput(f"{form[:40]} is not read here", remedy="use csv, jsonpath or xpath")
        return LogicalSource(
            name=name.strip() or INPUT, form=_FORMS[form], iterator="" if _FORMS[form] == CSV else str(iterator)
        )

    def _subject(self, value: Any) -> tuple[TermMap, tuple[TermMap, ...]]:
        graphs: tuple[TermMap, ...] = ()
        if isinstance(value, Named):
            _refuse(value, ("function", "fn", "f", "targets", "condition", "quoted"))
            graphs = tuple(self._term(part, IRI) for part in _list(_value(value, "graphs")))
            term_type = BLANK if str(value.get("type", "")).startswith("blank") else IRI
            text = value.get("value")
            if text is None:
                return TermMap(expression=None, term_type=BLANK), graphs
            return self._term(text, term_type), graphs
        return self._term(value, IRI), graphs

    def _predicate_objects(self, value: Any) -> PredicateObjects:
        if isinstance(value, list):
            if len(value) < 2:
                raise InvalidInput("a predicate or an object is missing", remedy="write [predicate, object]")
            value = {
                "p": value[0],
                "o": [
                    {"value": part, **_tail(value[2:])} if not isinstance(part, Named) else part
                    for part in _list(value[1])
                ],
            }
        if not isinstance(value, Named):
            raise InvalidInput("po has something that is no pair", remedy="write [predicate, object]")
        _refuse(value, ("condition",))
        predicates = tuple(
            TermMap(expression=NamedNode(f"{RDF}type"), term_type=IRI) if part == "a" else self._term(part, IRI)
            for part in _list(_value(value, "predicates"))
        )
        typing = any(part.expression == NamedNode(f"{RDF}type") for part in predicates)
        objects = tuple(self._object(part, typing) for part in _list(_value(value, "objects")))
        if not predicates or not objects:
            raise InvalidInput("a predicate or an object is missing", remedy="write [predicate, object]")
        graphs = tuple(self._term(part, IRI) for part in _list(_value(value, "graphs")))
        return PredicateObjects(predicates=predicates, objects=objects, graphs=graphs)

    def _object(self, value: Any, typing: bool) -> TermMap | Join:
        if isinstance(value, list):
            value = {"value": value[0] if value else "", **_tail(value[1:])}
        if not isinstance(value, Named):
            value = {"value": value}
        if "mapping" in value:
            return Join(parent=str(value["mapping"]), conditions=tuple(_conditions(value.get("condition"))))
        _refuse(value, ("function", "fn", "f", "condition", "targets", "quoted", "quotedNonAsserted"))
        kind = str(value.get("type", ""))
        if value.get("value") is None:
            return TermMap(expression=None, term_type=BLANK)
        text = str(value["value"])
        term_type = BLANK if kind.startswith("blank") else IRI if typing or kind == "iri" else LITERAL
        term = self._term(text, term_type)
        if term.term_type != LITERAL:
            return term
        language, datatype = _text(value.get("language")), _text(value.get("datatype"))
        datatype = None if language is not None and datatype == "rdf:langString" else datatype
        if isinstance(term.expression, Literal):
            return TermMap(expression=self._constant(term.expression.value, language, datatype), term_type=LITERAL)
        return TermMap(
            expression=term.expression,
            term_type=LITERAL,
            language=_expression(str(language)) if language is not None else None,
            datatype=_expression(self._whole(str(datatype))) if datatype is not None else None,
        )

    def _constant(self, text: str, language: Any, datatype: Any) -> Literal:
        if language is not None:
            return Literal(text, language=check_language(str(language)))
        if datatype is not None:
            return Literal(text, datatype=NamedNode(check_iri(self._whole(str(datatype)))))
        return Literal(text)

    def _term(self, value: Any, term_type: str) -> TermMap:
        """Return the term map of a text: ``~iri`` at its end makes IRIs of it."""
        if isinstance(value, Named):
            _refuse(value, ("function", "fn", "f", "condition"))
            value = value.get("value", "")
        if not isinstance(value, str):
            raise InvalidInput(f"{str(value)[:60]} is no text", remedy="write a text or a template")
        if value.endswith("~iri"):
            value, term_type = value.removesuffix("~iri"), IRI if term_type != BLANK else BLANK
        expression = yarrrml_template(self._whole(value, plain=term_type == LITERAL).replace("\\:", ":"))
        if isinstance(expression, str):
            if term_type == LITERAL:
                return TermMap(expression=Literal(expression), term_type=LITERAL)
            if term_type == BLANK:
                return TermMap(expression=BlankNode(_label(expression)), term_type=BLANK)
            return TermMap(expression=NamedNode(check_iri(expression)), term_type=IRI)
        return TermMap(expression=expression, term_type=term_type)

    def _whole(self, text: str, *, plain: bool = False) -> str:
        """Return ``text`` with its prefix in full; a ``plain`` text only with a prefix that the mapping declares."""
        prefix, colon, local = text.partition(":")
        known = self._own_prefixes if plain else self._prefixes
        return known[prefix] + local if colon and prefix in known and not local.startswith("//") else text


def _predicate_objects(value: Any) -> list[Any]:
    """Return the pairs of ``po``, which may be one pair without a list around it."""
    if isinstance(value, list) and value and isinstance(value[0], str):
        return [value]
    return _list(value)


def _conditions(value: Any) -> Iterator[tuple[Expression, Expression]]:
    for condition in _list(value):
        if not isinstance(condition, Named) or str(condition.get("function")) not in _EQUAL:
            raise InvalidInput("a join has a condition other than equal", remedy="write function: equal")
        sides: dict[str, Expression] = {}
        parameters = condition.get("parameters")
        for part in parameters if isinstance(parameters, list) else ():
            parameter = [part.get("parameter"), part.get("value")] if isinstance(part, Named) else part
            if not isinstance(parameter, list) or len(parameter) < 2 or str(parameter[0]) not in _SIDES:
                raise InvalidInput("a condition has other parameters than str1 and str2", remedy="write both of them")
            sides[_SIDES[str(parameter[0])]] = _expression(str(parameter[1]))
        if len(sides) != 2:
            raise InvalidInput("a condition lacks str1 or str2", remedy="write both of them")
        yield sides["child"], sides["parent"]


def _expression(text: str) -> Reference | Template | Literal:
    expression = yarrrml_template(text)
    return Literal(expression) if isinstance(expression, str) else expression


def _text(value: Any) -> str | None:
    if isinstance(value, Named | list):
        raise InvalidInput("a language or a datatype is no text", remedy="write it as a text")
    return None if value is None else str(value)


def _tail(values: Sequence[Any]) -> dict[str, Any]:
    """Return what the third part of a pair says: a language (``nl~lang``) or a datatype."""
    if not values or not isinstance(values[0], str):
        return {}
    text = values[0]
    return {"language": text.removesuffix("~lang")} if text.endswith("~lang") else {"datatype": text}


def _refuse(value: Named[str, Any], names: Sequence[str]) -> None:
    for name in names:
        if value.get(name):
            raise InvalidInput(
                f"it has a {name}, which is not carried out here",
                remedy="do this in a transformation before or after it, in SQL, SPARQL or Python",
            )


def _value(body: Named[str, Any], key: str) -> Any:
    return next((body[name] for name in _KEYS[key] if name in body), None)


def _list(value: Any) -> list[Any]:
    return [] if value is None or value == "" else value if isinstance(value, list) else [value]


def _label(text: str) -> str:
    return "c" + "".join(char if char.isalnum() and char.isascii() else f"x{ord(char):x}" for char in text)
