"""Replace text by a value of a code list, if the profile requires one: found by code, label in any language, or usual
spelling."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pyoxigraph import BlankNode, Literal, NamedNode, Quad

from node.semantics.harvest.rules.meanings import (
    Find,
    access_right,
    format_iri,
    frequency_iri,
    language_iri,
    licence_iri,
    media_type,
    media_type_of_format,
    theme_iri,
)
from node.semantics.harvest.rules.model import Change, Record, change_value
from node.semantics.triples import literals
from node.vocab.namespaces import DCAT, DCT, SKOS


def _code_rule(find: Find, *properties: str) -> Callable[[Record], Iterator[Change]]:
    """Return a rule that replaces each text of ``properties`` that ``find`` knows by its IRI."""

    def apply(record: Record) -> Iterator[Change]:
        for quad, text in record.texts(*properties):
            iri = find(text.value.strip())
            if iri:
                yield change_value(quad, NamedNode(iri))

    return apply


languages = _code_rule(language_iri, f"{DCT}language")
themes = _code_rule(theme_iri, f"{DCAT}theme")
formats = _code_rule(format_iri, f"{DCT}format")
media_types = _code_rule(lambda text: media_type(text) or media_type_of_format(text), f"{DCAT}mediaType")
package_formats = _code_rule(media_type, f"{DCAT}compressFormat", f"{DCAT}packageFormat")
frequencies = _code_rule(frequency_iri, f"{DCT}accrualPeriodicity")
access_rights = _code_rule(access_right, f"{DCT}accessRights")
licences = _code_rule(licence_iri, f"{DCT}license")


def theme_nodes(record: Record) -> Iterator[Change]:
    """Replace a theme that is a blank concept by the meaning of its label: a theme of the EU list, else a keyword."""
    for quad in record.of(f"{DCAT}theme"):
        if not isinstance(quad.object, BlankNode):
            continue
        labels = literals(record.dataset, quad.object, f"{SKOS}prefLabel")
        codes = [iri for text in labels if (iri := theme_iri(text.value.strip()))]
        if codes:
            additions: tuple[Quad, ...] = (Quad(quad.subject, quad.predicate, NamedNode(codes[0])),)
        else:
            additions = tuple(Quad(quad.subject, NamedNode(f"{DCAT}keyword"), text) for text in labels)
        if additions:
            yield Change((quad, *sorted(record.dataset.quads_for_subject(quad.object), key=str)), additions)


def themes_to_keywords(record: Record) -> Iterator[Change]:
    """Turn a theme that is in no list into a keyword."""
    for quad, text in record.texts(f"{DCAT}theme"):
        word = text.value.strip()
        if word:
            keyword = Literal(word, language=text.language) if text.language else Literal(word)
            yield Change((quad,), (Quad(quad.subject, NamedNode(f"{DCAT}keyword"), keyword),))
