"""Names of records and files: what may stand in an IRI path, and whose IRI it is.

An asset's IRI is ``{base}/{plural}/{slug}``. Slugs and file names become parts of URLs, and other people's
software makes paths of them, so whatever could climb out of a folder, hide its direction or mean a device is
refused here, once, for publishing and for replication alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from node.base.errors import InvalidInput
from node.catalogue.nquads import iri_of, is_iri, statements
from node.exchange.names import safe_name
from node.semantics.documents import quads
from node.vocab.namespaces import ODRL

MAX_DESCRIPTION = 4 << 20

_SLUG = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?")
_RESERVED = re.compile(r"(?i)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?")
_AUDIENCE = re.compile(r"[A-Za-z][A-Za-z0-9._:/#-]{0,199}")
_HAS_POLICY = f"{ODRL}hasPolicy"


def check_slug(slug: str) -> str:
    """``slug``, if it is one: ASCII letters, digits, ``.``, ``_``, ``-``, no two dots in a row, at most 128."""
    if not _SLUG.fullmatch(slug) or ".." in slug or _RESERVED.fullmatch(slug):
        raise InvalidInput(
            "the last part of the IRI is not a usable name",
            remedy="use 1 to 128 letters a-z, digits, '-', '_' and single dots, beginning and ending with a "
            "letter or digit",
        )
    return slug


def check_record_iri(iri: str, *, base: str, plurals: Mapping[str, str], kind: str | None = None) -> str:
    """``iri``, if it is ``{base}/{plural}/{slug}`` of a known kind (of ``kind``, where given).

    ``plurals`` maps kinds to their path segments. Compared code point by code point: no decoding, no
    normalising, so two IRIs that look alike stay two IRIs. Raises ``InvalidInput``.
    """
    prefix = base.rstrip("/") + "/"
    plural, slash, slug = iri.removeprefix(prefix).partition("/")
    expected = set(plurals.values()) if kind is None else {plurals[kind]}
    if not iri.startswith(prefix) or not slash or plural not in expected:
        raise InvalidInput(
            f"the IRI of an asset here begins with {prefix}{sorted(expected)[0]}/",
            remedy="leave the IRI out, and this node makes one from the title",
        )
    check_slug(slug)
    return iri


def check_file_name(name: str) -> str:
    """``name``, if it is a plain file name as it stands. Raises ``InvalidInput`` for everything else.

    A published name is part of a URL and of a signed envelope, so it is refused rather than mended.
    """
    if safe_name(name, "") != name or not name or "%" in name:
        raise InvalidInput(
            "the file name is not usable",
            remedy="use letters, digits, spaces, '-', '_' and dots; no folders, no leading dot, not too long",
        )
    return name


def check_audience(name: str) -> str:
    """``name``, if it can name an audience. Raises ``InvalidInput``."""
    if not _AUDIENCE.fullmatch(name) or ".." in name:
        raise InvalidInput("this is not the name of an audience")
    return name


def check_statements(nquads: bytes, *, iri: str, base: str, others: Iterable[str] = ()) -> None:
    """A description may make statements about its own asset and about the world, but not in another node's name.

    ``base`` is where the asset's owner lives, ``others`` are the base URLs of other nodes that we know.
    Refused with ``InvalidInput``: a statement whose subject belongs to one of ``others``, a policy
    (``odrl:hasPolicy``) for anything that is not the owner's, a graph term, and whatever an RDF engine could
    not take in: the views must never stumble over a record that has been accepted.
    """
    if len(nquads) > MAX_DESCRIPTION:
        raise InvalidInput(f"a description has at most {MAX_DESCRIPTION >> 20} MB")
    own = base.rstrip("/") + "/"
    bases = {own, *(other.rstrip("/") + "/" for other in others)}
    for statement in statements(nquads):
        if statement.graph:
            raise InvalidInput("a description has no named graphs: the node chooses where it is kept")
        if not is_iri(statement.subject):
            continue
        subject = iri_of(statement.subject)
        # One host may carry several nodes, one below the other: the closest base is the one that answers.
        closest = max((base for base in bases if subject.startswith(base)), key=len, default=own)
        if closest != own:
            raise InvalidInput(f"it states something about {subject}, for which another node answers")
        if iri_of(statement.predicate) == _HAS_POLICY and not (subject == iri or subject.startswith(own)):
            raise InvalidInput(f"it states a policy of {subject}, which the publisher may not state")
    # Only now: past the loop the text is flat, and no engine has to be feared.
    try:
        quads(nquads)
    except (SyntaxError, ValueError) as error:
        raise InvalidInput(f"the statements are not readable: {str(error)[:200]}") from error
