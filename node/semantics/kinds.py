"""The kinds of assets. A new kind is one line in this table and one file of shapes.

A kind is recognised by the classes that a description gives its main subject. Everything with content to deliver is
also a ``dcat:Dataset`` for the rest of the world (``role``): then harvesters that know plain DCAT-AP understand
ontologies and rulebooks, and the shapes of DCAT-AP apply to them. A model is only a ``dcat:Resource``: a resource
that can be run but not copied is not a dataset.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from node.vocab.namespaces import ADMS, DCAT, DCT, HANSA, HANSA_MODEL, IT6, OWL


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetKind:
    """One kind of asset.

    ``classes``: the IRIs of its classes; descriptions made here have the first one. ``role``: the additional DCAT
    class. ``also``: further classes that we write. ``shapes``: files in ``shapes/`` that apply besides those for all
    kinds. ``needless``: properties that DCAT-AP recommends for datasets but that make no sense here; reports do not
    ask for them.
    """

    name: str
    plural: str
    classes: tuple[str, ...]
    role: str
    also: tuple[str, ...] = ()
    shapes: tuple[str, ...] = ()
    needless: frozenset[str] = frozenset()

    @property
    def written_classes(self) -> tuple[str, ...]:
        """Return the classes of a description made here."""
        return tuple(dict.fromkeys((self.classes[0], self.role, *self.also)))


_PLACELESS = frozenset({f"{DCT}spatial", f"{DCT}temporal", f"{DCAT}theme"})

_TABLE = (
    AssetKind(
        name="model",
        plural="models",
        classes=(f"{HANSA_MODEL}Model", f"{IT6}MachineLearningModel"),
        role=f"{DCAT}Resource",
        shapes=("model.ttl",),
    ),
    AssetKind(
        name="scenario",
        plural="scenarios",
        classes=(f"{HANSA}Scenario",),
        role=f"{DCAT}Dataset",
        shapes=("scenario.ttl",),
        needless=frozenset({f"{DCT}temporal", f"{DCAT}distribution"}),
    ),
    AssetKind(
        name="transformation",
        plural="transformations",
        classes=(f"{HANSA}Transformation",),
        role=f"{DCAT}Dataset",
        shapes=("transformation.ttl",),
        needless=_PLACELESS | {f"{DCAT}distribution"},
    ),
    AssetKind(
        name="schema",
        plural="schemas",
        classes=(f"{HANSA}Schema",),
        role=f"{DCAT}Dataset",
        also=(f"{DCT}Standard",),
        shapes=("schema.ttl",),
        needless=_PLACELESS | {f"{DCAT}distribution"},
    ),
    AssetKind(
        name="rulebook",
        plural="rulebooks",
        classes=(f"{HANSA}Rulebook",),
        role=f"{DCAT}Dataset",
        shapes=("rulebook.ttl",),
        needless=_PLACELESS | {f"{DCAT}distribution", f"{DCAT}keyword"},
    ),
    AssetKind(
        name="ontology",
        plural="ontologies",
        # adms:SemanticAsset is the name of adms:Asset before ADMS 2: it is read, but not written.
        classes=(f"{OWL}Ontology", f"{ADMS}Asset", f"{ADMS}SemanticAsset"),
        role=f"{DCAT}Dataset",
        also=(f"{ADMS}Asset",),
        shapes=("ontology.ttl",),
        needless=_PLACELESS | {f"{DCAT}distribution"},
    ),
    AssetKind(
        name="service",
        plural="services",
        classes=(f"{DCAT}DataService",),
        role=f"{DCAT}DataService",
    ),
    AssetKind(
        name="dataset",
        plural="datasets",
        classes=(f"{DCAT}Dataset",),
        role=f"{DCAT}Dataset",
    ),
)

KINDS: Final[Mapping[str, AssetKind]] = MappingProxyType({kind.name: kind for kind in _TABLE})
"""Singular name → kind, special kinds before general ones: an ontology that is also a dataset is an ontology."""

PLURALS: Final[Mapping[str, AssetKind]] = MappingProxyType({kind.plural: kind for kind in _TABLE})
"""The first path segment of asset IRIs → kind."""

EVERY_KIND_SHAPES: Final = ("dcat-ap.ttl", "hansa.ttl")
"""The shapes that apply to descriptions of every kind."""


def kind_of(types: Iterable[str]) -> AssetKind | None:
    """Return the most special kind among the classes of a subject, or None."""
    classes = frozenset(types)
    return next((kind for kind in KINDS.values() if classes.intersection(kind.classes)), None)


def kind_named(name: str) -> AssetKind | None:
    """Return the kind that a person means: singular or plural, in any letter case."""
    word = name.strip().casefold()
    return KINDS.get(word) or PLURALS.get(word)


def kinds_like(name: str) -> tuple[str, ...]:
    """Return names of kinds that resemble ``name``, for a "did you mean"."""
    return tuple(get_close_matches(name.strip().casefold(), list(KINDS), n=2, cutoff=0.5))


def iri_meant(text: str, base: str) -> str:
    """Return the IRI that a person means: ``kind/name`` is an asset of the node at ``base``, anything else is an
    IRI."""
    word, _, name = text.partition("/")
    kind = kind_named(word) if name and "/" not in name else None
    return f"{base.rstrip('/')}/{kind.plural}/{name}" if kind is not None else text
