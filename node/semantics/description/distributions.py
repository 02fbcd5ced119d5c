"""Files of an asset as distributions, from the steward's statements and from the bytes themselves."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, unquote

from pyoxigraph import Dataset, Literal, NamedNode

from node.semantics.codelists.filetypes import FILE_TYPES, MEDIA_TYPE_OF, file_type, media_type_iri
from node.semantics.conversions import FORMATS, OTHER_FORMATS, OTHER_SYSTEMS, THROUGH
from node.semantics.description import values
from node.semantics.description.builder import Builder, slug
from node.semantics.description.fields import FILE, FILE_WORDS, FILES_NAMES
from node.semantics.description.forms import find
from node.semantics.description.values import NotSo
from node.semantics.findings import words
from node.semantics.model import File
from node.semantics.triples import TYPE, Node, iris, literals, nodes, put, put_if_absent
from node.vocab.namespaces import ADMS, DCAT, DCT, IT6, SPDX, XSD

MAX_NAME: Final = 200
MAX_PLACE: Final = 1024
_EPSG: Final = "/def/crs/EPSG/"
_FORBIDDEN: Final = frozenset('/\\:*?"<>|')


def is_safe_name(name: str) -> bool:
    """Return whether a file name can stand in an address and on a disk: one piece, printable, not hidden, no path."""
    return (
        0 < len(name) <= MAX_NAME
        and name.isprintable()
        and not _FORBIDDEN.intersection(name)
        and not name.startswith((".", " "))
        and not name.endswith((".", " "))
    )


def base_name(path: str) -> str:
    """Return the last piece of a path with the separators of any system."""
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]


def download_address(iri: str, name: str) -> str:
    """Return the address that serves the bytes of an open file."""
    return f"{iri}/files/{quote(name, safe='')}"


class Distributions:
    """Makes the distributions of one asset; ``files`` holds the files with their descriptions, for the record."""

    def __init__(self, builder: Builder, subject: NamedNode, files: Sequence[File], *, learned: bool = False) -> None:
        self._builder = builder
        self._subject = subject
        self._files = {file.name: file for file in files}
        self._learned = learned
        self.files: list[File] = []

    def describe(self, fields: Mapping[str, Any]) -> None:
        """Add a distribution for every entry of ``files``, and for every file that no entry mentions."""
        member = next((name for name in FILES_NAMES if fields.get(name)), "files")
        entries = fields.get(member) or []
        if isinstance(entries, str | Mapping):
            entries = [entries]
        if not isinstance(entries, list):
            self._builder.report("wrong-type", member, expected=words.expected_form("files"))
            entries = []
        for index, entry in enumerate(entries):
            self._entry({"name": entry} if isinstance(entry, str) else entry, f"{member}.{index}", fields)
        for name in [name for name in self._files if all(name != file.name for file in self.files)]:
            self._entry({"name": name}, f"{member}.{name}", fields)

    def _entry(self, entry: Any, path: str, fields: Mapping[str, Any]) -> None:
        if not isinstance(entry, Mapping):
            self._builder.report("wrong-type", path, expected=words.expected_form("files"))
            return
        members = {str(name): value for name, value in entry.items() if str(name) not in FILE_WORDS}
        name = base_name(str(entry.get("path") or entry.get("name") or entry.get("file") or ""))
        file = self._files.get(name)
        if entry.get("data_source") is not None:
            file = self._live_file(entry, name, path)
            if file is None:
                return
            name = file.name
        elsewhere = [
            item for item in members if (field := find(FILE, item)) and field.name in ("access_url", "download_url")
        ]
        if (name or file is not None) and not is_safe_name(name):
            self._builder.report("unsafe-name", f"{path}.name", value=name[:60])
            return
        if file is None and not elsewhere:
            self._builder.report("missing-file", path, value=name or str(entry.get("path") or "?")[:60])
            return
        node = self._builder.mint(self._subject, "file", name or str(members[elsewhere[0]])[-40:], path)
        dataset = self._builder.dataset
        self._builder.add(self._subject, f"{DCAT}distribution", node)
        self._builder.add(node, TYPE.value, NamedNode(f"{DCAT}Distribution"))
        self._builder.describe(node, members, FILE, path)
        if self._truth(entry, "sample", path):
            self._builder.add(self._subject, f"{ADMS}sample", node)
        if file is not None:
            open_ = self._truth(entry, "open", path) or file.open
            media_type = str(entry.get("media_type") or file.media_type)
            described = dataclasses.replace(file, open=open_, media_type=media_type)
            self.files.append(attach(dataset, self._subject.value, node, described, self._builder.language))
        elif name:
            put_if_absent(dataset, node, f"{DCT}title", Literal(name, language=self._builder.language))
        put_if_absent(dataset, node, f"{DCAT}accessURL", *_as_nodes(iris(dataset, node, f"{DCAT}downloadURL")))
        put_if_absent(dataset, node, f"{DCT}identifier", Literal(node.value))
        self._inherit(node, fields, path)
        if self._learned:
            as_model_file(dataset, self._subject, node)

    def _live_file(self, entry: Mapping[str, Any], name: str, path: str) -> File | None:
        """Return the file that an entry says is read from a data source. Whether there is such a source is checked
        where data sources are known."""
        source, item = str(entry["data_source"]).strip(), str(entry.get("item") or "").strip()
        for field, value in (("data_source", source), ("item", item)):
            if not value or len(value) > MAX_PLACE or not value.isprintable():
                self._builder.report("wrong-type", f"{path}.{field}", expected=words.expected_form(field))
                return None
        if "/" in source:
            self._builder.report("wrong-type", f"{path}.data_source", expected=words.expected_form("data_source"))
            return None
        if self._truth(entry, "open", path):
            self._builder.report("open-live-file", f"{path}.open", value=item[:60])
            return None
        media_type = str(entry.get("media_type") or "")
        file_type_of = FILE_TYPES.find(str(entry.get("format") or "")) or file_type(base_name(item), media_type)
        return File(
            name=name or base_name(item).replace(":", "-") or source,
            media_type=media_type or (MEDIA_TYPE_OF.get(file_type_of.code, "") if file_type_of else ""),
            size=0,
            sha256="",
            source=f"{source}/{item}",
        )

    def _inherit(self, node: NamedNode, fields: Mapping[str, Any], path: str) -> None:
        """Copy licence and rights of the whole to a file that has none of its own."""
        dataset = self._builder.dataset
        for property_ in (f"{DCT}license", f"{DCT}rights"):
            put_if_absent(dataset, node, property_, *nodes(dataset, self._subject, property_))

    def _truth(self, entry: Mapping[str, Any], name: str, path: str) -> bool:
        if entry.get(name) is None:
            return False
        try:
            return values.boolean(entry[name]).value == "true"
        except NotSo as error:
            self._builder.report("wrong-type", f"{path}.{name}", expected=words.expected_form(error.expected))
            return False


def attach(dataset: Dataset, iri: str, node: Node, file: File, language: str) -> File:
    """Add to a distribution the facts of its bytes: name, size, hash, type, and address.

    Return the file with its format. The measured size and hash replace those of the steward.
    """
    code = FILE_TYPES.find(file.format) if file.format else None
    formats = [code.iri] if code else iris(dataset, node, f"{DCT}format")
    file_type_of = FILE_TYPES.by_iri(formats[0]) if formats else file_type(file.name, file.media_type)
    put_if_absent(dataset, node, f"{DCT}title", Literal(file.name, language=language))
    put_if_absent(dataset, node, f"{DCT}identifier", Literal(node.value))
    put_if_absent(dataset, node, f"{DCAT}accessURL", NamedNode(iri))
    if file.open:
        put(dataset, node, f"{DCAT}downloadURL", NamedNode(download_address(iri, file.name)))
    file = _with_conversions(dataset, node, file)
    if file.media_type:
        put(dataset, node, f"{DCAT}mediaType", NamedNode(media_type_iri(file.media_type)))
    if file_type_of:
        put_if_absent(dataset, node, f"{DCT}format", NamedNode(file_type_of.iri))
    if file.is_live:
        return dataclasses.replace(file, format=file_type_of.code if file_type_of else file.format)
    put(dataset, node, f"{DCAT}byteSize", Literal(str(file.size), datatype=NamedNode(f"{XSD}nonNegativeInteger")))
    checksum = NamedNode(f"{iri}#checksum-{slug(file.name) or file.sha256[:12]}")
    put(dataset, node, f"{SPDX}checksum", checksum)
    put(dataset, checksum, TYPE.value, NamedNode(f"{SPDX}Checksum"))
    put(dataset, checksum, f"{SPDX}algorithm", NamedNode(f"{SPDX}checksumAlgorithm_sha256"))
    put(dataset, checksum, f"{SPDX}checksumValue", Literal(file.sha256, datatype=NamedNode(f"{XSD}hexBinary")))
    return dataclasses.replace(file, format=file_type_of.code if file_type_of else file.format)


def _with_conversions(dataset: Dataset, node: Node, file: File) -> File:
    """Return the file with the formats, coordinate reference systems and transformations that are offered for it."""
    codes = [FORMATS.by_iri(iri) for iri in iris(dataset, node, OTHER_FORMATS)]
    numbers = [iri.rstrip("/").rpartition("/")[2] for iri in iris(dataset, node, OTHER_SYSTEMS) if _EPSG in iri]
    return dataclasses.replace(
        file,
        formats=tuple(sorted({code.code for code in codes if code is not None})),
        systems=tuple(sorted({f"EPSG:{number}" for number in numbers})),
        through=tuple(sorted(set(iris(dataset, node, THROUGH)))),
    )


def as_model_file(dataset: Dataset, subject: NamedNode, node: Node) -> None:
    """Describe a distribution as a file of a machine-learning model too (MLDCAT-AP 3.1.0, File)."""
    put(dataset, subject, f"{IT6}hasFile", *nodes(dataset, subject, f"{IT6}hasFile"), node)
    put(dataset, node, TYPE.value, *nodes(dataset, node, TYPE.value), NamedNode(f"{IT6}File"))
    put_if_absent(dataset, node, f"{IT6}url", *nodes(dataset, node, f"{DCAT}accessURL"))


def match(dataset: Dataset, distributions: Sequence[Node], file: File) -> Node | None:
    """Return the distribution about ``file``: by identifier, title or the end of an address, else the only
    distribution."""
    for node in distributions:
        names = {text.value for p in ("identifier", "title") for text in literals(dataset, node, f"{DCT}{p}")}
        ends = {
            unquote(base_name(a)) for p in ("downloadURL", "accessURL") for a in iris(dataset, node, f"{DCAT}{p}")
        }
        if file.name in names | ends:
            return node
    return distributions[0] if len(distributions) == 1 else None


def _as_nodes(addresses: Sequence[str]) -> list[NamedNode]:
    return [NamedNode(address) for address in addresses[:1]]
