"""Read node shapes of SHACL (W3C) as JSON Schema of a row.

A field is called as its ``sh:name`` without language tag says, else as the last part of the address of its property;
the property is its term. Only the constraints of SHACL Core about single values are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pyoxigraph import Dataset, Literal, NamedNode

from node.semantics.documents import parse
from node.semantics.schemas.languages.model import TERM, UNIT, Reader, SchemaDocument, choose, schema_fault
from node.semantics.schemas.languages.names import SHACL
from node.semantics.triples import Node, first_text, items, literals, nodes, objects, subjects_of_type
from node.vocab.namespaces import QUDT, SH, XSD, local_name

BASE: Final = "urn:schema:"
_INTEGERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "integer": {},
    "int": {"format": "int32"},
    "long": {"format": "int64"},
    "short": {"minimum": -32768, "maximum": 32767},
    "byte": {"minimum": -128, "maximum": 127},
    "nonNegativeInteger": {"minimum": 0},
    "positiveInteger": {"minimum": 1},
    "unsignedInt": {"minimum": 0, "maximum": 4294967295},
}
_FORMATS: Final = {
    "date": "date",
    "time": "time",
    "dateTime": "date-time",
    "dateTimeStamp": "date-time",
    "duration": "duration",
    "anyURI": "uri",
    "gYearMonth": "year-month",
}
_BOUNDS: Final = {
    "minInclusive": "minimum",
    "maxInclusive": "maximum",
    "minExclusive": "exclusiveMinimum",
    "maxExclusive": "exclusiveMaximum",
    "minLength": "minLength",
    "maxLength": "maxLength",
}
_LOST: Final = (
    "or",
    "xone",
    "and",
    "not",
    "sparql",
    "qualifiedValueShape",
    "languageIn",
    "uniqueLang",
    "equals",
    "disjoint",
    "lessThan",
    "lessThanOrEquals",
    "hasValue",
    "rule",
)


def read_shacl(body: bytes, media_type: str, part: str = "") -> SchemaDocument:
    """Return a node shape of a document of RDF; without ``part``, the first that no other shape refers to."""
    reader = _ShaclReader(parse(body, media_type, base=BASE))
    shapes = {
        _name(node): node
        for node in subjects_of_type(reader.dataset, f"{SH}NodeShape")
        if nodes(reader.dataset, node, f"{SH}property")
    }
    inner = {_name(quad.object) for quad in reader.dataset if quad.predicate.value == f"{SH}node"}
    roots = tuple(name for name in shapes if name not in inner)
    part_name = choose(shapes, part, roots, "node shape with properties")
    schema = reader.row(shapes[part_name], "", 0)
    return SchemaDocument(
        language=SHACL, schema=schema, part=part_name, parts=tuple(shapes), losses=tuple(reader.losses)
    )


def _name(node: Any) -> str:
    return str(node.value).removeprefix(BASE) if isinstance(node, NamedNode) else str(node)


class _ShaclReader(Reader):
    def __init__(self, dataset: Dataset) -> None:
        super().__init__()
        self.dataset = dataset

    def row(self, shape: Node, path: str, depth: int) -> dict[str, Any]:
        """Return the rows that ``shape`` describes."""
        self.count(depth)
        properties: dict[str, Any] = {}
        obligatory: list[str] = []
        for node in sorted(nodes(self.dataset, shape, f"{SH}property"), key=self._order):
            self._property(node, path, depth, properties, obligatory)
        row: dict[str, Any] = {"type": "object", "properties": properties}
        title = first_text(self.dataset, shape, f"{SH}name", "http://www.w3.org/2000/01/rdf-schema#label")
        if title:
            row["title"] = title
        description = first_text(self.dataset, shape, f"{SH}description")
        if description:
            row["description"] = description
        if obligatory:
            row["required"] = obligatory
        if any(literal.value == "true" for literal in literals(self.dataset, shape, f"{SH}closed")):
            row["additionalProperties"] = False
        self._lose_words(shape, path)
        return row

    def _order(self, node: Node) -> tuple[float, str]:
        text = first_text(self.dataset, node, f"{SH}order")
        try:
            return float(text), ""
        except ValueError:
            return 1e9, str(next(iter(objects(self.dataset, node, f"{SH}path")), node))

    def _property(self, node: Node, path: str, depth: int, properties: dict[str, Any], obligatory: list[str]) -> None:
        self.count(depth)
        target = next(iter(objects(self.dataset, node, f"{SH}path")), None)
        if not isinstance(target, NamedNode):
            self.lose(path, "path")
            return
        untagged = [text.value for text in literals(self.dataset, node, f"{SH}name") if not text.language]
        name = untagged[0] if untagged else local_name(target.value)
        inner = f"{path}.{name}" if path else name
        rules = self._value(node, inner, depth)
        least, most = (self._number(node, word) for word in ("minCount", "maxCount"))
        texts: dict[str, Any] = {TERM: target.value} if not target.value.startswith(BASE) else {}
        title = first_text(self.dataset, node, f"{SH}name")
        if title and title != name:
            texts["title"] = title
        description = first_text(self.dataset, node, f"{SH}description")
        if description:
            texts["description"] = description
        unit = first_text(self.dataset, node, f"{QUDT}ucumCode")
        if unit:
            texts[UNIT] = unit
        if most == 1:
            rules |= texts
        else:
            rules = {"type": "array", "items": rules, **texts}
            if most is not None:
                rules["maxItems"] = most
        properties[name] = rules
        if least:
            obligatory.append(name)
            if least > 1:
                rules["minItems"] = least
        self._lose_words(node, inner)

    def _value(self, node: Node, path: str, depth: int) -> dict[str, Any]:
        shape = next(iter(nodes(self.dataset, node, f"{SH}node")), None)
        if shape is not None and nodes(self.dataset, shape, f"{SH}property"):
            return self.row(shape, path, depth + 1)
        datatype = next(iter(nodes(self.dataset, node, f"{SH}datatype")), None)
        rules = self._datatype(datatype, path)
        kinds = {local_name(kind.value) for kind in nodes(self.dataset, node, f"{SH}nodeKind") if _is_iri(kind)}
        if datatype is None and (kinds & {"IRI", "BlankNodeOrIRI"} or nodes(self.dataset, node, f"{SH}class")):
            rules = {"type": "string", "format": "uri"}
            if nodes(self.dataset, node, f"{SH}class"):
                self.lose(path, "class")
        for word, ours in _BOUNDS.items():
            number = self._number(node, word)
            if number is not None:
                rules[ours] = number
            elif literals(self.dataset, node, f"{SH}{word}"):
                self.lose(path, word)
        pattern = first_text(self.dataset, node, f"{SH}pattern")
        if pattern:
            rules["pattern"] = pattern
            if literals(self.dataset, node, f"{SH}flags"):
                self.lose(path, "flags")
        for head in nodes(self.dataset, node, f"{SH}in"):
            rules["enum"] = [_plain(term) for term in items(self.dataset, head)]
        default = next(iter(literals(self.dataset, node, f"{SH}defaultValue")), None)
        if default is not None:
            rules["default"] = _plain(default)
        return rules

    def _datatype(self, datatype: Node | None, path: str) -> dict[str, Any]:
        if not isinstance(datatype, NamedNode):
            return {}
        name = datatype.value.removeprefix(XSD)
        if name in _INTEGERS:
            return {"type": "integer", **_INTEGERS[name]}
        if name in ("decimal", "double", "float"):
            return {"type": "number", **({"format": name} if name == "float" else {})}
        if name == "boolean":
            return {"type": "boolean"}
        if name == "gYear":
            return {"type": "integer", "format": "year"}
        if name not in ("string", *_FORMATS):
            self.lose(path, f"datatype {datatype.value}")
        return {"type": "string", **({"format": _FORMATS[name]} if name in _FORMATS else {})}

    def _number(self, node: Node, word: str) -> int | float | None:
        for literal in literals(self.dataset, node, f"{SH}{word}"):
            value = _plain(literal)
            if isinstance(value, int | float) and not isinstance(value, bool):
                return value
        return None

    def _lose_words(self, node: Node, path: str) -> None:
        for word in _LOST:
            if objects(self.dataset, node, f"{SH}{word}"):
                self.lose(path, f"sh:{word}")


def _is_iri(node: Node) -> bool:
    return isinstance(node, NamedNode)


def _plain(term: Any) -> Any:
    if not isinstance(term, Literal):
        return term.value if isinstance(term, NamedNode) else str(term)
    name = term.datatype.value.removeprefix(XSD)
    try:
        if name in _INTEGERS:
            return int(term.value)
        if name in ("decimal", "double", "float"):
            number = float(term.value)
            return int(number) if number.is_integer() and name == "decimal" else number
    except ValueError:
        raise schema_fault(SHACL, f"{term.value[:40]} is no number") from None
    return term.value == "true" if name == "boolean" else term.value
