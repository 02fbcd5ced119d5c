"""Read XML Schema (XSD 1.0) as JSON Schema of a row: the children and attributes of one global element.

There is no document type, no entity and no file of others: ``include`` and ``import`` are named and not followed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from xml.etree import ElementTree

from node.semantics.documents import RDF_XML, scan, syntax_of
from node.semantics.schemas.languages.model import Reader, SchemaDocument, choose, schema_fault
from node.semantics.schemas.languages.names import XSD

NAMESPACE: Final = "http://www.w3.org/2001/XMLSchema"
_NS: Final = f"{{{NAMESPACE}}}"
_MAX_DEPTH: Final = 100
_INTEGERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "integer": {},
    "int": {"format": "int32"},
    "long": {"format": "int64"},
    "short": {"minimum": -32768, "maximum": 32767},
    "byte": {"minimum": -128, "maximum": 127},
    "nonNegativeInteger": {"minimum": 0},
    "positiveInteger": {"minimum": 1},
    "nonPositiveInteger": {"maximum": 0},
    "negativeInteger": {"maximum": -1},
    "unsignedLong": {"minimum": 0},
    "unsignedInt": {"minimum": 0, "maximum": 4294967295},
    "unsignedShort": {"minimum": 0, "maximum": 65535},
    "unsignedByte": {"minimum": 0, "maximum": 255},
}
_FORMATS: Final = {
    "date": "date",
    "time": "time",
    "dateTime": "date-time",
    "duration": "duration",
    "anyURI": "uri",
    "gYearMonth": "year-month",
    "base64Binary": "binary",
    "hexBinary": "binary",
}
_FACETS: Final = {
    "minInclusive": "minimum",
    "maxInclusive": "maximum",
    "minExclusive": "exclusiveMinimum",
    "maxExclusive": "exclusiveMaximum",
    "minLength": "minLength",
    "maxLength": "maxLength",
}


def read_xsd(body: bytes, part: str = "") -> SchemaDocument:
    """Return the global element ``part`` of a schema; without it, the first that has children."""
    reader = _XsdReader(_root(body))
    element_name = choose(reader.elements, part, reader.roots(), "element")
    schema = reader.element(reader.elements[element_name], element_name, 0)
    if "properties" not in schema:
        schema = {"type": "object", "properties": {element_name: schema}, "required": [element_name]}
    elif schema.get("type") == "array":
        schema = schema["items"]
    if reader.definitions:
        schema = {**schema, "$defs": reader.definitions}
    return SchemaDocument(
        language=XSD, schema=schema, part=element_name, parts=tuple(reader.elements), losses=tuple(reader.losses)
    )


def _root(body: bytes) -> ElementTree.Element:
    parser: ElementTree.XMLPullParser[Any] = ElementTree.XMLPullParser(["start", "end"])
    depth = 0
    root: ElementTree.Element | None = None
    try:
        parser.feed(scan(body, syntax_of(RDF_XML)))
        parser.close()
        events: Iterator[Any] = parser.read_events()
        for event, element in events:
            root = element if root is None else root
            depth += 1 if event == "start" else -1
            if depth > _MAX_DEPTH:
                raise schema_fault(XSD, f"it has more than {_MAX_DEPTH} elements inside each other")
    except ElementTree.ParseError as error:
        line, column = error.position
        raise schema_fault(XSD, f"line {line}, column {column + 1}: it is no XML") from error
    if root is None or root.tag != f"{_NS}schema":
        raise schema_fault(XSD, "the root is not xs:schema")
    return root


class _XsdReader(Reader):
    def __init__(self, root: ElementTree.Element) -> None:
        super().__init__()
        self.elements = _by_name(root, "element")
        self.definitions: dict[str, Any] = {}
        self._complex = _by_name(root, "complexType")
        self._simple = _by_name(root, "simpleType")
        self._groups = _by_name(root, "group")
        self._attribute_groups = _by_name(root, "attributeGroup")
        for word in ("include", "import", "redefine", "override"):
            for element in root.findall(f"{_NS}{word}"):
                self.lose("", f"{word} {element.get('schemaLocation', element.get('namespace', ''))}")

    def roots(self) -> tuple[str, ...]:
        """Return the global elements with children, those first that no other refers to."""
        rows = [name for name, element in self.elements.items() if self._type_of(element) is not None]
        text = {child.get("ref", "").rpartition(":")[2] for e in self._all() for child in e.iter(f"{_NS}element")}
        return tuple(sorted(rows, key=lambda name: (name in text, rows.index(name))))

    def _all(self) -> Iterator[ElementTree.Element]:
        for table in (self.elements, self._complex, self._groups):
            yield from table.values()

    def _type_of(self, element: ElementTree.Element) -> ElementTree.Element | None:
        inline = element.find(f"{_NS}complexType")
        return inline if inline is not None else self._complex.get(_local(element.get("type")))

    def element(self, element: ElementTree.Element, path: str, depth: int) -> dict[str, Any]:
        """Return the schema of the value of an element."""
        self.count(depth)
        name = _local(element.get("type"))
        inline = element.find(f"{_NS}complexType")
        if inline is not None:
            rules = self._row(inline, path, depth)
        elif name in self._complex:
            if depth == 0:
                rules = self._row(self._complex[name], path, depth)
            else:
                if name not in self.definitions:
                    self.definitions[name] = {}
                    self.definitions[name] = self._row(self._complex[name], path, depth)
                rules = {"$ref": f"#/$defs/{name}"}
        else:
            simple = element.find(f"{_NS}simpleType")
            rules = self._restriction(simple, path, depth) if simple is not None else self._of_name(name, path, depth)
        if element.get("nillable") == "true" and isinstance(rules.get("type"), str):
            rules["type"] = [rules["type"], "null"]
        if element.get("fixed") is not None:
            rules["const"] = _value(element.get("fixed") or "", rules)
        words = element.findtext(f"{_NS}annotation/{_NS}documentation")
        if words and words.strip():
            rules["description"] = " ".join(words.split())[:2000]
        return rules

    def _of_name(self, name: str, path: str, depth: int) -> dict[str, Any]:
        if name in self._simple:
            return self._restriction(self._simple[name], path, depth + 1)
        if name in _INTEGERS:
            return {"type": "integer", **_INTEGERS[name]}
        if name in ("decimal", "double", "float"):
            return {"type": "number", **({"format": "float"} if name == "float" else {})}
        if name == "boolean":
            return {"type": "boolean"}
        if name == "gYear":
            return {"type": "integer", "format": "year"}
        if name in ("", "anyType", "anySimpleType"):
            return {}
        return {"type": "string", **({"format": _FORMATS[name]} if name in _FORMATS else {})}

    def _restriction(self, simple: ElementTree.Element, path: str, depth: int) -> dict[str, Any]:
        self.count(depth)
        restriction = simple.find(f"{_NS}restriction")
        if restriction is None:
            self.lose(path, "list" if simple.find(f"{_NS}list") is not None else "union")
            return {"type": "string"}
        inner = restriction.find(f"{_NS}simpleType")
        base = _local(restriction.get("base"))
        rules = (
            self._restriction(inner, path, depth + 1) if inner is not None else self._of_name(base, path, depth + 1)
        )
        choices, patterns = [], []
        for facet in restriction:
            word, value = facet.tag.removeprefix(_NS), facet.get("value", "")
            if word == "enumeration":
                choices.append(_value(value, rules))
            elif word == "pattern":
                patterns.append(value)
            elif word == "length" and value.isdigit():
                rules |= {"minLength": int(value), "maxLength": int(value)}
            elif word in _FACETS and _number(value) is not None:
                rules[_FACETS[word]] = _number(value)
            elif word not in ("annotation", "whiteSpace", "simpleType"):
                self.lose(path, word)
        if choices:
            rules["enum"] = choices
        if patterns:
            rules["pattern"] = "^(?:" + "|".join(patterns) + ")$"
        return rules

    def _row(self, kind: ElementTree.Element, path: str, depth: int) -> dict[str, Any]:
        properties: dict[str, Any] = {}
        obligatory: list[str] = []
        self._content(kind, path, depth, properties, obligatory, optional=False)
        row: dict[str, Any] = {"type": "object", "properties": properties}
        if obligatory:
            row["required"] = obligatory
        return row

    def _content(
        self,
        holder: ElementTree.Element,
        path: str,
        depth: int,
        properties: dict[str, Any],
        obligatory: list[str],
        *,
        optional: bool,
    ) -> None:
        self.count(depth)
        for child in holder:
            word = child.tag.removeprefix(_NS) if isinstance(child.tag, str) else ""
            may_miss = optional or child.get("minOccurs") == "0"
            inner = (child, path, depth + 1, properties, obligatory)
            if word == "element":
                self._child(child, path, depth, properties, obligatory, optional=may_miss)
            elif word == "attribute" and child.get("use") != "prohibited":
                name = child.get("name") or _local(child.get("ref"))
                properties[name] = self.element(child, f"{path}.{name}", depth + 1)
                if child.get("use") == "required":
                    obligatory.append(name)
            elif word in ("sequence", "all"):
                self._content(*inner, optional=may_miss)
            elif word == "choice":
                self.lose(path, "choice")
                self._content(*inner, optional=True)
            elif word in ("complexContent", "simpleContent"):
                self._content(*inner, optional=optional)
            elif word in ("extension", "restriction"):
                self._extension(child, path, depth, properties, obligatory, optional=optional)
            elif word in ("group", "attributeGroup"):
                table = self._groups if word == "group" else self._attribute_groups
                target = table.get(_local(child.get("ref")))
                if target is not None:
                    self._content(target, path, depth + 1, properties, obligatory, optional=may_miss)
            elif word in ("any", "anyAttribute", "assert", "openContent"):
                self.lose(path, word)

    def _extension(
        self,
        child: ElementTree.Element,
        path: str,
        depth: int,
        properties: dict[str, Any],
        obligatory: list[str],
        *,
        optional: bool,
    ) -> None:
        base = _local(child.get("base"))
        if base in self._complex and child.tag == f"{_NS}extension":
            self._content(self._complex[base], path, depth + 1, properties, obligatory, optional=optional)
        elif base not in self._complex and base != "anyType":
            properties["value"] = self._of_name(base, path, depth + 1)
            obligatory.append("value")
        self._content(child, path, depth + 1, properties, obligatory, optional=optional)

    def _child(
        self,
        child: ElementTree.Element,
        path: str,
        depth: int,
        properties: dict[str, Any],
        obligatory: list[str],
        *,
        optional: bool,
    ) -> None:
        name = child.get("name") or _local(child.get("ref"))
        target = self.elements.get(name, child) if child.get("ref") else child
        rules = self.element(target, f"{path}.{name}", depth + 1)
        most = child.get("maxOccurs", "1")
        if most != "1":
            rules = {"type": "array", "items": rules, **({"maxItems": int(most)} if most.isdigit() else {})}
        properties[name] = rules
        if not optional:
            obligatory.append(name)


def _by_name(root: ElementTree.Element, word: str) -> dict[str, ElementTree.Element]:
    return {element.get("name", ""): element for element in root.findall(f"{_NS}{word}") if element.get("name")}


def _local(name: str | None) -> str:
    return (name or "").rpartition(":")[2]


def _number(text: str) -> int | float | None:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return None


def _value(text: str, rules: Mapping[str, Any]) -> Any:
    number = _number(text) if rules.get("type") in ("integer", "number") else None
    return text if number is None else number
