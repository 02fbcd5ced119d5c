"""Add implied statements to a description: classes, publisher, access right, names of other vocabularies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pyoxigraph import Dataset, Literal, NamedNode, Quad

from node.semantics.codelists.lookup import ACCESS
from node.semantics.description.ontology_headers import read_header
from node.semantics.kinds import AssetKind
from node.semantics.triples import TYPE, literals, nodes, objects, put, put_if_absent, texts, types
from node.vocab.namespaces import DCAT, DCT, FOAF, HANSA_MODEL, IT6

INTERNAL: Final = "internal"
"""The audience, and the template of conditions, of the node's own people."""

OPEN_TEMPLATES: Final = frozenset({"open", "public"})
"""Conditions that let everybody use the bytes without an agreement: then a licence must state the terms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The node that makes the record: its base address, DID and name, and the language of untagged texts."""

    base: str
    me: str
    my_name: str
    language: str = "en"


def is_open(conditions: Mapping[str, Any] | None, audience: str | None) -> bool:
    """Return whether everybody may download the files without an agreement, so that a licence is needed."""
    if conditions is None:
        return audience != INTERNAL
    return str(conditions.get("template", "")).casefold() in OPEN_TEMPLATES


def complete(
    dataset: Dataset,
    subject: NamedNode,
    kind: AssetKind,
    setting: Setting,
    *,
    conditions: Mapping[str, Any] | None,
    audience: str | None,
) -> None:
    """Add the implied statements about ``subject`` to ``dataset``."""
    for class_ in kind.written_classes:
        # A machine-learning model described only by MLDCAT-AP keeps its own class.
        if class_ == f"{HANSA_MODEL}Model" and f"{IT6}MachineLearningModel" in types(dataset, subject):
            continue
        dataset.add(Quad(subject, TYPE, NamedNode(class_)))
    put_if_absent(dataset, subject, f"{DCT}identifier", Literal(subject.value))
    _name_publisher(dataset, subject, setting)
    if kind.name == "ontology":
        read_header(dataset, subject)
    # MLDCAT-AP moved the version of a model from it6:version (3.0) to dcat:version (3.1).
    put_if_absent(dataset, subject, f"{DCAT}version", *literals(dataset, subject, f"{IT6}version"))
    licences = nodes(dataset, subject, f"{DCT}license")
    # A dataset may name several licences, a file only one: only the publisher can decide which one holds for a file.
    if len(licences) == 1:
        for file in nodes(dataset, subject, f"{DCAT}distribution"):
            put_if_absent(dataset, file, f"{DCT}license", *licences)
    if not objects(dataset, subject, f"{DCT}accessRights"):
        internal = INTERNAL in (audience, (conditions or {}).get("template"))
        right = "non-public" if internal else "public" if is_open(conditions, audience) else "restricted"
        code = ACCESS.find(right)
        assert code is not None
        put(dataset, subject, f"{DCT}accessRights", NamedNode(code.iri))


def _name_publisher(dataset: Dataset, subject: NamedNode, setting: Setting) -> None:
    me = NamedNode(setting.me)
    put_if_absent(dataset, subject, f"{DCT}publisher", me)
    if me in objects(dataset, subject, f"{DCT}publisher"):
        for class_ in (f"{FOAF}Agent", f"{DCT}Agent"):
            dataset.add(Quad(me, TYPE, NamedNode(class_)))
        if not texts(dataset, me, f"{FOAF}name"):
            put(dataset, me, f"{FOAF}name", Literal(setting.my_name, language=setting.language))
        put_if_absent(dataset, me, f"{DCT}identifier", Literal(setting.me))
