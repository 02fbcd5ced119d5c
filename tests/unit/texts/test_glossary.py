"""One thing has one word: the catalogues of texts keep to the glossary (docs/reference/glossary.json)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from node.texts.catalogue import FOLDER
from node.texts.languages import LANGUAGES

GLOSSARY: Final[Mapping[str, Any]] = json.loads(
    (Path(__file__).resolve().parents[3] / "docs" / "reference" / "glossary.json").read_text("utf-8")
)
OTHERS: Final = tuple(language for language in LANGUAGES if language != "en")
SIGNED: Final = frozenset({"document", "policy"})
"""Texts that agreements have been signed with: they keep their words (decision 0022)."""
FIELDS: Final = "kind: dataset|conditions:|leave conditions|under files"
"""Fields of descriptions, which are no words."""
NOT_WORDS: Final = re.compile(r"\{\w+\}|hansa( [\w-]+)+|docs/[\w/.-]+|" + FIELDS)
DOMAINS: Final = sorted(path.name for path in FOLDER.iterdir() if path.name not in SIGNED)


def forms(text: str | Mapping[str, str]) -> list[str]:
    """Return the plural forms of a text, or the text itself, with commands and values of others taken out."""
    texts = [text] if isinstance(text, str) else list(text.values())
    return [" ".join(["", *re.findall(r"[\w’–-]+", NOT_WORDS.sub(" ", one)), ""]) for one in texts]


@cache
def catalogue(domain: str, language: str) -> Mapping[str, list[str]]:
    texts = json.loads((FOLDER / domain / f"{language}.json").read_text("utf-8"))
    return {key: forms(text) for key, text in texts.items()}


def has_word(word: str, text: str) -> bool:
    return re.search(rf"(?<!\w){word}(?!\w)", text, re.IGNORECASE) is not None


def broken(domain: str, language: str, term: Mapping[str, Any]) -> Iterator[str]:
    """Yield the texts whose English says ``term`` and that do not say its word, or say a word that is not for it."""
    theirs = catalogue(domain, language)
    english = term.get("find", f"{term['term']}s?")
    words = term.get("forms", {}).get(language, [term["words"][language]])
    for key, texts in catalogue(domain, "en").items():
        if not any(has_word(f"(?:{english})", text) for text in texts):
            continue
        for text in theirs[key]:
            if not any(word.lower() in text.lower() for word in words):
                yield f"{key}: {words[0]!r} is not in {text!r}"
            yield from (
                f"{key}: {word!r} is in {text!r}"
                for word in term.get("not", {}).get(language, ())
                if has_word(re.escape(word), text)
            )


def test_every_term_has_a_meaning_and_a_word_in_each_language() -> None:
    terms = GLOSSARY["terms"]
    assert len(terms) >= 60
    assert len({term["term"] for term in terms}) == len(terms)
    for term in terms:
        assert set(term["words"]) == set(OTHERS), term["term"]
        assert term["meaning"], term["term"]
        assert all(word.strip() for word in term["words"].values()), term["term"]


def test_most_terms_are_in_use() -> None:
    """A term that no text says holds nothing: the glossary is about these pages."""
    texts = [text for domain in DOMAINS for found in catalogue(domain, "en").values() for text in found]
    used = [
        term["term"]
        for term in GLOSSARY["terms"]
        if any(has_word(f"(?:{term.get('find', term['term'] + 's?')})", text) for text in texts)
    ]
    assert len(used) >= len(GLOSSARY["terms"]) - 5, {term["term"] for term in GLOSSARY["terms"]} - set(used)


@pytest.mark.parametrize("language", OTHERS)
def test_texts_use_the_words_of_the_glossary(language: str) -> None:
    breaches = [
        f"{domain}, {term['term']}, {breach}"
        for domain in DOMAINS
        for term in GLOSSARY["terms"]
        for breach in broken(domain, language, term)
    ]
    assert breaches == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_uses_a_word_that_was_replaced(language: str) -> None:
    breaches = [
        f"{domain}, {key}: {word!r} is in {text!r}"
        for domain in DOMAINS
        for key, texts in catalogue(domain, language).items()
        for text in texts
        for word in GLOSSARY["never"][language]
        if has_word(re.escape(word), text)
    ]
    assert breaches == []


def test_another_word_for_an_asset_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    term = next(term for term in GLOSSARY["terms"] if term["term"] == "asset")
    texts = {"en": {"a": [" Show the asset "]}, "nl": {"a": [" Het item tonen "]}}
    monkeypatch.setattr(f"{__name__}.catalogue", lambda _, language: texts[language])
    assert list(broken("portal", "nl", term)) == [
        "a: 'bron' is not in ' Het item tonen '",
        "a: 'item' is in ' Het item tonen '",
    ]
