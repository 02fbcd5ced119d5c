"""Statements of owners about their assets that a reader of a story should know: limits, validity, made-up data."""

from __future__ import annotations

import re
from typing import Final

from node.catalogue.model import Record
from node.catalogue.nquads import iri_term
from node.catalogue.statements import Statements
from node.scenarios.model import Texts
from node.scenarios.stories.model import Remark, Subject
from node.vocab.namespaces import DCT, HANSA_MODEL, IT6, RDFS

LONGEST: Final = 1_200
"""Characters of a remark."""

_MADE_UP: Final = re.compile(
    r"\b(?:synth?[eé]ti\w*|syntetick\w*|made.up|invented|fictional|fictie\w*|verzonnen|fictif\w*|fictive\w*|invent[ée]e?s?"
    r"|erfunden\w*|fiktiv\w*|smyšlen\w*|vymyšlen\w*)\b",
    re.IGNORECASE,
)
"""Words by which publishers say that nobody measured the data, in the languages of the node."""

_SENTENCE: Final = re.compile(r"[^.!?]+[.!?]*(?=\s|$)")


def remarks_of(record: Record) -> tuple[Remark, ...]:
    """Return the remarks in the description of an asset, in its owner's words."""
    statements, subject = Statements(record), iri_term(record.iri)
    texts_by_subject = {
        Subject.SYNTHETIC: _made_up(record.descriptions),
        Subject.PROVENANCE: _inner(statements, subject, f"{DCT}provenance", f"{RDFS}label"),
        Subject.VALIDITY: _inner(statements, subject, f"{HANSA_MODEL}validity", f"{RDFS}comment"),
        Subject.LIMITS: statements.texts(subject, f"{IT6}limitations"),
        Subject.CALIBRATION: _inner(statements, subject, f"{HANSA_MODEL}calibration", f"{RDFS}comment"),
        Subject.RISK: _inner(statements, subject, f"{IT6}hasRisk", f"{DCT}description"),
    }
    return tuple(
        Remark(subject=about, texts={tag: text[:LONGEST] for tag, text in texts.items()})
        for about, texts in texts_by_subject.items()
        if texts
    )


def _inner(statements: Statements, subject: str, property_: str, text: str) -> Texts:
    texts: dict[str, str] = {}
    for node in statements.nodes(subject, property_):
        for tag, words in statements.texts(node, text).items():
            texts[tag] = f"{texts[tag]} {words}" if tag in texts else words
    return texts


def _made_up(descriptions: Texts) -> Texts:
    """Return the sentences that say that the data are made up, by language."""
    sentences = {
        tag: " ".join(one.strip() for one in _SENTENCE.findall(text) if _MADE_UP.search(one))
        for tag, text in descriptions.items()
    }
    return {tag: text for tag, text in sentences.items() if text}
