"""Texts of the agreement's document in each language, beside the conditions themselves (``node.policy.words``).

The catalogue is ``document``. Its texts are signed, so they are not changed (decision 0022).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

from node.texts.catalogue import Catalogue
from node.texts.languages import supported_language
from node.texts.text_classes import build_texts


@dataclass(frozen=True, kw_only=True)
class DocumentWords:
    """The fixed texts of one language. Headings are nominative; ``{…}`` are filled."""

    language_name: str
    kind_of_document: str
    between: str
    number: str
    concluded: str
    in_brief: str
    in_brief_note: str
    parties: str
    provider: str
    recipient: str
    hereinafter: str
    name: str
    identifier: str
    address: str
    contact: str
    signatory: str
    mandate: str
    protection_officer: str
    legal_basis: str
    unnamed: str
    subject: str
    title: str
    kind: str
    kinds: dict[str, str]
    iri: str
    version: str
    fingerprint: str
    delivery: str
    sealed: str
    plain: str
    use: str
    marks: str
    checked: str
    promised: str
    prohibitions: str
    no_prohibitions: str
    duties: str
    no_duties: str
    purpose: str
    purpose_free: str
    purpose_excluded: str
    purpose_mixed: str
    term: str
    term_from_to: str
    term_to: str
    term_from: str
    term_open: str
    term_mixed: str
    term_end: str
    term_after: str
    deletion: str
    deletion_none: str
    rulebook: str
    rulebook_applies: str
    rulebook_none: str
    precedence: str
    precedence_text: str
    precedence_languages: str
    verification: str
    verification_text: str
    agreement_number: str
    agreement_hash: str
    offer: str
    signatures: str
    signed_by: str
    signed_electronically: str
    signature_kept: str
    place_and_date: str
    signature: str
    unreadable: str


DOCUMENT: Final = Catalogue("document")


def document_words(language: str) -> DocumentWords:
    """Return the texts of a language (``nl-BE`` reads as ``nl``); English if the language is not supported."""
    return _words(supported_language(language))


@cache
def _words(language: str) -> DocumentWords:
    return build_texts(DocumentWords, DOCUMENT.texts(language))
