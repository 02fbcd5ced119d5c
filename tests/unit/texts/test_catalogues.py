"""Every language says everything, in its own way; every text is asked for, and every text asked for exists."""

from __future__ import annotations

import pytest

from node.texts.catalogue import FOLDER, Catalogue, fill
from node.texts.languages import LANGUAGES, forms, plural
from tests.unit.texts.extraction import use

CODE: dict[str, tuple[str, ...]] = {"formats": ("node/texts",), "portal": ("node/portal",)}
"""Domain → where the code is that asks for its texts."""

DOMAINS = sorted(path.name for path in FOLDER.iterdir())


def needed(language: str) -> set[str]:
    """The forms that whole numbers take as pages count."""
    return {plural(language, count) for count in range(1000)}


def test_every_domain_is_asked_for() -> None:
    assert set(CODE) == set(DOMAINS)


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_text(domain: str, language: str) -> None:
    theirs, english = Catalogue(domain).texts(language), Catalogue(domain).texts("en")
    assert set(theirs) == set(english)
    for key, text in theirs.items():
        assert isinstance(text, str) == isinstance(english[key], str), key
        if isinstance(text, str):
            assert text.strip() or not str(english[key]).strip(), key
        else:
            assert needed(language) <= set(text) <= forms(language), key
            assert all(form.strip() for form in text.values()), key


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_names(domain: str, language: str) -> None:
    catalogue = Catalogue(domain)
    for key, text in catalogue.texts(language).items():
        # The form for one may say it in words: "a file".
        spare = set() if isinstance(text, str) else {"n"}
        assert catalogue.names(key, language) - spare == catalogue.names(key) - spare, key


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_text_is_asked_for(domain: str) -> None:
    asked = use(*CODE[domain])
    assert {key for key in Catalogue(domain).texts("en") if not asked.has(key)} == set()


def test_the_portal_asks_for_what_there_is() -> None:
    assert use("node/portal").keys <= set(Catalogue("portal").texts("en"))
    assert len(use("node/portal").keys) > 250


def test_values_fill_names_and_nothing_else() -> None:
    assert fill("{who} sees {what} {missing}", {"who": "{what}", "what": "a.__class__"}) == (
        "{what} sees a.__class__ {missing}"
    )


def test_a_text_that_there_is_not() -> None:
    with pytest.raises(KeyError):
        Catalogue("portal").say("en", "no.such.text")
