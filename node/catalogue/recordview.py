"""A record as JSON for programs: the answer of the catalogue API and of record IRIs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from node.base.clock import stamp
from node.catalogue.access import Access, word
from node.catalogue.browse import Connections
from node.catalogue.envelope import signature_of
from node.catalogue.links import Link
from node.catalogue.model import Record
from node.catalogue.nquads import statements
from node.catalogue.retention import FileStatus
from node.catalogue.search.copies import copy_json
from node.catalogue.search.entries import licences
from node.identity.model import Caller
from node.semantics.codelists.licences import LICENCES
from node.texts.languages import pick


def record_json(
    record: Record,
    *,
    access: Access,
    caller: Caller,
    language: str,
    connections: Connections | None = None,
    copies: Sequence[Record] = (),
) -> dict[str, Any]:
    """Return everything that ``caller`` may know of ``record``; texts in ``language`` and in all languages."""
    code = access.code(record, caller)
    decision = None if caller.is_anonymous else access.decision(record, caller)
    members: dict[str, Any] = {
        "iri": record.iri,
        "version": record.version,
        "versionIri": record.version_iri,
        "kind": record.kind,
        "audience": record.audience,
        "title": record.title(language),
        "description": record.description(language),
        "titles": record.titles,
        "descriptions": record.descriptions,
        "publisher": record.publisher,
        "publisherName": record.publisher_name,
        "origin": record.origin,
        "at": stamp(record.at),
        "sha256": record.sha256,
        "signature": signature_of(record),
        "keywords": list(record.keywords),
        "themes": list(record.themes),
        "licences": [_licence(name, language) for name in licences(statements(record.nquads))],
        "files": [replace(file, source=None).to_json() for file in record.files],
        "sealed": record.sealed,
        "access": str(code),
        "accessWord": word(code, language),
        "conditions": {
            "summary": access.summary(record, language),
            "sentences": list(access.sentences(record, language)),
        },
    }
    origin = record.harvest_origin
    if origin is not None:
        members["harvested"] = {"iri": origin.iri, "source": origin.source}
        if origin.former:
            members["harvested"]["former"] = origin.former
    if record.offer is not None:
        members["offer"] = record.offer
    if decision is not None:
        members["decision"] = decision.to_json()
    members["alsoAt"] = [copy_json(copy, language) for copy in copies]
    if connections is not None:
        members["sources"] = [_link(link) for link in connections.sources]
        members["users"] = [_link(link) for link in connections.users]
    return members


def version_json(record: Record, keeping: FileStatus | None = None) -> dict[str, Any]:
    """Return one entry of a version list; ``keeping`` says whether its files are kept."""
    return {
        "iri": record.iri,
        "version": record.version,
        "versionIri": record.version_iri,
        "titles": record.titles,
        "at": stamp(record.at),
        # That of nothing would look like one of the description.
        "sha256": "" if record.is_erased else record.sha256,
        "withdrawn": record.withdrawn,
        **({"files": keeping.to_json()} if keeping is not None else {}),
        **({"erased": True} if record.is_erased else {}),
        **({"erases": sorted(record.erases), "reason": record.erasure_reason} if record.erases else {}),
    }


def _licence(name: str, language: str) -> dict[str, str]:
    """Return a licence by its code, or by the IRI or text of the description, with its label."""
    code = LICENCES.find(name)
    return {"id": name, "label": pick(code.labels, language)[0] if code else name}


def _link(link: Link) -> dict[str, Any]:
    return {"iri": link.iri, "predicate": link.predicate, "kind": link.kind, "titles": link.titles}
