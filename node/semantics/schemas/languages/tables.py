"""Read and write the schemas of tables: Table Schema (Frictionless) and the columns of CSV on the Web (W3C)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from node.semantics.schemas.formats import WRITTEN
from node.semantics.schemas.languages.model import (
    TERM,
    UNIT,
    UNIT_WORDS,
    Reader,
    SchemaDocument,
    choose,
    schema_fault,
)
from node.semantics.schemas.languages.names import CSVW, TABLE_SCHEMA
from node.vocab.namespaces import PREFIXES

_TABLE_TYPES: Final[Mapping[str, Mapping[str, Any]]] = {
    "string": {"type": "string"},
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "object": {"type": "object"},
    "array": {"type": "array"},
    "list": {"type": "array"},
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string", "format": "time"},
    "datetime": {"type": "string", "format": "date-time"},
    "duration": {"type": "string", "format": "duration"},
    "year": {"type": "integer", "format": "year"},
    "yearmonth": {"type": "string", "format": "year-month"},
    "geopoint": {"type": "string", "format": "geopoint"},
    "geojson": {"type": "object", "format": "geojson"},
    "any": {},
}
_TEXT_FORMATS: Final = {"email": "email", "uri": "uri", "uuid": "uuid", "binary": "binary"}
_BOUNDS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "pattern")

_CSVW_TYPES: Final[Mapping[str, Mapping[str, Any]]] = {
    "string": {"type": "string"},
    "normalizedString": {"type": "string"},
    "token": {"type": "string"},
    "anyURI": {"type": "string", "format": "uri"},
    "boolean": {"type": "boolean"},
    "integer": {"type": "integer"},
    "int": {"type": "integer", "format": "int32"},
    "long": {"type": "integer", "format": "int64"},
    "short": {"type": "integer", "minimum": -32768, "maximum": 32767},
    "byte": {"type": "integer", "minimum": -128, "maximum": 127},
    "nonNegativeInteger": {"type": "integer", "minimum": 0},
    "positiveInteger": {"type": "integer", "minimum": 1},
    "unsignedInt": {"type": "integer", "minimum": 0, "maximum": 4294967295},
    "unsignedLong": {"type": "integer", "minimum": 0},
    "number": {"type": "number"},
    "decimal": {"type": "number"},
    "double": {"type": "number", "format": "double"},
    "float": {"type": "number", "format": "float"},
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string", "format": "time"},
    "datetime": {"type": "string", "format": "date-time"},
    "dateTime": {"type": "string", "format": "date-time"},
    "dateTimeStamp": {"type": "string", "format": "date-time"},
    "duration": {"type": "string", "format": "duration"},
    "gYear": {"type": "integer", "format": "year"},
    "gYearMonth": {"type": "string", "format": "year-month"},
    "json": {"type": "object"},
    "any": {},
}
_CSVW_BOUNDS: Final = (
    ("minimum", "minimum"),
    ("minInclusive", "minimum"),
    ("maximum", "maximum"),
    ("maxInclusive", "maximum"),
    ("minExclusive", "exclusiveMinimum"),
    ("maxExclusive", "exclusiveMaximum"),
    ("minLength", "minLength"),
    ("maxLength", "maxLength"),
)
_CSVW_LOST: Final = ("aboutUrl", "valueUrl", "lang", "ordered", "textDirection")
_TABLE_LOST: Final = ("primaryKey", "foreignKeys", "uniqueKeys")
_DEFAULT_MISSING: Final[tuple[list[str], ...]] = ([], [""])


def read_table_schema(document: Mapping[str, Any], part: str = "") -> SchemaDocument:
    """Return a Table Schema, or that of a resource of a Data Package, as JSON Schema of a row."""
    resources = document.get("resources")
    parts: dict[str, Any] = {}
    table = ""
    if isinstance(resources, list):
        for number, resource in enumerate(resources, 1):
            if isinstance(resource, Mapping) and isinstance(resource.get("schema"), Mapping):
                parts[str(resource.get("name") or number)] = resource["schema"]
        table = choose(parts, part, (), "resource with a schema")
        document = parts[table]
    fields = document.get("fields")
    if not isinstance(fields, list):
        raise schema_fault(TABLE_SCHEMA, "fields is no list")
    reader = Reader()
    properties: dict[str, Any] = {}
    obligatory = []
    for place, field in enumerate(fields, 1):
        reader.count(0)
        name = field.get("name") if isinstance(field, Mapping) else None
        if not isinstance(name, str) or not name:
            raise schema_fault(TABLE_SCHEMA, f"field {place} has no name")
        properties[name] = _table_field(field, name, reader)
        constraints = field.get("constraints")
        if isinstance(constraints, Mapping) and constraints.get("required") is True:
            obligatory.append(name)
    for word in _TABLE_LOST:
        if document.get(word):
            reader.lose("", word)
    if document.get("missingValues", [""]) not in _DEFAULT_MISSING:
        reader.lose("", "missingValues")
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    schema |= {word: document[word] for word in ("title", "description") if isinstance(document.get(word), str)}
    if obligatory:
        schema["required"] = obligatory
    if document.get("fieldsMatch", ["subset"]) in ("exact", ["exact"]):
        schema["additionalProperties"] = False
    return SchemaDocument(
        language=TABLE_SCHEMA, schema=schema, part=table, parts=tuple(parts), losses=tuple(reader.losses)
    )


def _table_field(field: Mapping[str, Any], name: str, reader: Reader) -> dict[str, Any]:
    kind = field.get("type", "string")
    if not isinstance(kind, str) or kind not in _TABLE_TYPES:
        raise schema_fault(TABLE_SCHEMA, f"{name[:80]} has the unknown type {str(kind)[:40]}")
    rules = dict(_TABLE_TYPES[kind])
    form = field.get("format", "default")
    if form not in ("default", "any", None):
        if kind == "string" and form in _TEXT_FORMATS:
            rules["format"] = _TEXT_FORMATS[form]
        else:
            reader.lose(name, f"format {form}")
    if form not in ("default", None) and kind != "string":
        rules[WRITTEN] = str(form)[:200]
    for word in ("title", "description", "example"):
        if isinstance(field.get(word), str):
            rules["examples" if word == "example" else word] = [field[word]] if word == "example" else field[word]
    if isinstance(field.get("rdfType"), str):
        rules[TERM] = field["rdfType"]
    _put_unit(rules, field)
    _put_constraints(rules, field.get("constraints"), name, reader)
    for word in ("decimalChar", "groupChar", "bareNumber", "trueValues", "falseValues", "categories"):
        if word in field:
            reader.lose(name, word)
    return rules


def _put_constraints(rules: dict[str, Any], constraints: Any, name: str, reader: Reader) -> None:
    for word, value in constraints.items() if isinstance(constraints, Mapping) else ():
        if word in _BOUNDS and (word == "pattern" or _is_number(value)):
            rules[word] = value
        elif word == "enum" and isinstance(value, list):
            rules["enum"] = value
        elif word == "required":
            continue
        else:
            reader.lose(name, str(word))


def read_csvw(document: Mapping[str, Any], part: str = "") -> SchemaDocument:
    """Return the columns of a table of CSV on the Web as JSON Schema of a row."""
    reader = Reader()
    parts, table, description = _csvw_table(document, part)
    columns = description.get("columns") if isinstance(description, Mapping) else None
    if not isinstance(columns, list):
        raise schema_fault(CSVW, "it has no columns; a description at another address is not fetched")
    properties: dict[str, Any] = {}
    obligatory = []
    for place, column in enumerate(columns, 1):
        reader.count(0)
        if not isinstance(column, Mapping):
            raise schema_fault(CSVW, f"column {place} is no object")
        labels = _labels(column.get("titles"))
        name = str(column.get("name") or next(iter(labels), ""))
        if not name:
            raise schema_fault(CSVW, f"column {place} has no name")
        if column.get("virtual") is True:
            reader.lose(name, "virtual")
            continue
        properties[name] = _csvw_column(column, name, labels, reader)
        if column.get("required") is True:
            obligatory.append(name)
    for word in ("primaryKey", "foreignKeys", "rowTitles", "aboutUrl"):
        if description.get(word):
            reader.lose("", word)
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if obligatory:
        schema["required"] = obligatory
    return SchemaDocument(language=CSVW, schema=schema, part=table, parts=tuple(parts), losses=tuple(reader.losses))


def _csvw_table(document: Mapping[str, Any], part: str) -> tuple[dict[str, Any], str, Any]:
    tables = document.get("tables")
    if not isinstance(tables, list):
        return {}, "", document.get("tableSchema", document)
    parts = {
        str(table.get("url") or number): table["tableSchema"]
        for number, table in enumerate(tables, 1)
        if isinstance(table, Mapping) and isinstance(table.get("tableSchema"), Mapping)
    }
    table = choose(parts, part, (), "table with columns")
    return parts, table, parts[table]


def _csvw_column(column: Mapping[str, Any], name: str, labels: list[str], reader: Reader) -> dict[str, Any]:
    rules = _csvw_type(column.get("datatype", "string"), name, reader)
    texts: dict[str, Any] = {"title": labels[0]} if labels and labels[0] != name else {}
    for word in ("dc:description", "dct:description", "description", "rdfs:comment"):
        text = column.get(word)
        text = text.get("@value") if isinstance(text, Mapping) else text
        if isinstance(text, str):
            texts.setdefault("description", text)
    term = column.get("propertyUrl")
    if isinstance(term, str) and _expand(term):
        texts[TERM] = _expand(term)
    elif term is not None:
        reader.lose(name, f"propertyUrl {term}")
    _put_unit(texts, {**column, "unit": column.get("qudt:ucumCode", column.get("unit"))})
    if isinstance(column.get("null"), str | list) and column["null"] not in ("", [""]):
        reader.lose(name, "null")
    for word in _CSVW_LOST:
        if word in column:
            reader.lose(name, word)
    if isinstance(column.get("separator"), str):
        reader.lose(name, "separator")
        rules = {"type": "array", "items": rules}
    return {**rules, **texts}


def _csvw_type(stated_type: Any, name: str, reader: Reader) -> dict[str, Any]:
    datatype: Mapping[str, Any] = stated_type if isinstance(stated_type, Mapping) else {"base": stated_type}
    base = str(datatype.get("base", "string"))
    base = base.rpartition("#")[2] if "#" in base else base.removeprefix("xsd:")
    if base not in _CSVW_TYPES:
        reader.lose(name, f"datatype {base}")
    rules = dict(_CSVW_TYPES.get(base, {"type": "string"}))
    form = datatype.get("format")
    if isinstance(form, str) and rules == {"type": "string"}:
        rules["pattern"] = f"^(?:{form})$"
    elif form is not None:
        reader.lose(name, f"format {form}")
        rules[WRITTEN] = str(form)[:200]
    for theirs, ours in _CSVW_BOUNDS:
        if theirs in datatype:
            number = _number(datatype[theirs])
            if number is None:
                reader.lose(name, theirs)
            else:
                rules[ours] = number
    if _is_number(datatype.get("length")):
        rules |= {"minLength": datatype["length"], "maxLength": datatype["length"]}
    return rules


def _labels(titles: Any) -> list[str]:
    if isinstance(titles, Mapping):
        titles = titles.get("en", next(iter(titles.values()), None))
    if isinstance(titles, str):
        return [titles]
    return [text for text in titles if isinstance(text, str)] if isinstance(titles, list) else []


def _expand(term: str) -> str:
    if term.startswith(("http://", "https://", "urn:")) and "{" not in term:
        return term
    prefix, colon, local = term.partition(":")
    return PREFIXES[prefix] + local if colon and prefix in PREFIXES and "{" not in local else ""


def _put_unit(rules: dict[str, Any], field: Mapping[str, Any]) -> None:
    unit = next((field[word] for word in UNIT_WORDS if isinstance(field.get(word), str)), "")
    if unit:
        rules[UNIT] = unit


def _number(value: Any) -> int | float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
        value = int(value) if value.is_integer() else value
    return value if _is_number(value) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
