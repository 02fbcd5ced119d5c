"""Convert a Data Package (datapackage.json, versions 1 and 2 of the standard) to statements of DCAT.

A package is a dataset, a resource a distribution, and the schema of a table its data dictionary. Values are not
changed. A schema at another address is named and not fetched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, urljoin

from pyoxigraph import BlankNode, Literal, NamedNode, Quad

from node.semantics.codelists.datatypes import DATATYPES
from node.semantics.harvest.plain_values import address, link_node, mail, mappings, values
from node.semantics.triples import TYPE, Node
from node.vocab.namespaces import CSVW, DCAT, DCT, FOAF, HANSA, SCHEMA, SKOS, SPDX, VCARD, XSD

_TYPES: Final = {
    "string": "text",
    "geopoint": "text",
    "duration": f"{XSD}duration",
    "year": f"{XSD}gYear",
    "yearmonth": f"{XSD}gYearMonth",
    "geojson": "json",
}
"""Types of the standard whose name our list of data types does not have."""
_ALGORITHMS: Final = {"": "md5", "md5": "md5", "sha1": "sha1", "sha256": "sha256", "sha512": "sha512"}
_MOST_COLUMNS: Final = 2_000
_SAFE: Final = "/:?#[]@!$&'()*+,;=%~"


def is_data_package(document: Any) -> bool:
    """Return whether parsed JSON describes a Data Package: resources that each have a path or data."""
    if not isinstance(document, Mapping) or "@context" in document or "@graph" in document:
        return False
    resources = document.get("resources")
    if not isinstance(resources, list) or not resources:
        return False
    return all(isinstance(each, Mapping) and ("path" in each or "data" in each) for each in resources)


def statements(package: Mapping[str, Any], base: str) -> Iterator[Quad]:
    """Yield the statements of a package. ``base`` is the address of its descriptor, empty for a file."""
    identifiers = [str(package[name]) for name in ("id", "name") if isinstance(package.get(name), str)]
    node: Node = address(package.get("id")) or address(base) or BlankNode()
    yield Quad(node, TYPE, NamedNode(f"{DCAT}Dataset"))
    yield from values(node, f"{DCT}title", _text(package, "title") or _text(package, "name"))
    yield from values(node, f"{DCT}description", _text(package, "description"))
    yield from values(node, f"{DCT}identifier", identifiers[:1])
    yield from values(node, f"{DCAT}landingPage", _text(package, "homepage"))
    yield from values(node, f"{DCAT}version", _text(package, "version"))
    yield from values(node, f"{DCT}issued", _text(package, "created"))
    keywords = package.get("keywords")
    yield from values(node, f"{DCAT}keyword", keywords if isinstance(keywords, list) else None)
    for source in mappings(package.get("sources")):
        yield from values(node, f"{DCT}source", _text(source, "path") or _text(source, "title"))
    yield from _people(node, mappings(package.get("contributors")))
    for resource in package["resources"]:
        if "path" in resource:
            yield from _file(node, resource, package, base)


def _people(node: Node, contributors: list[Mapping[str, Any]]) -> Iterator[Quad]:
    roles = [(_roles(each), each) for each in contributors]
    publisher = next((each for names, each in roles if "publisher" in names), None)
    if publisher is not None and (_text(publisher, "title") or _text(publisher, "organization")):
        agent = BlankNode()
        yield from link_node(node, f"{DCT}publisher", agent, f"{FOAF}Agent")
        yield from values(agent, f"{FOAF}name", _text(publisher, "title") or _text(publisher, "organization"))
        yield from values(agent, f"{FOAF}homepage", _text(publisher, "path"))
    contact = next((each for each in contributors if _text(each, "email")), None)
    if contact is not None:
        card = BlankNode()
        yield from link_node(node, f"{DCAT}contactPoint", card, f"{VCARD}Kind")
        yield from values(card, f"{VCARD}fn", _text(contact, "title"))
        yield from mail(card, f"{VCARD}hasEmail", _text(contact, "email"))


def _roles(contributor: Mapping[str, Any]) -> list[str]:
    roles = contributor.get("roles")
    return [str(role) for role in roles] if isinstance(roles, list) else [_text(contributor, "role")]


def _file(node: Node, resource: Mapping[str, Any], package: Mapping[str, Any], base: str) -> Iterator[Quad]:
    file = BlankNode()
    yield from link_node(node, f"{DCAT}distribution", file, f"{DCAT}Distribution")
    yield from values(file, f"{DCT}title", _text(resource, "title") or _text(resource, "name"))
    yield from values(file, f"{DCT}description", _text(resource, "description"))
    paths = resource["path"] if isinstance(resource["path"], list) else [resource["path"]]
    for path in (path for path in paths if isinstance(path, str)):
        # Without the address of the descriptor, a relative path leads nowhere: it stays a text.
        target = urljoin(base, quote(path, safe=_SAFE)) if base else path
        for name in ("accessURL", "downloadURL"):
            yield from values(file, f"{DCAT}{name}", target)
    yield from values(file, f"{DCT}format", _text(resource, "format"))
    yield from values(file, f"{DCAT}mediaType", _text(resource, "mediatype"))
    size = resource.get("bytes")
    if isinstance(size, int) and not isinstance(size, bool) and size >= 0:
        yield Quad(
            file, NamedNode(f"{DCAT}byteSize"), Literal(str(size), datatype=NamedNode(f"{XSD}nonNegativeInteger"))
        )
    yield from _checksum(file, _text(resource, "hash"))
    licences = mappings(resource.get("licenses")) or mappings(package.get("licenses"))
    for licence in licences:
        yield from values(file, f"{DCT}license", _text(licence, "path") or _text(licence, "name"))
    schema = resource.get("schema")
    if isinstance(schema, str):
        yield from values(file, f"{DCT}conformsTo", urljoin(base, quote(schema, safe=_SAFE)) if base else schema)
    elif isinstance(schema, Mapping) and mappings(schema.get("fields")):
        yield from _table(file, resource, mappings(schema["fields"]))


def _checksum(file: Node, text: str) -> Iterator[Quad]:
    """Yield the checksum of a file; without the name of its algorithm it is MD5."""
    algorithm, _, digest = text.rpartition(":")
    name = _ALGORITHMS.get(algorithm.lower())
    if not digest or name is None:
        return
    checksum = BlankNode()
    yield from link_node(file, f"{SPDX}checksum", checksum, f"{SPDX}Checksum")
    yield Quad(checksum, NamedNode(f"{SPDX}algorithm"), NamedNode(f"{SPDX}checksumAlgorithm_{name}"))
    yield Quad(checksum, NamedNode(f"{SPDX}checksumValue"), Literal(digest, datatype=NamedNode(f"{XSD}hexBinary")))


def _table(file: Node, resource: Mapping[str, Any], fields: list[Mapping[str, Any]]) -> Iterator[Quad]:
    table = BlankNode()
    yield from link_node(file, f"{CSVW}tableSchema", table, f"{CSVW}Schema")
    yield from _literal(table, f"{CSVW}name", _text(resource, "name"))
    for position, field in enumerate(fields[:_MOST_COLUMNS], 1):
        column = BlankNode()
        yield from link_node(table, f"{CSVW}column", column, f"{CSVW}Column")
        place = Literal(str(position), datatype=NamedNode(f"{XSD}integer"))
        yield Quad(column, NamedNode(f"{HANSA}position"), place)
        for name, property_ in (
            ("name", f"{CSVW}name"),
            ("title", f"{CSVW}title"),
            ("description", f"{DCT}description"),
        ):
            yield from _literal(column, property_, _text(field, name))
        datatype = _datatype(_text(field, "type"))
        if datatype:
            yield Quad(column, NamedNode(f"{CSVW}datatype"), NamedNode(datatype))
        yield from values(column, f"{CSVW}propertyUrl", _text(field, "rdfType"))
        constraints = field.get("constraints")
        constraints = constraints if isinstance(constraints, Mapping) else {}
        for name, property_ in (("minimum", f"{SCHEMA}minValue"), ("maximum", f"{SCHEMA}maxValue")):
            if isinstance(constraints.get(name), str | int | float):
                yield Quad(column, NamedNode(property_), _to_literal(constraints[name]))
        examples = constraints.get("enum") if isinstance(constraints.get("enum"), list) else [field.get("example")]
        for example in (each for each in examples or () if isinstance(each, str | int | float)):
            yield from _literal(column, f"{SKOS}example", str(example))


def _to_literal(value: str | int | float) -> Literal:
    kind = "integer" if isinstance(value, int) else "double"
    return Literal(value) if isinstance(value, str) else Literal(str(value), datatype=NamedNode(f"{XSD}{kind}"))


def _datatype(name: str) -> str:
    type_name = _TYPES.get(name, name)
    if type_name.startswith("http"):
        return type_name
    code = DATATYPES.find(type_name)
    return code.iri if code else ""


def _literal(node: Node, property_: str, text: str) -> Iterator[Quad]:
    if text:
        yield Quad(node, NamedNode(property_), Literal(text))


def _text(members: Mapping[str, Any], name: str) -> str:
    value = members.get(name)
    return value if isinstance(value, str) and value.strip() else ""
