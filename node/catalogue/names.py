"""Names of records and files: checks of slugs, record IRIs, file names, audiences and descriptions.

An asset's IRI is ``{base}/{plural}/{slug}``. Slugs and file names become parts of URLs, and other people's
software makes paths of them. So publishing and replication both refuse, with these checks, every name that could
lead out of a folder, hide its text direction or mean a device.
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
_HAS_POLICY = f"<{ODRL}hasPolicy>"


def check_slug(slug: str) -> str:
    """Return ``slug``. Raises ``InvalidInput`` unless it has 1 to 128 ASCII letters, digits, ``.``, ``_``, ``-``, and
    no two dots in a row."""
    if not _SLUG.fullmatch(slug) or ".." in slug or _RESERVED.fullmatch(slug):
        raise InvalidInput(
            "the last part of the IRI is not a usable name",
            remedy="use 1 to 128 letters a-z, digits, '-', '_' and single dots, beginning and ending with a "
            "letter or digit",
        )
    return slug


def check_record_iri(iri: str, *, base: str, plurals: Mapping[str, str], kind: str | None = None) -> str:
    """Return ``iri``. Raises ``InvalidInput`` unless it is ``{base}/{plural}/{slug}`` of a known kind (or ``kind``).

    ``plurals`` maps kinds to their path segments. IRIs are compared code point by code point, without decoding or
    normalising, so two IRIs that look alike stay two IRIs.
    """
    prefix = base.rstrip("/") + "/"
    plural, slash, slug = iri.removeprefix(prefix).partition("/")
    words = set(plurals.values()) if kind is None else {plurals[kind]}
    if not iri.startswith(prefix) or not slash or plural not in words:
        raise InvalidInput(
            f"the IRI of an asset here begins with {prefix}{sorted(words)[0]}/",
            remedy="leave the IRI out, and this node makes one from the title",
        )
    check_slug(slug)
    return iri


def check_file_name(name: str) -> str:
    """Return ``name``. Raises ``InvalidInput`` if it is not a plain file name.

    A published name is part of a URL and of a signed envelope, so it is refused rather than corrected.
    """
    if safe_name(name, "") != name or not name or "%" in name:
        raise InvalidInput(
            "the file name is not usable",
            remedy="use letters, digits, spaces, '-', '_' and dots; no folders, no leading dot, not too long",
        )
    return name


def check_audience(name: str) -> str:
    """Return ``name``. Raises ``InvalidInput`` if it cannot be the name of an audience."""
    if not _AUDIENCE.fullmatch(name) or ".." in name:
        raise InvalidInput(
            "this is not the name of an audience",
            remedy="use public, internal, or a name from the setting audiences",
        )
    return name


def check_statements(nquads: bytes, *, iri: str, base: str, others: Iterable[str] = ()) -> None:
    """Check that a description states nothing in another node's name, and that every view can read it.

    It may make statements about its own asset and about the world. ``base`` is the base URL of the asset's owner,
    ``others`` are the base URLs of other known nodes. Raises ``InvalidInput`` for a statement with a subject that
    belongs to one of ``others``, for a policy (``odrl:hasPolicy``) of anything that is not the owner's, for a graph
    term, and for a description that an RDF engine could not load: the views must never fail on an accepted record.
    """
    if len(nquads) > MAX_DESCRIPTION:
        megabytes = MAX_DESCRIPTION >> 20
        facts = {"case": "long-description", "megabytes": megabytes}
        raise InvalidInput(
            f"a description has at most {megabytes} MB", remedy="describe less, or publish parts", facts=facts
        )
    own = base.rstrip("/") + "/"
    bases = {own, *(other.rstrip("/") + "/" for other in others)}
    subjects: dict[str, bool] = {}  # Subject → whether a policy of it is stated.
    for subject, predicate, _, graph in statements(nquads):
        if graph:
            raise InvalidInput(
                "a description has no named graphs: the node chooses where it is kept",
                remedy="publish the statements as Turtle or N-Quads without graphs",
            )
        subjects[subject] = subjects.get(subject, False) or predicate == _HAS_POLICY
    for term, states_policy in subjects.items():
        if not is_iri(term):
            continue
        subject = iri_of(term)
        # One host may have several nodes, one below the other: the longest matching base is the responsible node.
        closest = max((base for base in bases if subject.startswith(base)), key=len, default=own)
        if closest != own:
            raise InvalidInput(
                f"it states something about {subject}, for which another node answers",
                remedy="publish these statements at that node, or leave them out",
                facts={"case": "about-other-node", "iri": subject},
            )
        if states_policy and not (subject == iri or subject.startswith(own)):
            raise InvalidInput(
                f"it states a policy of {subject}, which the publisher may not state",
                remedy="leave the policy out; give conditions in the field conditions",
                facts={"case": "policy-of-another", "iri": subject},
            )
    # Only now: after the loop the text is known to be canonical, so it is safe to give it to an engine.
    try:
        quads(nquads)
    except (SyntaxError, ValueError) as error:
        reason = str(error)[:200]
        facts = {"case": "unreadable-statements", "reason": reason}
        raise InvalidInput(
            f"the statements are not readable: {reason}",
            remedy="check the file with a parser of RDF, and publish it again",
            facts=facts,
        ) from error
