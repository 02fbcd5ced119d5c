"""The statements of files of SKOS, one after the other: a thesaurus is larger than memory should hold at once."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pyoxigraph import Literal, NamedNode, parse

from node.base.errors import InvalidInput
from node.semantics.documents import GRAPH_FILES


class Statement(NamedTuple):
    """A statement about an address. ``language``: that of a text, empty if it has none; None if the value is an
    address."""

    subject: str
    property: str
    value: str
    language: str | None


def statements(files: Sequence[Path]) -> Iterator[Statement]:
    """Yield the statements of ``files`` without those about or to blank nodes.

    Raises ``InvalidInput`` if a file cannot be read.
    """
    for file in files:
        form = GRAPH_FILES[file.suffix.lower()]
        try:
            with file.open("rb") as stream:
                if stream.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
                    stream.seek(0)
                for quad in parse(stream, format=form, base_iri=file.absolute().as_uri()):
                    subject, value = quad.subject, quad.object
                    if not isinstance(subject, NamedNode):
                        continue
                    if isinstance(value, NamedNode):
                        yield Statement(subject.value, quad.predicate.value, value.value, None)
                    elif isinstance(value, Literal):
                        yield Statement(subject.value, quad.predicate.value, value.value, value.language or "")
        except (SyntaxError, ValueError, OSError) as error:
            raise InvalidInput(
                f"{file} cannot be read: {error}", remedy="export it again, as RDF/XML or Turtle"
            ) from error
