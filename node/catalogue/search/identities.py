"""Tells by which names and contents a dataset is known, so that two descriptions of it are recognised as such.

Two records describe the same asset if they share one of these (decision 0032):

- an address: the IRI of the description, an IRI that ``owl:sameAs`` names, or a ``dct:identifier`` or
  ``adms:identifier`` that is unique in the world (a web address, a URN, a DOI or a UUID);
- the content: a title together with the set of all addresses of its files.

Landing pages, other pages (``foaf:page``) and identifiers such as ``17`` are shared by different datasets.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final
from urllib.parse import urlsplit

from node.catalogue.model import Record
from node.catalogue.nquads import MAX_IRI, Statement, is_blank, is_iri, is_literal, text_of
from node.vocab.namespaces import ADMS, DCAT, DCT, OWL, SKOS

MOST: Final = 20
"""The most identities of one record: more are a mistake, and would join unrelated records."""

_SAME: Final = f"<{OWL}sameAs>"
_IDENTIFIER: Final = f"<{DCT}identifier>"
_OTHER_IDENTIFIER: Final = f"<{ADMS}identifier>"
_NOTATION: Final = f"<{SKOS}notation>"
_FILES: Final = frozenset({f"<{DCAT}downloadURL>", f"<{DCAT}accessURL>"})
_UUID: Final = re.compile(r"(?:urn:uuid:)?\{?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\}?")
_DOI: Final = re.compile(r"(?:doi:\s*|https?://(?:dx\.)?doi\.org/)(10\.\d{4,9}/\S+)")
_URN: Final = re.compile(r"urn:[a-z0-9][a-z0-9-]{1,31}:\S+")


def identities(record: Record, quads: Sequence[Statement]) -> tuple[str, ...]:
    """Return the hashes of everything by which ``record`` is known, sorted; ``quads`` are its statements."""
    names = {f"name {name}" for address in _addresses(record, quads) if (name := unique_name(address))}
    return tuple(sorted({_hash(text) for text in (*names, *_contents(record, quads))})[:MOST])


def unique_name(text: str) -> str:
    """Return a web address, URN, DOI or UUID in a form in which equal ones are equal; "" for any other text."""
    plain = text.strip()
    lower = plain.lower()
    if (match := _UUID.fullmatch(lower)) is not None:
        return f"urn:uuid:{match[1]}"
    if (match := _DOI.fullmatch(lower)) is not None:
        return f"doi:{match[1]}"
    if _URN.fullmatch(lower):
        return lower
    try:
        parts = urlsplit(plain)
    except ValueError:
        return ""
    host = parts.netloc.lower()
    path = parts.path.rstrip("/")
    # An address without a path is that of a portal, not of a dataset.
    if parts.scheme.lower() not in ("http", "https") or not (path or parts.query or parts.fragment):
        return ""
    query = f"?{parts.query}" if parts.query else ""
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    return f"http://{host}{path}{query}{fragment}"


def _addresses(record: Record, quads: Sequence[Statement]) -> Iterator[str]:
    own = f"<{record.subject}>"
    yield record.subject
    notations = {statement.subject: statement.object for statement in quads if statement.predicate == _NOTATION}
    for statement in quads:
        if statement.subject != own:
            continue
        value = statement.object
        if statement.predicate == _SAME and is_iri(value):
            yield value[1:-1]
        elif statement.predicate == _IDENTIFIER:
            yield text_of(value) if is_literal(value) else value[1:-1]
        elif statement.predicate == _OTHER_IDENTIFIER:
            notation = notations.get(value, "")
            if is_literal(notation):
                yield text_of(notation)
            elif is_iri(value) and not is_blank(value):
                yield value[1:-1]


def identifiers(record: Record, quads: Sequence[Statement]) -> tuple[str, ...]:
    """Return the identifiers that the source of ``record`` gave it, as they are written."""
    stated = dict.fromkeys(text.strip() for text in _addresses(record, quads))
    return tuple(text for text in stated if text and text != record.iri and len(text) <= MAX_IRI)[:MOST]


def _contents(record: Record, quads: Iterable[Statement]) -> Iterator[str]:
    """Yield each title with the addresses of all files; nothing for a description without such addresses."""
    files = sorted({each.object for each in quads if each.predicate in _FILES and is_iri(each.object)})
    if files:
        for title in record.titles.values():
            words = " ".join(title.casefold().split())
            if words:
                yield "\n".join((f"content {record.kind}", words, *files))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
