"""Thesauri of a node, such as EuroVoc: their labels widen every search, and nothing else of them is kept.

A thesaurus of hundreds of thousands of labels is larger than a description may be, and nobody negotiates about it. So
the operator adds it to the node's folder. Its labels are read from the files of SKOS once, when it is added; what a
search needs is one file for each thesaurus, which opens in milliseconds. A running node sees new files by itself.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node.base.errors import InvalidInput
from node.catalogue.search.label_table import CLASSES, RANKS, Entry, LabelTable, StemPhrase, entry_of, table_of
from node.semantics.ontologies.skos_files import statements
from node.vocab.namespaces import DCT, RDF, SKOS

FOLDER: Final = "thesauri"
"""The folder in a node's data folder that has a file for each thesaurus."""
SUFFIX: Final = ".labels"
MOST: Final = 2_000_000
"""Labels of one thesaurus: about five times those of EuroVoc."""
_EDITION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Thesaurus:
    """A thesaurus: the address of its scheme, a title, and its labels."""

    iri: str
    title: str
    table: LabelTable


class Thesauri:
    """The thesauri in a node's folder, as they are now."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._signature: tuple[tuple[str, int, int], ...] = ()
        self._thesauri: Mapping[str, Thesaurus] = {}

    def current(self) -> Mapping[str, Thesaurus]:
        """Return the thesauri by address. Files that cannot be read are left out: a search never fails for them."""
        signature = _signature(self._folder)
        if signature != self._signature:
            with self._lock:
                self._thesauri = dict(_readable(thesaurus_files(self._folder).values()))
                self._signature = signature
        return self._thesauri


def thesaurus_files(folder: Path) -> dict[str, Path]:
    """Return the thesauri of the node with this data folder: name → file."""
    place = folder / FOLDER
    return {name.removesuffix(SUFFIX): place / name for name, _, _ in _signature(folder)}


def compile_thesaurus(
    files: Sequence[Path], name: str, languages: Collection[str], stem: StemPhrase | None = None
) -> Thesaurus:
    """Return the labels of the concepts in these files of SKOS, in ``languages`` (empty: all), found in other forms
    by ``stem``. Raises ``InvalidInput`` if a file cannot be read, if there are no concepts, or too many labels."""
    concepts: set[str] = set()
    schemes: dict[str, None] = {}
    titles: dict[str, str] = {}
    labels: dict[str, list[Entry]] = {}
    count = 0
    for subject, property_, value, language in statements(files):
        if language is None:
            if property_ == f"{RDF}type" and value in CLASSES:
                concepts.add(subject)
            elif property_ == f"{RDF}type" and value == f"{SKOS}ConceptScheme":
                schemes[subject] = None
        elif property_ == f"{DCT}title":
            titles.setdefault(subject, value)
        elif property_ in RANKS:
            main = language.lower().partition("-")[0]
            entry = entry_of(RANKS[property_], value, main)
            if entry is not None and (not languages or not main or main in languages):
                labels.setdefault(subject, []).append(entry)
                count += 1
                _check_count(count)
    terms = [entries for iri, entries in labels.items() if iri in concepts]
    if not terms:
        raise InvalidInput("the files have no concepts with labels", remedy="give a thesaurus in SKOS")
    iri = next(iter(schemes), f"urn:thesaurus:{name}")
    names = sorted(labels.get(iri, ()), key=lambda entry: (entry[0], entry[2] != "en"))
    title = titles.get(iri) or (names[0][3] if names else name)
    return Thesaurus(iri=iri, title=" ".join(title.split())[:200], table=table_of(terms, stem))


def write(thesaurus: Thesaurus, folder: Path, name: str) -> None:
    """Write a thesaurus into the data folder of a node, whole or not at all."""
    table = thesaurus.table
    header = {
        "edition": _EDITION,
        "order": sys.byteorder,
        "iri": thesaurus.iri,
        "title": thesaurus.title,
        "keys": len(table.keys),
        "languages": table.languages,
    }
    place = folder / FOLDER
    place.mkdir(parents=True, exist_ok=True)
    part = place / f"{name}.part"
    with part.open("wb") as stream:
        stream.write(json.dumps(header).encode() + b"\n")
        stream.write(json.dumps(table.rows).encode() + b"\n")
        stream.write(table.keys.tobytes())
        stream.write(table.stem_keys.tobytes())
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(place / f"{name}{SUFFIX}")


def read(file: Path) -> Thesaurus:
    """Return the thesaurus in ``file``. Raises ``InvalidInput`` if it is damaged, or of another edition."""
    keys = array("Q")
    try:
        with file.open("rb") as stream:
            header = json.loads(stream.readline())
            rows = tuple(json.loads(stream.readline()))
            keys.frombytes(stream.read())
        if header["edition"] != _EDITION:
            raise ValueError(f"edition {header['edition']}")
        if header["order"] != sys.byteorder:
            keys.byteswap()
        # A file of an earlier version says neither, and has no stems: its labels are found as they are written.
        count = header.get("keys", len(keys))
        table = LabelTable(
            keys=keys[:count], rows=rows, stem_keys=keys[count:], languages=tuple(header.get("languages", ()))
        )
        return Thesaurus(iri=header["iri"], title=header["title"], table=table)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"{file} cannot be read: {error}", remedy="add the thesaurus again") from error


def _readable(files: Collection[Path]) -> Iterator[tuple[str, Thesaurus]]:
    for file in files:
        try:
            thesaurus = read(file)
        except InvalidInput:
            continue
        yield thesaurus.iri, thesaurus


def _check_count(count: int) -> None:
    if count > MOST:
        raise InvalidInput(
            f"the thesaurus has more than {MOST} labels", remedy="choose languages: --languages en,nl,fr,de,cs"
        )


def _signature(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Return names, times and sizes of the files of thesauri."""
    try:
        with os.scandir(folder / FOLDER) as entries:
            stats = [(entry.name, entry.stat()) for entry in entries if entry.name.endswith(SUFFIX)]
    except OSError:
        return ()
    return tuple(sorted((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats))
